"""How far a forecast distribution was from what happened: losses, coverage, direction.

Shapes: ``...`` any leading axes (usually sessions and tickers), Q quantiles. NaN in, NaN out, element by
element; who averages leaves NaN out first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion_model.dataset.panel import BoolArray, FloatArray
from fusion_model.distribution import cumulative_probability
from fusion_model.findings import QUANTILE_LEVELS

SCORED_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
SCORED_COLUMNS = tuple(QUANTILE_LEVELS.index(level) for level in SCORED_LEVELS)
PERCENT = 100.0  # losses of log returns are reported in percent


def pinball_loss(
    realised: ArrayLike, quantiles: ArrayLike, levels: Sequence[float] = QUANTILE_LEVELS
) -> FloatArray:
    """Return the pinball (quantile) loss of every quantile, (..., Q), in the unit of ``realised``.

    Parameters
    ----------
    realised : ndarray (...)
    quantiles : ndarray (..., Q)
        At ``levels``.

    References
    ----------
    Koenker & Bassett (1978), Econometrica 46.
    """
    miss = np.asarray(realised, dtype=float)[..., None] - np.asarray(quantiles, dtype=float)
    level = np.asarray(levels, dtype=float)
    return np.asarray(np.maximum(level * miss, (level - 1.0) * miss))


def scored_pinball(realised: ArrayLike, quantiles: ArrayLike) -> FloatArray:
    """Return the mean pinball loss over SCORED_LEVELS of log returns, in percent, (...).

    Parameters
    ----------
    realised : ndarray (...)
        Log returns.
    quantiles : ndarray (..., 17)
        At QUANTILE_LEVELS.
    """
    scored = np.asarray(quantiles, dtype=float)[..., SCORED_COLUMNS]
    return np.asarray(PERCENT * pinball_loss(realised, scored, SCORED_LEVELS).mean(axis=-1))


def crps_from_quantiles(
    realised: ArrayLike, quantiles: ArrayLike, levels: Sequence[float] = QUANTILE_LEVELS
) -> FloatArray:
    """Return the continuous ranked probability score, (...), in the unit of ``realised``.

    CRPS is twice the integral of the pinball loss over all levels; each level here stands for the
    levels nearer to it than to another one.

    References
    ----------
    Gneiting & Raftery (2007), JASA 102, section 4.2; Laio & Tamea (2007), Hydrol. Earth Syst. Sci. 11.
    """
    level = np.asarray(levels, dtype=float)
    edges = np.concatenate([[0.0], (level[1:] + level[:-1]) / 2, [1.0]])
    return np.asarray(2.0 * pinball_loss(realised, quantiles, levels) @ np.diff(edges))


def inside_central_range(realised: ArrayLike, quantiles: ArrayLike, share: float) -> FloatArray:
    """Return 1 where a return lies in the central range that should hold ``share`` of them, else 0; (...).

    Parameters
    ----------
    quantiles : ndarray (..., 17)
        At QUANTILE_LEVELS, which hold the ranges of 50, 60, 80, 90, 95 and 98 %, among others.

    Raises
    ------
    ValueError
        No two levels enclose that share.
    """
    tail = round((1.0 - share) / 2, 6)
    if tail not in QUANTILE_LEVELS or round(1.0 - tail, 6) not in QUANTILE_LEVELS:
        raise ValueError(f"no quantile levels enclose a central {share:.0%}; there are {QUANTILE_LEVELS}")
    values, point = np.asarray(quantiles, dtype=float), np.asarray(realised, dtype=float)
    low = values[..., QUANTILE_LEVELS.index(tail)]
    high = values[..., QUANTILE_LEVELS.index(round(1.0 - tail, 6))]
    known = np.isfinite(point) & np.isfinite(low) & np.isfinite(high)
    return np.where(known, ((low <= point) & (point <= high)).astype(float), np.nan)


def pit_from_quantiles(realised: ArrayLike, quantiles: ArrayLike) -> FloatArray:
    """Return the probability that was given to a return or a lower one, (...); uniform when calibrated.

    Dawid (1984), JRSS A 147. Between and beyond the quantiles as in ``cumulative_probability``.
    """
    return cumulative_probability(quantiles, realised)


def qlike(realised: ArrayLike, volatility: ArrayLike) -> FloatArray:
    """Return log variance plus squared return over variance, (...): the loss of a volatility forecast.

    Its mean is least at the true variance even though the squared return is a noisy stand-in for it.
    Patton (2011), J. Econometrics 160. NaN where the volatility is not positive.
    """
    variance = np.square(np.asarray(volatility, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.log(variance) + np.square(np.asarray(realised, dtype=float)) / variance
    return np.where(np.asarray(volatility, dtype=float) > 0, loss, np.nan)


def direction_counts(realised: ArrayLike, prob_up: ArrayLike) -> FloatArray:
    """Return (..., 4) ones and zeros: rise foretold and came, fall and fall, rise and fall, fall and rise.

    A rise is foretold by ``prob_up > 0.5``. A return of exactly zero, or NaN, has no direction: all zeros.
    """
    point, chance = np.asarray(realised, dtype=float), np.asarray(prob_up, dtype=float)
    foretold, known = chance > 0.5, np.isfinite(chance)
    rose, fell = (point > 0) & known, (point < 0) & known
    hits = (foretold & rose, ~foretold & fell, foretold & fell, ~foretold & rose)
    return np.stack(hits, axis=-1).astype(float)


def sign_hits(counts: ArrayLike) -> FloatArray:
    """Return the share of directions foretold right, from summed counts (..., 4); NaN without any."""
    hits = np.asarray(counts, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((hits[..., 0] + hits[..., 1]) / hits.sum(axis=-1))


def matthews_correlation(counts: ArrayLike) -> FloatArray:
    """Return Matthews' correlation of foretold and true direction, from summed counts (..., 4).

    0 where only one direction was foretold, or only one came. Matthews (1975), BBA 405.
    """
    up_up, down_down, up_down, down_up = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    scale = np.sqrt((up_up + up_down) * (up_up + down_up) * (down_down + up_down) * (down_down + down_up))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, (up_up * down_down - up_down * down_up) / scale, 0.0)


def rank_correlations(group: NDArray[np.intp], foretold: ArrayLike, came: ArrayLike) -> FloatArray:
    """Return Spearman's rank correlation within each group, (G,): the rank IC where groups are sessions.

    Parameters
    ----------
    group : ndarray (M,)
        From 0 to G - 1.
    foretold, came : ndarray (M,)
        Finite. Equal values share their mean rank.

    Returns
    -------
    ndarray (G,)
        NaN where a group has fewer than three members, or no order in what was foretold or came.

    References
    ----------
    Spearman (1904), American J. Psychology 15; Grinold & Kahn (2000), Active Portfolio Management.
    """
    size = np.bincount(group)
    one, other = (_centred_ranks(group, np.asarray(values, dtype=float), size) for values in (foretold, came))
    together = np.bincount(group, one * other, len(size))
    scale = np.sqrt(np.bincount(group, one**2, len(size)) * np.bincount(group, other**2, len(size)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((size > 2) & (scale > 0), together / scale, np.nan)


def _centred_ranks(group: NDArray[np.intp], values: FloatArray, size: NDArray[np.intp]) -> FloatArray:
    """Return ranks within the groups, ties averaged, less their mean; (M,)."""
    order = np.lexsort((values, group))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(values[order]) != 0) | (np.diff(group[order]) != 0)
    tie = np.cumsum(begins) - 1
    place = np.bincount(tie, np.arange(len(order))) / np.bincount(tie)
    ranks = np.empty(len(order))
    ranks[order] = place[tie]
    return np.asarray(ranks - (np.bincount(group, ranks, len(size)) / np.maximum(size, 1))[group])


def is_monotone(quantiles: ArrayLike) -> BoolArray:
    """Tell where quantiles (..., Q) never decrease; NaN counts as a violation. Shape (...)."""
    steps = np.diff(np.asarray(quantiles, dtype=float), axis=-1)
    monotone: NDArray[np.bool_] = np.all(steps >= 0, axis=-1)
    return monotone
