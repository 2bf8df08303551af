"""The reconciliation of an account sees each kind of disagreement, and is silent where there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.market_calendar import session_close
from collectors.records import CorporateAction, PriceBar
from collectors.store import save_corporate_actions, save_price_bars
from desktop_app.store import open_home
from fusion_model.advice.paper_account import derive_account
from fusion_model.findings import Fill, Order
from fusion_model.store_orders import load_fills, save_orders, save_outcomes
from fusion_model.trading.reconcile import differences, find_discrepancies
from fusion_model.trading.terms import Decision, Terms

NOW = "2020-01-06T22:00:00Z"
TERMS = Terms(paid_in=(("2020-01-01T12:00:00Z", 1000.0),))
ORDER = Order(
    "bg-0000000001", "paper", "own", "KO", "buy", 10.0, "x", "2020-01-02", 50.0, None, None, "",
    "2020-01-02T22:00:00Z", "2020-01-03T21:00:00Z",
)  # fmt: skip
FILL = Fill(
    "bg-0000000001", "paper", "KO", "buy", 10.0, 50.0, 50.1, 0.5, "2020-01-03", "2020-01-03T14:30:00Z", "open"
)
SAID = {ORDER.order_id: [Decision(approved=True, at="2020-01-02T23:00:00Z")]}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(tmp_path)) as connection:
        at = session_close("2020-01-03")
        save_price_bars(connection, [PriceBar("KO", "2020-01-03", 50, 51, 49, 50, 1e6, "test", at)], at)
        save_orders(connection, [ORDER])
        yield connection


def test_a_record_that_agrees_says_nothing(db: sqlite3.Connection) -> None:
    assert find_discrepancies(db, TERMS, {}, NOW) == []
    save_outcomes(db, [FILL], [], NOW)
    assert find_discrepancies(db, TERMS, SAID, NOW) == []


@pytest.mark.parametrize(
    ("fill", "said", "sentence"),
    [
        (FILL, {}, "filled without an approval that is older"),
        (FILL, {"bg-0000000001": [*SAID["bg-0000000001"], Decision(False, "2020-01-03T10:00:00Z")]},
         "filled without an approval"),
        (FILL, {"bg-0000000001": [Decision(True, "2020-01-03T20:00:00Z")]}, "filled without an approval"),
        (replace(FILL, side="sell"), SAID, "was an order to buy KO"),
        (replace(FILL, side="sell"), SAID, "10 shares of KO are owed"),
        (replace(FILL, shares=11), SAID, "was an order of 10 shares only"),
        (replace(FILL, market_price=55.0), SAID, "KO traded between $49.00 and $51.00"),
        (replace(FILL, price=500.0), SAID, "the account owes $4,000.50"),
    ],
)  # fmt: skip
def test_each_disagreement_is_told(
    db: sqlite3.Connection, fill: Fill, said: dict[str, list[Decision]], sentence: str
) -> None:
    save_outcomes(db, [fill], [], NOW)
    assert any(sentence in one for one in find_discrepancies(db, TERMS, said, NOW))


def test_a_split_before_the_fill_multiplies_what_was_ordered(db: sqlite3.Connection) -> None:
    split = CorporateAction("KO", "2020-01-03", "split", 2.0, "test", session_close("2020-01-03"))
    save_corporate_actions(db, [split], NOW)
    save_outcomes(db, [replace(FILL, shares=20.0)], [], NOW)
    assert (
        find_discrepancies(db, replace(TERMS, paid_in=(("2020-01-01T12:00:00Z", 2000.0),)), SAID, NOW) == []
    )


def test_other_shares_at_a_broker_are_told(db: sqlite3.Connection) -> None:
    save_outcomes(db, [FILL], [], NOW)
    account = derive_account(
        "alpaca", paid_in=[], fills=load_fills(db), actions=[], prices={}, session="2020-01-03"
    )
    assert differences(account, {"KO": 10.0}) == []
    assert differences(account, {"KO": 9.0, "PEP": 1.0}) == [
        "KO: 10 shares by the record, 9 at alpaca",
        "PEP: 0 shares by the record, 1 at alpaca",
    ]
