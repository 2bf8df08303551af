"""Alpaca's paper API as a broker: the real alpaca-py against a server on this machine."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from collectors.errors import ConfigurationError, RetryLater, SourceChanged
from collectors.market_calendar import session_close
from collectors.records import PriceBar
from collectors.retry import RetryPolicy
from collectors.store import save_price_bars
from desktop_app.account import decide, deposit, keep_account, turn
from desktop_app.alpaca_paper import AlpacaPaper, open_alpaca
from desktop_app.order_rows import load_account_view
from desktop_app.settings import Settings
from desktop_app.store import open_home, watch
from desktop_app.store_journal import KILL_SWITCH
from fusion_model.advice.brokers import Broker, Outcomes, Ticket
from fusion_model.findings import Fill, Order, OrderEnd
from fusion_model.store import save_forecasts
from fusion_model.store_orders import load_fills, load_order_ends
from tests.builders import forecast_of
from tests.collectors.loopback import Answer, Loopback, Request

pytest.importorskip("alpaca")

POLICY = RetryPolicy(attempts=2, first_wait_s=0.0, longest_wait_s=0.0, jitter_s=0.0)
KEY, SECRET = "PKCANARY0KEY00000000", "canarysecretcanarysecretcanary0000"
ORDER = Order(
    "bg-0123456789abcdef", "alpaca", "protective", "BRK-B", "sell", 5.0, "2020-01-03 below", "2020-01-02",
    50.0, 49.0, 51.0, "why", "2020-01-03T15:00:00Z", "2020-01-03T21:00:00Z",
)  # fmt: skip
NOW = "2020-01-03T15:10:00Z"


def answer_of(client_order_id: str, **changed: Any) -> dict[str, Any]:
    """An order as Alpaca's REST API writes it (docs.alpaca.markets, "Order object")."""
    at = "2020-01-03T15:00:02.123456Z"
    return {
        "id": str(uuid5(UUID(int=0), client_order_id)), "client_order_id": client_order_id, "created_at": at,
        "updated_at": at, "submitted_at": at, "filled_at": None, "expired_at": None, "canceled_at": None,
        "failed_at": None, "replaced_at": None, "replaced_by": None, "replaces": None,
        "asset_id": "904837e3-3b76-47ec-b432-046db621571b", "symbol": "BRK.B", "asset_class": "us_equity",
        "notional": None, "qty": "5", "filled_qty": "0", "filled_avg_price": None, "order_class": "",
        "order_type": "market", "type": "market", "side": "sell", "time_in_force": "day", "limit_price": None,
        "stop_price": None, "status": "new", "extended_hours": False, "legs": None, "trail_percent": None,
        "trail_price": None, "hwm": None,
    } | changed  # fmt: skip


class Alpaca:
    """A small paper account behind the server: orders by client id, a second of the same id is refused."""

    def __init__(self, web: Loopback) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.posts = 0
        self.after_post: Callable[[], Answer] | None = None
        web.on("/v2/orders", self.list_or_post)
        web.on("/v2/orders:by_client_order_id", self.by_client_id)

    def list_or_post(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(json.dumps(list(self.orders.values())))
        self.posts += 1
        wanted = json.loads(request.body)
        if wanted["client_order_id"] in self.orders:
            return Answer('{"code":40010001,"message":"client_order_id must be unique"}', status=422)
        made = answer_of(wanted["client_order_id"], symbol=wanted["symbol"], qty=str(wanted["qty"]))
        self.orders[wanted["client_order_id"]] = made
        return self.after_post() if self.after_post else Answer(json.dumps(made))

    def by_client_id(self, request: Request) -> Answer:
        found = self.orders.get(request.query["client_order_id"])
        missing = Answer('{"code":40410000,"message":"order not found"}', status=404)
        return missing if found is None else Answer(json.dumps(found))


@pytest.fixture
def alpaca(web: Loopback, no_waiting: None) -> Alpaca:
    return Alpaca(web)


@pytest.fixture
def broker(web: Loopback) -> AlpacaPaper:
    opened = open_alpaca(KEY, SECRET, web.url, POLICY)
    _: Broker = opened  # fits the interface
    return opened


def test_an_order_is_placed_once_under_its_own_id(web: Loopback, alpaca: Alpaca, broker: AlpacaPaper) -> None:
    for _ in range(3):
        broker.submit(Ticket(ORDER, 5.0))
    assert alpaca.posts == 1
    [sent] = [json.loads(asked.body) for asked in web.requests if asked.method == "POST"]
    assert sent == {
        "symbol": "BRK.B", "qty": 5.0, "side": "sell", "type": "market", "time_in_force": "day",
        "client_order_id": ORDER.order_id,
    }  # fmt: skip
    assert broker.fills([ORDER], NOW) == Outcomes(under_way=frozenset({ORDER.order_id}))


def test_an_answer_that_got_lost_places_no_second_order(alpaca: Alpaca, broker: AlpacaPaper) -> None:
    alpaca.after_post = lambda: Answer("{}", reset=True)
    broker.submit(Ticket(ORDER, 5.0))  # the retry is told that the id is taken
    assert (alpaca.posts, list(alpaca.orders)) == (2, [ORDER.order_id])
    assert broker.fills([ORDER], NOW).ends == ()


def test_a_fill_is_alpacas_own_word(alpaca: Alpaca, broker: AlpacaPaper) -> None:
    alpaca.orders[ORDER.order_id] = answer_of(
        ORDER.order_id, status="filled", filled_qty="5", filled_avg_price="48.75",
        filled_at="2020-01-03T15:00:04.5Z",
    )  # fmt: skip
    assert broker.fills([ORDER], NOW).fills == (
        Fill(ORDER.order_id, "alpaca", "BRK-B", "sell", 5.0, 48.75, 48.75, 0.0, "2020-01-03",
             "2020-01-03T15:00:04Z", "alpaca"),
    )  # fmt: skip


def test_what_was_filled_in_part_before_it_ended_is_a_fill(alpaca: Alpaca, broker: AlpacaPaper) -> None:
    alpaca.orders[ORDER.order_id] = answer_of(
        ORDER.order_id, status="canceled", filled_qty="2", filled_avg_price="48.75"
    )
    [fill] = broker.fills([ORDER], NOW).fills
    assert (fill.shares, fill.note) == (2.0, "2 of 5 were filled, then canceled")


@pytest.mark.parametrize(
    ("status", "outcome"), [("canceled", "cancelled"), ("expired", "expired"), ("rejected", "refused")]
)
def test_an_order_that_ended_unfilled_says_how(
    alpaca: Alpaca, broker: AlpacaPaper, status: str, outcome: str
) -> None:
    alpaca.orders[ORDER.order_id] = answer_of(ORDER.order_id, status=status)
    [end] = broker.fills([ORDER], NOW).ends
    assert (end.outcome, end.order_id) == (outcome, ORDER.order_id)


def test_a_refusal_for_too_little_cash_ends_the_order(
    web: Loopback, alpaca: Alpaca, broker: AlpacaPaper
) -> None:
    told = '{"buying_power":"10","code":40310000,"cost_basis":"250","message":"insufficient buying power"}'
    web.on("/v2/orders", lambda asked: Answer("[]") if asked.method == "GET" else Answer(told, status=403))
    broker.submit(Ticket(ORDER, 5.0))
    reason = "Alpaca's paper account: insufficient buying power"
    assert broker.fills([ORDER], NOW).ends == (OrderEnd(ORDER.order_id, "alpaca", "refused", reason, NOW),)


def test_cancelling_takes_an_open_order_back(web: Loopback, alpaca: Alpaca, broker: AlpacaPaper) -> None:
    broker.submit(Ticket(ORDER, 5.0))
    path = f"/v2/orders/{alpaca.orders[ORDER.order_id]['id']}"
    web.on(path, Answer("", status=204))
    broker.cancel(ORDER.order_id)
    broker.cancel("bg-unknown")
    assert [(asked.method, asked.path) for asked in web.requests][-2][0] == "DELETE"
    alpaca.orders[ORDER.order_id]["status"] = "filled"
    before = len(web.requests)
    broker.cancel(ORDER.order_id)
    assert [asked.method for asked in web.requests[before:]] == ["GET"]


def test_positions_are_shares_by_symbol(web: Loopback, broker: AlpacaPaper) -> None:
    held = {
        "asset_id": "904837e3-3b76-47ec-b432-046db621571b", "symbol": "KO", "exchange": "NYSE",
        "asset_class": "us_equity", "avg_entry_price": "50", "qty": "12.5", "side": "long",
        "cost_basis": "625",
    }  # fmt: skip
    web.on("/v2/positions", Answer(json.dumps([held])))
    assert broker.positions() == {"KO": 12.5}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "https://paper-api.alpaca.markets.example.org",
        "http://paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets:8443",
        "https://broker-api.sandbox.alpaca.markets",
        "ftp://127.0.0.1",
    ],
)
def test_a_live_account_or_another_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="live accounts are out of scope"):
        open_alpaca(KEY, SECRET, url)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer('{"message": "forbidden."}', status=403), ConfigurationError, "ALPACA_API_KEY"),
        (Answer('{"message": "unauthorized"}', status=401), ConfigurationError, "not of a live one"),
        (Answer("busy", status=429), RetryLater, "fewer requests"),
        (Answer("broken", status=503), RetryLater, "trouble of its own"),
        (Answer("[]" * 50, reset=True), RetryLater, "cannot be reached"),
        (Answer("<html>"), SourceChanged, "no JSON"),
        (Answer('[{"symbol": "KO"}]'), SourceChanged, "another shape"),
    ],
)
def test_what_goes_wrong_is_told_by_what_to_do_next_and_without_keys(
    web: Loopback, broker: AlpacaPaper, no_waiting: None, answer: Answer, error: type[Exception], says: str
) -> None:
    web.on("/v2/positions", answer)
    with pytest.raises(error, match=says) as raised:
        broker.positions()
    assert KEY not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_orders_beyond_a_page_are_found(
    web: Loopback, broker: AlpacaPaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.alpaca_paper.PAGE", 2)
    named = [answer_of(f"other-{n}") for n in range(3)] + [answer_of(ORDER.order_id, status="expired")]
    web.on("/v2/orders", Answer(json.dumps(named[:2])), Answer(json.dumps(named[2:])), Answer("[]"))
    assert len(broker.fills([replace(ORDER)], NOW).ends) == 1


# Passes over an account at Alpaca -------------------------------------------------------------------

ALPACA = Settings(broker="alpaca", paper_cash=10_000.0, paper_most_risk=1.0)
EVENING, NIGHT, NEXT_EVENING = "2020-01-02T21:30:00Z", "2020-01-02T23:00:00Z", "2020-01-03T21:30:00Z"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A home in which one order, to buy KO, was proposed for the account at Alpaca."""
    with closing(open_home(tmp_path)) as connection:
        watch(connection, ["KO"], EVENING)
        at = session_close("2020-01-02")
        save_price_bars(connection, [PriceBar("KO", "2020-01-02", 50, 51, 49, 50, 1e6, "test", at)], at)
        save_forecasts(connection, [forecast_of("KO", "2020-01-02", "2020-01-03")], at)
        deposit(connection, ALPACA, None, "", at)
        yield connection


def test_a_pass_that_dies_after_submitting_places_no_second_order(
    db: sqlite3.Connection, alpaca: Alpaca, broker: AlpacaPaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order] = keep_account(db, ALPACA, EVENING, broker=broker).proposals.orders
    decide(db, [order], approve=True, note="", now=NIGHT)
    with monkeypatch.context() as patch:
        patch.setattr("fusion_model.store_orders.save_outcomes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keep_account(db, ALPACA, NIGHT, broker=broker)
    assert alpaca.posts == 1
    keep_account(db, ALPACA, NIGHT, broker=broker)
    alpaca.orders[order.order_id] |= {
        "status": "filled", "filled_qty": "40", "filled_avg_price": "49.5",
        "filled_at": "2020-01-03T14:30:01Z",
    }  # fmt: skip
    for _ in range(2):
        keep_account(db, ALPACA, "2020-01-03T14:31:00Z", broker=broker)
    assert alpaca.posts == 1
    [fill] = load_fills(db, "alpaca")
    assert (fill.shares, fill.price, fill.basis) == (40.0, 49.5, "alpaca")
    assert load_fills(db, "paper") == []
    assert load_account_view(db, ALPACA, "2020-01-03T14:31:00Z").cash == 10_000 - 40 * 49.5


@pytest.mark.parametrize("how", ["rejected", "killed"])
def test_an_order_that_was_sent_is_taken_back_when_rejected_or_killed(
    web: Loopback, db: sqlite3.Connection, alpaca: Alpaca, broker: AlpacaPaper, how: str
) -> None:
    [order] = keep_account(db, ALPACA, EVENING, broker=broker).proposals.orders
    decide(db, [order], approve=True, note="", now=NIGHT)
    keep_account(db, ALPACA, NIGHT, broker=broker)
    if how == "rejected":
        decide(db, [order], approve=False, note="", now=NIGHT)
    else:
        turn(db, ALPACA, KILL_SWITCH, True, "", NIGHT)
    theirs = alpaca.orders[order.order_id]

    def take_back(_: Request) -> Answer:
        theirs["status"] = "canceled"
        return Answer("", status=204)

    web.on(f"/v2/orders/{theirs['id']}", take_back)
    keep_account(db, ALPACA, "2020-01-02T23:10:00Z", broker=broker)
    [end] = load_order_ends(db, "alpaca").values()
    assert (end.outcome, end.reason) == ("cancelled", "Alpaca's paper account: canceled")
    assert alpaca.posts == 1


def test_while_alpaca_cannot_be_reached_nothing_is_lost_or_doubled(
    web: Loopback, db: sqlite3.Connection, alpaca: Alpaca, broker: AlpacaPaper
) -> None:
    [order] = keep_account(db, ALPACA, EVENING, broker=broker).proposals.orders
    decide(db, [order], approve=True, note="", now=NIGHT)
    web.on("/v2/orders", Answer("down", status=503))
    with pytest.raises(RetryLater):
        keep_account(db, ALPACA, NIGHT, broker=broker)
    assert (load_fills(db), load_order_ends(db)) == ([], {})
    web.on("/v2/orders", alpaca.list_or_post)
    keep_account(db, ALPACA, NIGHT, broker=broker)
    assert list(alpaca.orders) == [order.order_id]
