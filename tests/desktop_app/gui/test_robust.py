"""The window stays alive: defects are kept and offered, a second start comes to the first, nothing blocks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from collectors.locks import COLLECTOR, holder_of
from collectors.schedule import STOPPED
from collectors.store import load_job_runs, quick_check
from desktop_app import secrets
from desktop_app.gui.crash import offer_report, report_path, watch_for_defects
from desktop_app.gui.main_window import WINDOW_STATE_NAME, MainWindow
from desktop_app.gui.one_window import OneWindow
from desktop_app.starter import GRACE_S
from desktop_app.store import open_home_reader
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


OPENS = (
    "import os, sys; from pathlib import Path\n"
    "from PySide6.QtCore import QTimer\n"
    "from PySide6.QtWidgets import QApplication, QMessageBox\n"
    "import desktop_app.gui.main_window as main\n"
    "from desktop_app.gui.market_page import MarketPage\n"
    "app = QApplication([])\n"
    "class Window(main.MainWindow):\n"
    "    def __init__(self, home, settings):\n"
    "        super().__init__(home, settings, (sys.executable, '-c', 'import time; time.sleep(8)'))\n"
    "        self.page('market').ticker_shown.connect(self.told)\n"
    "    def told(self, ticker):\n"
    "        boxes = len(self.findChildren(QMessageBox))\n"
    "        print(ticker, self.shown_page(), self.desk.command.running, boxes, flush=True)\n"
    "        if sys.argv[2] == 'ends':\n"
    "            QTimer.singleShot(100, self.close)\n"
    "        else:\n"
    "            self.desk.start(('train',))\n"
    "            self.work_bar.export('forecasts', Path(sys.argv[1]) / 'f.csv')\n"
    "            print('works', flush=True)\n"
    "main.MainWindow = Window\n"
    "print(main.run_app(Path(sys.argv[1])), flush=True)\n"
)


def open_process(home: Path, deed: str, window: str = OPENS) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", window, str(home), deed]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_window_that_is_asked_to_end_ends_as_by_quit_and_its_command_too(
    tmp_path: Path, asked: signal.Signals
) -> None:
    """It once went on for good: the interruption was told on standard error, out of a timer."""
    home = fill_home(tmp_path / "home")
    window = open_process(home, "works")
    assert window.stdout is not None
    assert [window.stdout.readline(), window.stdout.readline()] == ["AAA market False 0\n", "works\n"]
    os.kill(window.pid, asked)
    said, _ = window.communicate(timeout=10)
    assert (said, window.returncode) == ("0\n", 0)
    assert (home / WINDOW_STATE_NAME).is_file()


COLLECTS = (
    "import sys; from pathlib import Path\n"
    "import desktop_app.gui.main_window as main\n"
    "class Window(main.MainWindow):\n"
    "    def begin(self):\n"
    "        self.desk.start(('collect', 'macro'))\n"
    "main.MainWindow = Window\n"
    "main.run_app(Path(sys.argv[1]))\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_collection_stops_in_order_when_its_window_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once went on until it spoke next, and held its lock as long as a source was slow."""
    home = tmp_path / "home"
    with socket.create_server(("127.0.0.1", 0)) as slow:  # it takes the question and never answers
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{slow.getsockname()[1]}")
        monkeypatch.setenv("FRED_API_KEY", "k" * 32)
        slow.settimeout(60)
        window = open_process(home, "", COLLECTS)
        question, _ = slow.accept()
        with question:
            assert holder_of(home, COLLECTOR) is not None
            os.kill(window.pid, signal.SIGKILL)
            question.settimeout(GRACE_S - 1)  # it is in order, and not ended by force
            while question.recv(4096):
                pass
    window.communicate(timeout=10)
    until = time.monotonic() + GRACE_S
    while holder_of(home, COLLECTOR) is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert holder_of(home, COLLECTOR) is None
    with closing(open_home_reader(home)) as db:
        [run] = load_job_runs(db, "macro")
        assert (run.outcome, run.message) == ("retry", STOPPED)
        assert quick_check(db) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_after_a_kill_in_the_midst_of_work_the_window_opens_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    home = fill_home(tmp_path / "home")
    killed = open_process(home, "works")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "AAA market False 0\n"
    assert killed.stdout.readline() == "works\n"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    killed.stdout.close()
    said, _ = open_process(home, "ends").communicate(timeout=60)
    assert said == "AAA market False 0\n0\n"  # no other window in the way, no report, no question
    with closing(open_home_reader(home)) as db:
        assert quick_check(db) == []
    assert not list(home.glob("*.part*"))
