"""A record of millions of rows, one more day collected into it, and what a person looks at measured on it."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import requests
from curl_cffi import Curl

import collectors.prices
from collectors.fred import collect_macro, open_fred
from collectors.market_calendar import instant, session_after, session_close, sessions_between
from collectors.prices import collect_prices
from collectors.records import Post, PostMention, PostSentiment, PostText
from collectors.reddit import collect_posts, open_reddit
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scoring import score_new_posts
from collectors.store import note_looked_at, save_bars_of, save_posts, save_sentiment, writing
from collectors.universe import load_universe
from desktop_app.cli import run
from desktop_app.doctor import examine
from desktop_app.freshness import load_freshness
from desktop_app.snapshot import load_snapshot, load_watch_rows
from desktop_app.store import open_home, open_home_reader, open_home_to_collect, watch
from fusion_model.findings import QUANTILE_LEVELS, Forecast
from fusion_model.store import save_forecasts
from tests.collectors.faults import CREDENTIALS, POLICY, three_sources
from tests.collectors.loopback import Answer, Loopback
from tests.collectors.recorded import CHART_PATH, COMMENTS, NEW, play_yahoo, recorded

LAST, TODAY = "2020-11-05", "2020-11-06"
NOW = "2020-11-07T12:00:00Z"
FIRST_POST = datetime(2015, 1, 2, tzinfo=UTC)
COMMUNITIES = ("stocks", "investing", "StockMarket", "wallstreetbets")
WORDS = [
    "up",
    "down",
    "earnings",
    "calls",
    "puts",
    "bullish",
    "bankrupt",
    "rally",
    "hold",
    "sell",
    "buy",
    "moon",
    "dip",
    "guidance",
    "beat",
    "miss",
]
POSTS_AT_ONCE = 20_000
T = TypeVar("T")


@dataclass
class Seconds:
    """How long each part took, by name, in the order of its beginning."""

    of: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)  # of this thread alone, whoever else computes
    now: str = ""

    def take(self, name: str, work: Callable[[], T]) -> T:
        """Do some work and note its time."""
        self.now = name
        return self.add(work)

    def add(self, work: Callable[[], T], to: str = "") -> T:
        """Do some work and add its time to that of a part."""
        name = to or self.now
        begun, computed = time.perf_counter(), time.thread_time()
        try:
            return work()
        finally:
            self.of[name] = self.of.get(name, 0.0) + time.perf_counter() - begun
            self.processor[name] = self.processor.get(name, 0.0) + time.thread_time() - computed


def fill(home: Path, *, tickers: int, sessions: int, posts: int, seed: int = 1) -> None:
    """Write a record of so many tickers of so many sessions each, and posts with mentions and scores."""
    chance = random.Random(seed)
    names = [f"T{number:03d}" for number in range(tickers)]
    known = sorted(load_universe())[:200]
    with closing(open_home(home)) as db:
        with writing(db):
            for ticker in names:
                _save_walk(db, ticker, sessions)
            watch(db, names, NOW)
        for start in range(0, posts, POSTS_AT_ONCE):
            _save_posts(db, range(start, min(start + POSTS_AT_ONCE, posts)), posts, [*names, *known], chance)
        note_looked_at(db, CompactScorer().name, posts)
        save_forecasts(db, [_forecast(ticker, h) for ticker in names for h in (1, 5, 20)], NOW)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _walk(sessions: int) -> tuple[list[str], list[list[float]]]:
    """The same walk for every ticker, so that one answer of the server continues all of them."""
    moves = np.random.default_rng(7).standard_t(4, sessions + 1) * 0.01
    close = np.round(50 * np.exp(np.cumsum(moves) - np.mean(moves) * np.arange(sessions + 1)), 2)
    days = sessions_between(session_after(TODAY, -sessions), TODAY)
    columns = [close, close * 1.01, close * 0.99, close, 1e6 + np.arange(sessions + 1) * 7.0]
    return days, [np.round(column, 2).tolist() for column in columns]


def _save_walk(db: sqlite3.Connection, ticker: str, sessions: int) -> None:
    days, columns = _walk(sessions)
    known_at = [session_close(day) for day in days[:-1]]
    save_bars_of(db, ticker, "yahoo", days[:-1], [column[:-1] for column in columns], known_at, NOW)


def _save_posts(
    db: sqlite3.Connection, numbers: range, of: int, tickers: list[str], chance: random.Random
) -> None:
    span = datetime.fromisoformat(NOW) - timedelta(hours=3) - FIRST_POST
    posts, mentions, scores, texts = [], [], [], []
    for number in numbers:
        at, name = instant(FIRST_POST + span * (number / of)), f"t3_{number:07x}"
        body = " ".join(chance.choices(WORDS, k=25))
        posts.append(Post(name, "reddit", COMMUNITIES[number % 4], body[:60], body, 3, 1, at, at))
        mentions += [PostMention(name, ticker) for ticker in {chance.choice(tickers), chance.choice(tickers)}]
        scores.append(PostSentiment(name, CompactScorer().name, 0.25, 0.5, 0.25, at))
        texts.append(PostText(name, f"{chance.getrandbits(128):032x}"))
    save_posts(db, posts, mentions)
    save_sentiment(db, scores, texts)


def _forecast(ticker: str, horizon: int) -> Forecast:
    quantiles = tuple((level - 0.5) / 10 for level in QUANTILE_LEVELS)
    target = session_after(LAST, horizon)
    return Forecast(
        "fusion", "v1", ticker, LAST, horizon, target, 50.0, quantiles, 0.0, 0.5, 0.03, CompactScorer().name
    )


# One day more ---------------------------------------------------------------------------------------


@contextmanager
def a_day_of_answers(tickers: list[str], sessions: int, posts: int) -> Iterator[Loopback]:
    """Run a server on which each ticker has one bar more, and each community so many new posts."""
    with three_sources() as web:
        chart = _chart(sessions)
        for ticker in tickers:
            web.on(f"{CHART_PATH}{ticker}", chart)
        for number, community in enumerate(COMMUNITIES):
            web.on(f"/r/{community}/new", _listing(NEW, "t3", number, range(posts)))
            web.on(f"/r/{community}/comments/", _listing(COMMENTS, "t1", number, range(posts)))
        yield web


def _chart(sessions: int) -> Answer:
    """Yahoo's answer for the sessions that are asked again, and today."""
    answer = json.loads(recorded("yahoo_chart_aapl_2020.json").body)
    [chart] = answer["chart"]["result"]
    days, columns = _walk(sessions)
    chart["timestamp"] = [int(datetime.fromisoformat(session_close(day)).timestamp()) for day in days[-11:]]
    names = ("open", "high", "low", "close", "volume")
    quote = {name: column[-11:] for name, column in zip(names, columns, strict=True)}
    chart["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]}
    chart.pop("events", None)
    return Answer(json.dumps(answer))


def _listing(like: str, kind: str, community: int, numbers: range) -> Answer:
    listing = json.loads(like)
    child = listing["data"]["children"][0]
    begun = int(datetime.fromisoformat(NOW).timestamp()) - 6000
    children = []
    for number in reversed(numbers):
        name = f"n{community}{number:05d}"
        text = f"$T{number % 100:03d} {' '.join(random.Random(name).choices(WORDS, k=25))}"
        told = {"id": name, "name": f"{kind}_{name}", "created_utc": begun + number * 10}
        told |= {"selftext": text, "title": text[:60]} if kind == "t3" else {"body": text}
        children.append({**child, "data": {**child["data"], **told}})
    listing["data"] |= {"children": children, "after": None, "dist": len(numbers)}
    return Answer(json.dumps(listing))


def collect_a_day(home: Path, tickers: list[str], web: Loopback) -> tuple[Seconds, Seconds, Seconds]:
    """Collect as `barograph collect` does, and score; no pause is slept.

    Returns the seconds of each part, those of it that were spent waiting for the server, and those in which
    yfinance read its answers.
    """
    took, waited, read = Seconds(), Seconds(), Seconds()
    with pytest.MonkeyPatch.context() as patch:
        play_yahoo(web, patch)
        patch.setattr("collectors.prices.PAUSE_S", 0.0)
        patch.setattr(Curl, "perform", _timed(Curl.perform, waited, took))
        patch.setattr(requests.Session, "send", _timed(requests.Session.send, waited, took))
        reader = collectors.prices._history_reader
        patch.setattr(collectors.prices, "_history_reader", lambda *of: _timed(reader(*of), read, took))
        with closing(open_home(home)) as db:
            took.take("prices", lambda: collect_prices(db, tickers, now=NOW, policy=POLICY))
            fred = open_fred("k" * 32, root_url=web.url, policy=POLICY, seconds_between=0)
            took.take("macro", lambda: collect_macro(db, fred, ["GDP"], now=NOW))
            with open_reddit(
                CREDENTIALS, oauth_url=web.url, reddit_url=web.url, policy=POLICY, seconds_between=0
            ) as reddit:
                took.take("posts", lambda: collect_posts(db, reddit, COMMUNITIES, load_universe(), now=NOW))
            took.take("score", lambda: score_new_posts(db, CompactScorer(), now=NOW))
    for spans, asked in ((read.of, waited.of), (read.processor, waited.processor)):
        spans.update({part: seconds - asked.get(part, 0.0) for part, seconds in spans.items()})
    return took, waited, read


def _timed(work: Callable[..., T], spent: Seconds, parts: Seconds) -> Callable[..., T]:
    """Return the work, which adds its time to that of the part that is under way."""

    def timed(*args: Any, **kwargs: Any) -> T:
        return spent.add(lambda: work(*args, **kwargs), to=parts.now)

    return timed


def look_at(home: Path, ticker: str) -> Seconds:
    """Tell how long the window and the commands take that a person waits for, and the day's backup."""
    took = Seconds()
    with closing(open_home_reader(home)) as db:
        took.take("window: watchlist", lambda: load_watch_rows(db))
        took.take("window: one stock", lambda: load_snapshot(db, ticker))
        took.take("window: sources", lambda: load_freshness(db, NOW, home))
    with redirect_stdout(io.StringIO()):
        took.take("status", lambda: run(["--home", str(home), "status"]))
    took.take("doctor", lambda: examine(home, now=NOW))
    took.take("the day's backup", lambda: open_home_to_collect(home, NOW).close())
    return took
