"""Claims about reading probabilities from quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import genpareto

from fusion_model.distribution import (
    NORMAL_SCORES,
    TAIL_SHAPE,
    cumulative_probability,
    moments_from_quantiles,
    probability_of_rise,
    sample_quantiles,
    share_above_zero,
    value_at,
)
from fusion_model.findings import QUANTILE_LEVELS


def test_a_normal_distribution_comes_out_exactly_between_its_outer_quantiles() -> None:
    quantiles = 0.3 + 2.0 * ndtri(QUANTILE_LEVELS)
    points = np.array([-4.3, -1.2, 0.0, 0.3, 1.7, 4.9])
    assert cumulative_probability(quantiles, points) == pytest.approx(ndtr((points - 0.3) / 2.0), rel=1e-9)
    assert probability_of_rise(quantiles) == pytest.approx(ndtr(0.15))


def test_beyond_the_outer_quantiles_the_tail_is_a_generalised_pareto() -> None:
    pareto = genpareto(TAIL_SHAPE, scale=0.8)  # of both sides, beyond 2.5 %
    outer = 1.0 + pareto.isf(0.01 / 0.025)
    quantiles = np.array([-outer, -1.0, *np.linspace(-0.9, 0.9, 13), 1.0, outer])
    points = np.array([-9.0, -outer - 1e-9, outer + 1e-9, 4.0])
    share = 0.025 * pareto.sf(np.abs(points) - 1.0)
    assert cumulative_probability(quantiles, points) == pytest.approx(np.where(points < 0, share, 1 - share))


def test_a_quantile_itself_has_its_own_level() -> None:
    quantiles = np.sort(np.random.default_rng(0).normal(size=17))
    assert cumulative_probability(np.tile(quantiles, (17, 1)), quantiles) == pytest.approx(QUANTILE_LEVELS)


def test_no_movement_at_all_is_neither_rise_nor_fall() -> None:
    assert probability_of_rise(np.zeros(17)) == pytest.approx(0.5)
    assert probability_of_rise(np.full(17, 0.1)) == 1.0
    assert probability_of_rise(np.full(17, -0.1)) == 0.0


def test_unknown_stays_unknown() -> None:
    assert np.isnan(cumulative_probability(np.linspace(-1, 1, 17), np.nan))
    assert np.isnan(probability_of_rise(np.full(17, np.nan)))


def test_probability_never_falls_as_the_return_grows() -> None:
    quantiles = np.sort(np.round(np.random.default_rng(1).normal(size=17), 1))  # with ties
    grid = np.linspace(-4, 4, 801)
    assert np.all(np.diff(cumulative_probability(quantiles, grid)) >= 0)


def test_sample_quantiles_are_numpys_without_the_missing() -> None:
    samples = np.random.default_rng(2).normal(size=(101, 3))
    samples[10:60, 1] = np.nan
    samples[:, 2] = np.nan
    found = sample_quantiles(samples)
    assert found[0] == pytest.approx(np.quantile(samples[:, 0], QUANTILE_LEVELS))
    assert found[1] == pytest.approx(np.nanquantile(samples[:, 1], QUANTILE_LEVELS))
    assert np.isnan(found[2]).all()


def test_no_change_counts_as_half_a_rise() -> None:
    assert share_above_zero(np.array([[1.0], [0.0], [-1.0], [np.nan]])) == pytest.approx([0.5])


def test_moments_of_a_normal_are_its_own_but_for_a_heavier_tail() -> None:
    mean, deviation = moments_from_quantiles(0.3 + 1e-4 * NORMAL_SCORES)
    assert mean == pytest.approx(0.3, abs=1e-15)
    assert 1.0 < deviation / 1e-4 < 1.03


def test_moments_are_those_of_the_same_distribution_cut_into_a_million_pieces() -> None:
    quantiles = np.sinh(NORMAL_SCORES) + 0.3 * NORMAL_SCORES**2
    grid = np.linspace(-400.0, 400.0, 4_000_001)
    share = np.diff(cumulative_probability(quantiles, grid))
    middle = (grid[1:] + grid[:-1]) / 2.0
    mean = (share * middle).sum()
    found = moments_from_quantiles(quantiles)
    assert found[0] == pytest.approx(mean, abs=1e-4)
    assert found[1] == pytest.approx(np.sqrt((share * (middle - mean) ** 2).sum()), rel=1e-4)


def test_moments_of_a_point_are_the_point_and_zero() -> None:
    mean, deviation = moments_from_quantiles(np.full((2, 17), 0.02))
    assert mean.tolist() == [0.02, 0.02]
    assert deviation.tolist() == [0.0, 0.0]


def test_the_return_at_a_probability_has_that_probability() -> None:
    random = np.random.default_rng(3)
    quantiles = np.sort(random.normal(size=(4, 17)), axis=1)
    levels = np.tile(np.array([1e-6, 0.004, 0.01, 0.033, 0.5, 0.77, 0.99, 0.9931, 1 - 1e-6]), (4, 1))
    found = value_at(quantiles, levels)
    assert cumulative_probability(quantiles[:, None, :], found) == pytest.approx(levels, rel=1e-9)


def test_the_return_at_a_level_is_its_quantile() -> None:
    quantiles = np.sort(np.random.default_rng(4).normal(size=17))
    assert value_at(quantiles, QUANTILE_LEVELS) == pytest.approx(quantiles)
    assert np.isnan(value_at(np.full(17, np.nan), [0.001, 0.5])).all()
    assert value_at(np.zeros(17), [0.001, 0.5, 0.999]) == pytest.approx([0, 0, 0])
