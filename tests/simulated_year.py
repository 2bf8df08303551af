"""A year of schedule in seconds: the real schedule on a real file, in a world with a clock of its own."""

from __future__ import annotations

import random
import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collectors.errors import RetryLater
from collectors.market_calendar import (
    instant,
    last_closed_session,
    session_after,
    session_close,
    sessions_between,
)
from collectors.progress import CollectReport, silent
from collectors.records import JobRun, MacroObservation, Post, PriceBar
from collectors.schedule import Job, Schedule
from collectors.store import (
    last_session,
    open_database,
    open_writer,
    save_macro,
    save_posts,
    save_price_bars,
)
from collectors.timetable import CLOCK, AfterJob, Slot, slots
from desktop_app.daily import daily_jobs

Span = tuple[datetime, datetime]

POST_EVERY = timedelta(hours=2)
FAILS, DIES = 0.02, 0.004  # of requests, of runs
LONG_RUN, LOOK = timedelta(seconds=20), timedelta(minutes=1)


def at(text: str) -> datetime:
    """Return an instant of a text like 2024-03-10 or 2024-03-10T07:30, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Killed(BaseException):
    """The process ended in the middle of a run, after the facts were saved and before the run was."""


@dataclass
class World:
    """What happens around the program; spans and instants are true time, whatever its clock shows.

    ``asleep``: the computer sleeps. ``off``: the program does not run. ``no_network``: every source fails.
    ``clock_wrong``: by how much the clock is off in a span, before it is set right.
    """

    first: datetime
    last: datetime
    asleep: Sequence[Span]
    off: Sequence[Span]
    no_network: Sequence[Span]
    clock_wrong: Sequence[tuple[datetime, datetime, timedelta]]
    seed: int = 1
    true: datetime = field(init=False)
    luck: random.Random = field(init=False)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.true, self.luck = self.first, random.Random(self.seed)

    def clock(self) -> str:
        """Return what the program's clock shows."""
        wrong = [by for first, last, by in self.clock_wrong if first <= self.true < last]
        return instant(self.true + sum(wrong, timedelta()))

    def end_of(self, spans: Sequence[Span]) -> datetime | None:
        """Return when the span ends that we are in, if any."""
        return max((last for first, last in spans if first <= self.true < last), default=None)

    def ask(self, source: str) -> str:
        """Answer a request with the true instant; take a moment, and fail where there is no network."""
        self.true += self.luck.random() * LONG_RUN
        if self.end_of(self.no_network) or self.luck.random() < FAILS:
            raise RetryLater(f"{source} cannot be reached")
        return instant(self.true)

    def maybe_die(self) -> None:
        """End the process, seldom."""
        if self.luck.random() < DIES:
            self.deaths += 1
            raise Killed


def year_of_trouble(year: int = 2024, seed: int = 1) -> World:
    """Nights and weekends asleep by chance, weeks away, a lost network, clocks that jump."""
    luck, first, last = random.Random(seed), at(f"{year}-01-02"), at(f"{year + 1}-01-01")
    asleep = []
    for day in range(366):
        evening = first + timedelta(days=day, hours=19 + luck.random() * 6)
        if luck.random() < 0.6:
            asleep.append((evening, evening + timedelta(hours=2 + luck.random() * 11)))
    return World(
        first,
        last,
        asleep=[*asleep, (at(f"{year}-05-18T03:00"), at(f"{year}-05-23T09:10"))],
        off=[
            (at(f"{year}-08-03T06:00"), at(f"{year}-08-12T07:45")),
            (at(f"{year}-12-24T20:00"), at(f"{year}-12-27T10:00")),
        ],
        no_network=[(at(f"{year}-09-16T13:00"), at(f"{year}-09-23T18:00"))],
        clock_wrong=[
            # Ninety minutes slow from just after a close that was collected: the same hours come again.
            (at(f"{year}-04-09T20:30"), at(f"{year}-04-11T15:00"), timedelta(minutes=-90)),
            # An hour slow and fast where a program mistakes daylight saving.
            (at(f"{year}-03-10T07:00"), at(f"{year}-03-10T13:00"), timedelta(hours=1)),
            (at(f"{year}-11-03T06:00"), at(f"{year}-11-04T22:00"), timedelta(hours=-1)),
            # Six years ahead for two days, then set back.
            (at(f"{year}-06-11T15:00"), at(f"{year}-06-13T15:00"), timedelta(days=6 * 365)),
        ],
        seed=seed,
    )  # fmt: skip


# The program in this world ------------------------------------------------------------------------


def simulated_jobs(home: Path, world: World) -> list[Job]:
    """Return the program's own jobs with their own times, with work that asks this world's network."""

    def prices(db: sqlite3.Connection, now: str) -> CollectReport:
        newest = min(last_closed_session(world.ask("prices")), last_closed_session(now))
        known = last_session(db) or session_after(last_closed_session(instant(world.first)), -1)
        sessions = sessions_between(known, newest)[1:]
        bars = [PriceBar("AAA", s, 9, 11, 8, 10, 100, "world", session_close(s)) for s in sessions]
        rows = save_price_bars(db, bars, now)
        world.maybe_die()
        return CollectReport(rows)

    def posts(db: sqlite3.Connection, _now: str) -> CollectReport:
        until = at(world.ask("posts")[:19])
        stored = db.execute("SELECT max(available_at) FROM post").fetchone()[0]
        moment, new = at(stored[:19]) if stored else world.first, []
        while (moment := moment + POST_EVERY) <= until:
            new.append(
                Post(instant(moment), "world", "stocks", "", "up", 1, 0, instant(moment), instant(moment))
            )
        rows = save_posts(db, new, [])
        world.maybe_die()
        return CollectReport(rows)

    def macro(db: sqlite3.Connection, now: str) -> CollectReport:
        day = world.ask("macro")[:10]
        return CollectReport(
            save_macro(db, [MacroObservation("DGS10", day, 4.0, day, f"{day}T23:59:59Z")], now)
        )

    def nothing_to_ask(_db: sqlite3.Connection, _now: str) -> CollectReport:
        world.maybe_die()
        return CollectReport(0)

    work = {"prices": prices, "posts": posts, "macro": macro}
    jobs = [replace(job, run=work.get(job.name, nothing_to_ask)) for job in daily_jobs(home, silent)]
    # Orders are also looked at every few minutes; a year of that would only take long.
    return [
        replace(job, triggers=tuple(one for one in job.triggers if isinstance(one, AfterJob)))
        if job.name == "orders"
        else job
        for job in jobs
    ]


def live_through(home: Path, world: World) -> Path:
    """Let the program live through a world; return its record.

    While the computer is awake, the minutes at which nothing is due are left out.
    """
    path = home / "facts.db"
    with closing(open_database(path)):  # one connection stays open, so that closing the others writes nothing
        _live_through(home, path, world)
    return path


def _open_fast(path: Path) -> sqlite3.Connection:
    """Open a record without waiting for the disk: power cuts are not what is tried here."""
    db = open_writer(path)
    db.execute("PRAGMA synchronous = OFF")
    return db


def _live_through(home: Path, path: Path, world: World) -> None:
    schedule = None
    while world.true < world.last:
        gone = world.end_of(world.off)
        if gone:
            schedule, world.true = None, gone
            continue
        if schedule is None:
            schedule = Schedule(
                lambda: simulated_jobs(home, world), lambda: _open_fast(path), clock=world.clock
            )
        asleep = world.end_of(world.asleep)
        if asleep:
            world.true = asleep
        try:
            schedule.look()
        except Killed:
            schedule, world.true = None, world.true + timedelta(minutes=10)
            continue
        _wait(schedule, world)


def _wait(schedule: Schedule, world: World) -> None:
    """Let time go on to the next minute at which something is due, or anything happens to the world."""
    assert schedule.next_at is not None
    wait = datetime.fromisoformat(schedule.next_at) - datetime.fromisoformat(world.clock())
    spans = [*world.asleep, *world.off, *[(first, last) for first, last, _ in world.clock_wrong]]
    changes = [moment for span in spans for moment in span if moment > world.true]
    until = max(min([world.true + wait, world.last, *changes]), world.true)
    if until - LOOK > world.true:
        world.true = until - LOOK
        schedule.awake_at = world.clock()  # it looked every minute, and saw nothing to do
    world.true = until + world.luck.random() * LOOK


# What became of it --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """What a record tells: each time of each job has a run of its own, or a skip that tells why not."""

    sessions: int
    stored_once: int
    own_run: int
    caught_up: int
    doubles: int
    unexplained: tuple[str, ...]
    posts: int
    posts_lost: int
    outcomes: dict[tuple[str, str], int]
    skips: tuple[JobRun, ...]
    clock: tuple[JobRun, ...]


def account(path: Path, world: World, jobs: Sequence[Job]) -> Account:
    """Read a record and hold it against the calendar; what a clock years ahead has dated is left out."""
    with closing(open_writer(path)) as db:
        rows = db.execute(
            "SELECT job, started_at, finished_at, outcome, rows, message FROM job_run ORDER BY id"
        )
        runs = [run for run in (JobRun(*row) for row in rows) if run.finished_at < instant(world.last)]
        stored = Counter(row[0] for row in db.execute("SELECT session FROM price_bar"))
        posts, last_post = db.execute("SELECT count(*), max(available_at) FROM post").fetchone()
    skips = [run for run in runs if run.outcome == "skipped" and run.job != CLOCK]
    unexplained: list[str] = []
    own: dict[tuple[str, Slot], int] = {}
    told: dict[tuple[str, Slot], bool] = {}
    for job in jobs:
        done = sorted(run.started_at for run in runs if run.job == job.name and run.outcome == "done")
        passed = [(run.started_at, run.finished_at) for run in skips if run.job == job.name]
        times = slots(job.triggers, instant(world.first), done[-1])
        for slot, following in zip(times, [*times[1:], Slot("9999")], strict=False):
            own[job.name, slot] = bisect_left(done, following.at) - bisect_left(done, slot.at)
            told[job.name, slot] = any(first <= slot.at <= last for first, last in passed)
            if not own[job.name, slot] and not told[job.name, slot]:
                unexplained.append(f"{job.name} {slot.at}")
    closes = [key for key in own if key[1].session]
    return Account(
        sessions=len(closes),
        stored_once=sum(stored[slot.session] == 1 for _, slot in closes),
        own_run=sum(own[key] > 0 for key in closes),
        caught_up=sum(told[key] and not own[key] for key in closes),
        doubles=sum(own[key] > 1 for key in closes) + sum(count > 1 for count in stored.values()),
        unexplained=tuple(unexplained),
        posts=posts,
        posts_lost=int((at(last_post[:19]) - world.first) / POST_EVERY) - posts,
        outcomes=dict(Counter((run.job, run.outcome) for run in runs)),
        skips=tuple(skips),
        clock=tuple(run for run in runs if run.job == CLOCK),
    )
