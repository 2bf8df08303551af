"""Claims of the boosted trees: they learn what is there, nothing later, and give the same bytes again."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from collectors.errors import ConfigurationError
from fusion_model.dataset.features import PRICE_FEATURES, build_features
from fusion_model.dataset.panel import Panel
from fusion_model.errors import NoModel, NotEnoughHistory
from fusion_model.evaluation.leak_alarms import sound_alarms
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.forecasting.boosted_trees import LightGbmQuantiles, TreesConfig
from fusion_model.pipeline import LEAK_TREES
from tests.builders import (
    lively_panel,
    panel_of,
    with_bars_only_from,
    with_future_corrupted,
    with_tickers,
)

FEW = TreesConfig(trees=8, leaves=7, min_rows_in_leaf=50)
FIT, ASKED = 500, 560


@pytest.fixture(scope="module")
def panel() -> Panel:
    return lively_panel(600, 5)


def said(panel: Panel, config: TreesConfig = FEW, row: int = ASKED) -> list[Forecast]:
    forecaster = LightGbmQuantiles(config)
    forecaster.fit(panel, panel.sessions[: FIT + 1])
    return forecaster.predict(panel, panel.sessions[row])


@pytest.fixture(scope="module")
def now(panel: Panel) -> list[Forecast]:
    return said(panel)


def test_quantiles_never_cross_and_bytes_are_the_same_twice(panel: Panel, now: list[Forecast]) -> None:
    assert [(f.ticker, f.horizon) for f in now] == [(t, h) for t in panel.tickers for h in HORIZONS]
    assert all(list(f.quantiles) == sorted(f.quantiles) for f in now)
    assert all(f.quantiles[0] < f.mean < f.quantiles[-1] and f.volatility > 0 for f in now)
    assert said(panel) == now


def test_nothing_after_a_session_changes_its_forecasts(panel: Panel, now: list[Forecast]) -> None:
    assert said(panel.until(panel.sessions[ASKED])) == now
    assert said(with_future_corrupted(panel, panel.sessions[ASKED])) == now


def test_a_ticker_listed_after_a_session_changes_no_byte_of_its_forecasts(panel: Panel) -> None:
    newer = with_bars_only_from(panel, 2, ASKED + 1)
    assert said(newer) == said(with_tickers(newer, [0, 1, 3, 4]))


def test_a_long_history_is_thinned_and_tickers_speak_of_other_sessions(panel: Panel) -> None:
    forecaster = LightGbmQuantiles(replace(FEW, max_rows=300))
    features = build_features(panel)
    T, N = features.scale.shape
    dated = np.broadcast_to(np.arange(T, dtype=np.float32), (N, T))
    rows, sessions = forecaster._training_rows(panel.tickers, features, dated)
    by_ticker = np.split(sessions, np.flatnonzero(np.diff(sessions) < 0) + 1)
    assert rows.shape == (len(sessions), len(PRICE_FEATURES))
    assert len(by_ticker) == N
    assert all((np.diff(own) == 9).all() for own in by_ticker)  # 5 x 534 rows are nine times 300
    assert len({own[0] for own in by_ticker}) > 1


def test_planted_news_widens_the_forecast() -> None:
    """A burst of volume comes a session before a move four times the usual."""
    random = np.random.default_rng(4)
    news = random.random((700, 5)) < 0.1
    returns = 0.01 * random.standard_normal((700, 5))
    returns[1:] *= np.where(news[:-1], 4.0, 1.0)
    panel = panel_of(returns, 1e6 * np.exp(2.0 * news))
    forecaster = LightGbmQuantiles(replace(FEW, trees=30, learning_rate=0.1))
    forecaster.fit(panel, panel.sessions[:600])
    widths: dict[bool, list[float]] = {False: [], True: []}
    for row in range(660, 700):
        for f in forecaster.predict(panel, panel.sessions[row])[::3]:
            widths[bool(news[row, panel.tickers.index(f.ticker)])].append(f.quantiles[14] - f.quantiles[2])
    assert np.median(widths[True]) > 1.8 * np.median(widths[False])


def test_no_alarm_fires_on_the_trees(panel: Panel) -> None:
    alarms = sound_alarms(lambda: LightGbmQuantiles(LEAK_TREES), panel, scored=60)
    assert [found for found in alarms if found.fired or not found.sounded] == []


def test_the_version_names_the_configuration() -> None:
    versions = {LightGbmQuantiles(config).model_version for config in (TreesConfig(), FEW, TreesConfig())}
    assert len(versions) == 2


# What is refused ----------------------------------------------------------------------------------


def test_too_little_history_is_said(panel: Panel) -> None:
    with pytest.raises(NotEnoughHistory, match="only 65 rows have features and an outcome"):
        LightGbmQuantiles(FEW).fit(panel, panel.sessions[:80])
    with pytest.raises(NotEnoughHistory, match="none were given"):
        LightGbmQuantiles(FEW).fit(panel, ())


def test_no_forecast_before_a_fit(panel: Panel) -> None:
    with pytest.raises(NoModel, match="once it was fitted"):
        LightGbmQuantiles(FEW).predict(panel, panel.sessions[ASKED])


def test_a_missing_library_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ConfigurationError, match=r"pip install lightgbm.*brew install libomp"):
        LightGbmQuantiles()
