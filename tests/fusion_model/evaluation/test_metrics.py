"""Claims of the metrics: known losses on known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from fusion_model.evaluation.metrics import (
    SCORED_COLUMNS,
    SCORED_LEVELS,
    crps_from_quantiles,
    direction_counts,
    inside_central_range,
    is_monotone,
    matthews_correlation,
    pinball_loss,
    pit_from_quantiles,
    qlike,
    rank_correlations,
    scored_pinball,
    sign_hits,
)
from fusion_model.findings import QUANTILE_LEVELS

NORMAL = ndtri(QUANTILE_LEVELS)


def test_missing_above_costs_the_level_and_below_the_rest() -> None:
    assert pinball_loss(1.0, [0.0], [0.9]) == pytest.approx([0.9])
    assert pinball_loss(-1.0, [0.0], [0.9]) == pytest.approx([0.1])
    assert pinball_loss(0.0, [0.0], [0.9]) == pytest.approx([0.0])


def test_scored_levels_are_the_fifteen_of_the_published_table() -> None:
    assert len(SCORED_LEVELS) == 15
    assert tuple(QUANTILE_LEVELS[column] for column in SCORED_COLUMNS) == SCORED_LEVELS


def test_scored_pinball_is_in_percent_of_log_return() -> None:
    # All quantiles at 0 and a return of 1 %: each level costs itself, the fifteen average one half.
    assert scored_pinball(0.01, np.zeros(17)) == pytest.approx(0.5)
    assert scored_pinball([[0.01], [-0.02]], np.zeros((2, 1, 17))) == pytest.approx(np.array([[0.5], [1.0]]))


def test_the_true_distribution_has_the_least_pinball() -> None:
    came = np.random.default_rng(0).normal(size=20_000)
    truth = scored_pinball(came, NORMAL).mean()
    for wrong in (NORMAL * 0.8, NORMAL * 1.2, NORMAL + 0.2, NORMAL - 0.2):
        assert truth < scored_pinball(came, wrong).mean()


def test_crps_of_a_normal_is_the_closed_form() -> None:
    # Gneiting & Raftery (2007), equation 21.
    came = np.array([-2.0, -0.5, 0.0, 0.7, 2.5])
    density = np.exp(-(came**2) / 2) / np.sqrt(2 * np.pi)
    exact = came * (2 * ndtr(came) - 1) + 2 * density - 1 / np.sqrt(np.pi)
    assert crps_from_quantiles(came, NORMAL) == pytest.approx(exact, abs=0.015)
    fine = (np.arange(2000) + 0.5) / 2000
    assert crps_from_quantiles(came, ndtri(fine), fine.tolist()) == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
def test_central_ranges_hold_their_share_of_normals(share: float) -> None:
    came = np.random.default_rng(1).normal(size=20_000)
    assert inside_central_range(came, NORMAL, share).mean() == pytest.approx(share, abs=0.01)


def test_a_share_without_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="central 70%"):
        inside_central_range(0.0, NORMAL, 0.7)


def test_the_pit_of_calibrated_forecasts_is_uniform() -> None:
    came = np.random.default_rng(2).normal(size=20_000)
    pit = pit_from_quantiles(came, NORMAL)
    inner = np.abs(came) < NORMAL[-1]
    assert pit[inner] == pytest.approx(ndtr(came)[inner], abs=1e-9)
    assert pit[~inner] == pytest.approx(ndtr(came)[~inner], abs=2e-3)
    assert np.histogram(pit, 10, (0, 1))[0] == pytest.approx(np.full(10, 2000), rel=0.08)


def test_qlike_is_least_at_the_true_volatility() -> None:
    came = np.random.default_rng(3).normal(0, 0.02, 20_000)
    losses = [float(qlike(came, spread).mean()) for spread in (0.016, 0.018, 0.02, 0.022, 0.024)]
    assert int(np.argmin(losses)) == 2
    assert np.isnan(qlike(0.01, 0.0))


def test_matthews_correlation_of_a_worked_example() -> None:
    # Wikipedia, "Phi coefficient": 6 true and 3 true negatives, 1 false positive, 2 false negatives.
    assert matthews_correlation([6, 3, 1, 2]) == pytest.approx(0.478, abs=5e-4)
    assert sign_hits([6, 3, 1, 2]) == pytest.approx(9 / 12)


def test_direction_is_perfect_inverted_or_absent() -> None:
    came = np.array([0.01, -0.02, 0.03, -0.01, 0.0, np.nan])
    right = np.where(came > 0, 0.6, 0.4)
    assert matthews_correlation(direction_counts(came, right).sum(axis=0)) == 1.0
    assert matthews_correlation(direction_counts(came, 1 - right).sum(axis=0)) == -1.0
    always = direction_counts(came, np.full(6, 0.9)).sum(axis=0)
    assert always.tolist() == [2.0, 0.0, 2.0, 0.0]  # standing still and unknown have no direction
    assert matthews_correlation(always) == 0.0
    assert np.isnan(sign_hits(np.zeros(4)))


def test_unknown_outcomes_stay_unknown_in_every_loss() -> None:
    assert np.isnan(scored_pinball(np.nan, NORMAL))
    assert np.isnan(crps_from_quantiles(np.nan, NORMAL))
    assert np.isnan(inside_central_range(np.nan, NORMAL, 0.9))
    assert np.isnan(pit_from_quantiles(np.nan, NORMAL))
    assert np.isnan(qlike(np.nan, 0.01))


def test_crossing_and_missing_quantiles_are_found() -> None:
    crossing, missing = NORMAL.copy(), NORMAL.copy()
    crossing[[3, 4]] = crossing[[4, 3]]
    missing[5] = np.nan
    assert is_monotone(np.stack([NORMAL, np.zeros(17), crossing, missing])).tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_rank_correlations_of_each_group_are_those_of_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(8)
    group = rng.integers(0, 5, 300)
    foretold = rng.integers(0, 20, 300) / 10  # with ties
    came = foretold + rng.normal(size=300)
    expected = [spearmanr(foretold[group == g], came[group == g]).statistic for g in range(5)]
    assert rank_correlations(group, foretold, came) == pytest.approx(expected)


def test_a_group_without_an_order_has_no_rank_correlation() -> None:
    group = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    found = rank_correlations(group, [1, 2, 3, 5, 5, 5, 1, 2], [10, 20, 30, 1, 2, 3, 1, 2])
    assert found[0] == pytest.approx(1.0)
    assert np.isnan(found[1:]).all()  # everything foretold alike; two members only
