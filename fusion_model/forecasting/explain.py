"""Why a forecast is what it is: exact Shapley values over causes, and what the model says otherwise.

The width is told as a log, which is a sum of what the parts of the model say: so each part has its own
share of each cause, and calibration stands beside them. The median is where past outcomes lay, in units of
the volatility: it moves with the same causes. Both sum to the forecast, exactly.

A cause that is absent is read as usual (reading.read_usual): an ordinary day of that very stock.

Shapes: B stocks, H horizons, G causes, C = 2 ** G coalitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import factorial

import numpy as np

from fusion_model.dataset.features import market_of
from fusion_model.dataset.panel import FloatArray, IntArray, Panel
from fusion_model.dataset.stock_graph import EDGE_FEATURES, StockGraph
from fusion_model.dataset.what_if import with_neutral_posts, without_expected_reports, without_the_move
from fusion_model.findings import (
    ATTRIBUTION_UNITS,
    HORIZONS,
    QUANTILE_LEVELS,
    Attribution,
    Counterfactual,
    RelatedStock,
)
from fusion_model.forecasting.calibration import LEVELS, adapted_levels, residual_quantiles
from fusion_model.forecasting.fusion_forecaster import DECIMALS, FittedState, FusionForecaster, Prepared
from fusion_model.forecasting.reading import (
    Reading,
    Voices,
    between,
    causes_read,
    read,
    read_altered,
    read_usual,
    voices,
)

LOW, MEDIAN, HIGH = (QUANTILE_LEVELS.index(level) for level in (0.05, 0.5, 0.95))
SMALLEST = 0.5 * 10.0**-DECIMALS  # of a contribution: less is written as nothing, and left out

Voicing = Callable[[Reading], Voices]


@dataclass(frozen=True)
class Explanation:
    """What was found on all forecasts of one session."""

    attributions: tuple[Attribution, ...]
    counterfactuals: tuple[Counterfactual, ...]
    related: tuple[RelatedStock, ...]


@dataclass(frozen=True)
class Spread:
    """Standardised quantiles at one horizon, (B, Q), with and without what calibration does."""

    pooled: FloatArray
    own_shape: FloatArray  # and the stock's own share
    recent_misses: FloatArray  # pooled, at levels that answer to misses
    whole: FloatArray


def explain(forecaster: FusionForecaster, panel: Panel, session: str) -> Explanation:
    """Explain every forecast that ``forecaster.predict(panel, session)`` makes.

    Raises
    ------
    NoModel, NotEnoughHistory
        As predict.
    """
    day = _day(forecaster, panel, session)
    return Explanation(
        attributions=tuple(_attributions(forecaster, panel, day)),
        counterfactuals=tuple(_counterfactuals(forecaster, panel, day)),
        related=tuple(_related(forecaster, panel, day)),
    )


def attributions(forecaster: FusionForecaster, panel: Panel, session: str) -> tuple[Attribution, ...]:
    """Return the first part of ``explain`` alone, in a fifth of the time."""
    return tuple(_attributions(forecaster, panel, _day(forecaster, panel, session)))


@dataclass(frozen=True)
class _Day:
    """One session as it was read and calibrated."""

    t: int
    ready: IntArray  # (B,) columns of the panel
    came: Reading
    spreads: tuple[Spread, ...]
    rows: _Rows


def _day(forecaster: FusionForecaster, panel: Panel, session: str) -> _Day:
    state, prepared, t = forecaster.state, forecaster.prepared(panel), panel.position(session)
    ready, came = read(state, prepared, t)
    spreads = tuple(_spread(state, prepared, t, k, ready) for k in range(len(HORIZONS)))
    names = [panel.tickers[n] for n in ready]
    return _Day(t, ready, came, spreads, _Rows(forecaster.model_version, session, names))


def _attributions(forecaster: FusionForecaster, panel: Panel, day: _Day) -> Iterator[Attribution]:
    state = forecaster.state
    usual = read_usual(state, forecaster.prepared(panel), day.t)
    asked = partial(voices, state)
    return attribute(day.rows, asked, usual, day.came, causes_read(state, panel), day.spreads)


@dataclass(frozen=True)
class _Rows:
    """Whose rows are written."""

    model_version: str
    session: str
    names: Sequence[str]

    def attributions(
        self, k: int, target: str, cause: str, part: str, values: FloatArray, *, least: float = 0.0
    ) -> Iterator[Attribution]:
        """Yield a row for each stock (B,) whose share is not below ``least`` in size."""
        for name, value in zip(self.names, np.round(values, DECIMALS).tolist(), strict=True):
            if abs(value) >= least:
                yield Attribution(
                    self.model_version, name, self.session, HORIZONS[k], target, cause, part,
                    value + 0.0, ATTRIBUTION_UNITS[target],
                )  # fmt: skip


def attribute(
    rows: _Rows,
    asked: Voicing,
    usual: Reading,
    came: Reading,
    causes: Sequence[str],
    spreads: Sequence[Spread],
) -> Iterator[Attribution]:
    """Yield what every cause, and the calibration, adds to width and median; each sums to the forecast."""
    answers = [asked(between(usual, came, chosen)) for chosen in coalitions(causes)]
    parts = {
        part: np.stack([answer.log_scale[part] for answer in answers]) for part in answers[0].log_scale
    }  # (C, B, H)
    total = np.stack([answer.total for answer in answers])
    location = np.stack([answer.location for answer in answers])
    shares = {part: shapley(values) for part, values in parts.items()}  # (G, B, H)
    neighbours = _neighbours(asked, came, total[-1]) if "related" in causes else None
    for k, spread in enumerate(spreads):
        yield from rows.attributions(k, "width", "usual", "", total[0, :, k] + _log_width(spread.pooled))
        for g, cause in enumerate(causes):
            for part, share in shares.items():
                if neighbours is None or cause != "related":
                    yield from rows.attributions(k, "width", cause, part, share[g, :, k], least=SMALLEST)
        if neighbours is not None:
            whole = sum(share[causes.index("related"), :, k] for share in shares.values())
            yield from _neighbour_rows(rows, k, np.asarray(whole), came, neighbours[:, :, k])
        for part, values in _calibration(spread).items():
            yield from rows.attributions(k, "width", "calibration", part, values, least=SMALLEST)
        median = (spread.whole[:, MEDIAN] + location[:, :, k]) * np.exp(total[:, :, k])  # (C, B)
        yield from rows.attributions(k, "median", "drift", "", median[0])
        for cause, values in zip(causes, shapley(median), strict=True):
            yield from rows.attributions(k, "median", cause, "", values, least=SMALLEST)


# Shapley values -----------------------------------------------------------------------------------


def coalitions(causes: Sequence[str]) -> list[tuple[str, ...]]:
    """Return all subsets; the bits of a place say who is in it."""
    return [
        tuple(cause for g, cause in enumerate(causes) if place >> g & 1) for place in range(2 ** len(causes))
    ]


def shapley(values: FloatArray) -> FloatArray:
    """Return each cause's mean contribution over all orders in which they may come, (G, ...).

    Exact: the sum over causes is the value of all less that of none. Shapley (1953), Contributions to the
    Theory of Games II.

    Parameters
    ----------
    values : ndarray (2 ** G, ...)
        What is reached with each of ``coalitions``.
    """
    G = len(values).bit_length() - 1
    weights = np.zeros((G, len(values)))
    for place in range(len(values)):
        size = place.bit_count()
        for g in range(G):
            inside = place >> g & 1
            others = size - inside
            weight = factorial(others) * factorial(G - others - 1) / factorial(G)
            weights[g, place] = weight if inside else -weight
    return np.tensordot(weights, values, axes=1)


# Calibration --------------------------------------------------------------------------------------


def _spread(state: FittedState, prepared: Prepared, t: int, k: int, ready: IntArray) -> Spread:
    residuals, config = prepared.residuals(state, t, k), state.config
    levels = LEVELS
    if config.adaptation_rate:
        levels = adapted_levels(residuals, config.adaptation_sessions, config.adaptation_rate)

    def at(these: FloatArray, own_share: float) -> FloatArray:
        return residual_quantiles(residuals, these, own_share, config.calibration_sessions)[0][ready]

    own = config.own_share
    return Spread(at(LEVELS, 0.0), at(LEVELS, own), at(levels, 0.0), at(levels, own))


def _log_width(quantiles: FloatArray) -> FloatArray:
    return np.asarray(np.log(quantiles[:, HIGH] - quantiles[:, LOW]))


def _calibration(spread: Spread) -> dict[str, FloatArray]:
    """Return what a stock's own shape and recent misses add to the log of the width, (B,) each."""
    reached = np.stack(
        [_log_width(part) for part in (spread.pooled, spread.own_shape, spread.recent_misses, spread.whole)]
    )
    return dict(zip(("own_shape", "recent_misses"), shapley(reached), strict=True))


# Related stocks -----------------------------------------------------------------------------------


def _neighbours(asked: Voicing, came: Reading, whole: FloatArray) -> FloatArray:
    """Return what the log of the volatility (B, H) loses without each neighbour alone, (K, B, H)."""
    assert came.related is not None  # noqa: S101  the model reads them
    lost = []
    for place in range(came.related.neighbours.shape[2]):
        neighbours, edges = came.related.neighbours.copy(), came.related.edges.copy()
        neighbours[:, :, place], edges[:, :, place] = -1, 0.0
        without = asked(replace(came, related=came.related._replace(neighbours=neighbours, edges=edges)))
        lost.append(whole - without.total)
    return np.stack(lost)


def _neighbour_rows(
    rows: _Rows, k: int, whole: FloatArray, came: Reading, lost: FloatArray
) -> Iterator[Attribution]:
    """Yield the related stocks' share (B,) by neighbour: what each is missed by (K, B), and the rest evenly.

    The equal allocation of what cannot be told apart (Moulin 1985, Journal of Economic Theory 36).
    """
    assert came.related is not None  # noqa: S101  the model reads them
    places = came.related.neighbours[0]  # (B, K)
    known = places >= 0
    alone = np.where(known.T, lost, 0.0)
    rest = (whole - alone.sum(axis=0)) / np.maximum(known.sum(axis=1), 1)
    for b, name in enumerate(rows.names):
        own = replace(rows, names=[name])
        for place in np.flatnonzero(known[b]):
            value = np.array([alone[place, b] + rest[b]])
            yield from own.attributions(k, "width", "related", rows.names[places[b, place]], value)


def _related(forecaster: FusionForecaster, panel: Panel, day: _Day) -> Iterator[RelatedStock]:
    """Yield each ready ticker's neighbours in the graph, whether a part reads it or not."""
    t, session, config = day.t, day.rows.session, forecaster.state.config
    prepared = forecaster.prepared(panel)
    graph = prepared.data.graph or StockGraph(panel, prepared.scale, config.graph_neighbours)
    columns, edges = graph.at(t)
    attention = {name: dict(read) for name, read in forecaster.related_stocks(panel, session).items()}
    correlation, sector, mention = (EDGE_FEATURES.index(name) for name in EDGE_FEATURES)
    for n in day.ready:
        there = [k for k, column in enumerate(columns[n]) if column >= 0 and prepared.data.ready[column, t]]
        for place, k in enumerate(there, start=1):
            neighbour = panel.tickers[columns[n, k]]
            yield RelatedStock(
                ticker=panel.tickers[n],
                as_of_session=session,
                place=place,
                neighbour=neighbour,
                correlation=round(float(edges[n, k, correlation]), DECIMALS),
                same_sector=bool(edges[n, k, sector] > 0.5),
                co_mention=round(float(edges[n, k, mention]), DECIMALS),
                attention=_rounded(attention.get(panel.tickers[n], {}).get(neighbour)),
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)


# Otherwise ----------------------------------------------------------------------------------------


def _counterfactuals(forecaster: FusionForecaster, panel: Panel, day: _Day) -> Iterator[Counterfactual]:
    """Yield what the model says where one thing had not happened, of the stocks that it happened to."""
    state, prepared, market = forecaster.state, forecaster.prepared(panel), market_of(panel)
    t, ready, session, lookback = day.t, day.ready, day.rows.session, state.config.lookback
    asked: list[tuple[str, Panel, FloatArray]] = []
    with np.errstate(invalid="ignore"):
        asked.append(("no_move", without_the_move(panel, session), np.abs(panel.log_returns[t, ready]) > 0))
    if panel.earnings is not None:
        expected = panel.earnings[t, ready, 1:].max(axis=1) > 0
        asked.append(("no_report", without_expected_reports(panel, session, lookback), expected))
    if state.config.use_sentiment:
        posts = panel.sentiment[max(0, t - lookback + 1) : t + 1, ready, 2].sum(axis=0) > 0
        asked.append(("neutral_posts", with_neutral_posts(panel), posts))
    for change, altered, concerned in asked:
        if not concerned.any():
            continue
        said = voices(state, read_altered(state, prepared, altered, t, ready, day.came, market))
        scale = np.exp(said.total)  # (B, H)
        for k, spread in enumerate(day.spreads):
            quantiles = (spread.whole[:, [LOW, MEDIAN, HIGH]] + said.location[:, k, None]) * scale[:, k, None]
            for b in np.flatnonzero(concerned).tolist():
                yield Counterfactual(
                    day.rows.model_version, day.rows.names[b], session, HORIZONS[k], change,
                    *np.round(quantiles[b], DECIMALS).tolist(),
                )  # fmt: skip
