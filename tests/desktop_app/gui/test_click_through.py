"""From an empty home to exported files by clicks and keys, with real commands and a loop that stays free."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QInputDialog, QPushButton
from pytestqt.qtbot import QtBot

from desktop_app.gui.first_run import FirstRun
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.pages import PAGES
from tests.builders import write_sample_bars
from tests.collectors.loopback import Loopback
from tests.collectors.recorded import CHART_PATH, recorded
from tests.desktop_app.gui.at_window import longest_turns, market, shown

OpenWindow = Callable[..., MainWindow]
LONGEST_S = 0.05  # how long the event loop may be kept busy at a stretch
LAST_ARCHIVED = {"AAPL": "2020-08-28", "DIS": "2020-11-06"}
WAIT_MS = 300_000  # for real commands on a machine that others use; most of a minute on one of its own
BAROGRAPH = """
import sys
sys.path.insert(0, {root!r})
from desktop_app import cli
if "train" in sys.argv:
    from tests.builders import SMALL
    cli._config = lambda context, parts: SMALL
if "collect" in sys.argv:
    import pytest
    from tests.collectors.loopback import Loopback
    from tests.collectors.recorded import play_yahoo
    web = Loopback()
    web.url = {url!r}
    play_yahoo(web, pytest.MonkeyPatch())
cli.main()
"""


@pytest.fixture
def program(tmp_path: Path, web: Loopback) -> tuple[str, ...]:
    """The real program with a small model, whose Yahoo is on this machine: AAPL's autumn of 2020 alone."""
    web.on(CHART_PATH + "AAPL", recorded("yahoo_chart_aapl_autumn_2020.json"))
    path = tmp_path / "barograph.py"
    root = str(Path(__file__).resolve().parents[3])
    path.write_text(BAROGRAPH.format(root=root, url=web.url), "utf-8")
    return sys.executable, str(path)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two tickers of the sample since 2018, AAPL only until the session before its recorded autumn."""
    path = tmp_path / "bars.csv"
    write_sample_bars(path, "2018-01-01", LAST_ARCHIVED)
    return path


def click(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def go_through_the_steps(qtbot: QtBot, steps: FirstRun, archive: Path) -> None:
    click_left = Qt.MouseButton.LeftButton
    steps.files.setFocus()
    qtbot.keyClick(steps.files, Qt.Key.Key_Space)
    qtbot.mouseClick(steps.folder, click_left)
    qtbot.keyClicks(steps.folder, str(archive))
    click(qtbot, steps.forth)
    click(qtbot, steps.forth)
    with qtbot.waitSignal(steps.accepted, timeout=WAIT_MS):
        click(qtbot, steps.forth)


def test_from_the_first_start_to_exported_files(
    qtbot: QtBot,
    open_window: OpenWindow,
    tmp_path: Path,
    program: tuple[str, ...],
    archive: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    (tmp_path / "home").mkdir()
    window = open_window(tmp_path / "home", program)
    steps = window.begin()
    qtbot.wait(50)  # drawn once
    with longest_turns() as turns:
        go_through_the_steps(qtbot, steps, archive)  # import, train, refresh
    assert turns[0] < LONGEST_S
    page = market(window)
    qtbot.waitUntil(lambda: page.snapshot is not None and len(page.watchlist.model.rows) == 2)
    qtbot.keyClick(page.watchlist.view, Qt.Key.Key_Down)
    shown(qtbot, window, "DIS")
    assert page.snapshot is not None
    assert [said.horizon for said in page.snapshot.forecasts] == [1, 5, 20]
    assert page.forecast.headline.text().startswith("At the close of ")

    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("aapl", True))
    menu = page.watchlist.groups.menu()
    menu.aboutToShow.emit()
    with qtbot.waitSignal(window.desk.overview_changed):
        next(one for one in menu.actions() if one.text() == "Watch another ticker …").trigger()
    with longest_turns() as turns:
        click(qtbot, window.work_bar.buttons["Collect"])
        with qtbot.waitSignal(window.desk.work_changed, timeout=WAIT_MS):  # it has ended
            pass
        qtbot.waitSignal(page.ticker_shown).wait()
        qtbot.wait(50)
    assert turns[0] < LONGEST_S
    assert "the key FRED_API_KEY is missing" in window.status.message.text()  # prices need none
    qtbot.keyClick(page.watchlist.view, Qt.Key.Key_Up)
    shown(qtbot, window, "AAPL")
    assert page.snapshot.bars[-1].session == "2020-11-06"  # what Yahoo said came to the chart

    for entry in PAGES[1:]:
        with qtbot.waitSignal(window.page(entry.name).completed, timeout=WAIT_MS):
            window.navigation.buttons[entry.name].click()
        assert window.shown_page() == entry.name
    export(qtbot, window, monkeypatch, tmp_path)


def export(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Export by the menu, as the person would, and read the files."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / next(names)), ""))
    names = iter(("forecasts.csv", "chart.png", "report.pdf"))
    (button,) = [one for one in window.work_bar.findChildren(QPushButton) if one.text() == "Export ▾"]
    entries = {action.text(): action for action in button.menu().actions()}
    for entry in ("Forecasts …", "Chart as PNG …", "Report on this ticker as PDF …"):
        entries[entry].trigger()
        qtbot.waitUntil(lambda: "ritten to" in window.status.message.text(), timeout=10_000)
        window.desk.say("")
    with (tmp_path / "forecasts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["ticker"], row["horizon"]) for row in rows] == [
        ("DIS", horizon) for horizon in ("1", "5", "20")
    ]
    assert QImage(str(tmp_path / "chart.png")).width() > 300
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
