"""From a scale to quantiles: residuals of sessions already past, with levels that adapt to misses.

The forecast scale says how wide; the standardised residuals of the last sessions say which shape. Both
are known: a residual enters once its target session has closed.

Shapes: T sessions, N tickers, Q quantiles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.panel import FloatArray
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import QUANTILE_LEVELS

MIN_POOL = 500  # residuals; below that a 1 % quantile is made of fewer than five points
MIN_OWN = 250  # residuals of one ticker before its own shape counts
LEVELS = np.array(QUANTILE_LEVELS)
LEVEL_MARGIN = 0.002  # adapted levels stay this far from 0 and 1


def residual_quantiles(
    residuals: FloatArray, levels: FloatArray, own_share: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Blend quantiles over all tickers with each ticker's own, around the median of all.

    A ticker's own residuals tell its shape. Their drift is left out: what went up in the calibration
    sessions does not go on doing so, and a forecast that said so lost against one that did not.

    Parameters
    ----------
    residuals : ndarray (T, N)
        Returns in units of their forecast scale, NaN where unknown.
    levels : ndarray (Q,)
        Increasing probabilities.
    own_share : float
        Weight of the ticker's own quantiles where it has MIN_OWN residuals.

    Returns
    -------
    quantiles (N, Q), mean (N,), standard deviation (N,), all in units of the scale.

    Raises
    ------
    NotEnoughHistory
        Fewer than MIN_POOL residuals in all.
    """
    known = np.isfinite(residuals)
    pool = np.sort(residuals[known])
    if len(pool) < MIN_POOL:
        raise NotEnoughHistory(
            f"only {len(pool)} past forecasts have come true, and calibration needs {MIN_POOL}: "
            "import or collect a longer history"
        )
    N = residuals.shape[1]
    quantiles = np.tile(_at_levels(pool, levels), (N, 1))
    mean, deviation = np.full(N, pool.mean()), np.full(N, pool.std())
    middle = np.median(pool)
    for n in np.flatnonzero(known.sum(axis=0) >= MIN_OWN) if own_share else ():
        own = np.sort(residuals[known[:, n], n])
        own += middle - np.median(own)
        quantiles[n] = (1.0 - own_share) * quantiles[n] + own_share * _at_levels(own, levels)
        mean[n] = (1.0 - own_share) * mean[n] + own_share * own.mean()
        deviation[n] = (1.0 - own_share) * deviation[n] + own_share * own.std()
    return quantiles, mean, deviation


def adapted_levels(residuals: FloatArray, sessions: int, rate: float) -> FloatArray:
    """Widen or narrow each central range against the misses of the last sessions, one step a session.

    Adaptive conformal inference (Gibbs & Candes 2021) on pairs of levels: after a session in which a share
    ``s`` of the tickers ended outside the range between the levels ``a`` and ``1 - a``, both move outwards
    by ``rate * (s - 2 a) / 2``. The median stays: adapting each level on its own chased the market's last
    drift, and lost.

    Parameters
    ----------
    residuals : ndarray (T, N)
        As above; the last ``sessions`` rows drive the levels.

    Returns
    -------
    ndarray (Q,), increasing, symmetric about one half.
    """
    known = np.isfinite(residuals)
    pool = np.sort(residuals[known])
    half = len(LEVELS) // 2
    nominal = LEVELS[:half]
    lower = nominal.copy()
    for row in residuals[-sessions:]:
        outcomes = row[np.isfinite(row)]
        if len(outcomes) == 0:
            continue
        ranks = np.sort((np.searchsorted(pool, outcomes, side="right") - 0.5) / len(pool))
        below = np.searchsorted(ranks, lower, side="right")
        above = len(ranks) - np.searchsorted(ranks, 1.0 - lower, side="left")
        outside = (below + above) / len(ranks)
        lower = np.clip(lower - rate * (outside - 2.0 * nominal) / 2.0, LEVEL_MARGIN, 0.5)
    lower = np.maximum.accumulate(lower)
    return np.concatenate([lower, LEVELS[half : half + 1], 1.0 - lower[::-1]])


def _at_levels(ordered: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles of a sorted sample at the plotting positions (i - 0.5) / n (Hazen 1914)."""
    positions: NDArray[np.float64] = (np.arange(len(ordered)) + 0.5) / len(ordered)
    return np.interp(levels, positions, ordered)
