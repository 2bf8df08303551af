"""When jobs run, and that every run is recorded."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from collectors.errors import ConfigurationError, RetryLater, SkipItem, SourceChanged
from collectors.progress import CollectReport
from collectors.records import JobRun
from collectors.schedule import (
    AfterClose,
    AfterJob,
    DailyAt,
    Every,
    Job,
    Trigger,
    next_time,
    record_run,
    run_job,
    scheduling,
    serve,
)
from collectors.store import load_job_runs, open_database


def at_noon() -> str:
    return "2024-07-01T12:00:00Z"


@pytest.mark.parametrize(
    ("trigger", "now", "expected"),
    [
        (AfterClose(20), "2024-07-01T12:00:00Z", "2024-07-01T20:20:00Z"),
        (AfterClose(20), "2024-07-01T20:10:00Z", "2024-07-01T20:20:00Z"),
        (AfterClose(20), "2024-07-01T20:20:00Z", "2024-07-02T20:20:00Z"),
        (AfterClose(20), "2024-07-03T12:00:00Z", "2024-07-03T17:20:00Z"),  # a half day
        (AfterClose(20), "2024-07-03T18:00:00Z", "2024-07-05T20:20:00Z"),  # and a holiday after it
        (AfterClose(20), "2024-01-05T22:00:00Z", "2024-01-08T21:20:00Z"),  # a weekend, in winter
        (Every(15), "2024-07-01T23:50:00Z", "2024-07-02T00:05:00Z"),
        (DailyAt(13, 45), "2024-07-01T12:00:00Z", "2024-07-01T13:45:00Z"),
        (DailyAt(13, 45), "2024-07-01T13:45:00Z", "2024-07-02T13:45:00Z"),
        (AfterJob("prices"), "2024-07-01T12:00:00Z", None),
    ],
)
def test_the_next_time_of_each_trigger(trigger: Trigger, now: str, expected: str | None) -> None:
    assert next_time(trigger, now) == expected


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


def served(
    path: Path, jobs: Callable[[Callable[[str], None]], Sequence[Job]], count: int
) -> tuple[list[str], list[JobRun]]:
    """Serve jobs until they have run so many times; return their names in order, and the record."""
    names: list[str] = []
    stop = threading.Event()

    def ran(name: str) -> None:
        names.append(name)
        if len(names) == count:
            stop.set()

    timer = threading.Timer(10, stop.set)
    timer.start()
    serve(jobs(ran), lambda: open_database(path), stop=stop, clock=at_noon)
    timer.cancel()
    timer.join()
    db = open_database(path)
    runs = load_job_runs(db)
    db.close()
    return names, runs


def test_what_waits_for_a_job_runs_after_it_and_not_after_a_failure(tmp_path: Path) -> None:
    def jobs(ran: Callable[[str], None]) -> Sequence[Job]:
        def named(name: str, error: Exception | None = None) -> Callable[..., CollectReport]:
            def run(db: sqlite3.Connection, now: str) -> CollectReport:
                ran(name)
                if error is not None:
                    raise error
                return CollectReport(1)

            return run

        return [
            Job("macro", Every(15), named("macro", ValueError("a defect"))),
            Job("after macro", AfterJob("macro"), named("after macro")),
            Job("prices", Every(15), named("prices")),
            Job("score", AfterJob("prices"), named("score")),
            Job("refresh", AfterJob("score"), named("refresh")),
        ]

    names, runs = served(tmp_path / "facts.db", jobs, count=4)
    assert names == ["macro", "prices", "score", "refresh"]
    assert [run.outcome for run in reversed(runs)] == ["failed", "done", "done", "done"]


def test_the_scheduler_waits_for_the_close(tmp_path: Path) -> None:
    job = Job("prices", AfterClose(20), lambda db, now: CollectReport(0))
    with scheduling([job], lambda: open_database(tmp_path / "facts.db")) as scheduler:
        planned = scheduler.get_job("prices")
        assert planned.next_run_time.minute == 20
        assert planned.misfire_grace_time is None
        assert (planned.coalesce, planned.max_instances) == (True, 1)
