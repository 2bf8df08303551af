"""`orders`, `account` and `journal` from the command line: words for a person, one document for a program."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collectors.market_calendar import last_closed_session, session_after, session_close, utc_now
from collectors.records import PriceBar
from collectors.store import save_price_bars
from desktop_app.cli import run
from desktop_app.settings import Settings, save_settings
from desktop_app.store import open_home, watch
from fusion_model.store import save_forecasts
from tests.builders import forecast_of

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def barograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """A home of five tickers whose last closed session is forecast for, and its command line."""
    now = utc_now()
    session = last_closed_session(now)
    tickers = ["AA", "BB", "CC", "DD", "EE"]
    with closing(open_home(tmp_path)) as db:
        watch(db, tickers, now)
        at = session_close(session)
        save_price_bars(db, [PriceBar(t, session, 50, 51, 49, 50, 1e6, "test", at) for t in tickers], at)
        save_forecasts(db, [forecast_of(t, session, session_after(session, 1)) for t in tickers], at)
    save_settings(tmp_path, Settings(paper_cash=1000.0))

    def command(*arguments: str, home: Path = tmp_path) -> tuple[int, Any, str]:
        code = run(["--home", str(home), "--json", *arguments])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return command


def test_an_order_goes_from_proposal_to_approval_and_into_the_journal(barograph: Run, tmp_path: Path) -> None:
    assert barograph("orders", "run")[1]["why_none"].startswith("no paper account is open")
    assert barograph("account", "deposit")[1] == {"paid_in": 1000.0}
    code, done, _ = barograph("orders", "run")
    assert (code, len(done["proposed"])) == (0, 5)
    [first, *others] = barograph("orders", "list")[1]["orders"]
    assert (first["status"], first["ticker"], first["strategy"]) == ("waiting", "EE", "rebalance")
    assert (first["shares"], others[0]["shares"]) == (3.0, 4.0)  # four of each would leave nothing for fees
    code, told, _ = barograph("orders", "approve", first["order_id"][:12], "--note", "go on")
    assert (code, told["decisions"][0]["decision"]) == (0, "approved")
    barograph("orders", "reject", *(order["order_id"] for order in others))
    code, journal, _ = barograph("journal")
    assert [row["decision"] for row in journal["rows"]].count("rejected") == 4
    assert journal["rows"][-1]["kind"] == "deposit"
    assert {row["verdict"] for row in journal["tallies"]} == {"too few to tell (0 of 20 spans)"}
    out = tmp_path / "orders.csv"
    assert barograph("orders", "export", "--out", str(out))[1]["rows"] == 5
    assert barograph("export", "orders", "--out", str(out))[1]["rows"] == 5
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["status"] for row in rows) == ["approved"] + ["rejected"] * 4
    assert {row["note"] for row in rows} == {"go on", ""}
    assert barograph("export", "journal", "--out", str(tmp_path / "journal.csv"))[1]["rows"] == 6


def test_a_decision_that_cannot_be_taken_says_why(barograph: Run) -> None:
    code, told, _ = barograph("orders", "approve", "bg-nothing")
    assert (code, "names no order" in told["error"]) == (4, True)


def test_an_order_of_ones_own_is_placed_within_the_limits(barograph: Run) -> None:
    assert "account deposit" in barograph("orders", "place", "buy", "aa", "3")[1]["error"]
    barograph("account", "deposit")
    code, told, _ = barograph("orders", "place", "buy", "aa", "3", "--note", "a try")
    assert (code, told["order"]["ticker"], told["order"]["strategy"]) == (0, "AA", "own")
    assert barograph("orders", "list")[1]["orders"][0]["status"] == "approved"
    code, told, _ = barograph("orders", "place", "buy", "AA", "30")
    assert (code, "your limit for one" in told["error"]) == (4, True)
    assert barograph("orders", "place", "sell", "AA", "1")[1]["error"].endswith("no shares of AA are held")


def test_rules_are_set_listed_and_removed(barograph: Run) -> None:
    code, told, _ = barograph("orders", "rules", "add", "small", "--strategy", "protective", "--below", "500")
    assert (code, told["rules"]) == (
        0,
        [{"name": "small", "strategy": "protective", "side": "", "most_usd": 500.0}],
    )
    assert barograph("orders", "rules")[1] == told
    assert barograph("orders", "rules", "remove", "small")[1] == {"rules": []}
    assert barograph("orders", "rules", "remove", "small")[0] == 4
    assert barograph("orders", "rules", "add", "small", "--below", "-5")[0] == 4


def test_switches_are_turned_and_shown(barograph: Run, tmp_path: Path) -> None:
    barograph("account", "deposit")
    barograph("account", "automatic", "on")
    barograph("orders", "run")
    assert barograph("account", "kill", "--note", "storm")[1]["on"] is True
    out = tmp_path / "account.csv"
    view = barograph("account", "show", "--csv", str(out))[1]["account"]
    assert out.read_text("utf-8").splitlines()[1:] == ["cash,,,,1000.000000,1.000000,"]
    assert (view["killed"], view["automatic"], view["waiting"], view["equity"]) == (True, True, 0, 1000.0)
    assert "kill switch" in barograph("orders", "run")[1]["why_none"]
    assert {order["status"] for order in barograph("orders", "list", "--all")[1]["orders"]} == {"cancelled"}
    barograph("account", "resume")
    assert barograph("account")[1]["account"]["killed"] is False


def test_orders_and_the_account_are_written_as_csv_beside_what_is_said(
    barograph: Run, tmp_path: Path
) -> None:
    orders, account = tmp_path / "orders.csv", tmp_path / "account.csv"
    assert barograph("orders", "list", "--csv", str(orders))[1] == {"orders": []}
    assert len(orders.read_text("utf-8").splitlines()) == 1  # the head of none
    barograph("account", "deposit")
    barograph("orders", "run")
    listed = barograph("orders", "list", "--csv", str(orders))[1]["orders"]
    rows = list(csv.DictReader(orders.read_text("utf-8").splitlines()))
    assert [row["order_id"] for row in rows] == [order["order_id"] for order in listed]
    barograph("account", "--csv", str(account))
    assert account.read_text("utf-8").splitlines()[-1].startswith("cash,,,,1000.0")


def test_negative_shares_are_a_number_that_is_refused(barograph: Run) -> None:
    """Once the answer was that there is no option -3."""
    code, _, said = barograph("orders", "place", "buy", "AA", "-3")
    assert (code, "-3 shares cannot be traded; expected a number above 0" in said) == (4, True)


def test_an_account_that_agrees_says_so(barograph: Run) -> None:
    assert barograph("account", "reconcile")[:2] == (0, {"discrepancies": []})


def test_a_note_keeps_the_price_of_its_moment(barograph: Run) -> None:
    code, told, _ = barograph("journal", "note", "aa", "too dear")
    assert (code, told["ticker"], told["price"]) == (0, "AA", 50.0)
    assert barograph("journal", "list", "AA")[1]["rows"][0]["note"] == "too dear"
    assert barograph("journal", "note", "AA", " ")[0] == 4


@pytest.mark.parametrize("command", [["orders"], ["account"], ["journal"], ["orders", "rules"]])
def test_a_person_is_told_in_words(
    barograph: Run, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), *command]) == 0
    assert capsys.readouterr().out.strip()


def test_the_broker_alpaca_without_keys_says_how_to_get_them(
    barograph: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.delenv("ALPACA_API_KEY", raising=False)
    save_settings(tmp_path, Settings(broker="alpaca"))
    code, told, _ = barograph("orders", "run")
    assert (code, "ALPACA_API_KEY" in told["error"]) == (3, True)
