"""Lists of earnings announcements."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from collectors.archives import import_earnings
from collectors.errors import BadInput

NOW = "2021-04-22T00:00:00Z"


def write(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "announcements.csv"
    path.write_text("\n".join(["ticker,announced_on,time_of_day,n_sources", *rows]) + "\n")
    return path


def saved(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return db.execute(
        "SELECT ticker, announced_on, time_of_day, source, available_at "
        "FROM earnings_announcement ORDER BY id"
    ).fetchall()


def test_an_announcement_is_known_ten_sessions_ahead(db: sqlite3.Connection, tmp_path: Path) -> None:
    report = import_earnings(db, [write(tmp_path, "AAPL,2021-01-27,post,3", "BRK-B,2020-05-02,,1")], now=NOW)
    assert (report.rows_saved, report.bad_lines) == (2, 0)
    assert saved(db) == [
        ("AAPL", "2021-01-27", "post", "earnings_csv", "2021-01-12T21:00:00Z"),
        ("BRK.B", "2020-05-02", "unknown", "earnings_csv", "2020-04-17T20:00:00Z"),
    ]


def test_importing_twice_adds_no_row(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "AAPL,2021-01-27,post,3", "AAPL,2021-01-27,post,3")
    first, again = import_earnings(db, [path], now=NOW), import_earnings(db, [path], now=NOW)
    assert (first.rows_saved, first.passed_over, again.rows_saved) == (1, 1, 0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("AAPL,soon,post,3", "'soon' is no date"),
        ("AAPL,2021-02-01,noon,3", "time_of_day is 'noon'"),
        ("AAPL,2022-05-01,pre,3", "more than a year ahead"),
        ("AAPL,2021-01-27,pre,3", "was given before as post"),
        ("??,2021-02-01,pre,3", "'??' is no ticker"),
        ("AAPL,2021-02-01", "has 2 columns, the header has 4"),
        ("AAPL,1980-02-01,,1", "before the first session known"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(
    db: sqlite3.Connection, tmp_path: Path, row: str, reason: str
) -> None:
    report = import_earnings(
        db, [write(tmp_path, "AAPL,2021-01-27,post,3", row, "KO,2021-04-19,pre,2")], now=NOW
    )
    assert (report.rows_saved, report.bad_lines, report.examples[0].line) == (2, 1, 3)
    assert reason in report.examples[0].reason


def test_another_layout_is_refused(db: sqlite3.Connection, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="ticker,announced_on"):
        import_earnings(db, [tmp_path / "x.csv"], now=NOW)
