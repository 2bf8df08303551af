"""Claims about betas: planted ones are found, and what cannot be told is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.advice.exposures import least_squares, market_returns, risk_factors
from fusion_model.dataset.panel import Panel
from tests.builders import panel_of

SESSIONS = 1200


def planted() -> tuple[Panel, np.ndarray]:
    """SPY, a stock that does 1.5 times as much and falls 2 % a point of rate, and one on its own."""
    random = np.random.default_rng(0)
    market, change = random.normal(0, 0.01, SESSIONS), random.normal(0, 0.05, SESSIONS)
    own = random.normal(0, 0.005, (SESSIONS, 2))
    returns = np.stack([market, 1.5 * market - 0.02 * change + own[:, 0], own[:, 1]], axis=1)
    panel = replace(panel_of(returns), tickers=("SPY", "T01", "T02"))
    return panel, np.stack([3 + np.cumsum(change), np.repeat(np.arange(60.0), 20)], axis=1)


def test_planted_betas_are_found() -> None:
    panel, levels = planted()
    subjects = [("T01", panel.log_returns[:, 1]), ("T02", panel.log_returns[:, 2])]
    found = {
        (one.subject, one.factor): one for one in risk_factors(panel, subjects, ["DGS10", "CPI"], levels)
    }
    assert set(found) == {("T01", "SPY"), ("T01", "DGS10"), ("T02", "SPY"), ("T02", "DGS10")}
    for key, beta in ((("T01", "SPY"), 1.5), (("T01", "DGS10"), -0.02), (("T02", "DGS10"), 0.0)):
        assert found[key].beta == pytest.approx(beta, abs=3 * found[key].standard_error)
    assert 0 < found["T01", "DGS10"].standard_error < 0.01


def test_the_market_has_no_beta_to_itself() -> None:
    panel, _ = planted()
    assert risk_factors(panel, [("SPY", panel.log_returns[:, 0])], [], np.empty((SESSIONS, 0))) == []


def test_without_spy_the_market_is_the_mean_stock() -> None:
    panel = replace(planted()[0], tickers=("T00", "T01", "T02"))
    name, returns = market_returns(panel)
    assert name == "market"
    assert returns[-1] == pytest.approx(np.log(np.exp(panel.log_returns[-1]).mean()))


def test_a_young_stock_has_none() -> None:
    panel, levels = planted()
    young = panel.log_returns[:, 1].copy()
    young[:-200] = np.nan
    assert risk_factors(panel, [("T01", young)], ["DGS10"], levels[:, :1]) == []


def test_overlapping_sums_have_a_wider_error_than_independent_ones() -> None:
    """Sums over five sessions of independent noise: the honest error is about sqrt(5) times the naive one."""
    random = np.random.default_rng(1)
    x, y = (np.convolve(random.normal(size=2004), np.ones(5), "valid") for _ in range(2))
    design = np.column_stack([x, np.ones(2000)])
    _, error = least_squares(design, y, lags=10)
    _, naive = least_squares(design, y, lags=0)
    assert 1.5 < error / naive < 2.5


def test_regressors_that_say_the_same_give_no_beta() -> None:
    x = np.arange(300.0)
    assert np.isnan(least_squares(np.column_stack([x, 2 * x, np.ones(300)]), x, lags=5)).all()
