"""Keep a small database as this version writes it, for the tests to upgrade: once at each release.

python scripts/keep_record.py 0.1.0            tests/resources/records/0.1.0.db.gz
python scripts/keep_record.py first --first    the tables as the first migration of each package made them
"""

from __future__ import annotations

import argparse
import gzip
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database, Migrations

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import collectors.schema  # noqa: E402
import desktop_app.schema  # noqa: E402
import fusion_model.schema  # noqa: E402
from collectors import store  # noqa: E402
from collectors.records import EarningsAnnouncement, JobRun, MacroObservation, PriceFlag, Quote  # noqa: E402
from desktop_app.store import DATABASE_NAME, acknowledge, open_home  # noqa: E402
from fusion_model.findings import TrainedModel  # noqa: E402
from fusion_model.store import save_trained_model  # noqa: E402
from tests.desktop_app.facts import NOW, SESSIONS, close_of, fill_home  # noqa: E402

TARGET = ROOT / "tests" / "resources" / "records"
SETS = (collectors.schema.migrations, fusion_model.schema.migrations, desktop_app.schema.migrations)


def keep(name: str, *, first: bool) -> Path:
    """Write the file and return its path; a version that was kept stays as it is."""
    target = TARGET / f"{name}.db.gz"
    if target.exists():
        raise SystemExit(f"{target} is there already; a released version never changes")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _fill(home)
        kept = home / "kept.db"
        with closing(sqlite3.connect(kept, isolation_level=None)) as db:
            db.execute("PRAGMA page_size = 1024")
            if first:
                _as_the_first_made_it(db, home / DATABASE_NAME)
            else:
                with closing(sqlite3.connect(home / DATABASE_NAME)) as whole:
                    whole.backup(db)
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("VACUUM")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(kept.read_bytes(), mtime=0))
    return target


def _fill(home: Path) -> None:
    """Write a row or more of every kind of fact, some findings and choices."""
    fill_home(home)
    at, session = close_of(SESSIONS[-2]), SESSIONS[-2]
    with closing(open_home(home)) as db:
        store.save_macro(db, [MacroObservation("DGS10", session, 1.5, session, at)], NOW)
        store.save_earnings(db, [EarningsAnnouncement("AAA", session, "post", "test", at)])
        store.save_flags(db, [PriceFlag("BBB", session, "gap", "", "", "test", "", NOW, at)])
        store.save_quotes(db, [Quote("AAA", 60.5, at, "test", at)])
        store.save_job_run(db, JobRun("prices", at, NOW, "done", 24, ""))
        save_trained_model(db, TrainedModel("v1", "fusion", SESSIONS[0], NOW, "m1", "{}"))
        acknowledge(db, "AAA", SESSIONS[-1], "volume", "seen", NOW)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _as_the_first_made_it(db: sqlite3.Connection, filled: Path) -> None:
    """Make the first tables, and copy what fits into them."""
    for one in SETS:
        _run_first(db, one)
    db.execute("ATTACH ? AS filled", (str(filled),))
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if not table.startswith(("sqlite_", "_sqlite")):
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA table_info({table})"))
            db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM filled.{table}")
    db.execute("DETACH filled")


def _run_first(db: sqlite3.Connection, migrations: Migrations) -> None:
    wrapped, first = Database(db), migrations._migrations[0]
    migrations.ensure_migrations_table(wrapped)
    first.fn(wrapped)
    migrations._record_applied(wrapped, first.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the version")
    parser.add_argument("--first", action="store_true", help="the first tables in place of today's")
    arguments = parser.parse_args()
    print(keep(arguments.name, first=arguments.first))
