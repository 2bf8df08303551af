"""The simple answers that a forecaster has to beat, all with its signature: fit, predict.

Those here know nothing but each ticker's own returns (and, where said, the shape of all tickers' residuals).
What ``predict`` says as of a session is the same from any panel that holds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import (
    NORMAL_SCORES,
    Distributions,
    as_forecasts,
    sample_quantiles,
    share_above_zero,
)
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.forecasting.boosted_trees import LightGbmQuantiles
from fusion_model.forecasting.garch import Filtered, expected_variance
from fusion_model.forecasting.garch_forecasters import GjrGarch, GjrGarchT
from fusion_model.forecasting.return_history import MIN_RETURNS, POOL_SESSIONS, ReturnHistory

# Sessions of history that hold the returns of each horizon: overlapping ones repeat themselves, so a
# longer horizon looks further back.
SIMULATION_SESSIONS = {1: 250, 5: 500, 20: 1000}


class _FromReturns(ABC):
    """What baselines share that learn nothing in ``fit``: the returns of the panel seen last."""

    model: str
    model_version = "1"

    def __init__(self) -> None:
        self._history: ReturnHistory | None = None

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        """Learn nothing: every figure is read from the returns at ``predict``.

        Raises
        ------
        NotEnoughHistory
            ``sessions`` is empty, or its last one is not in the panel.
        """
        if not sessions:
            raise NotEnoughHistory(f"{self.model} needs sessions to learn from, none were given")
        panel.position(sessions[-1])

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        """Forecast every ticker with a bar and a year of returns up to ``session``."""
        if self._history is None or self._history.panel is not panel:
            self._history = ReturnHistory(panel)
        row = panel.position(session)
        columns = self._history.ready(row)
        forecasts: list[Forecast] = []
        for horizon in HORIZONS if len(columns) else ():
            said = self._distributions(self._history, row, columns, horizon)
            forecasts += as_forecasts(
                panel, session, columns, horizon, said.quantiles,
                mean=said.mean, prob_up=said.prob_up, volatility=said.volatility,
                model=self.model, model_version=self.model_version,
            )  # fmt: skip
        return sorted(forecasts, key=lambda forecast: (forecast.ticker, forecast.horizon))

    @abstractmethod
    def _distributions(
        self, history: ReturnHistory, row: int, columns: NDArray[np.intp], horizon: int
    ) -> Distributions: ...


class PersistenceEwma(_FromReturns):
    """Baseline: the price stays, with normal quantiles of EWMA variance times the horizon."""

    model = "persistence_ewma"

    def _distributions(
        self, history: ReturnHistory, row: int, columns: NDArray[np.intp], horizon: int
    ) -> Distributions:
        spread = history.latest(history.ewma_volatility, row, columns) * np.sqrt(horizon)
        still = np.zeros(len(columns))
        return Distributions(spread[:, None] * NORMAL_SCORES, still, still + 0.5, spread)


class HistoricalSimulation(_FromReturns):
    """Baseline: the returns over the horizon that ended in the ticker's last SIMULATION_SESSIONS.

    Returns over more than one session overlap, day by day.
    """

    model = "historical_simulation"

    def _distributions(
        self, history: ReturnHistory, row: int, columns: NDArray[np.intp], horizon: int
    ) -> Distributions:
        sample = history.overlapping(row, columns, horizon, SIMULATION_SESSIONS[horizon])
        return Distributions(
            sample_quantiles(sample),
            np.nanmean(sample, axis=0),
            share_above_zero(sample),
            np.nanstd(sample, axis=0),
        )


class EwmaFhs(_FromReturns):
    """Baseline: EWMA volatility, with the shape of all tickers' standardised returns of 1,000 sessions."""

    model = "ewma_fhs"

    def _distributions(
        self, history: ReturnHistory, row: int, columns: NDArray[np.intp], horizon: int
    ) -> Distributions:
        spread = history.latest(history.ewma_volatility, row, columns) * np.sqrt(horizon)
        return in_shape(spread, history.ewma_residuals(horizon, row))


class GjrGarchFhs(GjrGarch):
    """Baseline: GJR-GARCH volatility, with the shape of all tickers' standardised returns of 1,000 sessions.

    A return over a horizon is standardised by the deviation that was expected for the whole of it, mean
    reversion included. Barone-Adesi, Giannopoulos & Vosper (1999), Journal of Futures Markets 19.
    """

    model = "gjr_garch_fhs"

    def __init__(self) -> None:
        super().__init__()
        self._residuals: dict[int, FloatArray] = {}  # (T, N) by horizon, where the return ended

    def _prepare(self, filtered: Filtered) -> None:
        self._residuals = {
            horizon: filtered.history.standardised(
                np.sqrt(expected_variance(filtered.parameters, filtered.variance, horizon)), horizon
            )
            for horizon in HORIZONS
        }

    def _distributions(
        self, filtered: Filtered, row: int, columns: NDArray[np.intp]
    ) -> Mapping[int, Distributions]:
        variance = filtered.history.latest(filtered.variance, row, columns)
        # What stands in for the parameters of a ticker that came after the fit is its first year, whole.
        settled = np.flatnonzero(filtered.history.count[row] >= MIN_RETURNS)
        said: dict[int, Distributions] = {}
        for horizon in HORIZONS:
            spread = np.sqrt(expected_variance(filtered.parameters.of(columns), variance, horizon))
            window = self._residuals[horizon][max(0, row + 1 - POOL_SESSIONS) : row + 1, settled]
            said[horizon] = in_shape(spread, window[np.isfinite(window)])
        return said


def in_shape(spread: FloatArray, shape: FloatArray) -> Distributions:
    """Return distributions of n widths (n,) that all have the shape of one sample (P,)."""
    return Distributions(
        spread[:, None] * sample_quantiles(shape[:, None]),
        spread * shape.mean(),
        np.full(len(spread), share_above_zero(shape[:, None])[0]),
        spread * shape.std(),
    )


Baseline: TypeAlias = (
    PersistenceEwma | HistoricalSimulation | EwmaFhs | GjrGarchT | GjrGarchFhs | LightGbmQuantiles
)


def baselines() -> dict[str, Callable[[], Baseline]]:
    """Return what makes a fresh one of each baseline, by model name."""
    return {
        PersistenceEwma.model: PersistenceEwma,
        HistoricalSimulation.model: HistoricalSimulation,
        EwmaFhs.model: EwmaFhs,
        GjrGarchT.model: GjrGarchT,
        GjrGarchFhs.model: GjrGarchFhs,
        LightGbmQuantiles.model: LightGbmQuantiles,
    }
