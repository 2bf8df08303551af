"""Tables of choices, as ordered migrations (set "desktop_app")."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from collectors.schema import run_script

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
