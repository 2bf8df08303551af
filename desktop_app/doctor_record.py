"""What the record of runs says is wrong: a wrong clock, jobs that do not work, and gaps that stayed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

from collectors import store as facts
from collectors.market_calendar import instant
from collectors.reddit import OUT_OF_REACH
from desktop_app import store as choices
from desktop_app.complaint import Complaint, some
from desktop_app.secrets import load_secret
from desktop_app.words import age, count, day

CLOCK_MAY_ERR = timedelta(minutes=2)  # as the schedule allows
GAPS_TOLD_FOR = timedelta(days=30)
KEYS_OF_JOBS = {"posts": "REDDIT_CLIENT_ID", "macro": "FRED_API_KEY"}
MENDS = {"score": "barograph score", "refresh": "barograph refresh", "quotes": "barograph serve"}


def complaints_of_runs(db: sqlite3.Connection, now: str) -> Iterator[Complaint]:
    """Tell of a record that ends in the future, and which jobs did not work when they were run last.

    A job that lacks its key is left to whoever tells of keys.
    """
    last = facts.load_last_runs(db)
    ahead = max((run.finished_at for run in last.values()), default=now)
    if datetime.fromisoformat(ahead) - datetime.fromisoformat(now) > CLOCK_MAY_ERR:
        yield Complaint(
            "clock",
            f"A run is recorded at {ahead}, which is still to come: the clock of this computer was ahead "
            "then, or is behind now.",
            "let the system set its clock by the network",
        )
    for job, run in last.items():
        lacks_key = job in KEYS_OF_JOBS and load_secret(KEYS_OF_JOBS[job]) is None
        if run.outcome in ("retry", "failed") and not lacks_key:
            when = age(run.finished_at, now)
            yield Complaint(
                job,
                f"The last run of {job}, {when}, did not work: {run.message.rstrip('.')}.",
                MENDS.get(job, f"barograph collect {job}"),
            )


def complaints_of_gaps(db: sqlite3.Connection, now: str) -> Iterator[Complaint]:
    """Tell of sessions without a bar, and of posts that Reddit no longer listed when it was asked."""
    flags = facts.load_flags(db, tickers=choices.load_watchlist(db))
    gaps = [f"{flag.ticker} on {day(flag.session)}" for flag in flags if _is_gap(flag.kind, flag.resolution)]
    if gaps:
        yield Complaint(
            "gaps",
            f"{count(len(gaps), 'session has', 'sessions have')} no bar of a watched ticker between others: "
            f"{some(gaps[::-1], 3)}.",
            "barograph import prices FILES of another source, where it traded on that day",
        )
    since = instant(datetime.fromisoformat(now) - GAPS_TOLD_FOR)
    parts = [
        part.partition(f" {OUT_OF_REACH}")[0]
        for run in facts.load_runs_that_said(db, "posts", OUT_OF_REACH, since)
        for part in run.message.split("; ")
        if OUT_OF_REACH in part
    ]
    if parts:
        yield Complaint(
            "gaps",
            f"Reddit lists about a thousand posts, and no longer listed {some(parts, 2)}.",
            "leave `barograph serve` running, or barograph import posts FILES of an archive",
        )


def _is_gap(kind: str, resolution: str) -> bool:
    return kind == "gap" and not resolution
