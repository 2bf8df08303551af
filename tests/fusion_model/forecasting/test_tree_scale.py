"""Claims about boosted trees that forecast a volatility."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import ConfigurationError
from fusion_model.dataset.windows import NetworkInput
from fusion_model.errors import NotEnoughHistory
from fusion_model.forecasting import fusion_forecaster
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.tree_scale import TreeScale, fit_tree_scale
from tests.builders import SMALL, lively_panel

STACKED = replace(SMALL, stacking_sessions=250, use_trees=True)


def lively_input(sessions: int) -> tuple[NetworkInput, np.ndarray]:
    """Six tickers whose first feature tells the volatility: its log is half of it."""
    random = np.random.default_rng(3)
    price = random.normal(size=(6, sessions, 4)).astype(np.float32)
    scale = np.exp(0.5 * price[:, :, :1])
    targets = (random.standard_t(5, (6, sessions, 3)) * scale).astype(np.float32)
    nothing = np.zeros((6, sessions, 0), np.float32)
    return NetworkInput(price, nothing, nothing[0], np.ones((6, sessions), bool)), targets


def grow(data: NetworkInput, targets: np.ndarray, trees: int = 60) -> TreeScale:
    return fit_tree_scale(data, targets, list("ABCDEF"), trees=trees, leaves=7, seed=1)


def test_trees_find_what_tells_the_volatility() -> None:
    data, targets = lively_input(3000)
    grown = grow(data, targets, trees=150).predict(data.price[0])
    for k in range(3):
        slope = np.polyfit(data.price[0, :, 0], grown[:, k], 1)[0]
        assert slope == pytest.approx(0.5, abs=0.1)


def test_models_survive_as_text_to_the_last_digit() -> None:
    data, targets = lively_input(1500)
    made = grow(data, targets, trees=10)
    again = TreeScale.from_texts(made.texts())
    np.testing.assert_array_equal(again.predict(data.price[2]), made.predict(data.price[2]))
    assert grow(data, targets, trees=10).texts() == made.texts()


def test_outcomes_that_are_not_known_yet_are_not_grown_on() -> None:
    data, targets = lively_input(2000)
    stop = 1500
    early = targets.copy()
    early[:, stop:] = np.nan
    whole = grow(data, early, trees=5)
    cut = NetworkInput(
        data.price[:, :stop], data.sentiment[:, :stop], data.macro[:stop], data.ready[:, :stop]
    )
    assert grow(cut, targets[:, :stop], trees=5).texts() == whole.texts()


def test_too_few_outcomes_are_refused() -> None:
    data, targets = lively_input(120)
    with pytest.raises(NotEnoughHistory, match="need 800 outcomes"):
        grow(data, targets)


def test_a_stacked_model_hears_its_trees_and_keeps_them(tmp_path: Path) -> None:
    panel = lively_panel(1400, 6)
    forecaster = FusionForecaster(STACKED)
    forecaster.fit(panel, panel.sessions)
    stack = forecaster.state.stack
    assert stack is not None
    assert stack.trees is not None
    assert all(0.25 <= share <= 0.75 for share in stack.tree_shares)
    said = forecaster.predict(panel, panel.sessions[-1])
    assert FusionForecaster.load(forecaster.save(tmp_path)).predict(panel, panel.sessions[-1]) == said
    forecaster._adopt(replace(forecaster.state, stack=replace(stack, tree_shares=(0.0,) * 3)))
    assert forecaster.predict(panel, panel.sessions[-1]) != said


def test_without_the_library_the_model_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object, **__: object) -> TreeScale:
        raise ConfigurationError("LightGBM cannot be loaded")

    monkeypatch.setattr(fusion_forecaster, "fit_tree_scale", missing)
    panel = lively_panel(900, 4)
    forecaster = FusionForecaster(STACKED)
    forecaster.fit(panel, panel.sessions)
    stack = forecaster.state.stack
    assert stack is not None
    assert (stack.trees, stack.tree_shares) == (None, (0.0, 0.0, 0.0))
    assert "forecast without boosted trees: LightGBM cannot be loaded" in caplog.text
