"""The last known price of tickers: a quote of today, else the last close, in shares of today."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

from collectors.store import load_actions, load_bars, load_latest_quotes

PRICE_DAYS = 20  # how far back the last close of a ticker is looked for


def latest_prices(db: sqlite3.Connection, tickers: set[str], now: str) -> dict[str, float]:
    """Return the last known price of tickers in shares of today: a quote of today, else the last close."""
    since = (date.fromisoformat(now[:10]) - timedelta(days=PRICE_DAYS)).isoformat()
    named = sorted(tickers)
    closes = {row[0]: (row[1], row[5]) for row in load_bars(db, now, named, since)}
    ratios: dict[str, float] = {}
    for ticker, session, kind, ratio in load_actions(db, now, named):
        if kind == "split" and ticker in closes and closes[ticker][0] < session <= now[:10]:
            ratios[ticker] = ratios.get(ticker, 1.0) * ratio
    known = {ticker: close / ratios.get(ticker, 1.0) for ticker, (_, close) in closes.items()}
    for ticker, quote in load_latest_quotes(db, named, f"{now[:10]}T00:00:00Z").items():
        if quote.available_at <= now and closes.get(ticker, ("", 0.0))[0] < quote.quoted_at[:10]:
            known[ticker] = quote.price
    return known
