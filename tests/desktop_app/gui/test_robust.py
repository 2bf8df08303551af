"""The window stays alive: defects are kept and offered, a second start comes to the first, nothing blocks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from desktop_app import secrets
from desktop_app.gui.crash import offer_report, report_path, watch_for_defects
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.one_window import OneWindow
from tests.desktop_app.facts import fill_home
from tests.desktop_app.gui.at_window import longest_turns, market, script, shown

OpenWindow = Callable[..., MainWindow]
LONGEST_S = 0.05  # how long the event loop may be kept busy at a stretch


@pytest.fixture
def hook() -> Iterator[None]:
    before = sys.excepthook
    yield
    sys.excepthook = before


@pytest.mark.usefixtures("hook")
def test_a_defect_is_kept_without_keys_told_and_offered_at_the_next_start(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_read", {"0123456789abcdef"})
    said: list[str] = []
    watch_for_defects(tmp_path, said.append)
    try:
        raise ValueError("the key 0123456789abcdef is odd")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    report = report_path(tmp_path).read_text("utf-8")
    assert "ValueError: the key *** is odd" in report
    assert said[0].startswith("A defect of ours: ValueError")
    parent = QWidget()
    qtbot.addWidget(parent)
    box = offer_report(tmp_path, parent)
    assert box is not None
    box.button(QMessageBox.StandardButton.Discard).click()
    assert not report_path(tmp_path).exists()
    assert offer_report(tmp_path, parent) is None


def test_a_second_start_brings_the_first_window_forward(qtbot: QtBot, tmp_path: Path) -> None:
    came: list[bool] = []
    first = OneWindow(tmp_path)
    assert not first.taken()
    assert first.take(lambda: came.append(True))
    assert OneWindow(tmp_path).taken()
    qtbot.waitUntil(lambda: came == [True])
    assert not OneWindow(tmp_path / "another home").taken()
    first.close()
    assert not OneWindow(tmp_path).taken()


def test_a_killed_window_leaves_nothing_in_the_way_of_the_next(tmp_path: Path) -> None:
    killed = OneWindow(tmp_path)
    assert killed.take(lambda: None)
    successor = OneWindow(tmp_path)
    assert successor.take(lambda: None)
    successor.close()
    killed.close()


def test_the_event_loop_is_never_kept_busy_while_a_command_talks(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    talk = (
        "for i in range(3000):\n"
        '    print(json.dumps({"stage": "epoch", "done": i, "total": 3000, "message": "loss"}), flush=True)\n'
        "    time.sleep(0.1 if i % 1000 == 0 else 0)\n"
        'print(json.dumps({"result": {}}))\n'
    )
    window = open_window(fill_home(tmp_path / "home"), script(tmp_path, talk))
    shown(qtbot, window, "AAA")
    qtbot.wait(50)  # drawn once
    with longest_turns() as turns:
        with qtbot.waitSignal(market(window).ticker_shown, timeout=20_000):  # read anew when it is done
            window.desk.start(("train",))
        qtbot.wait(50)  # and drawn
    assert window.status.message.text() == "Train: done"
    assert len(turns) > 10
    assert turns[0] < LONGEST_S
