"""Prices per today's share: what was traded before a split, divided by it."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from collectors.store import load_actions
from desktop_app.words import PriceForecast
from fusion_model.findings import Forecast

LATEST = "9999"  # an instant after every other: all that is known now


# No dataclass: 20 years of them are made at each change of ticker, three times as fast.
class Bar(NamedTuple):
    """A session per today's share: prices before a split are divided by it, volumes multiplied."""

    session: str
    open: float
    high: float
    low: float
    close: float
    volume: float


def load_splits(db: sqlite3.Connection, tickers: Sequence[str]) -> dict[str, list[tuple[str, float]]]:
    """Return (session, ratio) of the splits of each ticker."""
    splits: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for ticker, session, kind, ratio in load_actions(db, LATEST, tickers):
        if kind == "split" and ratio > 0:
            splits[ticker].append((session, ratio))
    return splits


def later_splits(splits: Sequence[tuple[str, float]], session: str) -> float:
    """Return how many of today's shares one share of a session became."""
    return math.prod(ratio for split_session, ratio in splits if split_session > session)


def adjusted(
    rows: Sequence[tuple[str, str, float, float, float, float, float]], splits: Sequence[tuple[str, float]]
) -> tuple[Bar, ...]:
    """Return rows of collectors.store.load_bars as bars per today's share."""
    bars, left, factor = [], sorted(splits, reverse=True), 1.0
    for _, session, opened, high, low, close, volume in reversed(rows):
        while left and left[0][0] > session:
            factor *= left.pop(0)[1]
        bars.append(
            Bar(session, opened / factor, high / factor, low / factor, close / factor, volume * factor)
        )
    return tuple(reversed(bars))


def in_currency(forecast: Forecast, splits: Sequence[tuple[str, float]]) -> PriceForecast:
    """Return a forecast as prices per today's share."""
    close = forecast.last_close / later_splits(splits, forecast.as_of_session)
    return PriceForecast(
        horizon=forecast.horizon,
        as_of_session=forecast.as_of_session,
        target_session=forecast.target_session,
        last_close=close,
        prices=tuple(close * math.exp(quantile) for quantile in forecast.quantiles),
        prob_up=forecast.prob_up,
        volatility=forecast.volatility,
        model_version=forecast.model_version,
        scorer=forecast.scorer,
    )
