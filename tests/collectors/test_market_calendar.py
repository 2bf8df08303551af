"""Sessions and closes of the exchange: winter and summer time, half days, holidays, posts after the close."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collectors import market_calendar as calendar
from collectors.errors import BadInput


@pytest.mark.parametrize(
    ("session", "close"),
    [
        ("2021-01-27", "2021-01-27T21:00:00Z"),  # winter time
        ("2020-08-31", "2020-08-31T20:00:00Z"),  # summer time
        ("2020-11-27", "2020-11-27T18:00:00Z"),  # the half day after Thanksgiving
        ("2019-07-03", "2019-07-03T17:00:00Z"),  # the half day before Independence Day
    ],
)
def test_a_session_closes_at_its_own_hour(session: str, close: str) -> None:
    assert calendar.session_close(session) == close
    assert calendar.closes_by_session()[session] == close


@pytest.mark.parametrize(
    "on", ["2020-01-01", "2020-01-04", "2001-09-12", "2012-10-29", "2018-12-05", "nonsense"]
)
def test_holidays_weekends_and_closed_days_are_no_sessions(on: str) -> None:
    assert not calendar.is_session(on)


def test_asking_for_the_close_of_a_holiday_names_the_session_before() -> None:
    with pytest.raises(BadInput, match=r"2020-01-01 is not a trading session.*2019-12-31"):
        calendar.session_close("2020-01-01")


@pytest.mark.parametrize(
    ("at", "session"),
    [
        ("2020-08-31T19:59:59Z", "2020-08-31"),
        ("2020-08-31T20:00:00Z", "2020-08-31"),  # known at the very close
        ("2020-08-31T20:00:01Z", "2020-09-01"),  # after the close: the next session
        ("2020-11-27T18:30:00Z", "2020-11-30"),  # after a half day's close: Monday
        ("2020-11-26T15:00:00Z", "2020-11-27"),  # on a holiday
        ("2020-09-05T12:00:00Z", "2020-09-08"),  # on a long weekend
    ],
)
def test_a_post_belongs_to_the_session_at_whose_close_it_is_first_known(at: str, session: str) -> None:
    assert calendar.session_of(at) == session


def test_a_session_has_closed_from_its_closing_instant_on() -> None:
    assert calendar.last_closed_session("2020-08-31T19:59:59Z") == "2020-08-28"
    assert calendar.last_closed_session("2020-08-31T20:00:00Z") == "2020-08-31"


def test_sessions_are_counted_over_weekends_and_holidays() -> None:
    assert calendar.session_after("2020-12-31", 1) == "2021-01-04"
    assert calendar.session_after("2021-01-04", -1) == "2020-12-31"
    assert calendar.sessions_between("2020-12-30", "2021-01-05") == [
        "2020-12-30",
        "2020-12-31",
        "2021-01-04",
        "2021-01-05",
    ]


@pytest.mark.parametrize(("on", "session"), [("2021-01-03", "2020-12-31"), ("2020-12-31", "2020-12-31")])
def test_the_last_session_on_or_before_a_date(on: str, session: str) -> None:
    assert calendar.last_session_on_or_before(on) == session


def test_dates_outside_the_calendar_are_refused() -> None:
    with pytest.raises(BadInput, match="before the first session known"):
        calendar.last_session_on_or_before("1980-01-01")
    with pytest.raises(BadInput, match="before the first close known"):
        calendar.last_closed_session("1980-01-01T00:00:00Z")
    with pytest.raises(BadInput, match="after the calendar's last session"):
        calendar.session_of("2999-01-01T00:00:00Z")
    with pytest.raises(BadInput, match="lies outside the calendar"):
        calendar.session_after("1990-01-02", -1)
    with pytest.raises(BadInput, match="is not a trading session"):
        calendar.session_after("2020-01-01", 1)


@pytest.mark.parametrize(
    ("now", "session"),
    [
        ("2020-11-27T14:29:59Z", None),
        ("2020-11-27T14:30:00Z", ("2020-11-27", "2020-11-27T14:30:00Z", "2020-11-27T18:00:00Z")),
        ("2020-11-27T17:59:59Z", ("2020-11-27", "2020-11-27T14:30:00Z", "2020-11-27T18:00:00Z")),
        ("2020-11-27T18:00:00Z", None),  # half a day
        ("2020-11-26T16:00:00Z", None),  # Thanksgiving
        ("2020-11-28T16:00:00Z", None),
        ("2999-01-01T00:00:00Z", None),
    ],
)
def test_a_session_is_under_way_from_its_opening_to_its_close(
    now: str, session: tuple[str, str, str] | None
) -> None:
    assert calendar.session_under_way(now) == session


def test_an_instant_is_utc_text_and_needs_a_zone() -> None:
    eastern = datetime.fromisoformat("2020-08-31T16:00:00-04:00")
    assert calendar.instant(eastern) == "2020-08-31T20:00:00Z"
    assert calendar.instant(datetime(2020, 8, 31, 20, tzinfo=UTC)) == "2020-08-31T20:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        calendar.instant(datetime(2020, 8, 31, 20))  # noqa: DTZ001


def test_a_program_that_runs_for_years_knows_the_sessions_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calendar once ended a year after the program's start, and the schedule with it."""
    monkeypatch.setattr(calendar, "_last_day", "2024-12-31")
    known = (calendar._calendar, calendar._opens, calendar._schedule)
    try:
        for read in known:
            read.cache_clear()
        assert calendar.closes_between("2024-12-31T22:00:00Z", "2025-01-03T00:00:00Z") == []
        calendar.reach_beyond("2024-12-30T12:00:00Z")
        assert calendar.closes_between("2024-12-31T22:00:00Z", "2025-01-03T00:00:00Z") == [
            ("2025-01-02", "2025-01-02T21:00:00Z")
        ]
        assert calendar.opens_between("2024-12-31T22:00:00Z", "2025-01-03T00:00:00Z") == [
            ("2025-01-02", "2025-01-02T14:30:00Z")
        ]
    finally:
        monkeypatch.undo()
        for read in known:
            read.cache_clear()
