"""What is proposed to a paper account, and what no order may exceed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fusion_model.advice.fills import Costs, next_price
from fusion_model.advice.order_limits import OrderLimits, Standing, judge
from fusion_model.advice.orders import (
    Occasion,
    after_unusual,
    breaches,
    day_ranges,
    keep_within,
    order_id_of,
    protect,
    rebalance,
    without_open,
)
from fusion_model.advice.paper_account import Account, Position
from fusion_model.findings import Anomaly, Order
from tests.builders import forecast_of

OCCASION = Occasion("paper", "2020-01-02", "2020-01-02T21:30:00Z", "2020-01-03T21:00:00Z")
RANGES = day_ranges([forecast_of("KO", "2020-01-02", "2020-01-03", sigma=0.01)], {})
AT = "2020-01-03T15:00:00Z"


def account(shares: float = 10, cash: float = 500.0, price: float = 50.0) -> Account:
    held = {"KO": Position("KO", shares, 45.0, price)} if shares else {}
    return Account("paper", "2020-01-02", 1000.0, cash, 0.0, 0.0, 0.0, held)


def order(side: str = "buy", shares: float = 4.0) -> Order:
    [made] = rebalance(
        OCCASION, account(), {"KO": 50.0}, {"KO": 0.0}, band=0.0, method="the mix", ranges=RANGES
    )
    return replace(made, side=side, shares=shares)


def test_a_price_below_todays_range_proposes_half_the_position_and_no_direction() -> None:
    [made] = protect(OCCASION, account(), breaches([("KO", 48.9, AT)], RANGES))
    assert (made.strategy, made.ticker, made.side, made.shares) == ("protective", "KO", "sell", 5.0)
    assert (made.price, made.proposed_at, made.valid_until) == (48.9, OCCASION.at, OCCASION.valid_until)
    assert made.reason.startswith("KO stands at $48.90, below today's range of $49.03 to $50.99")
    assert "takes risk off and gains nothing" in made.reason
    assert made.range_low == pytest.approx(50 * math.exp(-0.0196), abs=1e-3)


def test_a_price_above_the_range_reduces_too_since_the_risk_has_grown() -> None:
    [made] = protect(OCCASION, account(), breaches([("KO", 51.5, AT)], RANGES))
    assert (made.side, made.occasion) == ("sell", "2020-01-03 above")


@pytest.mark.parametrize("price", [49.1, 50.0, 50.9])
def test_a_price_within_the_range_proposes_nothing(price: float) -> None:
    assert breaches([("KO", price, AT)], RANGES) == []


def test_a_quote_of_another_session_is_not_held_against_todays_range() -> None:
    assert breaches([("KO", 40.0, "2020-01-06T15:00:00Z")], RANGES) == []


@pytest.mark.parametrize("price", [25.1, 16.5, 99.5])
def test_a_price_at_a_splits_ratio_proposes_nothing_and_says_so(price: float) -> None:
    [breach] = breaches([("KO", price, AT)], RANGES)
    assert breach.looks_like_split
    assert "looks like a split" in breach.sentence
    assert protect(OCCASION, account(), [breach]) == []


def test_the_second_quote_outside_has_the_order_id_of_the_first() -> None:
    first, second = (
        protect(OCCASION, account(), breaches([("KO", price, AT)], RANGES))[0] for price in (48.9, 48.1)
    )
    assert first.order_id == second.order_id
    assert first.order_id == order_id_of("paper", "protective", "KO", "sell", "2020-01-03 below")


def test_breaches_come_furthest_first() -> None:
    said = [forecast_of(ticker, "2020-01-02", "2020-01-03") for ticker in ("A", "B", "C")]
    found = breaches([("A", 48.9, AT), ("B", 47.0, AT), ("C", 52.0, AT)], day_ranges(said, {}))
    assert [breach.ticker for breach in found] == ["B", "C", "A"]


def test_a_split_of_today_moves_the_range_with_the_price() -> None:
    [today] = day_ranges([forecast_of("KO", "2020-01-02", "2020-01-03")], {"KO": 2.0}).values()
    assert (today.last_close, round(today.low, 2)) == (25.0, 24.51)


def test_a_holding_is_brought_to_its_target_sales_first() -> None:
    prices = {"KO": 50.0, "PEP": 100.0}
    made = rebalance(OCCASION, account(), prices, {"KO": 0.2, "PEP": 0.5}, band=0.02, method="1/N", ranges={})
    assert [(one.ticker, one.side, one.shares) for one in made] == [("KO", "sell", 6), ("PEP", "buy", 5)]
    assert made[0].reason.startswith("KO is 50.0 % of the account; by 1/N it would be 20.0 %: sell 6 shares")


def test_a_drift_within_the_band_causes_no_trade() -> None:
    made = rebalance(OCCASION, account(), {"KO": 50.0}, {"KO": 0.49}, band=0.02, method="", ranges={})
    assert made == []


def test_a_holding_without_a_target_is_sold_whole() -> None:
    held = account(shares=10.5)
    [made] = rebalance(OCCASION, held, {"KO": 50.0}, {}, band=0.02, method="", ranges={})
    assert (made.side, made.shares) == ("sell", 10.5)


def test_a_position_whose_forecast_loss_is_above_the_limit_is_cut_to_it() -> None:
    said = replace(forecast_of("KO", "2020-01-02", "2020-01-09", sigma=0.05), horizon=5)
    [made] = keep_within(
        OCCASION, account(), {"KO": 50.0}, [said], most_position=1.0, most_risk=0.02, ranges={}
    )
    fall = 1 - math.exp(-0.05 * 1.6448536)
    assert made.shares == math.ceil(10 * (1 - 0.02 / (0.5 * fall)))
    assert "may cost 3.9 % of it or more in one case of twenty, and your limit is 2.0 %" in made.reason


def test_a_position_above_its_share_is_cut_whatever_is_forecast() -> None:
    [made] = keep_within(OCCASION, account(), {"KO": 50.0}, [], most_position=0.2, most_risk=1, ranges={})
    assert (made.shares, made.strategy) == (6, "risk")


def test_an_unusual_session_of_a_holding_proposes_a_quarter_less() -> None:
    found = [
        Anomaly("KO", "2020-01-02", "volume", 9.0, 1.0, 1e-4, "Nine times as much was traded."),
        Anomaly("KO", "2020-01-02", "return", 0.1, 0.0, 1e-3, "It moved."),
        Anomaly("PEP", "2020-01-02", "return", 0.1, 0.0, 1e-9, "Not held."),
    ]
    [made] = after_unusual(OCCASION, account(), {"KO": 50.0}, found, p_value=0.001, ranges=RANGES)
    assert (made.side, made.shares) == ("sell", 3)
    assert made.reason.startswith("Nine times as much was traded.")


def test_a_session_is_unusual_by_all_its_measures_together_not_by_one_of_many() -> None:
    volume = Anomaly("KO", "2020-01-02", "volume", 9.0, 1.0, 1e-4, "Nine times as much was traded.")
    ordinary = Anomaly("KO", "2020-01-02", "joint", 1.0, 0.25, 5e-3, "Much was traded.")
    prices = {"KO": 50.0}
    assert after_unusual(OCCASION, account(), prices, [volume, ordinary], p_value=0.001, ranges=RANGES) == []
    rare = replace(ordinary, p_value=5e-4)
    [made] = after_unusual(OCCASION, account(), prices, [volume, rare], p_value=0.001, ranges=RANGES)
    assert made.reason.startswith("Much was traded.")


def test_one_order_a_ticker_at_a_time() -> None:
    one, other = order(), replace(order(), strategy="risk")
    assert without_open([one, other], set()) == [one]
    assert without_open([one, other], {"KO"}) == []


# Limits -------------------------------------------------------------------------------------------

LIMITS, FREE = OrderLimits(most_position=0.6, most_order=0.2, most_loss=0.05, most_orders=3), Costs(0, 0)


def standing(before: float = 1000.0, *, orders: int = 0, killed: bool = False, **held: float) -> Standing:
    return Standing(account(**held), before, orders, killed)


@pytest.mark.parametrize(
    ("side", "shares", "now", "allowed", "why"),
    [
        ("buy", 2, standing(), 2, ""),
        ("buy", 9, standing(), 2, "your limit for one position is 60.0 %"),
        ("buy", 9, standing(shares=0, cash=1000), 4, "your limit for one order is 20.0 %"),
        ("buy", 1, standing(before=1053), 0, "the account lost 5.0 % since the close before"),
        ("sell", 5, standing(before=2000), 5, ""),  # a loss does not stand in the way of selling
        ("sell", 50, standing(), 10, "only 10 shares are held"),
        ("sell", 1, standing(shares=0), 0, "no shares of KO are held"),
        ("sell", 1, standing(orders=3), 0, "3 orders were traded this session"),
        ("sell", 1, standing(killed=True), 0, "the kill switch is on"),
    ],
)
def test_an_order_is_cut_or_refused_at_each_limit(
    side: str, shares: float, now: Standing, allowed: float, why: str
) -> None:
    verdict = judge(order(side, shares), shares, 50.0, now, LIMITS, FREE)
    assert verdict.shares == allowed
    assert why in verdict.reason
    assert bool(verdict.reason) == (allowed < shares)


def test_cash_is_never_overdrawn_by_costs() -> None:
    costs = Costs(half_spread_bp=5, fee_bp=5, least_fee=2)
    limits = OrderLimits(1.0, 1.0, 1.0, 9)
    verdict = judge(order(), 10, 50.0, standing(shares=0, cash=500), limits, costs)
    price = costs.traded_at("buy", 50.0)
    assert (verdict.shares, verdict.reason) == (9, "there are $500.00 in cash")
    assert 9 * price + costs.fee(9 * price) < 500


# Prices -------------------------------------------------------------------------------------------


def test_the_next_price_is_later_than_the_decision_and_never_the_one_that_triggered() -> None:
    quotes = [(AT, AT, 48.9), ("2020-01-03T15:01:00Z", "2020-01-03T15:01:02Z", 48.7)]
    opens = [("2020-01-03", "2020-01-03T14:30:00Z", 50.0), ("2020-01-06", "2020-01-06T14:30:00Z", 47.0)]
    found = next_price(AT, opens=opens, quotes=quotes)
    assert found is not None
    assert (found.price, found.at, found.basis) == (48.7, "2020-01-03T15:01:00Z", "quote")
    later = next_price("2020-01-03T15:01:00Z", opens=opens, quotes=quotes)
    assert later is not None
    assert (later.price, later.session, later.basis) == (47.0, "2020-01-06", "open")
    assert next_price("2020-01-06T14:30:00Z", opens=opens, quotes=quotes) is None


def test_half_the_spread_is_against_whoever_trades() -> None:
    costs = Costs(half_spread_bp=10, fee_bp=5, least_fee=1.0)
    assert (costs.traded_at("buy", 100.0), costs.traded_at("sell", 100.0)) == pytest.approx((100.1, 99.9))
    assert (costs.fee(100.0), costs.fee(10_000.0)) == pytest.approx((1.0, 5.0))
