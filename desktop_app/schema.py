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


JOURNAL_TABLES = ("journal_entry", "approval_rule", "account_switch", "cash_movement")


@migrations()
def m003_journal(db: Database) -> None:
    """Alerts, decisions and notes with what was shown; rules, switches and payments of a paper account."""
    run_script(
        db,
        """
        CREATE TABLE journal_entry (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN
                ('alert', 'acknowledgement', 'approval', 'rejection', 'override', 'note')),
            ticker TEXT NOT NULL,
            subject TEXT NOT NULL,
            decision TEXT NOT NULL CHECK (decision IN ('', 'approved', 'rejected')),
            decided_by TEXT NOT NULL,
            price REAL,
            range_low REAL,
            range_high REAL,
            reason TEXT NOT NULL,
            note TEXT NOT NULL,
            recorded_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX journal_entry_by_subject ON journal_entry (subject);
        CREATE UNIQUE INDEX alert_is_raised_once ON journal_entry (subject) WHERE kind = 'alert';
        CREATE TABLE approval_rule (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            strategy TEXT NOT NULL,
            side TEXT NOT NULL CHECK (side IN ('', 'buy', 'sell')),
            most_usd REAL NOT NULL CHECK (most_usd > 0),
            active INTEGER NOT NULL CHECK (active IN (0, 1)),
            set_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE account_switch (
            id INTEGER PRIMARY KEY,
            account TEXT NOT NULL,
            switch TEXT NOT NULL CHECK (switch IN ('automatic', 'kill')),
            turned_on INTEGER NOT NULL CHECK (turned_on IN (0, 1)),
            note TEXT NOT NULL,
            switched_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE cash_movement (
            id INTEGER PRIMARY KEY,
            account TEXT NOT NULL,
            amount REAL NOT NULL CHECK (amount > 0),
            note TEXT NOT NULL,
            moved_at TEXT NOT NULL
        ) STRICT;
        """,
    )
    for table in JOURNAL_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))


RULE_TABLES = ("alert_rule", "alert_rule_state", "rule_alert")


@migrations()
def m004_alert_rules(db: Database) -> None:
    """What the person wants to be told of, whether it is armed, and every time that it fired."""
    run_script(
        db,
        """
        CREATE TABLE alert_rule (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN
                ('return', 'volume', 'post_count', 'sentiment', 'range', 'price', 'forecast')),
            side TEXT NOT NULL CHECK (side IN ('either', 'up', 'down')),
            threshold REAL NOT NULL CHECK (threshold > 0),
            cool_down_days INTEGER NOT NULL CHECK (cool_down_days >= 0),
            created_at TEXT NOT NULL
        ) STRICT;
        CREATE TABLE alert_rule_state (
            id INTEGER PRIMARY KEY,
            rule_id INTEGER NOT NULL REFERENCES alert_rule (id),
            state TEXT NOT NULL CHECK (state IN ('armed', 'snoozed', 'removed')),
            until TEXT NOT NULL,
            changed_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX alert_rule_state_by_rule ON alert_rule_state (rule_id, id);
        CREATE TABLE rule_alert (
            rule_id INTEGER NOT NULL REFERENCES alert_rule (id),
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            reason TEXT NOT NULL,
            raised_at TEXT NOT NULL,
            PRIMARY KEY (rule_id, ticker, session)
        ) STRICT;
        """,
    )
    for table in RULE_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))


@migrations()
def m005_watch_groups(db: Database) -> None:
    """Groups of one's own in the watchlist; a ticker may be in several."""
    run_script(
        db,
        """
        CREATE TABLE watch_group (
            name TEXT NOT NULL CHECK (name <> ''),
            ticker TEXT NOT NULL,
            added_at TEXT NOT NULL,
            PRIMARY KEY (name, ticker)
        ) STRICT;
        """,
    )
