"""Claims of the baselines: what they say is known, right on average, and never looks ahead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.errors import NoModel, NotEnoughHistory
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Forecast
from fusion_model.forecasting.baselines import (
    EwmaFhs,
    GjrGarchFhs,
    HistoricalSimulation,
    PersistenceEwma,
    baselines,
)
from fusion_model.forecasting.garch import GarchParameters, estimate, expected_variance, fit_garch
from fusion_model.forecasting.garch_forecasters import GjrGarch, GjrGarchT
from fusion_model.forecasting.return_history import ReturnHistory
from tests.fusion_model.simulated import panel_of, random_walk, scaled, with_future_corrupted

NAMES = ("persistence_ewma", "historical_simulation", "ewma_fhs", "gjr_garch_t", "gjr_garch_fhs")


@pytest.fixture(scope="module")
def gappy() -> Panel:
    """Six stocks with volatility of its own time: one young, one that pauses, one that ends early."""
    rng = np.random.default_rng(7)
    calm = np.exp(0.4 * np.sin(np.arange(700) / 60))[:, None]
    returns = 0.01 * calm * rng.standard_t(5, (700, 6))
    returns[:480, 3] = np.nan
    returns[300:310, 4] = np.nan
    returns[650:, 5] = np.nan
    return panel_of(returns)


def said(name: str, panel: Panel, session: str, fit_through: str) -> list[Forecast]:
    forecaster = baselines()[name]()
    forecaster.fit(panel, panel.sessions[: panel.position(fit_through) + 1])
    return forecaster.predict(panel, session)


@pytest.mark.parametrize("name", NAMES)
def test_a_longer_panel_changes_no_forecast(name: str, gappy: Panel) -> None:
    fit_through, session = gappy.sessions[500], gappy.sessions[620]
    now = said(name, gappy.until(session), session, fit_through)
    assert now == said(name, gappy, session, fit_through)
    assert len(now) == 5 * len(HORIZONS)  # the young stock has no year of returns yet


@pytest.mark.parametrize("name", NAMES)
def test_a_corrupted_future_changes_no_forecast(name: str, gappy: Panel) -> None:
    fit_through, session = gappy.sessions[500], gappy.sessions[620]
    truth = said(name, gappy, session, fit_through)
    assert said(name, with_future_corrupted(gappy, session), session, fit_through) == truth


@pytest.mark.parametrize("name", NAMES)
def test_sessions_asked_before_change_no_forecast(name: str, gappy: Panel) -> None:
    forecaster = baselines()[name]()
    forecaster.fit(gappy, gappy.sessions[:500])
    for session in gappy.sessions[600:640:7]:
        forecaster.predict(gappy, session)
    again = forecaster.predict(gappy, gappy.sessions[610])
    assert again == said(name, gappy, gappy.sessions[610], gappy.sessions[499])


@pytest.mark.parametrize("name", NAMES)
def test_scaling_prices_changes_no_return_forecast(name: str, gappy: Panel) -> None:
    fit_through, session = gappy.sessions[500], gappy.sessions[620]
    plain = said(name, gappy, session, fit_through)
    dear = said(name, scaled(gappy, 7.0), session, fit_through)
    for one, other in zip(plain, dear, strict=True):
        assert other.quantiles == pytest.approx(one.quantiles, rel=1e-4, abs=1e-9)
        assert other.last_close == pytest.approx(7.0 * one.last_close)


@pytest.mark.parametrize("name", NAMES)
def test_every_forecast_is_a_distribution(name: str, gappy: Panel) -> None:
    forecasts = said(name, gappy, gappy.sessions[-1], gappy.sessions[-1])
    assert [(f.ticker, f.horizon) for f in forecasts] == [
        (ticker, horizon) for ticker in ("T000", "T001", "T002", "T004") for horizon in HORIZONS
    ]
    for forecast in forecasts:
        assert np.all(np.diff(forecast.quantiles) >= 0)
        assert 0.2 < forecast.prob_up < 0.8
        assert forecast.quantiles[0] < forecast.mean < forecast.quantiles[-1]
        assert forecast.quantiles[5] < 0.67 * forecast.volatility < 3 * forecast.quantiles[11]
    assert [f.target_session for f in forecasts[:3]] == ["2017-01-03", "2017-01-09", "2017-01-31"]


@pytest.mark.parametrize("name", NAMES)
def test_a_stock_that_stands_still_gets_a_narrow_range_and_no_direction(name: str) -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, (400, 3))
    returns[:, 1] = 0.0
    forecasts = said(name, panel_of(returns), panel_of(returns).sessions[-1], panel_of(returns).sessions[-1])
    still = [f for f in forecasts if f.ticker == "T001"]
    assert len(still) == len(HORIZONS)
    for forecast in still:
        assert -0.01 < forecast.quantiles[0] <= forecast.quantiles[-1] < 0.01
        assert np.isfinite([forecast.mean, forecast.prob_up, forecast.volatility]).all()


def test_persistence_has_normal_quantiles_of_the_exponential_average() -> None:
    panel = random_walk(300, 1, seed=1)
    returns = panel.log_returns[1:, 0]
    weights = 0.06 * 0.94 ** np.arange(len(returns))[::-1]
    spread = np.sqrt(weights @ returns**2 / weights.sum())
    one, five, _ = said("persistence_ewma", panel, panel.sessions[-1], panel.sessions[-1])
    assert one.quantiles == pytest.approx(spread * ndtri(QUANTILE_LEVELS), abs=1e-12)
    assert five.quantiles == pytest.approx(np.sqrt(5) * spread * ndtri(QUANTILE_LEVELS), abs=1e-12)
    assert (one.mean, one.prob_up, one.volatility) == (0.0, 0.5, pytest.approx(spread))


def test_historical_simulation_reads_the_last_250_returns_and_overlapping_ones_beyond() -> None:
    panel = random_walk(1200, 1, seed=2)
    returns = panel.log_returns[1:, 0]
    one, five, twenty = said("historical_simulation", panel, panel.sessions[-1], panel.sessions[-1])
    assert one.quantiles == pytest.approx(np.quantile(returns[-250:], QUANTILE_LEVELS))
    for forecast, horizon, window in ((five, 5, 500), (twenty, 20, 1000)):
        overlapping = np.convolve(returns, np.ones(horizon), "valid")[-window:]
        assert forecast.quantiles == pytest.approx(np.quantile(overlapping, QUANTILE_LEVELS))
        assert forecast.mean == pytest.approx(overlapping.mean())


def test_filtered_simulation_pools_what_came_in_units_of_what_was_expected() -> None:
    panel = random_walk(400, 2, seed=4)
    history = ReturnHistory(panel)
    expected = history.ewma_volatility
    ratios = history.returns[60:] / expected[59:-1]  # a volatility settles over 60 bars
    first = said("ewma_fhs", panel, panel.sessions[-1], panel.sessions[-1])[0]
    assert first.quantiles == pytest.approx(expected[-1, 0] * np.quantile(ratios, QUANTILE_LEVELS))


def test_garch_residuals_are_pooled_in_units_of_the_whole_horizons_deviation() -> None:
    panel = panel_of(np.stack([simulated_gjr(TRUTH, 1500, seed) for seed in (3, 4)], axis=1))
    forecaster = GjrGarchFhs()
    forecaster.fit(panel, panel.sessions)
    history, parameters, variance = forecaster._filter(panel)
    said = [f for f in forecaster.predict(panel, panel.sessions[-1]) if f.ticker == "T001"]
    for forecast in said:
        horizon = forecast.horizon
        expected = np.sqrt(expected_variance(parameters, variance, horizon))  # after each return
        moved = np.stack(
            [np.convolve(history.returns[:, n], np.ones(horizon), "valid") for n in (0, 1)], axis=1
        )[1:]  # moved[k] begins after return k
        ratios = (moved / expected[: len(moved)])[-1000:]
        assert forecast.quantiles == pytest.approx(expected[-1, 1] * np.quantile(ratios, QUANTILE_LEVELS))
        assert forecast.volatility == pytest.approx(expected[-1, 1] * ratios.std())


def test_filtered_simulation_is_fatter_below_where_falls_are() -> None:
    # Shocks of a t are symmetric; these fall further than they rise, and a pooled shape must say so.
    shocks = -np.random.default_rng(11).gumbel(size=(1500, 8))
    panel = panel_of(0.01 * (shocks - shocks.mean()))
    session = panel.sessions[-1]
    tails = {
        name: np.mean([f.quantiles[0] / f.quantiles[-1] for f in said(name, panel, session, session)[::3]])
        for name in ("gjr_garch_t", "gjr_garch_fhs")
    }
    truth = np.quantile(shocks - shocks.mean(), [0.01, 0.99])
    assert tails["gjr_garch_fhs"] == pytest.approx(truth[0] / truth[1], rel=0.1)
    assert tails["gjr_garch_t"] > -1.3 > tails["gjr_garch_fhs"]


@pytest.mark.parametrize("name", NAMES)
def test_ranges_hold_simulated_normals_as_often_as_they_say(name: str) -> None:
    panel = random_walk(700, 40, seed=5)
    forecaster = baselines()[name]()
    forecaster.fit(panel, panel.sessions[:500])
    for horizon, tolerance in ((1, 0.02), (5, 0.035)):
        came = panel.forward_returns(horizon)
        held = []
        for session in panel.sessions[500:690:5]:
            row = panel.position(session)
            held += [
                f.quantiles[2] <= came[row, panel.tickers.index(f.ticker)] <= f.quantiles[14]
                for f in forecaster.predict(panel, session)
                if f.horizon == horizon
            ]
        assert np.mean(held) == pytest.approx(0.90, abs=tolerance)


@pytest.mark.parametrize("make", [PersistenceEwma, HistoricalSimulation, EwmaFhs, GjrGarchT, GjrGarchFhs])
def test_no_sessions_to_learn_from_is_said(make: Callable[[], GjrGarchT]) -> None:
    with pytest.raises(NotEnoughHistory, match="none were given"):
        make().fit(random_walk(300, 1), ())


def simulated_gjr(truth: GarchParameters, T: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(truth.freedom, T) * np.sqrt((truth.freedom - 2) / truth.freedom)
    returns, variance = np.empty(T), truth.omega / (1 - truth.persistence)
    for t in range(T):
        shock = np.sqrt(variance) * shocks[t]
        returns[t] = truth.mu + shock
        variance = truth.omega + (truth.alpha + truth.gamma * (shock < 0)) * shock**2 + truth.beta * variance
    return returns


TRUTH = GarchParameters(mu=0.0004, omega=2e-6, alpha=0.03, gamma=0.08, beta=0.91, freedom=6.0)


def test_estimation_finds_the_parameters_that_made_the_returns() -> None:
    found = estimate(simulated_gjr(TRUTH, 8000, seed=1))
    assert found is not None
    assert found.alpha == pytest.approx(TRUTH.alpha, abs=0.02)
    assert found.gamma == pytest.approx(TRUTH.gamma, abs=0.03)
    assert found.beta == pytest.approx(TRUTH.beta, abs=0.02)
    assert found.freedom == pytest.approx(TRUTH.freedom, rel=0.15)
    assert found.persistence == pytest.approx(TRUTH.persistence, abs=0.015)


def test_filtering_forward_equals_arch_on_the_same_parameters() -> None:
    from arch import arch_model

    returns = simulated_gjr(TRUTH, 1500, seed=2)
    panel = panel_of(np.concatenate([[0.0], returns])[:, None])
    forecaster = GjrGarchT()
    forecaster.fit(panel, panel.sessions)
    found = fit_garch(panel).parameters["T000"]
    model = arch_model(returns * 100, mean="Constant", p=1, o=1, q=1, dist="t", rescale=False)
    fixed = model.fix(
        [found.mu * 100, found.omega * 1e4, found.alpha, found.gamma, found.beta, found.freedom]
    )
    ahead = fixed.forecast(horizon=20).variance.to_numpy()[-1] / 1e4
    for forecast in forecaster.predict(panel, panel.sessions[-1]):
        assert forecast.volatility**2 == pytest.approx(ahead[: forecast.horizon].sum(), rel=1e-6)


def test_simulated_spread_is_the_analytic_one() -> None:
    panel = panel_of(np.stack([simulated_gjr(TRUTH, 1500, seed) for seed in (3, 4, 5)], axis=1))
    forecaster = GjrGarchT(paths=20_000)
    forecaster.fit(panel, panel.sessions)
    filtered = forecaster._filter(panel)
    variance = filtered.variance[-1]
    paths = forecaster._simulate(filtered.parameters, forecaster._shocks, variance)
    for horizon in (5, 20):
        analytic = np.sqrt(expected_variance(filtered.parameters, variance, horizon))
        assert paths[horizon].std(axis=0) == pytest.approx(analytic, rel=0.02)
        assert paths[horizon].mean(axis=0) == pytest.approx(
            filtered.parameters.mu * horizon, abs=float(0.03 * analytic.max())
        )


def test_a_ticker_that_cannot_be_estimated_is_named_and_takes_the_medians(
    caplog: pytest.LogCaptureFixture,
) -> None:
    returns = np.random.default_rng(6).normal(0, 0.01, (600, 4))
    returns[:, 2] = 0.0
    returns[:300, 3] = np.nan  # appears too late to be estimated
    panel = panel_of(returns)
    forecaster = GjrGarchT()
    with caplog.at_level(logging.WARNING):
        forecaster.fit(panel, panel.sessions[:400])
        forecasts = forecaster.predict(panel, panel.sessions[-1])
    assert forecaster.fallbacks == {"T002": "estimation failed", "T003": "no year of returns at fit"}
    assert "1 of 3: T002" in caplog.text
    young = next(f for f in forecasts if f.ticker == "T003" and f.horizon == 1)
    assert young.volatility == pytest.approx(0.01, rel=0.3)


def test_one_seed_gives_one_forecast_and_another_seed_another() -> None:
    panel = random_walk(400, 2, seed=8)

    def quantiles(seed: int) -> list[tuple[float, ...]]:
        forecaster = GjrGarchT(seed=seed)
        forecaster.fit(panel, panel.sessions)
        return [f.quantiles for f in forecaster.predict(panel, panel.sessions[-1]) if f.horizon == 20]

    assert quantiles(0) == quantiles(0)
    assert quantiles(0) != quantiles(1)


@pytest.mark.parametrize("make", [GjrGarchT, GjrGarchFhs])
def test_predicting_before_fitting_is_said(make: Callable[[], GjrGarch]) -> None:
    panel = random_walk(300, 1)
    with pytest.raises(NoModel, match="call fit first"):
        make().predict(panel, panel.sessions[-1])


@pytest.mark.parametrize("make", [GjrGarchT, GjrGarchFhs])
def test_a_fit_that_can_estimate_nobody_is_said(make: Callable[[], GjrGarch]) -> None:
    panel = random_walk(100, 2)
    with pytest.raises(NotEnoughHistory, match="none of 2 tickers"):
        make().fit(panel, panel.sessions)


def test_a_session_without_a_bar_is_no_return_of_zero() -> None:
    returns = np.random.default_rng(9).normal(0, 0.02, (400, 1))
    closed = returns.copy()
    closed[200:230] = np.nan
    panel = panel_of(closed)
    joined = panel_of(np.concatenate([returns[:200], returns[230:]]))
    for name in NAMES:
        with_gap = said(name, panel, panel.sessions[-1], panel.sessions[-1])
        without = said(name, joined, joined.sessions[-1], joined.sessions[-1])
        assert [f.quantiles for f in with_gap] == [pytest.approx(f.quantiles, rel=1e-6) for f in without]


def test_permuting_tickers_permutes_forecasts(gappy: Panel) -> None:
    order = np.array([2, 0, 1, 5, 4, 3])
    shuffled = replace(
        gappy,
        tickers=tuple(gappy.tickers[n] for n in order),
        ohlcv=gappy.ohlcv[:, order],
        split_ratio=gappy.split_ratio[:, order],
        dividend=gappy.dividend[:, order],
    )
    session = gappy.sessions[620]
    for name in NAMES:
        plain = said(name, gappy, session, session)
        moved = said(name, shuffled, session, session)
        assert [(f.ticker, f.horizon) for f in moved] == [(f.ticker, f.horizon) for f in plain]
        for one, other in zip(plain, moved, strict=True):
            assert other.quantiles == pytest.approx(one.quantiles, rel=1e-6)
