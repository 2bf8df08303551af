"""What a day does: the sources, then scoring, then forecasts; the one place where all packages meet."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from collectors import store as facts
from collectors.errors import BadInput, ConfigurationError
from collectors.market_calendar import sessions_between, utc_now
from collectors.progress import CollectReport, Progress, silent
from collectors.quote_watch import OnQuotes, QuoteWatch, nobody
from collectors.retry import PATIENT, RetryPolicy
from collectors.schedule import Job
from collectors.timetable import (
    CLOCK,
    AfterClose,
    AfterJob,
    BeforeOpen,
    DailyAt,
    Every,
    latest_believed,
    outlook,
)
from desktop_app.secrets import hide_keys, load_secret, require_secret
from desktop_app.settings import Settings, load_settings
from desktop_app.store import MODELS_FOLDER, load_holdings, load_watchlist, open_home

if TYPE_CHECKING:
    from collectors.records import Quote
    from desktop_app.account import Pass
    from fusion_model.advice.brokers import Broker

logger = logging.getLogger(__name__)

ORDERS_EVERY_MINUTES = 15  # so often approvals reach a broker, and what became of orders is asked
HASTY = RetryPolicy(attempts=1)  # while quotes arrive; the next pass tries again


def daily_jobs(home: Path, tell: Progress) -> list[Job]:
    """Return the jobs of a home folder, in the order in which those that are due together run.

    Their times are the settings'; each reads the rest of the settings, and its keys, when it runs.

    Raises
    ------
    BadInput
        The settings cannot be used.
    """
    models = home / MODELS_FOLDER

    def prices(db: sqlite3.Connection, now: str) -> CollectReport:
        from collectors.prices import collect_prices
        from collectors.stooq import open_stooq

        key = load_secret("STOOQ_API_KEY")
        second = open_stooq(key) if key else None
        return collect_prices(
            db, sorted({*_watched(db), *_followed(db)}), now=now, progress=tell, second=second
        )

    def posts(db: sqlite3.Connection, now: str) -> CollectReport:
        from collectors.reddit import RedditCredentials, collect_posts, open_reddit
        from collectors.universe import load_universe

        credentials = RedditCredentials(
            client_id=require_secret("REDDIT_CLIENT_ID"),
            client_secret=load_secret("REDDIT_CLIENT_SECRET"),  # an installed app has none
            refresh_token=load_secret("REDDIT_REFRESH_TOKEN"),
        )
        communities = load_settings(home).communities
        with open_reddit(credentials) as reddit:
            return collect_posts(db, reddit, communities, load_universe(), now=now, progress=tell)

    def macro(db: sqlite3.Connection, now: str) -> CollectReport:
        from collectors.fred import collect_macro, open_fred

        client = open_fred(require_secret("FRED_API_KEY"))
        return collect_macro(db, client, load_settings(home).macro_series, now=now, progress=tell)

    def earnings(db: sqlite3.Connection, now: str) -> CollectReport:
        from collectors.earnings import collect_earnings, open_edgar

        watched = _watched(db)
        edgar = open_edgar(load_settings(home).contact)
        return collect_earnings(db, edgar, watched, now=now, progress=tell)

    def score(db: sqlite3.Connection, now: str) -> CollectReport:
        from collectors.sentiment.scoring import choose_scorer, score_new_posts

        scorer = choose_scorer(models)
        scored = score_new_posts(db, scorer, now=now, progress=tell)
        return CollectReport(rows=scored, messages=(f"by {scorer.name}",))

    def refresh(db: sqlite3.Connection, now: str) -> CollectReport:
        from fusion_model import pipeline

        forecasts, sessions, notes = 0, list[str](), list[str]()
        for as_of, count in uncovered(db):
            held = held_shares(db) if as_of == facts.last_session(db) else {}  # they are of today
            report = pipeline.refresh(
                db, models, as_of=as_of, sessions=count, shares=held, now=now, progress=tell
            )
            notes += report.notes
            forecasts += len(report.forecasts)
            sessions += report.sessions
        earlier = f" and {len(sessions) - 1} sessions since {sessions[0]}" if len(sessions) > 1 else ""
        return CollectReport(rows=forecasts, messages=(f"as of {sessions[-1]}{earlier}", *notes))

    def orders(db: sqlite3.Connection, now: str) -> CollectReport:
        return told_of(pass_over_account(db, home, now))

    settings = load_settings(home)
    at_broker = () if settings.broker == "paper" else (Every(ORDERS_EVERY_MINUTES),)
    jobs = [
        Job(
            "prices",
            (
                AfterClose(settings.prices_minutes_after_close),
                BeforeOpen(settings.prices_minutes_before_open),
            ),
            prices,
        ),
        Job("posts", (Every(settings.posts_every_minutes),), posts),
        Job("score", (AfterJob("posts"),), score),
        Job("macro", tuple(DailyAt(*_clock(text)) for text in settings.macro_times), macro),
        Job("earnings", tuple(DailyAt(*_clock(text)) for text in settings.earnings_times), earnings),
        Job("refresh", (AfterJob("prices"),), refresh),  # last: what else is due at the close comes first
        Job("orders", (AfterJob("prices"), AfterJob("refresh"), *at_broker), orders),
    ]
    return [replace(job, run=_without_keys(job.run)) for job in jobs]


def quote_watch(home: Path, on_quotes: OnQuotes = nobody) -> QuoteWatch:
    """Return the watch on quotes of a home's watchlist and paper account, as its settings want it.

    ``on_quotes`` is called in the thread of the watch, with the record and the quotes that have just come.
    """
    return QuoteWatch(
        lambda: load_settings(home).quotes, _followed, lambda: open_home(home), on_quotes=on_quotes
    )


def react_to_quotes(home: Path) -> OnQuotes:
    """Return what is to happen on quotes: fill what was approved, raise alerts, propose what protects."""

    opened: dict[str, Broker | None] = {}

    def react(db: sqlite3.Connection, quotes: Sequence[Quote]) -> None:
        from desktop_app.account import on_quotes
        from desktop_app.rule_check import check_quotes

        for alert in check_quotes(db, quotes, utc_now()):
            logger.info("Alert on a quote: %s, %s", alert.ticker, alert.reason)
        settings = load_settings(home)
        if settings.broker not in opened:
            opened[settings.broker] = open_broker(settings, HASTY)
        done = on_quotes(db, settings, quotes, utc_now(), broker=opened[settings.broker])
        for order in done.proposals.orders:
            logger.info("Proposed on a quote: %s", order.reason)

    return react


def pass_over_account(db: sqlite3.Connection, home: Path, now: str) -> Pass:
    """Make an evening's pass: the person's alert rules, then fill, propose, approve by rule."""
    from desktop_app.account import keep_account
    from desktop_app.rule_check import check_rules

    settings = load_settings(home)
    check_rules(db, now)
    return keep_account(db, settings, now, broker=open_broker(settings))


def open_broker(settings: Settings, policy: RetryPolicy = PATIENT) -> Broker | None:
    """Return the broker of the settings; None is the embedded paper account.

    Raises
    ------
    ConfigurationError
        Its keys or its library are missing.
    """
    if settings.broker == "paper":
        return None
    from desktop_app.alpaca_paper import open_alpaca

    return open_alpaca(require_secret("ALPACA_API_KEY"), require_secret("ALPACA_SECRET_KEY"), policy=policy)


def told_of(done: Pass) -> CollectReport:
    """Say what a pass over the account did."""
    fills, orders, ends = done.outcomes.fills, done.proposals.orders, done.outcomes.ends
    counts = {"filled": fills, "proposed": orders, "approved by rule": done.approved, "ended": ends}
    told = [f"{len(many)} {word}" for word, many in counts.items() if many]
    if done.proposals.why_none:
        told.append(done.proposals.why_none)
    return CollectReport(rows=len(fills) + len(orders), messages=tuple(told))


def _without_keys(
    run: Callable[[sqlite3.Connection, str], CollectReport],
) -> Callable[[sqlite3.Connection, str], CollectReport]:
    """Take keys out of what a run says and raises: both are recorded in the database."""

    def told(db: sqlite3.Connection, now: str) -> CollectReport:
        try:
            report = run(db, now)
        except Exception as error:
            if hide_keys(str(error)) != str(error):
                error.args = (hide_keys(str(error)),)
            raise
        return replace(report, messages=tuple(map(hide_keys, report.messages)))

    return told


def _clock(text: str) -> tuple[int, int]:
    hour, minute = text.split(":")
    return int(hour), int(minute)


def next_runs(db: sqlite3.Connection, home: Path, now: str) -> dict[str, str]:
    """Return when each job of a home runs next; ``now`` or earlier: as soon as the schedule looks."""
    jobs = daily_jobs(home, silent)
    runs = facts.load_unsettled_runs(db, [CLOCK, *(job.name for job in jobs)], latest_believed(now))
    return {one.job: one.at for one in outlook(jobs, runs, now) if one.at is not None}


def held_shares(db: sqlite3.Connection) -> dict[str, float]:
    """Return what the person holds: shares of today by ticker."""
    return {holding.ticker: holding.shares for holding in load_holdings(db)}


def _followed(db: sqlite3.Connection) -> list[str]:
    """Return what is watched or was ever traded on paper: what is held needs its prices, watched or not."""
    from fusion_model.store_orders import load_fills

    return sorted({*load_watchlist(db), *(fill.ticker for fill in load_fills(db))})


def _watched(db: sqlite3.Connection) -> list[str]:
    watched = load_watchlist(db)
    if not watched:
        raise ConfigurationError("the watchlist is empty; `barograph watch add AAPL` fills it")
    return watched


def uncovered(db: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return what to refresh, each as a session and how many up to it: the newest, and what was missed.

    A session is covered by the newest model that knew nothing later, as its own evening would have been.
    Where there is none, it stays without a forecast: to train one for the past is a person's decision.
    """
    from fusion_model import store as findings

    last, covered = facts.last_session(db), findings.last_forecast_session(db)
    if last is None:
        raise BadInput(
            "no prices are stored; `barograph collect prices` or `barograph import` fills the record"
        )
    sessions = [last] if covered is None or covered >= last else sessions_between(covered, last)[1:]
    parts: dict[str, list[str]] = {}
    for session in sessions:
        model = findings.load_trained_model(db, through=session)
        if model is not None or session == last:
            parts.setdefault(model.model_version if model else "", []).append(session)
    return [(part[-1], len(part)) for part in parts.values()]
