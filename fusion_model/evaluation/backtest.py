"""Walk-forward backtest: fit on the past, forecast every session, write what was said and what came.

A forecaster is handed in as something that makes a fresh one; nothing here knows any by name. Finished
sessions are kept in a part file beside the result, so that a run that was killed goes on where it was,
whoever computed them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np

from collectors.errors import BadInput
from collectors.progress import Progress, silent
from fusion_model.dataset.panel import Panel
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation.backtest_part import Part
from fusion_model.evaluation.fold_jobs import FoldJob, Hire, compute, nobody
from fusion_model.findings import HORIZONS, Forecast

logger = logging.getLogger(__name__)

Refit: TypeAlias = Literal["yearly", "quarterly", "never"]


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
    """What a backtest wrote: ``computed`` and ``resumed`` count sessions times models.

    ``put_aside`` is where the unfinished sessions of another backtest into the same file were moved.
    """

    out: Path
    models: tuple[str, ...]
    sessions: int
    rows: int
    computed: int
    resumed: int
    put_aside: Path | None = None


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
    hire: Hire = nobody,
    progress: Progress = silent,
) -> BacktestReport:
    """Forecast every session from ``first`` to ``last`` with every forecaster and write the CSV.

    The same panel and arguments give the same bytes, whoever computes them and however often the run was
    broken off: the sessions finished so far lie in ``out`` + ".part" and are not computed again (a fit
    whose sessions are not all finished is). With other arguments, model versions or facts of the span or
    before, that part is put aside until they are asked for again; facts that came later change outcomes only.

    Parameters
    ----------
    panel : Panel
        Every ticker the forecasters may learn from, through the last session whose outcome counts.
    forecasters : mapping of str to callable
        The name in the ``model`` column, and what makes a fresh forecaster. Its ``model_version``
        before ``fit`` should name its configuration: a part made by another one is not continued.
    tickers, horizons : sequences, optional
        What to write; the forecasters see every ticker either way.
    hire : callable, optional
        Opens the workers that compute the folds beside each other (see evaluation.workers); default:
        this process does, one after the other.

    Raises
    ------
    BadInput
        An unknown ticker or horizon, no forecaster, an empty span, or no folder to write to.
    NotEnoughHistory
        Nothing comes before ``first``, or a forecaster found too little to learn from.
    StorageError
        The result could not be written; finished sessions are kept.
    WorkerLost
        A worker ended before its answer came; finished sessions are kept.
    """
    _check(panel, forecasters, tickers, horizons, out)
    walk = folds(panel, first, last, refit)
    models = tuple(sorted(forecasters))
    total = len(models) * sum(len(fold.forecast_sessions) for fold in walk)
    narrowed = None if tickers is None else frozenset(tickers)
    identity = {
        "sessions": [walk[0].forecast_sessions[0], walk[-1].forecast_sessions[-1]],
        "refit": refit,
        "tickers": None if narrowed is None else sorted(narrowed),
        "horizons": sorted(set(horizons)),
        "models": {name: forecasters[name]().model_version for name in models},
        "panel": panel_digest(panel.until(walk[-1].forecast_sessions[-1])),
    }
    with Part(out, identity) as part:
        resumed = len(part.finished)
        jobs = [
            FoldJob(name, forecasters[name], fold.fit_sessions[-1], pending, narrowed, frozenset(horizons))
            for name in models
            for fold in walk
            if (pending := tuple(s for s in fold.forecast_sessions if (name, s) not in part.finished))
        ]

        def begun(job: FoldJob) -> None:
            progress("backtest", len(part.finished), total, f"{job.model}: fit as of {job.fit_through}")

        if jobs:
            with hire(len(jobs)) as workers:
                for job, session, lines in compute(panel, jobs, workers, begun):
                    part.add(job.model, session, lines)
                    progress("backtest", len(part.finished), total, f"{job.model}: {session}")
        rows = part.publish(panel)
    logger.info("Backtest of %d models: %d rows in %s", len(models), rows, out)
    return BacktestReport(out, models, total // len(models), rows, total - resumed, resumed, part.put_aside)


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
