"""When jobs are due: times of the exchange and the clock, set against what the record says was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from collectors.market_calendar import closes_between, instant, opens_between
from collectors.records import JobRun

EXCHANGE_ZONE = "America/New_York"
CLOCK = "clock"  # the job name under which a clock that was set back is recorded
LONG_SETBACK = timedelta(days=1)  # a clock that was further ahead was wrong: its runs count for nothing
FIRST_WAIT = timedelta(minutes=1)  # after a run that did not work; doubled after each further one
LONGEST_WAIT = timedelta(hours=1)
REACHES = (timedelta(days=1), timedelta(days=14))  # how far to look for a time; no closing lasted longer


# Times --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AfterClose:
    """Some minutes after each session's close, half days included."""

    minutes: int = 20


@dataclass(frozen=True, slots=True)
class BeforeOpen:
    """Some minutes before each session's opening."""

    minutes: int = 60


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many minutes, counted from midnight of 1970-01-01 UTC: 15 is at :00, :15, :30 and :45."""

    minutes: int


@dataclass(frozen=True, slots=True)
class DailyAt:
    """Every day at one time of day in a time zone, once on days of 23 or 25 hours too."""

    hour: int
    minute: int = 0
    zone: str = EXCHANGE_ZONE


@dataclass(frozen=True, slots=True)
class AfterJob:
    """As soon as a run of another job is done."""

    job: str


Trigger = AfterClose | BeforeOpen | Every | DailyAt | AfterJob


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One time of a trigger; ``session`` is the one that has closed by then, for AfterClose alone."""

    at: str
    session: str = ""


def slots(triggers: Sequence[Trigger], after: str, until: str) -> list[Slot]:
    """Return the times of all triggers after an instant and not after another, oldest first."""
    return sorted({slot for trigger in triggers for slot in _slots(trigger, after, until)})


def _slots(trigger: Trigger, after: str, until: str) -> list[Slot]:
    if isinstance(trigger, AfterClose):
        delay = timedelta(minutes=trigger.minutes)
        closes = closes_between(_shift(after, -delay), _shift(until, -delay))
        return [Slot(_shift(at, delay), session) for session, at in closes]
    if isinstance(trigger, BeforeOpen):
        delay = timedelta(minutes=-trigger.minutes)
        return [
            Slot(_shift(at, delay)) for _, at in opens_between(_shift(after, -delay), _shift(until, -delay))
        ]
    if isinstance(trigger, Every):
        step = trigger.minutes * 60
        first = (int(_moment(after).timestamp()) // step + 1) * step
        seconds = range(first, int(_moment(until).timestamp()) + 1, step)
        return [Slot(instant(datetime.fromtimestamp(second, UTC))) for second in seconds]
    if isinstance(trigger, DailyAt):
        times = [_time_on(trigger, day) for day in _days(after, until)]
        return [Slot(at) for at in times if after < at <= until]
    return []


def _days(after: str, until: str) -> list[date]:
    """The calendar days of any time zone between two instants."""
    first, last = _moment(after).date() - timedelta(days=1), _moment(until).date() + timedelta(days=1)
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


def _time_on(trigger: DailyAt, day: date) -> str:
    return instant(datetime(day.year, day.month, day.day, trigger.hour, trigger.minute,
                            tzinfo=ZoneInfo(trigger.zone)))  # fmt: skip


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


def _shift(at: str, delay: timedelta) -> str:
    return instant(_moment(at) + delay)


# What is due --------------------------------------------------------------------------------------


class Timed(Protocol):
    """What has a name and times: a job, which is due when any of them has come."""

    @property
    def name(self) -> str: ...

    @property
    def triggers(self) -> tuple[Trigger, ...]: ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What awaits a job: the times since its last run, the runs that failed since, and when it may run.

    ``at`` is None where only another job's end, or a time past the known calendar, brings it back.
    """

    job: str
    open: tuple[Slot, ...] = ()
    failures: tuple[JobRun, ...] = ()
    at: str | None = None

    @property
    def missed(self) -> tuple[Slot, ...]:
        """The times that will have no run of their own: one run makes up for all."""
        return self.open[:-1]


@dataclass(slots=True)
class _Record:
    """What the record says of one job; ``position`` orders its last done run among those of other jobs."""

    settled_at: str | None = None
    position: int = -1
    done_position: int = -1
    failures: list[JobRun] = field(default_factory=list)


def outlook(
    jobs: Sequence[Timed], runs: Sequence[JobRun], now: str, not_before: Mapping[str, str] | None = None
) -> list[Outlook]:
    """Tell of each job when it runs next: ``at <= now`` means that it is due.

    Parameters
    ----------
    runs : sequence of JobRun
        In the order of their recording: of each job its last done run and what came after it, and the
        rows of CLOCK.
    not_before : mapping of str to str, optional
        Instants that sources named when they asked for a pause, by job.
    """
    believed = latest_believed(now)
    records = _read_record(jobs, [run for run in runs if run.finished_at <= believed])
    outlooks = []
    for job in jobs:
        record = records[job.name]
        parents = [records[t.job] for t in job.triggers if isinstance(t, AfterJob) and t.job in records]
        owed = any(parent.done_position > record.position for parent in parents)
        open_slots: list[Slot] = []
        coming = None
        if record.settled_at is not None:
            coming = _first_after(job.triggers, record.settled_at)
            if coming is not None and coming <= now:
                open_slots = slots(job.triggers, record.settled_at, now)
        elif any(not isinstance(trigger, AfterJob) for trigger in job.triggers):
            owed = True  # it never ran
        if owed or open_slots:
            coming = max(_try_at(record.failures, now), (not_before or {}).get(job.name, ""))
        outlooks.append(Outlook(job.name, tuple(open_slots), tuple(record.failures), coming))
    return outlooks


def latest_believed(now: str) -> str:
    """Return the latest end of a run that counts: what lies further ahead was dated by a wrong clock."""
    return _shift(now, LONG_SETBACK)


def _read_record(jobs: Sequence[Timed], runs: Sequence[JobRun]) -> dict[str, _Record]:
    records = {job.name: _Record() for job in jobs}
    for position, run in enumerate(runs):
        if run.job == CLOCK:
            for job in jobs:
                _set_back(job, records[job.name], run.started_at)
        elif run.job in records:
            record = records[run.job]
            if run.outcome in ("done", "skipped"):
                record.settled_at, record.position = run.started_at, position
                record.failures = []
                if run.outcome == "done":
                    record.done_position = position
            else:
                record.failures.append(run)
    return records


def _set_back(job: Timed, record: _Record, to: str) -> None:
    """The clock was set back: a session that is done stays done, what comes every so often goes on."""
    if record.settled_at is not None and all(isinstance(trigger, Every) for trigger in job.triggers):
        record.settled_at = min(record.settled_at, to)


def _try_at(failures: Sequence[JobRun], now: str) -> str:
    """Return when a run that is owed may be tried: at once, or some time after it did not work."""
    if not failures or failures[-1].finished_at > now:  # the latter where the clock was set back
        return now
    wait = min(FIRST_WAIT * 2 ** min(len(failures) - 1, 20), LONGEST_WAIT)
    return max(now, _shift(failures[-1].finished_at, wait))


@lru_cache(maxsize=64)  # asked every minute, and new only after a run
def _first_after(triggers: tuple[Trigger, ...], after: str) -> str | None:
    for reach in REACHES:
        coming = slots(triggers, after, _shift(after, reach))
        if coming:
            return coming[0].at
    return None


# Why times were missed ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Absence:
    """A span, its last instant included, in which nobody looked at the clock."""

    after: str
    until: str
    reason: str


def caught_up(open_slots: Sequence[Slot]) -> str:
    """Return the sessions that one run covers, in words; empty for a single one, or none."""
    sessions = [slot.session for slot in open_slots if slot.session]
    return f"caught up {_sessions(sessions)}" if len(sessions) > 1 else ""


def why_missed(outlook: Outlook, absences: Sequence[Absence]) -> str:
    """Return what became of the missed times, by reason."""
    groups: dict[str, list[Slot]] = {}
    for slot in outlook.missed:
        groups.setdefault(_reason(slot, outlook, absences), []).append(slot)
    return "; ".join(f"{_times(group)} passed while {reason}" for reason, group in groups.items())


def _reason(slot: Slot, outlook: Outlook, absences: Sequence[Absence]) -> str:
    for absence in absences:
        if absence.after < slot.at <= absence.until:
            return absence.reason
    if outlook.failures:
        first, last = outlook.failures[0], outlook.failures[-1]
        begun = [before.at for before in outlook.open if before.at <= first.started_at]
        if slot.at >= max(begun, default=""):
            tries = "once" if len(outlook.failures) == 1 else f"{len(outlook.failures)} times"
            return f"it did not work, tried {tries} ({last.message})"
    return "another run was under way"


def _times(group: Sequence[Slot]) -> str:
    sessions = [slot.session for slot in group if slot.session]
    others = [slot.at for slot in group if not slot.session]
    parts = [_sessions(sessions)] if sessions else []
    if others:
        span = f"{others[0]} to {others[-1]}" if len(others) > 1 else others[0]
        parts.append(f"{len(others)} time{'s' if len(others) > 1 else ''} ({span})")
    return " and ".join(parts)


def _sessions(sessions: Sequence[str]) -> str:
    if len(sessions) == 1:
        return f"the session {sessions[0]}"
    return f"{len(sessions)} sessions ({sessions[0]} to {sessions[-1]})"
