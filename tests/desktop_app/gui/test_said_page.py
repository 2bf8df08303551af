"""The page of past fans: a day is chosen by dragging, clicking or keys, and its misses are shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.said_page import SaidPage
from desktop_app.store import open_home
from fusion_model.store import save_forecasts
from tests.desktop_app.facts import NOW, SESSIONS, fill_home, forecast
from tests.desktop_app.gui.at_window import shown

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def page(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> SaidPage:
    """Forecasts of five sessions; the one of SESSIONS[6] was far too high, so that it missed."""
    fill_home(tmp_path)
    with closing(open_home(tmp_path)) as db:
        save_forecasts(db, [forecast(session=SESSIONS[i]) for i in (5, 7, 8)], NOW)
        high = tuple(q + 0.2 for q in forecast().quantiles)
        save_forecasts(db, [replace(forecast(session=SESSIONS[6]), quantiles=high)], NOW)
    window = open_window(tmp_path)
    shown(qtbot, window, "AAA")
    page = window.page("said")
    assert isinstance(page, SaidPage)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("said")
    return page


def test_the_page_begins_at_the_newest_day_of_which_all_has_come(page: SaidPage) -> None:
    assert page.past.said[page.index].session == SESSIONS[-3]
    assert page.words.blocks[1].verdict.text() == "● inside the 50 % range"
    assert page.words.blocks[5].isHidden()


def test_dragging_the_line_shows_the_fan_of_the_nearest_day(page: SaidPage) -> None:
    page.chart._days[0].setValue(6.4)
    page.chart._days[0].sigDragged.emit(page.chart._days[0])
    assert page.past.said[page.index].session == SESSIONS[6]
    assert page.chart._days[1].value() == 6
    assert page.words.blocks[1].verdict.text() == "✕ below the 95 % range"
    assert page.words.blocks[1].verdict.property("role") == "warning"


def test_misses_are_a_key_away(qtbot: QtBot, page: SaidPage) -> None:
    assert page.earlier_miss.isEnabled()
    page.earlier_miss.click()
    assert page.past.said[page.index].session == SESSIONS[6]
    assert (page.earlier_miss.isEnabled(), page.later_miss.isEnabled()) == (False, False)
    qtbot.keyClick(page.slider, Qt.Key.Key_Right)
    assert page.past.said[page.index].session == SESSIONS[7]
    assert page.earlier_miss.isEnabled()


def test_a_miss_has_a_shape_of_its_own_in_the_strip(page: SaidPage) -> None:
    page.show_horizon(1)
    assert [spot.symbol() for spot in page.chart._misses.points()] == ["t"]
    assert len(page.chart._inside.points()) == 4
    page.show_horizon(20)
    assert len(page.chart._inside.points()) == 0


def test_a_ticker_of_which_nothing_was_said_explains_and_offers_to_train(
    qtbot: QtBot, page: SaidPage
) -> None:
    with qtbot.waitSignal(page.completed, timeout=5000):
        page.desk.choose_ticker("BBB")
    assert page.empty.title.text() == "Nothing was said of BBB yet"
    assert page.empty.button.text() == "Train"


def test_another_page_can_point_at_a_day(qtbot: QtBot, page: SaidPage) -> None:
    with qtbot.waitSignal(page.completed, timeout=5000):
        page.desk.go_to("said", "AAA", SESSIONS[7])
    assert page.past.said[page.index].session == SESSIONS[7]
