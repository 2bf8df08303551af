"""What the window shows is what the record says, per today's share."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors.locks import SCHEDULE, holding
from collectors.records import Post, PostSentiment
from desktop_app.alerts import acknowledge_alert, load_alerts
from desktop_app.chart_marks import ReportMark
from desktop_app.freshness import load_freshness, posts_note
from desktop_app.pointer import chart_in_words
from desktop_app.settings import Settings
from desktop_app.snapshot import (
    PostRow,
    load_posts_of_day,
    load_snapshot,
    load_watch_rows,
    reading,
)
from desktop_app.store import open_home, open_home_reader, open_home_writer
from fusion_model.findings import ExpectedReport
from fusion_model.store import save_expected_reports
from tests.desktop_app.facts import NOW, fill_home, report


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home_reader(fill_home(tmp_path))) as reader:
        yield reader


def test_prices_before_a_split_are_shown_per_todays_share(db: sqlite3.Connection) -> None:
    snapshot = load_snapshot(db, "AAA", Settings(moving_averages=(2,)))
    assert snapshot is not None
    assert [bar.close for bar in snapshot.bars[:6]] == [50.0, 51.0, 52.0, 53.0, 54.0, 55.0]
    assert [bar.volume for bar in snapshot.bars[4:6]] == [2000.0, 1000.0]
    assert math.isnan(snapshot.averages[2][0])
    assert snapshot.averages[2][1:3] == (50.5, 51.5)


def test_a_forecast_in_currency_starts_at_the_last_close(db: sqlite3.Connection) -> None:
    snapshot = load_snapshot(db, "AAA")
    assert snapshot is not None
    assert [said.horizon for said in snapshot.forecasts] == [1, 5, 20]
    assert snapshot.forecasts[0].price_at(0.50) == 60.6
    assert snapshot.forecasts[0].price_at(0.05) == pytest.approx(60.6 * math.exp(-0.045))
    assert snapshot.forecast_position == 11
    assert snapshot.target_positions() == {12: "2021-03-17", 16: "2021-03-23", 31: "2021-04-14"}


def test_the_next_report_is_marked_at_the_session_that_reacts(db: sqlite3.Connection) -> None:
    snapshot = load_snapshot(db, "AAA")
    assert snapshot is not None
    assert snapshot.next_report == ReportMark(
        17, True, "◆ 23 Mar", "Earnings report announced for 23 Mar 2021, after the close."
    )
    assert snapshot.words is not None
    assert snapshot.words.report == snapshot.next_report.text
    assert chart_in_words(snapshot).endswith(snapshot.next_report.text)


@pytest.mark.parametrize(
    ("known", "mark"),
    [
        (report("expected"), (17, False, "◇ ~23 Mar")),
        (report("unknown", 0), None),
        (report("announced", 21), None),
    ],
)
def test_only_a_report_inside_the_fan_is_marked(
    db: sqlite3.Connection, tmp_path: Path, known: ExpectedReport, mark: tuple[int, bool, str] | None
) -> None:
    with closing(open_home(tmp_path)) as writer:
        save_expected_reports(writer, [known], NOW)
    snapshot = load_snapshot(db, "AAA")
    assert snapshot is not None
    found = snapshot.next_report
    assert (found and (found.position, found.announced, found.caption)) == mark


def test_without_a_stored_calendar_no_report_is_marked(db: sqlite3.Connection) -> None:
    snapshot = load_snapshot(db, "BBB")
    assert snapshot is not None
    assert snapshot.next_report is None
    assert "report" not in chart_in_words(snapshot)


def test_a_post_after_the_close_belongs_to_the_next_session(db: sqlite3.Connection) -> None:
    snapshot = load_snapshot(db, "AAA")
    assert snapshot is not None
    assert [[row.post.post_id for row in load_posts_of_day(db, snapshot, at)] for at in (9, 10, 11, 12)] == [
        [], ["p1"], ["p2"], ["p3"],
    ]  # fmt: skip
    days = snapshot.sentiment["compact 1"]
    assert [(day.position, day.positive, day.neutral, day.negative) for day in days] == [
        (10, 1, 0, 0), (11, 0, 0, 1), (12, 0, 1, 0),
    ]  # fmt: skip
    assert days[0].mean == pytest.approx(0.7)


def test_a_ticker_without_prices_has_no_snapshot(db: sqlite3.Connection) -> None:
    assert load_snapshot(db, "ZZZ") is None


def test_the_watchlist_shows_close_move_range_and_alert(db: sqlite3.Connection) -> None:
    first, second = load_watch_rows(db)
    assert (first.ticker, first.session, first.last_close) == ("AAA", "2021-03-16", 60.6)
    assert first.move == pytest.approx(0.01)
    assert first.range_text == "$57.93 – $63.39"
    assert first.alert == "AAA traded nine times as much. (1 in 1,700)"
    assert len(first.sparkline) == 12
    assert first.sparkline[0] == 50.0
    assert (second.ticker, second.range_text, second.alert) == ("BBB", "", "")


def test_an_acknowledged_alert_loses_its_dot_and_keeps_the_note(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    with closing(open_home_writer(tmp_path)) as writer:
        acknowledge_alert(writer, load_alerts(db, Settings())[0], "earnings", NOW)
    assert load_watch_rows(db)[0].alert == ""
    (alert,) = load_alerts(db, Settings())
    assert (alert.acknowledged, alert.note) == (True, "earnings")


@pytest.mark.parametrize(("now", "stale"), [("2021-03-20T12:00:00Z", False), ("2021-03-21T12:00:00Z", True)])
def test_prices_are_stale_from_the_fifth_day_on(db: sqlite3.Connection, now: str, stale: bool) -> None:
    assert [row.stale for row in load_watch_rows(db, now=now)] == [stale, stale]
    snapshot = load_snapshot(db, "AAA", now=now)
    assert snapshot is not None
    assert snapshot.stale is stale


def test_freshness_names_what_is_stale_missing_and_what_to_do(db: sqlite3.Connection) -> None:
    rows = {row.title: row for row in load_freshness(db, "2021-03-17T12:00:00Z")}
    assert (rows["Prices"].state, rows["Prices"].age) == ("fresh", "yesterday")
    assert (rows["Macro figures"].state, rows["Macro figures"].advice) == (
        "missing",
        "Press Collect (it needs a free FRED key), or import FRED's CSV files.",
    )
    assert (rows["Earnings dates"].state, rows["Earnings dates"].advice) == (
        "missing",
        "Give the settings an e-mail for the SEC and press Collect, or import a list of reports.",
    )
    assert load_freshness(db, "2021-06-01T12:00:00Z")[0].state == "stale"


def test_without_fresh_posts_the_way_to_reddit_is_told(db: sqlite3.Connection) -> None:
    assert posts_note(load_freshness(db, "2021-03-17T12:00:00Z")) == ""
    note = posts_note(load_freshness(db, "2021-06-01T12:00:00Z"))
    assert note.startswith(
        "<b>Posts from Reddit need a key of your own.</b> Since November 2025 Reddit gives"
    )
    assert '<a href="https://www.reddit.com/prefs/apps">www.reddit.com/prefs/apps</a>' in note
    assert "Everything else works without" in note


def test_whether_the_schedule_runs_is_shown_with_the_sources(db: sqlite3.Connection, tmp_path: Path) -> None:
    assert load_freshness(db, "2021-03-17T12:00:00Z", tmp_path)[-2].content == "not running"
    with holding(tmp_path, SCHEDULE, "barograph serve") as holder:
        row = load_freshness(db, holder.started_at, tmp_path)[-2]
    assert (row.title, row.state, row.names) == ("Schedule", "fresh", "barograph serve")
    assert row.content == f"process {holder.pid} on {holder.host}"


@pytest.mark.parametrize(
    ("probabilities", "said"),
    [
        ((0.82, 0.1, 0.08), "▲ positive 82 %"),
        ((0.3, 0.5, 0.2), "• neutral 50 %"),
        ((0.4, 0.3, 0.3), "? uncertain"),
    ],
)
def test_weak_likeliest_label_is_read_as_uncertain(
    probabilities: tuple[float, float, float], said: str
) -> None:
    post = Post("p", "reddit", "stocks", "", "text", 0, 0, NOW, NOW)
    assert reading(PostRow(post, "text", (PostSentiment("p", "compact", *probabilities, NOW),))) == said
