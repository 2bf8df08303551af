"""How fresh each source is, in words, and what to do where it is off."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from collectors.backups import FOLDER as BACKUPS
from collectors.backups import backups_of, day_of
from collectors.locks import SCHEDULE, holder_of
from collectors.records import JobRun, PriceFlag
from collectors.sentiment.installed import fast_scorer_name, has_finbert, is_outdated
from collectors.store import (
    SourceCoverage,
    load_coverage,
    load_flags,
    load_job_runs,
    load_last_runs,
    load_last_successes,
)
from desktop_app.store import DATABASE_NAME, MODELS_FOLDER
from desktop_app.words import age, count, day, weekday
from fusion_model.store import last_forecast_session, load_trained_model
from resources.language import tr

STALE_AFTER_DAYS = {
    "prices": 4,
    "posts": 3,
    "macro": 45,
    "earnings": 100,
    "model": 120,
    "forecasts": 4,
    "backups": 8,
}
TITLES = {
    "prices": tr("Prices"),
    "posts": tr("Posts"),
    "macro": tr("Macro figures"),
    "earnings": tr("Earnings dates"),
}
SENTIMENT_MODEL = tr("Sentiment model")
ADVICE = {
    "prices": tr("Press Collect, or import a folder of price files."),
    "posts": tr("Press Collect (it needs a Reddit key), or import an archive of posts."),
    "macro": tr("Press Collect (it needs a free FRED key), or import FRED's CSV files."),
    "earnings": tr("Give the settings an e-mail for the SEC and press Collect, or import a list of reports."),
    "model": tr("Press Train."),
    "forecasts": tr("Press Train, then Refresh."),
    "backups": tr("The first collection of a day makes one."),
}
RUNS_SHOWN = 100
REDDIT_POLICY = "https://support.reddithelp.com/hc/articles/42728983564564"
REDDIT_APPS = "https://www.reddit.com/prefs/apps"
REDDIT_ACCESS = tr(
    "Since November 2025 Reddit gives no keys by itself: ask for access at {policy}, and once it is "
    "approved, create an app of type script or installed at {apps}.",
    policy=REDDIT_POLICY,
    apps=REDDIT_APPS,
)
WITHOUT_REDDIT = tr(
    "Everything else works without: prices, macro figures, reports, forecasts, alerts, and posts of archives "
    "that you import."
)
REDDIT_IS_OFF = tr(
    "Posts are not collected from Reddit: there is no key of yours (REDDIT_CLIENT_ID). {without} {access}",
    without=WITHOUT_REDDIT,
    access=REDDIT_ACCESS,
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as the sources panel shows it; ``state`` is fresh, stale or missing.

    ``job`` names what the schedule runs for it; ``doubts`` are prices that look wrong, and what of them is
    held out of forecasts.
    """

    title: str
    content: str
    names: str
    newest: str
    age: str
    state: str
    advice: str
    job: str = ""
    last_success: str = ""
    doubts: str = ""


@dataclass(frozen=True, slots=True)
class SourcesView:
    """A row a source, and the newest runs of the schedule's jobs; ``scheduled``: somebody runs it."""

    rows: tuple[SourceRow, ...] = ()
    runs: tuple[JobRun, ...] = ()
    scheduled: bool = False


def load_sources_view(db: sqlite3.Connection, now: str, home: Path) -> SourcesView:
    """Return what the page of sources shows."""
    return SourcesView(
        tuple(load_freshness(db, now, home)),
        tuple(load_job_runs(db, limit=RUNS_SHOWN)),
        holder_of(home, SCHEDULE) is not None,
    )


def load_freshness(db: sqlite3.Connection, now: str, home: Path | None = None) -> list[SourceRow]:
    """Return a row per kind of source, then model and forecasts, as seen at an instant; with a home also its
    sentiment model, its schedule and its backups.
    """
    coverage = load_coverage(db)
    runs, done = list(load_last_runs(db).values()), load_last_successes(db)
    rows = [_source(kind, [c for c in coverage if c.kind == kind], runs, done, now) for kind in TITLES]
    rows[0] = replace(rows[0], doubts=_doubts(load_flags(db)))
    trained = load_trained_model(db)
    rows.append(
        replace(
            _finding(
                "model",
                tr("Model"),
                tr("trained") if trained else "",
                trained.as_of_session if trained else "",
                now,
            ),
            names=tr("version {version}", version=trained.model_version) if trained else "",
        )
    )
    session = last_forecast_session(db)
    rows.append(
        replace(
            _finding(
                "forecasts",
                tr("Forecasts"),
                tr("of the newest session") if session else "",
                session or "",
                now,
            ),
            job="refresh",
            last_success=_when(done.get("refresh", ""), now),
        )
    )
    if home is None:
        return rows
    return [*rows, _sentiment_model(home / MODELS_FOLDER), _schedule(home, now), _backups(home, now)]


def posts_note(rows: Sequence[SourceRow]) -> str:
    """Return what a person without posts should know about Reddit, in rich text; empty with fresh ones."""
    if any(row.title == TITLES["posts"] and row.state == "fresh" for row in rows):
        return ""
    access = REDDIT_ACCESS
    for url in (REDDIT_POLICY, REDDIT_APPS):
        access = access.replace(url, f'<a href="{url}">{url.removeprefix("https://")}</a>')
    return tr(
        "<b>Posts from Reddit need a key of your own.</b> {access} Then put its id into the keyring with "
        "<code>keyring set barograph REDDIT_CLIENT_ID</code>, an app's secret as REDDIT_CLIENT_SECRET. "
        "{without}",
        access=access,
        without=WITHOUT_REDDIT,
    )


def _schedule(home: Path, now: str) -> SourceRow:
    holder = holder_of(home, SCHEDULE)
    return SourceRow(
        title=tr("Schedule"),
        content=tr("process {pid} on {host}", pid=holder.pid, host=holder.host)
        if holder
        else tr("not running"),
        names=holder.command if holder else "",
        newest="–",
        age=age(holder.started_at, now) if holder and holder.started_at else "–",
        state="fresh" if holder else "missing",
        advice="" if holder else tr("`barograph service install` lets the system run it from now on."),
    )


def _sentiment_model(models: Path) -> SourceRow:
    """Return who reads the posts: FinBERT where it was fetched, else the embedded scorer."""
    fast = fast_scorer_name(models)
    there = bool(fast) or has_finbert(models)
    state, advice = "fresh", ""
    if not there:
        state = "missing"
        advice = tr(
            "Press Fetch FinBERT (438 MB): it reads posts better. Until then the compact scorer works."
        )
    elif fast and is_outdated(fast):
        state = "stale"
        advice = tr(
            "An earlier version made it; until `barograph models quantise` has run again, no post is read."
        )
    return SourceRow(
        title=SENTIMENT_MODEL,
        content=(tr("FinBERT, in 8 bits") if fast else tr("FinBERT"))
        if there
        else tr("compact scorer, embedded"),
        names=fast or "",
        newest="–",
        age="–",
        state=state,
        advice=advice,
    )


def _backups(home: Path, now: str) -> SourceRow:
    there = backups_of(home / DATABASE_NAME)
    newest = day_of(there[0]) if there else ""
    state = state_of("backups", newest, now)
    return SourceRow(
        title=tr("Backups"),
        content=count(len(there), "daily backup") if there else tr("none yet"),
        names=str(home / BACKUPS),
        newest=day(newest) if newest else "–",
        age=age(newest, now) if newest else "–",
        state=state,
        advice="" if state == "fresh" else ADVICE["backups"],
    )


def _doubts(flags: Sequence[PriceFlag]) -> str:
    """Say how many doubts on prices stand, and how many of them are held out of forecasts."""
    standing = [flag for flag in flags if not flag.resolution]
    held = sum(bool(flag.holds) for flag in standing)
    return (
        tr("{count}, {held} held out", count=count(len(standing), "doubt"), held=held)
        if standing
        else tr("none")
    )


def _when(instant: str, now: str) -> str:
    """Return an instant with its age: today with the hour, else the day."""
    if not instant:
        return ""
    return (
        tr("today, {instant} UTC", instant=instant[11:16])
        if instant[:10] == now[:10]
        else f"{day(instant)}, {age(instant, now)}"
    )


def next_run(row: SourceRow, runs: Mapping[str, str], *, scheduled: bool, now: str) -> str:
    """Say when the schedule runs a source next; ``runs`` are instants by job, empty: not known yet."""
    if not row.job:
        return ""
    if not scheduled:
        return tr("schedule is off")
    at = runs.get(row.job, "")
    if not at:
        return tr("after the others") if runs else "…"
    return (
        tr("now")
        if at <= now
        else tr("{weekday} {day}, {time} UTC", weekday=weekday(at), day=day(at, year=False), time=at[11:16])
    )


def _source(
    kind: str,
    coverage: Sequence[SourceCoverage],
    runs: Sequence[JobRun],
    done: Mapping[str, str],
    now: str,
) -> SourceRow:
    newest = max((c.last for c in coverage), default="")
    rows = sum(c.rows for c in coverage)
    names = ", ".join(c.source for c in coverage)
    state = state_of(kind, newest, now)
    run = next((run for run in runs if kind in run.job), None)
    failed = run is not None and run.outcome in ("failed", "retry", "skipped")
    again = (
        tr("(then {outcome}, {when})", outcome=run.outcome, when=_when(run.finished_at, now))
        if run is not None and failed
        else ""
    )
    return SourceRow(
        title=TITLES[kind],
        content=count(rows, "row") if rows else tr("nothing stored"),
        names=names,
        newest=day(newest) if newest else "–",
        age=age(newest, now) if newest else "–",
        state=state,
        advice=run.message if run is not None and failed else "" if state == "fresh" else ADVICE[kind],
        job=kind,
        last_success=" ".join((_when(done.get(kind, ""), now) or tr("never"), again)).strip(),
    )


def _finding(kind: str, title: str, content: str, session: str, now: str) -> SourceRow:
    state = state_of(kind, session, now)
    return SourceRow(
        title=title,
        content=content or tr("none yet"),
        names="",
        newest=day(session) if session else "–",
        age=age(session, now) if session else "–",
        state=state,
        advice="" if state == "fresh" else ADVICE[kind],
    )


def state_of(kind: str, newest: str, now: str) -> str:
    """Return fresh, stale or missing, for a kind of STALE_AFTER_DAYS and the newest date it has."""
    if not newest:
        return "missing"
    days = (date.fromisoformat(now[:10]) - date.fromisoformat(newest[:10])).days
    return "stale" if days > STALE_AFTER_DAYS[kind] else "fresh"
