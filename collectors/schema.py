"""Tables of facts, as ordered migrations (set "collectors"); a released migration is never edited."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

migrations = Migrations("collectors")

APPEND_ONLY = """
CREATE TRIGGER {table}_is_never_updated BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: a correction is a new row'); END;
CREATE TRIGGER {table}_is_never_deleted BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: a correction is a new row'); END;
"""


@migrations()
def m001_facts(db: Database) -> None:
    """Every table of facts, with the triggers that keep them append-only."""
    run_script(
        db,
        """
        CREATE TABLE price_bar (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            open REAL NOT NULL CHECK (open > 0),
            high REAL NOT NULL CHECK (high > 0),
            low REAL NOT NULL CHECK (low > 0),
            close REAL NOT NULL CHECK (close > 0),
            volume REAL NOT NULL CHECK (volume >= 0),
            source TEXT NOT NULL,
            available_at TEXT NOT NULL,
            UNIQUE (ticker, session, source, available_at)
        ) STRICT;
        CREATE TABLE corporate_action (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('split', 'dividend')),
            ratio_or_amount REAL NOT NULL CHECK (ratio_or_amount >= 0),
            source TEXT NOT NULL,
            available_at TEXT NOT NULL,
            UNIQUE (ticker, session, kind, source, available_at)
        ) STRICT;
        CREATE TABLE post (
            post_id TEXT PRIMARY KEY,
            source TEXT NOT NULL,
            community TEXT NOT NULL,
            title TEXT NOT NULL,
            body TEXT NOT NULL,
            score INTEGER NOT NULL,
            comment_count INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            available_at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX post_by_time ON post (available_at);
        CREATE TABLE post_mention (
            post_id TEXT NOT NULL REFERENCES post (post_id),
            ticker TEXT NOT NULL,
            PRIMARY KEY (post_id, ticker)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX post_mention_by_ticker ON post_mention (ticker);
        CREATE TABLE post_sentiment (
            post_id TEXT NOT NULL REFERENCES post (post_id),
            scorer TEXT NOT NULL,
            positive REAL NOT NULL,
            neutral REAL NOT NULL,
            negative REAL NOT NULL,
            scored_at TEXT NOT NULL,
            PRIMARY KEY (post_id, scorer),
            CHECK (abs(positive + neutral + negative - 1) < 1e-3)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE macro_observation (
            series_id TEXT NOT NULL,
            observed_on TEXT NOT NULL,
            value REAL NOT NULL,
            released_on TEXT NOT NULL,
            available_at TEXT NOT NULL,
            PRIMARY KEY (series_id, observed_on, available_at)
        ) STRICT;
        CREATE TABLE earnings_announcement (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            announced_on TEXT NOT NULL,
            time_of_day TEXT NOT NULL CHECK (time_of_day IN ('pre', 'post', 'unknown')),
            source TEXT NOT NULL,
            available_at TEXT NOT NULL,
            UNIQUE (ticker, announced_on, source, available_at)
        ) STRICT;
        CREATE TABLE job_run (
            id INTEGER PRIMARY KEY,
            job TEXT NOT NULL,
            started_at TEXT NOT NULL,
            finished_at TEXT NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('done', 'retry', 'skipped', 'failed')),
            rows INTEGER NOT NULL,
            message TEXT NOT NULL
        ) STRICT;
        CREATE INDEX job_run_by_job ON job_run (job, started_at);
        """,
    )
    for table in FIRST_TABLES:
        run_script(db, APPEND_ONLY.format(table=table))


@migrations()
def m002_price_flags(db: Database) -> None:
    """What is doubted of prices, and what dispelled it; and no split into nothing."""
    run_script(
        db,
        """
        CREATE TABLE price_flag (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            session TEXT NOT NULL,
            kind TEXT NOT NULL,
            holds TEXT NOT NULL CHECK (holds IN ('', 'bar', 'split', 'dividend')),
            detail TEXT NOT NULL,
            source TEXT NOT NULL,
            resolution TEXT NOT NULL,
            flagged_at TEXT NOT NULL,
            available_at TEXT NOT NULL,
            UNIQUE (ticker, session, kind, source, resolution, available_at)
        ) STRICT;
        CREATE TRIGGER corporate_action_is_no_split_into_nothing BEFORE INSERT ON corporate_action
        WHEN NEW.kind = 'split' AND NEW.ratio_or_amount <= 0
        BEGIN SELECT RAISE(ABORT, 'a split needs a ratio above 0'); END;
        """,
    )
    run_script(db, APPEND_ONLY.format(table="price_flag"))


@migrations()
def m003_deleted_posts(db: Database) -> None:
    """The one exception to append-only: Reddit's terms ask that the text of a deleted post goes."""
    run_script(
        db,
        """
        DROP TRIGGER post_is_never_updated;
        CREATE TRIGGER post_is_never_updated BEFORE UPDATE ON post
        WHEN NEW.title <> '' OR NEW.body <> '' OR (OLD.title = '' AND OLD.body = '')
            OR NEW.post_id <> OLD.post_id OR NEW.source <> OLD.source OR NEW.community <> OLD.community
            OR NEW.score <> OLD.score OR NEW.comment_count <> OLD.comment_count
            OR NEW.created_at <> OLD.created_at OR NEW.available_at <> OLD.available_at
        BEGIN SELECT RAISE(ABORT, 'post is append-only: its text may be blanked, and nothing else'); END;
        """,
    )


@migrations()
def m004_post_text(db: Database) -> None:
    """What a post says, as the hash of its normalised text: copies are found by it."""
    run_script(
        db,
        """
        CREATE TABLE post_text (
            post_id TEXT PRIMARY KEY REFERENCES post (post_id),
            text_hash TEXT NOT NULL
        ) STRICT;
        CREATE INDEX post_text_by_hash ON post_text (text_hash);
        """,
    )
    run_script(db, APPEND_ONLY.format(table="post_text"))


@migrations()
def m005_quotes(db: Database) -> None:
    """Prices of the session under way; what a day of quotes has followed may go, and nothing else."""
    run_script(
        db,
        """
        CREATE TABLE quote (
            id INTEGER PRIMARY KEY,
            ticker TEXT NOT NULL,
            price REAL NOT NULL CHECK (price > 0),
            quoted_at TEXT NOT NULL,
            source TEXT NOT NULL,
            available_at TEXT NOT NULL,
            UNIQUE (ticker, quoted_at, source, price)
        ) STRICT;
        CREATE INDEX quote_by_time ON quote (quoted_at);
        CREATE TRIGGER quote_is_never_updated BEFORE UPDATE ON quote
        BEGIN SELECT RAISE(ABORT, 'quote is append-only: a later price is a new row'); END;
        CREATE TRIGGER quote_is_kept_for_a_day BEFORE DELETE ON quote
        WHEN NOT EXISTS (SELECT 1 FROM quote
            WHERE quoted_at >= strftime('%Y-%m-%dT%H:%M:%SZ', OLD.quoted_at, '+1 day'))
        BEGIN SELECT RAISE(ABORT, 'quote is append-only: only what a day of quotes followed may go'); END;
        """,
    )


@migrations()
def m006_tally(db: Database) -> None:
    """Sums over facts that grow with them in the same transaction, so that nobody counts millions of rows."""
    run_script(
        db,
        """
        CREATE TABLE tally (
            kind TEXT NOT NULL CHECK (kind IN ('prices', 'posts', 'community', 'scores', 'looked at')),
            name TEXT NOT NULL,
            rows INTEGER NOT NULL,
            first TEXT NOT NULL,
            last TEXT NOT NULL,
            PRIMARY KEY (kind, name)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO tally
            SELECT 'prices', source, count(*), min(session), max(session) FROM price_bar GROUP BY source
            UNION ALL
            SELECT 'posts', source, count(*), min(available_at), max(available_at) FROM post GROUP BY source
            UNION ALL
            SELECT 'community', source || '/' || community, count(*), min(created_at), max(created_at)
            FROM post GROUP BY source, community
            UNION ALL
            SELECT 'scores', scorer, count(*), '', '' FROM post_sentiment GROUP BY scorer;
        """,
    )


FIRST_TABLES = (
    "price_bar",
    "corporate_action",
    "post",
    "post_mention",
    "post_sentiment",
    "macro_observation",
    "earnings_announcement",
    "job_run",
)
FACT_TABLES = (*FIRST_TABLES, "price_flag", "post_text", "quote")
SUMS = ("tally",)


def run_script(db: Database, script: str) -> None:
    """Execute statements one by one: sqlite3's executescript would commit the migration's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if statement.strip() and sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
