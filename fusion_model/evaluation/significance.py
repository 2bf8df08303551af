"""Whether a difference is more than luck, where sessions follow one another and stocks move together.

All stocks of a session share its news, and returns over many sessions overlap: so everything here works
on sessions, and with their dependence. Shapes: S sessions in order, K statistics of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, xlogy

from fusion_model.advice.joint import false_discovery_rate
from fusion_model.dataset.panel import FloatArray
from fusion_model.evaluation.standard_error import hac_standard_error, lags_of


class Kupiec(NamedTuple):
    """Likelihood ratio and p-value of "exceptions come as often as they should"."""

    statistic: float
    p_value: float


class Christoffersen(NamedTuple):
    """Of exceptions in a row: "one does not make the next likelier", alone and together with their share."""

    independence: float
    independence_p: float
    conditional: float
    conditional_p: float


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
    times = np.zeros((resamples, S))
    np.add.at(times, (np.arange(resamples)[:, None], _drawn(S, block, resamples, seed)), 1.0)
    return _central(statistic(times @ rows), level)


def median_block_interval(
    per_session: ArrayLike, *, block: int, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Return a bootstrap interval of the median over sessions (S,), drawn as in ``session_block_interval``.

    NaN without sessions; no NaN among them.
    """
    values = np.asarray(per_session, dtype=float)
    if not len(values):
        return float("nan"), float("nan")
    return _central(np.median(values[_drawn(len(values), block, resamples, seed)], axis=1), level)


def _drawn(S: int, block: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Return the sessions of each resample (resamples, S), in blocks that wrap around at the end."""
    length = min(block, S)
    starts = np.random.default_rng(seed).integers(0, S, size=(resamples, -(-S // length)))
    picked = (starts[..., None] + np.arange(length)) % S  # (resamples, blocks, length)
    return picked.reshape(resamples, -1)[:, :S]


def _central(values: FloatArray, level: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
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


def christoffersen(exceptions: ArrayLike, level: float) -> Christoffersen:
    """Test whether exceptions come alone rather than in clusters, and at the right rate besides.

    Parameters
    ----------
    exceptions : ndarray (S,)
        Whether the return of each session fell below the quantile at ``level``, oldest first.

    Returns
    -------
    Christoffersen
        Likelihood ratio of "an exception is as likely after an exception as after none" (chi-squared, one
        degree of freedom), and the sum of it and Kupiec's (two degrees).

    Raises
    ------
    ValueError
        Fewer than two sessions, or a level outside (0, 1).

    References
    ----------
    Christoffersen (1998), International Economic Review 39.
    """
    hits = np.asarray(exceptions, dtype=bool)
    if len(hits) < 2:
        raise ValueError(f"{len(hits)} sessions have no sequence to test")
    before, after = hits[:-1], hits[1:]
    into = np.array([np.sum(after & ~before), np.sum(after & before)], dtype=float)  # after none, after one
    times = np.array([np.sum(~before), np.sum(before)], dtype=float)
    share = np.divide(into, times, out=np.zeros(2), where=times > 0)
    overall = into.sum() / times.sum()
    found = np.sum(xlogy(into, share) + xlogy(times - into, 1 - share))
    null = np.sum(xlogy(into, overall) + xlogy(times - into, 1 - overall))
    independence = max(float(2 * (found - null)), 0.0)
    conditional = independence + kupiec(int(hits.sum()), len(hits), level).statistic
    return Christoffersen(
        independence, float(chdtrc(1, independence)), conditional, float(chdtrc(2, conditional))
    )


def two_sided_p(t: ArrayLike) -> FloatArray:
    """Return the probability of a normal at least as far from zero as ``t``; NaN for NaN."""
    return np.asarray(2 * ndtr(-np.abs(np.asarray(t, dtype=float))))


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Return p-values (n,) adjusted for their number: those up to .05 hold at most 5 % false alarms.

    NaN stays NaN and does not count. Valid where the tests are independent or depend positively, as
    those of stocks do that share a market.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57.
    """
    return false_discovery_rate(p_values)
