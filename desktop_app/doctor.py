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
from resources.language import tr

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
        tr(
            "Leak alarms on {tickers}, {first_session} to "
            "{last_session}, the last {scored_sessions} sessions scored; fusion in a small "
            "configuration ({hidden} units, {networks}, "
            "{epochs}).",
            tickers=count(len(report.tickers), "ticker"),
            first_session=day(report.first_session),
            last_session=day(report.last_session),
            scored_sessions=report.scored_sessions,
            hidden=config.hidden,
            networks=count(config.members, "network"),
            epochs=count(config.epochs, "pass", "passes"),
        )
    ]
    for model, alarms in report.alarms.items():
        silent = sum(alarm.sounded and not alarm.fired for alarm in alarms)
        lines.append(
            tr("{model}: {silent} of {alarms} alarms silent", model=model, silent=silent, alarms=len(alarms))
        )
        lines += [
            f"    {'FIRED' if alarm.fired else tr('not known')}, {alarm.name}: {alarm.sentence}"
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
            tr(
                "Only {free} MB are free on the disk that holds {home}; 1,000 MB are a safe margin.",
                free=f"{free / 1000000.0:,.0f}",
                home=home,
            ),
            tr("make room on it, or choose another folder with --home"),
        )


def _of_settings(home: Path) -> Iterator[Complaint]:
    try:
        load_settings(home)
    except BadInput as error:
        yield Complaint("settings", f"{error}.", tr("mend or delete {home}", home=home / SETTINGS_NAME))


def _of_keys(home: Path) -> Iterator[Complaint]:
    if load_secret("FRED_API_KEY") is None:
        yield _of_missing_key("FRED_API_KEY", tr("macro figures"))
    if load_secret("REDDIT_CLIENT_ID") is None:
        yield Complaint("keys", REDDIT_IS_OFF, _set_key("REDDIT_CLIENT_ID"))
    elif load_secret("REDDIT_CLIENT_SECRET") is None and load_secret("REDDIT_REFRESH_TOKEN") is None:
        yield _of_missing_key("REDDIT_CLIENT_SECRET", "posts")  # an installed app has a token in its place
    if _settings_or_defaults(home).broker == "alpaca":
        for name, origin in BROKER_SECRETS.items():
            if load_secret(name) is None:
                said = tr(
                    "The key {name} is missing, so no order reaches Alpaca; get it at {origin}.",
                    name=name,
                    origin=origin,
                )
                yield Complaint("keys", said, _set_key(name))


def _of_missing_key(name: str, needed_for: str) -> Complaint:
    return Complaint(
        "keys",
        tr(
            "The key {name} is missing, so {needed_for} cannot be collected; get it at {origin}.",
            name=name,
            needed_for=needed_for,
            origin=SECRET_NAMES[name],
        ),
        _set_key(name),
    )


def _set_key(name: str) -> str:
    return f"keyring set {SERVICE} {name}    (or set the environment variable {name})"


def _of_database(home: Path, now: str) -> Iterator[Complaint]:
    path = home / choices.DATABASE_NAME
    if not path.is_file():
        yield Complaint(
            "prices", tr("Nothing is stored in {home} yet.", home=home), "barograph import prices FILES"
        )
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
        tr("The database {path} is damaged: {wrong}.", path=path, wrong=wrong[0]),
        facts.REPAIR,
    )


def _of_prices(db: sqlite3.Connection, now: str) -> Iterator[Complaint]:
    newest, watched = facts.load_newest_sessions(db), choices.load_watchlist(db)
    if not watched:
        yield Complaint(
            "watchlist", tr("The watchlist is empty, so no prices are collected."), "barograph watch add AAPL"
        )
    if not newest:
        yield Complaint("prices", tr("No prices are stored."), "barograph import prices FILES")
        return
    last = max(newest.values())
    if state_of("prices", last, now) == "stale":
        yield Complaint(
            "prices",
            tr(
                "The newest prices are of {last}; the last session that closed is {last_closed_session}.",
                last=day(last),
                last_closed_session=day(last_closed_session(now)),
            ),
            "barograph collect prices",
        )
    yield from _of_doubts(db, last)
    behind = [ticker for ticker in watched if newest.get(ticker, "") < last]
    if behind:
        yield Complaint(
            "prices",
            tr(
                "{count} had no price on {last}: {some}.",
                count=count(len(behind), "watched ticker"),
                last=day(last),
                some=some(behind),
            ),
            f"barograph collect prices, or barograph watch remove {behind[0]}",
        )


def _of_doubts(db: sqlite3.Connection, last: str) -> Iterator[Complaint]:
    """Tell what is held out of forecasts of the newest sessions, because it looks wrong."""
    since = session_after(last, -RECENT_SESSIONS)
    held = [flag for flag in facts.load_flags(db, first=since) if flag.holds and not flag.resolution]
    if held:
        told = [
            tr(
                "{ticker} on {session} ({detail}; {source})",
                ticker=flag.ticker,
                session=day(flag.session),
                detail=flag.detail,
                source=flag.source,
            )
            for flag in held
        ]
        yield Complaint(
            "quality",
            tr(
                "{count} held out of forecasts until borne out: {some}.",
                count=count(len(held), "price is", "prices are"),
                some=some(told, 3),
            ),
            "barograph collect prices on another day, or barograph import prices FILES of another source",
        )


def _of_other_sources(db: sqlite3.Connection, now: str) -> Iterator[Complaint]:
    coverage = facts.load_coverage(db)
    for kind, noun in (
        ("posts", "posts"),
        ("macro", tr("macro figures")),
        ("earnings", tr("earnings dates")),
    ):
        last = max((source.last for source in coverage if source.kind == kind), default="")
        state = state_of(kind, last, now)
        if state == "missing":
            yield Complaint(
                kind,
                tr("No {noun} are stored; forecasts go without them.", noun=noun),
                f"barograph collect {kind}, or barograph import {kind} FILES",
            )
        elif state == "stale":
            yield Complaint(
                kind,
                tr(
                    "The newest {noun} are of {last}, {age}; they are stale after {days} days.",
                    noun=noun,
                    last=day(last),
                    age=age(last, now),
                    days=STALE_AFTER_DAYS[kind],
                ),
                f"barograph collect {kind}",
            )


def _of_shortened_series(db: sqlite3.Connection) -> Iterator[Complaint]:
    from collectors.fred import SHORTENED

    for run in facts.load_job_runs(db, "macro", limit=1):
        for message in run.message.split("; "):
            if message.startswith(SHORTENED):
                yield Complaint(
                    "macro", f"{message}.", tr("keep backups of this home: FRED cannot give the rest again")
                )


def _of_posts(db: sqlite3.Connection, models: Path) -> Iterator[Complaint]:
    scorer = _scorer_in_use(db, models)
    unscored = _scorable_posts_without(db, scorer)
    if unscored:
        yield Complaint(
            "scores",
            tr(
                "{count} no score by {scorer}.",
                count=count(unscored, "post has", "posts have"),
                scorer=scorer,
            ),
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
        yield Complaint("model", tr("No model has been trained."), "barograph train")
        return
    if not (home / choices.MODELS_FOLDER / trained.folder).is_dir():
        yield Complaint(
            "model",
            tr("The files of the model {model_version} are missing.", model_version=trained.model_version),
            "barograph train",
        )
    elif state_of("model", trained.as_of_session, now) == "stale" and trained.as_of_session < last:
        yield Complaint(
            "model",
            tr(
                "The model knows nothing after {as_of_session}, {age}.",
                as_of_session=day(trained.as_of_session),
                age=age(trained.as_of_session, now),
            ),
            "barograph train",
        )
    yield from _of_scorer_change(db, home, trained)
    forecast = findings.last_forecast_session(db)
    if forecast is None or forecast < last:
        yield Complaint(
            "forecasts",
            tr("Prices are stored through {last}, and the newest forecasts are ", last=day(last))
            + (tr("of {forecast}.", forecast=day(forecast)) if forecast else tr("still to be made.")),
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
            tr(
                "The {account} account does not agree with its record: {some}.",
                account=terms.account,
                some=some(found, 3),
            ),
            "barograph account kill, then barograph orders export --out orders.csv to look at it",
        )


def _of_scorer_change(db: sqlite3.Connection, home: Path, trained: TrainedModel) -> Iterator[Complaint]:
    """The model reads one scorer's scores alone: those that it was trained on."""
    learned, stored = json.loads(trained.summary).get("scorer", ""), facts.preferred_scorer(db) or ""
    if learned == stored or "sentiment" not in _settings_or_defaults(home).model_parts:
        return
    before = tr("on scores by {learned}", learned=learned) if learned else tr("without posts")
    after = (
        tr("posts are now read by {stored}", stored=stored) if stored else tr("those are no longer stored")
    )
    yield Complaint(
        "model",
        tr("The model was trained {before}, and {after}.", before=before, after=after),
        "barograph train",
    )


def _settings_or_defaults(home: Path) -> Settings:
    try:
        return load_settings(home)
    except BadInput:  # _of_settings tells of it
        return Settings()
