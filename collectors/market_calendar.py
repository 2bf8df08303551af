"""Sessions of the New York Stock Exchange and their closing instants, over exchange_calendars."""

from __future__ import annotations

import warnings
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from collectors.errors import BadInput

EXCHANGE = "XNYS"
FIRST_SESSION = "1990-01-02"


def instant(moment: datetime) -> str:
    """Return an aware datetime as the UTC text that every ``*_at`` column holds."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def utc_now() -> str:
    """Return the present instant; the only clock below the command line, for defaults alone."""
    return instant(datetime.now(UTC))


_last_day: str | None = None  # of the calendar; None: a year from the day it was first needed


@cache
def _calendar() -> Any:
    """The exchange's calendar; loads pandas."""
    import exchange_calendars

    with warnings.catch_warnings():  # its own use of pandas' older spellings
        warnings.simplefilter("ignore")
        return exchange_calendars.get_calendar(EXCHANGE, start=FIRST_SESSION, end=_last_day)


def reach_beyond(now: str) -> None:
    """Make the calendar reach a year beyond an instant where it ends soon, as in a program that runs on."""
    global _last_day
    soon = instant(datetime.fromisoformat(now) + timedelta(days=100))
    if _schedule()[1][-1] < soon:
        _last_day = instant(datetime.fromisoformat(now) + timedelta(days=366))[:10]
        for known in (_calendar, _opens, _schedule):
            known.cache_clear()


@cache
def _opens() -> list[str]:
    return [str(at) for at in _calendar().opens.dt.strftime("%Y-%m-%dT%H:%M:%SZ")]


@cache
def _schedule() -> tuple[list[str], list[str], dict[str, int]]:
    """Every session known to the calendar, its close, and its position; loads pandas on first use."""
    calendar = _calendar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sessions = [str(day) for day in calendar.sessions.strftime("%Y-%m-%d")]
        closes = [str(at) for at in calendar.closes.dt.strftime("%Y-%m-%dT%H:%M:%SZ")]
    return sessions, closes, {session: position for position, session in enumerate(sessions)}


def is_session(session: str) -> bool:
    """Tell whether a date is a trading session."""
    return session in _schedule()[2]


def session_close(session: str) -> str:
    """Return the instant a session closes, half days included.

    Raises
    ------
    BadInput
        The date is no session of the exchange (a weekend, a holiday, or outside 1990 to next year).
    """
    _, closes, position = _schedule()
    try:
        return closes[position[session]]
    except KeyError:
        raise BadInput(
            f"{session} is not a trading session of {EXCHANGE}; the one before it is "
            f"{last_session_on_or_before(session)}"
        ) from None


def closes_by_session() -> dict[str, str]:
    """Return every session's close; for loops over many rows."""
    sessions, closes, _ = _schedule()
    return dict(zip(sessions, closes, strict=True))


def closes_between(after: str, until: str) -> list[tuple[str, str]]:
    """Return the sessions that close after an instant and not after another, each with its close."""
    sessions, closes, _ = _schedule()
    span = slice(bisect_right(closes, after), bisect_right(closes, until))
    return list(zip(sessions[span], closes[span], strict=True))


def opens_between(after: str, until: str) -> list[tuple[str, str]]:
    """Return the sessions that open after an instant and not after another, each with its opening."""
    sessions, opens = _schedule()[0], _opens()
    span = slice(bisect_right(opens, after), bisect_right(opens, until))
    return list(zip(sessions[span], opens[span], strict=True))


def session_under_way(now: str) -> tuple[str, str, str] | None:
    """Return (session, opening, close) of the session that is open at an instant, or None."""
    sessions, closes, _ = _schedule()
    position = bisect_right(closes, now)
    if position == len(closes) or now < _opens()[position]:
        return None
    return sessions[position], _opens()[position], closes[position]


def sessions_between(first: str, last: str) -> list[str]:
    """Return the sessions from ``first`` to ``last``, both included where they are sessions."""
    sessions = _schedule()[0]
    return sessions[bisect_left(sessions, first) : bisect_right(sessions, last)]


def last_session_on_or_before(on: str) -> str:
    """Return the last session that is not after a calendar date."""
    sessions = _schedule()[0]
    position = bisect_right(sessions, on)
    if position == 0:
        raise BadInput(f"{on} is before the first session known, {sessions[0]}")
    return sessions[position - 1]


def session_after(session: str, count: int) -> str:
    """Return the session ``count`` sessions later (earlier where negative)."""
    sessions, _, position = _schedule()
    if session not in position:
        raise BadInput(f"{session} is not a trading session of {EXCHANGE}")
    target = position[session] + count
    if not 0 <= target < len(sessions):
        raise BadInput(f"{count} sessions from {session} lies outside the calendar")
    return sessions[target]


def session_of(at: str) -> str:
    """Return the session at whose close an instant is first known: after the close means the next one."""
    sessions, closes, _ = _schedule()
    position = bisect_left(closes, at)
    if position == len(closes):
        raise BadInput(f"{at} lies after the calendar's last session, {sessions[-1]}")
    return sessions[position]


def last_closed_session(now: str) -> str:
    """Return the last session that has closed at an instant."""
    sessions, closes, _ = _schedule()
    position = bisect_right(closes, now)
    if position == 0:
        raise BadInput(f"{now} lies before the first close known")
    return sessions[position - 1]


def vintage_available_at(released_on: str) -> str:
    """Return when a vintage counts as known: at the end of its UTC day, since sources give no hour."""
    return f"{released_on}T23:59:59Z"
