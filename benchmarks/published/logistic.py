"""Logistic regression with a squared penalty: the plainest model that learns a direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from fusion_model.dataset.panel import FloatArray

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # of squared weights, beside a mean loss
CLIP = 5.0  # standard deviations


@dataclass(frozen=True)
class Logistic:
    """A fitted model: inputs (M, F) are scaled, then weighted; the last weight is a constant."""

    mean: FloatArray
    spread: FloatArray
    weights: FloatArray  # (F + 1,)

    def score(self, inputs: FloatArray) -> FloatArray:
        """Return the log odds of one, (M,)."""
        scaled = np.clip((inputs - self.mean) / self.spread, -CLIP, CLIP)
        return np.asarray(scaled @ self.weights[:-1] + self.weights[-1])

    def probability(self, inputs: FloatArray) -> FloatArray:
        """Return P(one), (M,)."""
        return np.asarray(expit(self.score(inputs)))

    def loss(self, inputs: FloatArray, labels: FloatArray) -> float:
        """Return the mean negative log likelihood of labels (M,) in 0 and 1."""
        score = self.score(inputs)
        return float(np.mean(np.logaddexp(0.0, score) - labels * score))


def fit_logistic(inputs: FloatArray, labels: FloatArray, penalty: float) -> Logistic:
    """Fit by maximum likelihood less ``penalty`` / 2 times the squared weights, the constant's left out."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    spread = np.where(deviation > 0, deviation, 1.0)
    scaled = np.column_stack([np.clip((inputs - mean) / spread, -CLIP, CLIP), np.ones(len(inputs))])

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        shrunk = np.append(weights[:-1], 0.0)
        score = scaled @ weights
        value = np.mean(np.logaddexp(0.0, score) - labels * score) + penalty * (shrunk @ shrunk) / 2
        return float(value), scaled.T @ (expit(score) - labels) / len(labels) + penalty * shrunk

    found = minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B")
    return Logistic(mean, spread, np.asarray(found.x))


def fit_best_penalty(
    train: tuple[FloatArray, FloatArray], validation: tuple[FloatArray, FloatArray]
) -> Logistic:
    """Fit inputs and labels with each of PENALTIES, and return what does best on the validation's."""
    fitted = [fit_logistic(*train, penalty) for penalty in PENALTIES]
    return min(fitted, key=lambda model: model.loss(*validation))
