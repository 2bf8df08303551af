"""Jobs and when they run: each run is recorded, and one scheduler runs them in the foreground."""

from __future__ import annotations

import logging
import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from collectors.errors import CollectorError, RetryLater, SkipItem
from collectors.market_calendar import closes_by_session, instant, utc_now
from collectors.progress import CollectReport
from collectors.records import JobRun
from collectors.store import load_job_runs, save_job_run

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

logger = logging.getLogger(__name__)

Clock = Callable[[], str]


# When ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AfterClose:
    """Some minutes after each session's close, half days included."""

    minutes: int = 20


@dataclass(frozen=True, slots=True)
class Every:
    """At the start, and then every so many minutes."""

    minutes: int


@dataclass(frozen=True, slots=True)
class DailyAt:
    """Every day at one time of day, UTC."""

    hour: int
    minute: int = 0


@dataclass(frozen=True, slots=True)
class AfterJob:
    """As soon as a run of another job is done."""

    job: str


Trigger = AfterClose | Every | DailyAt | AfterJob


def next_time(trigger: Trigger, now: str) -> str | None:
    """Return the next instant after ``now`` at which a trigger fires, or None where a job fires it."""
    moment = datetime.fromisoformat(now)
    if isinstance(trigger, AfterClose):
        delay = timedelta(minutes=trigger.minutes)
        closes = list(closes_by_session().values())
        position = bisect_right(closes, instant(moment - delay))
        if position == len(closes):
            return None
        return instant(datetime.fromisoformat(closes[position]) + delay)
    if isinstance(trigger, Every):
        return instant(moment + timedelta(minutes=trigger.minutes))
    if isinstance(trigger, DailyAt):
        today = moment.replace(hour=trigger.hour, minute=trigger.minute, second=0, microsecond=0)
        return instant(today if today > moment else today + timedelta(days=1))
    return None


# What ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """A name, a time, and the work: given the record and the present instant, it tells what it did."""

    name: str
    trigger: Trigger
    run: Callable[[sqlite3.Connection, str], CollectReport]


def record_run(
    db: sqlite3.Connection, name: str, work: Callable[[], CollectReport], *, clock: Clock = utc_now
) -> JobRun:
    """Do some work and record how it ended; what it raises is recorded, and raised again."""
    started_at = clock()

    def save(outcome: str, rows: int, message: str) -> JobRun:
        run = JobRun(name, started_at, clock(), outcome, rows, message)
        save_job_run(db, run)
        logger.info("%s: %s, %d rows. %s", name, outcome, rows, message)
        return run

    try:
        report = work()
    except Exception as error:
        save(outcome_of(error), 0, str(error) or type(error).__name__)
        raise
    return save("done", report.rows, "; ".join(report.messages))


def outcome_of(error: Exception) -> str:
    """Return what an error means for a run: retry, skipped or failed."""
    if isinstance(error, RetryLater):
        return "retry"
    return "skipped" if isinstance(error, SkipItem) else "failed"


def run_job(
    db: sqlite3.Connection,
    name: str,
    run: Callable[[sqlite3.Connection, str], CollectReport],
    *,
    clock: Clock = utc_now,
) -> JobRun:
    """Run a job once and return the record of it, however it ended; only a defect of ours is raised."""
    try:
        record_run(db, name, lambda: run(db, clock()), clock=clock)
    except CollectorError as error:
        logger.warning("%s did not end well: %s", name, error)
    return load_job_runs(db, name, limit=1)[0]


# The scheduler ------------------------------------------------------------------------------------


def serve(
    jobs: Sequence[Job],
    open_db: Callable[[], sqlite3.Connection],
    *,
    stop: threading.Event,
    clock: Clock = utc_now,
) -> None:
    """Run jobs at their times until ``stop`` is set; a run under way is finished first."""
    with scheduling(jobs, open_db, clock=clock):
        stop.wait()


@contextmanager
def scheduling(
    jobs: Sequence[Job], open_db: Callable[[], sqlite3.Connection], *, clock: Clock = utc_now
) -> Iterator[BackgroundScheduler]:
    """Run jobs at their times in the background, one at a time, for as long as the block lasts."""
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},  # the record has one writer at a time anyway
        # A computer that slept through several times runs the job once, however late.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    for job in jobs:
        if isinstance(job.trigger, AfterJob):
            continue
        at_once = {"next_run_time": datetime.now(UTC)} if isinstance(job.trigger, Every) else {}
        scheduler.add_job(
            _run_with_followers,
            _apscheduler_trigger(job.trigger),
            (job, jobs, open_db, clock),
            id=job.name,
            **at_once,
        )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=True)


def _run_with_followers(
    job: Job, jobs: Sequence[Job], open_db: Callable[[], sqlite3.Connection], clock: Clock
) -> None:
    """Run a job, then those that wait for it where it was done; nothing they raise stops the schedule."""
    try:
        with closing(open_db()) as db:
            run = run_job(db, job.name, job.run, clock=clock)
    except Exception:
        logger.exception("%s stopped with a defect of ours", job.name)
        return
    if run.outcome == "done":
        for follower in jobs:
            if follower.trigger == AfterJob(job.name):
                _run_with_followers(follower, jobs, open_db, clock)


def _apscheduler_trigger(trigger: Trigger) -> Any:
    from apscheduler.triggers.base import BaseTrigger

    class OurTrigger(BaseTrigger):  # type: ignore[misc]
        """Asks next_time, so that what is tested is what runs."""

        def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
            at = next_time(trigger, instant(previous if previous is not None else now))
            return None if at is None else datetime.fromisoformat(at)

    return OurTrigger()
