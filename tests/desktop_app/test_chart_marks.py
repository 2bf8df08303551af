"""What happened on a bar is told where it happened, and the kinds that are switched off stay silent."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from collectors.records import CorporateAction, EarningsAnnouncement, MacroObservation
from collectors.store import save_corporate_actions, save_earnings, save_macro
from desktop_app.chart_marks import RELEASES, ChartMark
from desktop_app.pointer import happened_near
from desktop_app.snapshot import Snapshot, legend, load_snapshot
from desktop_app.store import open_home
from tests.desktop_app.facts import NOW, SESSIONS, close_of, fill_home


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """AAA paid 0.40 before its split in two, and reported on the evening before that split."""
    with closing(open_home(fill_home(tmp_path))) as db:
        paid = CorporateAction("AAA", SESSIONS[2], "dividend", 0.4, "test", close_of(SESSIONS[2]))
        save_corporate_actions(db, [paid], NOW)
        told = EarningsAnnouncement("AAA", SESSIONS[4], "post", "test", close_of(SESSIONS[1]))
        ahead = EarningsAnnouncement("AAA", "2021-06-04", "post", "test", close_of(SESSIONS[11]))
        save_earnings(db, [told, ahead])
        found = load_snapshot(db, "AAA")
    assert found is not None
    return found


def test_marks_stand_where_things_happened_per_todays_share(snapshot: Snapshot) -> None:
    assert snapshot.marks == (
        ChartMark(2, "dividend", 0, "Dividend of $0.20 a share"),
        ChartMark(5, "report", 0, "Earnings report of 5 Mar 2021, after the close"),
        ChartMark(5, "split", 1, "Split, 2 for 1"),
        ChartMark(11, "unusual", 0, "AAA traded nine times as much. (1 in 1,700)"),
    )


def test_the_pointer_reads_what_happened_near_a_bar_of_the_kinds_shown(snapshot: Snapshot) -> None:
    def near(position: int, reach: int, *shown: str) -> str:
        return happened_near(snapshot, position, reach, shown)

    assert near(5, 0, "report", "split") == (
        "◆ 8 Mar 2021: Earnings report of 5 Mar 2021, after the close\n■ 8 Mar 2021: Split, 2 for 1"
    )
    assert near(5, 0, "dividend") == ""
    assert near(17, 0) == "Earnings report announced for 23 Mar 2021, after the close."
    assert near(4, 2, "dividend") == "● 3 Mar 2021: Dividend of $0.20 a share"


def test_the_legend_names_the_shapes_that_are_there_and_shown(snapshot: Snapshot) -> None:
    def signs(bundle: int, *shown: str) -> list[str]:
        text = legend(snapshot, bundle, ["#000"], "#111", "#222", shown).replace("&nbsp;", " ")
        return [sign for sign in ("▼", "◆ earnings", "●", "■", "(zoom in)") if sign in text]

    assert signs(1, "unusual", "report", "dividend", "split") == ["▼", "◆ earnings", "●", "■"]
    assert signs(1, "dividend") == ["●"]
    assert signs(63, "dividend") == ["●", "(zoom in)"]


def test_macro_releases_are_marked_where_a_close_was_the_first_to_know_them(tmp_path: Path) -> None:
    figures = [
        ("UNRATE", "2021-01-01", 6.3, close_of(SESSIONS[0])),
        ("UNRATE", "2021-02-01", 6.2, "2021-03-05T13:30:00Z"),
        ("UNRATE", "2021-02-01", 6.1, close_of(SESSIONS[9])),  # a revision is no release
        ("CPIAUCSL", "2021-01-01", 262.2, close_of(SESSIONS[0])),
        ("CPIAUCSL", "2021-02-01", 263.2, "2021-03-05T13:30:00Z"),
        ("DGS10", "2021-03-08", 1.59, close_of(SESSIONS[5])),
        ("DGS10", "2021-03-09", 1.55, close_of(SESSIONS[6])),  # daily: a line, no event
    ]
    with closing(open_home(fill_home(tmp_path))) as db:
        save_macro(db, [MacroObservation(*row[:3], row[3][:10], row[3]) for row in figures], NOW)
        unasked, asked = load_snapshot(db, "AAA"), load_snapshot(db, "AAA", wanted=[RELEASES])
    assert unasked is not None
    assert asked is not None
    assert [mark for mark in asked.marks if mark not in unasked.marks] == [
        ChartMark(
            4,
            "macro",
            0,
            "Consumer prices (index) 263.20 for 1 Feb 2021, 262.20 before; "
            "Unemployment rate 6.20 % for 1 Feb 2021, 6.30 % before",
        )
    ]
