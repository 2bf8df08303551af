"""The first start leads from nothing to a forecast; a step that lacks something says what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop_app.gui.first_run import FirstRun
from desktop_app.gui.main_window import MainWindow
from desktop_app.settings import load_settings
from desktop_app.store import load_watchlist, open_home_reader
from tests.desktop_app.gui.at_window import script

OpenWindow = Callable[..., MainWindow]
KEEPS_WHAT_IT_IS_ASKED = (
    "from pathlib import Path\n"
    'with Path(__file__).with_name("asked.txt").open("a") as asked:\n'
    '    asked.write(" ".join(sys.argv[3:]) + "\\n")\n'
    'print(json.dumps({"result": {}}))\n'
)


@pytest.fixture
def steps(open_window: OpenWindow, tmp_path: Path) -> FirstRun:
    window = open_window(tmp_path / "home", script(tmp_path, KEEPS_WHAT_IT_IS_ASKED))
    (tmp_path / "home").mkdir(exist_ok=True)
    return window.begin()


def asked(tmp_path: Path) -> list[str]:
    path = tmp_path / "asked.txt"
    return [line.split(" --progress")[0] for line in path.read_text("utf-8").splitlines()]


def test_the_sample_leads_to_a_forecast(qtbot: QtBot, steps: FirstRun, tmp_path: Path) -> None:
    for _ in range(2):
        steps.forth.click()
    assert steps.title.text() == "3 of 3 · The first forecast"
    with qtbot.waitSignal(steps.accepted, timeout=20_000):
        steps.forth.click()
    done = asked(tmp_path)
    assert [line.split("/")[0] for line in done] == [
        "import prices ", "import macro ", "import posts ", "score", "train", "refresh",
    ]  # fmt: skip
    assert all(Path(line.split(" ", 2)[2]).exists() for line in done[:3])


def test_tickers_typed_are_watched_before_they_are_collected(
    qtbot: QtBot, steps: FirstRun, tmp_path: Path
) -> None:
    steps.yahoo.setChecked(True)
    steps.tickers.setText("ko, brk.b")
    steps.forth.click()
    steps.contact.setText("me@example.com")
    steps.forth.click()
    with qtbot.waitSignal(steps.accepted, timeout=20_000):
        steps.forth.click()
    assert asked(tmp_path) == ["collect prices", "train", "refresh"]
    with closing(open_home_reader(tmp_path / "home")) as db:
        assert load_watchlist(db) == ["BRK.B", "KO"]
    assert load_settings(tmp_path / "home").contact == "me@example.com"


def test_a_step_that_lacks_something_says_what(steps: FirstRun) -> None:
    steps.files.setChecked(True)
    steps.folder.setText("/nowhere/at/all")
    steps.forth.click()
    assert steps.problem.text() == "There is no such folder or file"
    steps.folder.setText("")  # once taken for the folder that the program was started in
    steps.forth.click()
    assert steps.problem.text() == "Choose a folder or a file"
    steps.yahoo.setChecked(True)
    steps.tickers.setText(" , ")
    steps.forth.click()
    assert steps.problem.text().startswith("Type at least one ticker")
    steps.tickers.setText("AAPL MSFT")  # once watched as one ticker of that name
    steps.forth.click()
    assert steps.problem.text() == "AAPL MSFT is no ticker; expected something like AAPL or BRK.B"
    steps.sample.setChecked(True)
    steps.forth.click()
    steps.contact.setText("me")
    steps.forth.click()
    assert "expected an e-mail address" in steps.problem.text()


def test_what_is_typed_into_is_what_is_chosen(qtbot: QtBot, steps: FirstRun) -> None:
    """A folder that was typed was once passed over for the sample."""
    qtbot.keyClicks(steps.folder, "/prices")
    assert steps.files.isChecked()
    qtbot.keyClicks(steps.tickers, ", KO")
    assert steps.yahoo.isChecked()


def test_a_failure_is_told_and_can_be_tried_again(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    program = script(tmp_path, 'sys.exit("no room on the disk")\n')
    steps = open_window(tmp_path / "home", program).begin()
    for _ in range(3):
        steps.forth.click()
    qtbot.waitUntil(lambda: "no room on the disk" in steps.state.text(), timeout=10_000)
    qtbot.waitUntil(steps.forth.isEnabled)
    assert steps.isVisible()
