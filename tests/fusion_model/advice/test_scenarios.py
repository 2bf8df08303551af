"""Claims about joint scenarios: marginals of the forecasts, dependence of the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from collectors.errors import BadInput
from fusion_model.advice.scenarios import MIN_SESSIONS, joint_scenarios, standardised_outcomes
from fusion_model.dataset.panel import Panel
from fusion_model.distribution import value_at
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import QUANTILE_LEVELS, Forecast
from tests.builders import forecast_of, panel_of, with_bars_only_from, with_future_corrupted, with_tickers

SESSIONS = 900


def related_panel(seed: int = 0, crash: int = 700) -> Panel:
    """Two stocks that move together, one that moves against them, one on its own; all crash on one day."""
    random = np.random.default_rng(seed)
    market = random.standard_t(4, (SESSIONS, 1))
    own = random.standard_t(4, (SESSIONS, 4))
    returns = 0.01 * (market * np.array([1.0, 0.9, -0.8, 0.0]) + 0.5 * own)
    returns[crash] = -0.25
    return panel_of(returns)


def forecasts_of(panel: Panel, sigmas: tuple[float, ...] = (0.01, 0.02, 0.03, 0.04)) -> list[Forecast]:
    return [
        forecast_of(ticker, panel.sessions[-1], "2015-08-04", sigma=sigma)
        for ticker, sigma in zip(panel.tickers, sigmas, strict=True)
    ]


def test_marginals_are_the_forecasts() -> None:
    panel = related_panel()
    forecasts = forecasts_of(panel)
    drawn = joint_scenarios(panel, forecasts, 1, count=4000)
    assert drawn.returns.shape == (4000, 4)
    for column, forecast in enumerate(forecasts):
        levels = (np.arange(4000) + 0.5) / 4000
        expected = np.expm1(value_at(np.array(forecast.quantiles), levels))
        assert np.sort(drawn.returns[:, column]) == pytest.approx(expected)
        found = np.quantile(drawn.returns[:, column], QUANTILE_LEVELS)
        assert found == pytest.approx(np.expm1(forecast.quantiles), rel=0.02, abs=1e-4)


def test_dependence_is_that_of_the_past() -> None:
    panel = related_panel()
    drawn = joint_scenarios(panel, forecasts_of(panel), 1, count=9000)
    past = standardised_outcomes(panel, 1)
    rows = np.isfinite(past).all(axis=1)
    assert spearmanr(drawn.returns).statistic == pytest.approx(spearmanr(past[rows]).statistic, abs=0.005)


def test_a_crash_stays_one_day() -> None:
    panel = related_panel()
    drawn = joint_scenarios(panel, forecasts_of(panel), 1, count=5000)
    crash = drawn.returns[drawn.source == 700]
    assert len(crash) >= 5
    assert np.all(crash < np.quantile(drawn.returns, 0.01, axis=0))


def test_permuting_tickers_permutes_scenarios() -> None:
    panel = related_panel()
    forecasts = forecasts_of(panel)
    order = [2, 0, 3, 1]
    drawn = joint_scenarios(panel, forecasts, 1, count=1000)
    permuted = joint_scenarios(with_tickers(panel, order), [forecasts[n] for n in order], 1, count=1000)
    assert permuted.tickers == tuple(drawn.tickers[n] for n in order)
    assert np.array_equal(permuted.returns, drawn.returns[:, order])


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    panel = related_panel()
    one, again, other = (
        joint_scenarios(panel, forecasts_of(panel), 1, count=500, seed=seed).returns for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_what_comes_later_changes_nothing() -> None:
    panel = related_panel()
    session = panel.sessions[800]
    made = [replace(forecast, as_of_session=session) for forecast in forecasts_of(panel)]
    drawn = joint_scenarios(panel, made, 1, count=1000)
    corrupted = joint_scenarios(with_future_corrupted(panel, session), made, 1, count=1000)
    cut = joint_scenarios(panel.until(session), made, 1, count=1000)
    assert np.array_equal(drawn.returns, corrupted.returns)
    assert np.array_equal(drawn.returns, cut.returns)


@pytest.mark.parametrize("horizon", [5, 20])
def test_longer_horizons_take_outcomes_that_had_ended(horizon: int) -> None:
    panel = related_panel()
    longer = [replace(forecast, horizon=horizon) for forecast in forecasts_of(panel)]
    drawn = joint_scenarios(panel, [*forecasts_of(panel), *longer], horizon, count=1000)
    assert drawn.horizon == horizon
    assert drawn.source.max() <= len(panel.sessions) - 1
    assert spearmanr(drawn.returns[:, 0], drawn.returns[:, 1]).statistic > 0.6


def test_weights_less_than_one_leave_cash() -> None:
    panel = related_panel()
    drawn = joint_scenarios(panel, forecasts_of(panel), 1, count=500)
    half = drawn.of_portfolio(np.array([0.5, 0.0, 0.0, 0.0]))
    assert half == pytest.approx(0.5 * drawn.returns[:, 0])


def test_too_short_a_past_is_told_with_the_ticker_to_leave_out() -> None:
    panel = with_bars_only_from(related_panel(), 2, SESSIONS - MIN_SESSIONS)
    with pytest.raises(
        NotEnoughHistory, match=r"T02 has 183 outcomes beside the others where 250 are needed"
    ):
        joint_scenarios(panel, forecasts_of(panel), 1)


def test_a_young_stock_does_not_make_the_others_forget_a_crash() -> None:
    """T01 is listed after the crash, and goes along with T00: so in the crash's scenarios it falls too."""
    panel = related_panel(crash=300)
    young = with_bars_only_from(panel, 1, 500)
    first, second, _, last = forecasts_of(young)
    drawn = joint_scenarios(young, [first, second, last], 1, count=5000)
    crash = drawn.returns[drawn.source == 300]
    assert np.all(crash[:, 0] < np.quantile(drawn.returns[:, 0], 0.01))
    assert np.all(crash[:, 1] < np.quantile(drawn.returns[:, 1], 0.05))
    permuted = joint_scenarios(with_tickers(young, [3, 1, 0]), [last, second, first], 1, count=5000)
    assert np.array_equal(permuted.returns, drawn.returns[:, ::-1])


def test_what_fills_a_gap_goes_along_with_the_others_as_much_as_its_own_past_does() -> None:
    whole, young = related_panel(), with_bars_only_from(related_panel(), 1, 500)
    rank = [
        spearmanr(joint_scenarios(panel, forecasts_of(panel), 1, count=9000).returns).statistic[0, 1]
        for panel in (whole, young)
    ]
    assert rank[1] == pytest.approx(rank[0], abs=0.06)


def test_a_stock_without_prices_is_named() -> None:
    panel = related_panel()
    stranger = forecast_of("XYZ", panel.sessions[-1], "2015-08-04")
    with pytest.raises(NotEnoughHistory, match="no prices of XYZ"):
        joint_scenarios(panel, [*forecasts_of(panel), stranger], 1)


def test_forecasts_must_be_of_one_session_and_each_ticker_once() -> None:
    panel = related_panel()
    forecasts = forecasts_of(panel)
    with pytest.raises(BadInput, match="no forecast over 5 sessions"):
        joint_scenarios(panel, forecasts, 5)
    with pytest.raises(BadInput, match="T00 is forecast twice"):
        joint_scenarios(panel, [forecasts[0], *forecasts], 1)
    with pytest.raises(BadInput, match="forecasts of one session"):
        joint_scenarios(panel, [forecasts[0], replace(forecasts[1], as_of_session="2015-01-05")], 1)
