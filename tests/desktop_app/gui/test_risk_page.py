"""The page of risk: the holdings first, a stock by its button, one horizon's parts at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.risk_page import RiskPage
from desktop_app.store import open_home
from fusion_model.store_risk import save_risk
from tests.desktop_app.facts import NOW, SESSIONS, fill_home
from tests.desktop_app.gui.at_window import shown
from tests.fusion_model.test_store_risk import COMPONENT, EPISODE, FACTOR, MINE, REPORT, TAIL, UNSEEN

OpenWindow = Callable[..., MainWindow]
LAST = SESSIONS[-1]


def fill_risk(home: Path) -> None:
    """Risk of AAA, and of holdings in two stocks over one and five sessions."""
    own = replace(REPORT, subject="AAA", as_of_session=LAST)
    with closing(open_home(home)) as db:
        save_risk(db, [own], NOW)
        save_risk(
            db, [replace(own, subject=MINE, horizon=h, value=1000.0, drawdown_95=0.1) for h in (1, 5)], NOW
        )
        parts = [
            replace(COMPONENT, as_of_session=LAST, ticker=ticker, horizon=h, es_99_part=part)
            for h in (1, 5)
            for ticker, part in (("AAA", 0.015), ("BBB", 0.045))
        ]
        save_risk(db, parts, NOW)
        save_risk(db, [replace(TAIL, as_of_session=LAST)], NOW)
        save_risk(db, [replace(FACTOR, subject=name, as_of_session=LAST) for name in ("AAA", MINE)], NOW)
        save_risk(db, [replace(EPISODE, subject="AAA", as_of_session=LAST)], NOW)
        save_risk(db, [replace(UNSEEN, as_of_session=LAST)], NOW)


@pytest.fixture
def page(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> RiskPage:
    fill_home(tmp_path)
    fill_risk(tmp_path)
    window = open_window(tmp_path)
    shown(qtbot, window, "AAA")
    page = window.page("risk")
    assert isinstance(page, RiskPage)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("risk")
    return page


def test_the_holdings_come_first_with_the_heaviest_bearer_on_top(page: RiskPage) -> None:
    assert page.held.isChecked()
    assert page.as_of.text() == "2 holdings as of 16 Mar 2021"
    assert page.headline.text() == (
        "In one of 20 cases the next 5 sessions cost more than 3.0 % ($30.00), and then 4.0 % ($40.00) on "
        "average; in one of 100 more than 5.0 % ($50.00)."
    )
    assert page.parts.rows == (
        ("BBB", "50.0 %", "50.0 %", "50.0 %", "75.0 %", "−6.0 %"),
        ("AAA", "50.0 %", "50.0 %", "50.0 %", "25.0 %", "−6.0 %"),
    )
    assert page.unseen.text() == "The market: never so low."
    assert page.tail.text() == (
        "The worst 1 % of scenarios go together as stocks did on 3 Oct 2008 to 10 Oct 2008 (−20.0 %)."
    )


def test_a_horizon_without_parts_hides_their_table(page: RiskPage) -> None:
    page.show_horizon(20)
    assert page.part_table.isHidden()
    page.show_horizon(1)
    assert not page.part_table.isHidden()


def test_a_stock_has_no_parts_and_its_own_past(page: RiskPage) -> None:
    page.stock.click()
    assert (page.stock.text(), page.as_of.text()) == ("AAA", "AAA as of 16 Mar 2021")
    assert page.part_table.isHidden()
    assert [cells[0] for cells in page.past.rows] == ["pandemic"]
    assert page.factors.rows == (("the S&P 500 (SPY)", "+0.60 %", "per 1 %", "0.05 %", "yes"),)
    assert page.losses.rows[0][-1] == ""


def test_a_record_without_risk_offers_to_refresh(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    page = window.page("risk")
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("risk")
    assert page.empty.title.text() == "No risk is known yet"
    assert page.empty.button.text() == "Refresh"
