"""When jobs are due, what they missed, and why, from the record alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from collectors.records import JobRun
from collectors.timetable import (
    CLOCK,
    Absence,
    AfterClose,
    AfterJob,
    BeforeOpen,
    DailyAt,
    Every,
    Outlook,
    Slot,
    Trigger,
    caught_up,
    outlook,
    slots,
    why_missed,
)


@dataclass(frozen=True)
class Named:
    name: str
    triggers: tuple[Trigger, ...]


MONDAY = "2024-07-01"
PRICES = Named("prices", (AfterClose(20),))
POSTS = Named("posts", (Every(15),))
REFRESH = Named("refresh", (AfterJob("prices"),))


def ran(job: str, at: str, outcome: str = "done", message: str = "") -> JobRun:
    return JobRun(job, at, at, outcome, 0, message)


def only(job: Named, runs: list[JobRun], now: str) -> Outlook:
    (one,) = outlook([job], runs, now)
    return one


@pytest.mark.parametrize(
    ("trigger", "after", "until", "expected"),
    [
        (AfterClose(), "2024-07-01T20:19:59Z", "2024-07-01T20:20:00Z", [("2024-07-01T20:20:00Z", MONDAY)]),
        (AfterClose(20), "2024-07-01T20:20:00Z", "2024-07-02T20:19:59Z", []),
        (  # a half day, a holiday, a weekend
            AfterClose(20),
            "2024-07-03T00:00:00Z",
            "2024-07-08T12:00:00Z",
            [("2024-07-03T17:20:00Z", "2024-07-03"), ("2024-07-05T20:20:00Z", "2024-07-05")],
        ),
        (  # clocks went forward on 10 March
            BeforeOpen(60),
            "2024-03-08T00:00:00Z",
            "2024-03-12T00:00:00Z",
            [("2024-03-08T13:30:00Z", ""), ("2024-03-11T12:30:00Z", "")],
        ),
        (Every(15), "2024-07-01T23:45:00Z", "2024-07-02T00:07:00Z", [("2024-07-02T00:00:00Z", "")]),
        (DailyAt(8, 45), "2024-07-01T12:44:59Z", "2024-07-02T12:44:59Z", [("2024-07-01T12:45:00Z", "")]),
        (AfterJob("prices"), "2024-07-01T00:00:00Z", "2024-08-01T00:00:00Z", []),
    ],
)  # fmt: skip
def test_the_times_of_each_trigger(
    trigger: Trigger, after: str, until: str, expected: list[tuple[str, str]]
) -> None:
    assert slots([trigger], after, until) == [Slot(*slot) for slot in expected]


@pytest.mark.parametrize("hour", [1, 2, 3])
def test_a_time_of_day_comes_once_on_days_of_23_and_25_hours(hour: int) -> None:
    """A local cron trigger fires twice when clocks go back, and not at all when they go forward."""
    trigger = [DailyAt(hour, 30)]
    assert len(slots(trigger, "2024-03-09T12:00:00Z", "2024-03-11T12:00:00Z")) == 2
    assert len(slots(trigger, "2024-11-02T12:00:00Z", "2024-11-04T12:00:00Z")) == 2


def test_what_never_ran_is_due_at_once_and_has_missed_nothing() -> None:
    now = "2024-07-01T12:00:00Z"
    assert outlook([PRICES, REFRESH], [], now) == [Outlook("prices", at=now), Outlook("refresh")]


def test_what_was_done_is_due_at_its_next_time() -> None:
    assert only(PRICES, [ran("prices", "2024-07-01T20:20:03Z")], "2024-07-02T12:00:00Z") == Outlook(
        "prices", at="2024-07-02T20:20:00Z"
    )


def test_a_week_off_is_one_run_that_knows_its_sessions() -> None:
    """2024-07-04 is a holiday."""
    one = only(PRICES, [ran("prices", "2024-06-28T20:20:03Z")], "2024-07-07T09:00:00Z")
    sessions = ["2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05"]
    assert (one.at, [slot.session for slot in one.open]) == ("2024-07-07T09:00:00Z", sessions)
    assert caught_up(one.open) == "caught up 4 sessions (2024-07-01 to 2024-07-05)"
    assert why_missed(one, [Absence("", "2024-07-07T09:00:00Z", "Barograph was not running")]) == (
        "3 sessions (2024-07-01 to 2024-07-03) passed while Barograph was not running"
    )


@pytest.mark.parametrize(
    ("failures", "at"),
    [(1, "00:01:00"), (2, "00:02:00"), (3, "00:04:00"), (6, "00:32:00"), (7, "01:00:00"), (2000, "01:00:00")],
)
def test_what_did_not_work_is_tried_again_after_growing_waits(failures: int, at: str) -> None:
    done, failed = ran("posts", "2024-06-30T00:00:00Z"), ran("posts", "2024-07-01T00:00:00Z", "retry")
    one = only(POSTS, [done, *[failed] * failures], "2024-07-01T00:00:30Z")
    assert one.at == f"2024-07-01T{at}Z"


def test_a_pause_that_the_source_asked_for_is_kept() -> None:
    runs = [ran("posts", "2024-06-30T00:00:00Z"), ran("posts", "2024-07-01T00:00:00Z", "retry")]
    (one,) = outlook([POSTS], runs, "2024-07-01T00:05:00Z", {"posts": "2024-07-01T03:00:00Z"})
    assert one.at == "2024-07-01T03:00:00Z"


def test_a_follower_is_due_when_its_job_was_done_after_it_even_in_the_same_second() -> None:
    at = "2024-07-01T20:20:03Z"
    runs = [ran("refresh", at), ran("prices", at)]
    assert [one.at for one in outlook([PRICES, REFRESH], runs, at)] == ["2024-07-02T20:20:00Z", at]
    assert [one.at for one in outlook([PRICES, REFRESH], runs[::-1], at)] == ["2024-07-02T20:20:00Z", None]
    runs[1] = ran("prices", at, "failed")
    assert outlook([PRICES, REFRESH], runs, at)[1].at is None


def test_a_session_is_not_done_twice_when_the_clock_is_set_back_but_posts_go_on() -> None:
    runs = [
        ran("prices", "2024-07-01T20:20:00Z"),
        ran("posts", "2024-07-01T20:30:00Z"),
        ran(CLOCK, "2024-07-01T19:31:00Z", "skipped"),
    ]
    assert [one.at for one in outlook([PRICES, POSTS], runs, "2024-07-01T19:31:00Z")] == [
        "2024-07-02T20:20:00Z",
        "2024-07-01T19:45:00Z",
    ]


def test_a_clock_that_was_years_ahead_holds_nothing_up() -> None:
    now = "2024-07-01T19:31:00Z"
    runs = [ran("prices", "2031-01-02T22:00:00Z"), ran(CLOCK, now, "skipped")]
    assert only(PRICES, runs, now).at == now


def test_each_missed_time_has_its_reason() -> None:
    """Asleep until 10:10, then without network until 11:05; the newest time, 11:00, gets the run."""
    no_network = [ran("posts", f"2024-07-01T10:{minute}:00Z", "retry", "no network") for minute in (20, 31)]
    one = only(POSTS, [ran("posts", "2024-07-01T09:30:00Z"), *no_network], "2024-07-01T11:05:00Z")
    asleep = Absence("2024-07-01T09:31:00Z", "2024-07-01T10:10:00Z", "the computer slept")
    assert why_missed(one, [asleep]) == (
        "2 times (2024-07-01T09:45:00Z to 2024-07-01T10:00:00Z) passed while the computer slept; "
        "3 times (2024-07-01T10:15:00Z to 2024-07-01T10:45:00Z) passed while it did not work, tried 2 times "
        "(no network)"
    )


def test_a_long_run_of_another_job_is_a_reason() -> None:
    one = only(POSTS, [ran("posts", "2024-07-01T10:00:00Z")], "2024-07-01T10:31:00Z")
    assert why_missed(one, []) == "1 time (2024-07-01T10:15:00Z) passed while another run was under way"
