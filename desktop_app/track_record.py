"""How good the forecasts turned out to be, in words and figures for people without statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from desktop_app.words import count, day, odds, percent
from fusion_model.findings import FUSION_MODEL, ScoreRow
from resources.language import tr

BASELINE_NAMES = {
    "persistence_ewma": tr("no change with recent volatility"),
    "historical_simulation": tr("historical simulation"),
    "ewma_fhs": tr("filtered historical simulation"),
    "gjr_garch_t": tr("GJR-GARCH-t"),
    "gjr_garch_fhs": tr("GJR-GARCH with filtered historical simulation"),
    "lightgbm_quantiles": tr("LightGBM quantiles"),
}
CLEAR_DIFFERENCE = 2.0  # |t| of the Diebold-Mariano test; below it two methods cannot be told apart
PROMISED = ("50 %", "80 %", "90 %", "95 %")
AS_PROMISED = 0.02  # how far a range of 90 % may be off and still count as kept


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One horizon: how often the ranges of PROMISED held what came."""

    title: str
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The scorecard in words: direction, what ``span`` was checked, a row per horizon, and the rivals.

    ``skilled`` are the horizons at which direction was foreseen better than by chance.
    """

    direction: str
    skilled: frozenset[int]
    span: str
    rows: tuple[TrackRow, ...] = ()
    kept: str = ""
    rivals: tuple[str, ...] = ()


def track_record(scores: Sequence[ScoreRow]) -> TrackRecord:
    """Return a scorecard's track record; one that says so where nothing has been measured."""
    own = sorted((row for row in scores if row.model == FUSION_MODEL), key=lambda row: row.horizon)
    by_horizon = {row.horizon: row for row in own}
    skilled = frozenset(row.horizon for row in by_horizon.values() if row.direction_mcc_low > 0)
    direction = _direction(list(by_horizon.values()), skilled)
    if not own:
        return TrackRecord(direction, skilled, tr("How good its ranges were has not been measured yet."))
    most = count(max(row.forecasts for row in own), "forecast")
    first, last = min(row.first_session for row in own), max(row.last_session for row in own)
    return TrackRecord(
        direction=direction,
        skilled=skilled,
        span=tr(
            "Up to {most} a horizon, of {first} to {last}, were checked against "
            "what came. A range is right when it holds as often as it promises:",
            most=most,
            first=day(first),
            last=day(last),
        ),
        rows=tuple(_row(row) for row in by_horizon.values()),
        kept=_kept([row.coverage_90 for row in by_horizon.values()]),
        rivals=_rivals(own),
    )


def _row(row: ScoreRow) -> TrackRow:
    shares = (row.coverage_50, row.coverage_80, row.coverage_90, row.coverage_95)
    return TrackRow(count(row.horizon, "session").capitalize(), tuple(percent(share, 0) for share in shares))


def _kept(coverages: Sequence[float]) -> str:
    """Say whether the ranges of 90 % were too wide or too narrow."""
    off = [round(coverage - 0.9, 6) for coverage in coverages]
    if all(abs(one) <= AS_PROMISED for one in off):
        return tr("The 90 % ranges kept their promise to within two in a hundred.")
    if min(off) >= -AS_PROMISED:
        return tr("The 90 % ranges held more often than promised: they were somewhat too wide.")
    if max(off) <= AS_PROMISED:
        return tr("The 90 % ranges held less often than promised: they were too narrow, so allow for more.")
    return tr("The 90 % ranges were too wide at some horizons and too narrow at others.")


def _rivals(own: Sequence[ScoreRow]) -> tuple[str, ...]:
    """Return how far off the ranges were beside the hardest rival of each horizon, alike ones together."""
    measured = [row for row in own if row.baseline != row.model and not math.isnan(row.skill)]
    if not measured:
        return (tr("They have not been compared with simpler methods yet."),)
    said: dict[str, list[int]] = {}
    for horizon in dict.fromkeys(row.horizon for row in measured):
        best = min((row for row in measured if row.horizon == horizon), key=lambda row: row.skill)
        said.setdefault(_verdict(best), []).append(horizon)
    return tuple(
        tr("{horizons} ahead: {verdict}", horizons=_horizons(horizons), verdict=verdict)
        for verdict, horizons in said.items()
    )


def _verdict(best: ScoreRow) -> str:
    name = BASELINE_NAMES.get(best.baseline, best.baseline)
    if math.isnan(best.dm_t) or abs(best.dm_t) < CLEAR_DIFFERENCE:
        return tr("no clear difference from the best simpler method.")
    less = tr("less") if best.skill > 0 else tr("more")
    luck = odds(math.erfc(abs(best.dm_t) / math.sqrt(2)))
    return tr(
        "{skill} {less} error than the best simpler method ({name}). "
        "Odds that luck alone does as much: {luck}.",
        skill=percent(abs(best.skill)),
        less=less,
        name=name,
        luck=luck,
    )


def _direction(own: Sequence[ScoreRow], skilled: frozenset[int]) -> str:
    if not own:
        return tr(
            "Whether it foresees direction has not been measured yet, so read the ranges and not the "
            "chance of a rise. A backtest and its scorecard measure it."
        )
    if not skilled:
        return tr("No directional skill shown so far: read the ranges, not the chance of a rise.")
    right = [row for row in own if row.horizon in skilled]
    where = tr(" and ").join(count(row.horizon, "session") for row in right)
    hits = tr(" and ").join(percent(row.direction_hits, 0) for row in right)
    others = tr(" None at the other horizons.") if len(skilled) < len(own) else ""
    return tr(
        "Direction: some skill shown at {where} ({hits} of signs right).{others}",
        where=where,
        hits=hits,
        others=others,
    )


def _horizons(horizons: Sequence[int]) -> str:
    """Say 1, 5 and 20 sessions."""
    *first, last = (str(horizon) for horizon in horizons)
    return (
        tr("{first} and {last} sessions", first=", ".join(first), last=last)
        if first
        else count(horizons[0], "session")
    )
