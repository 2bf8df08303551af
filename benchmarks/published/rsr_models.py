"""What learns to rank a market's stocks: the product's network with a mean head, and LightGBM."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.published.panels import panel_of_closes
from benchmarks.published.report import say
from benchmarks.published.rsr_market import Market
from collectors.market_calendar import sessions_between
from fusion_model.dataset.features import build_features
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig

VALIDATION_SESSIONS = 252  # of the published panel: 2016
CALIBRATION_SESSIONS = 250  # of 1,026 stocks: a quarter of a million residuals


def panel_of(market: Market) -> Panel:
    """Return the market as a panel that holds nothing but ratios of closes.

    Rows are named by as many New York sessions, whatever the market: no part reads a date.
    """
    T, N = market.closes.T.shape
    sessions = sessions_between("1990-01-02", "2020-12-31")[:T]
    return panel_of_closes(sessions, [f"S{n:05d}" for n in range(N)], market.closes.T)


def fusion_means(market: Market, seed: int) -> FloatArray:
    """Return the simple return that the product's network expects of each target, (N, S)."""
    panel = panel_of(market)
    config = FusionConfig(
        seed=seed,
        forecast_mean=True,
        use_sentiment=False,
        use_macro=False,
        validation_sessions=VALIDATION_SESSIONS,
        held_out_sessions=0,
        calibration_sessions=CALIBRATION_SESSIONS,
    )
    forecaster = FusionForecaster(config, progress=say)
    learned = panel.sessions[: market.first]
    forecaster.fit(panel.until(learned[-1]), learned)
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    means = np.full(market.came.shape, np.nan)
    for place, row in enumerate(range(market.first - 1, market.stop - 1)):
        for forecast in forecaster.predict(panel, panel.sessions[row]):
            if forecast.horizon == 1:
                means[column_of[forecast.ticker], place] = np.expm1(forecast.mean)
    return means


def lightgbm_means(market: Market, seed: int) -> FloatArray:
    """Return the return less the market's that LightGBM expects of each target from our features, (N, S)."""
    import lightgbm

    features = build_features(panel_of(market)).price  # (T, N, F)
    ahead = market.returns[:, 1:].T  # (T - 1, N): what came after each row
    ahead = ahead - np.nanmean(ahead, axis=1, keepdims=True)
    split = market.first - 1 - VALIDATION_SESSIONS

    def rows(start: int, stop: int) -> tuple[NDArray[np.float32], FloatArray]:
        inputs, target = features[start:stop], ahead[start:stop]
        known = np.isfinite(inputs).all(axis=2) & np.isfinite(target)
        return inputs[known], np.clip(target[known], -0.1, 0.1)

    train = lightgbm.Dataset(*rows(0, split))
    validation = lightgbm.Dataset(*rows(split, market.first - 1), reference=train)
    options = {
        "objective": "regression", "learning_rate": 0.03, "num_leaves": 31, "min_data_in_leaf": 2000,
        "seed": seed, "deterministic": True, "num_threads": 1, "verbose": -1,
    }  # fmt: skip
    model = lightgbm.train(
        options, train, 300, valid_sets=[validation], callbacks=[lightgbm.early_stopping(30, verbose=False)]
    )
    means = np.full(market.came.shape, np.nan)
    for place, row in enumerate(range(market.first - 1, market.stop - 1)):
        ready = np.isfinite(features[row]).all(axis=1)
        means[ready, place] = model.predict(features[row, ready], num_threads=1)
    return means
