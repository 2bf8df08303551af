"""Axes in the words of the house: sessions below, prices and counts at the left."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg

from desktop_app.words import month, short_count

LEFT_AXIS_WIDTH = 62


class SessionAxis(pg.AxisItem):  # type: ignore[misc]
    """Days, months or years under the bars, whichever fits."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._sessions: list[str] = []
        self._targets: dict[int, str] = {}
        self._grids: list[list[int]] = []

    def show_sessions(self, sessions: Sequence[str], targets: Mapping[int, str]) -> None:
        """Replace the sessions that the indices stand for; ``targets`` are those of the forecasts."""
        self._sessions = list(sessions)
        self._targets = {at: session for at, session in targets.items() if at >= len(sessions)}
        months = np.array(sessions, dtype="datetime64[M]").astype(np.int64)
        self._grids = [
            (np.flatnonzero(np.diff(months // length)) + 1).tolist() for length in (12, 3, 1)
        ]  # where a year, a quarter and a month begins
        self._grids += [list(range(0, len(sessions), step)) for step in (5, 1)]
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[int]]]:
        room = max(2, int(size / 80))
        chosen: list[int] = []
        for grid in self._grids:
            inside = grid[bisect_left(grid, minVal) : bisect_left(grid, maxVal)]
            if len(inside) > room:
                if not chosen:
                    chosen = inside[:: math.ceil(len(inside) / room)]
                break
            chosen = inside
        beyond = max((target for target in self._targets if target <= maxVal), default=None)
        if beyond is not None:
            room_for_one = (maxVal - minVal) / size * 45
            chosen = [*(tick for tick in chosen if tick < beyond - room_for_one), beyond]
        return [(1.0, chosen)]

    def tickStrings(self, values: Sequence[float], *_: Any) -> list[str]:
        positions = [int(value) for value in values]
        wide = len(positions) > 1 and positions[1] - positions[0] > 15
        return [self._text(position, wide) for position in positions]

    def _text(self, position: int, wide: bool) -> str:
        session = self._targets.get(position) or self._sessions[position]
        if not wide or position in self._targets:
            return f"{int(session[8:])} {month(session)}"
        return session[:4] if session[5:7] == "01" else f"{month(session)} {session[2:4]}"


class AmountAxis(pg.AxisItem):  # type: ignore[misc]
    """Prices or counts, written as people read them; ``logarithmic``: places are decimal logarithms."""

    def __init__(self, *, counts: bool = False) -> None:
        super().__init__("left")
        self._counts = counts
        self.logarithmic = False
        self.setWidth(LEFT_AXIS_WIDTH)
        if counts:
            self.setStyle(textFillLimits=[(0, 0.6)], maxTickLevel=0)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        if self.logarithmic:
            prices = round_prices(10**minVal, 10**maxVal, max(2, int(size / 45)))
            return [(prices[1] - prices[0] if len(prices) > 1 else 1.0, [math.log10(one) for one in prices])]
        levels: list[tuple[float, list[float]]] = super().tickValues(minVal, maxVal, size)
        return [level for level in levels if not self._counts or level[0] >= 1]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        if self.logarithmic:
            return [f"{10**value:,.2f}" if 10**value < 10 else f"{10**value:,.0f}" for value in values]
        if self._counts:
            return [short_count(abs(value)) for value in values]
        return [f"{value:,.2f}" if spacing < 1 else f"{value:,.0f}" for value in values]


def round_prices(low: float, high: float, most: int) -> list[float]:
    """Return round prices between two: even steps within a factor of four, else those of each decade."""
    if high < 4 * low:
        step = next(
            mantissa * 10.0**power
            for power in range(-4, 8)
            for mantissa in (1, 2, 5)
            if (high - low) / (mantissa * 10.0**power) <= most
        )
        return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        found = [m * 10.0**d for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        if len(found) <= most:
            break
    return found
