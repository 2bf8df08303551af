"""The record of choices: the watchlist and what a person said to an alert; and a home opened whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.errors import StorageError
from desktop_app import store
from fusion_model.store import load_forecasts, save_forecasts
from tests.builders import forecast_of

NOW, LATER = "2020-01-02T22:00:00Z", "2020-01-03T22:00:00Z"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = store.open_home(tmp_path / "home")
    yield connection
    connection.close()


def test_the_watchlist_names_each_ticker_once_and_in_order(db: sqlite3.Connection) -> None:
    assert store.load_watchlist(db) == []
    assert store.watch(db, ["PEP", "KO", "PEP"], NOW) == 2
    assert store.watch(db, ["KO", "AAPL"], LATER) == 1
    assert store.load_watchlist(db) == ["AAPL", "KO", "PEP"]


def test_a_ticker_off_the_watchlist_is_gone(db: sqlite3.Connection) -> None:
    store.watch(db, ["PEP", "KO"], NOW)
    assert store.unwatch(db, ["PEP", "XYZ"]) == 1
    assert store.load_watchlist(db) == ["KO"]


def test_a_ticker_without_a_name_refuses_the_whole_choice(db: sqlite3.Connection) -> None:
    """Once, what broke a rule of the table was left out without a word."""
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        store.watch(db, ["KO", None], NOW)  # type: ignore[list-item]
    assert store.load_watchlist(db) == []


def test_the_last_note_on_an_alert_stands(db: sqlite3.Connection) -> None:
    store.acknowledge(db, "KO", "2020-01-02", "return", "earnings", NOW)
    store.acknowledge(db, "KO", "2020-01-02", "volume", "", NOW)
    store.acknowledge(db, "KO", "2020-01-02", "return", "earnings, and a lawsuit", LATER)
    assert store.load_acknowledgements(db) == {
        ("KO", "2020-01-02", "return"): "earnings, and a lawsuit",
        ("KO", "2020-01-02", "volume"): "",
    }


def test_a_home_holds_facts_findings_and_choices_and_opens_again(tmp_path: Path) -> None:
    forecast = forecast_of("KO", "2020-01-02", "2020-01-03")
    first = store.open_home(tmp_path)
    store.watch(first, ["KO"], NOW)
    save_forecasts(first, [forecast], NOW)
    first.close()
    again = store.open_home(tmp_path)
    assert (store.load_watchlist(again), load_forecasts(again, "2020-01-02")) == (["KO"], [forecast])
    again.close()
    assert [file.name for file in tmp_path.glob("*.db")] == [store.DATABASE_NAME]


def test_a_reader_sees_what_is_written_and_writes_nothing(db: sqlite3.Connection, tmp_path: Path) -> None:
    reader = store.open_home_reader(tmp_path / "home")
    store.watch(db, ["KO"], NOW)
    assert store.load_watchlist(reader) == ["KO"]
    with pytest.raises(StorageError, match="cannot be written"):
        store.watch(reader, ["PEP"], NOW)
    reader.close()


def test_an_empty_home_has_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no database at .*barograph.db; import or collect"):
        store.open_home_reader(tmp_path)
