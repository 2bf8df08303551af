"""Calibration: quantiles from what came true, and levels that give way to misses."""

from __future__ import annotations

import numpy as np
import pytest

from fusion_model.dataset.panel import FloatArray
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import QUANTILE_LEVELS
from fusion_model.forecasting.calibration import LEVEL_MARGIN, LEVELS, adapted_levels, residual_quantiles

MEDIAN, LOW, HIGH = (QUANTILE_LEVELS.index(level) for level in (0.5, 0.05, 0.95))


def heavy_tailed(T: int, N: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_t(4, (T, N))


def test_quantiles_of_a_known_sample_stand_at_hazens_positions() -> None:
    """1 to 1000: the level 0.5 lies between 500 and 501, the level 0.01 between 10 and 11."""
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, 1001.0)).reshape(500, 2)
    quantiles, mean, deviation = residual_quantiles(residuals, LEVELS, own_share=0.0)
    assert quantiles[0].tolist() == pytest.approx([1000.0 * level + 0.5 for level in QUANTILE_LEVELS])
    assert quantiles[1].tolist() == quantiles[0].tolist()
    assert mean.tolist() == pytest.approx([500.5, 500.5])
    assert deviation.tolist() == pytest.approx([np.sqrt((1000**2 - 1) / 12.0)] * 2)


@pytest.mark.parametrize("own_share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_quantiles_never_cross(own_share: float, seed: int) -> None:
    residuals = heavy_tailed(300, 4, seed) * np.array([1.0, 0.01, 30.0, 1.0]) + np.array(
        [0.0, 1.0, 0.0, -5.0]
    )
    levels = adapted_levels(residuals * np.linspace(0.2, 3.0, 300)[:, None], 200, 0.2)
    quantiles, _, _ = residual_quantiles(residuals, levels, own_share)
    assert (np.diff(quantiles, axis=1) >= 0.0).all()


def test_a_tickers_own_shape_counts_by_its_share_once_it_has_a_year() -> None:
    residuals = heavy_tailed(400, 3) * np.array([1.0, 1.0, 5.0])
    residuals[:300, 0] = np.nan  # 100 of its own are too few
    pooled, pooled_mean, pooled_deviation = residual_quantiles(residuals, LEVELS, own_share=0.0)
    own, own_mean, own_deviation = residual_quantiles(residuals, LEVELS, own_share=1.0)
    blended, mean, deviation = residual_quantiles(residuals, LEVELS, own_share=0.25)
    np.testing.assert_array_equal(blended[0], pooled[0])
    np.testing.assert_allclose(blended[1:], 0.75 * pooled[1:] + 0.25 * own[1:])
    np.testing.assert_allclose(mean[1:], 0.75 * pooled_mean[1:] + 0.25 * own_mean[1:])
    np.testing.assert_allclose(deviation[1:], 0.75 * pooled_deviation[1:] + 0.25 * own_deviation[1:])
    assert own_deviation[2] == pytest.approx(residuals[:, 2].std())


def test_levels_widen_after_misses() -> None:
    residuals = np.concatenate([heavy_tailed(400, 8), 2.0 * heavy_tailed(100, 8, seed=1)])
    levels = adapted_levels(residuals, 100, 0.005)
    assert levels[LOW] < 0.04
    assert levels[HIGH] > 0.96
    assert levels[MEDIAN] == pytest.approx(0.5, abs=0.03)


def test_levels_narrow_after_calm() -> None:
    residuals = np.concatenate([heavy_tailed(400, 8), 0.3 * heavy_tailed(100, 8, seed=1)])
    levels = adapted_levels(residuals, 100, 0.005)
    assert levels[LOW] > 0.06
    assert levels[HIGH] < 0.94


def test_levels_stay_put_while_forecasts_are_calibrated() -> None:
    levels = adapted_levels(heavy_tailed(600, 20), 500, 0.005)
    np.testing.assert_allclose(levels, LEVELS, atol=0.01)


def test_one_session_moves_a_range_by_rate_times_the_miss() -> None:
    """Of four stocks, one ends outside the 90 % range: each end moves by half of 0.1 * (0.25 - 0.1)."""
    residuals = np.concatenate([np.linspace(-1.0, 1.0, 400).reshape(100, 4), [[-0.99, 0.0, 0.0, 0.5]]])
    levels = adapted_levels(residuals, 1, 0.1)
    assert levels[LOW] == pytest.approx(0.05 - 0.1 * (0.25 - 0.1) / 2)
    assert levels[HIGH] == pytest.approx(1.0 - levels[LOW])


def test_levels_do_not_chase_a_drift() -> None:
    """The median's level once followed the market's last months, and lost to one that stayed."""
    residuals = heavy_tailed(500, 8)
    residuals[400:] += 0.5
    assert adapted_levels(residuals, 100, 0.005)[MEDIAN] == 0.5


def test_a_tickers_own_drift_is_not_carried_on() -> None:
    """Tesla once got a median of +5 % in 20 sessions for having risen in the sessions before."""
    residuals = heavy_tailed(400, 3)
    residuals[:, 2] += 0.4
    quantiles, mean, _ = residual_quantiles(residuals, LEVELS, own_share=1.0)
    np.testing.assert_allclose(quantiles[:, MEDIAN], np.median(residuals), atol=5e-3)
    assert np.ptp(mean) < 0.2


def test_the_shape_is_of_all_sessions_and_the_drift_of_the_last_ones() -> None:
    """Ten years tell how far; where the market drifted in the last four is where the median lies."""
    residuals = heavy_tailed(2000, 3)
    residuals[:1200] *= 3.0
    residuals[1200:] += 0.5
    everything, mean, deviation = residual_quantiles(residuals, LEVELS, 0.25)
    quantiles, drifted, spread = residual_quantiles(residuals, LEVELS, 0.25, drift_sessions=800)
    np.testing.assert_allclose(quantiles - quantiles[:, [MEDIAN]], everything - everything[:, [MEDIAN]])
    np.testing.assert_allclose(quantiles[:, MEDIAN], np.median(residuals[1200:]), atol=5e-3)
    np.testing.assert_allclose(drifted - mean, quantiles[:, MEDIAN] - everything[:, MEDIAN])
    np.testing.assert_array_equal(spread, deviation)


def test_where_the_last_sessions_hold_too_little_the_drift_is_that_of_all() -> None:
    residuals = heavy_tailed(600, 2)
    residuals[-100:] += 5.0
    for every, some in zip(
        residual_quantiles(residuals, LEVELS, 0.25),
        residual_quantiles(residuals, LEVELS, 0.25, drift_sessions=100),
        strict=True,
    ):
        np.testing.assert_array_equal(every, some)


def test_levels_stay_inside_their_margin_and_in_order() -> None:
    residuals = np.concatenate([heavy_tailed(400, 2), 1e3 * heavy_tailed(300, 2, seed=1)])
    levels = adapted_levels(residuals, 300, 0.5)
    assert levels.min() >= LEVEL_MARGIN
    assert levels.max() <= 1.0 - LEVEL_MARGIN
    assert (np.diff(levels) >= 0.0).all()


def test_sessions_without_an_outcome_move_nothing() -> None:
    assert adapted_levels(np.full((50, 2), np.nan), 50, 0.5).tolist() == list(QUANTILE_LEVELS)


def test_too_few_outcomes_are_refused_with_the_numbers() -> None:
    residuals = heavy_tailed(250, 2)
    residuals[0, 0] = np.nan
    with pytest.raises(
        NotEnoughHistory, match=r"only 499 past forecasts have come true, .* needs 500: import"
    ):
        residual_quantiles(residuals, LEVELS, 0.25)
