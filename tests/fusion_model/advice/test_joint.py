"""Many probabilities as one, false discoveries, and a budget that no burst can break for long."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from fusion_model.advice.joint import LEAST_P, cauchy_combination, false_discovery_rate, within_budget

NAN = float("nan")


def test_equal_probabilities_combine_to_themselves_and_unknown_ones_do_not_count() -> None:
    rows = np.array([[0.03, 0.03, 0.03], [0.2, NAN, NAN], [NAN, NAN, NAN]])
    assert cauchy_combination(rows) == pytest.approx([0.03, 0.2, NAN], nan_ok=True)


def test_one_small_probability_among_ordinary_ones_counts_as_small_over_their_number() -> None:
    assert cauchy_combination([[1e-6, 0.5, 0.5, 0.5]]) == pytest.approx([4e-6], rel=1e-3)
    assert cauchy_combination([[1e-6, 1.0]]) == pytest.approx([2e-6], rel=1e-2)
    assert cauchy_combination([[0.0, 0.5]])[0] == pytest.approx(2 * LEAST_P, rel=1e-2)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_the_combination_is_as_rare_as_it_says_whatever_the_dependence(correlation: float) -> None:
    random = np.random.default_rng(0)
    common = random.normal(size=(200_000, 1))
    own = random.normal(size=(200_000, 5))
    p = ndtr(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)
    combined = cauchy_combination(p)
    assert (combined <= 0.01).mean() == pytest.approx(0.01, rel=0.2)
    assert (combined <= 0.001).mean() == pytest.approx(0.001, rel=0.25)


def test_false_discoveries_follow_benjamini_and_hochberg() -> None:
    """Their example of 15 tests (1995, section 3.1): the fourth smallest is the last below 5 %."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
         0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    adjusted = false_discovery_rate(p)
    assert (adjusted <= 0.05).sum() == 4
    assert adjusted[3] == pytest.approx(0.0095 * 15 / 4)
    assert false_discovery_rate(p[:4], tests=15)[:4] == pytest.approx(adjusted[:4])
    assert (false_discovery_rate(p, any_dependence=True) <= 0.05).sum() == 3
    assert np.isnan(false_discovery_rate([NAN, 0.01])[0])


def test_an_alert_makes_the_next_one_ten_times_harder_and_a_month_gives_it_back() -> None:
    assert within_budget([1, 2, 3], [0.009, 0.009, 0.0009], 1.0, 0.01) == [True, False, True]
    assert within_budget([1, 33], [0.009, 0.009], 1.0, 0.01) == [True, True]
    assert within_budget([1, 20], [0.009, 0.009], 1.0, 0.01) == [True, False]
    assert within_budget([1, 20], [0.009, 0.009], 2.0, 0.01) == [True, True]
    assert within_budget([1], [1e-9], 0.0, 0.01) == [False]
    assert within_budget([], [], 2.0, 0.01) == []


@pytest.mark.parametrize("per_month", [0.5, 2.0])
def test_no_sequence_of_sessions_breaks_the_budget(per_month: float) -> None:
    """Ten years of nothing but impossible days: the budget, and at most eleven more."""
    days = list(range(3650))
    alerts = sum(within_budget(days, [LEAST_P] * 3650, per_month, 0.01))
    assert alerts <= per_month * 3650 / 30.4375 + 11
    assert alerts >= per_month * 3650 / 30.4375


def test_what_comes_later_changes_no_alert() -> None:
    p = list(np.random.default_rng(0).uniform(0.0, 0.02, 200))
    days = list(range(0, 400, 2))
    assert within_budget(days[:50], p[:50], 2.0, 0.01) == within_budget(days, p, 2.0, 0.01)[:50]
