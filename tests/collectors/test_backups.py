"""Backups are sound copies, few enough to keep, and lead back from a damaged file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from collectors import backups
from collectors.backups import back_up_daily, backups_of, damage_of, day_of, restore
from collectors.errors import DamagedDatabase, StorageError
from collectors.records import PriceBar
from collectors.store import load_tickers, open_database, save_price_bars

NOW = "2020-01-03T12:00:00Z"
BAR = PriceBar("KO", "2020-01-02", 55.3, 55.4, 54.8, 55.0, 1000.0, "yahoo", "2020-01-02T21:00:00Z")
PEP = PriceBar("PEP", "2020-01-02", 55.3, 55.4, 54.8, 55.0, 1000.0, "yahoo", "2020-01-02T21:00:00Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "facts.db"


@pytest.fixture
def record(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(path)) as db:
        save_price_bars(db, [BAR], NOW)
        yield db


def overwrite_pages(path: Path) -> None:
    """Overwrite the table of prices, as a failing disk does."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(root,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'price_bar'")
        [(size,)] = db.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


def test_the_first_writing_of_a_day_makes_one_backup_that_stands_alone(
    record: sqlite3.Connection, path: Path
) -> None:
    made = back_up_daily(record, path, NOW)
    assert made == path.parent / "backups" / "facts-2020-01-03.db"
    assert back_up_daily(record, path, "2020-01-03T23:00:00Z") is None
    assert sorted(file.name for file in made.parent.iterdir()) == [made.name]
    with closing(open_database(made)) as copy:
        assert load_tickers(copy) == ["KO"]


def test_seven_days_and_four_weeks_are_kept(record: sqlite3.Connection, path: Path) -> None:
    first = date(2020, 1, 1)
    for days in range(60):
        back_up_daily(record, path, f"{first + timedelta(days)}T12:00:00Z")
    assert [day_of(backup) for backup in backups_of(path)] == [
        *(f"2020-02-{day}" for day in range(29, 22, -1)),
        *("2020-02-22", "2020-02-16", "2020-02-09", "2020-02-02"),
    ]


def test_a_damaged_record_pushes_out_no_good_backup(record: sqlite3.Connection, path: Path) -> None:
    back_up_daily(record, path, NOW)
    record.close()
    overwrite_pages(path)
    with closing(sqlite3.connect(path)) as db, pytest.raises(DamagedDatabase, match="doctor --repair"):
        back_up_daily(db, path, "2020-01-04T12:00:00Z")
    assert [day_of(backup) for backup in backups_of(path)] == ["2020-01-03"]
    assert not list(path.parent.glob("backups/*.part"))


def test_a_disk_without_room_for_a_backup_does_not_stop_a_collection(
    record: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(backups.shutil, "disk_usage", lambda folder: full)
    assert back_up_daily(record, path, NOW) is None
    assert "No backup was made" in caplog.text


def test_a_damaged_record_is_set_aside_with_its_log_and_the_newest_sound_backup_restored(
    record: sqlite3.Connection, path: Path
) -> None:
    back_up_daily(record, path, NOW)
    save_price_bars(record, [PEP], NOW)
    back_up_daily(record, path, "2020-01-04T12:00:00Z")
    record.close()
    overwrite_pages(path)
    path.with_name("facts.db-wal").write_bytes(b"left by a crash")
    overwrite_pages(backups_of(path)[0])
    assert damage_of(path)
    done = restore(path, "2020-01-05T12:00:00Z")
    assert (done.restored.name, [bad.name for bad in done.passed_over]) == (
        "facts-2020-01-03.db",
        ["facts-2020-01-04.db"],
    )
    assert {"facts.db", "facts.db-wal"} <= {file.name for file in done.set_aside.iterdir()}
    assert not path.with_name("facts.db-wal").exists()
    with closing(open_database(path)) as db:
        assert load_tickers(db) == ["KO"]
        assert save_price_bars(db, [BAR, PEP], NOW) == 1


def test_without_a_sound_backup_nothing_is_touched(record: sqlite3.Connection, path: Path) -> None:
    record.close()
    overwrite_pages(path)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="no sound backup"):
        restore(path, NOW)
    assert path.read_bytes() == before
