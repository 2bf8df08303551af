"""Every test of the window fails on a warning of Qt, and on a thread, a process or a timer left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.settings import Settings

PLATFORM_NOISE = ("propagateSizeHints", "raise()")  # what the offscreen platform cannot do, and says so


@pytest.fixture(autouse=True)
def no_qt_warnings(qapp: QApplication) -> Iterator[None]:
    said: list[str] = []

    def keep(kind: QtMsgType, _context: object, message: str) -> None:
        if kind != QtMsgType.QtDebugMsg and not any(noise in message for noise in PLATFORM_NOISE):
            said.append(message)

    before = qInstallMessageHandler(keep)
    yield
    qInstallMessageHandler(before)
    assert said == []


@pytest.fixture
def open_window(qtbot: QtBot) -> Iterator[Callable[..., MainWindow]]:
    opened: list[MainWindow] = []

    def open_one(home: Path, program: tuple[str, ...] = (), settings: Settings | None = None) -> MainWindow:
        window = MainWindow(home, settings or Settings(theme="light"), program)
        opened.append(window)
        qtbot.addWidget(window)
        window.show()
        return window

    yield open_one
    for window in opened:
        window.close()
        assert not window.desk.reader.isRunning()
        assert not window.desk.slow_reader.isRunning()
        assert not window.desk.command.running
        assert not window.desk.question.running
        assert [timer.objectName() for timer in window.findChildren(QTimer) if timer.isActive()] == []
