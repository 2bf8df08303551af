"""A database of every version that was released, and of the first one written, upgrades with all its rows."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collectors.store import blank_posts, load_coverage, quick_check
from desktop_app.freshness import load_freshness
from desktop_app.snapshot import load_snapshot, load_watch_rows
from desktop_app.store import DATABASE_NAME, open_home
from tests.desktop_app.facts import NOW

RECORDS = sorted((Path(__file__).parent / "resources" / "records").glob("*.db.gz"))
Rows = dict[str, tuple[list[str], list[tuple[object, ...]]]]


def rows_of(db: sqlite3.Connection, columns_of: Rows | None = None) -> Rows:
    """Return every table's columns and rows; only the tables and columns of another reading, where given."""
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    rows: Rows = {}
    for name in names:
        if name.startswith(("sqlite_", "_sqlite")) or (columns_of is not None and name not in columns_of):
            continue
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
        if columns_of is not None:
            columns = [column for column in columns_of[name][0] if column in columns]
        rows[name] = (columns, sorted(db.execute(f"SELECT {', '.join(columns)} FROM {name}"), key=repr))
    return rows


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name.removesuffix(".db.gz"))
def test_every_record_that_was_ever_written_opens_with_all_its_rows(record: Path, tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    path.write_bytes(gzip.decompress(record.read_bytes()))
    with closing(sqlite3.connect(path)) as old:
        before = rows_of(old)
    with closing(open_home(tmp_path)) as db:
        assert rows_of(db, before) == before
        assert quick_check(db) == []
        assert [(one.kind, one.rows) for one in load_coverage(db)][:2] == [("prices", 24), ("posts", 3)]
        assert [row.ticker for row in load_watch_rows(db)] == ["AAA", "BBB"]
        shown = load_snapshot(db, "AAA")
        assert shown is not None
        assert len(shown.forecasts) == 3
        assert load_freshness(db, NOW)
        assert blank_posts(db, ["p1"]) == 1


def test_the_first_record_is_an_old_one_and_was_copied_before_its_upgrade(tmp_path: Path) -> None:
    [first] = [record for record in RECORDS if record.name == "first.db.gz"]
    (tmp_path / DATABASE_NAME).write_bytes(gzip.decompress(first.read_bytes()))
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as old:
        before = rows_of(old)
    assert "quote" not in before
    assert all(rows for _, rows in before.values())
    with closing(open_home(tmp_path)) as db:
        assert "quote" in rows_of(db)
    [copy] = tmp_path.glob("barograph.before-upgrade-*.db")
    with closing(sqlite3.connect(copy)) as kept:
        assert rows_of(kept) == before
