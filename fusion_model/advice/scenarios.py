"""What several stocks may do together: draws from their forecasts, falling together as they did before.

Each stock's returns are those of its own forecast, tails included. Which of them come together is taken
from past sessions: the ranks of all stocks' outcomes, each in units of what its volatility was beforehand
(filtered historical simulation; Barone-Adesi, Giannopoulos & Vosper 1999), as an empirical copula. So a
day of the crash stays one day, and no formula says how much more stocks fall together than apart.

Shapes: T sessions, N tickers, Q quantiles, R past sessions of the copula, S scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from collectors.errors import BadInput
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import value_at
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import Forecast

IndexArray: TypeAlias = NDArray[np.intp]

SCENARIOS = 10_000
EWMA_DECAY = 0.94  # RiskMetrics (1996), daily
SETTLED = 66  # own returns before a volatility counts
VOLATILITY_FLOOR = 1e-4  # of log return a session
COPULA_SESSIONS = 2500  # the last ten years: 2008 leaves them in 2018
MIN_SESSIONS = 250  # own past outcomes of a stock, before it is known what it goes along with


@dataclass(frozen=True)
class Scenarios:
    """S equally likely outcomes of N stocks over one horizon.

    Attributes
    ----------
    returns : ndarray (S, N)
        Simple total returns over the whole horizon, above -1.
    source : ndarray (S,) of int
        Of each scenario the past session whose ranks it took, as the row of the panel where it ended.
    """

    tickers: tuple[str, ...]
    as_of_session: str
    target_session: str
    horizon: int
    returns: FloatArray
    source: IndexArray

    def of_portfolio(self, weights: FloatArray) -> FloatArray:
        """Return (S,) simple returns of weights (N,) of wealth, held to the end; what they leave is cash."""
        return np.asarray(self.returns @ weights)


def standardised_outcomes(panel: Panel, horizon: int) -> FloatArray:
    """Return past log returns over a horizon in units of the volatility known before, (T, N).

    They stand in the row where they ended. The volatility is the exponentially weighted one of a stock's
    own bars. NaN without a bar at either end, and before SETTLED own returns. Each row hangs on itself and
    earlier rows alone.
    """
    T, N = panel.present.shape
    scale = np.stack([_volatility(panel.log_returns[:, n]) for n in range(N)], axis=1) * np.sqrt(horizon)
    ended = np.full((T, N), np.nan)
    if horizon < T:
        ended[horizon:] = (panel.forward_returns(horizon) / scale)[:-horizon]
    return ended


def standardised_paths(panel: Panel, ticker: str, horizon: int, rows: IndexArray) -> FloatArray:
    """Return (S, h): how a ticker came to its ``standardised_outcomes`` at rows (S,), step by step.

    Where it has no such outcome it stands still.
    """
    returns = panel.log_returns[:, panel.tickers.index(ticker)]
    wealth = np.cumsum(np.nan_to_num(returns))
    start = rows - horizon
    moved = wealth[start[:, None] + np.arange(1, horizon + 1)] - wealth[start][:, None]
    return np.asarray(np.nan_to_num(moved / (_volatility(returns)[start] * np.sqrt(horizon))[:, None]))


def _volatility(returns: FloatArray) -> FloatArray:
    """Return (T,) the exponentially weighted volatility of a ticker's own bars, NaN before it settles."""
    from scipy.signal import lfilter

    rows = np.flatnonzero(np.isfinite(returns))
    weight = 1.0 - EWMA_DECAY ** np.arange(1, len(rows) + 1)
    variance = lfilter([1.0 - EWMA_DECAY], [1.0, -EWMA_DECAY], returns[rows] ** 2) / weight
    volatility = np.full(len(returns), np.nan)
    volatility[rows[SETTLED - 1 :]] = np.maximum(np.sqrt(variance)[SETTLED - 1 :], VOLATILITY_FLOOR)
    return volatility


def joint_scenarios(
    panel: Panel,
    forecasts: Sequence[Forecast],
    horizon: int,
    *,
    count: int = SCENARIOS,
    seed: int = 0,
    copula_sessions: int = COPULA_SESSIONS,
) -> Scenarios:
    """Draw scenarios of the stocks that are forecast, in the order of their forecasts.

    Parameters
    ----------
    panel : Panel
        Holds the sessions up to that of the forecasts; later ones are not looked at.
    forecasts : sequence of Forecast
        Of one session; those over other horizons are passed over.
    horizon : int
        Sessions.
    count : int
        Scenarios; each past session is drawn equally often, give or take one.

    Raises
    ------
    BadInput
        No forecast over the horizon, one ticker twice, or forecasts of several sessions.
    NotEnoughHistory
        A stock has fewer than MIN_SESSIONS past outcomes beside the others.
    """
    chosen = [forecast for forecast in forecasts if forecast.horizon == horizon]
    tickers = _checked(chosen, horizon)
    stop = panel.position(chosen[0].as_of_session) + 1
    outcomes = standardised_outcomes(panel, horizon)[:stop]
    rows, past = past_outcomes(outcomes, panel.tickers, tickers, copula_sessions, seed)
    drawn, place = copula_draws(past, count, seed)
    quantiles = np.array([forecast.quantiles for forecast in chosen])
    return Scenarios(
        tickers=tickers,
        as_of_session=chosen[0].as_of_session,
        target_session=chosen[0].target_session,
        horizon=horizon,
        returns=returns_at(quantiles, place),
        source=rows[drawn],
    )


def past_outcomes(
    outcomes: FloatArray,
    tickers: Sequence[str],
    wanted: Sequence[str],
    sessions: int = COPULA_SESSIONS,
    seed: int = 0,
) -> tuple[IndexArray, FloatArray]:
    """Return the last rows (R,) at which at least half of the wanted tickers have an outcome, and all theirs.

    So one young stock does not make the others forget a crash. Where a ticker has none, its outcome is what
    its own past says of such a session: a regression on the others, and a residual drawn from its own.

    Parameters
    ----------
    outcomes : ndarray (T, N)
        Standardised, as known at the last row.

    Returns
    -------
    rows : ndarray (R,)
    outcomes : ndarray (R, n), without NaN; where there were gaps, as normal scores

    Raises
    ------
    NotEnoughHistory
        A ticker has no prices, or fewer than MIN_SESSIONS outcomes among these rows.
    """
    place = {ticker: n for n, ticker in enumerate(tickers)}
    missing = [ticker for ticker in wanted if ticker not in place]
    if missing:
        raise NotEnoughHistory(f"no prices of {missing[0]} are stored: import or collect them first")
    past = outcomes[:, [place[ticker] for ticker in wanted]]
    rows = np.flatnonzero(2 * np.isfinite(past).sum(axis=1) >= len(wanted))[-sessions:]
    past = past[rows]
    count = np.isfinite(past).sum(axis=0)
    if len(rows) < MIN_SESSIONS or count.min() < MIN_SESSIONS:
        shortest = wanted[int(count.argmin())]
        raise NotEnoughHistory(
            f"how stocks move together is read from their past, and {shortest} has {count.min()} outcomes "
            f"beside the others where {MIN_SESSIONS} are needed: leave it out, or import or collect more"
        )
    return rows, _filled(past, wanted, seed)


def _filled(past: FloatArray, tickers: Sequence[str], seed: int) -> FloatArray:
    """Fill the gaps of (R, n) outcomes, ticker by ticker: draws hang on its name, not on its column.

    In normal scores of the ranks, where no crash outweighs all else, a gap is the ticker's ridge regression
    on those without gaps (penalty: one a regressor), and one of its own residuals.
    """
    from scipy.stats import rankdata

    known = np.isfinite(past)
    gaps = np.flatnonzero(~known.all(axis=0)).tolist()
    if not gaps:
        return past
    filled = np.full(past.shape, np.nan)
    for n in range(past.shape[1]):
        filled[known[:, n], n] = ndtri((rankdata(past[known[:, n], n]) - 0.5) / known[:, n].sum())
    whole = filled[:, known.all(axis=0)]  # (R, k)
    for n in gaps:
        own = known[:, n]
        centre = whole[own].mean(axis=0)
        beside = whole[own] - centre
        gram = beside.T @ beside + len(centre) * np.eye(len(centre))
        expected = (whole - centre) @ np.linalg.solve(gram, beside.T @ filled[own, n])  # (R,)
        random = np.random.default_rng([seed, crc32(tickers[n].encode())])
        residual = random.choice(filled[own, n] - expected[own], size=int((~own).sum()))
        filled[~own, n] = expected[~own] + residual
    return filled


def copula_draws(past: FloatArray, count: int, seed: int) -> tuple[IndexArray, IndexArray]:
    """Draw past rows with the ranks they gave, spread evenly for each ticker.

    Scenarios of one row share its ranks; which of them lies deeper within a rank is drawn for all at once.

    Parameters
    ----------
    past : ndarray (R, N)
        No NaN.

    Returns
    -------
    drawn : ndarray (S,) of rows of ``past``
    place : ndarray (N, S)
        Each ticker's own order of the scenarios: every place from 0, the lowest, to S - 1 once.
    """
    random = np.random.default_rng(seed)
    R, S = len(past), count
    drawn = np.concatenate([random.permutation(R) for _ in range(-(-S // R))])[:S]
    within = np.empty(S, dtype=np.intp)  # place among the scenarios of the same row
    order = np.lexsort((random.uniform(size=S), drawn))
    times = np.bincount(drawn, minlength=R)
    within[order] = np.arange(S) - np.repeat(np.cumsum(times) - times, times)
    ranked = np.argsort(np.ascontiguousarray(past.T), axis=1, kind="stable")  # (N, R)
    below = np.empty_like(ranked)
    so_often = times[ranked]
    np.put_along_axis(below, ranked, np.cumsum(so_often, axis=1) - so_often, axis=1)
    return drawn, below[:, drawn] + within


def returns_at(quantiles: FloatArray, place: IndexArray) -> FloatArray:
    """Return (S, N) simple returns at places (N, S) of distributions of log returns (N, Q)."""
    S = place.shape[1]
    grid = np.expm1(value_at(quantiles, (np.arange(S) + 0.5) / S))  # (N, S), rising
    return np.ascontiguousarray(np.take_along_axis(grid, place, axis=1).T)


def portfolio_at(quantiles: FloatArray, place: IndexArray) -> FloatArray:
    """Return (S,) simple returns of equal weights, at places (N, S) of log returns (N, Q)."""
    S = place.shape[1]
    grid = np.expm1(value_at(quantiles, (np.arange(S) + 0.5) / S))
    return np.asarray(np.take_along_axis(grid, place, axis=1).mean(axis=0))


def _checked(chosen: Sequence[Forecast], horizon: int) -> tuple[str, ...]:
    tickers = tuple(forecast.ticker for forecast in chosen)
    sessions = sorted({forecast.as_of_session for forecast in chosen})
    if not chosen:
        raise BadInput(f"there is no forecast over {horizon} sessions; run `barograph refresh` first")
    if len(set(tickers)) < len(tickers):
        raise BadInput(f"{max(tickers, key=tickers.count)} is forecast twice over {horizon} sessions")
    if len(sessions) > 1:
        raise BadInput(f"forecasts of one session are needed, not of {', '.join(sessions)}")
    return tickers
