"""What a day does: the sources, then scoring, then forecasts; the one place where all packages meet."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from collectors.errors import ConfigurationError
from collectors.progress import CollectReport, Progress
from collectors.schedule import AfterClose, AfterJob, DailyAt, Every, Job
from desktop_app.secrets import load_secret, require_secret
from desktop_app.settings import load_settings
from desktop_app.store import load_watchlist

MODELS_FOLDER = "models"  # of a home: checkpoints, and FinBERT


def daily_jobs(home: Path, tell: Progress) -> list[Job]:
    """Return the jobs of a home folder; each reads its settings and keys when it runs."""
    models = home / MODELS_FOLDER

    def prices(db: sqlite3.Connection, now: str) -> CollectReport:
        from collectors.prices import collect_prices
        from collectors.stooq import open_stooq

        key = load_secret("STOOQ_API_KEY")
        second = open_stooq(key) if key else None
        return collect_prices(db, _watched(db), now=now, progress=tell, second=second)

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

        report = pipeline.refresh(db, models, as_of=None, now=now, progress=tell)
        return CollectReport(rows=len(report.forecasts), messages=(f"as of {report.sessions[-1]}",))

    return [
        Job("prices", AfterClose(minutes=20), prices),
        Job("posts", Every(minutes=15), posts),
        Job("macro", DailyAt(hour=22), macro),
        Job("earnings", DailyAt(hour=12), earnings),  # evening reports are in, the next session is ahead
        Job("score", AfterJob("posts"), score),
        Job("refresh", AfterJob("prices"), refresh),
    ]


def _watched(db: sqlite3.Connection) -> list[str]:
    watched = load_watchlist(db)
    if not watched:
        raise ConfigurationError("the watchlist is empty; `barograph watch add AAPL` fills it")
    return watched
