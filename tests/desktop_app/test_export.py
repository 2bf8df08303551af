"""CSV leaves the program as RFC 4180, the same bytes every time, and runs nothing in a spreadsheet."""

from __future__ import annotations

import csv
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors.errors import BadInput, ConfigurationError
from desktop_app.export import (
    FORECAST_COLUMNS,
    export_anomalies,
    export_forecasts,
    export_posts,
    export_track_record,
    total_wealth,
)
from desktop_app.store import open_home, open_home_reader
from tests.desktop_app.facts import fill_home


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home_reader(fill_home(tmp_path / "home"))) as reader:
        yield reader


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_forecasts_stand_in_returns_and_in_currency(db: sqlite3.Connection, tmp_path: Path) -> None:
    out = tmp_path / "f.csv"
    assert export_forecasts(db, out, None) == 3
    first = rows_of(out)[0]
    assert tuple(first) == FORECAST_COLUMNS
    assert (first["q05"], first["price_q05"]) == ("-0.04500000", f"{60.6 * math.exp(-0.045):.4f}")
    assert (first["q50"], first["price_q50"], first["last_close"]) == ("0.00000000", "60.6000", "60.6000")
    assert (first["target_session"], first["scorer"]) == ("2021-03-17", "compact 1")


def test_the_same_record_gives_the_same_bytes(db: sqlite3.Connection, tmp_path: Path) -> None:
    export_forecasts(db, tmp_path / "a.csv", "2021-03-16")
    export_forecasts(db, tmp_path / "b.csv", "2021-03-16")
    written = (tmp_path / "a.csv").read_bytes()
    assert written == (tmp_path / "b.csv").read_bytes()
    assert written.count(b"\r\n") == written.count(b"\n") == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", "home"]


def test_excel_gets_a_byte_order_mark(db: sqlite3.Connection, tmp_path: Path) -> None:
    export_forecasts(db, tmp_path / "a.csv", excel=True)
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfmodel,")


def test_a_text_that_looks_like_a_formula_is_defused(db: sqlite3.Connection, tmp_path: Path) -> None:
    assert export_posts(db, tmp_path / "p.csv") == 3
    assert [row["body"] for row in rows_of(tmp_path / "p.csv")] == [
        "before the close", "after the close", "'=after the last close",
    ]  # fmt: skip


def test_the_track_record_holds_what_came_of_each_forecast(db: sqlite3.Connection, tmp_path: Path) -> None:
    assert export_track_record(db, tmp_path / "t.csv") == 4
    rows = rows_of(tmp_path / "t.csv")
    assert [(row["as_of_session"], row["horizon"]) for row in rows] == [
        ("2021-03-12", "1"), ("2021-03-16", "1"), ("2021-03-16", "5"), ("2021-03-16", "20"),
    ]  # fmt: skip
    assert [row["realised"] for row in rows] == [f"{math.log(60 / 59):.8f}", "", "", ""]
    assert rows[0]["made_at"] == "2021-03-16T21:00:00Z"


def test_anomalies_carry_the_persons_answer(db: sqlite3.Connection, tmp_path: Path) -> None:
    assert export_anomalies(db, tmp_path / "a.csv") == 2
    assert [(row["p_value"], row["acknowledged"]) for row in rows_of(tmp_path / "a.csv")] == [
        ("0.0002", "no"), ("0.01", "no"),
    ]  # fmt: skip


def test_total_return_counts_splits_and_dividends() -> None:
    wealth = total_wealth(
        [("2021-03-01", 100.0), ("2021-03-02", 51.0), ("2021-03-04", 50.0)],
        [("2021-03-02", "split", 2.0), ("2021-03-04", "dividend", 1.0)],
    )
    assert wealth == pytest.approx([0.0, math.log(1.02), math.log(1.02)])


def test_nothing_to_export_is_said_and_nothing_written(tmp_path: Path) -> None:
    with closing(open_home(tmp_path)) as db:
        for export in (export_forecasts, export_track_record, export_anomalies, export_posts):
            with pytest.raises(BadInput, match="to export"):
                export(db, tmp_path / "x.csv")  # type: ignore[operator]
    assert not (tmp_path / "x.csv").exists()


def test_a_folder_that_is_not_there_is_named(db: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.*cannot be written"):
        export_forecasts(db, tmp_path / "nowhere" / "f.csv")
