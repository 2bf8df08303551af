"""Portfolios: each method against its own definition, within limits, and errors that say what to do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from skfolio.exceptions import OptimizationError

from collectors.errors import BadInput
from fusion_model.advice.portfolio import (
    EQUAL_RISK,
    EQUAL_WEIGHT,
    HRP,
    MAX_DIVERSIFICATION,
    METHODS,
    MIN_CVAR,
    centre,
    cvar,
    effective_names,
    fitted,
    suggest,
    weights_of,
)
from fusion_model.advice.portfolio_frontier import assumed_frontier, trading_frontier
from fusion_model.advice.portfolio_limits import Limits, nearest_within, turnover
from fusion_model.dataset.panel import FloatArray
from fusion_model.errors import NotEnoughHistory

FREE = Limits(max_weight=1.0, min_trade=0.0, cost=0.0)
TICKERS = ("A", "B", "C", "D", "E")
SECTORS = ("x", "x", "x", "y", "")


def scenarios(S: int = 600, seed: int = 0) -> FloatArray:
    """Heavy-tailed returns of five stocks, the first three moving together, the last the calmest."""
    random = np.random.default_rng(seed)
    shared = random.standard_t(5, (S, 1)) * np.array([1.0, 1.0, 1.0, 0.2, 0.2])
    own = random.standard_t(5, (S, 5)) * np.array([0.5, 0.7, 0.9, 1.0, 0.4])
    return np.asarray(0.03 * (shared + own) + np.array([0.05, -0.05, 0.0, 0.02, 0.01]))


RETURNS = scenarios()


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_long_and_whole_and_within_every_limit(method: str) -> None:
    limits = Limits(max_weight=0.3, max_sector=0.5, max_turnover=0.4, min_trade=0.01)
    held = np.array([0.3, 0.2, 0.0, 0.3, 0.2])
    weights = weights_of(method, centre(RETURNS), SECTORS, limits, held)
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() >= 0.0
    assert weights.max() <= 0.3 + 1e-6
    assert weights[:3].sum() <= 0.5 + 1e-6
    assert turnover(held, weights) <= 0.4 + 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_no_method_sees_a_direction(method: str) -> None:
    one = weights_of(method, centre(RETURNS), SECTORS, FREE)
    other = weights_of(method, centre(RETURNS + np.array([0.3, -0.2, 0.1, 0.0, 0.5])), SECTORS, FREE)
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_tickers_does_not_matter(method: str) -> None:
    order = np.array([3, 0, 4, 2, 1])
    weights = weights_of(method, centre(RETURNS), SECTORS, FREE)
    again = weights_of(method, centre(RETURNS)[:, order], [SECTORS[n] for n in order], FREE)
    np.testing.assert_allclose(again, weights[order], atol=1e-4)


def test_no_other_portfolio_has_a_lower_cvar() -> None:
    centred = centre(RETURNS)
    weights = weights_of(MIN_CVAR, centred, SECTORS, FREE)
    others = np.random.default_rng(1).dirichlet(np.ones(5), 500)
    nearby = np.maximum(weights + np.random.default_rng(2).normal(0.0, 0.01, (500, 5)), 0.0)
    tried = np.concatenate([others, nearby / nearby.sum(axis=1, keepdims=True)])
    assert min(cvar(centred @ other) for other in tried) >= cvar(centred @ weights) - 1e-6


def test_equal_risk_gives_every_ticker_the_same_share_of_the_variance() -> None:
    covariance = np.cov(RETURNS.T)
    weights = weights_of(EQUAL_RISK, centre(RETURNS), SECTORS, FREE)
    shares = weights * (covariance @ weights) / (weights @ covariance @ weights)
    np.testing.assert_allclose(shares, 0.2, atol=1e-3)


def test_the_most_diversified_portfolio_is_equally_correlated_with_all_it_holds() -> None:
    weights = weights_of(MAX_DIVERSIFICATION, centre(RETURNS), SECTORS, FREE)
    portfolio = RETURNS @ weights
    correlations = [np.corrcoef(RETURNS[:, n], portfolio)[0, 1] for n in np.flatnonzero(weights > 1e-4)]
    np.testing.assert_allclose(correlations, correlations[0], atol=1e-3)


def test_hierarchical_risk_parity_of_two_is_inverse_variance() -> None:
    pair = RETURNS[:, [0, 3]]
    variance = pair.var(axis=0)
    weights = weights_of(HRP, centre(pair), ("", ""), FREE)
    np.testing.assert_allclose(weights, (1 / variance) / (1 / variance).sum(), atol=1e-6)


def test_equal_weight_stays_equal_where_the_limits_let_it() -> None:
    np.testing.assert_allclose(weights_of(EQUAL_WEIGHT, RETURNS, SECTORS, FREE), 0.2)


def test_the_nearest_portfolio_in_a_cap_moves_the_surplus_evenly() -> None:
    limits = Limits(max_weight=1.0, max_sector=0.4)
    found = nearest_within(np.full(5, 0.2), SECTORS, limits, None)
    np.testing.assert_allclose(found, [0.4 / 3, 0.4 / 3, 0.4 / 3, 0.3, 0.3], atol=1e-5)


def test_trading_costs_keep_a_portfolio_where_a_change_is_worth_less() -> None:
    held = np.full(5, 0.2)
    dear = Limits(max_weight=1.0, min_trade=0.0, cost=0.09)
    np.testing.assert_allclose(
        weights_of(MIN_CVAR, centre(RETURNS) / 10, SECTORS, dear, held), held, atol=1e-3
    )
    assert turnover(held, weights_of(MIN_CVAR, centre(RETURNS), SECTORS, FREE, held)) > 0.2


def test_small_trades_are_left_undone() -> None:
    held = np.array([0.21, 0.19, 0.2, 0.15, 0.25])
    limits = Limits(max_weight=1.0, min_trade=0.03)
    weights = weights_of(EQUAL_WEIGHT, RETURNS, SECTORS, limits, held)
    np.testing.assert_allclose(weights[:3], held[:3])
    np.testing.assert_allclose(weights[3:], 0.2)


def test_cvar_is_the_mean_of_the_worst_twentieth() -> None:
    assert cvar(-np.arange(1.0, 101.0)) == pytest.approx(98.0)
    assert cvar(-np.arange(1.0, 51.0)) == pytest.approx((50 + 49 + 0.5 * 48) / 2.5)
    assert effective_names(np.array([0.5, 0.5])) == 2.0


def test_a_suggestion_tells_what_it_costs_and_how_far_it_moves() -> None:
    held = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    found = suggest(EQUAL_WEIGHT, RETURNS, TICKERS, SECTORS, Limits(max_weight=1.0), held, perturbations=2)
    assert found.turnover == pytest.approx(0.8)
    assert found.cost == pytest.approx(0.0016)
    assert found.moved == pytest.approx(0.0)
    assert found.cvar < found.current_cvar
    moved = suggest(MIN_CVAR, RETURNS, TICKERS, SECTORS, FREE, perturbations=4)
    assert 0.0 < moved.moved < 0.5
    assert (moved.low <= moved.weights).all()
    assert (moved.weights <= moved.high).all()
    assert moved.cost == 0.0


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(max_weight=0.1), "5 tickers with at most 10.0% each hold 50% .* allow at least 20.0%"),
        (Limits(max_weight=0.3, max_sector=0.2), "of 2 sectors, .* hold 70% of a portfolio"),
    ],
)
def test_caps_that_no_portfolio_keeps_to_are_told(limits: Limits, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        suggest(MIN_CVAR, RETURNS, TICKERS, SECTORS, limits)


@pytest.mark.parametrize("method", METHODS)
def test_a_turnover_that_does_not_reach_into_the_caps_is_told(method: str) -> None:
    held = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(BadInput, match=r"70.0% of the portfolio would have to be exchanged .* allows 50.0%"):
        suggest(method, RETURNS, TICKERS, SECTORS, Limits(max_weight=0.3, max_turnover=0.5), held)


def test_what_is_no_limit_is_refused() -> None:
    for wrong in ({"max_weight": 25.0}, {"max_sector": 0.0}, {"cost": -1.0}, {"min_trade": 0.7}):
        with pytest.raises(BadInput):
            Limits(**wrong)


def test_one_ticker_few_scenarios_and_unknown_methods_are_told() -> None:
    with pytest.raises(BadInput, match="at least two tickers"):
        suggest(MIN_CVAR, RETURNS[:, :1], ("A",), ("",), FREE)
    with pytest.raises(NotEnoughHistory, match="50 scenarios have no tail"):
        suggest(MIN_CVAR, RETURNS[:50], TICKERS, SECTORS, FREE)
    with pytest.raises(BadInput, match="no method markowitz; choose one of min_cvar"):
        suggest("markowitz", RETURNS, TICKERS, SECTORS, FREE)


def test_the_frontier_falls_as_more_may_be_traded_and_starts_at_what_is_held() -> None:
    held = np.full(5, 0.2)
    points = trading_frontier(RETURNS, SECTORS, FREE, held)
    assert points[0].cvar == pytest.approx(cvar(centre(RETURNS) @ held), rel=1e-4)
    assert all(later.cvar <= earlier.cvar + 1e-6 for earlier, later in pairwise(points))
    assert [round(point.turnover, 3) for point in points[:4]] == [0.0, 0.05, 0.1, 0.2]


def test_the_assumed_frontier_buys_reward_with_risk() -> None:
    points = assumed_frontier(RETURNS, SECTORS, FREE, np.full(5, 0.2), horizon=20)
    assert len(points) == 7
    rewards = [point.reward or 0.0 for point in points]
    assert all(b >= a - 1e-9 for a, b in pairwise(rewards))
    assert all(b.volatility >= a.volatility - 1e-9 for a, b in pairwise(points))


class Stalling:
    """An estimator whose solver stalls on scenarios that are not of volatility 1, or always."""

    def __init__(self, always: bool) -> None:
        self.always, self.weights_ = always, np.array([0.5, 0.5])
        self.asked: list[float] = []

    def set_params(self, **_: object) -> None:
        self.asked.append(0.0)

    def fit(self, scenarios: FloatArray) -> None:
        self.asked.append(round(float(scenarios.std(axis=0).mean()), 6))
        if self.always or self.asked[-1] != 1.0:
            raise OptimizationError("stalled")


def test_a_solver_that_stalls_is_asked_again_on_another_scale() -> None:
    """Once, in 1 of 550 decisions, equal risk stalled on 20 stocks, and the limits were blamed."""
    model = Stalling(always=False)
    np.testing.assert_array_equal(fitted(model, RETURNS[:, :2]), [0.5, 0.5])
    assert model.asked[1:] == [1.0]
    hopeless = Stalling(always=True)
    with pytest.raises(BadInput, match=r"the solver found no portfolio \(stalled\)"):
        fitted(hopeless, RETURNS[:, :2])
    assert hopeless.asked[1:] == [1.0, 0.0, 1.0]
