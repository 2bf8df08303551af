"""The window on a small record: what it shows, starts, cancels and remembers, without a warning of Qt."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFileDialog, QInputDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from collectors.records import MacroObservation
from collectors.store import save_macro, save_price_bars
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.pages import PAGES
from desktop_app.gui.tables import EXCEL_CSV, PLAIN_CSV
from desktop_app.gui.theme import apply_theme, theme_named
from desktop_app.gui.watchlist_panel import WatchlistPanel
from desktop_app.gui.workers import Command
from desktop_app.settings import Settings
from desktop_app.snapshot import WatchRow
from desktop_app.store import DATABASE_NAME, load_watchlist, open_home, save_holding, unwatch
from tests.desktop_app.facts import NOW, bars_of, fill_home
from tests.desktop_app.gui.at_window import market, open_alerts, script, shown


def test_the_window_opens_on_the_first_ticker_with_chart_words_posts_and_alerts(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    assert market(window).watchlist.chosen() == "AAA"
    assert market(window).posts.heading() == "AAA since the last close: 1 post"
    assert [alert.session for alert in open_alerts(qtbot, window).model.rows] == ["2021-03-16"]
    assert window.navigation.buttons["alerts"].text().strip() == "Alerts (1)"
    said = window.status.as_of.text()
    assert (said[:27], said[-5:]) == ("Prices through 16 Mar 2021,", "stale")
    assert window.status.as_of.property("role") == "warning"


def test_stale_prices_are_greyed_and_said(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    page = market(window)
    assert (page.chart._as_of.text(), page.chart._close.property("role")) == ("16 Mar 2021: stale", "stale")
    assert "Prices are stale" in page.forecast.as_of.text()
    assert page.watchlist._note.text().endswith("Grey: stale (2)")
    greyed = page.watchlist.view.grab().toImage()
    page.watchlist.show_rows([replace(row, stale=False) for row in page.watchlist.model.rows], "AAA")
    assert page.watchlist.view.grab().toImage() != greyed


def test_the_next_report_stands_on_the_fan_and_is_told_to_those_who_hear_the_screen(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    chart = market(window).chart.chart
    assert chart.shown_report() == (17, "◆ 23 Mar")
    assert "announced for 23 Mar 2021, after the close" in chart.accessibleDescription()
    window.desk.choose_ticker("BBB")
    shown(qtbot, window, "BBB")
    assert chart.shown_report() is None


def test_the_track_record_stands_beside_the_forecast(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    names = {one.accessibleName() for one in market(window).forecast.findChildren(QLabel)}
    assert "20 sessions ahead: promised 90 %, held 89 %" in names


def test_a_click_on_a_day_shows_the_posts_behind_it(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    market(window).chart.chart.day_clicked.emit(10)
    qtbot.waitUntil(lambda: "15 Mar 2021" in market(window).posts.heading())
    assert [row.post.post_id for row in market(window).posts.model.rows] == ["p1"]


def test_another_ticker_replaces_the_page(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    window.desk.choose_ticker("BBB")
    shown(qtbot, window, "BBB")
    assert market(window).forecast.empty.isVisible()


def test_an_empty_home_says_what_to_do(open_window: Callable[..., MainWindow], tmp_path: Path) -> None:
    window = open_window(tmp_path)
    assert market(window).empty.isVisible()
    assert "Collect" in market(window).empty.text.text()


def test_an_acknowledged_alert_is_told_from_a_new_one(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    page = open_alerts(qtbot, window)
    page.table.selectRow(0)
    page.note.setText("splits")
    page.acknowledge()
    qtbot.waitUntil(lambda: page.model.rows[0].note == "splits")
    qtbot.waitUntil(lambda: not window.desk.overview.badges)
    assert window.navigation.buttons["alerts"].text().strip() == "Alerts"


def test_work_shows_its_progress_and_its_end(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        'print(json.dumps({"stage": "prices", "done": 1, "total": 4, "message": sys.argv[3]}), flush=True)\n'
        'print(json.dumps({"result": {"arguments": sys.argv[1:]}}))\n',
    )
    home = fill_home(tmp_path / "home")
    window = open_window(home, program)
    with qtbot.waitSignal(window.desk.command.progressed) as progress:
        window.desk.start(("collect",))
    assert progress.args == ["prices", 1, 4, "collect"]
    qtbot.waitUntil(lambda: window.status.message.text() == "Collect: done")
    assert window.work_bar.buttons["Collect"].isEnabled()
    assert not window.status.cancel.isVisible()


def test_of_what_a_command_says_at_a_stretch_the_newest_progress_is_told(
    qtbot: QtBot, tmp_path: Path
) -> None:
    lines = [{"stage": "epoch", "done": done, "total": 9} for done in range(9)] + [{"result": {}}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    command = Command(tmp_path, program=script(tmp_path, f"sys.stdout.write({text!r})\n"))
    told: list[int] = []
    command.progressed.connect(lambda _stage, done, _total, _message: told.append(done))
    with qtbot.waitSignal(command.succeeded):
        command.start("train")
    assert told == [8]


def test_a_failed_command_shows_its_sentence_and_stops_what_would_follow(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    program = script(
        tmp_path, 'print(json.dumps({"error": "the key is missing", "exit_code": 3}))\nsys.exit(3)\n'
    )
    window = open_window(fill_home(tmp_path / "home"), program)
    window.desk.start(("train",), ("refresh",))
    qtbot.waitUntil(lambda: window.status.message.text() == "Train did not work: the key is missing")
    assert not window.desk.command.running


def test_a_command_that_dies_without_a_word_is_told_by_its_last_line(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    program = script(tmp_path, 'sys.exit("out of luck")\n')
    window = open_window(fill_home(tmp_path / "home"), program)
    window.desk.start(("refresh",))
    qtbot.waitUntil(lambda: window.status.message.text() == "Refresh did not work: out of luck")


BEGINS_AND_GOES_ON = 'print(json.dumps({"stage": "x", "done": 0, "total": 1}), flush=True)\ntime.sleep(60)\n'


def test_cancel_ends_the_process_and_frees_the_buttons(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    program = script(tmp_path, BEGINS_AND_GOES_ON)
    window = open_window(fill_home(tmp_path / "home"), program)
    with qtbot.waitSignal(window.desk.command.progressed):
        window.desk.start(("train",), ("refresh",))
    assert not window.work_bar.buttons["Train"].isEnabled()
    window.status.cancel.click()
    qtbot.waitUntil(lambda: "was cancelled" in window.status.message.text())
    assert window.work_bar.buttons["Train"].isEnabled()


def test_closing_the_window_ends_a_running_command(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    program = script(tmp_path, BEGINS_AND_GOES_ON)
    window = open_window(fill_home(tmp_path / "home"), program)
    with qtbot.waitSignal(window.desk.command.progressed):
        window.desk.start(("train",))
    window.close()
    assert not window.desk.command.running


def test_export_writes_the_file_and_says_how_many_rows(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path / "home"))
    window.work_bar.export("forecasts", tmp_path / "f.csv")
    qtbot.waitUntil(lambda: window.status.message.text().startswith("3 rows written to"))
    assert (tmp_path / "f.csv").stat().st_size > 0


def test_an_export_for_excel_begins_with_the_mark_that_it_knows_utf_8_by(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(fill_home(tmp_path / "home"))
    for kind, mark in ((PLAIN_CSV, b"ticker"), (EXCEL_CSV, b"\xef\xbb\xbf")):
        out = tmp_path / f"{kind}.csv"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, at=out, how=kind: (str(at), how))
        window.work_bar._ask_export("anomalies")
        qtbot.waitUntil(lambda at=out: window.status.message.text().endswith(str(at)))
        assert out.read_bytes().startswith(mark)


def test_a_damaged_record_is_told_and_the_window_stays(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"no database" * 1000)
    window = open_window(tmp_path)
    qtbot.waitUntil(lambda: "damaged" in window.status.message.text())


def test_the_chosen_ticker_is_remembered(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    home = fill_home(tmp_path)
    first = open_window(home)
    shown(qtbot, first, "AAA")
    first.desk.choose_ticker("BBB")
    shown(qtbot, first, "BBB")
    first.close()
    second = open_window(home)
    shown(qtbot, second, "BBB")
    assert market(second).watchlist.chosen() == "BBB"


def test_marks_are_chosen_in_a_menu_and_the_choice_is_remembered(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    home = fill_home(tmp_path)
    first = open_window(home)
    shown(qtbot, first, "AAA")
    assert market(first).chart.chart.shown_marks() == [(5, "split"), (11, "unusual")]
    market(first).chart.show_kinds(["unusual", "report"])
    assert market(first).chart.chart.shown_marks() == [(11, "unusual")]
    first.close()
    second = open_window(home)
    shown(qtbot, second, "AAA")
    assert market(second).chart.shown_kinds() == ["unusual", "report"]
    assert market(second).chart.chart.shown_marks() == [(11, "unusual")]


def test_the_pointer_on_a_bar_tells_what_happened_there(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    market(window).chart.chart.hovered.emit(5, 55.0)
    assert market(window).chart.chart.toolTip() == "■ 8 Mar 2021: Split, 2 for 1"
    market(window).chart.chart.hovered.emit(4, 55.0)
    assert market(window).chart.chart.toolTip() == ""


def test_the_pointer_on_the_fan_tells_the_chance_of_ending_beyond_its_price(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    box = market(window).chart.chart._price.getViewBox()
    market(window).chart.chart._hover(box.mapViewToScene(QPointF(30, 60.6)))
    assert (
        "close of 14 Apr 2021 (20 sessions ahead): 50 % to end below, 50 % above"
        in market(window).chart.said()
    )
    market(window).chart.chart._hover(box.mapViewToScene(QPointF(11, 60.6)))
    assert market(window).chart.said().startswith("16 Mar 2021   open $59.60")


@pytest.mark.parametrize("name", ["light", "dark"])
def test_both_themes_draw_the_whole_page(
    qtbot: QtBot, qapp: QApplication, open_window: Callable[..., MainWindow], tmp_path: Path, name: str
) -> None:
    theme = theme_named(name)
    apply_theme(qapp, theme)
    window = open_window(fill_home(tmp_path), settings=Settings(theme=name))
    shown(qtbot, window, "AAA")
    image = market(window).chart.grab().toImage()
    colours = {
        image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)
    }
    assert theme.panel in colours
    assert {theme.up, theme.down} & colours


def test_the_window_fits_a_small_screen(
    qtbot: QtBot, qapp: QApplication, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    apply_theme(qapp, theme_named("light"))
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    market(window).chart.chart.day_clicked.emit(2)
    qtbot.waitUntil(
        lambda: market(window).posts.heading() == "AAA on 3 Mar 2021: no posts known by the close"
    )
    smallest = window.minimumSizeHint()
    assert (smallest.width() <= 1024, smallest.height() <= 700) == (True, True)


def test_tab_reaches_every_control_that_shift_tab_reaches(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    """A page once handed its focus on to one of its controls, and Tab then leapt over those before it."""
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    for entry in PAGES:
        window.open_page(entry.name)
        qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
        there, back = (walked(window, key) for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab))
        assert there == back, entry.name
        assert len(there) > 5


def walked(window: MainWindow, key: Qt.Key) -> set[QWidget]:
    """Return what has the keyboard on a way round the window; one for each group of buttons."""
    reached: set[QWidget] = set()
    for _ in range(200):
        QTest.keyClick(QApplication.focusWidget() or window, key)
        at = QApplication.focusWidget()
        group = at.group() if isinstance(at, QAbstractButton) else None
        if group is not None and group.exclusive():
            at = group.buttons()[0]
        if at in reached:
            return reached
        reached.add(at)
    raise AssertionError("the way round does not come back")


def test_no_page_needs_a_wider_window_than_a_small_screen_has(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    for entry in PAGES:
        window.open_page(entry.name)
    assert {entry.name: window.page(entry.name).minimumSizeHint().width() <= 960 for entry in PAGES} == {
        entry.name: True for entry in PAGES
    }


def test_the_windows_process_never_loads_the_model_or_a_web_client(tmp_path: Path) -> None:
    home = fill_home(tmp_path)
    text = (
        "import sys; from pathlib import Path\n"
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication\n"
        "import desktop_app.cli\n"
        "from desktop_app.gui.main_window import run_app\n"
        "from desktop_app.gui.market_page import MarketPage\n"
        "app = QApplication([])\n"
        "shown = MarketPage._show_snapshot\n"
        "def show_and_quit(self, *a): shown(self, *a); QTimer.singleShot(300, self.window().close)\n"
        "MarketPage._show_snapshot = show_and_quit\n"
        "code = run_app(Path(sys.argv[1]))\n"
        "heavy = {'torch', 'transformers', 'pandas', 'yfinance', 'praw', 'fredapi', 'scipy', 'stamina'}\n"
        "print(code, sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text, str(home)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("0 []", 0), done.stderr


def test_lines_are_chosen_in_the_menu_read_anew_and_remembered(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    home = fill_home(tmp_path)
    with closing(open_home(home)) as db:
        save_price_bars(db, bars_of("SPY"), NOW)
    first = open_window(home)
    shown(qtbot, first, "AAA")
    with qtbot.waitSignal(market(first).ticker_shown):
        market(first).chart.show_lines(["compare"])
    snapshot = market(first).snapshot
    assert snapshot is not None
    assert [line.name for line in snapshot.overlays] == ["compare"]
    market(first).chart.grab()
    first.close()
    second = open_window(home)
    assert market(second).chart.shown_lines() == ["compare"]


def test_a_logarithmic_scale_reads_the_same_price_under_the_pointer(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    chart = market(window).chart
    chart.logarithmic.setChecked(True)
    box = chart.chart._price.getViewBox()
    chart.chart._hover(box.mapViewToScene(QPointF(30, math.log10(60.6))))
    assert "(20 sessions ahead): 50 % to end below, 50 % above" in chart.said()
    assert chart.said().startswith("$60.60 at the close")


def test_macro_releases_are_read_and_marked_once_they_are_wanted(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    home = fill_home(tmp_path)
    with closing(open_home(home)) as db:
        days = (("2021-01-01", "2021-02-05T13:30:00Z"), ("2021-02-01", "2021-03-05T13:30:00Z"))
        save_macro(db, [MacroObservation("UNRATE", on, 6.2, at[:10], at) for on, at in days], NOW)
    window = open_window(home)
    shown(qtbot, window, "AAA")
    chart = market(window).chart
    assert "macro" not in {mark.kind for mark in chart.chart._marks.marks}
    with qtbot.waitSignal(market(window).ticker_shown):
        chart.show_kinds(["macro"])
    assert {mark.kind for mark in chart.chart._marks.marks} == {"macro"}
    assert "macro releases" in chart._legend.text().replace("&nbsp;", " ")


def test_what_the_shares_cost_stands_on_the_chart(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    home = fill_home(tmp_path)
    with closing(open_home(home)) as db:
        save_holding(db, "AAA", 10, 58.0, NOW)
    window = open_window(home)
    shown(qtbot, window, "AAA")
    assert market(window).chart.chart._cost.isVisible()
    assert market(window).chart.chart._cost.value() == 58.0
    window.desk.choose_ticker("BBB")
    shown(qtbot, window, "BBB")
    assert not market(window).chart.chart._cost.isVisible()


def test_the_watchlist_is_grouped_and_searched_by_sector(qtbot: QtBot) -> None:
    panel = WatchlistPanel(theme_named("light"))
    qtbot.addWidget(panel)
    rows = [
        WatchRow(ticker, name, "2021-03-16", 1.0, 0.0, 0.9, 1.1, "", "", (), sector)
        for ticker, name, sector in (("AAA", "A", "Utilities"), ("BBB", "B", "Energy"), ("CCC", "C", ""))
    ]
    panel.show_rows(rows, "AAA")
    panel.sort("By sector")
    shown_rows = [panel._proxy.index(i, 0).data().split()[0] for i in range(3)]
    assert shown_rows == ["BBB", "AAA", "CCC"]
    panel.search.setText("energy")
    assert panel._proxy.rowCount() == 1
    panel.resize(260, 300)
    panel.grab()


def entries(panel: WatchlistPanel) -> dict[str, QAction]:
    """What the menu of groups offers."""
    panel.groups.menu().aboutToShow.emit()
    return {action.text(): action for action in panel.groups.menu().actions()}


def test_tickers_are_put_into_groups_of_ones_own_which_are_shown_alone_and_remembered(
    qtbot: QtBot,
    open_window: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: (" My picks ", True))
    home = fill_home(tmp_path)
    first = open_window(home)
    shown(qtbot, first, "AAA")
    panel = market(first).watchlist
    entries(panel)["Put AAA into a new group …"].trigger()
    qtbot.waitUntil(lambda: panel.group_names() == ["My picks"])
    entries(panel)["My picks"].trigger()
    assert ([row.ticker for row in panel.model.rows], panel.groups.text()) == (["AAA"], "My picks ▾")
    first.close()
    second = open_window(home)
    shown(qtbot, second, "AAA")
    panel = market(second).watchlist
    assert [row.ticker for row in panel.model.rows] == ["AAA"]
    entries(panel)["All tickers"].trigger()
    assert [row.ticker for row in panel.model.rows] == ["AAA", "BBB"]
    entries(panel)["Take AAA out of “My picks”"].trigger()
    qtbot.waitUntil(lambda: panel.group_names() == [])
    assert "Put AAA into “My picks”" not in entries(panel)


def test_tickers_are_watched_and_let_go_in_the_window(
    qtbot: QtBot,
    open_window: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = fill_home(tmp_path)
    with closing(open_home(home)) as db:
        unwatch(db, ["AAA", "BBB"])  # then all with prices are listed
        save_price_bars(db, bars_of("CCC"), NOW)
    window = open_window(home)
    shown(qtbot, window, "AAA")
    panel = market(window).watchlist
    assert panel.listed() == ["AAA", "BBB", "CCC"]
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("no ticker", True))
    entries(panel)["Watch another ticker …"].trigger()
    assert "NO TICKER is no ticker" in window.status.message.text()
    entries(panel)["Stop watching AAA"].trigger()
    qtbot.waitUntil(lambda: panel.listed() == ["BBB", "CCC"])
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: (" aaa ", True))
    entries(panel)["Watch another ticker …"].trigger()
    qtbot.waitUntil(lambda: panel.listed() == ["AAA", "BBB", "CCC"])
    with closing(open_home(home)) as db:
        assert load_watchlist(db) == ["AAA", "BBB", "CCC"]


def test_one_session_of_history_is_shown_without_a_move_or_a_forecast(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    with closing(open_home(tmp_path)) as db:
        save_price_bars(db, bars_of("AAA")[:1], NOW)
    window = open_window(tmp_path)
    shown(qtbot, window, "AAA")
    (row,) = market(window).watchlist.model.rows
    assert (math.isnan(row.move), row.range_text) == (True, "")
    assert market(window).forecast.empty.isVisible()
    assert "close $100.00" in market(window).chart.said()
