"""How a portfolio could be spread: five methods on forecast scenarios, within a person's limits.

The scenarios say how far stocks may fall and rise, and which do so together; they are centred first, so
that no method sees a direction: none has been shown (docs/forecasting.md). What is left to choose is
risk. Shapes: S scenarios, N tickers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from collectors.errors import BadInput
from fusion_model.advice.portfolio_limits import (
    Limits,
    check_possible,
    cleaned,
    nearest_within,
    sector_rows,
    turnover,
    without_small_trades,
)
from fusion_model.dataset.panel import FloatArray
from fusion_model.errors import NotEnoughHistory
from fusion_model.portfolio_findings import (
    EQUAL_RISK,
    EQUAL_WEIGHT,
    HRP,
    MAX_DIVERSIFICATION,
    METHODS,
    MIN_CVAR,
)

CVAR_LEVEL = 0.95
LEAST_SCENARIOS = 100  # below it, the worst twentieth is fewer than five of them
PERTURBATIONS = 12
LOOSE = {"tol_gap_abs": 1e-7, "tol_gap_rel": 1e-7, "tol_feas": 1e-7}  # of the solver; skfolio's own are 1e-9
VOLATILITY_ERROR = 0.1  # standard deviation of the log error of one stock's forecast volatility


@dataclass(frozen=True)
class Suggestion:
    """Weights of one method, beside what is held, with how they would look over the horizon.

    Attributes
    ----------
    current, weights, low, high : ndarray (N,)
        What is held (zeros: nothing); what is suggested; the least and most of PERTURBATIONS repetitions.
    moved : float
        Mean turnover between the suggestion and a repetition with other draws and volatilities a tenth off.
    cvar, volatility : float
        Of the suggestion over the horizon: mean loss of the worst twentieth, standard deviation.
    names : float
        Effective number of names, 1 / sum of squared weights.
    """

    method: str
    tickers: tuple[str, ...]
    current: FloatArray
    weights: FloatArray
    low: FloatArray
    high: FloatArray
    moved: float
    cvar: float
    volatility: float
    names: float
    current_cvar: float
    current_volatility: float
    turnover: float
    cost: float


def suggest(
    method: str,
    returns: FloatArray,
    tickers: Sequence[str],
    sectors: Sequence[str],
    limits: Limits,
    current: FloatArray | None = None,
    *,
    perturbations: int = PERTURBATIONS,
    seed: int = 0,
) -> Suggestion:
    """Return what a method makes of scenarios, with its sensitivity.

    Parameters
    ----------
    returns : ndarray (S, N)
        Simple returns over one horizon, all equally likely; their means are taken out.
    current : ndarray (N,), optional
        Weights held now, sum 1; None: everything is cash.

    Raises
    ------
    BadInput
        An unknown method, fewer than two tickers, or limits that no portfolio keeps to.
    NotEnoughHistory
        Fewer than LEAST_SCENARIOS scenarios.
    """
    check_possible(tickers, sectors, limits)
    centred = centre(returns)
    weights = weights_of(method, centred, sectors, limits, current)
    repeated = [
        weights_of(method, perturbed(centred, seed + 1 + k), sectors, limits, current)
        for k in range(perturbations)
    ]
    every = np.array([weights, *repeated])
    before = np.zeros(len(tickers)) if current is None else current
    held = centred @ before
    return Suggestion(
        method=method,
        tickers=tuple(tickers),
        current=before,
        weights=weights,
        low=every.min(axis=0),
        high=every.max(axis=0),
        moved=float(np.mean([turnover(weights, other) for other in repeated])) if repeated else 0.0,
        cvar=cvar(centred @ weights),
        volatility=float(np.std(centred @ weights)),
        names=effective_names(weights),
        current_cvar=float("nan") if current is None else cvar(held),
        current_volatility=float("nan") if current is None else float(np.std(held)),
        turnover=turnover(before, weights),
        cost=limits.cost * float(np.abs(weights - before).sum()),
    )


def weights_of(
    method: str,
    centred: FloatArray,
    sectors: Sequence[str],
    limits: Limits,
    current: FloatArray | None = None,
) -> FloatArray:
    """Return the weights (N,) of a method on centred scenarios (S, N), within the limits.

    The caps stand inside the optimisation where the method has one; hierarchical risk parity and 1/N are
    brought to the nearest portfolio within them. Raises as ``suggest``.
    """
    S, N = centred.shape
    if method not in METHODS:
        raise BadInput(f"there is no method {method}; choose one of {', '.join(METHODS)}")
    if N < 2:
        raise BadInput("a portfolio needs at least two tickers to spread over")
    if S < LEAST_SCENARIOS:
        raise NotEnoughHistory(f"{S} scenarios have no tail; at least {LEAST_SCENARIOS} are needed")
    ideal = _METHODS[method](centred, sectors, limits, current)
    within = nearest_within(cleaned(ideal), sectors, limits, current)
    return without_small_trades(within, sectors, limits, current)


def centre(returns: FloatArray) -> FloatArray:
    """Return scenarios (S, N) with every stock's mean at zero: a forecast of spread, not of direction."""
    return np.asarray(returns - returns.mean(axis=0))


def perturbed(centred: FloatArray, seed: int) -> FloatArray:
    """Return scenarios drawn again with replacement, each stock's volatility off by about a tenth."""
    random = np.random.default_rng(seed)
    S, N = centred.shape
    off = np.exp(random.normal(0.0, VOLATILITY_ERROR, N))
    return centre(centred[random.integers(0, S, S)] * off)


def cvar(returns: FloatArray, level: float = CVAR_LEVEL) -> float:
    """Return the mean loss of the worst 1 - level of returns (S,), as a positive fraction.

    The scenario on the border counts in part, so that it is the minimum that Rockafellar & Uryasev (2000),
    Journal of Risk 2(3), optimise.
    """
    losses = np.sort(-np.asarray(returns, dtype=float))[::-1]
    beyond = (1.0 - level) * len(losses)
    whole = int(beyond)
    partial = beyond - whole
    total = losses[:whole].sum() + (partial * losses[whole] if partial > 0 else 0.0)
    return float(total / beyond)


def effective_names(weights: FloatArray) -> float:
    """Return 1 / sum of squared weights: N for equal ones, 1 for a single name."""
    return float(1.0 / np.sum(weights**2))


# Methods ------------------------------------------------------------------------------------------


def fitted(model: Any, centred: FloatArray, *, scale_free: bool = True) -> FloatArray:
    """Fit an estimator of skfolio and return its weights (N,), or a row for each portfolio of a frontier.

    Where the solver stalls, it is asked again with scenarios of volatility 1 (if the estimator does not hang
    on their scale), and then with a tolerance of 1e-7.

    Raises
    ------
    BadInput
        It finds no portfolio. That some keep to the caps was seen before.
    """
    from skfolio.exceptions import OptimizationError

    other = centred / centred.std(axis=0).mean() if scale_free else centred
    attempts = (
        [(centred, None), (other, None), (other, LOOSE)] if scale_free else [(centred, None), (other, LOOSE)]
    )
    said: Exception | None = None
    for scenarios, tolerance in attempts:
        if tolerance is not None:
            model.set_params(solver_params=tolerance)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an inexact solution is brought within the limits afterwards
                model.fit(scenarios)
        except OptimizationError as error:
            said = error
        else:
            return np.asarray(model.weights_, dtype=float)
    raise BadInput(
        f"the solver found no portfolio ({said}); allow more turnover or more of a ticker or a sector, or "
        "leave a ticker out"
    )


def caps_of(N: int, sectors: Sequence[str], limits: Limits) -> dict[str, Any]:
    rows = sector_rows(sectors)
    caps: dict[str, Any] = {"max_weights": limits.name_cap(N)}
    if len(rows) and limits.max_sector < 1.0:
        caps |= {"left_inequality": rows, "right_inequality": np.full(len(rows), limits.max_sector)}
    return caps


def _min_cvar(
    centred: FloatArray, sectors: Sequence[str], limits: Limits, current: FloatArray | None
) -> FloatArray:
    """Least CVaR of what is left after the costs of getting there."""
    import cvxpy as cp
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    more: dict[str, Any] = {}
    if current is not None:
        nearest_within(current, sectors, limits, current)  # says what is wrong where turnover can't reach
        more = {
            "add_objective": lambda w: limits.cost * cp.norm(w - current, 1),
            "add_constraints": lambda w: [cp.norm(w - current, 1) <= 2.0 * limits.max_turnover],
        }
    model = MeanRisk(
        risk_measure=RiskMeasure.CVAR,
        cvar_beta=CVAR_LEVEL,
        **caps_of(centred.shape[1], sectors, limits),
        **more,
    )
    return fitted(model, centred, scale_free=current is None)


def _equal_risk(
    centred: FloatArray, sectors: Sequence[str], limits: Limits, _: FloatArray | None
) -> FloatArray:
    """Every ticker carries the same share of the variance, as far as the caps let it."""
    from skfolio import RiskMeasure
    from skfolio.optimization import RiskBudgeting

    caps = caps_of(centred.shape[1], sectors, limits)
    return fitted(RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, **caps), centred)


def _max_diversification(
    centred: FloatArray, sectors: Sequence[str], limits: Limits, _: FloatArray | None
) -> FloatArray:
    """Most of the ratio of mean volatility to the portfolio's (Choueifaty & Coignard 2008)."""
    from skfolio.optimization import MaximumDiversification

    return fitted(MaximumDiversification(**caps_of(centred.shape[1], sectors, limits)), centred)


def _hierarchical(centred: FloatArray, _: Sequence[str], limits: Limits, __: FloatArray | None) -> FloatArray:
    """Variance spread down a tree of what moves together (Lopez de Prado 2016)."""
    from skfolio.optimization import HierarchicalRiskParity

    return fitted(HierarchicalRiskParity(max_weights=limits.name_cap(centred.shape[1])), centred)


def _equal_weight(centred: FloatArray, _: Sequence[str], __: Limits, ___: FloatArray | None) -> FloatArray:
    from skfolio.optimization import EqualWeighted

    return fitted(EqualWeighted(), centred)


_Method = Callable[[FloatArray, Sequence[str], Limits, "FloatArray | None"], FloatArray]
_METHODS: dict[str, _Method] = {
    MIN_CVAR: _min_cvar,
    HRP: _hierarchical,
    EQUAL_RISK: _equal_risk,
    MAX_DIVERSIFICATION: _max_diversification,
    EQUAL_WEIGHT: _equal_weight,
}
