"""The tray runs the schedule in a process of its own, and closing the window does not end it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from collectors.locks import SCHEDULE, holding
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.tray import Tray
from tests.desktop_app.facts import fill_home
from tests.desktop_app.gui.at_window import script, shown

OpenWindow = Callable[..., MainWindow]
SERVES = "open(sys.argv[2] + '/serves', 'w').write(' '.join(sys.argv[3:])); time.sleep(30)"


def tray_of(qtbot: QtBot, open_window: OpenWindow, home: Path, program: str) -> tuple[MainWindow, Tray]:
    window = open_window(fill_home(home), script(home, program))
    shown(qtbot, window, "AAA")
    return window, window.add_tray()


def test_the_schedule_runs_while_it_is_wanted(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    _, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    assert tray.holder.text() == "The schedule is not running"
    tray.collect.setChecked(True)
    assert (tray.collecting, tray.holder.text()) == (True, "The schedule runs here")
    qtbot.waitUntil(lambda: (tmp_path / "serves").exists(), timeout=5000)
    assert (tmp_path / "serves").read_text() == "serve --progress json"
    tray.collect.setChecked(False)
    qtbot.waitUntil(lambda: not tray.collecting, timeout=5000)
    assert tray.holder.text() == "The schedule is not running"


def test_closing_the_window_hides_it_while_the_schedule_runs(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    tray.collect.setChecked(True)
    window.close()
    assert (window.isVisible(), tray.collecting, window.desk.reader.isRunning()) == (False, True, True)
    tray.menu.actions()[0].trigger()
    assert window.isVisible()
    with qtbot.waitSignal(window.closed, timeout=5000):
        tray.menu.actions()[-1].trigger()
    assert (window.isVisible(), tray.collecting) == (False, False)


def test_a_schedule_that_was_wanted_runs_again_when_the_window_opens_next(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    tray.collect.setChecked(True)
    window._leave()
    window = open_window(tmp_path, script(tmp_path, SERVES))
    shown(qtbot, window, "AAA")
    assert window.add_tray().collecting
    window._leave()


def test_a_schedule_that_another_program_runs_is_left_alone(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    _, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    with holding(tmp_path, SCHEDULE, "barograph serve"):
        tray.menu.aboutToShow.emit()
        assert not tray.collect.isEnabled()
        assert tray.holder.text().startswith("The schedule is running since ")


def test_a_schedule_that_fails_says_why(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    _, tray = tray_of(
        qtbot,
        open_window,
        tmp_path,
        "print(json.dumps({'error': 'the home cannot be written'})); sys.exit(3)",
    )
    monkeypatch.setattr(tray, "tell", told.append)
    tray.collect.setChecked(True)
    qtbot.waitUntil(lambda: bool(told), timeout=5000)
    assert told == ["Collecting on schedule ended: the home cannot be written"]
    assert not tray.collect.isChecked()
