"""Claims about tests of risk: honest figures pass, too small ones do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from collectors.errors import BadInput
from fusion_model.advice.tails import expected_shortfall
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import value_at
from fusion_model.evaluation.risk_backtest import (
    acerbi_szekely,
    judge_equal_weights,
    judge_stocks,
    judged,
    scenario_tail,
    stock_tail,
)
from fusion_model.evaluation.scorecard import BacktestTable
from fusion_model.findings import QUANTILE_LEVELS
from tests.builders import panel_of

QUANTILES = 0.02 * ndtri(np.array(QUANTILE_LEVELS))
SESSIONS = 1000


def outcomes(seed: int, S: int = SESSIONS) -> FloatArray:
    """Draws from the very distribution that is forecast."""
    return value_at(QUANTILES, np.random.default_rng(seed).uniform(size=S))


def said(scale: float, S: int = SESSIONS) -> FloatArray:
    return np.tile(scale * QUANTILES, (S, 1))


def test_the_statistics_of_acerbi_and_szekely_are_theirs() -> None:
    """Two exceptions in 40 of a VaR of 2 % and a shortfall of 3 %: losses of 3 % and 4.5 %, two due."""
    loss = np.zeros(40)
    loss[[3, 9]] = [0.03, 0.045]
    found = acerbi_szekely(loss, np.full(40, 0.02), np.full(40, 0.03), 0.05, np.full((40, 20), 0.03))
    assert found.z1 == pytest.approx(1 - (1.0 + 1.5) / 2)
    assert found.z2 == pytest.approx(1 - (1.0 + 1.5) / (40 * 0.05))


def test_without_an_exception_there_is_no_depth_to_test() -> None:
    found = acerbi_szekely(np.zeros(60), np.full(60, 0.02), np.full(60, 0.03), 0.05, np.full((60, 20), 0.03))
    assert (found.z1, found.z1_p, found.z2, found.z2_p) == (None, None, 1.0, 1.0)


def test_honest_forecasts_are_rejected_as_seldom_as_they_should() -> None:
    p = np.array(
        [
            (test.kupiec_p, test.z1_p, test.z2_p)
            for seed in range(20)
            for test in judged("x", "T", 1, stock_tail(said(1.0), outcomes(seed), ["s"] * SESSIONS))
            if test.share == 0.05
        ]
    )
    assert np.all((p < 0.05).mean(axis=0) <= 0.15)
    assert np.all((p.mean(axis=0) > 0.3) & (p.mean(axis=0) < 0.7))


def test_risk_said_a_quarter_too_small_is_found_out() -> None:
    often, deep = judged("x", "T", 1, stock_tail(said(0.75), outcomes(1), ["s"] * SESSIONS))
    assert often.kupiec_p < 0.01
    assert max(often.z2_p, deep.z2_p) < 0.01
    assert often.z2 < -0.3


def test_depth_alone_is_found_out_where_exceptions_come_as_often_as_said() -> None:
    """Losses beyond the 5 % mark are half as deep again, and as many."""
    came, mark = outcomes(2), QUANTILES[2]
    deeper = np.where(came < mark, mark + 1.5 * (came - mark) - 0.004, came)
    often, _ = judged("x", "T", 1, stock_tail(said(1.0), deeper, ["s"] * SESSIONS))
    assert often.kupiec_p > 0.05
    assert often.z1_p is not None
    assert often.z1_p < 0.01


def test_a_tail_of_scenarios_is_that_of_the_forecast_they_are_drawn_from() -> None:
    scenarios = np.expm1(value_at(QUANTILES, (np.arange(20_000) + 0.5) / 20_000))
    tail = scenario_tail([scenarios] * 3, np.array([0.01, -0.02, -0.05]), ["a", "b", "c"])
    assert tail.loss == pytest.approx([-0.01, 0.02, 0.05])
    assert tail.var[0.01] == pytest.approx(np.full(3, -np.expm1(QUANTILES[0])), rel=1e-3)
    assert tail.shortfall[0.05] == pytest.approx(np.full(3, expected_shortfall(QUANTILES, 0.05)), rel=1e-3)
    assert tail.worst.shape == (3, 1000)


def small_backtest(tickers: int = 3, S: int = 60) -> tuple[BacktestTable, Panel]:
    """Forecasts of S sessions after 1,060 of history, by two models, one of half the width."""
    returns = 0.01 * np.random.default_rng(0).standard_normal((1120, tickers))
    panel = panel_of(returns)
    rows = [
        (model, ticker, session, scale, returns[1061 + place, n] if 1061 + place < 1120 else np.nan)
        for model, scale in (("fusion", 0.5), ("half", 0.25))
        for place, session in enumerate(panel.sessions[1060:])
        for n, ticker in enumerate(panel.tickers)
    ]
    table = BacktestTable(
        model=np.array([row[0] for row in rows], dtype=object),
        ticker=np.array([row[1] for row in rows], dtype=object),
        as_of_session=np.array([row[2] for row in rows], dtype=object),
        horizon=np.ones(len(rows), dtype=np.int64),
        target_session=np.array([""] * len(rows), dtype=object),
        last_close=np.ones(len(rows)),
        quantiles=np.array([row[3] * QUANTILES for row in rows]),
        mean=np.zeros(len(rows)),
        prob_up=np.full(len(rows), 0.5),
        realised=np.array([row[4] for row in rows]),
    )
    return table, panel


def test_stocks_are_tested_by_model_and_share_on_what_has_come_true() -> None:
    table, panel = small_backtest()
    tests = judge_stocks(table)
    assert {(one.model, one.subject, one.share) for one in tests} == {
        (model, ticker, share)
        for model in ("fusion", "half")
        for ticker in panel.tickers
        for share in (0.05, 0.01)
    }
    assert {one.sessions for one in tests} == {59}  # the last outcome is still to come
    assert sum(one.exceptions for one in tests if one.model == "half") > sum(
        one.exceptions for one in tests if one.model == "fusion"
    )


def test_a_portfolio_of_independent_stocks_has_the_risk_of_their_mean() -> None:
    """Three independent stocks of sigma 1 % and equal weights: 1.645 / sqrt(3) % is lost by one in 20."""
    table, panel = small_backtest()
    tests = {(one.model, one.share): one for one in judge_equal_weights(table, panel, scenarios=1000)}
    assert tests["fusion", 0.05].mean_var == pytest.approx(0.01645 / np.sqrt(3), rel=0.08)
    assert tests["half", 0.05].exceptions > tests["fusion", 0.05].exceptions
    assert tests["own_past_250", 0.05].mean_var == pytest.approx(0.01645 / np.sqrt(3), rel=0.2)
    assert tests["fusion", 0.05].subject == "portfolio of equal weights, 3 stocks"


def test_a_portfolio_of_one_stock_is_none() -> None:
    table, panel = small_backtest(tickers=1)
    with pytest.raises(BadInput, match="1 stocks are forecast at every session"):
        judge_equal_weights(table, panel)


def test_too_few_sessions_are_not_tested() -> None:
    table, _ = small_backtest()
    table.horizon[:] = 5  # every fifth session: twelve of them
    assert judge_stocks(table) == []
