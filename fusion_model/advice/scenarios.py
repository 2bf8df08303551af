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

import numpy as np

from collectors.errors import BadInput
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import value_at
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import Forecast

SCENARIOS = 10_000
EWMA_DECAY = 0.94  # RiskMetrics (1996), daily
SETTLED = 66  # own returns before a volatility counts
VOLATILITY_FLOOR = 1e-4  # of log return a session
COPULA_SESSIONS = 2500  # the last ten years: 2008 leaves them in 2018
MIN_SESSIONS = 250  # sessions that all stocks have in common


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
    source: np.ndarray[tuple[int], np.dtype[np.intp]]

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


def standardised_paths(
    panel: Panel, ticker: str, horizon: int, rows: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> FloatArray:
    """Return (S, h): how a ticker came to its ``standardised_outcomes`` at rows (S,), step by step."""
    returns = panel.log_returns[:, panel.tickers.index(ticker)]
    wealth = np.cumsum(np.nan_to_num(returns))
    start = rows - horizon
    moved = wealth[start[:, None] + np.arange(1, horizon + 1)] - wealth[start][:, None]
    return np.asarray(moved / (_volatility(returns)[start] * np.sqrt(horizon))[:, None])


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
        Fewer than MIN_SESSIONS past outcomes that all the stocks have in common.
    """
    chosen = [forecast for forecast in forecasts if forecast.horizon == horizon]
    tickers = _checked(chosen, horizon)
    stop = panel.position(chosen[0].as_of_session) + 1
    outcomes = standardised_outcomes(panel, horizon)[:stop]
    rows, past = common_outcomes(outcomes, panel.tickers, tickers, copula_sessions)
    drawn, probability = copula_draws(past, count, seed)
    quantiles = np.array([forecast.quantiles for forecast in chosen])
    return Scenarios(
        tickers=tickers,
        as_of_session=chosen[0].as_of_session,
        target_session=chosen[0].target_session,
        horizon=horizon,
        returns=simple_returns(quantiles, probability),
        source=rows[drawn],
    )


def common_outcomes(
    outcomes: FloatArray, tickers: Sequence[str], wanted: Sequence[str], sessions: int = COPULA_SESSIONS
) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], FloatArray]:
    """Return the last rows (R,) at which all wanted tickers have an outcome, and these outcomes (R, n).

    Raises
    ------
    NotEnoughHistory
        A ticker has no prices, or the tickers have fewer than MIN_SESSIONS rows in common.
    """
    place = {ticker: n for n, ticker in enumerate(tickers)}
    missing = [ticker for ticker in wanted if ticker not in place]
    if missing:
        raise NotEnoughHistory(f"no prices of {missing[0]} are stored: import or collect them first")
    past = outcomes[:, [place[ticker] for ticker in wanted]]
    known = np.isfinite(past)
    rows = np.flatnonzero(known.all(axis=1))[-sessions:]
    if len(rows) < MIN_SESSIONS:
        shortest = wanted[int(known.sum(axis=0).argmin())]
        raise NotEnoughHistory(
            f"how {len(wanted)} stocks move together is read from past sessions, and they have {len(rows)} "
            f"in common where {MIN_SESSIONS} are needed; {shortest} has the shortest history: "
            "leave it out, or import or collect more"
        )
    return rows, past[rows]


def copula_draws(
    past: FloatArray, count: int, seed: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], FloatArray]:
    """Draw past rows with the ranks they gave, spread evenly over (0, 1) for each ticker.

    Within the span of one rank the place is drawn once for all tickers of a scenario, and then the ranks of
    all scenarios are put on an even grid: every ticker's probabilities are (1/2, 3/2 ... S - 1/2) / S.

    Parameters
    ----------
    past : ndarray (R, N)
        No NaN.

    Returns
    -------
    drawn : ndarray (S,) of rows of ``past``
    probability : ndarray (S, N)
    """
    random = np.random.default_rng(seed)
    R = len(past)
    rows = [random.permutation(R) for _ in range(-(-count // R))]
    drawn = np.concatenate(rows)[:count]
    within = random.uniform(size=count)
    rank = np.argsort(np.argsort(past, axis=0, kind="stable"), axis=0, kind="stable")  # (R, N)
    place = rank[drawn] + within[:, None]  # (S, N)
    order = np.argsort(place, axis=0, kind="stable")
    probability = np.empty_like(place)
    np.put_along_axis(probability, order, ((np.arange(count) + 0.5) / count)[:, None], axis=0)
    return drawn, probability


def simple_returns(quantiles: FloatArray, probability: FloatArray) -> FloatArray:
    """Return (S, N) simple returns at probabilities (S, N) of log-return quantiles (N, Q)."""
    return np.asarray(np.expm1(value_at(quantiles, probability.T)).T)


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
