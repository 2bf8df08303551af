"""What is due runs once and is recorded, with what it made up for; nothing else is remembered."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.errors import (
    AlreadyRunning,
    BadInput,
    ConfigurationError,
    RetryLater,
    SkipItem,
    SourceChanged,
)
from collectors.progress import CollectReport
from collectors.records import JobRun
from collectors.schedule import STOPPED, Job, Schedule, record_run, run_job, serve, ticking, wake
from collectors.store import load_job_runs, load_last_runs, open_database
from collectors.timetable import AfterClose, AfterJob, Every


def at_noon() -> str:
    return "2024-07-01T12:00:00Z"


def test_a_run_is_recorded_with_its_rows_and_messages(db: sqlite3.Connection) -> None:
    run = run_job(
        db, "prices", lambda db, now: CollectReport(7, ("NOPE",), ("no NOPE", "no T")), clock=at_noon
    )
    assert run == JobRun("prices", at_noon(), at_noon(), "done", 7, "no NOPE; no T")
    assert load_job_runs(db) == [run]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RetryLater("busy"), "retry"),
        (SkipItem("nothing today"), "skipped"),
        (SourceChanged("no JSON"), "failed"),
        (ConfigurationError("no key"), "failed"),
    ],
)
def test_an_error_is_recorded_by_its_kind(db: sqlite3.Connection, error: Exception, outcome: str) -> None:
    def fail(db: sqlite3.Connection, now: str) -> CollectReport:
        raise error

    run = run_job(db, "macro", fail, clock=at_noon)
    assert (run.outcome, run.message) == (outcome, str(error))
    with pytest.raises(type(error)):
        record_run(db, "macro", lambda: fail(db, ""), clock=at_noon)
    assert [run.outcome for run in load_job_runs(db)] == [outcome, outcome]


def test_a_defect_of_ours_is_recorded_and_raised(db: sqlite3.Connection) -> None:
    with pytest.raises(ZeroDivisionError):
        run_job(db, "score", lambda db, now: CollectReport(1 // 0), clock=at_noon)
    assert load_job_runs(db)[0].outcome == "failed"


class Desk:
    """A schedule on a real file, with a clock to be set, and work that does as it is told."""

    def __init__(self, folder: Path) -> None:
        self.path, self.now = folder / "facts.db", at_noon()
        self.errors: dict[str, list[Exception]] = {}
        self.ran: list[str] = []
        self.jobs = [
            Job("prices", (AfterClose(20),), self.work("prices")),
            Job("posts", (Every(15),), self.work("posts")),
            Job("score", (AfterJob("posts"),), self.work("score")),
        ]
        self.start()

    def start(self, **options: Callable[..., object]) -> None:
        self.schedule = Schedule(
            lambda: self.jobs, lambda: open_database(self.path), clock=lambda: self.now, **options
        )  # type: ignore[arg-type]

    def work(self, name: str) -> Callable[[sqlite3.Connection, str], CollectReport]:
        def run(db: sqlite3.Connection, now: str) -> CollectReport:
            self.ran.append(name)
            if self.errors.get(name):
                raise self.errors[name].pop(0)
            return CollectReport(1)

        return run

    def look(self, now: str) -> list[str]:
        """Look at the clock at an instant of 2024-07 and return what ran."""
        self.now, self.ran = f"2024-07-{now}Z", []
        self.schedule.look()
        return self.ran

    def rows(self, job: str) -> list[tuple[str, str, str]]:
        with closing(open_database(self.path)) as db:
            return [(run.started_at[8:16], run.outcome, run.message) for run in load_job_runs(db, job)][::-1]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_each_job_runs_at_its_times_and_followers_after_it(desk: Desk) -> None:
    assert desk.look("01T12:00:00") == ["prices", "posts", "score"]
    assert desk.look("01T12:14:00") == []
    assert desk.look("01T12:15:00") == ["posts", "score"]
    desk.errors["posts"] = [RetryLater("no network")]
    assert desk.look("01T20:20:00") == ["prices", "posts"]
    assert desk.look("01T20:21:00") == ["posts", "score"]


def test_a_defect_stops_neither_the_others_nor_the_schedule(desk: Desk) -> None:
    desk.errors["prices"] = [ValueError("a defect")]
    assert desk.look("01T12:00:00") == ["prices", "posts", "score"]
    assert desk.look("01T12:01:00") == ["prices"]
    assert desk.rows("prices") == [("01T12:00", "failed", "a defect"), ("01T12:01", "done", "")]


def test_a_computer_that_slept_a_week_catches_up_once_and_says_so(desk: Desk) -> None:
    """The Fourth of July is no session; 620 quarters of an hour are one row."""
    desk.look("01T12:00:00")
    assert desk.look("08T09:05:00") == ["prices", "posts", "score"]
    assert desk.look("08T09:06:00") == []
    assert desk.rows("prices")[1:] == [
        (
            "01T20:20",
            "skipped",
            "3 sessions (2024-07-01 to 2024-07-03) passed while "
            "the computer slept, or its clock was set forward; "
            "the run of 2024-07-08T09:05:00Z made up for it",
        ),
        ("08T09:05", "done", "caught up 4 sessions (2024-07-01 to 2024-07-05)"),
    ]
    assert desk.rows("posts")[1:] == [
        (
            "01T12:15",
            "skipped",
            "659 times (2024-07-01T12:15:00Z to 2024-07-08T08:45:00Z) passed while "
            "the computer slept, or its clock was set forward; "
            "the run of 2024-07-08T09:05:00Z made up for it",
        ),
        ("08T09:05", "done", ""),
    ]


def test_a_schedule_that_was_killed_begins_where_the_record_ends(desk: Desk) -> None:
    desk.errors["score"] = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        desk.look("01T12:00:00")
    assert desk.rows("score")[-1][1:] == ("retry", STOPPED)
    desk.start()
    assert desk.look("01T12:20:00") == ["posts", "score"]
    assert desk.look("01T20:20:00") == ["prices", "posts", "score"]
    desk.now = "2024-07-03T20:20:00Z"
    desk.start()
    desk.look("03T20:20:00")
    assert "2024-07-02 passed while Barograph was not running" in desk.rows("prices")[2][2]


def test_times_without_network_are_one_skip_that_tells_it(desk: Desk) -> None:
    desk.look("01T12:00:00")
    desk.errors["posts"] = [RetryLater("no network")] * 5
    minutes = [minute for minute in range(1, 60) if "posts" in desk.look(f"01T12:{minute:02}:00")]
    assert minutes == [15, 16, 18, 22, 30, 46]
    assert [row[1] for row in desk.rows("posts")] == ["done", *["retry"] * 5, "skipped", "done"]
    assert desk.rows("posts")[-2][2] == (
        "2 times (2024-07-01T12:15:00Z to 2024-07-01T12:30:00Z) passed while it did not work, tried 5 times "
        "(no network); the run of 2024-07-01T12:46:00Z made up for it"
    )


def test_a_source_that_asks_for_an_hour_is_left_alone_for_an_hour(desk: Desk) -> None:
    desk.errors["prices"] = [RetryLater("429", after_s=3600)]
    desk.look("01T12:00:00")
    assert "prices" not in desk.look("01T12:59:00")
    assert "prices" in desk.look("01T13:00:00")


def test_a_clock_set_back_is_told_once_and_repeats_no_session(desk: Desk) -> None:
    desk.look("01T20:20:00")
    assert desk.look("01T19:29:00") == []
    assert desk.look("01T19:30:00") == ["posts", "score"]
    assert desk.look("01T20:20:00") == ["posts", "score"]
    assert desk.rows("clock") == [
        (
            "01T19:29",
            "skipped",
            "the clock was set back from 2024-07-01T20:20:00Z or later to 2024-07-01T19:29:00Z; "
            "what is done is not done again",
        )
    ]


def test_a_run_waits_for_its_turn(desk: Desk) -> None:
    @contextmanager
    def busy() -> Iterator[None]:
        raise AlreadyRunning("a collection is running already")
        yield

    desk.start(turn=busy)
    assert desk.look("01T12:00:00") == []
    desk.start()
    assert desk.look("01T12:01:00") == ["prices", "posts", "score"]


def test_jobs_are_asked_anew_and_stay_as_they_were_where_the_settings_are_broken(desk: Desk) -> None:
    desk.look("01T12:00:00")
    desk.jobs[1] = Job("posts", (Every(60),), desk.work("posts"))
    assert desk.look("01T12:15:00") == []

    def broken() -> list[Job]:
        raise BadInput("settings.json cannot be read")

    desk.schedule._ask_jobs = broken
    assert desk.look("01T13:00:00") == ["posts", "score"]


def test_the_newest_run_of_each_job_is_found_however_many_came_after(desk: Desk) -> None:
    """The status once forgot the prices after fifty runs of other jobs."""
    desk.look("01T12:00:00")
    for hour in range(13, 20):
        for minute in ("00", "15", "30", "45"):
            desk.look(f"01T{hour}:{minute}:00")
    with closing(open_database(desk.path)) as db:
        assert {job: run.started_at for job, run in load_last_runs(db).items()} == {
            "posts": "2024-07-01T19:45:00Z",
            "prices": "2024-07-01T12:00:00Z",
            "score": "2024-07-01T19:45:00Z",
        }


def test_serving_looks_at_once_and_a_run_under_way_is_the_last(tmp_path: Path) -> None:
    ran = []

    def run(db: sqlite3.Connection, now: str) -> CollectReport:
        ran.append(now)
        schedule.stop.set()
        return CollectReport(1)

    jobs = [Job("prices", (AfterClose(20),), run), Job("refresh", (AfterJob("prices"),), run)]
    schedule = Schedule(lambda: jobs, lambda: open_database(tmp_path / "facts.db"), clock=at_noon)
    timer = threading.Timer(20, schedule.stop.set)
    timer.start()
    serve(schedule)
    timer.cancel()
    timer.join()
    assert ran == [at_noon()]


def test_the_scheduler_runs_late_looks_once_and_does_not_wait_for_the_old_time(tmp_path: Path) -> None:
    """A scheduler waits for the wall clock: set back by a day, it would sleep for a day."""
    schedule = Schedule(lambda: [], lambda: open_database(tmp_path / "facts.db"), clock=at_noon)
    with ticking(schedule) as scheduler:
        look = scheduler.get_job("look")
        assert (look.misfire_grace_time, look.coalesce, look.max_instances) == (None, True, 1)
        look.modify(next_run_time=datetime.now(UTC) + timedelta(days=1))
        wake(scheduler)
        assert scheduler.get_job("look").next_run_time < datetime.now(UTC) + timedelta(minutes=2)
