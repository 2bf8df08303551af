"""Portfolios walked forward: decided on what a close knew, traded at the next close, charged for each trade.

Scenarios of a walk are a filtered historical simulation, since forecasts of the model exist for few past
sessions: the last sessions' returns of all stocks, each in units of its own volatility then, times its
volatility now. Shapes: T sessions, N tickers, S scenarios, D sessions walked, K strategies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusion_model.advice.portfolio import centre, weights_of
from fusion_model.advice.portfolio_limits import Limits, turnover
from fusion_model.dataset.panel import FloatArray
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation.portfolio_scores import SESSIONS_A_YEAR

EVERY = 20  # sessions between decisions
WINDOW = 250  # past sessions, each a scenario; chosen with DECAY on 2012-2016 (docs/decisions-support.md)
DECAY = 0.97  # of the exponentially weighted variance, daily
WARM_UP = 60  # sessions before a variance counts
FLOOR = 1e-4  # of a daily volatility
LEAST_NAMES = 2

# (row of the decision, weights held (N,)) -> weights (N,); None: keep what is held
Decide = Callable[[int, FloatArray], "FloatArray | None"]


@dataclass(frozen=True)
class Walk:
    """What strategies earned: ``returns`` (D, K) net of costs, on ``sessions``, with turnover a year (K,)."""

    strategies: tuple[str, ...]
    sessions: tuple[str, ...]
    returns: FloatArray
    turnover: tuple[float, ...]
    decisions: int


class FilteredHistory:
    """Scenarios for the close of each row, from that row and earlier ones alone.

    Parameters
    ----------
    returns : ndarray (T, N)
        Simple total returns of each session; NaN where a stock has none.
    """

    def __init__(self, returns: FloatArray, *, window: int = WINDOW, decay: float = DECAY) -> None:
        self.returns, self.window = returns, window
        self.volatility = _volatility(returns, decay)  # (T, N), known at each row's close
        with np.errstate(invalid="ignore"):
            self.standard = returns[1:] / np.maximum(self.volatility[:-1], FLOOR)  # (T - 1, N), of row t + 1

    def eligible(self, row: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Return the columns that have a scenario of every session in the window."""
        past = self.standard[max(0, row - self.window) : row]
        return (
            np.flatnonzero(np.isfinite(past).all(axis=0)) if len(past) == self.window else np.array([], int)
        )

    def scenarios(self, row: int, horizon: int) -> FloatArray:
        """Return simple returns over a horizon (S, N), S = window; NaN for stocks that are not eligible."""
        past = self.standard[row - self.window : row]
        return np.asarray(past * np.maximum(self.volatility[row], FLOOR) * np.sqrt(horizon))


def _volatility(returns: FloatArray, decay: float) -> FloatArray:
    """Return the exponentially weighted daily volatility (T, N) known at each close; NaN before WARM_UP."""
    T, N = returns.shape
    out = np.full((T, N), np.nan)
    variance, weight, seen = np.zeros(N), np.zeros(N), np.zeros(N)
    for t in range(T):
        known = np.isfinite(returns[t])
        variance[known] = decay * variance[known] + (1.0 - decay) * returns[t, known] ** 2
        weight[known] = decay * weight[known] + (1.0 - decay)
        seen[known] += 1
        ready = seen >= WARM_UP
        out[t, ready] = np.sqrt(variance[ready] / weight[ready])
    return out


def walk_forward(
    returns: FloatArray,
    sessions: Sequence[str],
    decide: Mapping[str, Decide],
    first: int,
    last: int,
    *,
    cost: float,
    every: int = EVERY,
) -> Walk:
    """Return what strategies earned on rows first + 2 to last.

    A decision at the close of a row is traded at the close of the next one, and earns from the row after.
    The first is taken at ``first``, from cash. Between trades weights drift. A stock without a return
    keeps its price.

    Parameters
    ----------
    returns : ndarray (T, N)
        Simple total returns; NaN: none.
    cost : float
        A side, as a fraction of what is traded.

    Raises
    ------
    NotEnoughHistory
        Fewer than ``every`` sessions to walk.
    """
    if last - first - 1 < every:
        raise NotEnoughHistory(
            f"a walk forward needs {every} sessions after the first decision, and there are "
            f"{max(0, last - first - 1)}"
        )
    simple = np.nan_to_num(returns)
    decisions = range(first, last, every)
    earned, exchanged = [], []
    for choose in decide.values():
        series, sold = _one(simple, choose, decisions, last, cost)
        earned.append(series)
        exchanged.append(sold * SESSIONS_A_YEAR / (last - first - 1))
    return Walk(
        strategies=tuple(decide),
        sessions=tuple(sessions[first + 2 : last + 1]),
        returns=np.array(earned).T,
        turnover=tuple(exchanged),
        decisions=len(decisions),
    )


def _one(
    simple: FloatArray, choose: Decide, decisions: range, last: int, cost: float
) -> tuple[FloatArray, float]:
    """Return one strategy's net returns on rows first + 2 .. last, and its turnover after the first trade."""
    weights = np.zeros(simple.shape[1])
    wanted: FloatArray | None = None
    series, sold, paid = [], 0.0, 0.0
    for row in range(decisions[0], last + 1):
        gross = float(simple[row] @ weights)
        series.append((1.0 + gross) * (1.0 - paid) - 1.0)
        weights = weights * (1.0 + simple[row]) / (1.0 + gross)
        paid = 0.0
        if wanted is not None:  # decided at the close before
            paid = cost * float(np.abs(wanted - weights).sum())
            sold += turnover(weights, wanted) if weights.any() else 0.0
            weights, wanted = wanted, None
        if row in decisions:
            wanted = choose(row, weights)
    return np.array(series[2:]), sold


def decide_by(
    method: str, history: FilteredHistory, sectors: Sequence[str], limits: Limits, horizon: int = EVERY
) -> Decide:
    """Return a decision by a method of advice.portfolio on the scenarios of each row.

    Stocks without a return on every session of the window are left out, and sold where they are held.
    """

    def decide(row: int, held: FloatArray) -> FloatArray | None:
        able = history.eligible(row)
        if len(able) < LEAST_NAMES:
            return None
        scenarios = centre(history.scenarios(row, horizon)[:, able])
        mine = held[able]
        current = mine / mine.sum() if mine.sum() > 0 else None
        weights = np.zeros(len(held))
        weights[able] = weights_of(method, scenarios, [sectors[int(n)] for n in able], limits, current)
        return weights

    return decide


def hold_equal(history: FilteredHistory) -> Decide:
    """Return a decision that buys every eligible stock alike once, and holds."""

    def decide(row: int, held: FloatArray) -> FloatArray | None:
        able = history.eligible(row)
        if held.any() or len(able) < LEAST_NAMES:
            return None
        weights = np.zeros(len(held))
        weights[able] = 1.0 / len(able)
        return weights

    return decide
