"""How sure the mean of dependent sessions is; without scipy, so that the window may say it too."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

HAC_LAGS = {1: 10, 5: 10, 20: 40}  # sessions, by horizon: twice the overlap, and volatility's memory


def lags_of(horizon: int) -> int:
    """Return how many sessions of dependence to allow for at a horizon."""
    return HAC_LAGS.get(horizon, max(10, 2 * horizon))


def hac_standard_error(series: ArrayLike, lags: int) -> float:
    """Return the standard error of the mean of a dependent series (S,); NaN with fewer than two values.

    Bartlett weights on ``lags`` autocovariances, without a small-sample correction.

    References
    ----------
    Newey & West (1987), Econometrica 55.
    """
    values = np.asarray(series, dtype=float)
    S = len(values)
    if S < 2:
        return float("nan")
    deviation = values - values.mean()
    variance = float(deviation @ deviation)
    for lag in range(1, min(lags, S - 1) + 1):
        weight = 1.0 - lag / (lags + 1)
        variance += 2.0 * weight * float(deviation[lag:] @ deviation[:-lag])
    return float(np.sqrt(max(variance, 0.0)) / S)
