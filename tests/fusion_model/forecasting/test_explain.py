"""Reasons sum to the forecast, find what was planted, and let the model say what it would say otherwise."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from fusion_model.dataset.features import CAUSES, PRICE_FEATURES, market_of
from fusion_model.dataset.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel
from fusion_model.dataset.what_if import without_expected_reports, without_the_move
from fusion_model.findings import QUANTILE_LEVELS, Attribution, Forecast
from fusion_model.forecasting.explain import Explanation, attributions, coalitions, explain, shapley
from fusion_model.forecasting.fusion_forecaster import FusionForecaster
from fusion_model.forecasting.fusion_network import FusionConfig
from fusion_model.forecasting.reading import between, causes_read, read, read_altered, read_usual
from tests.builders import lively_panel, panel_of, posts_of_days, with_future_corrupted

EVERYTHING = FusionConfig(
    use_sentiment=True,
    use_macro=True,
    use_graph=True,
    use_trees=True,
    graph_neighbours=3,
    hidden=8,
    encoder_hidden=4,
    lookback=16,
    segment=64,
    members=2,
    epochs=1,
    stacking_sessions=150,
    calibration_sessions=150,
    longest_calibration_sessions=200,
    adaptation_sessions=100,
)
PLANTED = replace(
    EVERYTHING,
    use_macro=False,
    use_graph=False,
    members=1,
    epochs=8,
    batch=4,
    learning_rate=1e-2,
    stacking_sessions=0,
)
LOW_Q, MEDIAN_Q, HIGH_Q = (QUANTILE_LEVELS.index(level) for level in (0.05, 0.5, 0.95))


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Every fifth stock and session has a report, announced four sessions ahead."""
    lively = lively_panel(760, 7)
    earnings = np.zeros((760, 7, 4))
    for n in range(7):
        for row in range(20 + 9 * n, 760, 61):
            earnings[row, n, 0] = 1.0
            earnings[row - 1 : row, n, 1] = 1.0
            earnings[row - 4 : row, n, 2:] = 1.0
    earnings[-2:, 0, 2:] = 1.0  # the first stock expects one in the coming sessions
    return replace(lively, earnings=earnings)


@pytest.fixture(scope="module")
def fitted(panel: Panel) -> FusionForecaster:
    forecaster = FusionForecaster(EVERYTHING)
    forecaster.fit(panel, panel.sessions[:700])
    return forecaster


@pytest.fixture(scope="module")
def session(panel: Panel) -> str:
    return panel.sessions[-1]


@pytest.fixture(scope="module")
def explained(fitted: FusionForecaster, panel: Panel, session: str) -> Explanation:
    return explain(fitted, panel, session)


@pytest.fixture(scope="module")
def said(fitted: FusionForecaster, panel: Panel, session: str) -> dict[tuple[str, int], Forecast]:
    return {(one.ticker, one.horizon): one for one in fitted.predict(panel, session)}


def sums(rows: tuple[Attribution, ...], target: str) -> dict[tuple[str, int], float]:
    total: dict[tuple[str, int], float] = defaultdict(float)
    for row in rows:
        if row.target == target:
            total[row.ticker, row.horizon] += row.contribution
    return total


# Shapley values -----------------------------------------------------------------------------------


def test_what_adds_up_is_given_to_whom_it_belongs() -> None:
    worth = {"price": 3.0, "market": -1.0, "earnings": 0.5}
    values = np.array([10.0 + sum(worth[cause] for cause in chosen) for chosen in coalitions(list(worth))])
    np.testing.assert_allclose(shapley(values), [3.0, -1.0, 0.5])


def test_what_only_two_reach_together_is_halved() -> None:
    values = np.array(
        [float({"price", "market"} <= set(who)) for who in coalitions(["price", "market", "x"])]
    )
    np.testing.assert_allclose(shapley(values), [0.5, 0.5, 0.0])


def test_every_price_feature_belongs_to_one_cause() -> None:
    assert sorted(name for names in CAUSES.values() for name in names) == sorted(PRICE_FEATURES)


# Completeness and honesty -------------------------------------------------------------------------


def test_reasons_for_the_width_sum_to_it(
    explained: Explanation, said: dict[tuple[str, int], Forecast]
) -> None:
    widths = {key: np.log(one.quantiles[HIGH_Q] - one.quantiles[LOW_Q]) for key, one in said.items()}
    assert sums(explained.attributions, "width") == pytest.approx(widths, abs=2e-6)


def test_reasons_for_the_median_sum_to_it(
    explained: Explanation, said: dict[tuple[str, int], Forecast]
) -> None:
    medians = {key: one.quantiles[MEDIAN_Q] for key, one in said.items()}
    assert sums(explained.attributions, "median") == pytest.approx(medians, abs=1e-7)


def test_a_related_stock_is_named_for_its_share(explained: Explanation) -> None:
    near = {(row.ticker, row.neighbour) for row in explained.related}
    named = {(row.ticker, row.part) for row in explained.attributions if row.cause == "related" and row.part}
    assert named == near
    assert sum(row.attention or 0.0 for row in explained.related) == pytest.approx(7.0, abs=1e-6)


def test_what_comes_later_changes_no_reason(fitted: FusionForecaster, panel: Panel) -> None:
    session = panel.sessions[740]
    assert explain(fitted, with_future_corrupted(panel, session), session) == explain(fitted, panel, session)


def test_what_a_model_does_not_read_moves_nothing(panel: Panel, session: str) -> None:
    forecaster = FusionForecaster(replace(PLANTED, use_sentiment=False, epochs=1))
    forecaster.fit(replace(panel, earnings=None), panel.sessions)
    found = explain(forecaster, replace(panel, earnings=None), session)
    causes = {row.cause for row in found.attributions}
    assert causes == {"usual", "price", "volume", "indicators", "market", "calibration", "drift"}
    assert {row.change for row in found.counterfactuals} == {"no_move"}
    assert {row.attention for row in found.related} == {None}


def test_what_trees_alone_read_is_a_cause_too(fitted: FusionForecaster, panel: Panel) -> None:
    """Once the sum missed the forecast where networks were kept from chart indicators and trees were not."""
    state = fitted.state
    assert state.stack is not None
    assert state.stack.trees is not None
    blind = replace(state, config=replace(state.config, use_indicators=False))
    assert "indicators" in causes_read(blind, panel)
    assert "indicators" not in causes_read(replace(blind, stack=replace(state.stack, trees=None)), panel)


# Planted signals ----------------------------------------------------------------------------------


def planted(cause: str, T: int = 700, N: int = 10) -> Panel:
    """Return independent stocks whose next session is as lively as one signal of today says, and no more."""
    random = np.random.default_rng(5)
    signal = random.normal(0.0, 1.0, (T, N))
    volatility = 0.01 * np.exp(np.vstack([np.zeros((1, N)), signal[:-1]]))
    returns = volatility * random.normal(0.0, 1.0, (T, N))
    if cause == "volume":
        return panel_of(returns, volume=1e6 * np.exp(0.4 * signal))
    tone = np.tanh(signal)
    return replace(panel_of(returns), sentiment=posts_of_days(tone, np.zeros((T, N)), np.ones((T, N))))


@pytest.mark.parametrize("cause", ["volume", "posts"])
def test_a_planted_signal_is_found_where_it_was_planted(cause: str) -> None:
    panel = planted(cause)
    forecaster = FusionForecaster(PLANTED)
    forecaster.fit(panel, panel.sessions[:600])
    moved: dict[str, float] = defaultdict(float)
    for row in range(610, 650, 4):
        found = attributions(forecaster, panel, panel.sessions[row])
        for name, ticker in {(one.cause, one.ticker) for one in found}:
            moved[name] += abs(total_of(found, name, ticker))
    del moved["usual"], moved["drift"]
    assert moved[cause] > 0.6 * sum(moved.values())


def total_of(found: tuple[Attribution, ...], cause: str, ticker: str) -> float:
    """Return what a cause adds to the width of the next session's range, through all parts."""
    wanted = (cause, ticker, "width", 1)
    return sum(
        row.contribution for row in found if (row.cause, row.ticker, row.target, row.horizon) == wanted
    )


# Otherwise ----------------------------------------------------------------------------------------


def test_a_panel_that_was_not_altered_is_read_as_it_came(fitted: FusionForecaster, panel: Panel) -> None:
    prepared = fitted.prepared(panel)
    ready, came = read(fitted.state, prepared, 740)
    again = read_altered(fitted.state, prepared, panel, 740, ready, came, market_of(panel))
    for name in ("price", "sentiment", "macro", "volatility", "widening", "garch"):
        np.testing.assert_allclose(getattr(again, name), getattr(came, name), atol=1e-5)


def test_all_causes_together_are_the_day_and_none_an_ordinary_one(
    fitted: FusionForecaster, panel: Panel
) -> None:
    prepared = fitted.prepared(panel)
    _, came = read(fitted.state, prepared, 740)
    usual = read_usual(fitted.state, prepared, 740)
    causes = [*CAUSES, "posts", "macro", "related"]
    np.testing.assert_array_equal(between(usual, came, causes).price, came.price)
    np.testing.assert_array_equal(between(usual, came, []).price, usual.price)
    reaction = PRICE_FEATURES.index("reaction_next")
    mean, spread = fitted.state.scaling.price_mean[reaction], fitted.state.scaling.price_std[reaction]
    np.testing.assert_allclose(usual.price[:, :, reaction] * spread + mean, 0.0, atol=1e-6)


def test_without_a_report_is_what_the_model_says_without_one(
    fitted: FusionForecaster, panel: Panel, session: str, explained: Explanation
) -> None:
    altered = without_expected_reports(panel, session, EVERYTHING.lookback)
    again = {(one.ticker, one.horizon): one for one in fitted.predict(altered, session)}
    found = [row for row in explained.counterfactuals if row.change == "no_report"]
    assert {row.ticker for row in found} == {"T00"}
    forecast = again["T00", 1]
    assert (found[0].horizon, found[0].q05, found[0].q95) == pytest.approx(
        (1, forecast.quantiles[LOW_Q], forecast.quantiles[HIGH_Q]), rel=1e-5
    )


def test_a_still_session_ends_where_it_began(panel: Panel) -> None:
    split = panel.split_ratio.copy()
    split[700, 2] = 4.0
    before = replace(panel, split_ratio=split)
    still = without_the_move(before, panel.sessions[700])
    np.testing.assert_allclose(still.log_returns[700], 0.0, atol=1e-12)
    np.testing.assert_array_equal(still.ohlcv[700, :, OPEN], still.ohlcv[700, :, CLOSE])
    assert (still.ohlcv[700, :, HIGH] > still.ohlcv[700, :, LOW]).all()
    np.testing.assert_array_equal(still.ohlcv[:700], panel.ohlcv[:700])
    usual = np.median(panel.ohlcv[678:700, :, VOLUME], axis=0)
    np.testing.assert_allclose(
        still.ohlcv[700, :, VOLUME], np.minimum(usual * split[700], panel.ohlcv[700, :, VOLUME])
    )


def test_reports_that_came_stay_expected_before_and_later_ones_are_forgotten() -> None:
    earnings = np.zeros((30, 1, 4))
    earnings[25, 0, 0] = 1.0
    earnings[20:25, 0, 2] = 1.0  # expected before it came
    earnings[26:30, 0, 2:] = 1.0  # another one lies after the end
    panel = replace(panel_of(np.full((30, 1), 0.01)), earnings=earnings)
    altered = without_expected_reports(panel, panel.sessions[29], 20).earnings
    assert altered is not None
    np.testing.assert_array_equal(altered[20:25, 0, 2], 1.0)
    np.testing.assert_array_equal(altered[26:30, 0, 1:], 0.0)
