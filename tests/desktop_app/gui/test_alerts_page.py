"""The page of alerts: the chosen one in full, what is shown, and an empty record that says what next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.rule_check import check_rules
from desktop_app.store import open_home
from desktop_app.store_rules import add_rule
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


def test_a_record_without_alerts_says_what_would_stand_here(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    with closing(open_home(tmp_path)):
        pass
    page = open_alerts(qtbot, open_window(tmp_path))
    assert page.none.isVisibleTo(page)
    assert page.none.text().startswith("A session is listed here when it was improbable")


def test_a_rule_is_added_snoozed_armed_and_removed(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    shown(qtbot, window, "AAA")
    page = open_alerts(qtbot, window)
    page.tabs.setCurrentWidget(page.rules)
    rules = page.rules
    rules.ticker.setCurrentText("BBB")
    rules.kind.setCurrentIndex(rules.kind.findData("price"))
    rules.threshold.setValue(61.5)
    rules.add()
    qtbot.waitUntil(lambda: len(rules.model.rows) == 1)
    (row,) = rules.model.rows
    assert (row.rule.ticker, row.rule.sentence) == ("BBB", "The close crosses $61.50")
    assert (row.quiet, row.state, row.last) == ("5 days", "armed", "never")
    rules.table.selectRow(0)
    rules.snooze()
    qtbot.waitUntil(lambda: rules.model.rows[0].state.startswith("snoozed until "))
    rules.table.selectRow(0)
    rules.arm()
    qtbot.waitUntil(lambda: rules.model.rows[0].state == "armed")
    rules.table.selectRow(0)
    rules.remove()
    qtbot.waitUntil(lambda: not rules.model.rows)


def test_the_line_asks_for_what_a_kind_needs(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    page = open_alerts(qtbot, open_window(fill_home(tmp_path)))
    page.tabs.setCurrentWidget(page.rules)
    rules = page.rules
    seen = {}
    for name in ("volume", "range", "price"):
        rules.kind.setCurrentIndex(rules.kind.findData(name))
        widgets = (rules.threshold, rules.range, rules.side)
        seen[name] = tuple(widget.isVisibleTo(rules) for widget in widgets)
    assert seen == {
        "volume": (True, False, False), "range": (False, True, True), "price": (True, False, True),
    }  # fmt: skip
    rules.kind.setCurrentIndex(rules.kind.findData("range"))
    rules.add()
    qtbot.waitUntil(lambda: len(rules.model.rows) == 1)
    assert rules.model.rows[0].rule.threshold == 90.0


def test_an_alert_of_a_rule_stands_beside_the_others(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    fill_home(tmp_path)
    with closing(open_home(tmp_path)) as db:
        add_rule(db, kind="price", threshold=60.5, ticker="AAA", now="2021-03-01T22:00:00Z")
        check_rules(db, NOW)
    page = open_alerts(qtbot, open_window(tmp_path))
    assert [(alert.ticker, alert.measure) for alert in page.model.rows] == [
        ("AAA", "volume"),
        ("AAA", "rule"),
    ]
    page.table.selectRow(1)
    assert page.detail.text() == (
        "A rule of yours fired.\n\nThe price rose from $60.00 to $60.60, across $60.50."
    )
    assert page.rules.model.rows[0].last == "AAA, 16 Mar 2021"
