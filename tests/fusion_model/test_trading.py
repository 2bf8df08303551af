"""A paper account over a real record: what is proposed, filled and ended, once each, and at a later price."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.errors import BadInput
from collectors.market_calendar import session_close
from collectors.records import CorporateAction, PriceBar, Quote
from collectors.store import save_corporate_actions, save_price_bars, save_quotes
from desktop_app.store import open_home
from fusion_model.advice.fills import Costs
from fusion_model.advice.order_limits import OrderLimits
from fusion_model.findings import Fill, Order
from fusion_model.store import save_forecasts
from fusion_model.store_orders import (
    load_fills,
    load_order_ends,
    load_orders,
    load_unsettled_orders,
    save_orders,
    save_outcomes,
)
from fusion_model.trading.books import load_account
from fusion_model.trading.propose import propose_daily, propose_own, react
from fusion_model.trading.settle import ALWAYS, approved_spans, settle
from fusion_model.trading.terms import Decision, Terms
from tests.builders import forecast_of

FIRST, SECOND, THIRD = "2020-01-02", "2020-01-03", "2020-01-06"
EVENING, NIGHT = "2020-01-02T21:30:00Z", "2020-01-02T23:00:00Z"
OPENED = "2020-01-03T14:30:00Z"
NEXT_EVENING = "2020-01-03T21:30:00Z"
TERMS = Terms(
    paid_in=(("2020-01-01T12:00:00Z", 10_000.0),),
    limits=OrderLimits(most_position=0.6, most_order=0.6),
    costs=Costs(half_spread_bp=10, fee_bp=10),
    most_risk=1.0,
)
TARGETS = {"KO": 0.5, "PEP": 0.3}


def bar(ticker: str, session: str, open_: float, close: float) -> PriceBar:
    high, low = max(open_, close) + 1, min(open_, close) - 1
    return PriceBar(ticker, session, open_, high, low, close, 1e6, "test", session_close(session))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(tmp_path)) as connection:
        bars = [bar(ticker, FIRST, 50.0, 50.0) for ticker in ("KO", "PEP")]
        save_price_bars(connection, bars, EVENING)
        save_forecasts(connection, [forecast_of(t, FIRST, SECOND) for t in ("KO", "PEP")], EVENING)
        yield connection


def propose(db: sqlite3.Connection, now: str = EVENING, terms: Terms = TERMS) -> tuple[Order, ...]:
    return propose_daily(db, terms, {}, now, targets=TARGETS, method="the mix").orders


def approved(*orders: Order, at: str = NIGHT) -> dict[str, list[Decision]]:
    return {order.order_id: [Decision(approved=True, at=at)] for order in orders}


def open_second(db: sqlite3.Connection, ko: float = 52.0) -> None:
    save_price_bars(db, [bar("KO", SECOND, ko, 53.0), bar("PEP", SECOND, 49.0, 48.0)], NEXT_EVENING)


def test_the_same_evening_proposes_once_however_often_it_runs(db: sqlite3.Connection) -> None:
    first = propose(db)
    assert [(one.ticker, one.side, one.shares) for one in first] == [("KO", "buy", 100), ("PEP", "buy", 60)]
    assert propose(db) == ()
    assert propose(db, now=NIGHT) == ()
    assert len(load_orders(db, "paper")) == 2


@pytest.mark.parametrize("now", ["2020-01-03T02:00:00Z", "2020-01-04T12:00:00Z"])
def test_money_that_is_paid_in_between_two_sessions_is_there_at_once(
    db: sqlite3.Connection, now: str
) -> None:
    """Who opened an account on a Saturday or a holiday had nothing in it until the next session."""
    save_forecasts(db, [forecast_of("KO", SECOND, "2020-01-06")], NEXT_EVENING)
    open_second(db)
    terms = replace(TERMS, paid_in=((now, 10_000.0),))
    assert load_account(db, terms, now).cash == 10_000
    [order, *_] = propose(db, now, terms)
    assert (order.ticker, order.side) == ("KO", "buy")


def test_an_order_is_filled_at_the_next_open_with_spread_and_fee_not_at_its_own_price(
    db: sqlite3.Connection,
) -> None:
    made = propose(db)
    assert settle(db, TERMS, approved(*made), NIGHT).fills == ()  # no later price is known yet
    open_second(db)
    settle(db, TERMS, approved(*made), NEXT_EVENING)
    fills = {fill.ticker: fill for fill in load_fills(db)}
    assert replace(fills["KO"], fee=round(fills["KO"].fee, 9)) == Fill(
        made[0].order_id, "paper", "KO", "buy", 100.0, 52.0, 52.0 * 1.001, 5.2052, SECOND, OPENED, "open"
    )  # fmt: skip
    assert fills["KO"].market_price != made[0].price


def test_nothing_is_filled_without_an_approval(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db)
    settle(db, TERMS, {}, NEXT_EVENING)
    assert load_fills(db) == []
    assert {end.outcome for end in load_order_ends(db).values()} == {"expired"}
    assert len(made) == 2


def test_a_rejected_order_is_never_filled_and_ends(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db)
    said = {order.order_id: [Decision(approved=False, at=NIGHT)] for order in made}
    settle(db, TERMS, said, NEXT_EVENING)
    assert load_fills(db) == []
    assert {end.outcome for end in load_order_ends(db).values()} == {"rejected"}


def test_who_has_seen_the_day_cannot_take_its_opening_back(db: sqlite3.Connection) -> None:
    """Daily bars come in the evening: a rejection or a kill at noon is later than the fill at the open."""
    ko, pep = propose(db)
    open_second(db)
    noon = "2020-01-03T17:00:00Z"
    said = approved(ko, pep)
    said[ko.order_id].append(Decision(approved=False, at=noon))
    settle(db, replace(TERMS, killed=True, kills=(noon,)), said, NEXT_EVENING)
    assert [(fill.ticker, fill.filled_at) for fill in load_fills(db)] == [("KO", OPENED), ("PEP", OPENED)]


@pytest.mark.parametrize(
    ("said", "kills", "spans"),
    [
        ([(True, "2")], [], [("2", ALWAYS)]),
        ([(True, "2"), (False, "4")], [], [("2", "4")]),
        ([(True, "2"), (False, "4"), (True, "5")], [], [("2", "4"), ("5", ALWAYS)]),
        ([(True, "2"), (False, "4"), (True, "5")], ["3", "6"], [("2", "3")]),
        ([(True, "2")], ["1"], []),
        ([(False, "2")], [], []),
    ],
)
def test_an_order_can_be_filled_only_while_it_was_approved_and_not_after_the_first_kill(
    said: list[tuple[bool, str]], kills: list[str], spans: list[tuple[str, str]]
) -> None:
    assert approved_spans([Decision(*one) for one in said], "1", kills) == spans


def test_settling_again_fills_nothing_twice(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db)
    settle(db, TERMS, approved(*made), NEXT_EVENING)
    once = load_fills(db), load_account(db, TERMS, NEXT_EVENING)
    for _ in range(3):
        settle(db, TERMS, approved(*made), NEXT_EVENING)
    assert (load_fills(db), load_account(db, TERMS, NEXT_EVENING)) == once
    assert len(once[0]) == 2


def test_the_record_refuses_a_second_fill_and_one_at_the_triggers_own_instant(db: sqlite3.Connection) -> None:
    [made, _] = propose(db)
    early = Fill(made.order_id, "paper", "KO", "buy", 1, 50.0, 50.0, 0, FIRST, made.proposed_at, "quote")
    with pytest.raises(sqlite3.IntegrityError, match="later price than the one that triggered"):
        save_outcomes(db, [early], [], NIGHT)
    later = replace(early, filled_at=OPENED, session=SECOND)
    assert save_outcomes(db, [later], [], NIGHT) == 1
    assert save_outcomes(db, [replace(later, price=1.0)], [], NIGHT) == 0
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("UPDATE fill SET price = 1")


def test_an_approval_after_the_open_waits_for_the_next_price(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db)
    late = approved(*made, at="2020-01-03T15:00:00Z")
    assert settle(db, TERMS, late, NEXT_EVENING).fills == ()
    save_price_bars(db, [bar("KO", THIRD, 54.0, 54.0)], "2020-01-06T21:30:00Z")
    [fill] = settle(db, TERMS, late, "2020-01-06T21:30:00Z").fills
    assert (fill.market_price, fill.session) == (54.0, THIRD)


def test_the_next_quote_is_taken_where_it_comes_before_an_open(db: sqlite3.Connection) -> None:
    made = propose(db)
    quotes = [
        Quote("KO", 60.0, "2020-01-03T15:00:00Z", "test", "2020-01-03T15:00:01Z"),  # the decision's instant
        Quote("KO", 51.0, "2020-01-03T15:05:00Z", "test", "2020-01-03T15:05:01Z"),
        Quote("KO", 52.0, "2020-01-03T15:06:00Z", "test", "2020-01-03T15:06:01Z"),
        Quote("PEP", 51.0, "2020-01-03T22:05:00Z", "test", "2020-01-03T22:05:01Z"),  # after hours
    ]
    save_quotes(db, quotes)
    fills = settle(db, TERMS, approved(*made, at="2020-01-03T15:00:00Z"), "2020-01-03T22:06:00Z").fills
    assert [(fill.ticker, fill.market_price, fill.basis) for fill in fills] == [("KO", 51.0, "quote")]


def test_a_split_before_the_fill_multiplies_the_orders_shares(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db, ko=26.0)
    save_corporate_actions(
        db, [CorporateAction("KO", SECOND, "split", 2.0, "test", session_close(SECOND))], NEXT_EVENING
    )
    fills = {fill.ticker: fill for fill in settle(db, TERMS, approved(*made), NEXT_EVENING).fills}
    assert (fills["KO"].shares, fills["KO"].market_price) == (200.0, 26.0)


def test_a_limit_is_held_against_the_price_of_the_fill(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db, ko=90.0)
    tight = replace(TERMS, limits=OrderLimits(most_position=0.6, most_order=0.7, most_orders=1))
    settle(db, tight, approved(*made), NEXT_EVENING)
    [fill] = load_fills(db)
    [end] = load_order_ends(db).values()
    assert (fill.ticker, fill.shares) == ("KO", 66)  # 60 % of 10,000 at 90
    assert fill.note == "your limit for one position is 60.0 % of the account"
    assert (end.outcome, end.reason) == ("refused", "1 orders were traded this session, which is your limit")


def test_the_kill_switch_stops_proposals_and_cancels_what_waits_for_good(db: sqlite3.Connection) -> None:
    made = propose(db)
    killed = replace(TERMS, killed=True, kills=(NIGHT,))
    assert "kill switch" in propose_daily(db, killed, {}, NIGHT, targets=TARGETS, method="").why_none
    open_second(db)
    resumed = replace(TERMS, kills=(NIGHT,))
    settle(db, resumed, approved(*made, at=EVENING), NEXT_EVENING)
    assert load_fills(db) == []
    assert {end.outcome for end in load_order_ends(db).values()} == {"cancelled"}


def test_nothing_is_proposed_on_what_is_out_of_date(db: sqlite3.Connection) -> None:
    found = propose_daily(db, TERMS, {}, "2020-01-06T22:00:00Z", targets=TARGETS, method="")
    assert found.orders == ()
    assert "no order on what is out of date" in found.why_none


def test_without_an_account_nothing_is_proposed(db: sqlite3.Connection) -> None:
    found = propose_daily(db, Terms(), {}, EVENING, targets=TARGETS, method="")
    assert "barograph account deposit" in found.why_none


def test_a_quote_outside_todays_range_proposes_once_and_names_the_breach(db: sqlite3.Connection) -> None:
    made = propose(db)
    open_second(db, ko=50.0)
    settle(db, TERMS, approved(*made), NEXT_EVENING)
    save_forecasts(db, [forecast_of("KO", SECOND, THIRD)], NEXT_EVENING)
    now = "2020-01-06T15:00:05Z"
    quotes = [Quote("KO", 48.0, "2020-01-06T15:00:00Z", "test", now)]
    reaction = react(db, TERMS, {}, quotes, now)
    [order] = reaction.proposals.orders
    assert (order.side, order.shares, order.price) == ("sell", 50, 48.0)
    assert reaction.breaches[0].sentence in order.reason
    again = react(db, TERMS, {}, [replace(quotes[0], price=47.0)], "2020-01-06T15:01:00Z")
    assert len(again.breaches) == 1
    assert again.proposals.orders == ()


def test_the_account_is_that_of_its_instant(db: sqlite3.Connection) -> None:
    """What becomes known later changes nothing that was said of an earlier evening."""
    made = propose(db)
    open_second(db)
    settle(db, TERMS, approved(*made), NEXT_EVENING)
    before = load_account(db, TERMS, NEXT_EVENING)
    save_price_bars(db, [bar("KO", THIRD, 2.0, 2.0), bar("PEP", THIRD, 99.0, 99.0)], "2020-01-06T22:00:00Z")
    save_corporate_actions(
        db,
        [CorporateAction("KO", THIRD, "split", 50.0, "test", session_close(THIRD))],
        "2020-01-06T22:00:00Z",
    )
    assert load_account(db, TERMS, NEXT_EVENING) == before
    assert load_account(db, TERMS, "2020-01-06T22:00:00Z").positions["KO"].shares == 5000


def test_an_order_of_ones_own_passes_the_same_limits(db: sqlite3.Connection) -> None:
    made = propose_own(db, TERMS, EVENING, ticker="KO", side="buy", shares=10, reason="I like it")
    assert load_unsettled_orders(db, "paper") == [made]
    assert (made.strategy, made.price, made.range_low is None) == ("own", 50.0, False)
    with pytest.raises(BadInput, match="120 would be within it"):
        propose_own(db, TERMS, EVENING, ticker="KO", side="buy", shares=500, reason="")
    with pytest.raises(BadInput, match="no recent price of XYZ"):
        propose_own(db, TERMS, EVENING, ticker="XYZ", side="buy", shares=1, reason="")


def test_orders_are_saved_once(db: sqlite3.Connection) -> None:
    [made, _] = propose(db)
    assert save_orders(db, [replace(made, shares=1.0, price=1.0)]) == []
    assert made in load_orders(db, order_ids=[made.order_id])
