"""Anomalies: how improbable a session was beforehand, and a sentence that says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

from fusion_model.advice.anomalies import find_anomalies, upper_tail
from fusion_model.dataset.panel import VOLUME, Panel
from fusion_model.findings import Anomaly, Forecast
from tests.builders import forecast_of, panel_of, with_tickers


def quiet_panel() -> Panel:
    """400 sessions of six stocks of 1 % a day, two posts a day each; nothing happens on the last one."""
    random = np.random.default_rng(0)
    returns = random.normal(0.0, 0.01, (400, 6))
    returns[-1] = 0.003
    volume = 1e6 * np.exp(random.normal(0.0, 0.3, (400, 6)))
    volume[-1] = 1.1e6
    panel = panel_of(returns, volume)
    sentiment = panel.sentiment.copy()
    sentiment[:, :, 2] = random.poisson(2.0, (400, 6))
    sentiment[-1, :, 2] = 3.0
    return replace(panel, sentiment=sentiment)


def forecasts_for(panel: Panel) -> list[Forecast]:
    return [forecast_of(ticker, panel.sessions[-2], panel.sessions[-1]) for ticker in panel.tickers]


def with_last_return(panel: Panel, column: int, value: float) -> Panel:
    ohlcv = panel.ohlcv.copy()
    ohlcv[-1, column, :4] = ohlcv[-2, column, 3] * np.exp(value)
    return replace(panel, ohlcv=ohlcv)


def with_last_volume(panel: Panel, column: int, shares: float) -> Panel:
    ohlcv = panel.ohlcv.copy()
    ohlcv[-1, column, VOLUME] = shares
    return replace(panel, ohlcv=ohlcv)


def with_last_posts(panel: Panel, column: int, count: float) -> Panel:
    sentiment = panel.sentiment.copy()
    sentiment[-1, column, 2] = count
    return replace(panel, sentiment=sentiment)


def test_a_quiet_session_has_none() -> None:
    panel = quiet_panel()
    assert find_anomalies(panel, forecasts_for(panel)) == []


@pytest.mark.parametrize(("sigmas", "p_value"), [(-2.8, 7.508e-3), (3.0, 5.226e-3), (4.5, 6.354e-4)])
def test_a_planted_jump_is_found_with_the_probability_of_a_heavy_tail(sigmas: float, p_value: float) -> None:
    """Twice 0.01 (1 + 0.2 (x - 2.326) / w)^-5, w = 0.2 (2.326 - 1.960) 2.5^0.2 / (2.5^0.2 - 1) = 0.4373."""
    panel = with_last_return(quiet_panel(), 2, sigmas * 0.01)
    (found,) = find_anomalies(panel, forecasts_for(panel))
    assert (found.ticker, found.session, found.measure) == ("T02", panel.sessions[-1], "return")
    assert found.observed == pytest.approx(sigmas * 0.01)
    assert found.expected == pytest.approx(0.0)
    assert found.p_value == pytest.approx(p_value, rel=1e-3)


def test_a_jump_is_told_in_a_sentence() -> None:
    """Three standard deviations of 1 %, under a heavy tail: one session in 1 / 0.00523 = 191."""
    panel = with_last_return(quiet_panel(), 2, -0.03)
    (found,) = find_anomalies(panel, forecasts_for(panel))
    assert found.reason == (
        "The price moved -3.0 % (dividends included). The evening before, nine in ten outcomes were "
        "expected between -1.6 % and +1.7 %; a move this far out was expected once in 191 sessions."
    )


def test_a_move_beyond_all_quantiles_has_a_probability_above_zero() -> None:
    panel = with_last_return(quiet_panel(), 2, 0.5)
    (found,) = find_anomalies(panel, forecasts_for(panel))
    assert 0.0 < found.p_value < 1e-8
    assert found.reason.endswith("a move this far out was thought next to impossible.")


def test_without_a_forecast_for_the_session_no_return_is_unusual() -> None:
    panel = with_last_return(quiet_panel(), 2, 0.2)
    made = forecasts_for(panel)
    stale = [replace(forecast, as_of_session=panel.sessions[-3]) for forecast in made]
    longer = [replace(forecast, horizon=5) for forecast in made]
    stranger = [forecast_of("XYZ", panel.sessions[-2], panel.sessions[-1])]
    assert find_anomalies(panel, [*stale, *longer, *stranger]) == []


def test_a_burst_of_volume_is_found_and_told() -> None:
    panel = with_last_volume(quiet_panel(), 1, 6e6)
    (found,) = find_anomalies(panel, forecasts_for(panel))
    assert (found.ticker, found.measure, found.observed) == ("T01", "volume", 6e6)
    assert found.expected == pytest.approx(1e6, rel=0.25)
    assert found.p_value < 1e-4
    assert found.reason.startswith("6,000,000 shares changed hands, ")


def test_as_much_as_the_percent_of_busiest_days_has_a_probability_of_one_percent() -> None:
    """A day 0.3 * 2.326 above the mean log volume, in a record of 2,268 days of the same scatter."""
    found = find_anomalies(with_last_volume(quiet_panel(), 1, 1e6 * np.exp(0.3 * 2.326)), [], reported_p=1.0)
    (volume,) = [one for one in found if (one.ticker, one.measure) == ("T01", "volume")]
    assert volume.p_value == pytest.approx(0.01, abs=0.008)


def test_a_split_makes_no_burst_of_volume() -> None:
    panel = quiet_panel()
    ohlcv, ratio = panel.ohlcv.copy(), panel.split_ratio.copy()
    ohlcv[-1, 1, :4] /= 7.0
    ohlcv[-1, 1, VOLUME] *= 7.0
    ratio[-1, 1] = 7.0
    split = replace(panel, ohlcv=ohlcv, split_ratio=ratio)
    assert find_anomalies(split, forecasts_for(split)) == []


def test_a_volume_that_never_changed_is_passed_over() -> None:
    """Once, its surprises of nothing by nothing spoiled the sample for every other ticker."""
    panel = with_last_volume(quiet_panel(), 1, 6e6)
    still = panel.ohlcv.copy()
    still[:, 5] = 1.0  # whose log is 0, and so every surprise
    found = find_anomalies(replace(panel, ohlcv=still), [])
    assert [(one.ticker, one.measure) for one in found] == [("T01", "volume")]


def test_too_few_days_of_volume_say_nothing() -> None:
    panel = with_tickers(with_last_volume(quiet_panel(), 1, 6e6), [0, 1])
    assert find_anomalies(panel, []) == []  # 756 surprises


def test_a_burst_of_posts_is_found_and_told() -> None:
    panel = with_last_posts(quiet_panel(), 4, 12.0)
    (found,) = find_anomalies(panel, forecasts_for(panel))
    average = panel.sentiment[-61:-1, 4, 2].mean()
    assert (found.ticker, found.measure, found.observed) == ("T04", "post_count", 12.0)
    assert found.expected == pytest.approx(average)
    assert found.reason.startswith(
        f"12 posts spoke of T04, against {average:.1f} on an average of the last 60"
    )


def test_posts_that_come_evenly_are_judged_as_independent_ones() -> None:
    panel = quiet_panel()
    sentiment = panel.sentiment.copy()
    sentiment[:, 4, 2] = 2.0
    (found,) = find_anomalies(with_last_posts(replace(panel, sentiment=sentiment), 4, 8.0), [])
    assert found.p_value == pytest.approx(poisson.sf(7, 2.0))


def test_the_first_posts_on_a_ticker_mean_nothing_yet() -> None:
    panel = quiet_panel()
    sentiment = panel.sentiment.copy()
    sentiment[:, 4, 2] = 0.0
    assert find_anomalies(with_last_posts(replace(panel, sentiment=sentiment), 4, 50.0), []) == []


def test_the_least_probable_comes_first() -> None:
    panel = with_last_return(with_last_posts(quiet_panel(), 4, 9.0), 2, 0.05)
    found = find_anomalies(panel, forecasts_for(panel))
    assert [one.measure for one in found] == ["return", "post_count"]
    assert all(isinstance(one, Anomaly) for one in found)


def test_a_single_session_has_nothing_to_compare_with() -> None:
    panel = quiet_panel()
    assert find_anomalies(panel.until(panel.sessions[0]), []) == []


def test_the_upper_tail_counts_and_then_goes_on_exponentially() -> None:
    ordered = -np.log(1.0 - (np.arange(10_000) + 0.5) / 10_000)  # a standard exponential
    assert upper_tail(ordered, 1.0) == pytest.approx(np.exp(-1.0), rel=1e-2)
    assert upper_tail(ordered, 12.0) == pytest.approx(np.exp(-12.0), rel=0.15)
