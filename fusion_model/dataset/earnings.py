"""When companies report, as it was known at each close, and how hard their stocks use to react.

A reaction session is the first one that trades on the report: the announced date itself before the open,
the session after it for a report after the close. Where the time of day is not told, the two share the
reaction by the company's habit so far.

A date counts from the instant it was known. Before the next one is known, the last date plus 91 days is
expected; where the last dates were known ten sessions ahead, an unknown one lies beyond the next ten.

Shapes: T sessions, N tickers, H horizons.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fusion_model.findings import HORIZONS

FloatArray: TypeAlias = NDArray[np.float64]
Announcement: TypeAlias = tuple[str, str, str, str]  # ticker, announced_on, time_of_day, available_at

QUARTER = timedelta(days=91)
SAME_QUARTER = timedelta(days=45)  # a date this close to another one is that one, moved
KNOWN_AHEAD = 10  # sessions
BEYOND = 40  # sessions after the panel's end that an announced date may lie in
PRIOR_EVENTS = 6.0  # weight of all stocks' mean size in a stock's own
PRIOR_POOL = 20.0  # events of size 1 that the pooled mean begins with
SIZE_CAP = 60.0  # of one squared standardised reaction


@dataclass(frozen=True)
class _Event:
    """One announcement of one ticker: from which row it was known, and which rows react by what share."""

    announced_on: date
    known_from: int
    reactions: tuple[tuple[int, float], ...]

    @property
    def first(self) -> int:
        return self.reactions[0][0]


def reaction_calendar(
    announcements: Iterable[Announcement],
    tickers: Sequence[str],
    sessions: Sequence[str],
    closes: Sequence[str],
) -> FloatArray:
    """Return (T, N, 1 + H): reactions in the session itself, and expected among the next h, as known then.

    Parameters
    ----------
    announcements : iterable of (ticker, announced_on, time_of_day, available_at)
    sessions, closes : sequences
        The panel's T sessions and at least BEYOND later ones, with their closing instants; T is
        ``len(sessions) - BEYOND``.
    """
    T = len(sessions) - BEYOND
    calendar = np.zeros((T, len(tickers), 1 + len(HORIZONS)))
    column_of = {ticker: n for n, ticker in enumerate(tickers)}
    by_column: dict[int, list[Announcement]] = {}
    for row in announcements:
        if row[0] in column_of:
            by_column.setdefault(column_of[row[0]], []).append(row)
    for n, rows in by_column.items():
        _fill(calendar[:, n], _events(rows, sessions, closes), sessions)
    return calendar


def _events(rows: Iterable[Announcement], sessions: Sequence[str], closes: Sequence[str]) -> list[_Event]:
    """Return a ticker's announcements in the order they were known, outside the sessions left out."""
    events = []
    before, after = (
        1.0,
        1.0,
    )  # how often it reported before the open and after the close: one of each to begin
    for _, announced_on, time_of_day, available_at in sorted(rows, key=lambda row: (row[3], row[1])):
        same = bisect_left(sessions, announced_on)
        later = bisect_right(sessions, announced_on)
        share = {"pre": 0.0, "post": 1.0}.get(time_of_day, after / (before + after))
        before += time_of_day == "pre"
        after += time_of_day == "post"
        if announced_on < sessions[0] or later >= len(sessions):
            continue
        split = [(same, 1.0 - share), (later, share)] if same != later else [(same, 1.0)]
        reactions = tuple((row, weight) for row, weight in split if weight > 0.0)
        events.append(_Event(date.fromisoformat(announced_on), bisect_left(closes, available_at), reactions))
    return events


def _fill(calendar: FloatArray, events: Sequence[_Event], sessions: Sequence[str]) -> None:
    """Write one ticker's (T, 1 + H)."""
    T = len(calendar)
    for place, event in enumerate(events):
        told = [
            earlier
            for earlier in events[:place]
            if abs(earlier.announced_on - event.announced_on) < SAME_QUARTER
            and earlier.first < event.known_from
        ]
        if told:
            continue  # another source told it after it had happened
        moved = [
            later.known_from
            for later in events[place + 1 :]
            if abs(later.announced_on - event.announced_on) < SAME_QUARTER
        ]
        if moved and moved[0] <= event.first:
            stop = moved[0]  # another date took its place before it came
        else:
            stop = T
            for row, weight in event.reactions:
                if row < T and event.known_from <= row:
                    calendar[row, 0] += weight
            _expect_the_next(calendar, events, place, sessions)
        for row, weight in event.reactions:
            for k, horizon in enumerate(HORIZONS, start=1):
                calendar[max(event.known_from, row - horizon) : max(min(row, stop, T), 0), k] += weight


def _expect_the_next(
    calendar: FloatArray, events: Sequence[_Event], place: int, sessions: Sequence[str]
) -> None:
    """Between a report and the day the next date is known: a quarter later, if that lies ahead."""
    T, event = len(calendar), events[place]
    begin = max(event.first, event.known_from)
    known = [
        later.known_from
        for later in events
        if later.announced_on - event.announced_on >= SAME_QUARTER and later.known_from > begin
    ]
    rows = np.arange(begin, min(min(known, default=T), T))
    expected = bisect_left(sessions, (event.announced_on + QUARTER).isoformat())
    ahead = np.full(len(rows), expected) - rows
    if event.first - event.known_from >= KNOWN_AHEAD - 1:
        ahead = np.maximum(ahead, KNOWN_AHEAD + 1)
    for k, horizon in enumerate(HORIZONS, start=1):
        calendar[rows, k] += (ahead > 0) & (ahead <= horizon)


def reaction_size(today: FloatArray, returns: FloatArray, volatility_before: FloatArray) -> FloatArray:
    """Return (T, N): mean squared standardised return of a stock's past reactions, as known at each close.

    The stock's own mean, shrunk to that of all stocks with the weight of PRIOR_EVENTS reactions.

    Parameters
    ----------
    today : ndarray (T, N)
        Share of a reaction in each session.
    returns, volatility_before : ndarray (T, N)
        Log return of the session, and the daily volatility forecast for it; NaN where unknown.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.minimum((returns / volatility_before) ** 2, SIZE_CAP)
    known = np.isfinite(size)
    weight = np.where(known, today, 0.0)
    own_count = np.cumsum(weight, axis=0)
    own_total = np.cumsum(np.where(known, weight * np.nan_to_num(size), 0.0), axis=0)
    pool_count, pool_total = np.full(len(today), PRIOR_POOL), np.full(len(today), PRIOR_POOL)
    for n in range(today.shape[1]):  # one after another: a ticker more must not change the rounding
        pool_count = pool_count + own_count[:, n]
        pool_total = pool_total + own_total[:, n]
    pooled = (pool_total / pool_count)[:, None]
    return np.asarray((own_total + PRIOR_EVENTS * pooled) / (own_count + PRIOR_EVENTS))
