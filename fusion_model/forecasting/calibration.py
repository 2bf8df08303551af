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
    residuals: FloatArray, levels: FloatArray, own_share: float, drift_sessions: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Blend quantiles over all tickers with each ticker's own, around the median of all.

    A ticker's own residuals tell its shape. Their drift is left out: what went up in the calibration
    sessions does not go on doing so, and a forecast that said so lost against one that did not. The shape
    is read from all rows, where the median of all lies, from the last ones.

    Parameters
    ----------
    residuals : ndarray (T, N)
        Returns in units of their forecast scale, NaN where unknown.
    levels : ndarray (Q,)
        Increasing probabilities.
    own_share : float
        Weight of the ticker's own quantiles where it has MIN_OWN residuals.
    drift_sessions : int, optional
        How many of the last rows tell the median; by default, and where they hold fewer than MIN_POOL
        residuals, all.

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
    shift = 0.0 if drift_sessions is None else _median_of_last(residuals, drift_sessions) - np.median(pool)
    quantiles = np.tile(_at_levels(pool, levels), (N, 1))
    mean, deviation = np.full(N, pool.mean()), np.full(N, pool.std())
    shaped = np.flatnonzero(known.sum(axis=0) >= MIN_OWN)
    if own_share and len(shaped):
        own = np.sort(np.ascontiguousarray(residuals[:, shaped].T), axis=1)  # (n, T), NaN last
        count = known[:, shaped].sum(axis=0)
        drift = _each_at_levels(own, count, np.array([0.5]))[:, 0] - np.median(pool)
        own -= drift[:, None]
        quantiles[shaped] += own_share * (_each_at_levels(own, count, levels) - quantiles[shaped])
        mean[shaped] += own_share * (np.nanmean(own, axis=1) - mean[shaped])
        deviation[shaped] += own_share * (np.nanstd(own, axis=1) - deviation[shaped])
    return quantiles + shift, mean + shift, deviation


def _median_of_last(residuals: FloatArray, sessions: int) -> float:
    recent = residuals[-sessions:]
    recent = recent[np.isfinite(recent)]
    return float(np.median(recent if len(recent) >= MIN_POOL else residuals[np.isfinite(residuals)]))


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
    rank = np.empty(known.sum())
    rank[np.argsort(residuals[known])] = (np.arange(len(rank)) + 0.5) / max(len(rank), 1)
    recent = known[-sessions:]
    depth = np.full(recent.shape, np.inf)  # how far out on either side
    own = rank[len(rank) - recent.sum() :]  # row by row, the last ones
    depth[recent] = np.minimum(own, 1.0 - own)
    depth.sort(axis=1)
    outcomes = recent.sum(axis=1)
    half = len(LEVELS) // 2
    nominal = LEVELS[:half]
    lower = nominal.copy()
    for row, count in zip(depth, outcomes.tolist(), strict=True):
        if count:
            outside = row.searchsorted(lower, side="right") / count
            lower = np.minimum(np.maximum(lower - rate * (outside - 2.0 * nominal) / 2.0, LEVEL_MARGIN), 0.5)
    lower = np.maximum.accumulate(lower)
    return np.concatenate([lower, LEVELS[half : half + 1], 1.0 - lower[::-1]])


def _at_levels(ordered: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles of a sorted sample at the plotting positions (i - 0.5) / n (Hazen 1914)."""
    positions: NDArray[np.float64] = (np.arange(len(ordered)) + 0.5) / len(ordered)
    return np.interp(levels, positions, ordered)


def _each_at_levels(ordered: FloatArray, count: NDArray[np.intp], levels: FloatArray) -> FloatArray:
    """Return (n, Q): _at_levels of the first ``count`` values of each row (n, T)."""
    place = np.clip(levels * count[:, None] - 0.5, 0.0, count[:, None] - 1.0)
    left = place.astype(np.intp)
    right = np.minimum(left + 1, count[:, None] - 1)
    low, high = np.take_along_axis(ordered, left, axis=1), np.take_along_axis(ordered, right, axis=1)
    return np.asarray(low + (high - low) * (place - left))
