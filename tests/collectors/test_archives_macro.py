"""Macro files: first releases and vintages at their day, plain downloads at an assumed one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from collectors import store
from collectors.archives import import_macro
from collectors.archives.release_lags import release_lag
from collectors.errors import BadInput

EXCERPTS = Path(__file__).parents[1] / "resources" / "archives"
NOW = "2021-04-22T00:00:00Z"


def write(tmp_path: Path, text: str, name: str = "GDP.csv") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def known(db: sqlite3.Connection, at: str) -> dict[tuple[str, str], float]:
    return {(series, day): value for series, day, value, _ in store.load_macro(db, at)}


def test_a_download_without_vintages_counts_as_known_after_its_release_lag(db: sqlite3.Connection) -> None:
    report = import_macro(db, [EXCERPTS / "fred" / "FEDFUNDS.csv"], now=NOW)
    assert (report.rows_read, report.rows_saved, report.bad_lines) == (6, 6, 0)
    assert known(db, "1980-02-05T23:59:58Z") == {}
    assert known(db, "1980-02-05T23:59:59Z") == {("FEDFUNDS", "1980-01-01"): 13.82}


def test_a_wide_download_gives_every_series_and_no_missing_value(db: sqlite3.Connection) -> None:
    report = import_macro(db, [EXCERPTS / "fred" / "yields.csv"], now=NOW)
    assert (report.rows_saved, report.passed_over) == (12, 1)
    assert ("DGS2", "2014-07-04") not in known(db, NOW)
    assert store.load_macro(db, "2014-07-02T00:00:00Z") == [
        ("DGS10", "2014-06-30", 2.53, "2014-07-01T23:59:59Z"),
        ("DGS2", "2014-06-30", 0.47, "2014-07-01T23:59:59Z"),
    ]


@pytest.mark.parametrize("name", ["GDP.csv", "vintages.csv"])
def test_a_revision_is_invisible_before_its_release(db: sqlite3.Connection, name: str) -> None:
    import_macro(db, [EXCERPTS / "alfred" / name], now=NOW)
    quarter = ("GDP", "2013-10-01")
    assert quarter not in known(db, "2014-01-30T21:00:00Z")
    assert known(db, "2014-01-31T21:00:00Z")[quarter] == 17102.5
    assert known(db, "2014-02-28T21:00:00Z")[quarter] == 17102.5
    assert known(db, "2014-03-03T21:00:00Z")[quarter] == 17080.7


def test_both_forms_of_alfred_say_the_same(db: sqlite3.Connection) -> None:
    import_macro(db, [EXCERPTS / "alfred" / "GDP.csv"], now=NOW)
    again = import_macro(db, [EXCERPTS / "alfred" / "vintages.csv"], now=NOW)
    assert (again.rows_saved, again.bad_lines) == (0, 0)


def test_importing_twice_adds_no_row(db: sqlite3.Connection) -> None:
    import_macro(db, [EXCERPTS / "alfred", EXCERPTS / "fred"], now=NOW)
    again = import_macro(db, [EXCERPTS / "alfred", EXCERPTS / "fred"], now="2021-05-01T00:00:00Z")
    assert (again.rows_saved, again.bad_lines) == (0, 0)


def test_a_series_column_names_the_series(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "series_id,realtime_start,date,value\nxyz,2020-02-01,2020-01-01,.\nXYZ,2020-03-01,2020-01-01,1\n",
    )
    import_macro(db, [path], now=NOW)
    assert store.load_macro(db, NOW) == [("XYZ", "2020-01-01", 1.0, "2020-03-01T23:59:59Z")]


@pytest.mark.parametrize(
    ("series_id", "observed", "days"),
    [
        ("CPIAUCSL", ["2020-01-01"], 57),
        ("NEW", ["2020-01-01", "2020-02-01", "2020-03-01"], 60),
        ("NEW", ["2020-01-03", "2020-01-10", "2020-01-17"], 10),
        ("NEW", ["2020-01-02", "2020-01-03", "2020-01-06"], 2),
        ("NEW", ["2020-01-01", "2020-04-01", "2020-07-01"], 120),
        ("NEW", ["2019-01-01", "2020-01-01"], 450),
    ],
)
def test_the_lag_is_the_series_own_or_that_of_its_spacing(
    series_id: str, observed: list[str], days: int
) -> None:
    assert release_lag(series_id, observed) == days


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2020-01-01,2020-04-01,x", "value is 'x', not a number"),
        ("2020-01-01,2020-04-01,nan", "value is 'nan', not a finite number"),
        ("2020-01-01,Q1,1", "'Q1' is no date"),
        ("2020-01-01,2021-05-01,1", "speaks of 2021-05-01, after"),
        ("2021-05-01,2020-01-01,1", "speaks of 2021-05-01, after"),
        ("1776-07-04,2020-01-01,1", "FRED's mark for an unknown release day"),
        ("2020-01-01,2019-10-01,2", "GDP 2019-10-01 was given before"),
        ("2020-01-01,2020-04-01", "has 2 columns, the header has 3"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(
    db: sqlite3.Connection, tmp_path: Path, row: str, reason: str
) -> None:
    path = write(
        tmp_path, f"realtime_start,date,value\n2020-01-01,2019-10-01,1\n{row}\n2020-05-01,2020-01-01,3\n"
    )
    report = import_macro(db, [path], now=NOW)
    assert (report.rows_saved, report.bad_lines, report.examples[0].line) == (2, 1, 3)
    assert reason in report.examples[0].reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("date,value\n", "has a header and no rows"),
        ("a,b\n1,2\n", "recognised macro layouts"),
        ("date,value\n2020-01-01,x\n", "none of 1 lines could be used"),
    ],
)
def test_a_file_without_anything_usable_is_refused(
    db: sqlite3.Connection, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        import_macro(db, [write(tmp_path, text)], now=NOW)


def test_a_value_column_needs_a_file_named_after_the_series(db: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"call it SERIES\.csv"):
        import_macro(db, [write(tmp_path, "date,value\n2020-01-01,1\n", "my figures.csv")], now=NOW)


def test_a_table_of_prices_is_no_table_of_series(db: sqlite3.Connection, tmp_path: Path) -> None:
    """Its columns open, high, low, close once became four macro series."""
    path = tmp_path / "prices.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n2020-01-02,10,11,9,10,100\n")
    with pytest.raises(BadInput, match="import prices"):
        import_macro(db, [path], now=NOW)
    assert store.load_macro(db, "9999") == []
