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
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fusion_model.findings import HORIZONS, ExpectedReport

FloatArray: TypeAlias = NDArray[np.float64]
Announcement: TypeAlias = tuple[str, str, str, str]  # ticker, announced_on, time_of_day, available_at

QUARTER = timedelta(days=91)
SAME_QUARTER = timedelta(days=45)  # a date this close to another one is that one, moved
KNOWN_AHEAD = 10  # sessions
BEYOND = 40  # sessions after the panel's end that an announced date may lie in
REPORT_REACH = 70  # sessions, a little more than a quarter: how far ahead the next report is looked for
PRIOR_EVENTS = 6.0  # weight of all stocks' mean size in a stock's own
PRIOR_POOL = 20.0  # events of size 1 that the pooled mean begins with
SIZE_CAP = 60.0  # of one squared standardised reaction


@dataclass(frozen=True)
class _Event:
    """One announcement of one ticker: from which row it was known, and which rows react by what share."""

    announced_on: date
    time_of_day: str
    known_from: int
    reactions: tuple[tuple[int, float], ...]

    @property
    def first(self) -> int:
        return self.reactions[0][0]

    @cached_property
    def day(self) -> int:
        return self.announced_on.toordinal()


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
        own = np.zeros((T, 1 + len(HORIZONS)))
        _fill(own, _events(rows, sessions, closes), sessions)
        calendar[:, n] = own
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
        known_from = bisect_left(closes, available_at)
        events.append(_Event(date.fromisoformat(announced_on), time_of_day, known_from, reactions))
    return events


def _fill(calendar: FloatArray, events: Sequence[_Event], sessions: Sequence[str]) -> None:
    """Write one ticker's (T, 1 + H)."""
    T = len(calendar)
    days, by_day = _by_day(events)
    known_from = [events[place].known_from for place in by_day]
    for event, stop in zip(events, _standing(events, T), strict=True):
        if stop is None:
            continue
        if stop == T:
            for row, weight in event.reactions:
                if row < T and event.known_from <= row:
                    calendar[row, 0] += weight
            later = bisect_left(days, event.day + SAME_QUARTER.days)
            _expect_the_next(calendar, event, known_from[later:], sessions)
        for row, weight in event.reactions:
            for k, horizon in enumerate(HORIZONS, start=1):
                calendar[max(event.known_from, row - horizon) : max(min(row, stop, T), 0), k] += weight


def _by_day(events: Sequence[_Event]) -> tuple[list[int], list[int]]:
    """Return the days of events in order, as numbers, and the places of the events they belong to."""
    places = sorted(range(len(events)), key=lambda place: events[place].day)
    return [events[place].day for place in places], places


def _standing(events: Sequence[_Event], T: int) -> list[int | None]:
    """Return for each event the row at which another date took its place before it came, else T.

    None: another source told it after it had happened, so it says nothing.
    """
    days, by_day = _by_day(events)
    found: list[int | None] = []
    for place, event in enumerate(events):
        first = bisect_right(days, event.day - SAME_QUARTER.days)
        stop = bisect_left(days, event.day + SAME_QUARTER.days)
        same = sorted(by_day[first:stop])
        if any(events[at].first < event.known_from for at in same if at < place):
            found.append(None)
            continue
        moved = next((events[at].known_from for at in same if at > place), T)
        found.append(moved if moved <= event.first else T)
    return found


def _expect_the_next(
    calendar: FloatArray, event: _Event, next_known: Sequence[int], sessions: Sequence[str]
) -> None:
    """Between a report and the day the next date is known: a quarter later, if that lies ahead.

    ``next_known``: the rows from which dates of later quarters were known.
    """
    begin = max(event.first, event.known_from)
    stop = min([row for row in next_known if row > begin] + [len(calendar)])
    if stop <= begin:
        return
    ahead = _a_quarter_later(event, np.arange(begin, stop), sessions)
    for k, horizon in enumerate(HORIZONS, start=1):
        calendar[begin:stop, k] += (ahead > 0) & (ahead <= horizon)


def _a_quarter_later(event: _Event, rows: NDArray[np.intp], sessions: Sequence[str]) -> NDArray[np.intp]:
    """Return how many sessions after each row the next report is expected; below 1: it is overdue."""
    ahead = bisect_left(sessions, (event.announced_on + QUARTER).isoformat()) - rows
    if event.first - event.known_from >= KNOWN_AHEAD - 1:
        ahead = np.maximum(ahead, KNOWN_AHEAD + 1)
    return np.asarray(ahead)


def expected_reports(
    announcements: Iterable[Announcement],
    sessions: Sequence[str],
    closes: Sequence[str],
    as_of_session: str,
) -> list[ExpectedReport]:
    """Return the next report of every ticker that ever announced one, as known at one close, by ticker.

    Where the time of day is not told, the session that likelier reacts is named.

    Parameters
    ----------
    announcements : iterable of (ticker, announced_on, time_of_day, available_at)
        What was known at that close.
    sessions, closes : sequences
        Those of the panel and REPORT_REACH later ones, with their closing instants.
    """
    row = bisect_left(sessions, as_of_session)
    by_ticker: dict[str, list[Announcement]] = {}
    for announcement in announcements:
        by_ticker.setdefault(announcement[0], []).append(announcement)
    return [
        _next_report(ticker, _events(rows, sessions, closes), sessions, row)
        for ticker, rows in sorted(by_ticker.items())
    ]


def _next_report(ticker: str, events: Sequence[_Event], sessions: Sequence[str], row: int) -> ExpectedReport:
    T = row + 1
    standing = [event for event, stop in zip(events, _standing(events, T), strict=True) if stop == T]
    announced = [
        (max((weight, at) for at, weight in event.reactions if at > row)[1], event)
        for event in standing
        if event.reactions[-1][0] > row
    ]
    if announced:
        at, event = min(announced, key=lambda found: found[0])
        on = event.announced_on.isoformat()
        return ExpectedReport(
            ticker, sessions[row], "announced", on, event.time_of_day, sessions[at], at - row
        )
    if standing:
        last = max(standing, key=lambda event: event.announced_on)
        ahead = int(_a_quarter_later(last, np.array([row]), sessions)[0])
        if 0 < ahead < len(sessions) - row:
            at = row + ahead
            return ExpectedReport(
                ticker, sessions[row], "expected", sessions[at], "unknown", sessions[at], ahead
            )
    return ExpectedReport(ticker, sessions[row], "unknown")


def past_reactions(
    announcements: Iterable[Announcement], sessions: Sequence[str], closes: Sequence[str]
) -> list[tuple[int, str, str]]:
    """Return (row, report_on, time_of_day) of one ticker's reports, at the sessions that likelier reacted.

    ``sessions`` and ``closes`` are those with a price; a date that another one replaced is left out.
    """
    T = len(sessions)
    events = _events(announcements, [*sessions, "9999-12-31"], [*closes, "9999"])
    reacted = [
        (max((weight, at) for at, weight in event.reactions)[1], event)
        for event, stop in zip(events, _standing(events, T), strict=True)
        if stop == T
    ]
    return sorted((at, event.announced_on.isoformat(), event.time_of_day) for at, event in reacted if at < T)


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
