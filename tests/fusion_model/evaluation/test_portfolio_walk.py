"""Walking portfolios forward: when a decision earns, what trading costs, and that nothing is known early."""

from __future__ import annotations

import numpy as np
import pytest

from fusion_model.advice.portfolio import EQUAL_WEIGHT, METHODS
from fusion_model.advice.portfolio_limits import Limits
from fusion_model.dataset.panel import FloatArray
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation.portfolio_walk import FilteredHistory, decide_by, hold_equal, walk_forward

T, N = 200, 4
RETURNS = np.random.default_rng(1).normal(0.0, 0.01, (T, N))
SESSIONS = [f"s{t:03d}" for t in range(T)]
EQUAL = np.full(N, 1.0 / N)


def equal(row: int, held: FloatArray) -> FloatArray | None:
    return EQUAL


def hold(row: int, held: FloatArray) -> FloatArray | None:
    return None if held.any() else EQUAL


def test_a_decision_earns_from_the_session_after_the_next_close() -> None:
    walk = walk_forward(RETURNS, SESSIONS, {"equal": equal}, 10, 150, cost=0.0)
    assert walk.sessions == tuple(SESSIONS[12:151])
    assert walk.returns[0, 0] == pytest.approx(RETURNS[12].mean())
    assert walk.decisions == 7


def test_buying_and_holding_earns_what_the_stocks_earned() -> None:
    walk = walk_forward(RETURNS, SESSIONS, {"hold": hold}, 10, 150, cost=0.0)
    wealth = np.prod(1.0 + RETURNS[12:151], axis=0).mean()
    assert np.prod(1.0 + walk.returns[:, 0]) == pytest.approx(wealth)
    assert walk.turnover == (0.0,)


def test_each_side_of_a_trade_is_paid_for_in_the_session_after_it() -> None:
    def swap(row: int, held: FloatArray) -> FloatArray | None:
        return np.array([0.0, 1.0, 0.0, 0.0]) if held[0] else np.array([1.0, 0.0, 0.0, 0.0])

    walk = walk_forward(RETURNS, SESSIONS, {"swap": swap}, 10, 60, cost=0.001, every=20)
    assert walk.returns[0, 0] == pytest.approx((1 + RETURNS[12, 0]) * (1 - 0.001) - 1)  # bought
    assert walk.returns[1, 0] == pytest.approx(RETURNS[13, 0])
    assert walk.returns[20, 0] == pytest.approx((1 + RETURNS[32, 1]) * (1 - 0.002) - 1)  # sold and bought
    assert walk.turnover[0] == pytest.approx(2 * 252 / 49)


def test_scenarios_of_a_row_do_not_change_with_the_future() -> None:
    changed = RETURNS.copy()
    changed[151:] = 0.5
    one, other = (FilteredHistory(r, window=80).scenarios(150, 20) for r in (RETURNS, changed))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (80, N)


def test_scenarios_take_on_the_volatility_of_today() -> None:
    wild = RETURNS.copy()
    wild[100:151, 0] *= 5.0
    history = FilteredHistory(wild, window=80)
    spread = history.scenarios(150, 1).std(axis=0)
    assert spread[1] == pytest.approx(0.01, rel=0.3)
    assert 4.0 < spread[0] / spread[1] < 9.0  # five times as wild, and the day of the change counts too


def test_a_stock_with_a_gap_in_the_window_is_not_eligible() -> None:
    gap = RETURNS.copy()
    gap[120, 2] = np.nan
    history = FilteredHistory(gap, window=80)
    assert history.eligible(150).tolist() == [0, 1, 3]
    assert history.eligible(100).tolist() == []  # no volatility is known before the sixtieth session


def test_too_short_a_walk_says_so() -> None:
    with pytest.raises(NotEnoughHistory, match="needs 20 sessions after the first decision, and there are 9"):
        walk_forward(RETURNS, SESSIONS, {"equal": equal}, 10, 20, cost=0.0)


def test_every_method_walks_and_one_over_n_by_its_method_is_equal_weights() -> None:
    history = FilteredHistory(RETURNS, window=100)
    limits = Limits(max_weight=0.6, cost=0.001)
    decide = {method: decide_by(method, history, ("",) * N, limits) for method in METHODS}
    walk = walk_forward(RETURNS, SESSIONS, {**decide, "hold": hold_equal(history)}, 165, 199, cost=0.001)
    assert walk.returns.shape == (33, 6)
    assert np.isfinite(walk.returns).all()
    by_name = dict(zip(walk.strategies, walk.returns.T, strict=True))
    assert by_name[EQUAL_WEIGHT][0] == pytest.approx((1 + RETURNS[167].mean()) * 0.999 - 1)
    np.testing.assert_allclose(by_name["hold"][:19], by_name[EQUAL_WEIGHT][:19])


def test_a_stock_that_cannot_be_judged_is_not_bought_and_is_sold() -> None:
    gap = RETURNS.copy()
    gap[160:, 2] = np.nan
    decide = decide_by(EQUAL_WEIGHT, FilteredHistory(gap, window=100), ("",) * N, Limits(max_weight=0.6))
    weights = decide(180, EQUAL)
    assert weights is not None
    np.testing.assert_allclose(weights, [1 / 3, 1 / 3, 0.0, 1 / 3])
