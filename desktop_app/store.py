"""All SQL on choices, and the one place that opens a home's database with every package's tables."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import collectors.store
from collectors.backups import back_up_daily
from collectors.errors import BadInput
from collectors.store import load_actions, writing

DATABASE_NAME = "barograph.db"
LONGEST_TICKER = 10  # characters
LONGEST_GROUP = 30  # characters of a group's name
MODELS_FOLDER = "models"  # of a home: checkpoints, and FinBERT


@dataclass(frozen=True, slots=True)
class Holding:
    """What the person holds of a ticker: shares of today, and what one cost in USD (None: not known).

    ``added_at`` is since when the ticker is held without a break, as it was stated here.
    """

    ticker: str
    shares: float
    cost: float | None
    added_at: str


@dataclass(frozen=True, slots=True)
class HoldingChange:
    """One statement on a ticker, in shares of its day; 0 shares: sold, or taken out."""

    ticker: str
    shares: float
    cost: float | None
    changed_at: str


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


def watch_also(db: sqlite3.Connection, ticker: str, listed: Iterable[str], now: str) -> None:
    """Watch a ticker beside those that are listed while none is chosen."""
    watch(db, [ticker] if load_watchlist(db) else [*listed, ticker], now)


def watch_no_longer(db: sqlite3.Connection, ticker: str, listed: Iterable[str], now: str) -> None:
    """Take a ticker off the list; where none was chosen, the others of the list are from now on."""
    if not load_watchlist(db):
        watch(db, listed, now)
    unwatch(db, [ticker])


def ticker_of(text: str) -> str:
    """Return what was typed as a ticker.

    Raises
    ------
    BadInput
        It cannot be one.
    """
    ticker = text.strip().upper()
    if not ticker.replace(".", "").replace("-", "").isalnum() or len(ticker) > LONGEST_TICKER:
        raise BadInput(f"{ticker} is no ticker; expected something like AAPL or BRK.B")
    return ticker


def load_watchlist(db: sqlite3.Connection) -> list[str]:
    """Return the watched tickers, sorted."""
    return [row[0] for row in db.execute("SELECT ticker FROM watched_ticker ORDER BY ticker")]


def group_of(text: str) -> str:
    """Return what was typed as the name of a group, with single blanks.

    Raises
    ------
    BadInput
        It cannot be shown: empty, or longer than LONGEST_GROUP characters.
    """
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_GROUP:
        raise BadInput(f"'{name}' cannot name a group; expected 1 to {LONGEST_GROUP} characters")
    return name


def put_into_group(db: sqlite3.Connection, name: str, tickers: Iterable[str], now: str) -> int:
    """Put tickers into a group of the watchlist, which is there from its first one on; return the new ones.

    The name is checked as by group_of.
    """
    name = group_of(name)
    with writing(db):
        before = db.total_changes
        db.executemany(
            "INSERT INTO watch_group VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            ((name, ticker, now) for ticker in tickers),
        )
        return db.total_changes - before


def take_out_of_group(db: sqlite3.Connection, name: str, tickers: Iterable[str]) -> int:
    """Take tickers out of a group, which ends with its last one; return how many were in it."""
    name = group_of(name)
    with writing(db):
        before = db.total_changes
        db.executemany(
            "DELETE FROM watch_group WHERE name = ? AND ticker = ?", ((name, ticker) for ticker in tickers)
        )
        return db.total_changes - before


def load_groups(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the tickers of each group, both sorted."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, ticker in db.execute("SELECT name, ticker FROM watch_group ORDER BY name, ticker"):
        groups[name].append(ticker)
    return dict(groups)


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


def load_holdings(db: sqlite3.Connection) -> list[Holding]:
    """Return what the person holds, by ticker.

    A split recorded after the day of the statement has changed shares and cost since; it is counted in.
    """
    stated = _standing_holdings(db)
    splits = load_actions(db, "9999", list(stated)) if stated else []
    holdings = []
    for ticker, (change, added_at) in stated.items():
        ratio = 1.0
        for of, session, kind, amount in splits:
            if of == ticker and kind == "split" and session > change.changed_at[:10]:
                ratio *= amount
        cost = None if change.cost is None else change.cost / ratio
        holdings.append(Holding(ticker, change.shares * ratio, cost, added_at))
    return holdings


def _standing_holdings(db: sqlite3.Connection) -> dict[str, tuple[HoldingChange, str]]:
    """Return the newest statement of each ticker held, and since when it is held, by ticker."""
    standing: dict[str, tuple[HoldingChange, str]] = {}
    for change in load_holding_changes(db):
        if change.shares == 0:
            standing.pop(change.ticker, None)
        else:
            since = standing[change.ticker][1] if change.ticker in standing else change.changed_at
            standing[change.ticker] = (change, since)
    return dict(sorted(standing.items()))


def load_holding_changes(db: sqlite3.Connection) -> list[HoldingChange]:
    """Return every statement on holdings as it was made, oldest first."""
    rows = db.execute("SELECT ticker, shares, cost, changed_at FROM holding_change ORDER BY id")
    return [HoldingChange(*row) for row in rows]


def save_holding(db: sqlite3.Connection, ticker: str, shares: float, cost: float | None, now: str) -> bool:
    """State what is held of a ticker; return whether that is news. Earlier statements stay.

    Parameters
    ----------
    shares : float
        Above 0, in shares of today; parts of a share count.
    cost : float, optional
        USD a share, 0 or more; None: not known.

    Raises
    ------
    ValueError
        No such number of shares or cost.
    """
    if not (0 < shares < math.inf and (cost is None or 0 <= cost < math.inf)):
        raise ValueError(
            f"{shares} shares at {cost} USD cannot be held; expected shares above 0, cost from 0"
        )
    with writing(db):
        held = {holding.ticker: holding for holding in load_holdings(db)}.get(ticker)
        if held is not None and (held.shares, held.cost) == (shares, cost):
            return False
        db.execute(
            "INSERT INTO holding_change (ticker, shares, cost, changed_at) VALUES (?, ?, ?, ?)",
            (ticker, shares, cost, now),
        )
    return True


def remove_holding(db: sqlite3.Connection, ticker: str, now: str) -> bool:
    """State that a ticker is no longer held; return whether it was. Earlier statements stay."""
    with writing(db):
        if ticker not in _standing_holdings(db):
            return False
        db.execute(
            "INSERT INTO holding_change (ticker, shares, cost, changed_at) VALUES (?, 0, NULL, ?)",
            (ticker, now),
        )
    return True
