"""Walk-forward backtest: fit on the past, forecast every session, write what was said and what came.

A forecaster is handed in as something that makes a fresh one; nothing here knows any by name. Finished
sessions are kept in a part file beside the result, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from collectors.errors import BadInput, StorageError
from collectors.progress import Progress, silent
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS, QUANTILE_NAMES, Forecast

logger = logging.getLogger(__name__)

Refit: TypeAlias = Literal["yearly", "quarterly", "never"]
LAYOUT = 1  # of the part file; another number starts anew
COLUMNS = (
    "model", "ticker", "as_of_session", "horizon", "target_session", "last_close",
    *QUANTILE_NAMES, "mean", "prob_up", "realised",
)  # fmt: skip


class Forecaster(Protocol):
    """What the fusion model and every baseline are to a backtest.

    ``predict`` depends on nothing but what ``fit`` learned and the panel's rows up to ``session``: not
    on later rows, and not on which sessions were asked before. Both may be given a panel that holds
    more than they may use.
    """

    @property
    def model(self) -> str: ...

    @property
    def model_version(self) -> str: ...

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        """Learn from the panel's rows up to the last of ``sessions``, targets included, and nothing later."""

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        """Forecast the tickers that have a bar at ``session`` and enough history, at every horizon."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Sessions forecast with one fit on every session before the first of them."""

    fit_sessions: tuple[str, ...]
    forecast_sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a backtest wrote: ``computed`` and ``resumed`` count sessions times models."""

    out: Path
    models: tuple[str, ...]
    sessions: int
    rows: int
    computed: int
    resumed: int


def folds(panel: Panel, first: str, last: str, refit: Refit) -> list[Fold]:
    """Return the walk from ``first`` to ``last``: a fold for each calendar year or quarter, or one.

    Raises
    ------
    BadInput
        The span holds no session.
    NotEnoughHistory
        No session of the panel comes before it.
    """
    span = [session for session in panel.sessions if first <= session <= last]
    if not span:
        raise BadInput(
            f"no session between {first} and {last} is stored; the record holds sessions from "
            f"{panel.sessions[0]} to {panel.sessions[-1]}"
        )
    begin = panel.position(span[0])
    if begin == 0:
        raise NotEnoughHistory(f"nothing is stored before {span[0]} to learn from; start the backtest later")
    periods: dict[str, list[str]] = {}
    for session in span:
        periods.setdefault(_period(session, refit), []).append(session)
    return [
        Fold(panel.sessions[: panel.position(sessions[0])], tuple(sessions)) for sessions in periods.values()
    ]


def run_backtest(
    panel: Panel,
    forecasters: Mapping[str, Callable[[], Forecaster]],
    *,
    first: str,
    last: str,
    refit: Refit,
    tickers: Sequence[str] | None = None,
    horizons: Sequence[int] = HORIZONS,
    out: Path,
    progress: Progress = silent,
) -> BacktestReport:
    """Forecast every session from ``first`` to ``last`` with every forecaster and write the CSV.

    The same panel and arguments give the same bytes, however often the run was broken off: the sessions
    finished so far lie in ``out`` + ".part" and are not computed again (a fit whose sessions are not all
    finished is). With other arguments, data or model versions the part is put aside and all starts anew.

    Parameters
    ----------
    panel : Panel
        Every ticker the forecasters may learn from, through the last session whose outcome counts.
    forecasters : mapping of str to callable
        The name in the ``model`` column, and what makes a fresh forecaster. Its ``model_version``
        before ``fit`` should name its configuration: a part made by another one is not continued.
    tickers, horizons : sequences, optional
        What to write; the forecasters see every ticker either way.

    Raises
    ------
    BadInput
        An unknown ticker or horizon, no forecaster, an empty span, or no folder to write to.
    NotEnoughHistory
        Nothing comes before ``first``, or a forecaster found too little to learn from.
    StorageError
        The result could not be written; finished sessions are kept.
    """
    _check(panel, forecasters, tickers, horizons, out)
    walk = folds(panel, first, last, refit)
    models = tuple(sorted(forecasters))
    total = len(models) * sum(len(fold.forecast_sessions) for fold in walk)
    identity = {
        "layout": LAYOUT,
        "sessions": [walk[0].forecast_sessions[0], walk[-1].forecast_sessions[-1]],
        "refit": refit,
        "tickers": None if tickers is None else sorted(set(tickers)),
        "horizons": sorted(set(horizons)),
        "models": {name: forecasters[name]().model_version for name in models},
        "panel": panel_digest(panel),
    }
    outcome = {horizon: panel.forward_returns(horizon) for horizon in horizons}
    columns = {ticker: n for n, ticker in enumerate(panel.tickers) if tickers is None or ticker in tickers}
    with _storage(out), _Part(out, identity) as part:
        resumed = len(part.finished)
        for name in models:
            for fold in walk:
                pending = [s for s in fold.forecast_sessions if (name, s) not in part.finished]
                if not pending:
                    continue
                progress("backtest", len(part.finished), total, f"{name}: fit as of {fold.fit_sessions[-1]}")
                forecaster = forecasters[name]()
                # How many threads add up a sum changes its last digits, and with them GARCH's estimates
                # (a quantile by up to .00002): one, whatever the number of cores.
                with threadpool_limits(limits=1):
                    forecaster.fit(panel.until(fold.fit_sessions[-1]), fold.fit_sessions)
                    for session in pending:
                        said = forecaster.predict(panel, session)
                        part.add(name, session, _lines(panel, name, session, said, columns, outcome))
                        progress("backtest", len(part.finished), total, f"{name}: {session}")
        rows = part.publish()
    logger.info("Backtest of %d models: %d rows in %s", len(models), rows, out)
    return BacktestReport(out, models, total // len(models), rows, total - resumed, resumed)


def panel_digest(panel: Panel) -> str:
    """Return a digest of everything a forecaster can read in a panel."""
    digest = hashlib.sha256(
        json.dumps([panel.sessions, panel.tickers, panel.macro_series, panel.scorer, panel.sectors]).encode()
    )
    digest.update(panel.co_mentions.tobytes())
    earnings = np.zeros(0) if panel.earnings is None else panel.earnings
    for values in (panel.ohlcv, panel.split_ratio, panel.dividend, panel.sentiment, panel.macro, earnings):
        plain = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, one zero
        digest.update(f"{plain.shape}".encode())
        digest.update(np.ascontiguousarray(plain).tobytes())
    return digest.hexdigest()


def _period(session: str, refit: Refit) -> str:
    year, month, _ = session.split("-")
    return {"yearly": year, "quarterly": f"{year}-{(int(month) - 1) // 3}", "never": ""}[refit]


def _check(
    panel: Panel,
    forecasters: Mapping[str, Callable[[], Forecaster]],
    tickers: Sequence[str] | None,
    horizons: Sequence[int],
    out: Path,
) -> None:
    if not forecasters:
        raise BadInput("a backtest needs at least one model")
    unknown = sorted(set(tickers or ()) - set(panel.tickers))
    if unknown:
        raise BadInput(f"no prices are stored for {', '.join(unknown)}; import or collect them first")
    if tickers is not None and not tickers:
        raise BadInput("a backtest needs at least one ticker")
    if not horizons or set(horizons) - set(HORIZONS):
        raise BadInput(f"horizons are 1, 5 and 20 sessions, not {', '.join(map(str, horizons)) or 'none'}")
    if not out.parent.is_dir():
        raise BadInput(f"the folder {out.parent} does not exist; make it first")
    if out.is_dir():
        raise BadInput(f"{out} is a folder; name a file to write to")


def _lines(
    panel: Panel,
    name: str,
    session: str,
    said: Sequence[Forecast],
    columns: Mapping[str, int],
    outcome: Mapping[int, FloatArray],
) -> list[str]:
    """Return the CSV lines of one model and session, by ticker and horizon."""
    row = panel.position(session)
    wanted = [f for f in said if f.ticker in columns and f.horizon in outcome]
    wanted.sort(key=lambda forecast: (forecast.ticker, forecast.horizon))
    lines = []
    for forecast in wanted:
        if forecast.as_of_session != session:
            raise ValueError(f"{name} was asked for {session} and answered {forecast.as_of_session}")
        came = float(outcome[forecast.horizon][row, columns[forecast.ticker]])
        figures = (*forecast.quantiles, forecast.mean, forecast.prob_up)
        lines.append(
            f"{name},{forecast.ticker},{session},{forecast.horizon},{forecast.target_session},"
            f"{forecast.last_close:.6f},{','.join(map(_figure, figures))},"
            f"{'' if np.isnan(came) else _figure(came)}"
        )
    return lines


def _figure(value: float) -> str:
    if value != value:
        raise ValueError("a forecaster said NaN")
    return f"{round(value, 8) + 0.0:.8f}"  # adding zero takes the sign from -0


@contextmanager
def _storage(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{out} could not be written ({error.strerror or error}); finished sessions are kept, "
            "so make room or choose another folder and run the same command again"
        ) from error


@dataclass
class _Part:
    """Finished sessions on disk: a first line that names the run, then a JSON line per model and session."""

    out: Path
    identity: Mapping[str, object]
    finished: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # offset, bytes

    @property
    def path(self) -> Path:
        return self.out.with_name(self.out.name + ".part")

    def __enter__(self) -> _Part:
        header = json.dumps({"backtest": self.identity}, sort_keys=True).encode() + b"\n"
        whole = self._read(header)
        self._file = self.path.open("r+b" if whole else "w+b")
        if whole:
            logger.info("Going on with %s: %d sessions are finished", self.path, len(self.finished))
            self._file.truncate(whole)  # a line that a kill cut short
            self._file.seek(whole)
        else:
            self._write(header)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, model: str, session: str, lines: Sequence[str]) -> None:
        """Keep the lines of one session; they are on disk when this returns."""
        record = json.dumps({"model": model, "session": session, "lines": lines}).encode() + b"\n"
        self.finished[model, session] = (self._file.tell(), len(record))
        self._write(record)

    def publish(self) -> int:
        """Write the result aside, put it in place and remove the part; return its rows."""
        aside, rows = self.out.with_name(self.out.name + ".new"), 0
        with aside.open("w", encoding="utf-8", newline="") as result:
            result.write(",".join(COLUMNS) + "\r\n")
            for key in sorted(self.finished):
                offset, size = self.finished[key]
                self._file.seek(offset)
                lines = json.loads(self._file.read(size))["lines"]
                result.writelines(f"{line}\r\n" for line in lines)
                rows += len(lines)
            result.flush()
            os.fsync(result.fileno())
        aside.replace(self.out)
        self._file.close()
        self.path.unlink()
        return rows

    def _read(self, header: bytes) -> int:
        """Index the whole records of a part of this very run; return where they end, 0 without one."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as part:
            if part.readline() != header:
                logger.warning("%s belongs to another backtest and is started anew", self.path)
                return 0
            end = part.tell()
            for line in part:
                try:
                    record = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                self.finished[record["model"], record["session"]] = (end, len(line))
                end += len(line)
            return end

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
