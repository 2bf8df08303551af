"""Claims of the tests of significance: equal to a reference, sized as they say, honest about dependence."""

from __future__ import annotations

import numpy as np
import pytest

from fusion_model.evaluation.metrics import matthews_correlation
from fusion_model.evaluation.significance import (
    benjamini_hochberg,
    christoffersen,
    diebold_mariano,
    hac_standard_error,
    kupiec,
    lags_of,
    median_block_interval,
    session_block_interval,
    two_sided_p,
)


def autoregressive(S: int, carry: float, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=S)
    for t in range(1, S):
        values[t] += carry * values[t - 1]
    return values


@pytest.mark.parametrize("lags", [0, 1, 10, 40])
def test_standard_error_equals_that_of_statsmodels(lags: int) -> None:
    from statsmodels.regression.linear_model import OLS

    series = autoregressive(400, 0.6, seed=1) + 0.2
    reference = OLS(series, np.ones(400)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    assert hac_standard_error(series, lags) == pytest.approx(reference.bse[0], rel=1e-10)
    assert diebold_mariano(series, 1, lags) == pytest.approx(reference.tvalues[0], rel=1e-10)


def test_lags_grow_with_the_horizon() -> None:
    assert [lags_of(horizon) for horizon in (1, 5, 20, 60)] == [10, 10, 40, 120]


def test_equal_forecasters_are_told_apart_about_one_time_in_twenty() -> None:
    rejected = [abs(diebold_mariano(autoregressive(500, 0.3, seed), 1)) > 1.96 for seed in range(400)]
    assert 0.03 < np.mean(rejected) < 0.11  # a little over 5 %: the error is estimated from dependent values


def test_a_better_forecaster_has_a_negative_t() -> None:
    assert diebold_mariano(autoregressive(500, 0.3, seed=2) - 0.5, 1) < -4


def test_too_few_sessions_and_no_difference_give_no_t() -> None:
    assert np.isnan(diebold_mariano(np.ones(29), 1))
    assert np.isnan(diebold_mariano(autoregressive(119, 0.0, seed=3), 20))
    assert np.isfinite(diebold_mariano(autoregressive(120, 0.0, seed=3), 20))
    assert np.isnan(diebold_mariano(np.zeros(500), 1))
    assert np.isnan(hac_standard_error([1.0], 10))


def test_bootstrap_interval_of_a_mean_is_the_textbook_one() -> None:
    values = np.random.default_rng(4).normal(0.1, 1.0, 900)
    rows = np.stack([values, np.ones(900)], axis=1)
    low, high = session_block_interval(rows, lambda s: s[:, 0] / s[:, 1], block=1, resamples=4000)
    assert low == pytest.approx(values.mean() - 1.96 / 30, abs=0.012)
    assert high == pytest.approx(values.mean() + 1.96 / 30, abs=0.012)


def test_blocks_widen_the_interval_of_dependent_sessions() -> None:
    rows = np.stack([autoregressive(1000, 0.8, seed=5), np.ones(1000)], axis=1)

    def width(block: int) -> float:
        low, high = session_block_interval(rows, lambda s: s[:, 0] / s[:, 1], block=block)
        return high - low

    assert width(40) > 1.8 * width(1)


def test_stocks_that_move_together_do_not_count_twice() -> None:
    # Fifty stocks that all do the same in a session are no more evidence than one.
    counts = np.random.default_rng(6).integers(0, 2, (300, 4))
    one = session_block_interval(counts, matthews_correlation, block=10)
    fifty = session_block_interval(50 * counts, matthews_correlation, block=10)
    assert fifty == pytest.approx(one)


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = np.random.default_rng(7).normal(size=(50, 1))
    draws = [session_block_interval(rows, lambda s: s[:, 0], block=5, seed=seed) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert np.isnan(session_block_interval(rows[:0], lambda s: s[:, 0], block=5)).all()


@pytest.mark.parametrize(
    ("level", "forecasts", "fewest", "most"),
    [
        # Kupiec (1995), as printed in Jorion, Value at Risk: exceptions that are not rejected at 5 %.
        (0.01, 510, 2, 10),
        (0.01, 1000, 5, 16),
        (0.025, 255, 3, 11),
        (0.025, 510, 7, 20),
        (0.025, 1000, 16, 35),
        (0.05, 255, 7, 20),
        (0.05, 510, 17, 35),
        (0.05, 1000, 38, 64),
        (0.10, 255, 17, 35),
        (0.10, 510, 39, 64),
        (0.10, 1000, 82, 119),
    ],
)
def test_kupiec_accepts_the_published_numbers_of_exceptions(
    level: float, forecasts: int, fewest: int, most: int
) -> None:
    accepted = [x for x in range(forecasts // 2) if kupiec(x, forecasts, level).p_value > 0.05]
    assert (min(accepted), max(accepted)) == (fewest, most)


def test_kupiec_takes_no_exceptions_at_all_and_refuses_nonsense() -> None:
    assert kupiec(0, 255, 0.01).statistic == pytest.approx(-2 * 255 * np.log(0.99))
    assert kupiec(5, 100, 0.05) == (0.0, 1.0)
    for exceptions, forecasts, level in ((3, 2, 0.05), (0, 0, 0.05), (1, 10, 0.0)):
        with pytest.raises(ValueError, match="make no test"):
            kupiec(exceptions, forecasts, level)


def test_independence_is_the_likelihood_ratio_of_a_logit_on_the_session_before() -> None:
    from statsmodels.discrete.discrete_model import Logit

    hits = np.random.default_rng(8).random(800) < 0.1
    hits[1:] |= hits[:-1] & (np.random.default_rng(9).random(799) < 0.3)
    design = np.column_stack([np.ones(799), hits[:-1]])
    reference = Logit(hits[1:].astype(float), design).fit(disp=0)
    found = christoffersen(hits, 0.05)
    assert found.independence == pytest.approx(reference.llr, rel=1e-6)
    assert found.independence_p == pytest.approx(reference.llr_pvalue, rel=1e-5)
    assert found.conditional == pytest.approx(reference.llr + kupiec(int(hits.sum()), 800, 0.05).statistic)


def test_as_many_exceptions_in_a_cluster_fail_independence_alone() -> None:
    alone, clustered = np.zeros(1000, dtype=bool), np.zeros(1000, dtype=bool)
    alone[::20], clustered[:50] = True, True
    assert kupiec(50, 1000, 0.05).p_value == 1.0
    assert christoffersen(alone, 0.05).conditional_p > 0.05
    assert christoffersen(clustered, 0.05).independence_p < 1e-9
    assert christoffersen(clustered, 0.05).conditional_p < 1e-9


def test_independent_exceptions_are_refused_about_one_time_in_twenty() -> None:
    rng = np.random.default_rng(10)
    found = [christoffersen(rng.random(1000) < 0.2, 0.2) for _ in range(1500)]  # an error of .006
    assert np.mean([one.independence_p < 0.05 for one in found]) == pytest.approx(0.05, abs=0.02)
    assert np.mean([one.conditional_p < 0.05 for one in found]) == pytest.approx(0.05, abs=0.02)


def test_no_exceptions_are_independent_and_one_session_is_no_sequence() -> None:
    found = christoffersen(np.zeros(500), 0.01)
    assert (found.independence, found.independence_p) == (0.0, 1.0)
    assert found.conditional == pytest.approx(kupiec(0, 500, 0.01).statistic)
    with pytest.raises(ValueError, match="no sequence"):
        christoffersen([True], 0.05)


def test_benjamini_and_hochbergs_own_example() -> None:
    # Benjamini & Hochberg (1995), section 3.2: fifteen tests of which four are rejected at .05.
    given = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
             0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    adjusted = benjamini_hochberg(given)
    assert np.sum(adjusted <= 0.05) == 4
    assert adjusted[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


def test_adjusted_p_values_equal_scipys_in_any_order_and_leave_the_unknown_out() -> None:
    from scipy.stats import false_discovery_control

    given = np.random.default_rng(11).random(40) ** 3
    assert benjamini_hochberg(given) == pytest.approx(false_discovery_control(given))
    with_unknown = benjamini_hochberg(np.append(given, np.nan))
    assert with_unknown[:40] == pytest.approx(false_discovery_control(given))
    assert np.isnan(with_unknown[40])


def test_two_sided_probabilities_of_a_normal() -> None:
    found = two_sided_p([0.0, 1.959964, -1.959964, np.nan])
    assert found == pytest.approx([1.0, 0.05, 0.05, np.nan], abs=1e-6, nan_ok=True)


def test_bootstrap_interval_of_a_median_is_the_textbook_one() -> None:
    values = np.random.default_rng(12).normal(0.1, 1.0, 900)
    low, high = median_block_interval(values, block=1, resamples=2000)
    ordered = np.sort(values)
    spread = 1.96 * np.sqrt(900) / 2  # ranks, from the binomial (Conover 1999)
    assert low == pytest.approx(ordered[int(450 - spread)], abs=0.02)
    assert high == pytest.approx(ordered[int(450 + spread)], abs=0.02)
    assert np.isnan(median_block_interval([], block=5)).all()


def test_bootstrap_intervals_of_a_median_hold_it_as_often_as_they_say() -> None:
    rng = np.random.default_rng(13)
    drawn = [
        median_block_interval(rng.normal(size=300), block=5, resamples=300, seed=seed) for seed in range(200)
    ]
    assert np.mean([low <= 0 <= high for low, high in drawn]) == pytest.approx(0.95, abs=0.05)
