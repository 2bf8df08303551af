"""Suggestions at a close: nothing later is read, and what cannot be seen of the past is said."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from collectors.errors import BadInput
from collectors.market_calendar import session_after
from collectors.store import save_price_bars
from fusion_model.advice.portfolio_words import suggestion_in_words
from fusion_model.errors import NotEnoughHistory
from fusion_model.pipeline_portfolio import suggest_portfolio
from fusion_model.portfolio_findings import EQUAL_RISK, EQUAL_WEIGHT, MIN_CVAR, PortfolioFindings, WalkScore
from fusion_model.store import save_forecasts
from fusion_model.store_portfolio import load_portfolio
from tests.builders import bars, forecast_of

FIRST, COUNT = "2018-01-02", 420
AS_OF = session_after(FIRST, 379)
NOW = "2022-01-01T00:00:00Z"
TICKERS = ("AAA", "BBB", "CCC")


def fill(db: sqlite3.Connection, sessions: int) -> None:
    """Save three stocks of so many sessions, and forecasts of AS_OF."""
    random = np.random.default_rng(0)
    market = random.standard_t(4, COUNT) * 0.006
    for ticker, sigma in zip(TICKERS, (0.004, 0.01, 0.015), strict=True):
        steps = market + sigma * random.normal(size=COUNT)
        closes = (50 * np.exp(np.cumsum(steps))).tolist()[:sessions]
        save_price_bars(db, bars(ticker, closes, FIRST), NOW)
        said = forecast_of(ticker, AS_OF, session_after(AS_OF, 20), sigma=0.04 + 2 * sigma)
        save_forecasts(db, [replace(said, horizon=20)], NOW)


def suggested(db: sqlite3.Connection, **more: object) -> PortfolioFindings:
    return suggest_portfolio(db, session=AS_OF, tickers=TICKERS, now=NOW, **more)  # type: ignore[arg-type]


def test_later_prices_change_no_suggestion(db: sqlite3.Connection) -> None:
    fill(db, 380)
    before = suggested(db, methods=(EQUAL_RISK,))
    random = np.random.default_rng(9)
    for ticker in TICKERS:
        wild = (50 * np.exp(np.cumsum(random.normal(0.0, 0.2, 40)))).tolist()
        save_price_bars(db, bars(ticker, wild, session_after(AS_OF, 1)), NOW)
    assert suggested(db, methods=(EQUAL_RISK,)) == before


def test_a_short_past_is_said_and_no_method_is_called_better(db: sqlite3.Connection) -> None:
    fill(db, COUNT)
    found = suggested(db, methods=(MIN_CVAR, EQUAL_WEIGHT))
    assert found.walk == ()
    assert found.run.overfitting is None
    assert [row.beats_equal_weight for row in found.suggestions] == [None, None]
    assert "could not be seen: a walk forward needs 563 sessions of prices" in found.suggestions[0].sentence
    stored = load_portfolio(db)
    assert stored == (found, NOW)


def test_stocks_that_share_too_little_past_are_told(db: sqlite3.Connection) -> None:
    fill(db, COUNT)
    late = session_after(AS_OF, -100)
    save_price_bars(db, bars("NEW", [10.0 + day % 3 for day in range(101)], late), NOW)
    said = forecast_of("NEW", AS_OF, session_after(AS_OF, 20), sigma=0.1)
    save_forecasts(db, [replace(said, horizon=20)], NOW)
    with pytest.raises(NotEnoughHistory, match="NEW has 15 outcomes beside the others"):
        suggest_portfolio(db, session=AS_OF, tickers=[*TICKERS, "NEW"], now=NOW)


def test_what_is_not_forecast_is_named(db: sqlite3.Connection) -> None:
    fill(db, COUNT)
    with pytest.raises(BadInput, match="XYZ is not forecast over 20 sessions"):
        suggest_portfolio(db, session=AS_OF, tickers=["AAA", "XYZ"], now=NOW)
    assert load_portfolio(db) is None


BASE = WalkScore("equal_weight", 0.1, 0.16, 0.7, 0.1, 1.3, 0.3, 0.02, 0.2, *(float("nan"),) * 4, 0.6)


@pytest.mark.parametrize(
    ("low", "high", "risk_t", "verdict", "calmer"),
    [
        (-0.2, 0.3, -3.0, "the method did not beat 1/N", "It was calmer from day to day:"),
        (0.1, 0.5, -1.0, "the method beat 1/N", "It was no calmer beyond doubt:"),
        (-0.5, -0.1, 2.5, "the method was worse than 1/N", "It was wilder from day to day:"),
    ],
)
def test_the_sentence_says_what_the_walk_found(
    low: float, high: float, risk_t: float, verdict: str, calmer: str
) -> None:
    mine = WalkScore("min_cvar", 0.1, 0.14, 0.7, 0.1, 1.3, 0.3, 0.02, 1.5, 0.2, risk_t, low, high, 0.6)
    said = suggestion_in_words(
        method=MIN_CVAR,
        horizon=20,
        cvar=0.08,
        current_cvar=0.1,
        cost=0.001,
        mine=mine,
        base=BASE,
        span=("2016-01-04", "2020-12-31"),
        overfitting=0.4,
        note="",
    )
    assert f"From 2016-01-04 to 2020-12-31, after 10 bp a side, {verdict} (the same weight" in said
    assert "the Sharpe ratio, was 0.70 against 0.70" in said
    assert ("to +" if high > 0 else "−0.50 to −0.10") in said
    assert calmer in said
    assert "it would lose 8.0 % on average; what is held now would lose 10.0 %" in said
    assert "among the worse ones of the other in 40 %" in said
