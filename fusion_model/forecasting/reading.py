"""What the forecaster reads of a session, as it came or otherwise, and what each of its parts says to that.

This is all that reasons know of a model: a Reading goes in, the log of the volatility comes out as a sum of
what the parts say. A part that joins the mix is one more entry in ``voices``.

Shapes: B stocks, L sessions, F, S, M features, H horizons, K neighbours, R rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from fusion_model.dataset.features import (
    CAUSES,
    PRICE_FEATURES,
    Float32Array,
    Market,
    last_features,
    last_sentiment_features,
)
from fusion_model.dataset.panel import BoolArray, FloatArray, IntArray, Panel
from fusion_model.dataset.stock_graph import Related
from fusion_model.dataset.windows import NetworkInput, Scaling, scale_price
from fusion_model.findings import HORIZONS
from fusion_model.forecasting.fusion_forecaster import FittedState, Prepared
from fusion_model.forecasting.garch import filter_garch, log_volatility
from fusion_model.forecasting.stacking import Stack
from fusion_model.forecasting.training import as_neighbours, one_thread

USUAL_SESSIONS = 1000  # of a stock, the last ones, whose mean is what it is used to: about four years
ROOT_HORIZONS = np.log(np.sqrt(np.array(HORIZONS, dtype=np.float64)))
COLUMNS = {
    cause: np.array([PRICE_FEATURES.index(name) for name in names], dtype=np.intp)
    for cause, names in CAUSES.items()
}
REACTIONS = [  # of earnings, what is there only while a report is near: the stock's usual size is not
    place for place in COLUMNS["earnings"].tolist() if PRICE_FEATURES[place] != "reaction_size"
]


@dataclass(frozen=True)
class Reading:
    """What is read of B stocks at one session.

    Attributes
    ----------
    price, sentiment, macro : ndarray (B, L, F), (B, L, S), (B, L, M)
        Scaled features of the sessions that end here.
    volatility : ndarray (B,)
        Log of the daily EWMA volatility.
    widening : ndarray (B, H)
        How much wider the anchor is for reports that are expected, as a log.
    garch : ndarray (B, H)
        Log of GJR-GARCH's volatility over each horizon; NaN where it has none.
    related : Related, optional
        Neighbours among ``beside``, in the last session.
    beside : ndarray (N, L, F), optional
        The windows in which neighbours are read: those that came, whatever is asked of the stock itself.
    """

    price: Float32Array
    sentiment: Float32Array
    macro: Float32Array
    volatility: FloatArray
    widening: FloatArray
    garch: FloatArray
    related: Related | None = None
    beside: Float32Array | None = None


class Voices(NamedTuple):
    """What the parts of a model make of B stocks."""

    log_scale: dict[str, FloatArray]  # by part (B, H); the sum is the log of the volatility
    location: FloatArray  # (B, H), in units of the volatility

    @property
    def total(self) -> FloatArray:
        """Log of the volatility over each horizon, (B, H)."""
        return np.asarray(sum(self.log_scale.values()))


def causes_read(state: FittedState, panel: Panel) -> tuple[str, ...]:
    """Return the causes that a model can be moved by, in the order they are told."""
    config = state.config
    trees = state.stack is not None and state.stack.trees is not None  # they read every price feature
    return (
        "price",
        "volume",
        *(("indicators",) if config.use_indicators or trees else ()),
        "market",
        *(("earnings",) if panel.earnings is not None else ()),
        *(("posts",) if config.use_sentiment else ()),
        *(("macro",) if config.use_macro and state.macro_names else ()),
        *(("related",) if config.use_graph else ()),
    )


def read(state: FittedState, prepared: Prepared, t: int) -> tuple[IntArray, Reading]:
    """Return the tickers' columns (B,) that are ready at a session, and what is read of them."""
    data = prepared.data
    ready = np.flatnonzero(data.ready[:, t])
    related = None if data.graph is None else data.graph.related(range(t, t + 1), ready, data.ready)
    log_scale = np.log(prepared.scale[t, ready])
    price, sentiment, macro = _windows(data, t, ready, state.config.lookback)
    reading = Reading(
        price=price,
        sentiment=sentiment,
        macro=macro,
        volatility=log_scale,
        widening=np.log(prepared.anchor[t, ready]) - log_scale[:, None] - ROOT_HORIZONS,
        garch=_garch(prepared.garch, prepared.scale, slice(t, t + 1))[0, ready],
        related=related,
    )
    return ready, reading if related is None else replace(reading, beside=reading.price)


def read_usual(state: FittedState, prepared: Prepared, t: int) -> Reading:
    """Return what a stock is used to: means of its last USUAL_SESSIONS, no report near, no neighbours.

    Features, the logs of volatilities and the macro figures stand at their means over the sessions up to
    this one, in every session of the window.
    """
    data, L = prepared.data, state.config.lookback
    ready = np.flatnonzero(data.ready[:, t])
    rows = slice(max(0, t + 1 - USUAL_SESSIONS), t + 1)
    known = data.ready[ready, rows]  # (B, R)
    price = _mean(data.price[ready, rows], known[:, :, None]).astype(np.float32)
    price[:, REACTIONS] = (-state.scaling.price_mean / state.scaling.price_std)[REACTIONS]
    sentiment = _mean(data.sentiment[ready, rows], known[:, :, None]).astype(np.float32)
    macro = np.broadcast_to(data.macro[rows].mean(axis=0), (len(ready), data.macro.shape[1]))
    garch = _garch(prepared.garch, prepared.scale, rows)[:, ready].transpose(1, 0, 2)  # (B, R, H)
    return Reading(
        price=_held(price, L),
        sentiment=_held(sentiment, L),
        macro=_held(macro, L),
        volatility=_mean(np.log(prepared.scale[rows][:, ready].T), known),
        widening=np.zeros((len(ready), len(HORIZONS))),
        garch=_mean(garch, known[:, :, None] & np.isfinite(garch)),
    )


def read_altered(
    state: FittedState,
    prepared: Prepared,
    altered: Panel,
    t: int,
    ready: IntArray,
    came: Reading,
    market: Market,
) -> Reading:
    """Return what would have been read of a panel altered in the window of ``t``, each stock for itself.

    The market, the mean over all stocks that a volatility is set against, macro figures and the neighbours
    stay as they came: what is asked of all stocks at once is asked of one after another.
    """
    L = state.config.lookback
    rows = slice(max(0, t - L + 1), t + 1)
    before = ((0, 0), (L - (rows.stop - rows.start), 0), (0, 0))
    features = last_features(altered, rows, market, prepared.scale)
    sentiment = came.sentiment
    if altered.sentiment is not prepared.panel.sentiment:
        sentiment = np.pad(last_sentiment_features(altered, rows)[:, ready].transpose(1, 0, 2), before)
    price = np.pad(scale_price(features.price[:, ready], state.scaling)[0], before)
    _hold_cross_section(price, came.price, state.scaling)
    scale = features.scale[-1, ready]
    return replace(
        came,
        price=price,
        sentiment=sentiment,
        volatility=np.log(scale),
        widening=np.log(features.anchor[-1, ready] / scale[:, None]) - ROOT_HORIZONS,
        garch=came.garch
        if state.stack is None
        else _garch_again(state.stack, prepared, altered, t, ready, came),
    )


def _garch_again(
    stack: Stack, prepared: Prepared, altered: Panel, t: int, ready: IntArray, came: Reading
) -> FloatArray:
    """Return the log of GJR-GARCH's volatility of an altered panel, (B, H); as it came where prices are."""
    if altered.ohlcv is prepared.panel.ohlcv:
        return came.garch
    filtered = filter_garch(altered, stack.garch)
    return np.stack([log_volatility(filtered, horizon, t)[ready] for horizon in HORIZONS], axis=1)


def between(usual: Reading, came: Reading, causes: Collection[str]) -> Reading:
    """Return what is read where only some causes are as they came, and all others as usual."""
    price = usual.price.copy()
    for cause in causes:
        if cause in COLUMNS:
            price[:, :, COLUMNS[cause]] = came.price[:, :, COLUMNS[cause]]

    def side(cause: str) -> Reading:
        return came if cause in causes else usual

    return Reading(
        price=price,
        sentiment=side("posts").sentiment,
        macro=side("macro").macro,
        volatility=side("price").volatility,
        garch=side("price").garch,
        widening=side("earnings").widening,
        related=side("related").related,
        beside=side("related").beside,
    )


def voices(state: FittedState, reading: Reading) -> Voices:
    """Return what each part says to a reading.

    GJR-GARCH, boosted trees and the networks share the log of the volatility by the weights of the stack;
    what is expected of reports widens all of them.
    """
    networks, location = _networks(state, reading)
    stack = state.stack
    garch = np.zeros(len(HORIZONS)) if stack is None else np.array(stack.garch_shares)
    garch = np.where(np.isfinite(reading.garch), garch, 0.0)
    trees, grown = np.zeros(len(HORIZONS)), np.zeros_like(networks)
    if stack is not None and stack.trees is not None:
        trees, grown = np.array(stack.tree_shares), stack.trees.predict(reading.price[:, -1])
    return Voices(
        log_scale={
            "anchor": (1.0 - garch) * (reading.volatility[:, None] + ROOT_HORIZONS) + reading.widening,
            "networks": (1.0 - garch - trees) * networks,
            "trees": trees * grown,
            "gjr_garch": garch * np.nan_to_num(reading.garch),
        },
        location=location,
    )


def _networks(state: FittedState, reading: Reading) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the networks' log scales and locations at the last session, (B, H) each."""
    windows, related, first = [reading.price, reading.sentiment, reading.macro], reading.related, 0
    if related is not None and reading.beside is not None:
        # Neighbours are read in windows that came before the stocks' own, which may be altered.
        first = len(reading.beside)
        blank = (np.zeros((first, *values.shape[1:]), dtype=np.float32) for values in windows[1:])
        around = (reading.beside, *blank)
        windows = [np.concatenate(pair) for pair in zip(around, windows, strict=True)]
        nobody = np.full((1, first, related.neighbours.shape[2]), -1, dtype=np.int64)
        no_edge = np.zeros((1, first, *related.edges.shape[2:]), dtype=np.float32)
        related = Related(
            np.concatenate([nobody, related.neighbours], axis=1),
            np.concatenate([no_edge, related.edges], axis=1),
        )
    with torch.no_grad(), one_thread():
        inputs = [torch.from_numpy(np.ascontiguousarray(values)) for values in windows]
        neighbours = as_neighbours(related)
        said = torch.stack(
            [
                torch.stack([part[first:, -1] for part in network(*inputs, neighbours)])
                for network in state.networks
            ]
        ).mean(dim=0)
    log_scale, location = said.numpy().astype(np.float64)
    return log_scale, location


def _windows(
    data: NetworkInput, row: int, ready: IntArray, lookback: int
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return the windows of prices, posts and macro figures that end at a row, zeros before the record."""
    first = max(0, row - lookback + 1)
    before = ((0, 0), (lookback - (row + 1 - first), 0), (0, 0))
    macro = np.broadcast_to(data.macro[first : row + 1], (len(ready), row + 1 - first, data.macro.shape[1]))
    own = (data.price[ready, first : row + 1], data.sentiment[ready, first : row + 1])
    return np.pad(own[0], before), np.pad(own[1], before), np.pad(macro, before)


def _hold_cross_section(price: Float32Array, came: Float32Array, scaling: Scaling) -> None:
    """Set a stock's altered volatility in windows against the mean of all stocks as they came, in place."""
    level, relative = (
        PRICE_FEATURES.index(name) for name in ("log_volatility", "volatility_to_cross_section")
    )
    moved = (price[:, :, level] - came[:, :, level]) * scaling.price_std[level]
    price[:, :, relative] = came[:, :, relative] + moved / scaling.price_std[relative]


def _garch(log_scale: FloatArray | None, scale: FloatArray, rows: slice) -> FloatArray:
    """Return the log of GJR-GARCH's volatility over each horizon in some rows, (R, N, H); NaN without it."""
    usual = np.log(scale[rows])[:, :, None] + ROOT_HORIZONS
    return np.full(usual.shape, np.nan) if log_scale is None else log_scale[rows] + usual


def _mean(values: FloatArray | Float32Array, known: BoolArray) -> FloatArray:
    """Return the mean over the second axis of what is known; NaN where nothing is."""
    with np.errstate(invalid="ignore"):
        total = np.where(known, values, 0.0).sum(axis=1, dtype=np.float64)
        return np.asarray(total / known.sum(axis=1))


def _held(values: Float32Array, lookback: int) -> Float32Array:
    """Return (B, L, F) windows in which (B, F) values stand all the time."""
    return np.repeat(values[:, None], lookback, axis=1)
