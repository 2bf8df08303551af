"""Claims about the mix of networks and GJR-GARCH, and about what its weights are learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.dataset.features import build_features
from fusion_model.dataset.panel import FloatArray
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.garch import filter_garch, fit_garch
from fusion_model.forecasting.stacking import garch_log_scale, learned_shares, mixed
from tests.builders import SMALL, lively_panel, with_bars_only_from


def outcomes(log_scale: FloatArray) -> FloatArray:
    """Returns of exactly that volatility, (R, N, 1)."""
    return np.random.default_rng(0).normal(size=log_scale.shape) * np.exp(log_scale)


def test_whoever_knows_the_volatility_gets_the_weight() -> None:
    random = np.random.default_rng(1)
    truth, blind = random.normal(0.0, 0.5, (300, 10, 1)), np.zeros((300, 10, 1))
    unit, came = np.ones_like(truth), outcomes(truth)
    assert learned_shares(truth, blind, blind, unit, came, 1.0) == ((0.0,), (0.0,))
    assert learned_shares(blind, blind, truth, unit, came, 1.0)[0][0] >= 0.9
    assert learned_shares(blind, truth, blind, unit, came, 1.0)[1][0] >= 0.9


def test_half_of_what_was_learned_is_believed_and_the_trees_begin_with_a_half() -> None:
    random = np.random.default_rng(1)
    truth, blind = random.normal(0.0, 0.5, (300, 10, 1)), np.zeros((300, 10, 1))
    unit, came = np.ones_like(truth), outcomes(truth)
    assert learned_shares(truth, blind, blind, unit, came, 0.5) == ((0.0,), (0.25,))
    assert learned_shares(truth, None, blind, unit, came, 0.5) == ((0.0,), (0.0,))


def test_two_who_know_a_half_each_share_the_weight() -> None:
    one, other = np.random.default_rng(2).normal(0.0, 0.5, (2, 400, 20, 1))
    came = outcomes(0.5 * (one + other))
    ((share,), _) = learned_shares(one, None, other, np.ones_like(one), came, 1.0)
    assert share == pytest.approx(0.5, abs=0.1)


def test_from_too_few_outcomes_no_weight_is_learned() -> None:
    truth = np.zeros((99, 10, 1))
    few = learned_shares(truth + 1.0, truth, truth, truth + 1.0, outcomes(truth), 1.0)
    assert few == ((0.0,), (0.5,))


def test_who_says_nothing_leaves_its_share_to_the_networks() -> None:
    networks, garch, trees = (
        np.array([1.0, 1.0, 1.0]),
        np.array([3.0, np.nan, 3.0]),
        np.array([2.0, 2.0, np.nan]),
    )
    assert mixed(networks, (garch, 0.25), (trees, 0.5)).tolist() == [2.0, 1.5, 1.5]


def test_garch_is_read_against_the_same_anchor_as_the_networks() -> None:
    panel = lively_panel(420, 3)
    features, fit = build_features(panel), fit_garch(panel)
    scale = garch_log_scale(panel, features, fit)
    filtered = filter_garch(panel, fit)
    expected = 0.5 * np.log(filtered.variance[filtered.history.count[400, 1] - 1, 1])
    assert scale[400, 1, 0] == pytest.approx(expected - np.log(features.scale[400, 1]))
    assert np.isnan(scale[:60]).all()


def test_weights_are_learned_on_sessions_that_neither_side_was_fitted_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = lively_panel(900, 4)
    seen = []
    fit = fit_garch
    module = "fusion_model.forecasting.fusion_forecaster"
    monkeypatch.setattr(f"{module}.fit_garch", lambda known: seen.append(known.sessions[-1]) or fit(known))
    forecaster = FusionForecaster(replace(SMALL, stacking_sessions=250))
    forecaster.fit(panel, panel.sessions)
    assert seen == [panel.sessions[649], panel.sessions[899]]
    stack = forecaster.state.stack
    assert stack is not None
    assert all(0.0 <= share <= 0.5 for share in stack.garch_shares)
    assert all(share >= 0.0 for share in stack.network_shares)


def test_too_short_a_history_is_forecast_without_garch() -> None:
    panel = lively_panel(700, 4)
    forecaster = FusionForecaster(replace(SMALL, stacking_sessions=250))
    forecaster.fit(panel, panel.sessions)
    assert forecaster.state.stack is None
    assert len(forecaster.predict(panel, panel.sessions[-1])) == 12


def test_a_share_of_garch_moves_the_forecast_towards_it() -> None:
    panel = with_bars_only_from(lively_panel(900, 4), 3, 860)
    forecaster = FusionForecaster(replace(SMALL, stacking_sessions=250))
    forecaster.fit(panel, panel.sessions)
    stack = forecaster.state.stack
    assert stack is not None
    said = {}
    for share in (0.0, 1.0):
        shares = {"garch_shares": (share,) * 3, "tree_shares": (0.0,) * 3}
        forecaster._adopt(replace(forecaster.state, stack=replace(stack, **shares)))
        said[share] = {
            f.ticker: f.volatility for f in forecaster.predict(panel, panel.sessions[-1]) if f.horizon == 1
        }
    features = build_features(panel)
    garch = np.exp(garch_log_scale(panel, features, stack.garch)[-1, :3, 0]) * features.anchor[-1, :3, 0]
    ratio = np.array([said[1.0][ticker] for ticker in panel.tickers[:3]]) / garch
    assert ratio == pytest.approx(np.full(3, ratio.mean()), rel=0.25)  # each stock's own shape apart
    assert said[0.0] != said[1.0]
