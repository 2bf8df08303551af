"""Baselines on GJR-GARCH volatility; the one with Student-t shocks, simulated beyond one session, is here."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

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
from fusion_model.forecasting.garch import (
    Filtered,
    GarchArrays,
    GarchFit,
    expected_variance,
    filter_garch,
    fit_garch,
)
from fusion_model.forecasting.return_history import MIN_RETURNS, ReturnHistory

logger = logging.getLogger(__name__)


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
        self._fitted: GarchFit | None = None
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
        self._fitted = fit_garch(panel.until(sessions[-1]))
        self.fallbacks = dict.fromkeys(self._fitted.failed, "estimation failed")
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
        if self._fitted is None:
            raise NoModel("GJR-GARCH has not been fitted: call fit first")
        if self._filtered is None or self._filtered.history.panel is not panel:
            self._filtered = filter_garch(panel, self._fitted)
            self._name_the_young(self._filtered.history, self._fitted)
            self._prepare(self._filtered)
        return self._filtered

    def _name_the_young(self, history: ReturnHistory, fitted: GarchFit) -> None:
        for n, ticker in enumerate(history.panel.tickers):
            known = ticker in fitted.parameters or ticker in self.fallbacks
            if not known and history.length[n] >= MIN_RETURNS:
                self.fallbacks[ticker] = "no year of returns at fit"
                logger.warning("GJR-GARCH was fitted before %s had a year of returns: medians used", ticker)


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
        self, parameters: GarchArrays, shocks: NDArray[np.float32], variance: FloatArray
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

    def _stratified(self, parameters: GarchArrays) -> NDArray[np.float32]:
        """Return (P, N) Student-t shocks of variance one, one from each of P equally likely strata."""
        paths = self._order.shape[1]
        strata = (np.arange(paths)[:, None] + 0.5) / paths
        shocks = stdtrit(parameters.freedom, strata)
        return np.asarray(shocks / np.sqrt(np.mean(shocks**2, axis=0)), dtype=np.float32)


def _student_t(parameters: GarchArrays, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return quantiles (n, Q) and P(return > 0) of a t with this mean, spread and freedom."""
    unit = spread * np.sqrt((parameters.freedom - 2) / parameters.freedom)
    quantiles = parameters.mu[:, None] + unit[:, None] * stdtrit(parameters.freedom[:, None], LEVELS)
    return np.asarray(quantiles), np.asarray(stdtr(parameters.freedom, parameters.mu / unit))
