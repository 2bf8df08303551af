"""What holds for every page of the registry: named, reached by a key, built late, read only while seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTableView,
)
from pytestqt.qtbot import QtBot

from desktop_app.gui.desk import Desk
from desktop_app.gui.icons import STROKES
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.page import Page, PageEntry
from desktop_app.gui.pages import PAGES
from desktop_app.gui.workers import Read
from desktop_app.settings import Settings
from desktop_app.store import load_acknowledgements, load_watchlist, open_home_reader, watch
from tests.desktop_app.facts import NOW, fill_home
from tests.desktop_app.gui.at_window import market, open_alerts, shown

OpenWindow = Callable[..., MainWindow]
NAMES = [entry.name for entry in PAGES]


class EchoPage(Page):
    """A page as a colleague would write it."""

    title = "Echo"
    follows_ticker = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.heard: list[Any] = []

    def reading(self) -> Read:
        ticker = self.desk.ticker
        return lambda db: (ticker, load_watchlist(db))

    def show_rows(self, rows: Any) -> None:
        self.heard.append(rows)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = PageEntry("echo", "Echo", "Alt+9", f"{__name__}:EchoPage")
    monkeypatch.setattr("desktop_app.gui.main_window.PAGES", (*PAGES, entry))


def test_pages_differ_in_name_and_key_and_each_has_an_icon() -> None:
    assert len({entry.name for entry in PAGES}) == len({entry.shortcut for entry in PAGES}) == len(PAGES)
    assert [entry.name for entry in PAGES if entry.name not in STROKES] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_page_opens_on_a_record_and_each_control_has_a_name(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, name: str
) -> None:
    window = open_window(fill_home(tmp_path))
    page = window.page(name)
    if name != "market":
        with qtbot.waitSignal(page.completed, timeout=5000):
            window.open_page(name)
    else:
        shown(qtbot, window, "AAA")
    assert window.shown_page() == name
    controls: list[Any] = []
    for kind in (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit):
        controls += window.findChildren(kind)
    nameless = [one for one in controls if one.isVisible() and not _said(one)]
    assert nameless == []


def _said(control: Any) -> str:
    inner = isinstance(control.parent(), QComboBox | QLineEdit | QTableView)
    if control.objectName().startswith("qt_") or (inner and not isinstance(control, QLineEdit)):
        return "a part of another control"
    text = control.text() if isinstance(control, QAbstractButton) else ""
    return str(control.accessibleName() or text)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_opens_on_an_empty_home(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, name: str
) -> None:
    window = open_window(tmp_path)
    window.open_page(name)
    page = window.page(name)
    assert page.empty.isVisible() or not page.needs_record
    if page.needs_record:
        assert page.empty.title.text() == "Nothing is stored yet"


def test_a_key_opens_a_page_and_no_page_is_built_before(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    assert list(window._pages) == ["market"]
    with qtbot.waitActive(window):
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert (window.shown_page(), list(window._pages)) == ("alerts", ["market", "alerts"])


@pytest.mark.usefixtures("echo")
def test_a_hidden_page_is_read_only_when_it_is_seen_again(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    page = window.page("echo")
    assert isinstance(page, EchoPage)
    with qtbot.waitSignal(page.completed):
        window.open_page("echo")
    assert page.heard == [("AAA", ["AAA", "BBB"])]
    with qtbot.waitSignal(page.completed):
        window.desk.choose_ticker("BBB")
    assert page.heard[1:] == [("BBB", ["AAA", "BBB"])]
    window.open_page("market")
    window.desk.choose_ticker("AAA")
    shown(qtbot, window, "AAA")
    assert len(page.heard) == 2
    with qtbot.waitSignal(page.completed):
        window.open_page("echo")
    assert page.heard[2:] == [("AAA", ["AAA", "BBB"])]


@pytest.mark.usefixtures("echo")
def test_a_written_choice_is_seen_by_the_page_that_asked_for_it(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    page = window.page("echo")
    assert isinstance(page, EchoPage)
    with qtbot.waitSignal(page.completed):
        window.open_page("echo")
    window.desk.write("watch", lambda db: watch(db, ["CCC"], NOW))
    qtbot.waitUntil(lambda: page.heard[-1][1] == ["AAA", "BBB", "CCC"])


def test_no_choice_is_lost_to_a_newer_one_or_to_the_end_of_the_window(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    for ticker in ("CCC", "DDD", "EEE"):
        window.desk.write("watch", lambda db, one=ticker: watch(db, [one], NOW))
    window.close()
    with closing(open_home_reader(tmp_path)) as db:
        assert load_watchlist(db) == ["AAA", "BBB", "CCC", "DDD", "EEE"]


def test_an_alert_leads_to_its_session_on_the_chart(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    window.desk.choose_ticker("BBB")
    shown(qtbot, window, "BBB")
    page = open_alerts(qtbot, window)
    page.table.selectRow(0)
    page.show_on_chart()
    shown(qtbot, window, "AAA")
    assert window.shown_page() == "market"
    qtbot.waitUntil(lambda: market(window).posts.heading().startswith("AAA on 16 Mar 2021"))
    with closing(open_home_reader(tmp_path)) as db:
        assert load_acknowledgements(db) == {}


@pytest.mark.usefixtures("echo")
def test_a_page_that_cannot_be_read_says_why_and_offers_to_try_again(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: EchoPage) -> Read:
        def job(_db: sqlite3.Connection) -> object:
            raise ValueError("odd")

        return job

    monkeypatch.setattr(EchoPage, "reading", fail)
    window = open_window(fill_home(tmp_path))
    window.open_page("echo")
    page = window.page("echo")
    qtbot.waitUntil(lambda: page.empty.title.text() == "This page could not be read")
    assert page.empty.button.text() == "Try again"
    monkeypatch.undo()
    with qtbot.waitSignal(page.completed):
        page.empty.button.click()


def test_the_page_on_screen_is_remembered(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    home = fill_home(tmp_path)
    first = open_window(home)
    open_alerts(qtbot, first)
    first.close()
    assert open_window(home).shown_page() == "alerts"


def test_another_command_waits_for_the_person(open_window: OpenWindow, tmp_path: Path) -> None:
    path = tmp_path / "sleep.py"
    path.write_text("import time\ntime.sleep(60)\n", "utf-8")
    import sys

    window = open_window(fill_home(tmp_path / "home"), (sys.executable, str(path)), Settings(theme="dark"))
    assert window.desk.start(("train",))
    assert not window.desk.start(("collect",))
    assert "Train is still running" in window.status.message.text()
