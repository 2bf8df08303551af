"""Scores of portfolios: against closed forms, and against series whose luck or worth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from fusion_model.evaluation.portfolio_scores import (
    deflated_sharpe,
    max_drawdown,
    probability_of_overfitting,
    score_walk,
    sharpe_a_session,
    sharpe_difference_interval,
)

RANDOM = np.random.default_rng(7)
NOISE = RANDOM.normal(0.0, 0.01, (2000, 8))


def test_a_drawdown_is_measured_from_the_highest_point_before() -> None:
    assert max_drawdown(np.array([0.1, -0.5, 0.5, -0.1])) == pytest.approx(0.5)
    assert max_drawdown(np.array([-0.2, 0.1])) == pytest.approx(0.2)
    assert max_drawdown(np.array([0.1, 0.0])) == 0.0


def test_one_trial_deflates_to_the_odds_that_the_ratio_is_above_zero() -> None:
    r = NOISE[:, 0] + 0.0005
    z = (r - r.mean()) / r.std()
    ratio = r.mean() / r.std()
    spread = np.sqrt(1 - (z**3).mean() * ratio + ((z**4).mean() - 1) / 4 * ratio**2)
    expected = ndtr(ratio * np.sqrt(1999) / spread)
    assert deflated_sharpe(r, np.array([ratio])) == pytest.approx(expected)


def test_the_best_of_many_worthless_trials_is_deflated_to_a_coin_toss_or_so() -> None:
    trials = np.random.default_rng(3).normal(0.0, 0.01, (1000, 200))
    ratios = sharpe_a_session(trials)
    best = trials[:, ratios.argmax()]
    assert deflated_sharpe(best, ratios[[ratios.argmax()]]) > 0.98
    assert 0.2 < deflated_sharpe(best, ratios) < 0.8


def test_choosing_among_noise_is_overfitting_half_of_the_time() -> None:
    found = [
        probability_of_overfitting(np.random.default_rng(seed).normal(0.0, 0.01, (640, 10)))
        for seed in range(30)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_choosing_the_one_that_is_good_is_no_overfitting() -> None:
    good = NOISE.copy()
    good[:, 3] += 0.003
    assert probability_of_overfitting(good) == 0.0


def test_too_few_strategies_or_sessions_cannot_be_cross_validated() -> None:
    with pytest.raises(ValueError, match="1 strategies over 2000 sessions in 16 parts"):
        probability_of_overfitting(NOISE[:, :1])
    with pytest.raises(ValueError, match="8 strategies over 63 sessions"):
        probability_of_overfitting(NOISE[:63])


def test_a_strategy_that_is_better_each_day_is_found_so_and_equal_ones_are_not() -> None:
    low, high = sharpe_difference_interval(NOISE[:, 0] + 0.001, NOISE[:, 0])
    assert low > 0
    low, high = sharpe_difference_interval(NOISE[:, 0], NOISE[:, 1])
    assert low < 0 < high


def test_scores_of_a_known_series() -> None:
    calm = np.tile([0.01, -0.01, 0.02, 0.0], 100)
    wild = calm * 2.0 - 0.003
    scores = score_walk(["calm", "wild"], np.stack([calm, wild], axis=1), [0.0, 3.0], "calm")
    assert scores[0].volatility == pytest.approx(calm.std() * np.sqrt(252))
    assert scores[0].sharpe == pytest.approx(calm.mean() / calm.std() * np.sqrt(252))
    assert scores[0].yearly_return == pytest.approx(np.prod(1 + calm) ** (252 / 400) - 1)
    assert scores[0].cvar == pytest.approx(0.01)
    assert np.isnan([scores[0].mean_t, scores[0].risk_t, scores[0].sharpe_low]).all()
    assert (scores[1].turnover, scores[1].risk_t > 2) == (3.0, True)
