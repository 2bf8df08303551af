"""Claims about the size of bad outcomes, and about tails beyond the data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import genpareto

from fusion_model.advice.tails import (
    expected_shortfall,
    fit_tail,
    sample_value_at_risk,
    tail_nodes,
    value_at_risk,
)
from fusion_model.distribution import value_at
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import QUANTILE_LEVELS

QUANTILES = 0.02 * ndtri(np.array(QUANTILE_LEVELS)) + 0.001


def test_value_at_risk_is_the_quantile_as_a_loss() -> None:
    assert value_at_risk(QUANTILES, 0.05) == pytest.approx(1 - np.exp(QUANTILES[2]))
    assert value_at_risk(np.stack([QUANTILES, 2 * QUANTILES]), 0.01) == pytest.approx(
        1 - np.exp(QUANTILES[0] * np.array([1, 2]))
    )


@pytest.mark.parametrize("share", [0.05, 0.01, 0.002])
def test_expected_shortfall_is_the_mean_of_what_lies_beyond(share: float) -> None:
    """The mean over two million equally likely outcomes of the forecast's own distribution."""
    levels = share * (np.arange(2_000_000) + 0.5) / 2_000_000
    expected = -np.expm1(value_at(QUANTILES, levels)).mean()
    assert expected_shortfall(QUANTILES, share) == pytest.approx(expected, rel=1e-4)


def test_the_weights_of_a_tail_sum_to_one_and_stay_inside_it() -> None:
    levels, weights = tail_nodes(0.05)
    assert weights.sum() == pytest.approx(1.0)
    assert 0 < levels.min() < levels.max() < 0.05


@pytest.mark.parametrize("shape", [0.25, 0.0, -0.2])
def test_a_tail_that_is_pareto_is_found(shape: float) -> None:
    """100,000 losses whose worst 5 % are a generalised Pareto beyond 0.02, of scale 0.01."""
    beyond = 0.02 + genpareto.ppf((np.arange(5000) + 0.5) / 5000, shape, scale=0.01)
    losses = np.concatenate([np.linspace(-0.05, 0.02, 95_000), beyond])
    tail = fit_tail(losses)
    assert (tail.threshold, tail.share) == (pytest.approx(0.02, abs=1e-5), 0.05)
    assert (tail.shape, tail.scale) == (pytest.approx(shape, abs=0.01), pytest.approx(0.01, rel=0.01))
    far = 0.02 + genpareto.isf(0.001 / 0.05, shape, scale=0.01)
    assert tail.value_at_risk(0.001) == pytest.approx(far, rel=0.01)
    mean_beyond = far + genpareto(shape, scale=0.01 + shape * (far - 0.02)).mean()
    assert tail.expected_shortfall(0.001) == pytest.approx(mean_beyond, rel=0.01)


def test_a_tail_of_a_few_losses_is_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="of 900 these are 45; 50 are needed"):
        fit_tail(np.random.default_rng(0).normal(size=900))


def test_a_sample_has_its_value_at_risk_between_the_last_inside_and_the_next() -> None:
    returns = -np.arange(1, 101) / 100
    assert sample_value_at_risk(returns, 0.05) == pytest.approx(0.955)
