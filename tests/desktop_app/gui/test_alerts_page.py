"""The page of alerts: the chosen one in full, what is shown, and an empty record that says what next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.store import open_home
from fusion_model.findings import MARKET, Anomaly
from fusion_model.store import save_anomalies
from tests.desktop_app.facts import NOW, SESSIONS, fill_home
from tests.desktop_app.gui.at_window import market, open_alerts, shown

OpenWindow = Callable[..., MainWindow]


def with_market_day(home: Path) -> Path:
    fill_home(home)
    with closing(open_home(home)) as db:
        day = Anomaly(MARKET, SESSIONS[4], "turbulence", 4.2, 1.0, 0.0003, "Nearly all stocks fell.")
        save_anomalies(db, [day], NOW)
    return home


def test_the_chosen_alert_is_read_in_full(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(with_market_day(tmp_path))
    page = open_alerts(qtbot, window)
    assert page.headline.text() == "On 16 Mar 2021: AAA. 2 alerts not seen yet."
    assert page.detail.text().startswith(
        "AAA traded nine times as much.\n\nAll measures together: 1 in 1,700"
    )
    page.table.selectRow(1)
    assert page.detail.text().startswith("Nearly all stocks fell.")


def test_a_day_of_the_whole_market_opens_at_the_ticker_that_is_chosen(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(with_market_day(tmp_path))
    shown(qtbot, window, "AAA")
    page = open_alerts(qtbot, window)
    page.table.selectRow(1)
    page.show_on_chart()
    assert window.shown_page() == "market"
    qtbot.waitUntil(lambda: market(window).posts.heading().startswith("AAA on 5 Mar 2021"))


def test_what_was_seen_leaves_the_list_of_what_is_open(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(with_market_day(tmp_path))
    page = open_alerts(qtbot, window)
    page.which.setCurrentIndex(page.which.findData("open"))
    page.table.selectRow(0)
    page.note.setText("a report")
    page.acknowledge()
    qtbot.waitUntil(lambda: [alert.ticker for alert in page.model.rows] == [MARKET])
    page.which.setCurrentIndex(page.which.findData("all"))
    assert [alert.note for alert in page.model.rows] == ["a report", ""]


def test_a_record_without_alerts_offers_to_judge_the_newest_session(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    with closing(open_home(tmp_path)):
        pass
    page = open_alerts(qtbot, open_window(tmp_path))
    assert (page.empty.title.text(), page.empty.button.text()) == ("Nothing unusual", "Refresh")
