"""StockNet's protocol and files: which stock-days count, their prices, and what posts said before."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.published.panels import panel_of_bars
from collectors.market_calendar import closes_by_session, session_after, sessions_between
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scoring import score_texts
from collectors.sentiment.texts import post_text
from fusion_model.dataset.panel import Panel, sentiment_of_posts
from fusion_model.dataset.post_features import ReadPost

# The protocol of Xu & Cohen (2018), "Stock Movement Prediction from Tweets and Historical Prices", as
# their program has it: moves from FALL to RISE are left out, and a sample needs a price older than
# the WINDOW of calendar days before it.
FALL, RISE = -0.005, 0.0055
WINDOW = timedelta(days=4)
SPANS = {
    "train": ("2014-01-01", "2015-07-31"),
    "validation": ("2015-08-01", "2015-09-30"),
    "test": ("2015-10-01", "2015-12-31"),
}
SAMPLES = {"train": 20_339, "validation": 2_555, "test": 3_720}


class Sample(NamedTuple):
    """A stock on a session whose move counts: ``move`` is the simple return of the adjusted close."""

    ticker: str
    session: str
    move: float


def samples_between(moves: Mapping[str, Mapping[str, float]], first: str, last: str) -> list[Sample]:
    """Return the protocol's samples of a span, by session and ticker.

    Parameters
    ----------
    moves : mapping of ticker to (session to move)
        Every session of the price file, those before the span included.
    """
    samples = []
    for ticker, by_session in moves.items():
        oldest = min(by_session, default="")
        for session, move in by_session.items():
            known_since = (date.fromisoformat(session) - WINDOW).isoformat()
            if first <= session <= last and oldest < known_since and not FALL <= move < RISE:
                samples.append(Sample(ticker, session, move))
    return sorted(samples, key=lambda sample: (sample.session, sample.ticker))


def read_moves(folder: Path) -> dict[str, dict[str, float]]:
    """Read session and move from the preprocessed price files (tab-separated, newest first)."""
    moves = {}
    for file in sorted(folder.glob("*.txt.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            fields = [line.split("\t") for line in lines]
        moves[file.name.removesuffix(".txt.gz")] = {row[0]: float(row[1]) for row in reversed(fields)}
    return moves


def read_panel(folder: Path, last: str) -> Panel:
    """Read the raw price files as bars in units of the adjusted close, so that returns are total returns."""
    bars: dict[str, list[tuple[str, list[float]]]] = {}
    for file in sorted(folder.glob("*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["Close"] != "null" and row["Date"] <= last]
        bars[file.name.removesuffix(".csv.gz")] = [(row["Date"], _bar(row)) for row in rows]
    tickers = tuple(ticker for ticker, rows in bars.items() if rows)
    sessions = tuple(sessions_between(min(bars[ticker][0][0] for ticker in tickers), last))
    row_of = {session: t for t, session in enumerate(sessions)}
    T, N = len(sessions), len(tickers)
    ohlcv = np.full((T, N, 5), np.nan)
    for n, ticker in enumerate(tickers):
        for session, bar in bars[ticker]:
            ohlcv[row_of[session], n] = bar
    return panel_of_bars(sessions, tickers, ohlcv)


def _bar(row: Mapping[str, str]) -> list[float]:
    adjusted = float(row["Adj Close"]) / float(row["Close"])
    return [*(adjusted * float(row[name]) for name in ("Open", "High", "Low", "Close")), float(row["Volume"])]


def with_posts(panel: Panel, posts: Iterator[tuple[str, str, str]]) -> Panel:
    """Return the panel with what posts said, each at the first close that knew it.

    Parameters
    ----------
    posts : iterator of (ticker, created_at, text)
        Those of other tickers, and after the last close, are passed over.
    """
    known = closes_by_session()
    closes = [known[session] for session in panel.sessions]
    before = known[session_after(panel.sessions[0], -1)]
    kept = sorted(
        (at, ticker, post_text("", text))
        for ticker, at, text in posts
        if ticker in panel.tickers and before < at <= closes[-1]
    )
    scorer = CompactScorer()
    scores = score_texts([text for _, _, text in kept], scorer)
    said: Counter[str] = Counter()
    read: list[ReadPost] = []
    for (at, ticker, text), score in zip(kept, scores, strict=True):
        said[text] += 1
        if np.isfinite(score).all():
            positive, neutral, negative = (float(one) for one in score)
            read.append((ticker, at, positive, neutral, negative, said[text]))
    return replace(panel, sentiment=sentiment_of_posts(read, closes, panel.tickers), scorer=scorer.name)


def read_posts(path: Path) -> Iterator[tuple[str, str, str]]:
    """Read (ticker, created_at, text) of the tweets."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            post = json.loads(line)
            yield post["ticker"], post["created_at"], post["text"]
