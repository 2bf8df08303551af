"""How deep under the last peak: in the record, and within a horizon that is still to come.

A drawdown is a positive fraction: what is lost from the highest close before. Shapes: T sessions, N tickers,
S scenarios, h sessions of a horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion_model.advice.scenarios import Scenarios, standardised_paths
from fusion_model.dataset.panel import FloatArray, Panel

PATHS = 4000  # scenarios that are followed session by session


class Drawdown(NamedTuple):
    """The deepest fall of a series, where it began and ended, and how deep it stands at its end."""

    deepest: float
    peak: int
    trough: int
    now: float


def drawdown(wealth: FloatArray) -> Drawdown:
    """Return the deepest drawdown of wealth (T,), all above zero, and that of its last value."""
    peak = np.maximum.accumulate(wealth)
    depth = 1.0 - wealth / peak
    trough = int(depth.argmax())
    top = int(np.flatnonzero(wealth[: trough + 1] == peak[trough])[0])
    return Drawdown(float(depth[trough]), top, trough, float(depth[-1]))


def deepest_within(paths: FloatArray) -> FloatArray:
    """Return (S,) the deepest drawdown of each path of wealth (S, h), which begins at 1."""
    wealth = np.concatenate([np.ones((len(paths), 1)), paths], axis=1)
    return np.asarray((1.0 - wealth / np.maximum.accumulate(wealth, axis=1)).max(axis=1))


def scenario_drawdowns(
    panel: Panel, drawn: Scenarios, weights: FloatArray, volatility: Sequence[float], count: int = PATHS
) -> FloatArray:
    """Return the deepest drawdown of holdings within the horizon, of at most ``count`` scenarios.

    On its way to the end that its forecast gives it, each stock goes as it went in the past session that the
    scenario was drawn from, in units of its volatility: that path, and a straight line for the difference at
    its end.

    Parameters
    ----------
    weights : ndarray (N,)
        Of wealth at the start, held; what they leave is cash.
    volatility : sequence of N float
        Forecast standard deviation of the log return over the horizon.
    """
    S = min(count, len(drawn.returns))
    ends = np.log1p(np.maximum(drawn.returns[:S], -1.0 + 1e-12))
    share = np.arange(1, drawn.horizon + 1) / drawn.horizon  # (h,)
    wealth = np.full((S, drawn.horizon), 1.0 - weights.sum())
    for n, ticker in enumerate(drawn.tickers):
        path = volatility[n] * standardised_paths(panel, ticker, drawn.horizon, drawn.source[:S])  # (S, h)
        path = path + (ends[:, n] - path[:, -1])[:, None] * share
        wealth += weights[n] * np.exp(path)
    return deepest_within(wealth)
