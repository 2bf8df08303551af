"""Jobs, the record of their runs, and the schedule: what the record lacks is run, once, and told."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from collectors.errors import AlreadyRunning, CollectorError, RetryLater, SkipItem
from collectors.market_calendar import instant, reach_beyond, utc_now
from collectors.progress import CollectReport
from collectors.records import JobRun
from collectors.store import load_job_runs, load_unsettled_runs, save_job_run, writing
from collectors.timetable import (
    CLOCK,
    Absence,
    Outlook,
    Trigger,
    caught_up,
    latest_believed,
    outlook,
    why_missed,
)

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

logger = logging.getLogger(__name__)

Clock = Callable[[], str]
OpenDatabase = Callable[[], sqlite3.Connection]

LOOK_EVERY_S = 60  # how often the schedule looks at the wall clock; a sleep is noticed that late
ASLEEP_AFTER = timedelta(minutes=5)  # without a look
ASLEEP = "the computer slept, or its clock was set forward"  # from inside the two look alike
SET_BACK_AFTER = timedelta(minutes=2)  # a clock is corrected by less every day
STOPPED = "it was stopped; what had come is kept"
LONGEST_NAMED_WAIT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Job:
    """A name, times, and the work: given the record and the present instant, it tells what it did."""

    name: str
    triggers: tuple[Trigger, ...]
    run: Callable[[sqlite3.Connection, str], CollectReport]


# One run ------------------------------------------------------------------------------------------


def record_run(
    db: sqlite3.Connection,
    name: str,
    work: Callable[[], CollectReport],
    *,
    clock: Clock = utc_now,
    note: str = "",
    skip: JobRun | None = None,
) -> JobRun:
    """Do some work and record how it ended; what it raises is recorded, and raised again.

    A run that was stopped is one to be tried again.

    Once the work is settled, ``note`` joins its messages, and ``skip``, the record of the times that
    this run makes up for, is saved with it.
    """
    started_at = clock()

    def save(outcome: str, rows: int, message: str) -> JobRun:
        run = JobRun(name, started_at, clock(), outcome, rows, message)
        with writing(db):
            if skip is not None and outcome in ("done", "skipped"):
                save_job_run(
                    db, replace(skip, message=f"{skip.message}; the run of {started_at} made up for it")
                )
            save_job_run(db, run)
        logger.info("%s: %s, %d rows. %s", name, outcome, rows, message)
        return run

    try:
        report = work()
    except Exception as error:
        save(outcome_of(error), 0, str(error) or type(error).__name__)
        raise
    except KeyboardInterrupt:
        save("retry", 0, STOPPED)
        raise
    return save("done", report.rows, "; ".join(part for part in (*report.messages, note) if part))


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


# What is due --------------------------------------------------------------------------------------


class Schedule:
    """Looks at the clock and the record, and runs what is due, one job at a time.

    Nothing about jobs is kept here: a schedule that was killed begins where the record ends. It only
    remembers when nobody looked at the clock, so that a missed time can be explained.

    Parameters
    ----------
    jobs : callable
        Returns the jobs, in the order in which those that are due together run; asked at each look, so
        that a changed setting counts.
    turn : callable
        Returns what is held while a job runs; it may raise AlreadyRunning: then the next look tries.
    """

    def __init__(
        self,
        jobs: Callable[[], Sequence[Job]],
        open_db: OpenDatabase,
        *,
        clock: Clock = utc_now,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._ask_jobs, self._open_db, self._clock, self._turn = jobs, open_db, clock, turn
        self.stop = threading.Event()  # set from any thread: the run under way is the last one
        self._jobs: Sequence[Job] = jobs()
        self.awake_at = clock()  # when somebody last looked at the clock
        self.next_at: str | None = None  # when a job is due next, as the last look saw it
        self._absences = [Absence("", self.awake_at, "Barograph was not running")]
        self._not_before: dict[str, str] = {}  # pauses that sources asked for

    def look(self) -> None:
        """Run whatever is due now; nothing that a job raises stops the schedule."""
        try:
            self._notice_sleep()
            reach_beyond(self.awake_at)
            self._read_jobs()
            with closing(self._open_db()) as db:
                self._notice_set_back(db, self.awake_at)
                while not self.stop.is_set() and (due := self._next_due(db)):
                    self._run(db, due)
                    self.awake_at = self._clock()
        except AlreadyRunning as error:
            logger.info("The next look tries again: %s", error)
        except CollectorError as error:
            logger.warning("The schedule could not go on, the next look tries again: %s", error)
        except Exception:
            logger.exception("The schedule met a defect of ours; the next look tries again")

    def _notice_sleep(self) -> None:
        now = self._clock()
        if datetime.fromisoformat(now) - datetime.fromisoformat(self.awake_at) > ASLEEP_AFTER:
            self._absences.append(Absence(self.awake_at, now, ASLEEP))
        self.awake_at = now

    def _read_jobs(self) -> None:
        try:
            self._jobs = self._ask_jobs()
        except CollectorError as error:
            logger.warning("The schedule stays as it was: %s", error)

    def _next_due(self, db: sqlite3.Connection) -> Outlook | None:
        now = self._clock()
        runs = load_unsettled_runs(db, [CLOCK, *(job.name for job in self._jobs)], latest_believed(now))
        outlooks = [one for one in outlook(self._jobs, runs, now, self._not_before) if one.at is not None]
        self.next_at = min((one.at for one in outlooks if one.at is not None), default=None)
        return next((one for one in outlooks if one.at is not None and one.at <= now), None)

    def _notice_set_back(self, db: sqlite3.Connection, now: str) -> None:
        """Record that the clock was set back, where the record's last row lies ahead of it."""
        newest = load_job_runs(db, limit=1)
        ahead = newest[0].finished_at if newest else now
        if datetime.fromisoformat(ahead) - datetime.fromisoformat(now) <= SET_BACK_AFTER:
            return
        message = f"the clock was set back from {ahead} or later to {now}; what is done is not done again"
        save_job_run(db, JobRun(CLOCK, now, now, "skipped", 0, message))
        logger.warning("It seems that %s", message)
        self._not_before = {}
        self._absences = [one for one in self._absences if one.until <= now]
        if ahead > latest_believed(now):
            self._absences = [Absence("", now, "the clock was wrong")]

    def _run(self, db: sqlite3.Connection, due: Outlook) -> None:
        job = next(job for job in self._jobs if job.name == due.job)
        skip = None
        if due.missed:
            first, last = due.missed[0].at, due.missed[-1].at
            skip = JobRun(job.name, first, last, "skipped", 0, why_missed(due, self._absences))
        with self._turn():
            try:
                record_run(
                    db,
                    job.name,
                    lambda: job.run(db, self._clock()),
                    clock=self._clock,
                    note=caught_up(due.open),
                    skip=skip,
                )
            except CollectorError as error:
                logger.warning("%s did not end well: %s", job.name, error)
                if isinstance(error, RetryLater) and error.after_s:
                    pause = timedelta(seconds=min(error.after_s, LONGEST_NAMED_WAIT_S))
                    self._not_before[job.name] = instant(datetime.fromisoformat(self._clock()) + pause)
            except Exception:
                logger.exception("%s stopped with a defect of ours", job.name)


# The clock ----------------------------------------------------------------------------------------


def serve(schedule: Schedule) -> None:
    """Keep a schedule until it is told to stop, or interrupted; a run under way is finished first."""
    with ticking(schedule) as scheduler:
        try:
            while not schedule.stop.wait(LOOK_EVERY_S):
                wake(scheduler)
        finally:
            schedule.stop.set()


@contextmanager
def ticking(schedule: Schedule) -> Iterator[BackgroundScheduler]:
    """Look at the clock now and every minute, in the background, for as long as the block lasts."""
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a long run lets it miss looks: no news
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},
        # Looks that were missed are one look, however late.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    scheduler.add_job(
        schedule.look, "interval", seconds=LOOK_EVERY_S, id="look", next_run_time=datetime.now(UTC)
    )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=True)


def wake(scheduler: BackgroundScheduler) -> None:
    """Let a scheduler go on after the clock was set back: by itself it waits for the old time to return."""
    look = scheduler.get_job("look")
    now = datetime.now(UTC)
    if look is not None and look.next_run_time > now + timedelta(seconds=2 * LOOK_EVERY_S):
        look.modify(next_run_time=now)
