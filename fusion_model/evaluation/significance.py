"""Whether a difference is more than luck, where sessions follow one another and stocks move together.

All stocks of a session share its news, and returns over many sessions overlap: so everything here works
on sessions, and with their dependence. Shapes: S sessions in order, K statistics of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, xlogy

from fusion_model.dataset.panel import FloatArray

HAC_LAGS = {1: 10, 5: 10, 20: 40}  # sessions, by horizon: twice the overlap, and volatility's memory


class Kupiec(NamedTuple):
    """Likelihood ratio and p-value of "exceptions come as often as they should"."""

    statistic: float
    p_value: float


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


def diebold_mariano(loss_difference: ArrayLike, horizon: int, lags: int | None = None) -> float:
    """Return the t of a mean loss difference on session means; negative: the first forecaster is better.

    Parameters
    ----------
    loss_difference : ndarray (S,)
        Mean over tickers of one forecaster's loss less the other's, session by session; no NaN.
    horizon : int
        Sets ``lags`` where they are not given: 10, 10 and 40 for 1, 5 and 20 sessions.

    Returns
    -------
    float
        NaN with fewer sessions than three times the lags (the error would be guessed from too little),
        and where the difference never varies.

    References
    ----------
    Diebold & Mariano (1995), J. Business & Economic Statistics 13.
    """
    values = np.asarray(loss_difference, dtype=float)
    used = lags_of(horizon) if lags is None else lags
    if len(values) < max(3 * used, 2) or np.ptp(values) == 0:
        return float("nan")
    error = hac_standard_error(values, used)
    return float(values.mean() / error) if error > 0 else float("nan")


def session_block_interval(
    per_session: ArrayLike,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    block: int,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a bootstrap interval of a statistic that is a function of sums over sessions.

    Blocks of consecutive sessions (wrapping around at the end) are drawn with replacement, so that
    stocks of a session, and sessions near each other, stay together.

    Parameters
    ----------
    per_session : ndarray (S, K)
        What is summed, for instance ``direction_counts`` over the tickers of each session.
    statistic : callable
        Takes sums (resamples, K), returns (resamples,); NaN results are left out.
    block : int
        Sessions in a block; cut to S.

    Returns
    -------
    (low, high) : float
        Percentile interval; NaN where no resample has a value.

    References
    ----------
    Politis & Romano (1992), circular block bootstrap, in Exploring the Limits of Bootstrap.
    """
    rows = np.asarray(per_session, dtype=float)
    S = len(rows)
    if S == 0:
        return float("nan"), float("nan")
    length = min(block, S)
    starts = np.random.default_rng(seed).integers(0, S, size=(resamples, -(-S // length)))
    picked = (starts[..., None] + np.arange(length)) % S  # (resamples, blocks, length)
    times = np.zeros((resamples, S))
    draws = picked.reshape(resamples, -1)[:, :S]
    np.add.at(times, (np.arange(resamples)[:, None], draws), 1.0)
    values = statistic(times @ rows)
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def kupiec(exceptions: int, forecasts: int, level: float) -> Kupiec:
    """Test whether exceptions came in a share of ``level``.

    Parameters
    ----------
    exceptions, forecasts : int
        How often a return fell below the quantile at ``level``, of how many.

    Raises
    ------
    ValueError
        No forecasts, more exceptions than forecasts, or a level outside (0, 1).

    References
    ----------
    Kupiec (1995), J. Derivatives 3: proportion of failures, chi-squared with one degree of freedom.
    """
    if not 0 <= exceptions <= forecasts or forecasts == 0 or not 0 < level < 1:
        raise ValueError(f"{exceptions} exceptions of {forecasts} at level {level} make no test")
    share = exceptions / forecasts
    held = forecasts - exceptions
    null = xlogy(exceptions, level) + xlogy(held, 1 - level)
    found = xlogy(exceptions, share) + xlogy(held, 1 - share)
    statistic = max(float(2 * (found - null)), 0.0)
    return Kupiec(statistic, float(chdtrc(1, statistic)))
