"""The scorecard: every model of a backtest beside every other, in figures and in plain words."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors.errors import BadInput
from fusion_model.dataset.panel import FloatArray
from fusion_model.evaluation.backtest_part import COLUMNS
from fusion_model.evaluation.metrics import (
    direction_counts,
    inside_central_range,
    is_monotone,
    matthews_correlation,
    scored_pinball,
    sign_hits,
)
from fusion_model.evaluation.significance import diebold_mariano, session_block_interval
from fusion_model.evaluation.standard_error import lags_of
from fusion_model.findings import FUSION_MODEL, QUANTILE_NAMES, ScoreRow

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

TextArray: TypeAlias = NDArray[np.object_]
SHARES = (0.5, 0.8, 0.9, 0.95)
SURE_T = 2.0  # |t| from which a difference is called more than chance (about 5 %)


@dataclass(frozen=True)
class BacktestTable:
    """A backtest's CSV by columns, R rows; ``realised`` is NaN where it is still in the future.

    ``model``, ``ticker``, ``as_of_session`` and ``target_session`` are (R,) of str, ``quantiles`` (R, Q).
    """

    model: TextArray
    ticker: TextArray
    as_of_session: TextArray
    horizon: NDArray[np.int64]
    target_session: TextArray
    last_close: FloatArray
    quantiles: FloatArray
    mean: FloatArray
    prob_up: FloatArray
    realised: FloatArray


def read_backtest(path: Path) -> BacktestTable:
    """Read the CSV that ``run_backtest`` writes.

    Raises
    ------
    BadInput
        The file is missing or empty, has other columns, no rows, something that is no number, or a
        model's forecast of one ticker, session and horizon twice.
    """
    import pandas as pd

    try:
        with path.open(encoding="utf-8") as lines:
            header = lines.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as a backtest: {error}") from error
    if not header:
        raise BadInput(f"{path} is empty; write it with: barograph backtest --out {path}")
    if header != ",".join(COLUMNS):
        raise BadInput(f"{path} is no backtest: its first line is {header[:80]!r}, not {','.join(COLUMNS)!r}")
    text = {"model": str, "ticker": str, "as_of_session": str, "target_session": str}
    numbers = {name: np.int64 if name == "horizon" else np.float64 for name in COLUMNS if name not in text}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # it would drop surplus fields
            frame = pd.read_csv(
                path, dtype={**text, **numbers}, keep_default_na=False, na_values={"realised": [""]},
                index_col=False,
            )  # fmt: skip
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:
        raise BadInput(f"{path} holds a line that is no backtest row: {error}") from error
    if frame.empty:
        raise BadInput(f"{path} holds no forecasts, only its header")
    return _checked(_table(frame), path)


def _table(frame: pd.DataFrame) -> BacktestTable:
    return BacktestTable(
        **{
            name: frame[name].to_numpy(dtype=object)
            for name in ("model", "ticker", "as_of_session", "target_session")
        },
        horizon=frame["horizon"].to_numpy(dtype=np.int64),
        quantiles=frame[list(QUANTILE_NAMES)].to_numpy(dtype=np.float64),
        **{
            name: frame[name].to_numpy(dtype=np.float64)
            for name in ("last_close", "mean", "prob_up", "realised")
        },
    )


def _checked(table: BacktestTable, path: Path) -> BacktestTable:
    keys = list(zip(table.model, table.ticker, table.as_of_session, table.horizon.tolist(), strict=True))
    if len(set(keys)) < len(keys):
        raise BadInput(f"{path} holds {len(keys) - len(set(keys))} forecasts twice; write it anew")
    if not np.isfinite(table.quantiles).all() or not np.isfinite(table.prob_up).all():
        raise BadInput(f"{path} holds forecasts without a number; write it anew")
    crossed = int(np.sum(~is_monotone(table.quantiles)))
    if crossed:
        logger.warning("%s: the quantiles of %d of %d forecasts cross", path, crossed, len(keys))
    return table


class _Own(NamedTuple):
    """One model at one horizon on the rows that all models share, M of them, in S sessions."""

    loss: FloatArray  # (S,) mean over tickers
    row_loss: float
    coverage: tuple[float, float, float, float]
    hits: float
    mcc: float
    mcc_interval: tuple[float, float]


def score(table: BacktestTable, model: str = FUSION_MODEL, *, seed: int = 0) -> list[ScoreRow]:
    """Return every model beside every model (itself included) at each horizon, ``model``'s rows first.

    Only forecasts count that have come true and that every model made: (ticker, session) in common.

    Raises
    ------
    BadInput
        ``model`` made none of the forecasts, or the models have none in common that has come true.
    """
    rows: list[ScoreRow] = []
    for horizon, common, sessions, place in shared_forecasts(table, model):
        own = {name: _own(table, common[name], place, len(sessions), horizon, seed) for name in common}
        rows += [_row(name, other, horizon, own, sessions, len(place)) for name in common for other in common]
    return rows


class Shared(NamedTuple):
    """The M forecasts over one horizon that all models made and that came true, by session and ticker."""

    horizon: int
    rows: dict[str, NDArray[np.intp]]  # (M,) of each model, in one order
    sessions: NDArray[np.str_]  # (S,)
    place: NDArray[np.intp]  # (M,) in ``sessions``


def shared_forecasts(table: BacktestTable, model: str) -> Iterator[Shared]:
    """Give the forecasts that all models share, horizon by horizon; ``model`` is the first one of each.

    Raises
    ------
    BadInput
        ``model`` made none of the forecasts, or the models have none in common that has come true.
    """
    models = sorted(set(table.model), key=lambda name: (name != model, name))
    if model not in models:
        raise BadInput(f"there are no forecasts of {model}; there are some of {', '.join(models)}")
    for horizon in sorted(set(table.horizon.tolist())):
        common = _common_rows(table, models, horizon)
        if not len(common[model]):
            raise BadInput(
                f"no forecast over {horizon} sessions has come true for all of {', '.join(models)}: "
                "wait, or backtest an earlier span"
            )
        sessions, place = np.unique(table.as_of_session[common[model]].astype(str), return_inverse=True)
        yield Shared(horizon, common, sessions, place)


def _common_rows(table: BacktestTable, models: Sequence[str], horizon: int) -> dict[str, NDArray[np.intp]]:
    """Return for each model its rows of the (session, ticker) that all have, in one order."""
    found: dict[str, dict[tuple[str, str], int]] = {name: {} for name in models}
    for row in np.flatnonzero((table.horizon == horizon) & np.isfinite(table.realised)):
        found[table.model[row]][table.as_of_session[row], table.ticker[row]] = int(row)
    shared = sorted(set.intersection(*(set(rows) for rows in found.values())))
    return {name: np.array([rows[key] for key in shared], dtype=np.intp) for name, rows in found.items()}


def _own(
    table: BacktestTable, rows: NDArray[np.intp], place: NDArray[np.intp], S: int, horizon: int, seed: int
) -> _Own:
    realised, quantiles = table.realised[rows], table.quantiles[rows]
    loss = scored_pinball(realised, quantiles)
    directions = direction_counts(realised, table.prob_up[rows])  # (M, 4)
    per_session = np.stack([np.bincount(place, directions[:, k], S) for k in range(4)], axis=1)
    fifty, eighty, ninety, most = (
        float(inside_central_range(realised, quantiles, share).mean()) for share in SHARES
    )
    return _Own(
        loss=np.bincount(place, loss, S) / np.bincount(place, minlength=S),
        row_loss=float(loss.mean()),
        coverage=(fifty, eighty, ninety, most),
        hits=float(sign_hits(directions.sum(axis=0))),
        mcc=float(matthews_correlation(directions.sum(axis=0))),
        mcc_interval=session_block_interval(
            per_session, matthews_correlation, block=lags_of(horizon), seed=seed
        ),
    )


def _row(
    model: str, baseline: str, horizon: int, own: dict[str, _Own], sessions: NDArray[np.str_], forecasts: int
) -> ScoreRow:
    mine, theirs = own[model], own[baseline]
    fifty, eighty, ninety, most = mine.coverage
    return ScoreRow(
        model=model,
        baseline=baseline,
        horizon=horizon,
        first_session=str(sessions[0]),
        last_session=str(sessions[-1]),
        forecasts=forecasts,
        sessions=len(sessions),
        pinball=mine.row_loss,
        skill=1.0 - mine.row_loss / theirs.row_loss if theirs.row_loss > 0 else float("nan"),
        dm_t=float("nan") if model == baseline else diebold_mariano(mine.loss - theirs.loss, horizon),
        coverage_50=fifty,
        coverage_80=eighty,
        coverage_90=ninety,
        coverage_95=most,
        direction_hits=mine.hits,
        direction_mcc=mine.mcc,
        direction_mcc_low=mine.mcc_interval[0],
        direction_mcc_high=mine.mcc_interval[1],
    )


def scorecard_text(rows: Sequence[ScoreRow]) -> str:
    """Return a table per horizon, best model first, and a sentence on the model that was scored first."""
    return "\n\n".join(
        _table_text([row for row in rows if row.horizon == horizon])
        for horizon in sorted({row.horizon for row in rows})
    )


def _table_text(rows: Sequence[ScoreRow]) -> str:
    subject = rows[0]
    against = {row.baseline: row for row in rows if row.model == subject.model}
    width = max(len(name) for name in against)
    lines = [
        f"{_sessions(subject.horizon)} ahead, {subject.first_session} to {subject.last_session}: "
        f"{subject.forecasts:,} forecasts on {subject.sessions:,} sessions",
        f"{'model':<{width}}  pinball %  {subject.model}'s skill     DM t    50 %    80 %    90 %    95 %",
    ]
    for row in sorted((r for r in rows if r.model == r.baseline), key=lambda r: (r.pinball, r.model)):
        beside = against[row.model]
        itself = row.model == subject.model
        skill = "-" if itself else f"{100 * beside.skill:+.2f} %"
        t = "-" if np.isnan(beside.dm_t) else f"{beside.dm_t:+.1f}"
        covered = (row.coverage_50, row.coverage_80, row.coverage_90, row.coverage_95)
        lines.append(
            f"{row.model:<{width}}  {row.pinball:9.5f}  {skill:>{len(subject.model) + 8}}  {t:>7}  "
            + "  ".join(f"{100 * share:5.1f} " for share in covered)
        )
    return "\n".join([*(line.rstrip() for line in lines), _sentence(subject, list(against.values()))])


def _sentence(subject: ScoreRow, against: Sequence[ScoreRow]) -> str:
    """Say in plain words whether the ranges and the direction were worth anything."""
    others = [row for row in against if row.baseline != row.model]
    parts = [f"{_sessions(subject.horizon).capitalize()} ahead,"]
    if others:
        closest = min(others, key=lambda row: row.skill)
        better = "better" if closest.skill > 0 else "worse"
        parts.append(
            f"the ranges of {subject.model} were {abs(100 * closest.skill):.2f} % {better} than those of "
            f"{closest.baseline}, its strongest rival ({_certainty(closest.dm_t)});"
        )
    parts.append(
        f"its 90 % range held {100 * subject.coverage_90:.1f} % of what came, and it foretold "
        f"{100 * subject.direction_hits:.1f} % of directions: {_direction(subject)}."
    )
    return " ".join(parts)


def _certainty(t: float) -> str:
    if np.isnan(t):
        return "too few sessions to tell it from chance"
    return "more than chance" if abs(t) >= SURE_T else "which chance alone can explain"


def _direction(row: ScoreRow) -> str:
    interval = (
        f"correlation {row.direction_mcc:+.3f}, 95 % interval {row.direction_mcc_low:+.3f} to "
        f"{row.direction_mcc_high:+.3f}"
    )
    if row.direction_mcc_low > 0:
        return f"directional skill ({interval})"
    if row.direction_mcc_high < 0:
        return f"wrong more often than chance ({interval})"
    return f"no directional skill ({interval})"


def _sessions(horizon: int) -> str:
    return "one session" if horizon == 1 else f"{horizon} sessions"
