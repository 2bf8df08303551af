"""Features cut into what a network reads: scaled arrays, training segments, and splits that do not leak.

Shapes: N tickers, T sessions, L sessions of a segment, F, S, M features, H horizons, B segments.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fusion_model.dataset.features import PRICE_FEATURES, Features, Float32Array, session_variance
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.dataset.stock_graph import Related, StockGraph
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS

PATH_FLOOR = 1e-8  # of a variance: a session without any move has no logarithm
PATH_CLIP = 3.0  # of a log ratio of volatilities: beyond lie errors of prices
MACRO_CLIP = 3.0  # standard deviations: beyond what training saw, a figure says no more
MIN_SEGMENT = 120  # sessions; a shorter remainder at the start of a history is left out
MIN_FIT_SESSIONS = 400
MIN_SPREAD = 1e-3  # a feature that moved less than this during the fit says nothing, and is not blown up


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of price and macro features, from the sessions of a fit alone."""

    price_mean: Float32Array  # (F,)
    price_std: Float32Array
    macro_mean: Float32Array  # (M,)
    macro_std: Float32Array


def fit_scaling(features: Features, stop: int) -> Scaling:
    """Measure the features of the rows before ``stop``; a macro column that never spoke gets 0 and 1."""
    price = features.price[:stop].reshape(-1, features.price.shape[2])
    price = price[np.isfinite(price).all(axis=1)]
    if len(price) == 0:
        raise NotEnoughHistory("no ticker has enough sessions before the end of training")
    macro = features.macro[:stop]
    known = np.isfinite(macro)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, macro, 0.0).astype(np.float64)
    mean = filled.sum(axis=0) / count
    variance = (np.where(known, filled - mean, 0.0) ** 2).sum(axis=0) / count
    price_std = price.std(axis=0, dtype=np.float64)
    return Scaling(
        price_mean=price.mean(axis=0, dtype=np.float64).astype(np.float32),
        price_std=np.where(price_std > MIN_SPREAD, price_std + 1e-6, 1.0).astype(np.float32),
        macro_mean=mean.astype(np.float32),
        macro_std=np.where(variance > 0, np.sqrt(variance), 1.0).astype(np.float32),
    )


@dataclass(frozen=True)
class NetworkInput:
    """Scaled features by ticker; what is missing is zero, the mean of training.

    Attributes
    ----------
    price : ndarray (N, T, F)
    sentiment : ndarray (N, T, S)
    macro : ndarray (T, M)
    ready : ndarray (N, T)
        Whether the ticker has features at that session.
    graph : StockGraph, optional
        Who is related to whom; None where no network reads it.
    """

    price: Float32Array
    sentiment: Float32Array
    macro: Float32Array
    ready: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    graph: StockGraph | None = None


def scale_features(features: Features, scaling: Scaling, graph: StockGraph | None = None) -> NetworkInput:
    """Apply a scaling, and order by ticker first."""
    price, ready = scale_price(features.price, scaling)
    macro = np.nan_to_num((features.macro - scaling.macro_mean) / scaling.macro_std)
    return NetworkInput(
        price=price,
        sentiment=np.ascontiguousarray(features.sentiment.transpose(1, 0, 2)),
        macro=np.clip(macro, -MACRO_CLIP, MACRO_CLIP).astype(np.float32),
        ready=ready,
        graph=graph,
    )


def scale_price(
    price: Float32Array, scaling: Scaling
) -> tuple[Float32Array, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    """Scale (T, N, F) price features to (N, T, F), 0 where one is missing; and whether none is, (N, T)."""
    scaled = np.empty((price.shape[1], price.shape[0], price.shape[2]), dtype=np.float32)
    ready = np.empty(scaled.shape[:2], dtype=bool)
    for n, own in enumerate(scaled):  # one after another: a copy of all is a gigabyte of 1,000 stocks
        np.subtract(price[:, n], scaling.price_mean, out=own)
        own /= scaling.price_std
        ready[n] = np.isfinite(own).all(axis=1)
        own[~ready[n]] = 0.0
    return scaled, ready


@dataclass(frozen=True)
class SeenRange:
    """The inputs of a session beside the range of all that a model was trained on.

    Attributes
    ----------
    features : tuple of F str
    values : ndarray (N, F)
        Of each ticker at the session, unscaled; NaN where a ticker has no features then.
    low, high : ndarray (F,)
        Over every ticker and session of the training.
    trained_through : str
        The last session of the training.
    """

    features: tuple[str, ...]
    tickers: tuple[str, ...]
    values: FloatArray
    low: FloatArray
    high: FloatArray
    trained_through: str


def seen_range(
    data: NetworkInput, scaling: Scaling, panel: Panel, session: str, trained: Sequence[str], through: str
) -> SeenRange:
    """Compare the price features of a session with those of the ``trained`` tickers up to ``through``.

    Raises
    ------
    NotEnoughHistory
        The panel does not hold the session, or nothing of the training.
    """
    columns = [n for n, ticker in enumerate(panel.tickers) if ticker in set(trained)]
    stop = bisect_right(panel.sessions, through)
    low = np.full(data.price.shape[2], np.inf, dtype=np.float32)
    high = -low
    for n in columns:
        rows = data.price[n, :stop][data.ready[n, :stop]]
        if len(rows):
            low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    if not np.isfinite(low).all():
        raise NotEnoughHistory(
            f"the record holds nothing of what the model was trained on, through {through}"
        )
    row = panel.position(session)
    today = np.where(data.ready[:, row, None], data.price[:, row], np.nan)
    mean, deviation = scaling.price_mean.astype(np.float64), scaling.price_std.astype(np.float64)
    return SeenRange(
        features=PRICE_FEATURES,
        tickers=panel.tickers,
        values=today * deviation + mean,
        low=low * deviation + mean,
        high=high * deviation + mean,
        trained_through=through,
    )


def standardised_targets(panel: Panel, anchor: FloatArray, stop: int) -> Float32Array:
    """Return (N, T, H): forward returns in units of the anchor (T, N, H), NaN unless complete by ``stop``."""
    targets = np.stack([panel.forward_returns(horizon) for horizon in HORIZONS], axis=2) / anchor
    for k, horizon in enumerate(HORIZONS):
        targets[max(stop - horizon, 0) :, :, k] = np.nan
    return np.ascontiguousarray(targets.transpose(1, 0, 2), dtype=np.float32)


def path_targets(panel: Panel, anchor: FloatArray, stop: int) -> Float32Array:
    """Return (N, T, H): the log of the volatility that the sessions ahead showed, against the anchor's.

    The square root of the sum of session_variance over a horizon; NaN unless complete by ``stop``, and where
    a session of it is missing. One return hardly tells how volatile its sessions were, their ranges do.
    """
    daily = session_variance(panel)
    total = np.cumsum(np.nan_to_num(daily), axis=0)
    known = np.cumsum(np.isfinite(daily), axis=0)
    targets = np.full((*daily.shape, len(HORIZONS)), np.nan)
    for k, horizon in enumerate(HORIZONS):
        rows = max(min(stop, len(daily)) - horizon, 0)  # those whose horizon ends in time
        ahead = slice(horizon, horizon + rows)
        variance = total[ahead] - total[:rows]
        variance[known[ahead] - known[:rows] < horizon] = np.nan
        targets[:rows, :, k] = 0.5 * np.log(variance + PATH_FLOOR) - np.log(anchor[:rows, :, k])
    clipped = np.clip(targets, -PATH_CLIP, PATH_CLIP)
    return np.ascontiguousarray(clipped.transpose(1, 0, 2), dtype=np.float32)


@dataclass(frozen=True)
class Split:
    """Rows of a fit, oldest first: [0, fit) trains, the next part stops early, the last one calibrates.

    Between two parts lies a purge of the longest horizon, so that no target of one part reaches into
    the next.
    """

    fit: int
    validation: int
    validation_stop: int
    calibration: int


def purged_split(sessions: int, validation: int, calibration: int) -> Split:
    """Split the rows of a panel.

    Raises
    ------
    NotEnoughHistory
        Fewer than MIN_FIT_SESSIONS would be left to train on.
    """
    purge = max(HORIZONS)
    calibration_start = sessions - calibration
    validation_stop = calibration_start - (purge if calibration else 0)
    validation_start = validation_stop - validation
    fit = validation_start - purge
    if fit < MIN_FIT_SESSIONS:
        needed = MIN_FIT_SESSIONS + sessions - fit
        raise NotEnoughHistory(
            f"{sessions} sessions are stored, and training needs at least {needed}: "
            "import or collect a longer history"
        )
    return Split(
        fit=fit, validation=validation_start, validation_stop=validation_stop, calibration=calibration_start
    )


@dataclass(frozen=True)
class WindowBatch:
    """Segments for one training step.

    Attributes
    ----------
    price : ndarray (B, L, F)
    sentiment : ndarray (B, L, S)
    macro : ndarray (B, L, M)
    target : ndarray (B, L, H) or (B, L, H + 1)
        Returns, and after them what the longest path showed where that is learned from. NaN in the burn-in,
        where a segment is padded at its start, and where the outcome is unknown.
    related : Related, optional
        Where the B segments are of the same sessions: who is related to whom in the last of them.
    """

    price: Float32Array
    sentiment: Float32Array
    macro: Float32Array
    target: Float32Array
    related: Related | None = None


def training_batches(
    data: NetworkInput,
    targets: Float32Array,
    *,
    stop: int,
    burn_in: int,
    segment: int,
    batch: int,
    random: np.random.Generator,
) -> Iterator[WindowBatch]:
    """Yield one pass over the rows before ``stop``: rows bear a loss once, in segments at random offsets."""
    pieces: list[tuple[int, int, int]] = []  # ticker, first row, row after the last
    for n in range(len(data.ready)):
        rows = np.flatnonzero(data.ready[n, :stop])
        offset = int(random.integers(0, segment))
        if len(rows) < MIN_SEGMENT:
            continue
        end = stop - offset
        while end - rows[0] >= MIN_SEGMENT:
            pieces.append((n, max(int(rows[0]), end - burn_in - segment), end))
            end -= segment
    order = random.permutation(len(pieces))
    for place in range(0, len(pieces), batch):
        yield _gather(data, targets, [pieces[i] for i in order[place : place + batch]], burn_in, segment)


def _gather(
    data: NetworkInput,
    targets: Float32Array,
    pieces: list[tuple[int, int, int]],
    burn_in: int,
    segment: int,
) -> WindowBatch:
    B, L = len(pieces), burn_in + segment
    price = np.zeros((B, L, data.price.shape[2]), dtype=np.float32)
    sentiment = np.zeros((B, L, data.sentiment.shape[2]), dtype=np.float32)
    macro = np.zeros((B, L, data.macro.shape[1]), dtype=np.float32)
    target = np.full((B, L, targets.shape[2]), np.nan, dtype=np.float32)
    for b, (n, first, end) in enumerate(pieces):
        start = L - (end - first)
        warm = min(burn_in, (end - first) // 2)  # a young ticker warms up on half of what it has
        warm = max(warm, end - first - segment)  # and leaves to the segment before what is that one's
        price[b, start:] = data.price[n, first:end]
        sentiment[b, start:] = data.sentiment[n, first:end]
        macro[b, start:] = data.macro[first:end]
        target[b, start + warm :] = targets[n, first + warm : end]
    return WindowBatch(price=price, sentiment=sentiment, macro=macro, target=target)


def aligned_batches(
    data: NetworkInput,
    targets: Float32Array,
    *,
    stop: int,
    burn_in: int,
    segment: int,
    random: np.random.Generator,
) -> Iterator[WindowBatch]:
    """Yield one pass as training_batches, but each batch holds every ticker over the same sessions.

    So neighbours can be read beside each other. Targets and relations are those of the ``segment`` sessions
    after the burn-in alone.
    """
    assert data.graph is not None  # noqa: S101  the caller knows
    started = np.where(data.ready[:, :stop].any(axis=1), data.ready.argmax(axis=1), stop)
    warm = started + MIN_SEGMENT // 2  # a young ticker bears no loss before
    ends = range(stop - int(random.integers(0, segment)), int(warm.min()), -segment)
    for place in random.permutation(len(ends)):
        end = ends[int(place)]
        rows = range(max(0, end - segment), end)
        columns = np.flatnonzero(data.ready[:, rows.start : end].any(axis=1))
        target = targets[columns, rows.start : end].copy()
        target[np.arange(rows.start, end) < warm[columns, None]] = np.nan
        if not np.isfinite(target).any():
            continue
        first = max(0, rows.start - burn_in)
        yield WindowBatch(
            price=data.price[columns, first:end],
            sentiment=data.sentiment[columns, first:end],
            macro=np.tile(data.macro[first:end], (len(columns), 1, 1)),
            target=target,
            related=data.graph.related(rows, columns, data.ready),
        )
