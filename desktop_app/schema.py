"""Tables of choices, as ordered migrations (set "desktop_app")."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from collectors.schema import APPEND_ONLY, run_script

migrations = Migrations("desktop_app")


@migrations()
def m001_choices(db: Database) -> None:
    """The watchlist, and what a person said to an alert."""
    run_script(
        db,
        """
        CREATE TABLE watched_ticker (
            ticker TEXT PRIMARY KEY,
            added_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE acknowledgement (
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            measure TEXT NOT NULL,
            note TEXT NOT NULL,
            acknowledged_at TEXT NOT NULL,
            PRIMARY KEY (ticker, session, measure)
        ) STRICT;
        """,
    )


@migrations()
def m002_holding_change(db: Database) -> None:
    """What the person said to hold: the newest statement of a ticker stands, 0 shares take it out."""
    run_script(
        db,
        """
        CREATE TABLE holding_change (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            shares REAL NOT NULL CHECK (shares >= 0),
            cost REAL CHECK (cost >= 0),
            changed_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX holding_change_by_ticker ON holding_change (ticker, id);
        """,
    )
    run_script(db, APPEND_ONLY.format(table="holding_change"))
