"""What is wrong with a home, and how to mend it: sentences, each with its command."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from collectors import store as facts
from collectors.errors import BadInput, StorageError
from collectors.market_calendar import last_closed_session, session_after
from desktop_app import store as choices
from desktop_app.complaint import Complaint, some
from desktop_app.doctor_record import complaints_of_gaps, complaints_of_runs
from desktop_app.freshness import REDDIT_IS_OFF, STALE_AFTER_DAYS, state_of
from desktop_app.secrets import BROKER_SECRETS, SECRET_NAMES, SERVICE, load_secret
from desktop_app.settings import SETTINGS_NAME, Settings, load_settings
from desktop_app.words import age, count, day
from fusion_model import store as findings

if TYPE_CHECKING:
    from fusion_model.findings import TrainedModel
    from fusion_model.pipeline import LeakReport

MIN_FREE_BYTES = 1_000_000_000  # FinBERT and a record of 20 years of posts fit into it
POSTS_AT_ONCE = 1000
RECENT_SESSIONS = 10  # as many as are asked again each day


def examine(home: Path, *, now: str) -> list[Complaint]:
    """Return what is wrong with a home at an instant, the gravest first; empty where nothing is.

    Raises
    ------
    DatabaseBusy
        Another program is upgrading the database.
    """
    return [*_of_disk(home), *_of_settings(home), *_of_database(home, now), *_of_keys(home)]


def leaks_in_words(report: LeakReport) -> list[str]:
    """Say what the leak alarms were sounded on, then a line per forecaster and one per alarm that fired."""
    config = report.config
    lines = [
        f"Leak alarms on {count(len(report.tickers), 'ticker')}, {day(report.first_session)} to "
        f"{day(report.last_session)}, the last {report.scored_sessions} sessions scored; fusion in a small "
        f"configuration ({config.hidden} units, {count(config.members, 'network')}, "
        f"{count(config.epochs, 'pass', 'passes')})."
    ]
    for model, alarms in report.alarms.items():
        silent = sum(alarm.sounded and not alarm.fired for alarm in alarms)
        lines.append(f"{model}: {silent} of {len(alarms)} alarms silent")
        lines += [
            f"    {'FIRED' if alarm.fired else 'not known'}, {alarm.name}: {alarm.sentence}"
            for alarm in alarms
            if alarm.fired or not alarm.sounded
        ]
    return lines


def _of_disk(home: Path) -> Iterator[Complaint]:
    there = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    if free < MIN_FREE_BYTES:
        yield Complaint(
            "disk",
            f"Only {free / 1e6:,.0f} MB are free on the disk that holds {home}; 1,000 MB are a safe margin.",
            "make room on it, or choose another folder with --home",
        )


def _of_settings(home: Path) -> Iterator[Complaint]:
    try:
        load_settings(home)
    except BadInput as error:
        yield Complaint("settings", f"{error}.", f"mend or delete {home / SETTINGS_NAME}")


def _of_keys(home: Path) -> Iterator[Complaint]:
    if load_secret("FRED_API_KEY") is None:
        yield _of_missing_key("FRED_API_KEY", "macro figures")
    if load_secret("REDDIT_CLIENT_ID") is None:
        yield Complaint("keys", REDDIT_IS_OFF, _set_key("REDDIT_CLIENT_ID"))
    elif load_secret("REDDIT_CLIENT_SECRET") is None and load_secret("REDDIT_REFRESH_TOKEN") is None:
        yield _of_missing_key("REDDIT_CLIENT_SECRET", "posts")  # an installed app has a token in its place
    if _settings_or_defaults(home).broker == "alpaca":
        for name, origin in BROKER_SECRETS.items():
            if load_secret(name) is None:
                said = f"The key {name} is missing, so no order reaches Alpaca; get it at {origin}."
                yield Complaint("keys", said, _set_key(name))


def _of_missing_key(name: str, needed_for: str) -> Complaint:
    return Complaint(
        "keys",
        f"The key {name} is missing, so {needed_for} cannot be collected; get it at {SECRET_NAMES[name]}.",
        _set_key(name),
    )


def _set_key(name: str) -> str:
    return f"keyring set {SERVICE} {name}    (or set the environment variable {name})"


def _of_database(home: Path, now: str) -> Iterator[Complaint]:
    path = home / choices.DATABASE_NAME
    if not path.is_file():
        yield Complaint("prices", f"Nothing is stored in {home} yet.", "barograph import prices FILES")
        return
    try:
        with closing(choices.open_home(home)) as db:
            wrong = facts.quick_check(db)
            if not wrong:
                yield from complaints_of_runs(db, now)
                yield from _of_prices(db, now)
                yield from complaints_of_gaps(db, now)
                yield from _of_other_sources(db, now)
                yield from _of_shortened_series(db)
                yield from _of_posts(db, home / choices.MODELS_FOLDER)
                yield from _of_model(db, home, now)
                yield from _of_account(db, home, now)
                return
    except StorageError as error:  # its message says what happened; and what to do, after a semicolon
        happened, _, mend = str(error).rpartition("; ")
        yield Complaint("database", f"{happened or mend}.", mend)
        return
    yield Complaint(
        "database",
        f"The database {path} is damaged: {wrong[0]}.",
        facts.REPAIR,
    )


def _of_prices(db: sqlite3.Connection, now: str) -> Iterator[Complaint]:
    newest, watched = facts.load_newest_sessions(db), choices.load_watchlist(db)
    if not watched:
        yield Complaint(
            "watchlist", "The watchlist is empty, so no prices are collected.", "barograph watch add AAPL"
        )
    if not newest:
        yield Complaint("prices", "No prices are stored.", "barograph import prices FILES")
        return
    last = max(newest.values())
    if state_of("prices", last, now) == "stale":
        yield Complaint(
            "prices",
            f"The newest prices are of {day(last)}; the last session that closed is "
            f"{day(last_closed_session(now))}.",
            "barograph collect prices",
        )
    yield from _of_doubts(db, last)
    behind = [ticker for ticker in watched if newest.get(ticker, "") < last]
    if behind:
        yield Complaint(
            "prices",
            f"{count(len(behind), 'watched ticker')} had no price on {day(last)}: {some(behind)}.",
            f"barograph collect prices, or barograph watch remove {behind[0]}",
        )


def _of_doubts(db: sqlite3.Connection, last: str) -> Iterator[Complaint]:
    """Tell what is held out of forecasts of the newest sessions, because it looks wrong."""
    since = session_after(last, -RECENT_SESSIONS)
    held = [flag for flag in facts.load_flags(db, first=since) if flag.holds and not flag.resolution]
    if held:
        told = [f"{flag.ticker} on {day(flag.session)} ({flag.detail}; {flag.source})" for flag in held]
        yield Complaint(
            "quality",
            f"{count(len(held), 'price is', 'prices are')} held out of forecasts until borne out: "
            f"{some(told, 3)}.",
            "barograph collect prices on another day, or barograph import prices FILES of another source",
        )


def _of_other_sources(db: sqlite3.Connection, now: str) -> Iterator[Complaint]:
    coverage = facts.load_coverage(db)
    for kind, noun in (("posts", "posts"), ("macro", "macro figures"), ("earnings", "earnings dates")):
        last = max((source.last for source in coverage if source.kind == kind), default="")
        state = state_of(kind, last, now)
        if state == "missing":
            yield Complaint(
                kind,
                f"No {noun} are stored; forecasts go without them.",
                f"barograph collect {kind}, or barograph import {kind} FILES",
            )
        elif state == "stale":
            yield Complaint(
                kind,
                f"The newest {noun} are of {day(last)}, {age(last, now)}; they are stale after "
                f"{STALE_AFTER_DAYS[kind]} days.",
                f"barograph collect {kind}",
            )


def _of_shortened_series(db: sqlite3.Connection) -> Iterator[Complaint]:
    from collectors.fred import SHORTENED

    for run in facts.load_job_runs(db, "macro", limit=1):
        for message in run.message.split("; "):
            if message.startswith(SHORTENED):
                yield Complaint(
                    "macro", f"{message}.", "keep backups of this home: FRED cannot give the rest again"
                )


def _of_posts(db: sqlite3.Connection, models: Path) -> Iterator[Complaint]:
    from collectors.sentiment.installed import FAST_FOLDER, fast_scorer_name, is_outdated

    if (fast := fast_scorer_name(models)) and is_outdated(fast):
        yield Complaint(
            "scores",
            f"The fast FinBERT ({fast}) is of an earlier version of Barograph; no post is scored until it is "
            "made again.",
            f"barograph models quantise, or remove {models / FAST_FOLDER}",
        )
        return
    scorer = _scorer_in_use(db, models)
    unscored = _scorable_posts_without(db, scorer)
    if unscored:
        yield Complaint(
            "scores",
            f"{count(unscored, 'post has', 'posts have')} no score by {scorer}.",
            "barograph score",
        )


def _scorer_in_use(db: sqlite3.Connection, models: Path) -> str:
    """Return who scores the next post, without loading FinBERT: its newest name among the scores."""
    from collectors.sentiment.compact import CompactScorer
    from collectors.sentiment.installed import fast_scorer_name, has_finbert

    if fast := fast_scorer_name(models):
        return fast
    if not has_finbert(models):
        return CompactScorer().name
    return max((name for name in facts.count_scores(db) if name.startswith("finbert")), default="finbert")


def _scorable_posts_without(db: sqlite3.Connection, scorer: str) -> int:
    """Count the posts that a scorer has not scored and would: not those that say nothing."""
    from collectors.sentiment.texts import is_scorable, post_text

    found, after = 0, ""
    while posts := facts.load_unscored_posts(db, scorer, after, POSTS_AT_ONCE):
        after = posts[-1].post_id
        found += sum(is_scorable(post_text(post.title, post.body)) for post in posts)
    return found


def _of_model(db: sqlite3.Connection, home: Path, now: str) -> Iterator[Complaint]:
    last = facts.last_session(db)
    if last is None:
        return
    trained = findings.load_trained_model(db)
    if trained is None:
        yield Complaint("model", "No model has been trained.", "barograph train")
        return
    if not (home / choices.MODELS_FOLDER / trained.folder).is_dir():
        yield Complaint(
            "model", f"The files of the model {trained.model_version} are missing.", "barograph train"
        )
    elif state_of("model", trained.as_of_session, now) == "stale" and trained.as_of_session < last:
        yield Complaint(
            "model",
            f"The model knows nothing after {day(trained.as_of_session)}, {age(trained.as_of_session, now)}.",
            "barograph train",
        )
    yield from _of_scorer_change(db, home, trained)
    forecast = findings.last_forecast_session(db)
    if forecast is None or forecast < last:
        yield Complaint(
            "forecasts",
            f"Prices are stored through {day(last)}, and the newest forecasts are "
            + (f"of {day(forecast)}." if forecast else "still to be made."),
            "barograph refresh",
        )


def _of_account(db: sqlite3.Connection, home: Path, now: str) -> Iterator[Complaint]:
    """Reconcile the paper account: its fills with decisions, orders, prices, cash and shares."""
    from desktop_app.account import every_decision_of, terms_of
    from fusion_model.trading.reconcile import find_discrepancies

    terms = terms_of(db, _settings_or_defaults(home))
    found = find_discrepancies(db, terms, every_decision_of(db), now)
    if found:
        yield Complaint(
            "account",
            f"The {terms.account} account does not agree with its record: {some(found, 3)}.",
            "barograph account kill, then barograph orders export --out orders.csv to look at it",
        )


def _of_scorer_change(db: sqlite3.Connection, home: Path, trained: TrainedModel) -> Iterator[Complaint]:
    """The model reads one scorer's scores alone: those that it was trained on."""
    learned, stored = json.loads(trained.summary).get("scorer", ""), facts.preferred_scorer(db) or ""
    if learned == stored or "sentiment" not in _settings_or_defaults(home).model_parts:
        return
    before = f"on scores by {learned}" if learned else "without posts"
    after = f"posts are now read by {stored}" if stored else "those are no longer stored"
    yield Complaint("model", f"The model was trained {before}, and {after}.", "barograph train")


def _settings_or_defaults(home: Path) -> Settings:
    try:
        return load_settings(home)
    except BadInput:  # _of_settings tells of it
        return Settings()
