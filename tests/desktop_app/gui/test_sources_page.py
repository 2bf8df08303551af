"""The page of sources: age, doubts and next run of each, jobs with their log, and the doctor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from collectors.locks import SCHEDULE, holding
from collectors.records import JobRun, PriceFlag
from collectors.sentiment.installed import CARD_FILE, FAST_FOLDER
from collectors.store import save_flags, save_job_run
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.sources_page import SourcesPage
from desktop_app.store import open_home
from tests.desktop_app.facts import NOW, fill_home
from tests.desktop_app.gui.at_window import script

OpenWindow = Callable[..., MainWindow]
EXAMINES = (
    'complaint = {"subject": "keys", "sentence": "The key is missing.", "mend": "keyring set"}\n'
    'if "doctor" in sys.argv:\n'
    '    runs = {"prices": "2099-03-17T20:30:00Z"}\n'
    '    print(json.dumps({"result": {"complaints": [complaint], "next_runs": runs}}))\n'
    "else:\n"
    '    print(json.dumps({"stage": "epoch", "done": 1, "total": 2, "message": "loss 0.4"}), flush=True)\n'
    '    print("a warning of a library", file=sys.stderr, flush=True)\n'
    "    time.sleep(60)\n"
)


def opened(qtbot: QtBot, window: MainWindow) -> SourcesPage:
    page = window.page("sources")
    assert isinstance(page, SourcesPage)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("sources")
    return page


def row(page: SourcesPage, title: str) -> dict[str, str]:
    (found,) = [one for one in page.model.rows if one.title == title]
    return {column.title: column.text(found) for column in page.model.columns}


def test_a_source_is_told_with_its_last_success_its_doubts_and_its_next_run(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    home = fill_home(tmp_path / "home")
    with closing(open_home(home)) as db:
        save_job_run(db, JobRun("prices", "2021-03-15T21:00:00Z", "2021-03-15T21:01:30Z", "done", 24, ""))
        save_job_run(db, JobRun("prices", NOW, NOW, "retry", 0, "Yahoo is slow"))
        save_flags(db, [PriceFlag("AAA", "2021-03-16", "bad_tick", "bar", "60", "test", "", NOW, NOW)])
    with holding(home, SCHEDULE, "barograph serve"):
        page = opened(qtbot, open_window(home, script(tmp_path, EXAMINES)))
    told = row(page, "Prices")
    assert (told["Doubts"], told["What to do"]) == ("1 doubt, 1 held out", "Yahoo is slow")
    assert told["Last success"].startswith("15 Mar 2021, ")
    assert "(then retry, 16 Mar 2021, " in told["Last success"]
    qtbot.waitUntil(lambda: row(page, "Prices")["Next run"] == "Tue 17 Mar, 20:30 UTC", timeout=5000)
    assert row(page, "Model")["Next run"] == ""
    assert [run.outcome for run in page.jobs.model.rows] == ["retry", "done"]


def test_without_a_schedule_no_next_run_is_promised_and_finbert_is_offered(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path / "home"), script(tmp_path, EXAMINES)))
    qtbot.waitUntil(lambda: bool(page.doctor.model.rows), timeout=5000)
    assert row(page, "Prices")["Next run"] == "schedule is off"
    assert row(page, "Sentiment model")["Stored"] == "compact scorer, embedded"
    assert row(page, "Backups")["Stored"] == "none yet"
    assert page.fetch.isVisible()


def test_a_fast_finbert_of_an_earlier_version_is_told_with_what_to_do(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    home = fill_home(tmp_path / "home")
    card = home / "models" / FAST_FOLDER / CARD_FILE
    card.parent.mkdir(parents=True)
    card.write_text('{"name": "finbert-x@1+int8-4.12345678"}')
    page = opened(qtbot, open_window(home, script(tmp_path, EXAMINES)))
    assert row(page, "Sentiment model")["What to do"] == ""
    card.write_text('{"name": "finbert-x@1+int8-3"}')
    with qtbot.waitSignal(page.completed, timeout=5000):
        page.read_again()
    assert "`barograph models quantise`" in row(page, "Sentiment model")["What to do"]
    assert not page.fetch.isVisible()


def test_the_doctor_is_a_part_of_the_page(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path / "home"), script(tmp_path, EXAMINES)))
    qtbot.waitUntil(lambda: page.tabs.tabText(2) == "Doctor (1)", timeout=5000)
    assert page.doctor.headline.text().startswith("1 thing to mend, as of ")
    assert [one.mend for one in page.doctor.model.rows] == ["keyring set"]


def test_a_doctor_that_cannot_look_says_why_and_can_be_asked_again(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    program = script(tmp_path, 'sys.exit("no room on the disk")\n')
    page = opened(qtbot, open_window(fill_home(tmp_path / "home"), program))
    qtbot.waitUntil(lambda: page.doctor.headline.text().endswith("no room on the disk"), timeout=5000)
    assert page.doctor.again.isEnabled()


def test_a_running_job_shows_its_progress_and_its_log_and_is_cancelled_there(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path / "home"), script(tmp_path, EXAMINES))
    window.desk.start(("train",))
    qtbot.waitUntil(lambda: len(window.desk.log) == 3, timeout=5000)
    page = opened(qtbot, window)  # built later than the job began
    said = [line.partition("  Train  ")[2] for line in page.jobs.log.toPlainText().splitlines()]
    assert said == ["begun", "epoch 1 of 2: loss 0.4", "a warning of a library"]
    page.tabs.setCurrentWidget(page.jobs)
    assert page.jobs.cancel.isVisible()
    page.jobs.cancel.click()
    qtbot.waitUntil(lambda: "was cancelled" in page.jobs.log.toPlainText(), timeout=5000)
    assert page.jobs.now.text() == "Nothing runs here now."


def test_the_way_to_reddit_is_told_until_posts_are_fresh(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path / "home"), script(tmp_path, EXAMINES)))
    assert page.note.isVisible()  # the posts are years old
    assert "Posts from Reddit need a key of your own" in page.note.text()
    page.show_rows(replace(page.view, rows=tuple(replace(one, state="fresh") for one in page.model.rows)))
    assert page.note.isHidden()


def test_what_is_stale_is_greyed_but_not_what_to_do_about_it(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path / "home"), script(tmp_path, EXAMINES)))
    (place,) = [place for place, one in enumerate(page.model.rows) if one.title == "Prices"]
    colours = [
        page.model.data(page.model.index(place, column), Qt.ItemDataRole.ForegroundRole)
        for column in (0, len(page.model.columns) - 1)
    ]
    assert (page.model.rows[place].state, colours) == ("stale", [page.palette().placeholderText(), None])
