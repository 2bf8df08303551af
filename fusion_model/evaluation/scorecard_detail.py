"""The long scorecard: shape, tails, ranking, single stocks, years and regimes, from a CSV alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.panel import BoolArray, FloatArray
from fusion_model.distribution import moments_from_quantiles
from fusion_model.evaluation.metrics import (
    PERCENT,
    crps_from_quantiles,
    inside_central_range,
    pit_from_quantiles,
    qlike,
    rank_correlations,
    scored_pinball,
)
from fusion_model.evaluation.scorecard import SHARES, BacktestTable, Shared, shared_forecasts
from fusion_model.evaluation.significance import (
    benjamini_hochberg,
    christoffersen,
    diebold_mariano,
    kupiec,
    median_block_interval,
    session_block_interval,
    two_sided_p,
)
from fusion_model.evaluation.standard_error import lags_of
from fusion_model.findings import FUSION_MODEL, QUANTILE_LEVELS

TAIL_LEVELS = (0.01, 0.05)  # of the loss side, one session ahead
MIN_FORECASTS = 250  # of one ticker before its tails are tested: fewer hold under three exceptions at 1 %
SIZE = 0.05  # of every test, and the share of false alarms that is put up with
REGIME_SESSIONS = 21  # a month of market returns
CRASH_VOLATILITY = 0.25  # a year, of the equal-weighted market; fixed, so that no later session moves it
SESSIONS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """One model at one horizon: how its distributions as a whole fit what came, and how it ranks stocks.

    ``crps`` in percent of log return. ``qlike`` of the deviation that the quantiles imply, for every model
    alike (the CSV has no volatility). ``rank_ic`` is the mean over sessions of the rank correlation of mean
    forecasts and returns, beside its median, each with a 95 % session-block bootstrap interval; NaN where
    a model ranks nothing. ``pit`` are the shares of outcomes in each tenth of the distribution: .1 each
    when calibrated.
    """

    model: str
    horizon: int
    crps: float
    qlike: float
    rank_ic: float
    rank_ic_low: float
    rank_ic_high: float
    rank_ic_median: float
    rank_ic_median_low: float
    rank_ic_median_high: float
    pit: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TailRow:
    """One model's losses beyond a quantile one session ahead, ticker by ticker.

    ``exceptions`` is their share of all forecasts. The others are shares of the ``tickers`` with
    MIN_FORECASTS forecasts whose p-value is above .05: Kupiec's (as often as said), Christoffersen's
    independence (not in clusters) and conditional coverage (both). Of a perfect model about 95 % pass; its
    independence alone is refused for some 8 % at the level .05 and 2 % at .01 over five years of sessions,
    since pairs of exceptions are few.
    """

    model: str
    level: float
    exceptions: float
    tickers: int
    kupiec_pass: float
    independence_pass: float
    conditional_pass: float


@dataclass(frozen=True, slots=True)
class TickerRow:
    """The scored model beside one other, ticker by ticker, at one horizon.

    Diebold-Mariano of each ticker's pinball losses; ``better`` and ``worse`` count those that remain after
    Benjamini-Hochberg over all ``tickers`` at 5 %, ``lower_loss`` those with the lower loss at all.
    """

    model: str
    baseline: str
    horizon: int
    tickers: int
    lower_loss: int
    better: int
    worse: int


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One model at one horizon in one calendar year or regime of the session it was said at.

    ``skill`` and ``dm_t`` are the scored model's against this one (negative t: the scored model is better).
    A regime's sessions are not all neighbours; its t treats them as if they were.
    """

    span: str
    model: str
    horizon: int
    forecasts: int
    sessions: int
    pinball: float
    skill: float
    dm_t: float
    coverage_50: float
    coverage_80: float
    coverage_90: float
    coverage_95: float


@dataclass(frozen=True, slots=True)
class Detail:
    """All tables of the long scorecard; the scored model is the first of each."""

    shapes: tuple[ShapeRow, ...]
    tails: tuple[TailRow, ...]
    tickers: tuple[TickerRow, ...]
    years: tuple[SpanRow, ...]
    regimes: tuple[SpanRow, ...]


def score_in_detail(table: BacktestTable, model: str = FUSION_MODEL, *, seed: int = 0) -> Detail:
    """Return the long scorecard of the forecasts that have come true and that every model made.

    Raises
    ------
    BadInput
        ``model`` made none of the forecasts, or the models have none in common that has come true.
    """
    shapes: list[ShapeRow] = []
    tails: list[TailRow] = []
    tickers: list[TickerRow] = []
    years: list[SpanRow] = []
    regimes: list[SpanRow] = []
    known = market_regimes(table, model)
    for shared in shared_forecasts(table, model):
        views = {name: _view(table, rows) for name, rows in shared.rows.items()}
        shapes += [_shape(name, shared, view, seed) for name, view in views.items()]
        if shared.horizon == 1:
            tails += [_tail(name, level, view) for level in TAIL_LEVELS for name, view in views.items()]
        tickers += [_by_ticker(model, name, shared.horizon, views) for name in views if name != model]
        years += _spans(model, shared, views, [session[:4] for session in shared.sessions.tolist()])
        regimes += _spans(
            model, shared, views, [known.get(session, "") for session in shared.sessions.tolist()]
        )
    return Detail(tuple(shapes), tuple(tails), tuple(tickers), tuple(years), tuple(regimes))


def market_regimes(table: BacktestTable, model: str) -> dict[str, str]:
    """Return ``calm`` or ``crash`` for each session, from what was known at its close.

    Crash: the market's volatility over the REGIME_SESSIONS sessions that ended there, a year, is
    CRASH_VOLATILITY or more. The market is the mean log return of the file's tickers, read from the
    one-session outcomes of ``model``; sessions before the first REGIME_SESSIONS outcomes, and all of a file
    without that horizon, have no regime.
    """
    rows = np.flatnonzero((table.model == model) & (table.horizon == 1) & np.isfinite(table.realised))
    if not len(rows):
        return {}
    ended, place = np.unique(table.target_session[rows].astype(str), return_inverse=True)
    market = np.bincount(place, table.realised[rows]) / np.bincount(place)
    found: dict[str, str] = {}
    for last in range(REGIME_SESSIONS, len(ended) + 1):
        volatility = np.std(market[last - REGIME_SESSIONS : last], ddof=1) * np.sqrt(SESSIONS_A_YEAR)
        found[str(ended[last - 1])] = "crash" if volatility >= CRASH_VOLATILITY else "calm"
    return found


class _View(NamedTuple):
    """One model's forecasts that all share, M rows by session and ticker."""

    ticker: NDArray[np.intp]  # (M,)
    realised: FloatArray
    quantiles: FloatArray  # (M, Q)
    mean: FloatArray
    loss: FloatArray
    held: FloatArray  # (M, 4), of SHARES


def _view(table: BacktestTable, rows: NDArray[np.intp]) -> _View:
    realised, quantiles = table.realised[rows], table.quantiles[rows]
    _, ticker = np.unique(table.ticker[rows].astype(str), return_inverse=True)
    held = np.stack([inside_central_range(realised, quantiles, share) for share in SHARES], axis=1)
    return _View(ticker, realised, quantiles, table.mean[rows], scored_pinball(realised, quantiles), held)


def _shape(model: str, shared: Shared, view: _View, seed: int) -> ShapeRow:
    _, deviation = moments_from_quantiles(view.quantiles)
    losses = qlike(view.realised, deviation)
    correlations = rank_correlations(shared.place, view.mean, view.realised)
    daily = correlations[np.isfinite(correlations)]
    block = lags_of(shared.horizon)
    low, high = session_block_interval(
        np.stack([daily, np.ones(len(daily))], axis=1), lambda sums: sums[:, 0] / sums[:, 1],
        block=block, seed=seed,
    )  # fmt: skip
    median_low, median_high = median_block_interval(daily, block=block, seed=seed)
    inside = np.histogram(pit_from_quantiles(view.realised, view.quantiles), 10, (0.0, 1.0))[0]
    return ShapeRow(
        model=model,
        horizon=shared.horizon,
        crps=float(PERCENT * crps_from_quantiles(view.realised, view.quantiles).mean()),
        qlike=_mean(losses[np.isfinite(losses)]),
        rank_ic=_mean(daily),
        rank_ic_low=low,
        rank_ic_high=high,
        rank_ic_median=float(np.median(daily)) if len(daily) else float("nan"),
        rank_ic_median_low=median_low,
        rank_ic_median_high=median_high,
        pit=tuple((inside / len(view.realised)).tolist()),
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _by_ticker_rows(view: _View) -> Iterator[NDArray[np.intp]]:
    """Give each ticker's rows, by session."""
    order = np.argsort(view.ticker, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(view.ticker[order])) + 1)


def _tail(model: str, level: float, view: _View) -> TailRow:
    beyond: BoolArray = view.realised < view.quantiles[:, QUANTILE_LEVELS.index(level)]
    passed = [
        _tail_passes(beyond[rows], level) for rows in _by_ticker_rows(view) if len(rows) >= MIN_FORECASTS
    ]
    share = np.mean(passed, axis=0) if passed else np.full(3, np.nan)
    return TailRow(model, level, float(beyond.mean()), len(passed), *(float(value) for value in share))


def _tail_passes(beyond: BoolArray, level: float) -> tuple[bool, bool, bool]:
    sequence = christoffersen(beyond, level)
    rate = kupiec(int(beyond.sum()), len(beyond), level)
    return rate.p_value > SIZE, sequence.independence_p > SIZE, sequence.conditional_p > SIZE


def _by_ticker(model: str, baseline: str, horizon: int, views: dict[str, _View]) -> TickerRow:
    difference = views[model].loss - views[baseline].loss
    means, t = [], []
    for rows in _by_ticker_rows(views[model]):
        means.append(difference[rows].mean())
        t.append(diebold_mariano(difference[rows], horizon))
    sure = benjamini_hochberg(two_sided_p(t)) <= SIZE
    return TickerRow(
        model=model,
        baseline=baseline,
        horizon=horizon,
        tickers=len(t),
        lower_loss=int(np.sum(np.array(means) < 0)),
        better=int(np.sum(sure & (np.array(t) < 0))),
        worse=int(np.sum(sure & (np.array(t) > 0))),
    )


def _spans(model: str, shared: Shared, views: dict[str, _View], names: Sequence[str]) -> list[SpanRow]:
    """Return a row per span and model; sessions of span "" are left out."""
    span_of = np.array(names)
    rows: list[SpanRow] = []
    for span in sorted(set(names) - {""}):
        inside = (span_of == span)[shared.place]
        _, place = np.unique(shared.place[inside], return_inverse=True)
        subject = views[model].loss[inside]
        for name, view in views.items():
            loss = view.loss[inside]
            difference = _per_session(subject - loss, place)
            fifty, eighty, ninety, most = (float(share) for share in view.held[inside].mean(axis=0))
            rows.append(
                SpanRow(
                    span=span,
                    model=name,
                    horizon=shared.horizon,
                    forecasts=len(loss),
                    sessions=len(difference),
                    pinball=float(loss.mean()),
                    skill=float(1.0 - subject.mean() / loss.mean()) if loss.any() else float("nan"),
                    dm_t=diebold_mariano(difference, shared.horizon),  # NaN against itself
                    coverage_50=fifty,
                    coverage_80=eighty,
                    coverage_90=ninety,
                    coverage_95=most,
                )
            )
    return rows


def _per_session(values: FloatArray, place: NDArray[np.intp]) -> FloatArray:
    return np.asarray(np.bincount(place, values) / np.bincount(place))
