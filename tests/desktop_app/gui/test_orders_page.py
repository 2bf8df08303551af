"""The pages of orders and of the journal: open an account, decide, stop everything, note, and read it all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from collectors.market_calendar import last_closed_session, session_after, session_close, utc_now
from collectors.records import PriceBar
from collectors.store import save_price_bars
from desktop_app.account import deposit, keep_account
from desktop_app.gui.journal_page import JournalPage
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.orders_page import OrdersPage
from desktop_app.settings import Settings
from desktop_app.store import open_home, open_home_reader, watch
from desktop_app.store_journal import load_cash_movements, load_decisions, load_entries, load_switches
from fusion_model.store import save_forecasts
from tests.builders import forecast_of
from tests.desktop_app.gui.at_window import shown

OpenWindow = Callable[..., MainWindow]
SETTINGS = Settings(theme="light", paper_cash=10_000.0)


def fill(home: Path, *, opened: bool = True) -> None:
    """Five tickers whose last closed session is forecast for; with an account, five orders wait."""
    now = utc_now()
    session = last_closed_session(now)
    tickers = ["AAA", "BBB", "CCC", "DDD", "EEE"]
    with closing(open_home(home)) as db:
        watch(db, tickers, now)
        at = session_close(session)
        save_price_bars(db, [PriceBar(t, session, 50, 51, 49, 50, 1e6, "test", at) for t in tickers], at)
        save_forecasts(db, [forecast_of(t, session, session_after(session, 1)) for t in tickers], at)
        if opened:
            deposit(db, SETTINGS, None, "", now)
            keep_account(db, SETTINGS, now)


def opened(qtbot: QtBot, window: MainWindow, name: str) -> object:
    shown(qtbot, window, "AAA")
    page = window.page(name)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page(name)
    return page


@pytest.fixture
def page(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> OrdersPage:
    fill(tmp_path)
    page = opened(qtbot, open_window(tmp_path, settings=SETTINGS), "orders")
    assert isinstance(page, OrdersPage)
    return page


def test_what_waits_stands_with_its_reason_and_is_counted_in_the_navigation(
    qtbot: QtBot, page: OrdersPage
) -> None:
    assert page.waiting_heading.text() == "Waiting for you (5)"
    assert page.headline.text() == "$10,000 on paper: 0.0 % on $10,000 paid in, after all costs."
    assert "equal weights over your watchlist" in page.reason.text()
    assert "today's 95 % range $49.03 to $50.99" in page.reason.text()
    qtbot.waitUntil(lambda: page.desk.overview.badges.get("orders") == 5)


def test_a_decision_is_kept_with_its_note_and_what_was_shown(
    qtbot: QtBot, page: OrdersPage, tmp_path: Path
) -> None:
    chosen = page.waiting.rows[0].order
    page.note.setText("too dear")
    with qtbot.waitSignal(page.completed, timeout=5000):
        page.reject.click()
    qtbot.waitUntil(lambda: len(page.waiting.rows) == 4)
    with closing(open_home_reader(tmp_path)) as db:
        [entry] = load_decisions(db).values()
    assert (entry.subject, entry.decision, entry.note, entry.price) == (
        chosen.order_id, "rejected", "too dear", 50.0,
    )  # fmt: skip
    assert page.note.text() == ""
    assert page.earlier.rows[0].status == "rejected"
    with qtbot.waitSignal(page.completed, timeout=5000):
        page.approve.click()
    qtbot.waitUntil(lambda: [row.status for row in page.earlier.rows].count("approved") == 1)


def test_everything_stops_at_one_press_and_goes_on_at_another(
    qtbot: QtBot, page: OrdersPage, tmp_path: Path
) -> None:
    page.kill.click()
    qtbot.waitUntil(lambda: page.kill.text() == "Resume")
    assert "kill switch is on" in page.mode.text()
    assert page.waiting.rows == ()
    assert {row.status for row in page.earlier.rows} == {"cancelled"}
    page.kill.click()
    qtbot.waitUntil(lambda: page.kill.text() == "Stop everything")
    with closing(open_home_reader(tmp_path)) as db:
        assert [turned.turned_on for turned in load_switches(db, "paper")] == [True, False]


def test_automatic_is_a_switch_that_is_recorded(qtbot: QtBot, page: OrdersPage, tmp_path: Path) -> None:
    page.automatic.click()
    qtbot.waitUntil(lambda: "Automatic" in page.mode.text())
    with closing(open_home_reader(tmp_path)) as db:
        assert [(turned.switch, turned.turned_on) for turned in load_switches(db)] == [("automatic", True)]


def test_without_an_account_the_page_offers_to_open_one(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    fill(tmp_path, opened=False)
    window = open_window(tmp_path, (sys.executable, "-c", "print('{\"result\": {}}')"), SETTINGS)
    page = opened(qtbot, window, "orders")
    assert isinstance(page, OrdersPage)
    assert page.empty.button.text() == "Open one with $10,000 on paper"
    page.empty.button.click()

    def paid() -> bool:
        with closing(open_home_reader(tmp_path)) as db:
            return [movement.amount for movement in load_cash_movements(db)] == [10_000.0]

    qtbot.waitUntil(paid, timeout=5000)
    qtbot.waitUntil(lambda: not window.desk.command.running, timeout=5000)


def test_a_window_that_closes_writes_what_was_chosen_and_begins_no_work(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    fill(tmp_path, opened=False)
    window = open_window(tmp_path, (sys.executable, "-c", "import time; time.sleep(60)"), SETTINGS)
    page = opened(qtbot, window, "orders")
    assert isinstance(page, OrdersPage)
    page.empty.button.click()
    window.close()
    qtbot.wait(50)  # the answer of the writing thread is delivered
    assert not window.desk.command.running
    with closing(open_home_reader(tmp_path)) as db:
        assert [movement.amount for movement in load_cash_movements(db)] == [10_000.0]


def test_the_journal_shows_decisions_and_takes_notes(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    fill(tmp_path)
    page = opened(qtbot, open_window(tmp_path, settings=SETTINGS), "journal")
    assert isinstance(page, JournalPage)
    assert [row.kind_name for row in page.entries.rows] == ["Deposit"]
    page.note.setText("watch the dividend")
    page.add.click()
    qtbot.waitUntil(lambda: len(page.entries.rows) == 2)
    row = page.entries.rows[0]
    assert (row.kind_name, row.entry.ticker, row.entry.note, row.what) == (
        "Note", "AAA", "watch the dividend", "while it stood at $50.00",
    )  # fmt: skip
    page.kinds.setCurrentText("Account")
    assert [row.kind_name for row in page.entries.rows] == ["Deposit"]
    page.kinds.setCurrentText("Decisions")
    assert page.entries.rows == ()
    with closing(open_home_reader(tmp_path)) as db:
        assert [entry.kind for entry in load_entries(db)] == ["note"]
    assert page.headline.text() == "You have rejected no proposal whose outcome is known."
