"""GJR-GARCH with Student-t shocks: volatility that answers more to falls, fitted for each ticker by arch.

Shapes: T sessions, N tickers, K own bars of the ticker that has most.
"""

from __future__ import annotations

import logging
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.errors import NotEnoughHistory
from fusion_model.forecasting.return_history import BURN_IN, MIN_RETURNS, VOLATILITY_FLOOR, ReturnHistory

logger = logging.getLogger(__name__)

FIT_RETURNS = 2500  # the last ten years of a ticker are enough for five parameters
MAX_PERSISTENCE = 0.9995  # above it a shock would never fade
MIN_FREEDOM = 2.1  # a t with two degrees of freedom or fewer has no variance


@dataclass(frozen=True, slots=True)
class GarchParameters:
    """Of one ticker, in log return per session.

    variance[t+1] = omega + (alpha + gamma * [shock[t] < 0]) * shock[t]**2 + beta * variance[t], where
    shock = return - mu has a Student-t of ``freedom``. Glosten, Jagannathan & Runkle (1993), J. Finance 48.
    """

    mu: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    freedom: float

    @property
    def persistence(self) -> float:
        """How much of today's variance is expected to remain tomorrow."""
        return self.alpha + self.gamma / 2 + self.beta


class GarchArrays(NamedTuple):
    """Parameters of n tickers side by side, each (n,)."""

    mu: FloatArray
    omega: FloatArray
    alpha: FloatArray
    gamma: FloatArray
    beta: FloatArray
    freedom: FloatArray

    def of(self, columns: NDArray[np.intp]) -> GarchArrays:
        return GarchArrays(*(values[columns] for values in self))

    @property
    def persistence(self) -> FloatArray:
        return self.alpha + self.gamma / 2 + self.beta


class Filtered(NamedTuple):
    """What a panel's history means under fitted parameters."""

    history: ReturnHistory
    parameters: GarchArrays
    variance: FloatArray  # (K, N), of the next own bar


@dataclass(frozen=True, slots=True)
class GarchFit:
    """What was estimated as of one session: parameters by ticker, and the medians for whoever has none."""

    parameters: dict[str, GarchParameters]
    typical: GarchParameters
    failed: tuple[str, ...]  # tickers that took the medians although they had a year of returns


def fit_garch(panel: Panel) -> GarchFit:
    """Estimate every ticker with a year of returns on its last FIT_RETURNS of them.

    One whose estimation fails takes the medians of the others with its own variance.

    Raises
    ------
    NotEnoughHistory
        No ticker could be estimated.
    """
    history = ReturnHistory(panel)
    estimates: dict[str, GarchParameters | None] = {}
    samples: dict[str, FloatArray] = {}
    for n, ticker in enumerate(panel.tickers):
        own = history.returns[: history.length[n], n]
        if len(own) >= MIN_RETURNS:
            samples[ticker] = own[-FIT_RETURNS:]
            estimates[ticker] = estimate(samples[ticker])
    good = [found for found in estimates.values() if found is not None]
    if not good:
        raise NotEnoughHistory(
            f"GJR-GARCH could be estimated for none of {len(panel.tickers)} tickers as of "
            f"{panel.sessions[-1]}; each needs {MIN_RETURNS} returns that move"
        )
    typical = GarchParameters(*np.median([astuple(one) for one in good], axis=0).tolist())
    failed = tuple(ticker for ticker, found in estimates.items() if found is None)
    if failed:
        logger.warning(
            "GJR-GARCH fell back to the median parameters of %d tickers for %d of %d: %s",
            len(good), len(failed), len(estimates), ", ".join(failed),
        )  # fmt: skip
    return GarchFit(
        parameters={
            ticker: found or _with_variance(typical, samples[ticker]) for ticker, found in estimates.items()
        },
        typical=typical,
        failed=failed,
    )


def filter_garch(panel: Panel, fit: GarchFit) -> Filtered:
    """Run the recursion over a panel's history; who was not estimated takes the medians.

    Its first year alone sets such a ticker's level: known at whichever session it is first forecast.
    """
    history = ReturnHistory(panel)
    rows = [
        fit.parameters.get(ticker)
        or _with_variance(fit.typical, history.returns[: min(MIN_RETURNS, history.length[n]), n])
        for n, ticker in enumerate(panel.tickers)
    ]
    parameters = GarchArrays(*np.array([astuple(row) for row in rows]).T)
    return Filtered(history, parameters, conditional_variance(history, parameters))


def log_volatility(filtered: Filtered, horizon: int, row: int | None = None) -> FloatArray:
    """Return the log of the deviation expected over ``horizon`` sessions after each row of the panel, (T, N).

    After ``row`` alone, (N,), where it is given. NaN where a ticker has no bar, or less than BURN_IN returns.
    """
    rows = slice(None) if row is None else slice(row, row + 1)
    count = filtered.history.count[rows]
    latest = np.take_along_axis(filtered.variance, np.maximum(count - 1, 0), axis=0)
    expected = expected_variance(filtered.parameters, latest, horizon)
    settled = filtered.history.panel.present[rows] & (count >= BURN_IN)
    found = np.where(settled, 0.5 * np.log(expected), np.nan)
    return found if row is None else found[0]


def estimate(returns: FloatArray) -> GarchParameters | None:
    """Estimate by maximum likelihood; None where neither of two starts leads to a usable optimum.

    Where the optimum is integrated (a crisis in the sample does that), beta is lowered until shocks
    fade at MAX_PERSISTENCE.

    Parameters
    ----------
    returns : ndarray (n,)
        Log returns of one ticker, oldest first.
    """
    from arch import arch_model

    percent = returns * 100  # the optimiser wants numbers near one
    spread = float(np.var(percent))
    if spread < 1e-4:
        return None
    model = arch_model(percent, mean="Constant", vol="GARCH", p=1, o=1, q=1, dist="t", rescale=False)
    typical = np.array([float(np.mean(percent)), 0.03 * spread, 0.03, 0.08, 0.90, 6.0])
    for start in (None, typical):
        with np.errstate(all="ignore"):
            result = model.fit(disp="off", show_warning=False, starting_values=start)
        mu, omega, *rest = (float(value) for value in np.asarray(result.params))
        found = GarchParameters(mu / 100, omega / 1e4, *rest)
        if result.convergence_flag == 0 and _usable(found):
            excess = max(found.persistence - MAX_PERSISTENCE, 0.0)
            return replace(found, beta=found.beta - excess)
    return None


def _usable(found: GarchParameters) -> bool:
    return (
        bool(np.isfinite(astuple(found)).all())
        and found.omega > 0
        and found.alpha >= 0
        and found.alpha + found.gamma >= 0
        and found.persistence < 1.001
        and found.freedom >= MIN_FREEDOM
    )


def _with_variance(typical: GarchParameters, returns: FloatArray) -> GarchParameters:
    """Return typical parameters whose long-run variance is that of the returns."""
    level = max(float(np.var(returns)) if len(returns) else 0.0, VOLATILITY_FLOOR**2)
    return replace(typical, omega=level * (1 - typical.persistence))


def conditional_variance(history: ReturnHistory, parameters: GarchArrays) -> FloatArray:
    """Return the variance expected of the next own bar after each one (K, N).

    The recursion starts at the parameters' long-run variance; a year later nothing is left of the start.
    """
    from scipy.signal import lfilter

    shock = history.returns - parameters.mu
    news = parameters.omega + (parameters.alpha + parameters.gamma * (shock < 0)) * shock**2
    start = parameters.beta * parameters.omega / (1 - parameters.persistence)
    variance = np.empty_like(shock)
    for n in range(shock.shape[1]):
        variance[:, n], _ = lfilter([1.0], [1.0, -parameters.beta[n]], news[:, n], zi=start[n : n + 1])
    return np.maximum(variance, VOLATILITY_FLOOR**2)


def expected_variance(parameters: GarchArrays, variance: FloatArray, horizon: int) -> FloatArray:
    """Return the variance of the sum of the next ``horizon`` returns, from that of the next one.

    Shapes broadcast against (n,). Shocks are symmetric, so half of them are falls.
    """
    rest = 1 - parameters.persistence
    level = parameters.omega / rest
    return np.asarray(horizon * level + (variance - level) * (1 - parameters.persistence**horizon) / rest)
