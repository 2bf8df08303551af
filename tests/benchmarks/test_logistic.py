"""Logistic regression: finds what is there, and shrinks what is not."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from benchmarks.published.logistic import fit_best_penalty, fit_logistic


def planted(seed: int, weight: float, size: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    inputs = random.normal(0.0, 1.0, (size, 3))
    return inputs, (random.random(size) < expit(weight * inputs[:, 0] + 0.5)).astype(float)


def test_planted_weights_are_found() -> None:
    model = fit_logistic(*planted(1, weight=1.0), penalty=0.0)
    np.testing.assert_allclose(model.weights, [1.0, 0.0, 0.0, 0.5], atol=0.12)


def test_the_penalty_that_does_best_on_validation_is_taken() -> None:
    strong = fit_best_penalty(planted(1, weight=1.0), planted(2, weight=1.0))
    nothing = fit_best_penalty(planted(1, weight=0.0, size=100), planted(2, weight=0.0))
    assert strong.weights[0] > 0.8
    assert np.abs(nothing.weights[:3]).max() < 0.2


def test_a_column_that_never_moves_says_nothing() -> None:
    inputs, labels = planted(1, weight=1.0)
    still = np.column_stack([inputs, np.full(len(inputs), 7.0)])
    model = fit_logistic(still, labels, penalty=0.01)
    np.testing.assert_allclose(model.weights[3], 0.0, atol=1e-8)
