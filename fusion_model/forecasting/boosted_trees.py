"""LightGBM quantiles: boosted trees for each level on the newest row of the fusion model's price features.

A target is the log total return over a horizon in units of its anchor (volatility times the square root of
the horizon, wider where a report is expected), so that the trees have to learn shape and surprise, not size.
A horizon and a level have a model of their own; the levels of a forecast are put in order afterwards.

Posts and macro figures are left out. They earned nothing in the fusion model, and a tree that may
ask for the level of a slow figure could learn years by heart.

Shapes: T sessions, N tickers, F features, H horizons, Q quantiles, R rows of training.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from collectors.errors import ConfigurationError
from fusion_model.dataset.features import Features, Float32Array, build_features
from fusion_model.dataset.panel import Panel
from fusion_model.dataset.windows import standardised_targets
from fusion_model.distribution import as_forecasts, moments_from_quantiles, probability_of_rise
from fusion_model.errors import NoModel, NotEnoughHistory
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Forecast
from fusion_model.forecasting.return_history import MIN_RETURNS

if TYPE_CHECKING:
    from lightgbm import Booster

MODEL = "lightgbm_quantiles"
# A tree splits between any two values it has seen. Prices in another unit leave rounding errors of 1e-16
# where a feature is exactly zero, and grew other trees.
FEATURE_DECIMALS = 5
MIN_ROWS = 100  # of training; below that a 1 % quantile is the smallest value seen


@dataclass(frozen=True)
class TreesConfig:
    """How many trees of which size, and on how many rows of history."""

    trees: int = 100
    leaves: int = 7
    learning_rate: float = 0.05
    min_rows_in_leaf: int = 500
    feature_share: float = 0.5  # of the features, drawn anew for each tree
    max_rows: int = 40_000  # per horizon; of a longer history every k-th row of each ticker
    seed: int = 1


class LightGbmQuantiles:
    """Baseline: ``fit`` and ``predict`` as every forecaster, with LightGBM on one thread.

    One thread gives the same bytes everywhere. And on macOS, where torch and LightGBM each load an OpenMP
    runtime of their own, a second thread has crashed the process (pytorch issue 191933).

    Raises
    ------
    ConfigurationError
        LightGBM is not installed, or its library cannot be loaded.
    """

    model = MODEL

    def __init__(self, config: TreesConfig | None = None) -> None:
        load_lightgbm()  # now, not hours into a backtest
        self.config = config or TreesConfig()
        settings = json.dumps(asdict(self.config), sort_keys=True).encode()
        self.model_version = f"1-{hashlib.sha256(settings).hexdigest()[:12]}"
        self._boosters: dict[int, list[Booster]] = {}  # Q by horizon
        self._prepared: tuple[Panel, Features] | None = None

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        """Grow a model for each horizon and level from the rows whose outcome is known at the last session.

        Raises
        ------
        NotEnoughHistory
            Fewer than MIN_ROWS rows have features and an outcome.
        """
        if not sessions:
            raise NotEnoughHistory(f"{self.model} needs sessions to learn from, none were given")
        panel = panel.until(sessions[-1])
        features = _rounded(build_features(panel))
        targets = standardised_targets(panel, features.anchor, len(panel.sessions))  # (N, T, H)
        for k, horizon in enumerate(HORIZONS):
            rows, outcomes = self._training_rows(panel.tickers, features, targets[:, :, k])
            self._boosters[horizon] = self._grow(rows, outcomes)

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        """Forecast every ticker with a bar, features and a year of returns at a session.

        Raises
        ------
        NoModel
            Nothing was fitted.
        """
        if not self._boosters:
            raise NoModel(f"{self.model} forecasts once it was fitted")
        if self._prepared is None or self._prepared[0] is not panel:
            self._prepared = (panel, _rounded(build_features(panel)))
        features = self._prepared[1]
        row = panel.position(session)
        returns = np.isfinite(panel.log_returns[: row + 1]).sum(axis=0)
        ready = np.isfinite(features.price[row]).all(axis=1)  # features need a bar
        columns = np.flatnonzero(ready & (returns >= MIN_RETURNS))
        forecasts: list[Forecast] = []
        for k, horizon in enumerate(HORIZONS if len(columns) else ()):
            levels = [  # (n,) each
                np.asarray(booster.predict(features.price[row, columns], num_threads=1))
                for booster in self._boosters[horizon]
            ]
            shape = np.sort(
                np.stack(levels, axis=1), axis=1
            )  # (n, Q): no model knows the level next to its own
            quantiles = shape * features.anchor[row, columns, k][:, None]
            mean, deviation = moments_from_quantiles(quantiles)
            forecasts += as_forecasts(
                panel, session, columns, horizon, quantiles,
                mean=mean, prob_up=probability_of_rise(quantiles), volatility=deviation,
                model=self.model, model_version=self.model_version,
            )  # fmt: skip
        return sorted(forecasts, key=lambda forecast: (forecast.ticker, forecast.horizon))

    def _training_rows(
        self, tickers: Sequence[str], features: Features, targets: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Return features (R, F) and outcomes (R,) of targets (N, T), ticker by ticker, oldest first."""
        usable = np.isfinite(targets) & np.isfinite(features.price).all(axis=2).T  # (N, T)
        stride = max(1, -(-int(usable.sum()) // self.config.max_rows))
        kept = np.zeros_like(usable)
        for n, ticker in enumerate(tickers):
            # Staggered, or all tickers would speak of the same sessions, in which they moved together.
            first = zlib.crc32(ticker.encode()) % stride
            kept[n, np.flatnonzero(usable[n])[first::stride]] = True
        if kept.sum() < MIN_ROWS:
            raise NotEnoughHistory(
                f"only {kept.sum()} rows have features and an outcome, and {self.model} needs {MIN_ROWS}: "
                "import or collect a longer history"
            )
        return features.price.transpose(1, 0, 2)[kept], targets[kept]

    def _grow(self, rows: Float32Array, outcomes: Float32Array) -> list[Booster]:
        """Return a model for each level, (Q,)."""
        config = self.config
        parameters: dict[str, Any] = {
            "objective": "quantile",
            "num_leaves": config.leaves,
            "learning_rate": config.learning_rate,
            "min_data_in_leaf": config.min_rows_in_leaf,
            "feature_fraction": config.feature_share,
            "feature_pre_filter": False,
            "seed": config.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        lightgbm = load_lightgbm()
        data = lightgbm.Dataset(rows, outcomes, params=parameters)  # cut into bins once for all levels
        return [
            lightgbm.train({**parameters, "alpha": level}, data, num_boost_round=config.trees)
            for level in QUANTILE_LEVELS
        ]


def _rounded(features: Features) -> Features:
    return replace(features, price=np.round(features.price, FEATURE_DECIMALS))


def load_lightgbm() -> Any:
    """Return the library, late: it loads an OpenMP runtime that macOS does not bring.

    Raises
    ------
    ConfigurationError
        It is not installed, or cannot be loaded.
    """
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: its shared library did not find another one
        raise ConfigurationError(
            f"{MODEL} needs LightGBM, which cannot be loaded ({error}); run `pip install lightgbm`, on macOS "
            "also `brew install libomp`, or leave it out with --models"
        ) from error
    return lightgbm
