"""The Why page: a bar a cause, what would be otherwise, and what was known that day."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from collectors.records import MacroObservation
from collectors.store import save_macro
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.theme import DARK
from desktop_app.gui.why_page import WhyPage
from desktop_app.store import open_home
from fusion_model.store_reasons import save_reasons
from tests.desktop_app.facts import NOW, fill_home
from tests.desktop_app.test_why import reasons

OpenWindow = Callable[..., MainWindow]


def fill_reasons(home: Path) -> None:
    """Reasons at two horizons of AAA, and a rate released on the day."""
    found = reasons()
    rows = (*found.attributions, *(replace(row, horizon=5) for row in reasons({"price": 0.3}).attributions))
    rate = MacroObservation("DGS10", "2021-03-15", 1.62, "2021-03-16", "2021-03-16T19:00:00Z")
    with closing(open_home(home)) as db:
        save_reasons(db, [replace(found, attributions=rows)], NOW)
        save_macro(db, [rate, replace(rate, observed_on="2021-03-12", value=1.6)], NOW)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    fill_home(tmp_path)
    fill_reasons(tmp_path)
    return tmp_path


def open_why(qtbot: QtBot, window: MainWindow, ticker: str = "AAA") -> WhyPage:
    page = window.page("why")
    assert isinstance(page, WhyPage)
    window.desk.choose_ticker(ticker)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("why")
    return page


def test_a_horizon_is_told_in_a_sentence_and_a_bar_a_cause(
    qtbot: QtBot, open_window: OpenWindow, home: Path
) -> None:
    page = open_why(qtbot, open_window(home))
    assert page.headline.text().startswith("The range of 5 sessions is 36\u00a0% wider")
    page.horizons.button(20).click()
    assert page.headline.text().startswith("The range of 20 sessions is 47\u00a0% wider")
    told = [(row.label, row.text) for row in page.causes.rows]
    assert told[-1] == ("Report expected on Tue 23 Mar", "adds 60 %")
    assert "would be" in page.otherwise.text()
    assert "no view on AAA" in page.median.text()
    page.horizons.button(1).click()  # has no reasons: the first that has is told
    assert page.headline.text().startswith("The range of 5 sessions")


def test_posts_and_figures_of_the_day_stand_beside_it(
    qtbot: QtBot, open_window: OpenWindow, home: Path
) -> None:
    page = open_why(qtbot, open_window(home))
    assert page.posts.heading() == "1 post on AAA known by the close of 16 Mar 2021"
    rows = [(row.title, row.observed, row.value, row.before) for row in page.releases.rows]
    assert rows == [("Treasury yield, 10 years", "15 Mar 2021", "1.62 %", "1.60 %")]


def test_a_related_stock_leads_to_its_own_reasons(qtbot: QtBot, open_window: OpenWindow, home: Path) -> None:
    window = open_window(home)
    page = open_why(qtbot, window)
    assert [row.ticker for row in page.neighbours.rows] == ["BBB"]
    table = page._neighbour_table
    table.selectRow(0)
    with qtbot.waitSignal(page.completed, timeout=5000):
        table.activated.emit(table.currentIndex())
    assert window.desk.ticker == "BBB"
    assert page.empty.title.text() == "No reasons for BBB yet"
    assert page.empty.button.text() == "Refresh"


def test_bars_are_drawn_in_the_colours_of_the_theme(
    qtbot: QtBot, open_window: OpenWindow, home: Path
) -> None:
    page = open_why(qtbot, open_window(home))
    light = page._cause_table.grab().toImage()
    page.show_theme(DARK)
    dark = page._cause_table.grab().toImage()
    assert light.size() == dark.size()
    assert light != dark


def test_the_horizon_is_remembered(qtbot: QtBot, open_window: OpenWindow, home: Path) -> None:
    first = open_window(home)
    open_why(qtbot, first).horizons.button(20).click()
    first.close()
    again = open_why(qtbot, open_window(home))
    assert again.headline.text().startswith("The range of 20 sessions")
