"""The tray runs the schedule in a process of its own, and closing the window does not end it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot

from collectors.locks import SCHEDULE, holding
from desktop_app.alert_rules import RuleAlert
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.tray import Tray
from desktop_app.store import open_home
from desktop_app.store_rules import add_rule, save_rule_alerts
from tests.desktop_app.facts import NOW, fill_home
from tests.desktop_app.gui.at_window import script, shown

OpenWindow = Callable[..., MainWindow]
SERVES = "open(sys.argv[2] + '/serves', 'w').write(' '.join(sys.argv[3:])); time.sleep(30)"


@pytest.fixture(autouse=True)
def panel(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the system has a tray; the offscreen platform has none."""
    there = [True]
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: there[0])
    monkeypatch.setattr(QSystemTrayIcon, "show", lambda _self: None)
    return there


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
    assert (tmp_path / "serves").read_text() == "serve --progress json --until-eof"
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


def test_without_a_tray_closing_the_window_ends_the_schedule(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, panel: list[bool]
) -> None:
    """A panel that had ended once left a hidden window that nothing could show again."""
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    tray.collect.setChecked(True)
    panel[0] = False
    with qtbot.waitSignal(window.closed, timeout=5000):
        window.close()
    assert not tray.collecting


def test_without_a_tray_the_palette_switches_the_schedule(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, panel: list[bool]
) -> None:
    panel[0] = False
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    palette = window.open_palette()
    palette.line.setText("collect on schedule")
    palette.do_chosen()
    assert (tray.collecting, window.status.message.text()) == (True, "The schedule runs here")


def test_the_icon_is_shown_once_there_is_a_tray(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, panel: list[bool]
) -> None:
    """A panel that started after the program once never got an icon."""
    monkeypatch.setattr("desktop_app.gui.tray.LOOK_FOR_TRAY_MS", 10)
    shown_when: list[bool] = []
    monkeypatch.setattr(QSystemTrayIcon, "show", lambda _self: shown_when.append(panel[0]))
    panel[0] = False
    tray_of(qtbot, open_window, tmp_path, SERVES)
    qtbot.wait(50)
    assert shown_when == []
    panel[0] = True
    qtbot.waitUntil(lambda: shown_when == [True])


def test_an_alert_is_told_once_there_is_a_tray(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, panel: list[bool]
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Tray, "tell", lambda _self, sentence: told.append(sentence))
    window, _ = tray_of(qtbot, open_window, tmp_path, SERVES)
    raise_alerts(qtbot, window)
    panel[0] = False
    raise_alerts(qtbot, window, raised(1, "BBB"))
    assert told == []
    panel[0] = True
    raise_alerts(qtbot, window)
    assert told == ["BBB: BBB did what rule 1 waits for."]


def test_a_minimised_window_comes_back_as_large_as_it_was(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    """A click on the icon once left it minimised."""
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    window.showMaximized()
    window.showMinimized()
    tray.icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert (window.isVisible(), window.isMinimized(), window.isMaximized()) == (True, False, True)


def test_a_schedule_that_was_wanted_runs_again_when_the_window_opens_next(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    tray.collect.setChecked(True)
    window.leave()
    window = open_window(tmp_path, script(tmp_path, SERVES))
    shown(qtbot, window, "AAA")
    assert window.add_tray().collecting
    window.leave()


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


def test_without_a_tray_the_window_says_what_the_icon_would(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, panel: list[bool]
) -> None:
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    panel[0] = False
    tray.tell("Collecting on schedule ended")
    assert window.status.message.text() == "Collecting on schedule ended"


def raised(rule_id: int, ticker: str, session: str = "2021-03-16") -> RuleAlert:
    return RuleAlert(rule_id, ticker, session, f"{ticker} did what rule {rule_id} waits for.")


def raise_alerts(qtbot: QtBot, window: MainWindow, *alerts: RuleAlert) -> None:
    with closing(open_home(window.desk.home)) as db:
        for _ in alerts:
            add_rule(db, kind="return", threshold=5.0, now=NOW)
        save_rule_alerts(db, alerts, NOW)
    with qtbot.waitSignal(window.desk.overview_changed):
        window.desk.reload()


def test_each_alert_is_told_once_and_those_that_come_together_in_one_go(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Tray, "tell", lambda _self, sentence: told.append(sentence))
    window, _ = tray_of(qtbot, open_window, tmp_path, SERVES)
    raise_alerts(qtbot, window)
    assert told == []  # what was there before the icon was
    raise_alerts(qtbot, window, raised(1, "BBB"))
    assert told == ["BBB: BBB did what rule 1 waits for."]
    raise_alerts(qtbot, window, raised(2, "BBB"))  # another rule, the same event
    window.leave()
    window = open_window(tmp_path, script(tmp_path, SERVES))
    shown(qtbot, window, "AAA")
    window.add_tray()
    raise_alerts(qtbot, window)
    assert len(told) == 1
    raise_alerts(qtbot, window, raised(3, "AAA"), raised(4, "BBB", "2021-03-15"))
    assert told[1:] == ["2 new alerts: AAA, BBB"]
    window.leave()


def test_the_icon_bears_the_number_of_tickers_with_alerts_and_a_click_on_a_notification_opens_them(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window, tray = tray_of(qtbot, open_window, tmp_path, SERVES)
    raise_alerts(qtbot, window)
    one = tray.icon.icon().pixmap(32).toImage()
    assert "1 ticker with alerts not seen" in tray.icon.toolTip()
    raise_alerts(qtbot, window, raised(1, "BBB"))
    assert "2 tickers with alerts not seen" in tray.icon.toolTip()
    assert tray.icon.icon().pixmap(32).toImage() != one
    tray.icon.messageClicked.emit()
    assert window.shown_page() == "alerts"
