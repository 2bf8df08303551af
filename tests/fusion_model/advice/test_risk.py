"""Claims about what holdings may lose, and who bears it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from collectors.errors import BadInput
from fusion_model.advice.drawdown import deepest_within, drawdown, scenario_drawdowns
from fusion_model.advice.risk import (
    Holdings,
    holdings_from_shares,
    holdings_from_weights,
    portfolio_risk,
    shortfall_parts,
    stock_risk,
    volatility_parts,
)
from fusion_model.advice.scenarios import joint_scenarios
from fusion_model.findings import Forecast
from tests.builders import with_tickers
from tests.fusion_model.advice.test_scenarios import forecasts_of, related_panel

COUNT = 2000


def forecasts_over(horizon: int) -> list[Forecast]:
    return [
        replace(one, horizon=horizon, volatility=one.volatility * np.sqrt(horizon))
        for one in forecasts_of(related_panel())
    ]


def test_a_stocks_risk_is_read_from_its_forecast() -> None:
    forecast = forecasts_of(related_panel())[1]  # sigma 2 %
    (report,) = stock_risk([forecast])
    assert (report.subject, report.horizon, report.drawdown_95) == ("T01", 1, None)
    assert report.var_95 == pytest.approx(1 - np.exp(-0.02 * 1.644854), rel=1e-5)
    assert report.var_99 == pytest.approx(1 - np.exp(-0.02 * 2.326348), rel=1e-5)
    assert report.volatility == pytest.approx(0.02, rel=0.02)  # a little more: the tail is heavy
    assert report.var_95 < report.es_95 < report.var_99 < report.es_99 < report.var_999
    assert stock_risk([]) == []


def test_one_holding_alone_has_its_own_risk() -> None:
    panel, forecasts = related_panel(), forecasts_of(related_panel())
    (own,) = stock_risk(forecasts[:1])
    (held,) = portfolio_risk(
        panel, forecasts, holdings_from_weights({"T00": 1.0}), horizons=(1,), count=10_000
    ).reports
    for name in ("volatility", "var_95", "es_95", "var_99", "es_99"):
        assert getattr(held, name) == pytest.approx(getattr(own, name), rel=0.01), name


def test_half_in_cash_halves_every_loss() -> None:
    panel, forecasts = related_panel(), forecasts_of(related_panel())
    whole, half = (
        portfolio_risk(
            panel, forecasts, Holdings({"T00": weight, "T01": weight}), horizons=(1,), count=COUNT
        ).reports[0]
        for weight in (0.5, 0.25)
    )
    assert half.es_99 == pytest.approx(whole.es_99 / 2)
    assert half.volatility == pytest.approx(whole.volatility / 2)


def test_a_hedge_lowers_risk_and_its_part_is_below_zero() -> None:
    """T02 moves against T00."""
    panel, forecasts = related_panel(), forecasts_of(related_panel())
    found = portfolio_risk(panel, forecasts, Holdings({"T00": 0.95, "T02": 0.05}), horizons=(1,), count=COUNT)
    alone, hedge = found.components
    assert found.reports[0].volatility < 0.95 * 0.01
    assert hedge.es_95_part < 0 < alone.es_95_part
    assert alone.tail_return < 0


@pytest.mark.parametrize("horizon", [1, 5])
def test_parts_sum_to_the_whole(horizon: int) -> None:
    holdings = Holdings({"T00": 0.3, "T01": 0.3, "T02": 0.1, "T03": 0.2})
    found = portfolio_risk(
        related_panel(), forecasts_over(horizon), holdings, horizons=(horizon,), count=COUNT
    )
    (report,) = found.reports
    assert sum(one.volatility_part for one in found.components) == pytest.approx(report.volatility)
    assert sum(one.es_95_part for one in found.components) == pytest.approx(report.es_95)
    assert sum(one.es_99_part for one in found.components) == pytest.approx(report.es_99)


def test_a_part_by_its_weight_is_how_fast_risk_grows_with_it() -> None:
    returns = np.random.default_rng(0).standard_t(4, (COUNT, 3)) * 0.01
    weights, step = np.array([0.5, 0.3, 0.2]), 1e-6
    for parts in (volatility_parts, lambda r, w: shortfall_parts(r, w, 0.05)):
        for n in range(3):
            more = weights.copy()
            more[n] += step
            slope = (parts(returns, more).sum() - parts(returns, weights).sum()) / step
            assert parts(returns, weights)[n] / weights[n] == pytest.approx(slope, rel=1e-3)


def test_permuting_holdings_permutes_their_parts() -> None:
    panel, forecasts, order = related_panel(), forecasts_of(related_panel()), [3, 1, 2, 0]
    weights = {"T00": 0.4, "T01": 0.1, "T02": 0.2, "T03": 0.3}
    found = portfolio_risk(panel, forecasts, Holdings(weights), horizons=(1,), count=COUNT)
    permuted = portfolio_risk(
        with_tickers(panel, order),
        [forecasts[n] for n in order],
        Holdings({ticker: weights[ticker] for ticker in sorted(weights, reverse=True)}),
        horizons=(1,),
        count=COUNT,
    )
    assert permuted == found


def test_the_crash_of_all_is_named_behind_the_worst_scenarios() -> None:
    panel = related_panel()
    found = portfolio_risk(
        panel, forecasts_of(panel), Holdings({"T00": 0.5, "T01": 0.5}), horizons=(1,), count=COUNT
    )
    worst = found.tail_sessions[0]
    assert (worst.first_session, worst.last_session) == (panel.sessions[699], panel.sessions[700])
    assert worst.change < -found.reports[0].var_99


# Drawdown -----------------------------------------------------------------------------------------


def test_the_deepest_fall_has_its_peak_and_trough() -> None:
    fall = drawdown(np.array([1.0, 2.0, 1.5, 2.5, 1.0, 2.0, 2.4]))
    assert fall == (pytest.approx(0.6), 3, 4, pytest.approx(0.04))


def test_a_path_that_only_rises_has_no_drawdown() -> None:
    assert deepest_within(np.array([[1.1, 1.2], [0.9, 1.2], [1.2, 0.6]])) == pytest.approx([0, 0.1, 0.5])


def test_a_drawdown_within_one_session_is_its_loss() -> None:
    panel, forecasts = related_panel(), forecasts_of(related_panel())
    drawn = joint_scenarios(panel, forecasts[:2], 1, count=COUNT)
    weights = np.array([0.5, 0.5])
    fall = scenario_drawdowns(panel, drawn, weights, [0.01, 0.02])
    assert fall == pytest.approx(np.maximum(-drawn.of_portfolio(weights), 0.0))


def test_on_the_way_holdings_fall_at_least_as_deep_as_at_the_end() -> None:
    panel, forecasts = related_panel(), forecasts_over(20)
    drawn = joint_scenarios(panel, forecasts, 20, count=COUNT)
    weights = np.array([0.3, 0.3, 0.1, 0.2])
    fall = scenario_drawdowns(panel, drawn, weights, [one.volatility for one in forecasts])
    assert np.all(fall >= -drawn.of_portfolio(weights) - 1e-12)
    assert fall.mean() > np.maximum(-drawn.of_portfolio(weights), 0).mean()


# Holdings -----------------------------------------------------------------------------------------


def test_shares_are_weighed_at_the_last_close() -> None:
    holdings = holdings_from_shares({"T00": 10, "T01": 5}, {"T00": 30.0, "T01": 20.0, "T02": 1.0})
    assert holdings.weights == {"T00": 0.75, "T01": 0.25}
    assert holdings.value == 400.0


def test_the_same_weights_are_the_same_subject_in_any_order() -> None:
    one, other = Holdings({"A": 0.5, "B": 0.25}), Holdings({"B": 0.25, "A": 0.5})
    assert one.subject == other.subject
    assert one.subject != Holdings({"A": 0.5, "B": 0.26}).subject


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "no holdings were given"),
        ({"A": -0.2}, "the weight of A is -0.2; expected a number above 0"),
        ({"A": float("nan")}, "the weight of A is nan"),
        ({"A": 0.7, "B": 0.4}, r"the weights sum to 1\.1000; expected at most 1"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        holdings_from_weights(weights)


def test_shares_without_a_close_or_below_zero_are_refused() -> None:
    with pytest.raises(BadInput, match="A has no close"):
        holdings_from_shares({"A": 1}, {})
    with pytest.raises(BadInput, match="the number of shares of A is -1"):
        holdings_from_shares({"A": -1}, {"A": 1.0})


def test_a_holding_without_a_forecast_is_named() -> None:
    panel = related_panel()
    with pytest.raises(BadInput, match="T03 has no forecast over 5 sessions"):
        portfolio_risk(panel, forecasts_over(5)[:3], Holdings({"T00": 0.5, "T03": 0.5}), horizons=(5,))
