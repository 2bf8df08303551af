"""What every forecaster says in the same words: quantiles to probabilities, arrays to Forecast rows.

Shapes: N tickers, Q quantiles at QUANTILE_LEVELS, P samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from collectors.market_calendar import session_after
from fusion_model.dataset.panel import CLOSE, FloatArray, Panel
from fusion_model.findings import QUANTILE_LEVELS, TAIL_SHAPE, Forecast

LEVELS: FloatArray = np.array(QUANTILE_LEVELS)
NORMAL_SCORES: FloatArray = ndtri(LEVELS)  # where a standard normal has these quantiles


class Distributions(NamedTuple):
    """Of n tickers at one horizon: quantiles (n, Q), and mean, prob_up and volatility (n,)."""

    quantiles: FloatArray
    mean: FloatArray
    prob_up: FloatArray
    volatility: FloatArray


def cumulative_probability(
    quantiles: ArrayLike, at: ArrayLike, levels: Sequence[float] = QUANTILE_LEVELS
) -> FloatArray:
    """Return P(return <= at) under distributions that are known by their quantiles.

    Between two quantiles the normal score is linear in the return. Beyond the outer ones the tail is a
    generalised Pareto of TAIL_SHAPE, as wide as the two outer quantiles of that side have it: stocks
    leave a range of 98 % by far more often than a normal distribution would. Where several quantiles stand at
    the very same return, the probability there is the middle of theirs.

    Parameters
    ----------
    quantiles : ndarray (..., Q)
        Never decreasing.
    at : ndarray (...)
        Broadcast against the leading axes of ``quantiles``; NaN gives NaN.
    """
    values = np.asarray(quantiles, dtype=float)
    point = np.broadcast_to(np.asarray(at, dtype=float), np.broadcast_shapes(values.shape[:-1], np.shape(at)))
    values = np.broadcast_to(values, (*point.shape, values.shape[-1]))
    scores = ndtri(np.asarray(levels, dtype=float))
    below = np.sum(values < point[..., None], axis=-1)
    through = np.sum(values <= point[..., None], axis=-1)
    tied = through > below

    left = np.clip(below - 1, 0, len(scores) - 2)
    start = np.take_along_axis(values, left[..., None], axis=-1)[..., 0]
    width = np.take_along_axis(values, left[..., None] + 1, axis=-1)[..., 0] - start
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        score = scores[left] + (scores[left + 1] - scores[left]) * (point - start) / width
    last = len(scores) - 1
    middle = (scores[np.minimum(below, last)] + scores[np.clip(through - 1, 0, last)]) / 2
    probability: FloatArray = ndtr(np.where(tied, middle, score))
    beyond = np.asarray(levels, dtype=float)
    low = _tail_share(values[..., 0] - point, values[..., 1] - values[..., 0], beyond[0], beyond[1])
    outer, inner = 1.0 - beyond[-1], 1.0 - beyond[-2]
    high = _tail_share(point - values[..., -1], values[..., -1] - values[..., -2], outer, inner)
    probability = np.where(point > values[..., -1], 1.0 - high, probability)
    probability = np.where(point < values[..., 0], low, probability)
    return np.where(np.isnan(point) | np.isnan(values).any(axis=-1), np.nan, probability)


def value_at(
    quantiles: ArrayLike, probability: ArrayLike, levels: Sequence[float] = QUANTILE_LEVELS
) -> FloatArray:
    """Return the return that lies at a probability: the inverse of ``cumulative_probability``.

    Parameters
    ----------
    quantiles : ndarray (..., Q)
        Never decreasing.
    probability : ndarray (..., S)
        Between 0 and 1, both left out; leading axes are broadcast against those of ``quantiles``.

    Returns
    -------
    ndarray (..., S), NaN where a quantile or the probability is unknown.
    """
    asked = np.asarray(probability, dtype=float)
    given = np.asarray(quantiles, dtype=float)
    shape = np.broadcast_shapes(given.shape[:-1], asked.shape[:-1])
    values = np.broadcast_to(given, (*shape, given.shape[-1]))
    shares = np.asarray(levels, dtype=float)
    scores = ndtri(shares)
    piece = np.clip(np.searchsorted(shares, asked, side="right") - 1, 0, len(shares) - 2)
    farther_on = ndtri(asked) - scores[piece]
    left = np.broadcast_to(piece, (*shape, asked.shape[-1]))
    slope = np.diff(values, axis=-1) / np.diff(scores)
    found = np.take_along_axis(values, left, axis=-1) + np.take_along_axis(slope, left, axis=-1) * farther_on
    asked = np.broadcast_to(asked, left.shape)
    for side, beyond, edge, next_to, outer, inner in (
        (-1.0, asked < shares[0], 0, 1, shares[0], shares[1]),
        (1.0, asked > shares[-1], -1, -2, 1 - shares[-1], 1 - shares[-2]),
    ):
        width = _tail_width(np.abs(values[..., edge] - values[..., next_to]), outer, inner)
        place = np.nonzero(beyond)
        share = asked[place] if side < 0 else 1.0 - asked[place]
        farther = width[place[:-1]] / TAIL_SHAPE * ((share / outer) ** -TAIL_SHAPE - 1.0)
        found[place] = values[..., edge][place[:-1]] + side * farther
    return np.where(np.isnan(values).any(axis=-1)[..., None], np.nan, found)


def _tail_width(spacing: FloatArray, outer: float, inner: float) -> FloatArray:
    """Return the scale, at the outer quantile, of the Pareto tail that runs through both; 0 without spacing.

    ``spacing`` lies between the quantiles that leave the shares ``outer`` < ``inner`` beyond them.
    """
    growth = (inner / outer) ** TAIL_SHAPE
    return np.asarray(spacing * TAIL_SHAPE * growth / (growth - 1.0))


def _tail_share(distance: FloatArray, spacing: FloatArray, outer: float, inner: float) -> FloatArray:
    """Return the probability of lying farther out than ``distance`` beyond the outer quantile."""
    width = _tail_width(spacing, outer, inner)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (1.0 + TAIL_SHAPE * np.maximum(distance, 0.0) / width) ** (-1.0 / TAIL_SHAPE)
    return np.where(width > 0, outer * share, 0.0)


def probability_of_rise(quantiles: ArrayLike) -> FloatArray:
    """Return P(return > 0) for quantiles (..., Q) at QUANTILE_LEVELS; see ``cumulative_probability``."""
    return 1.0 - cumulative_probability(quantiles, 0.0)


def moments_from_quantiles(
    quantiles: ArrayLike, levels: Sequence[float] = QUANTILE_LEVELS
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation, (...), of distributions known by their quantiles (..., Q).

    Exact for the distribution of ``cumulative_probability``.
    """
    values = np.asarray(quantiles, dtype=float)
    shares = np.asarray(levels, dtype=float)
    scores = ndtri(shares)
    density = np.exp(-(scores**2) / 2) / np.sqrt(2 * np.pi)
    weight = np.diff(shares)  # (Q - 1,), of each piece
    first = -np.diff(density)  # its integral of the score
    second = weight - np.diff(scores * density)  # of the squared score
    middle = values[..., len(scores) // 2]
    centred = values - middle[..., None]  # or rounding would drown a small variance
    slope = np.diff(centred, axis=-1) / np.diff(scores)
    start = centred[..., :-1] - slope * scores[:-1]
    mean = start @ weight + slope @ first
    square = start**2 @ weight + 2 * (start * slope) @ first + slope**2 @ second
    for side, edge, spacing, outer, inner in (
        (-1.0, centred[..., 0], centred[..., 1] - centred[..., 0], shares[0], shares[1]),
        (1.0, centred[..., -1], centred[..., -1] - centred[..., -2], 1 - shares[-1], 1 - shares[-2]),
    ):
        width = _tail_width(spacing, outer, inner)
        beyond = width / (1.0 - TAIL_SHAPE)  # mean of what lies beyond the edge
        beyond_squared = 2.0 * width * beyond / (1.0 - 2.0 * TAIL_SHAPE)
        mean = mean + outer * (edge + side * beyond)
        square = square + outer * (edge**2 + 2.0 * side * edge * beyond + beyond_squared)
    return middle + mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def sample_quantiles(samples: FloatArray, levels: Sequence[float] = QUANTILE_LEVELS) -> FloatArray:
    """Return (N, Q) quantiles of samples (P, N), as numpy's linear method has them.

    NaN samples are left out; a column without any sample gives NaN.
    """
    ordered = np.sort(np.ascontiguousarray(samples.T), axis=1)  # (N, P), NaN last
    count = np.sum(np.isfinite(ordered), axis=1)
    place = np.maximum(count - 1, 0)[:, None] * np.asarray(levels, dtype=float)  # (N, Q)
    left = np.floor(place).astype(np.intp)
    right = np.minimum(left + 1, np.maximum(count - 1, 0)[:, None])
    low, high = np.take_along_axis(ordered, left, axis=1), np.take_along_axis(ordered, right, axis=1)
    return np.asarray(low + (high - low) * (place - left))


def share_above_zero(samples: FloatArray) -> FloatArray:
    """Return (N,) the share of rises among samples (P, N), NaN left out; no change counts half."""
    known = np.isfinite(samples)
    with np.errstate(invalid="ignore"):
        rises = np.sum(samples > 0, axis=0) + 0.5 * np.sum(samples == 0, axis=0)
        return np.asarray(rises / known.sum(axis=0))


def as_forecasts(
    panel: Panel,
    session: str,
    columns: Iterable[int],
    horizon: int,
    quantiles: FloatArray,
    *,
    mean: FloatArray,
    prob_up: FloatArray,
    volatility: FloatArray,
    model: str,
    model_version: str,
) -> list[Forecast]:
    """Return one Forecast for each of n tickers at one horizon.

    Parameters
    ----------
    columns : n int
        Positions in ``panel.tickers``.
    quantiles : ndarray (n, Q)
        Made never to decrease (rounding can leave a last digit the wrong way round).
    mean, prob_up, volatility : ndarray (n,)
        Log total return over the whole horizon; probability; standard deviation.
    """
    target = session_after(session, horizon)
    closes = panel.ohlcv[panel.position(session), :, CLOSE]
    rising = np.maximum.accumulate(quantiles, axis=1)
    return [
        Forecast(
            model=model,
            model_version=model_version,
            ticker=panel.tickers[column],
            as_of_session=session,
            horizon=horizon,
            target_session=target,
            last_close=float(closes[column]),
            quantiles=tuple(rising[row].tolist()),
            mean=float(mean[row]),
            prob_up=float(prob_up[row]),
            volatility=float(volatility[row]),
            scorer=panel.scorer,
        )
        for row, column in enumerate(columns)
    ]
