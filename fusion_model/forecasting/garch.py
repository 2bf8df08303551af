"""GJR-GARCH with Student-t shocks: volatility that answers more to falls, fitted for each ticker by arch."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import (
    LEVELS,
    Distributions,
    as_forecasts,
    sample_quantiles,
    share_above_zero,
)
from fusion_model.errors import NoModel, NotEnoughHistory
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.forecasting.return_history import MIN_RETURNS, VOLATILITY_FLOOR, ReturnHistory

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


class _Arrays(NamedTuple):
    """Parameters of n tickers side by side, each (n,)."""

    mu: FloatArray
    omega: FloatArray
    alpha: FloatArray
    gamma: FloatArray
    beta: FloatArray
    freedom: FloatArray

    def of(self, columns: NDArray[np.intp]) -> _Arrays:
        return _Arrays(*(values[columns] for values in self))

    @property
    def persistence(self) -> FloatArray:
        return self.alpha + self.gamma / 2 + self.beta


class Filtered(NamedTuple):
    """What a panel's history means under fitted parameters."""

    history: ReturnHistory
    parameters: _Arrays
    variance: FloatArray  # (K, N), of the next own bar


class GjrGarch(ABC):
    """GJR-GARCH(1,1,1) with a constant mean, fitted for each ticker; what is made of its volatility differs.

    ``fit`` estimates each ticker's parameters on its last FIT_RETURNS returns; ``predict`` filters
    forward with them. A ticker whose estimation fails, or which was not there at ``fit``, takes the
    medians of the others with its own variance: ``fallbacks`` names them and why.
    """

    model: str

    def __init__(self) -> None:
        self.model_version = "1"
        self.fallbacks: dict[str, str] = {}
        self._parameters: dict[str, GarchParameters] = {}
        self._typical: GarchParameters | None = None
        self._filtered: Filtered | None = None

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        """Estimate the parameters of every ticker with a year of returns up to the last of ``sessions``.

        Raises
        ------
        NotEnoughHistory
            No ticker could be estimated.
        """
        if not sessions:
            raise NotEnoughHistory("GJR-GARCH needs sessions to learn from, none were given")
        panel = panel.until(sessions[-1])
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
                f"{sessions[-1]}; each needs {MIN_RETURNS} returns that move"
            )
        self._typical = GarchParameters(*np.median([astuple(one) for one in good], axis=0).tolist())
        self._parameters = {
            ticker: found or _with_variance(self._typical, samples[ticker])
            for ticker, found in estimates.items()
        }
        self.fallbacks = {ticker: "estimation failed" for ticker, found in estimates.items() if found is None}
        if self.fallbacks:
            logger.warning(
                "GJR-GARCH fell back to the median parameters of %d tickers for %d of %d: %s",
                len(good), len(self.fallbacks), len(estimates), ", ".join(self.fallbacks),
            )  # fmt: skip
        self.model_version = f"1-{sessions[-1]}"
        self._filtered = None

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        """Forecast every ticker with a bar and a year of returns up to ``session``.

        Raises
        ------
        NoModel
            ``fit`` has not been called.
        """
        filtered = self._filter(panel)
        row = panel.position(session)
        columns = filtered.history.ready(row)
        if not len(columns):
            return []
        forecasts: list[Forecast] = []
        for horizon, said in self._distributions(filtered, row, columns).items():
            forecasts += as_forecasts(
                panel, session, columns, horizon, said.quantiles,
                mean=said.mean, prob_up=said.prob_up, volatility=said.volatility,
                model=self.model, model_version=self.model_version,
            )  # fmt: skip
        return sorted(forecasts, key=lambda forecast: (forecast.ticker, forecast.horizon))

    @abstractmethod
    def _prepare(self, filtered: Filtered) -> None:
        """Compute once a panel what ``_distributions`` needs of it."""

    @abstractmethod
    def _distributions(
        self, filtered: Filtered, row: int, columns: NDArray[np.intp]
    ) -> Mapping[int, Distributions]:
        """Return what is said in a row of the panel, by horizon."""

    def _filter(self, panel: Panel) -> Filtered:
        """Return the panel's conditional variances, kept for the panel seen last."""
        if self._typical is None:
            raise NoModel("GJR-GARCH has not been fitted: call fit first")
        if self._filtered is None or self._filtered.history.panel is not panel:
            history = ReturnHistory(panel)
            parameters = self._parameters_of(history, self._typical)
            self._filtered = Filtered(history, parameters, conditional_variance(history, parameters))
            self._prepare(self._filtered)
        return self._filtered

    def _parameters_of(self, history: ReturnHistory, typical: GarchParameters) -> _Arrays:
        rows = []
        for n, ticker in enumerate(history.panel.tickers):
            if ticker in self._parameters:
                rows.append(self._parameters[ticker])
                continue
            # Its first year alone sets the level: known at whichever session it is first forecast.
            rows.append(_with_variance(typical, history.returns[: min(MIN_RETURNS, history.length[n]), n]))
            if history.length[n] >= MIN_RETURNS and ticker not in self.fallbacks:
                self.fallbacks[ticker] = "no year of returns at fit"
                logger.warning("GJR-GARCH was fitted before %s had a year of returns: medians used", ticker)
        return _Arrays(*np.array([astuple(row) for row in rows]).T)


class GjrGarchT(GjrGarch):
    """Baseline: GJR-GARCH with Student-t shocks.

    One session ahead the distribution is the t itself; further ahead it is simulated with the same
    shocks for every session and ticker, stratified to have variance one.
    """

    model = "gjr_garch_t"

    def __init__(self, *, seed: int = 0, paths: int = 2000) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self._order = np.stack([rng.permutation(paths) for _ in range(max(HORIZONS))])  # (H, P)
        self._shocks: NDArray[np.float32] = np.empty((paths, 0), dtype=np.float32)  # (P, N)

    def _prepare(self, filtered: Filtered) -> None:
        self._shocks = self._stratified(filtered.parameters)

    def _distributions(
        self, filtered: Filtered, row: int, columns: NDArray[np.intp]
    ) -> Mapping[int, Distributions]:
        parameters = filtered.parameters.of(columns)
        variance = filtered.history.latest(filtered.variance, row, columns)
        paths = self._simulate(parameters, self._shocks[:, columns], variance)
        said: dict[int, Distributions] = {}
        for horizon in HORIZONS:
            spread = np.sqrt(expected_variance(parameters, variance, horizon))
            if horizon == 1:
                quantiles, prob_up = _student_t(parameters, spread)
            else:
                quantiles, prob_up = sample_quantiles(paths[horizon]), share_above_zero(paths[horizon])
            said[horizon] = Distributions(quantiles, parameters.mu * horizon, prob_up, spread)
        return said

    def _simulate(
        self, parameters: _Arrays, shocks: NDArray[np.float32], variance: FloatArray
    ) -> dict[int, FloatArray]:
        """Return log returns (P, n) over each horizon beyond one session.

        Single precision: its seven digits are more than any number of paths is good for, at half the time.
        """
        _, omega, alpha, gamma, beta, _ = (values.astype(np.float32) for values in parameters)
        answer = (alpha + gamma * (shocks < 0)) * shocks**2 + beta
        total = np.zeros_like(shocks)
        spread = np.broadcast_to(variance.astype(np.float32), shocks.shape).copy()
        paths: dict[int, FloatArray] = {}
        for step, order in enumerate(self._order, start=1):
            total += np.sqrt(spread) * shocks[order]
            spread *= answer[order]
            spread += omega
            if step in HORIZONS and step > 1:
                paths[step] = total + parameters.mu * step
        return paths

    def _stratified(self, parameters: _Arrays) -> NDArray[np.float32]:
        """Return (P, N) Student-t shocks of variance one, one from each of P equally likely strata."""
        paths = self._order.shape[1]
        strata = (np.arange(paths)[:, None] + 0.5) / paths
        shocks = stdtrit(parameters.freedom, strata)
        return np.asarray(shocks / np.sqrt(np.mean(shocks**2, axis=0)), dtype=np.float32)


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


def conditional_variance(history: ReturnHistory, parameters: _Arrays) -> FloatArray:
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


def expected_variance(parameters: _Arrays, variance: FloatArray, horizon: int) -> FloatArray:
    """Return the variance of the sum of the next ``horizon`` returns, from that of the next one.

    Shapes broadcast against (n,). Shocks are symmetric, so half of them are falls.
    """
    rest = 1 - parameters.persistence
    level = parameters.omega / rest
    return np.asarray(horizon * level + (variance - level) * (1 - parameters.persistence**horizon) / rest)


def _student_t(parameters: _Arrays, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return quantiles (n, Q) and P(return > 0) of a t with this mean, spread and freedom."""
    unit = spread * np.sqrt((parameters.freedom - 2) / parameters.freedom)
    quantiles = parameters.mu[:, None] + unit[:, None] * stdtrit(parameters.freedom[:, None], LEVELS)
    return np.asarray(quantiles), np.asarray(stdtr(parameters.freedom, parameters.mu / unit))
