"""The record of suggested portfolios: a run comes back whole, and stays."""

from __future__ import annotations

import math
import sqlite3

import pytest

from fusion_model.portfolio_findings import (
    FrontierPoint,
    PortfolioFindings,
    PortfolioRun,
    PortfolioSuggestion,
    SuggestedWeight,
    WalkScore,
)
from fusion_model.store_portfolio import load_portfolio, save_portfolio

RUN = PortfolioRun(
    "2020-01-02", 20, "2020-01-31", "fusion-1", 2000, 0.0, 0.25, 1.0, 1.0, 0.001, 0.005,
    "2015-01-02", "2020-01-02", 63, 0.4, "",
)  # fmt: skip
FOUND = PortfolioFindings(
    run=RUN,
    suggestions=(
        PortfolioSuggestion("min_cvar", 0.08, 0.04, 6.2, None, None, 0.5, 0.001, 0.1, False, "No."),
        PortfolioSuggestion("equal_weight", 0.09, 0.05, 8.0, 0.1, 0.06, 0.2, 0.0004, 0.0, None, "1/N."),
    ),
    weights=(SuggestedWeight("min_cvar", "KO", 0.0, 0.25, 0.2, 0.25),),
    frontier=(FrontierPoint("trading", 0, 0.0, 0.1, 0.05, 8.0, None),),
    walk=(WalkScore("min_cvar", 0.1, 0.14, 0.7, 0.1, 1.3, 0.3, 0.02, 1.5, 0.2, -3.0, -0.4, 0.3, 0.6),),
)
NOW, LATER = "2020-01-02T22:00:00Z", "2020-01-03T22:00:00Z"


def test_a_run_comes_back_as_it_was_saved(db: sqlite3.Connection) -> None:
    assert load_portfolio(db) is None
    save_portfolio(db, FOUND, NOW)
    assert load_portfolio(db) == (FOUND, NOW)
    assert load_portfolio(db, "2020-01-02") == (FOUND, NOW)
    assert load_portfolio(db, "2020-01-03") is None


def test_the_newest_run_of_a_session_is_shown_and_the_earlier_one_stays(db: sqlite3.Connection) -> None:
    save_portfolio(db, FOUND, NOW)
    again = PortfolioFindings(RUN, FOUND.suggestions[:1], FOUND.weights, (), ())
    save_portfolio(db, again, LATER)
    assert load_portfolio(db) == (again, LATER)
    assert db.execute("SELECT count(*) FROM portfolio_run").fetchone() == (2,)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("DELETE FROM portfolio_weight")


def test_a_figure_without_a_value_is_null_in_the_table_and_nan_here(db: sqlite3.Connection) -> None:
    nan = float("nan")
    base = WalkScore("equal_weight", 0.1, 0.14, 0.7, 0.1, 1.3, 0.3, 0.02, 0.2, nan, nan, nan, nan, 0.6)
    save_portfolio(db, PortfolioFindings(RUN, (), (), (), (base,)), NOW)
    stored = load_portfolio(db)
    assert stored is not None
    assert math.isnan(stored[0].walk[0].mean_t)
    assert db.execute("SELECT mean_t FROM portfolio_walk").fetchone() == (None,)
