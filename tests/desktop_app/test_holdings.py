"""Holdings: stated, changed, imported, valued; and nothing of what was stated is ever lost."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors.errors import BadInput
from collectors.store import save_corporate_actions, save_price_bars
from desktop_app import store
from desktop_app.holdings_file import StatedHolding, read_holdings
from desktop_app.portfolio_rows import load_holding_rows, save_stated
from desktop_app.store import Holding, HoldingChange
from tests.builders import action, bars

NOW, LATER, LAST = "2020-01-02T22:00:00Z", "2020-01-03T22:00:00Z", "2020-01-06T22:00:00Z"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def db(home: Path) -> Iterator[sqlite3.Connection]:
    with closing(store.open_home(home)) as connection:
        yield connection


# Statements ---------------------------------------------------------------------------------------


def test_the_newest_statement_stands_and_the_earlier_ones_stay(db: sqlite3.Connection) -> None:
    assert store.save_holding(db, "KO", 10, 50.0, NOW)
    assert store.save_holding(db, "KO", 12.5, None, LATER)
    assert not store.save_holding(db, "KO", 12.5, None, LAST)
    assert store.load_holdings(db) == [Holding("KO", 12.5, None, NOW)]
    assert store.load_holding_changes(db) == [
        HoldingChange("KO", 10.0, 50.0, NOW),
        HoldingChange("KO", 12.5, None, LATER),
    ]


def test_what_is_removed_and_bought_again_is_held_since_then(db: sqlite3.Connection) -> None:
    store.save_holding(db, "KO", 10, 50.0, NOW)
    assert store.remove_holding(db, "KO", LATER)
    assert not store.remove_holding(db, "KO", LATER)
    assert store.load_holdings(db) == []
    store.save_holding(db, "KO", 3, None, LAST)
    assert store.load_holdings(db) == [Holding("KO", 3.0, None, LAST)]
    assert len(store.load_holding_changes(db)) == 3


def test_a_statement_is_never_rewritten(db: sqlite3.Connection) -> None:
    store.save_holding(db, "KO", 10, 50.0, NOW)
    for statement in ("UPDATE holding_change SET shares = 1", "DELETE FROM holding_change"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)


@pytest.mark.parametrize(
    ("shares", "cost"), [(0, None), (-1, 5.0), (math.nan, None), (1, -1.0), (1, math.inf)]
)
def test_what_cannot_be_held_is_refused(db: sqlite3.Connection, shares: float, cost: float | None) -> None:
    with pytest.raises(ValueError, match="cannot be held"):
        store.save_holding(db, "KO", shares, cost, NOW)


def test_a_split_after_the_statement_changes_shares_and_cost(db: sqlite3.Connection) -> None:
    store.save_holding(db, "KO", 10, 50.0, NOW)
    save_corporate_actions(
        db, [action("KO", "2020-01-02", "split", 3.0), action("KO", "2020-01-06", "split", 2.0)], LAST
    )
    assert store.load_holdings(db) == [Holding("KO", 20.0, 25.0, NOW)]
    store.save_holding(db, "KO", 20, 25.0, LAST)  # the same again, in shares of its day: no news
    assert len(store.load_holding_changes(db)) == 1


# Worth --------------------------------------------------------------------------------------------


def test_rows_tell_worth_and_weight_at_the_newest_close(db: sqlite3.Connection) -> None:
    save_price_bars(db, [*bars("KO", [40.0, 50.0]), *bars("PEP", [100.0, 150.0])], NOW)
    store.save_holding(db, "KO", 3, 40.0, NOW)
    store.save_holding(db, "PEP", 1, None, NOW)
    store.save_holding(db, "XYZ", 7, 1.0, NOW)
    found = [(row.ticker, row.value, row.weight, row.session) for row in load_holding_rows(db)]
    assert found[:2] == [("KO", 150.0, 0.5, "2020-01-03"), ("PEP", 150.0, 0.5, "2020-01-03")]
    assert found[2][0] == "XYZ"
    assert math.isnan(found[2][1])
    assert load_holding_rows(db)[0].gain == 0.25
    assert [row.value for row in load_holding_rows(db, "2020-01-02")][:2] == [120.0, 100.0]


def test_worth_before_a_split_counts_shares_of_today(db: sqlite3.Connection) -> None:
    save_price_bars(db, bars("KO", [40.0, 20.0]), NOW)
    save_corporate_actions(db, [action("KO", "2020-01-03", "split", 2.0)], NOW)
    store.save_holding(db, "KO", 6, None, LATER)
    assert load_holding_rows(db, "2020-01-02")[0].value == 120.0
    assert load_holding_rows(db)[0].value == 120.0


# Files --------------------------------------------------------------------------------------------


def read(tmp_path: Path, text: str) -> tuple[list[StatedHolding], list[tuple[int, str]]]:
    path = tmp_path / "positions.csv"
    path.write_text(text, "utf-8")
    found = read_holdings(path)
    return list(found.holdings), [(bad.line, bad.reason) for bad in found.bad_lines]


@pytest.mark.parametrize(
    "text",
    [
        "ticker,shares,cost\nKO,10,50\nBRK.B,1.5,\n",
        "Symbol;Quantity;Average price\nKO;10;50,00\nbrk-b;1,5;\n",
        'Positions for account X as of today\n\n"Symbol","Qty (Quantity)","Cost Basis"\n'
        '"KO","10","$500.00"\n"BRK-B","1.5","--"\n',
        "Account,Symbol,Description,Quantity,Last Price,Cost Basis Total,Average Cost Basis\n"
        'Z1,KO,COCA COLA,10,$60.00,"$1,000.00",$50.00\nZ1,BRK.B,BERKSHIRE,1.5,$200.00,n/a,n/a\n',
        "Symbol,Current Price,Purchase Price,Quantity\nKO,60,40,5\nKO,60,60,5\nBRK-B,200,,1.5\n",
    ],
    ids=["ours", "semicolons", "total cost", "total and average", "lots"],
)
def test_lists_of_several_brokers_say_the_same(tmp_path: Path, text: str) -> None:
    found, bad = read(tmp_path, text)
    assert [(h.ticker, h.shares, h.cost) for h in found] == [("BRK.B", 1.5, None), ("KO", 10.0, 50.0)]
    assert bad == []


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    text = 'ticker,shares,cost\nKO,10,50\n\nNO TICKER,1,1\nPEP,many,1\nPEP,-3,1\nAAPL,1\nMSFT,"1,5",2\n,4,4\n'
    found, bad = read(tmp_path, text)
    assert [h.ticker for h in found] == ["AAPL", "KO"]
    assert bad == [
        (4, "'NO TICKER' is no ticker"),
        (5, "shares is 'many', not a number"),
        (6, "PEP has -3 shares; what is sold short or empty is not kept"),
        (8, "shares is '1,5'; expected a number like 1234.5 or 1,234.50"),
        (9, "has no ticker"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("name,amount\nKO,10\n", "no header with a ticker and a number of shares"),
        ("ticker,shares\n", "only a header"),
        ("ticker,shares\nKO,none\n", "line 2: shares is 'none', not a number"),
    ],
)
def test_a_file_without_holdings_says_what_was_expected(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(tmp_path, text)


def test_a_file_of_bytes_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadInput, match="no UTF-8 text"):
        read_holdings(tmp_path / "x.csv")


def test_an_import_keeps_what_it_does_not_name_unless_it_replaces(db: sqlite3.Connection) -> None:
    store.save_holding(db, "KO", 10, 50.0, NOW)
    stated = [StatedHolding("PEP", 2.0, None)]
    assert save_stated(db, stated, LATER) == (["PEP"], [])
    assert save_stated(db, stated, LATER) == ([], [])
    assert save_stated(db, stated, LATER, replace=True) == ([], ["KO"])
    assert [held.ticker for held in store.load_holdings(db)] == ["PEP"]
