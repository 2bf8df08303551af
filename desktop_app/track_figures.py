"""The track record in figures: what the stored forecasts promised and held, live told apart from afterwards.

Everything is counted on what was said first of a ticker, session and horizon. Shapes: R forecasts that have
come true or not, Q quantiles.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collectors.store import load_actions, load_bars
from desktop_app.export import total_wealth
from desktop_app.said_then import is_live
from desktop_app.todays_share import LATEST
from desktop_app.track_record import BASELINE_NAMES, track_record
from desktop_app.words import count, day, percent
from fusion_model.evaluation.standard_error import hac_standard_error, lags_of
from fusion_model.findings import FUSION_MODEL, HORIZONS, QUANTILE_LEVELS, ScoreRow
from fusion_model.store import load_first_forecasts, load_scores
from resources.language import tr

FloatArray = NDArray[np.float64]

KINDS = {"live": tr("Live"), "afterwards": tr("Made afterwards"), "all": tr("All")}
PROMISES = ((0.25, 0.75, 0.5), (0.10, 0.90, 0.8), (0.05, 0.95, 0.9), (0.025, 0.975, 0.95))
DECILES = tuple(i / 10 for i in range(11))
FEW_SESSIONS = 30  # below it, how sure a share is cannot be said
TWO_SIDED = 1.96  # standard errors of a 95 % interval
LONG_SPAN = 3  # years from which periods are years, not quarters


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Forecasts that have come true or not, R rows; ``below`` (R, Q) tells which quantiles the return missed.

    ``sessions`` are those the forecasts were made at, by text.
    """

    ticker: NDArray[np.str_]
    session: NDArray[np.str_]
    horizon: NDArray[np.int64]
    live: NDArray[np.bool_]
    below: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> Outcomes:
        """Return some of the rows."""
        return Outcomes(
            self.ticker[mask], self.session[mask], self.horizon[mask], self.live[mask], self.below[mask]
        )

    def __len__(self) -> int:
        return len(self.ticker)


@dataclass(frozen=True, slots=True)
class Reliability:
    """One level: what was promised, what came, and half the width of its 95 % interval (NaN: too few)."""

    promised: float
    came: float
    unsure: float


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A ticker's or a period's share of outcomes inside the ranges of PROMISES, and below and above 90 %."""

    name: str
    forecasts: int
    held: tuple[float, ...]
    below: float
    above: float


@dataclass(frozen=True, slots=True)
class Cut:
    """One choice of kind and horizon; ``pit`` are shares of the ten deciles, a tenth each when calibrated."""

    kind: str
    horizon: int
    forecasts: int
    sessions: int
    sentence: str
    reliability: tuple[Reliability, ...]
    pit: tuple[float, ...]
    pit_unsure: float
    by_ticker: tuple[HeldRow, ...]
    by_period: tuple[HeldRow, ...]


@dataclass(frozen=True, slots=True)
class Skill:
    """How much less error than one baseline, as a fraction, with its 95 % interval (NaN where unknown)."""

    horizon: int
    baseline: str
    skill: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TrackFigures:
    """The whole page; ``headline`` in plain words, ``skills`` from the newest scorecard of a backtest."""

    headline: str
    direction: str
    cuts: Mapping[tuple[str, int], Cut]
    counts: Mapping[str, int]
    skills: tuple[Skill, ...]
    scored: str
    as_of: str


def load_track_figures(db: sqlite3.Connection) -> TrackFigures:
    """Return the track record of all stored forecasts, and the skill that a backtest measured."""
    outcomes, as_of = load_outcomes(db)
    scores = load_scores(db)
    own = [row for row in scores if row.model == FUSION_MODEL]
    kinds = {
        "live": outcomes.where(outcomes.live),
        "afterwards": outcomes.where(~outcomes.live),
        "all": outcomes,
    }
    cuts = {
        (kind, horizon): cut(rows.where(rows.horizon == horizon), kind, horizon)
        for kind, rows in kinds.items()
        for horizon in HORIZONS
    }
    return TrackFigures(
        headline=headline(cuts),
        direction=track_record(scores).direction,
        cuts=cuts,
        counts={kind: len(rows) for kind, rows in kinds.items()},
        skills=skills(own),
        scored=_scored(own),
        as_of=tr("Prices through {as_of}", as_of=day(as_of)) if as_of else "",
    )


def load_outcomes(db: sqlite3.Connection) -> tuple[Outcomes, str]:
    """Return the forecasts whose target has come, and the newest session with a price."""
    spoken = load_first_forecasts(db)
    since: dict[str, str] = {}
    for row in spoken:
        since.setdefault(row[0], row[1])
    wealth = {ticker: _wealth(db, ticker, first) for ticker, first in since.items()}
    come = [row for row in spoken if row[1] in wealth[row[0]] and row[3] in wealth[row[0]]]
    realised = np.array([wealth[row[0]][row[3]] - wealth[row[0]][row[1]] for row in come])
    quantiles = np.array([row[5:] for row in come], dtype=float).reshape(len(come), len(QUANTILE_LEVELS))
    first_target: dict[tuple[str, str], str] = {}
    for row in spoken:
        first_target.setdefault(row[:2], row[3])
    live = [is_live(row[4], first_target[row[:2]]) for row in come]
    newest = max((session for sessions in wealth.values() for session in sessions), default="")
    return Outcomes(
        ticker=np.array([row[0] for row in come], dtype=np.str_),
        session=np.array([row[1] for row in come], dtype=np.str_),
        horizon=np.array([row[2] for row in come], dtype=np.int64),
        live=np.array(live, dtype=np.bool_),
        below=realised[:, None] < quantiles,
    ), newest


def _wealth(db: sqlite3.Connection, ticker: str, first: str) -> dict[str, float]:
    """Return the log total return of a ticker since a session, by session."""
    bars = [(row[1], row[5]) for row in load_bars(db, LATEST, [ticker], first)]
    actions = [row[1:] for row in load_actions(db, LATEST, [ticker]) if row[1] > first]
    return dict(zip((bar[0] for bar in bars), total_wealth(bars, actions), strict=True))


def cut(rows: Outcomes, kind: str, horizon: int) -> Cut:
    """Return the figures of one choice."""
    sessions, place = np.unique(rows.session, return_inverse=True)
    lags = lags_of(horizon)
    reliability = tuple(
        Reliability(level, *_share(rows.below[:, QUANTILE_LEVELS.index(level)], place, len(sessions), lags))
        for level in QUANTILE_LEVELS
    )
    deciles = _deciles(rows)
    spread = [_share(deciles == i, place, len(sessions), lags)[1] for i in range(10)] if len(rows) else []
    by_ticker = _held(rows, rows.ticker)
    return Cut(
        kind=kind,
        horizon=horizon,
        forecasts=len(rows),
        sessions=len(sessions),
        sentence=_sentence(rows, len(sessions), horizon, lags, place),
        reliability=reliability if len(rows) else (),
        pit=tuple(float(np.mean(deciles == i)) for i in range(10)) if len(rows) else (),
        pit_unsure=float(np.max(spread)) if spread else math.nan,
        by_ticker=tuple(sorted(by_ticker, key=lambda row: row.held[2])),
        by_period=_held(rows, _periods(rows.session)),
    )


def skills(own: Sequence[ScoreRow]) -> tuple[Skill, ...]:
    """Return the skill against each baseline, best rival first within a horizon.

    The interval is that of the loss difference, whose mean and Diebold-Mariano t give its standard error; the
    baseline's own mean loss counts as known.
    """
    found = [
        Skill(
            row.horizon,
            BASELINE_NAMES.get(row.baseline, row.baseline),
            row.skill,
            row.skill - TWO_SIDED * abs(row.skill / row.dm_t) if row.dm_t else math.nan,
            row.skill + TWO_SIDED * abs(row.skill / row.dm_t) if row.dm_t else math.nan,
        )
        for row in own
        if row.baseline != row.model
    ]
    return tuple(sorted(found, key=lambda one: (one.horizon, one.skill)))


def headline(cuts: Mapping[tuple[str, int], Cut]) -> str:
    """Say in plain words how good the ranges were, and on what kind of forecasts that was seen."""
    for kind, said in (("live", tr("forecasts made live")), ("afterwards", tr("forecasts made afterwards"))):
        known = [cuts[kind, horizon] for horizon in HORIZONS if cuts[kind, horizon].forecasts]
        if not known:
            continue
        held = ", ".join(
            tr(
                "{nine_in_ten} at {count}",
                nine_in_ten=percent(_nine_in_ten(one), 0),
                count=count(one.horizon, "session"),
            )
            for one in known
        )
        text = tr("Of {said}, the ranges that promise nine in ten held {held}.", said=said, held=held)
        if kind == "afterwards":
            text += tr(
                " None was live yet: they were made later for past closes, by a model that knew nothing "
                "later than each close. Every Refresh from now on adds live ones."
            )
        return text
    return tr(
        "No forecast has met its day yet. The first is checked after the next session; until then a backtest "
        "tells how such forecasts would have done."
    )


def _nine_in_ten(one: Cut) -> float:
    came = {entry.promised: entry.came for entry in one.reliability}
    return came[0.95] - came[0.05]


def _sentence(rows: Outcomes, sessions: int, horizon: int, lags: int, place: NDArray[np.intp]) -> str:
    if not len(rows):
        return tr("No such forecast has met its day yet.")
    inside = _inside(rows, 0.05, 0.95)
    share, unsure = _share(inside, place, sessions, lags)
    first, last = min(rows.session), max(rows.session)
    text = tr(
        "{forecasts} {sessions} ahead, made at "
        "{closes} from {first} to {last}: the ranges of nine in ten "
        "held {share}",
        forecasts=count(len(rows), "forecast"),
        sessions=count(horizon, "session"),
        closes=count(sessions, "close"),
        first=day(str(first)),
        last=day(str(last)),
        share=percent(share, 1),
    )
    if math.isnan(unsure):
        return text + tr(". Too few sessions (under {few}) to say how sure that is.", few=FEW_SESSIONS)
    verdict = (
        tr("which fits the promise")
        if abs(share - 0.9) <= unsure
        else tr("more than promised: too wide")
        if share > 0.9
        else tr("less than promised: too narrow")
    )
    return tr(
        "{text}, give or take {unsure}, {verdict}.", text=text, unsure=percent(unsure, 1), verdict=verdict
    )


def _share(hits: NDArray[np.bool_], place: NDArray[np.intp], sessions: int, lags: int) -> tuple[float, float]:
    """Return a share and half its 95 % interval, over sessions as stocks of one share its news."""
    if not len(hits):
        return math.nan, math.nan
    if sessions < FEW_SESSIONS:
        return float(hits.mean()), math.nan
    counts = np.bincount(place, minlength=sessions)
    surplus = np.bincount(place, weights=hits - hits.mean(), minlength=sessions) / counts.mean()
    return float(hits.mean()), TWO_SIDED * hac_standard_error(surplus, lags)


def _inside(rows: Outcomes, low: float, high: float) -> NDArray[np.bool_]:
    below = rows.below
    return ~below[:, QUANTILE_LEVELS.index(low)] & below[:, QUANTILE_LEVELS.index(high)]


def _deciles(rows: Outcomes) -> NDArray[np.intp]:
    columns = [QUANTILE_LEVELS.index(level) for level in DECILES[1:-1]]
    decile: NDArray[np.intp] = np.sum(~rows.below[:, columns], axis=1)
    return decile


def _periods(sessions: NDArray[np.str_]) -> NDArray[np.str_]:
    if not len(sessions):
        return sessions
    if int(max(sessions)[:4]) - int(min(sessions)[:4]) >= LONG_SPAN:
        return np.array([session[:4] for session in sessions])
    return np.array([f"{session[:4]} Q{(int(session[5:7]) + 2) // 3}" for session in sessions])


def _held(rows: Outcomes, names: NDArray[np.str_]) -> tuple[HeldRow, ...]:
    inside = [_inside(rows, low, high) for low, high, _ in PROMISES]
    below, above = rows.below[:, QUANTILE_LEVELS.index(0.05)], ~rows.below[:, QUANTILE_LEVELS.index(0.95)]
    found = []
    for name in np.unique(names):
        mask = names == name
        found.append(
            HeldRow(
                str(name),
                int(mask.sum()),
                tuple(float(one[mask].mean()) for one in inside),
                float(below[mask].mean()),
                float(above[mask].mean()),
            )
        )
    return tuple(found)


def _scored(own: Sequence[ScoreRow]) -> str:
    if not own:
        return tr(
            "Not compared with simpler methods yet: “barograph backtest” and “barograph scorecard” do that "
            "on the stored record."
        )
    first, last = min(row.first_session for row in own), max(row.last_session for row in own)
    return tr(
        "From a backtest of {first} to {last}: error (pinball loss) saved beside each simpler "
        "method, with its 95 % interval. An interval across zero tells no difference.",
        first=day(first),
        last=day(last),
    )
