"""Frontiers of portfolios: risk against what getting there costs, and the classical one under an assumption.

Shapes: S scenarios, N tickers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from collectors.errors import BadInput
from fusion_model.advice.portfolio import caps_of, centre, cvar, effective_names, fitted, weights_of
from fusion_model.advice.portfolio_limits import Limits, cleaned, turnover
from fusion_model.dataset.panel import FloatArray
from fusion_model.portfolio_findings import ASSUMED, MIN_CVAR, TRADING, FrontierPoint

STEPS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)  # of turnover
ASSUMED_SHARPE = 0.3  # a year, of every stock


def trading_frontier(
    returns: FloatArray,
    sectors: Sequence[str],
    limits: Limits,
    start: FloatArray,
    steps: Sequence[float] = STEPS,
) -> list[FrontierPoint]:
    """Return the least CVaR that can be reached by exchanging at most so much of a portfolio.

    Where the mean has no skill, this is the frontier there is: risk against what getting there costs.
    Steps too short to come within the caps are left out.

    Parameters
    ----------
    start : ndarray (N,)
        What is held, or equal weights where nothing is.
    """
    centred = centre(returns)
    points: list[FrontierPoint] = []
    for step in steps:
        allowed = replace(limits, max_turnover=step, min_trade=0.0)
        try:
            weights = weights_of(MIN_CVAR, centred, sectors, allowed, start)
        except BadInput:
            continue
        points.append(_point(TRADING, len(points), centred, weights, start))
    return points


def assumed_frontier(
    returns: FloatArray,
    sectors: Sequence[str],
    limits: Limits,
    start: FloatArray,
    horizon: int,
    points: int = 7,
) -> list[FrontierPoint]:
    """Return the classical frontier under an assumption: all stocks earn the same for their volatility.

    Expected returns are ASSUMED_SHARPE times each stock's yearly volatility. That is no forecast: with the
    means that were shown to have skill, none, every portfolio has one expected return and the classical
    frontier is a single point.
    """
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    centred = centre(returns)
    reward = ASSUMED_SHARPE * centred.std(axis=0) * np.sqrt(252 / horizon)  # (N,) a year
    model = MeanRisk(
        risk_measure=RiskMeasure.VARIANCE,
        efficient_frontier_size=points,
        overwrite_expected_return=lambda w: reward @ w,
        **caps_of(centred.shape[1], sectors, limits),
    )
    every = np.atleast_2d(fitted(model, centred, scale_free=False))  # (points, N)
    return [
        _point(ASSUMED, place, centred, cleaned(weights), start, float(reward @ weights))
        for place, weights in enumerate(every)
    ]


def _point(
    kind: str,
    place: int,
    centred: FloatArray,
    weights: FloatArray,
    start: FloatArray,
    reward: float | None = None,
) -> FrontierPoint:
    outcome = centred @ weights
    return FrontierPoint(
        kind=kind,
        place=place,
        turnover=turnover(start, weights),
        cvar=cvar(outcome),
        volatility=float(np.std(outcome)),
        names=effective_names(weights),
        reward=reward,
    )
