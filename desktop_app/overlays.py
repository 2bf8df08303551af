"""Lines that a person may lay over the prices: indicators, a comparison, a macro series as it was known."""

from __future__ import annotations

import math
import sqlite3
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from collectors.store import load_bars, load_macro
from desktop_app.todays_share import LATEST, Bar, adjusted, load_splits
from desktop_app.words import day
from resources.language import tr

BAND_SESSIONS, BAND_DEVIATIONS = 20, 2.0  # Bollinger's own choice
YEAR = 252  # sessions
COMPARED_WITH = "SPY"
INDICATORS = {
    "band": tr("Bollinger band, {sessions} sessions", sessions=BAND_SESSIONS),
    "year": tr("High and low of {sessions} sessions", sessions=YEAR),
    "compare": tr("{ticker}, beginning at the left edge", ticker=COMPARED_WITH),
}
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Overlay:
    """A value a bar, NaN where there is none.

    ``scale`` is price (as drawn), rebased (meets the price at the left edge) or own (fits the height; then
    ``note`` tells the newest figure, since no axis does).
    """

    name: str
    title: str
    scale: str
    values: tuple[float, ...]
    note: str = ""


def load_overlays(
    db: sqlite3.Connection,
    bars: Sequence[Bar],
    closes: Sequence[str],
    wanted: Collection[str],
    *,
    as_known: bool = True,
) -> tuple[Overlay, ...]:
    """Return the wanted lines over bars: names of INDICATORS, or ``macro:SERIES``.

    Parameters
    ----------
    closes : sequence of str
        The instants of the bars' closes.
    as_known : bool
        Macro figures as they were known at each close; otherwise as they stand now, on the day they speak of.
    """
    found: list[Overlay] = []
    closing = [bar.close for bar in bars]
    if "band" in wanted:
        low, high = bollinger(closing)
        found += [Overlay("band", INDICATORS["band"], "price", values) for values in (low, high)]
    if "year" in wanted:
        found.append(
            Overlay("year", INDICATORS["year"], "price", rolling_extreme([bar.high for bar in bars], True))
        )
        found.append(
            Overlay("year", INDICATORS["year"], "price", rolling_extreme([bar.low for bar in bars], False))
        )
    if "compare" in wanted:
        values = _compared(db, [bar.session for bar in bars])
        if any(not math.isnan(value) for value in values):
            found.append(Overlay("compare", COMPARED_WITH, "rebased", values))
    for name in sorted(wanted):
        if name.startswith("macro:"):
            found += _macro(db, name.removeprefix("macro:"), bars, closes, as_known=as_known)
    return tuple(found)


def bollinger(closes: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean minus and plus BAND_DEVIATIONS standard deviations of the last BAND_SESSIONS closes."""
    lows, highs = [NAN] * len(closes), [NAN] * len(closes)
    for t in range(BAND_SESSIONS - 1, len(closes)):
        window = closes[t - BAND_SESSIONS + 1 : t + 1]
        mean = sum(window) / BAND_SESSIONS
        spread = BAND_DEVIATIONS * math.sqrt(sum((one - mean) ** 2 for one in window) / BAND_SESSIONS)
        lows[t], highs[t] = mean - spread, mean + spread
    return tuple(lows), tuple(highs)


def rolling_extreme(values: Sequence[float], highest: bool, length: int = YEAR) -> tuple[float, ...]:
    """Return the highest (or lowest) of the last ``length`` values; NaN before there are so many."""
    best: deque[int] = deque()
    found = []
    for t, value in enumerate(values):
        while best and (values[best[-1]] <= value if highest else values[best[-1]] >= value):
            best.pop()
        best.append(t)
        if best[0] <= t - length:
            best.popleft()
        found.append(values[best[0]] if t >= length - 1 else NAN)
    return tuple(found)


def _compared(db: sqlite3.Connection, sessions: Sequence[str]) -> tuple[float, ...]:
    rows = load_bars(db, LATEST, [COMPARED_WITH], sessions[0])
    by_session = {
        bar.session: bar.close
        for bar in adjusted(rows, load_splits(db, [COMPARED_WITH]).get(COMPARED_WITH, []))
    }
    return tuple(by_session.get(session, NAN) for session in sessions)


def _macro(
    db: sqlite3.Connection, series: str, bars: Sequence[Bar], closes: Sequence[str], *, as_known: bool
) -> list[Overlay]:
    rows = load_macro(db, LATEST, [series])
    if not rows:
        return []
    if as_known:
        values = known_at([(row[3], row[1], row[2]) for row in rows], closes)
        how = tr("as known on each day")
    else:
        newest = {row[1]: row[2] for row in rows}  # the last vintage of each observation wins
        days = sorted(newest)
        places = [bisect_right(days, bar.session) for bar in bars]
        values = tuple(newest[days[place - 1]] if place else NAN for place in places)
        how = tr("as revised since, on the day it speaks of")
    newest_value = next((value for value in reversed(values) if not math.isnan(value)), NAN)
    note = tr(
        "{series} {newest_value} on {session}, own scale, {how}",
        series=series,
        newest_value=f"{newest_value:,.4g}",
        session=day(bars[-1].session),
        how=how,
    )
    return [Overlay(f"macro:{series}", series, "own", values, note)]


def known_at(releases: Sequence[tuple[str, str, float]], closes: Sequence[str]) -> tuple[float, ...]:
    """Return at each close the newest observation known by then, in its newest vintage.

    ``releases`` are (available_at, observed_on, value), sorted.
    """
    found, place, newest, value = [], 0, "", NAN
    ordered = sorted(releases)
    for close in closes:
        while place < len(ordered) and ordered[place][0] <= close:
            if ordered[place][1] >= newest:
                newest, value = ordered[place][1], ordered[place][2]
            place += 1
        found.append(value)
    return tuple(found)
