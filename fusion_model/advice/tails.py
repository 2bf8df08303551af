"""How bad a bad outcome is: value at risk, expected shortfall, and a Pareto tail beyond the data.

Losses are positive fractions of wealth. Shapes: S equally likely outcomes, Q quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fusion_model.dataset.panel import FloatArray
from fusion_model.distribution import LEVELS, value_at
from fusion_model.errors import NotEnoughHistory

NODES = 16  # of Gauss-Legendre on each piece of a tail
TAIL_SHARE = 0.05  # of the losses lie beyond the threshold of a fitted tail
MIN_EXCEEDANCES = 50


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """A generalised Pareto distribution of what lies beyond a threshold (peaks over threshold).

    ``shape`` > 0 is a heavy tail, 0 an exponential one; ``scale`` is in the unit of the losses, and ``share``
    of all losses lie beyond ``threshold``.
    """

    threshold: float
    shape: float
    scale: float
    share: float

    def value_at_risk(self, share: float) -> float:
        """Return the loss that a share of all outcomes exceeds; the share is at most that of the tail."""
        ratio = self.share / share
        if abs(self.shape) < 1e-9:
            return float(self.threshold + self.scale * np.log(ratio))
        return float(self.threshold + self.scale / self.shape * (ratio**self.shape - 1.0))

    def expected_shortfall(self, share: float) -> float:
        """Return the mean of the worst share of all outcomes; infinite from a shape of 1 on."""
        if self.shape >= 1.0:
            return float("inf")
        beyond = self.value_at_risk(share)
        return float(beyond + (self.scale + self.shape * (beyond - self.threshold)) / (1.0 - self.shape))


def fit_tail(losses: FloatArray, share: float = TAIL_SHARE) -> ParetoTail:
    """Fit a generalised Pareto to the worst share of losses (S,), by probability-weighted moments.

    Raises
    ------
    NotEnoughHistory
        Fewer than MIN_EXCEEDANCES losses beyond the threshold.

    References
    ----------
    Hosking & Wallis (1987), Technometrics 29; McNeil & Frey (2000), J. Empirical Finance 7.
    """
    known = np.sort(losses[np.isfinite(losses)])
    count = int(len(known) * share)
    if count < MIN_EXCEEDANCES:
        raise NotEnoughHistory(
            f"a tail is fitted to the worst {share:.0%} of outcomes, and of {len(known)} these are {count}; "
            f"{MIN_EXCEEDANCES} are needed: import or collect a longer history"
        )
    threshold = float(known[-count - 1])
    beyond = known[-count:] - threshold
    first = float(beyond.mean())
    position = (np.arange(1, count + 1) - 0.35) / count
    second = float((beyond * (1.0 - position)).mean())
    if first <= 0 or first <= 2.0 * second:
        return ParetoTail(threshold, 0.0, first, share)
    return ParetoTail(
        threshold, 2.0 - first / (first - 2.0 * second), 2.0 * first * second / (first - 2.0 * second), share
    )


def value_at_risk(quantiles: FloatArray, share: float) -> FloatArray:
    """Return (...) the loss that a share of outcomes exceeds, of log-return quantiles (..., Q)."""
    return np.asarray(-np.expm1(value_at(quantiles, [share])[..., 0]))


def expected_shortfall(quantiles: FloatArray, share: float) -> FloatArray:
    """Return (...) the mean loss in the worst share of outcomes, of log-return quantiles (..., Q).

    An integral over the forecast's own distribution, its Pareto tail included (Acerbi & Tasche 2002).
    """
    levels, weights = tail_nodes(share)
    return np.asarray(-np.expm1(value_at(quantiles, levels)) @ weights)


def tail_nodes(share: float) -> tuple[FloatArray, FloatArray]:
    """Return probabilities below a share, and weights (sum 1), that integrate what lies there.

    Piece by piece between the quantile levels; below the lowest one at squares of the nodes, so that they
    crowd where the tail is steep.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    unit, part = (nodes + 1.0) / 2.0, weights / 2.0
    edges = np.array([*LEVELS[share - LEVELS > 1e-12], share])
    levels, weighted = [edges[0] * unit**2], [edges[0] * 2.0 * unit * part]
    for low, high in pairwise(edges.tolist()):
        levels.append(low + (high - low) * unit)
        weighted.append((high - low) * part)
    return np.concatenate(levels), np.concatenate(weighted) / share


def sample_value_at_risk(returns: FloatArray, share: float) -> float:
    """Return the loss that a share of outcomes (S,) exceeds, halfway between the last inside and the next."""
    ordered = np.sort(returns)
    count = worst_count(len(ordered), share)
    return float(-(ordered[count - 1] + ordered[min(count, len(ordered) - 1)]) / 2.0)


def worst_count(outcomes: int, share: float) -> int:
    """Return how many outcomes the worst share of them is, one at least."""
    return max(round(outcomes * share), 1)
