"""How fresh each source is, in words, and what to do where it is off."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from collectors.locks import SCHEDULE, holder_of
from collectors.records import JobRun
from collectors.store import SourceCoverage, load_coverage, load_last_runs
from desktop_app.words import age, count, day
from fusion_model.store import last_forecast_session, load_trained_model

STALE_AFTER_DAYS = {"prices": 4, "posts": 3, "macro": 45, "earnings": 100, "model": 120, "forecasts": 4}
TITLES = {"prices": "Prices", "posts": "Posts", "macro": "Macro figures", "earnings": "Earnings dates"}
ADVICE = {
    "prices": "Press Collect, or import a folder of price files.",
    "posts": "Press Collect (it needs a Reddit key), or import an archive of posts.",
    "macro": "Press Collect (it needs a free FRED key), or import FRED's CSV files.",
    "earnings": "Set `contact` in the settings and press Collect, or import a list of reports.",
    "model": "Press Train.",
    "forecasts": "Press Train, then Refresh.",
}
REDDIT_POLICY = "https://support.reddithelp.com/hc/articles/42728983564564"
REDDIT_APPS = "https://www.reddit.com/prefs/apps"
REDDIT_ACCESS = (
    f"Since November 2025 Reddit gives no keys by itself: ask for access at {REDDIT_POLICY}, and once it is "
    f"approved, create an app of type script or installed at {REDDIT_APPS}."
)
WITHOUT_REDDIT = (
    "Everything else works without: prices, macro figures, reports, forecasts, alerts, and posts of archives "
    "that you import."
)
REDDIT_IS_OFF = (
    "Posts are not collected from Reddit: there is no key of yours (REDDIT_CLIENT_ID). "
    f"{WITHOUT_REDDIT} {REDDIT_ACCESS}"
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as the sources panel shows it; ``state`` is fresh, stale or missing."""

    title: str
    content: str
    names: str
    newest: str
    age: str
    state: str
    last_run: str
    advice: str


def load_freshness(db: sqlite3.Connection, now: str, home: Path | None = None) -> list[SourceRow]:
    """Return a row per kind of source, then model, forecasts and a home's schedule, as seen at an instant."""
    coverage = load_coverage(db)
    runs = list(load_last_runs(db).values())
    rows = [_source(kind, [c for c in coverage if c.kind == kind], runs, now) for kind in TITLES]
    trained = load_trained_model(db)
    rows.append(
        _finding("model", "Model", f"version {trained.model_version}" if trained else "",
                 trained.as_of_session if trained else "", now)
    )  # fmt: skip
    session = last_forecast_session(db)
    rows.append(
        _finding("forecasts", "Forecasts", "of the newest session" if session else "", session or "", now)
    )
    return [*rows, _schedule(home, now)] if home is not None else rows


def posts_note(rows: Sequence[SourceRow]) -> str:
    """Return what a person without posts should know about Reddit, in rich text; empty with fresh ones."""
    if any(row.title == TITLES["posts"] and row.state == "fresh" for row in rows):
        return ""
    access = REDDIT_ACCESS
    for url in (REDDIT_POLICY, REDDIT_APPS):
        access = access.replace(url, f'<a href="{url}">{url.removeprefix("https://")}</a>')
    return (
        f"<b>Posts from Reddit need a key of your own.</b> {access} Then put its id into the keyring with "
        "<code>keyring set barograph REDDIT_CLIENT_ID</code>, an app's secret as REDDIT_CLIENT_SECRET. "
        f"{WITHOUT_REDDIT}"
    )


def _schedule(home: Path, now: str) -> SourceRow:
    holder = holder_of(home, SCHEDULE)
    return SourceRow(
        title="Schedule",
        content=f"process {holder.pid} on {holder.host}" if holder else "not running",
        names=holder.command if holder else "",
        newest="–",
        age=age(holder.started_at, now) if holder and holder.started_at else "–",
        state="fresh" if holder else "missing",
        last_run="",
        advice="" if holder else "`barograph service install` lets the system run it from now on.",
    )


def _source(kind: str, coverage: Sequence[SourceCoverage], runs: Sequence[JobRun], now: str) -> SourceRow:
    newest = max((c.last for c in coverage), default="")
    rows = sum(c.rows for c in coverage)
    names = ", ".join(c.source for c in coverage)
    state = state_of(kind, newest, now)
    run = next((run for run in runs if kind in run.job), None)
    failed = run is not None and run.outcome in ("failed", "retry", "skipped")
    return SourceRow(
        title=TITLES[kind],
        content=count(rows, "row") if rows else "nothing stored",
        names=names,
        newest=day(newest) if newest else "–",
        age=age(newest, now) if newest else "–",
        state=state,
        last_run=f"{run.outcome} {age(run.finished_at, now)}" if run else "never collected",
        advice=run.message if run is not None and failed else "" if state == "fresh" else ADVICE[kind],
    )


def _finding(kind: str, title: str, content: str, session: str, now: str) -> SourceRow:
    state = state_of(kind, session, now)
    return SourceRow(
        title=title,
        content=content or "none yet",
        names="",
        newest=day(session) if session else "–",
        age=age(session, now) if session else "–",
        state=state,
        last_run="",
        advice="" if state == "fresh" else ADVICE[kind],
    )


def state_of(kind: str, newest: str, now: str) -> str:
    """Return fresh, stale or missing, for a kind of STALE_AFTER_DAYS and the newest date it has."""
    if not newest:
        return "missing"
    days = (date.fromisoformat(now[:10]) - date.fromisoformat(newest[:10])).days
    return "stale" if days > STALE_AFTER_DAYS[kind] else "fresh"
