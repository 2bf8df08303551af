"""The palette finds pages, commands and tickers; charts, tables and reports become files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.pictures import report_html
from desktop_app.gui.tables import Column, RecordModel, save_table
from tests.desktop_app.facts import fill_home
from tests.desktop_app.gui.at_window import market, shown

OpenWindow = Callable[..., MainWindow]


def test_a_ticker_typed_into_the_palette_is_shown(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    window.open_page("sources")
    palette = window.open_palette()
    palette.line.setText("bbb")
    assert palette.titles() == ["BBB "]
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    shown(qtbot, window, "BBB")
    assert window.shown_page() == "market"


def test_the_palette_shows_every_page_and_its_key_and_arrows_choose(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    palette = window.open_palette()
    assert "Go to Track record" in palette.titles()
    assert "BBB " not in palette.titles()
    qtbot.keyClick(palette.line, Qt.Key.Key_Down)
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert window.shown_page() == "said"


def test_the_palette_starts_commands(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(fill_home(tmp_path))
    palette = window.open_palette()
    palette.line.setText("nothing of the kind")
    assert palette.titles() == []
    palette.do_chosen()
    assert window.shown_page() == "market"


def test_the_chart_is_saved_as_pixels_shapes_and_a_report(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path / "home"))
    shown(qtbot, window, "AAA")
    for kind in ("png", "svg", "pdf"):
        window.save_picture(kind, str(tmp_path / f"chart.{kind}"))
        assert window.status.message.text() == f"Written to {tmp_path / f'chart.{kind}'}"
    picture = QImage(str(tmp_path / "chart.png"))
    assert picture.width() == 2 * market(window).chart.width()
    assert ElementTree.parse(tmp_path / "chart.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "chart.pdf").read_bytes()[:5] == b"%PDF-"
    assert (tmp_path / "chart.pdf").read_bytes().count(b"/Type /Page\n") == 1
    assert [one.name for one in tmp_path.glob("*.part")] == []


def test_a_report_says_what_the_window_says(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    snapshot = market(window).snapshot
    assert snapshot is not None
    assert snapshot.words is not None
    html = report_html(snapshot)
    assert snapshot.words.headline in html
    assert snapshot.words.rows[2].range_90 in html
    assert snapshot.track.direction in html


def test_a_picture_that_cannot_be_written_is_told(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    window.save_picture("png", str(tmp_path / "nowhere" / "chart.png"))
    assert "cannot be written" in window.status.message.text()


def test_a_table_is_saved_as_shown_and_formulas_are_defused(tmp_path: Path) -> None:
    text = Column[tuple[str, str]]("Text", lambda row: row[0])
    model = RecordModel((text, Column[tuple[str, str]]("-5 %", lambda row: row[1])))
    model.show_rows([("=1+1", "-3.5 %"), ("@sum", "+1,204"), ("plain, quoted", "-cmd")])
    assert save_table(model, tmp_path / "t.csv") == 3
    lines = (tmp_path / "t.csv").read_text("utf-8").splitlines()
    assert lines == ["Text,-5 %", "'=1+1,-3.5 %", '\'@sum,"+1,204"', '"plain, quoted",\'-cmd']
