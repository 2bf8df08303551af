"""A made-up home for benchmarks/window.py: two tickers of 20 years with 10,000 posts each, 500 in all."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from collectors.records import Post, PostMention, PostSentiment, PriceBar
from collectors.store import save_posts, save_price_bars, save_sentiment
from desktop_app.chart_marks import MARK_KINDS, ChartMark
from desktop_app.snapshot import Snapshot
from desktop_app.store import open_home, watch
from desktop_app.todays_share import Bar
from fusion_model.findings import QUANTILE_LEVELS, Anomaly, Forecast
from fusion_model.store import save_anomalies, save_forecasts

NOW = "2021-04-20T21:00:00Z"
LAST = date(2021, 4, 20)
LONG, SHORT = 20 * 252, 260  # sessions of the two long histories, and of the others
TICKERS, POSTS = 500, 10_000
QUANTILES = tuple((level - 0.5) / 10 for level in QUANTILE_LEVELS)


def fill(home: Path) -> None:
    """Write the home; some seconds."""
    random = np.random.default_rng(0)
    sessions = _weekdays(LONG)
    tickers = [f"T{i:03d}" for i in range(TICKERS)]
    with closing(open_home(home)) as db:
        for i, ticker in enumerate(tickers):
            save_price_bars(db, _bars(ticker, sessions[-(LONG if i < 2 else SHORT) :], random), NOW)
        for ticker in tickers[:2]:
            _save_posts(db, ticker, sessions, random)
        watch(db, tickers, NOW)
        save_forecasts(
            db, [_forecast(ticker, sessions[-1], h) for ticker in tickers for h in (1, 5, 20)], NOW
        )
        save_anomalies(
            db,
            [
                Anomaly(tickers[i % 50], sessions[-1 - i], "volume", 9.0, 1.0, 0.0002, "Nine times as much.")
                for i in range(200)
            ],
            NOW,
        )


def _weekdays(number: int) -> list[str]:
    days, on = [], LAST
    while len(days) < number:
        if on.weekday() < 5:
            days.append(on.isoformat())
        on -= timedelta(days=1)
    return days[::-1]


def _bars(ticker: str, sessions: list[str], random: np.random.Generator) -> list[PriceBar]:
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.015, len(sessions))))
    spread = close * 0.01
    return [
        PriceBar(
            ticker, session, float(c - s / 2), float(c + s), float(c - s), float(c), 1e6, "made up",
            f"{session}T21:00:00Z",
        )
        for session, c, s in zip(sessions, close, spread, strict=True)
    ]  # fmt: skip


def _save_posts(db: object, ticker: str, sessions: list[str], random: np.random.Generator) -> None:
    ids = [f"{ticker}-{i}" for i in range(POSTS)]
    at = [f"{sessions[int(i)]}T15:00:00Z" for i in random.integers(0, len(sessions), POSTS)]
    posts = [
        Post(i, "reddit", "stocks", f"{ticker} to the moon", "text " * 40, 3, 1, when, when)
        for i, when in zip(ids, at, strict=True)
    ]
    save_posts(db, posts, [PostMention(i, ticker) for i in ids])  # type: ignore[arg-type]
    up = random.uniform(0, 0.5, POSTS)
    save_sentiment(
        db,  # type: ignore[arg-type]
        [
            PostSentiment(i, "compact", float(u), 0.4, float(0.6 - u), NOW)
            for i, u in zip(ids, up, strict=True)
        ],
    )


def _forecast(ticker: str, session: str, horizon: int) -> Forecast:
    target = (date.fromisoformat(session) + timedelta(days=horizon * 7 // 5 + 1)).isoformat()
    return Forecast(
        "fusion", "v1", ticker, session, horizon, target, 50.0, QUANTILES, 0.0, 0.5, 0.03, "compact"
    )


def many_bars(snapshot: Snapshot, number: int) -> Snapshot:
    """Return a snapshot with so many bars, four averages, a fan of three bands, and marks of every kind."""
    random = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.002, number)))
    sessions = [f"{1900 + i // 365:04d}-{1 + i % 365 // 31:02d}-{1 + i % 28:02d}" for i in range(number)]
    bars = tuple(
        Bar(session, c * 0.997, c * 1.01, c * 0.99, c, 1e6)
        for session, c in zip(sessions, close.tolist(), strict=True)
    )
    kinds = list(MARK_KINDS)
    average = tuple(close.tolist())
    return replace(
        snapshot,
        ticker=f"{number} bars",
        bars=bars,
        closes=tuple(f"{session}T21:00:00Z" for session in sessions),
        averages=dict.fromkeys((20, 50, 100, 200), average),
        marks=tuple(ChartMark(i, kinds[i % len(kinds)], 0, "") for i in range(0, number, 17)),
        forecast_position=number - 1,
    )
