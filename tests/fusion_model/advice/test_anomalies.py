"""Anomalies: how improbable a session was beforehand, and a sentence that says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.advice.anomalies import find_anomalies, judge
from fusion_model.advice.measures import measured
from fusion_model.advice.reasons import joint_sentence, percent
from fusion_model.dataset.panel import HIGH, LOW, VOLUME, Panel
from fusion_model.findings import MARKET, Anomaly, Forecast
from tests.builders import forecast_of, panel_of, with_future_corrupted, with_tickers


def quiet_panel(T: int = 400) -> Panel:
    """Sessions of six stocks of 1 % a day, two posts a day each; nothing happens on the last one."""
    random = np.random.default_rng(0)
    returns = random.normal(0.0, 0.01, (T, 6))
    returns[-1] = 0.003
    volume = 1e6 * np.exp(random.normal(0.0, 0.3, (T, 6)))
    volume[-1] = 1.1e6
    panel = panel_of(returns, volume)
    ohlcv, sentiment = panel.ohlcv.copy(), panel.sentiment.copy()
    reach = np.exp(random.normal(-4.5, 0.3, (T, 6)))
    ohlcv[:, :, HIGH] = ohlcv[:, :, :4].max(axis=2) * np.exp(reach)
    ohlcv[:, :, LOW] = ohlcv[:, :, :4].min(axis=2)
    sentiment[:, :, 2] = random.poisson(5.0, (T, 6))
    sentiment[:, :, 0] = random.normal(0.1, 0.2, (T, 6))
    sentiment[:, :, 1] = 0.4
    sentiment[-1, :, :3] = (0.1, 0.4, 6.0)
    return replace(panel, ohlcv=ohlcv, sentiment=sentiment)


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


def with_last_posts(panel: Panel, column: int, count: float, tone: float = 0.1) -> Panel:
    sentiment = panel.sentiment.copy()
    sentiment[-1, column, :3] = (tone, 0.4, count)
    return replace(panel, sentiment=sentiment)


def found_in(panel: Panel, *, ticker: str, measure: str, reported_p: float = 0.01) -> Anomaly:
    """Return the one finding of a measure and ticker; that there is one is part of the claim."""
    found = find_anomalies(panel, forecasts_for(panel), reported_p)
    (one,) = [a for a in found if (a.ticker, a.measure) == (ticker, measure)]
    return one


def test_a_quiet_session_has_none() -> None:
    panel = quiet_panel()
    assert find_anomalies(panel, forecasts_for(panel)) == []


@pytest.mark.parametrize(("sigmas", "p_value"), [(-2.8, 7.508e-3), (3.0, 5.226e-3), (4.5, 6.354e-4)])
def test_a_planted_jump_is_found_with_the_probability_of_a_heavy_tail(sigmas: float, p_value: float) -> None:
    """Twice 0.01 (1 + 0.2 (x - 2.326) / w)^-5, w = 0.2 (2.326 - 1.960) 2.5^0.2 / (2.5^0.2 - 1) = 0.4373."""
    panel = with_last_return(quiet_panel(), 2, sigmas * 0.01)
    found = found_in(panel, ticker="T02", measure="return")
    assert found.session == panel.sessions[-1]
    assert found.observed == pytest.approx(sigmas * 0.01)
    assert found.expected == pytest.approx(0.0)
    assert found.p_value == pytest.approx(p_value, rel=1e-3)


def test_a_jump_is_told_in_a_sentence() -> None:
    """Three standard deviations of 1 %, under a heavy tail: one session in 1 / 0.00523 = 191."""
    found = found_in(with_last_return(quiet_panel(), 2, -0.03), ticker="T02", measure="return")
    assert found.reason == (
        "The price moved −3.0 % (dividends included). The evening before, nine in ten outcomes were "
        "expected between −1.6 % and +1.7 %; a move this far out was expected once in 191 sessions."
    )


def test_a_move_that_rounds_to_nothing_has_no_sign() -> None:
    """Once a price "moved -0.0 %"."""
    assert [percent(move) for move in (-0.0003, 0.0, 0.0004, -0.001)] == ["0.0 %", "0.0 %", "0.0 %", "−0.1 %"]
    told = joint_sentence([], -0.0003, 0.001, [])
    assert told.startswith("The price ended where it was.")


def test_a_move_beyond_all_quantiles_has_a_probability_above_zero() -> None:
    found = found_in(with_last_return(quiet_panel(), 2, 0.5), ticker="T02", measure="return")
    assert 0.0 < found.p_value < 1e-8
    assert found.reason.endswith("a move this far out was thought next to impossible.")


def test_without_a_forecast_for_the_session_no_return_is_judged() -> None:
    panel = with_last_return(quiet_panel(), 2, 0.2)
    made = forecasts_for(panel)
    stale = [replace(forecast, as_of_session=panel.sessions[-3]) for forecast in made]
    longer = [replace(forecast, horizon=5) for forecast in made]
    stranger = [forecast_of("XYZ", panel.sessions[-2], panel.sessions[-1])]
    found = find_anomalies(panel, [*stale, *longer, *stranger], reported_p=1.0)
    assert found
    assert "return" not in {one.measure for one in found}


def test_a_burst_of_volume_is_found_and_told() -> None:
    found = found_in(with_last_volume(quiet_panel(), 1, 6e6), ticker="T01", measure="volume")
    assert found.observed == 6e6
    assert found.expected == pytest.approx(1e6, rel=0.25)
    assert found.p_value < 1e-4
    assert found.reason.startswith("6,000,000 shares changed hands, ")


def test_a_split_makes_no_burst_of_volume() -> None:
    panel = quiet_panel()
    ohlcv, ratio = panel.ohlcv.copy(), panel.split_ratio.copy()
    ohlcv[-1, 1, :4] /= 7.0
    ohlcv[-1, 1, VOLUME] *= 7.0
    ratio[-1, 1] = 7.0
    split = replace(panel, ohlcv=ohlcv, split_ratio=ratio)
    assert find_anomalies(split, forecasts_for(split)) == []


def test_too_few_sessions_say_nothing_of_volume() -> None:
    panel = with_tickers(with_last_volume(quiet_panel(), 1, 6e6), [0, 1])
    assert find_anomalies(panel, []) == []  # 710 scores


def test_a_wide_range_without_a_move_is_found_and_told() -> None:
    panel = quiet_panel()
    ohlcv = panel.ohlcv.copy()
    ohlcv[-1, 3, HIGH], ohlcv[-1, 3, LOW] = ohlcv[-1, 3, 3] * 1.05, ohlcv[-1, 3, 3] * 0.95
    found = found_in(replace(panel, ohlcv=ohlcv), ticker="T03", measure="range")
    assert found.observed == pytest.approx(np.log(1.05 / 0.95))
    assert found.reason.startswith("Between low and high lay 10.5 %, ")


def test_a_burst_of_posts_is_found_and_told() -> None:
    panel = with_last_posts(quiet_panel(), 4, 40.0)
    found = found_in(panel, ticker="T04", measure="post_count")
    average = panel.sentiment[-61:-1, 4, 2].mean()
    assert (found.observed, found.expected) == (40.0, pytest.approx(average))
    assert found.reason.startswith(
        f"40 posts spoke of T04, against {average:.1f} on an average of the last three months"
    )


def test_a_turn_of_the_posts_is_found_and_told() -> None:
    found = found_in(with_last_posts(quiet_panel(), 4, 9.0, tone=-0.9), ticker="T04", measure="sentiment")
    assert found.observed == -0.9
    assert found.reason.startswith("The 9 posts were more negative than usual: -0.90, on a scale")


def test_the_first_posts_on_a_ticker_mean_nothing_yet() -> None:
    panel = quiet_panel()
    sentiment = panel.sentiment.copy()
    sentiment[:, 4, :3] = (np.nan, np.nan, 0.0)
    assert find_anomalies(with_last_posts(replace(panel, sentiment=sentiment), 4, 50.0), []) == []


def related_panel(T: int = 700) -> Panel:
    """Six stocks in two families that move together within each, but for the last session."""
    random = np.random.default_rng(1)
    families = random.normal(0.0, 0.01, (T, 2))
    returns = families[:, [0, 0, 0, 1, 1, 1]] + random.normal(0.0, 0.004, (T, 6))
    returns[-1] = 0.002
    return replace(panel_of(returns), sectors=("A", "A", "A", "B", "B", "B"))


def test_a_stock_that_leaves_its_neighbours_is_found_though_its_move_is_ordinary() -> None:
    panel = related_panel()
    moved = with_last_return(with_last_return(with_last_return(panel, 0, 0.012), 1, 0.012), 2, -0.012)
    found = found_in(moved, ticker="T02", measure="spread")
    assert found.observed == pytest.approx(-0.012)
    assert found.expected == pytest.approx(0.011, abs=0.003)
    assert found.p_value < 1e-3
    assert "its related stocks (T00, T01)" in found.reason or "its related stocks (T01, T00)" in found.reason
    assert "return" not in {one.measure for one in find_anomalies(moved, forecasts_for(moved))}


def test_stocks_that_fall_together_are_not_apart_but_the_market_is_unusual() -> None:
    panel = related_panel(1300)
    for column in range(6):
        panel = with_last_return(panel, column, -0.03)
    found = find_anomalies(panel, [])
    assert "spread" not in {one.measure for one in found}
    (market,) = [one for one in found if one.ticker == MARKET]
    assert (market.measure, market.expected) == ("turbulence", 1.0)
    assert market.observed > 3.0
    assert market.reason.startswith("0 stocks rose and 6 fell, −3.0 % in the middle.")


def test_what_is_unusual_is_told_together_with_the_report_the_release_and_a_post() -> None:
    panel = with_last_posts(
        with_last_volume(with_last_return(quiet_panel(), 2, -0.05), 2, 6e6), 2, 40.0, tone=-0.9
    )
    earnings, macro = np.zeros((400, 6, 4)), np.full((400, 1, 2), 2.0)
    earnings[-1, 2, 0] = 1.0
    macro[-1] = 2.5
    panel = replace(panel, earnings=earnings, macro=macro, macro_series=("CPIAUCSL",))
    asked: list[str] = []

    def said(ticker: str) -> str:
        asked.append(ticker)
        return "What a mess,\nI am out"

    found = find_anomalies(panel, forecasts_for(panel), said=said)
    (joint,) = [one for one in found if one.measure == "joint"]
    assert joint.ticker == "T02"
    assert joint.reason.startswith("The price moved −4.9 %, ")
    assert "times the usual volume" in joint.reason
    assert "40 posts against " in joint.reason
    assert "40 posts more negative than usual" in joint.reason
    assert "An earnings report came out for this session. Released for this session: consumer prices." in (
        joint.reason
    )
    assert "A post said: “What a mess, I am out” Taken together, a session as odd as this" in joint.reason
    assert asked == ["T02"]


def test_posts_are_not_asked_for_where_nothing_was_odd_about_them() -> None:
    panel = with_last_return(quiet_panel(), 2, -0.05)
    find_anomalies(panel, forecasts_for(panel), said=lambda ticker: pytest.fail(ticker))


def test_a_series_with_news_each_day_is_no_release() -> None:
    panel = with_last_return(quiet_panel(), 2, -0.05)
    macro = np.arange(400.0)[:, None, None] * np.ones((1, 1, 2))
    found = found_in(replace(panel, macro=macro, macro_series=("DGS10",)), ticker="T02", measure="joint")
    assert "Released" not in found.reason


def test_the_least_probable_comes_first_and_each_ticker_has_its_joint_probability() -> None:
    panel = with_last_return(with_last_posts(quiet_panel(), 4, 30.0), 2, 0.05)
    found = find_anomalies(panel, forecasts_for(panel))
    assert [one.p_value for one in found] == sorted(one.p_value for one in found)
    assert {one.ticker for one in found if one.measure == "joint"} == {"T02", "T04"}


def test_a_single_session_has_nothing_to_compare_with() -> None:
    panel = quiet_panel()
    assert find_anomalies(panel.until(panel.sessions[0]), []) == []


def test_what_comes_later_changes_nothing_of_a_session() -> None:
    panel = with_last_return(quiet_panel(), 2, -0.05)
    session = panel.sessions[350]
    before = [forecast_of(ticker, panel.sessions[349], session) for ticker in panel.tickers]
    alone = find_anomalies(panel.until(session), before, reported_p=0.2)
    assert alone
    assert judge(measured(panel, 50), session, before, 0.2) == alone
    assert judge(measured(with_future_corrupted(panel, session), 50), session, before, 0.2) == alone
