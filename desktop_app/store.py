"""All SQL on choices, and the one place that opens a home's database with every package's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import collectors.store
from collectors.backups import back_up_daily
from collectors.store import writing

DATABASE_NAME = "barograph.db"


def open_home(home: Path) -> sqlite3.Connection:
    """Open (create, upgrade) the database of a home folder; errors as collectors.store.open_database."""
    import desktop_app.schema
    import fusion_model.schema

    return collectors.store.open_database(
        home / DATABASE_NAME, fusion_model.schema.migrations, desktop_app.schema.migrations
    )


def open_home_to_collect(home: Path, now: str) -> sqlite3.Connection:
    """Open the database of a home as open_home does, with the day's backup made before anything is added."""
    db = open_home(home)
    try:
        back_up_daily(db, home / DATABASE_NAME, now)
    except BaseException:
        db.close()
        raise
    return db


def open_home_reader(home: Path) -> sqlite3.Connection:
    """Open the database of a home folder for reading alone."""
    return collectors.store.open_reader(home / DATABASE_NAME)


def open_home_writer(home: Path) -> sqlite3.Connection:
    """Open the database of a home that exists to write a choice, without looking for upgrades."""
    return collectors.store.open_writer(home / DATABASE_NAME)


def watch(db: sqlite3.Connection, tickers: Iterable[str], now: str) -> int:
    """Add tickers to the watchlist; return how many were new."""
    with writing(db):
        before = db.total_changes
        db.executemany(
            "INSERT INTO watched_ticker VALUES (?, ?) ON CONFLICT DO NOTHING",
            ((ticker, now) for ticker in tickers),
        )
        return db.total_changes - before


def unwatch(db: sqlite3.Connection, tickers: Iterable[str]) -> int:
    """Take tickers off the watchlist; return how many were on it."""
    with writing(db):
        before = db.total_changes
        db.executemany("DELETE FROM watched_ticker WHERE ticker = ?", ((ticker,) for ticker in tickers))
        return db.total_changes - before


def load_watchlist(db: sqlite3.Connection) -> list[str]:
    """Return the watched tickers, sorted."""
    return [row[0] for row in db.execute("SELECT ticker FROM watched_ticker ORDER BY ticker")]


def acknowledge(db: sqlite3.Connection, ticker: str, session: str, measure: str, note: str, now: str) -> None:
    """Record that the person saw an alert, and what they noted."""
    with writing(db):
        db.execute(
            "INSERT INTO acknowledgement VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET note = excluded.note, acknowledged_at = excluded.acknowledged_at",
            (ticker, session, measure, note, now),
        )


def load_acknowledgements(db: sqlite3.Connection) -> dict[tuple[str, str, str], str]:
    """Return the notes by (ticker, session, measure)."""
    return {row[:3]: row[3] for row in db.execute("SELECT * FROM acknowledgement")}
