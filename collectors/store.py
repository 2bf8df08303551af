"""All SQL on facts: open the one SQLite file, save batches whole or not at all, load what was known when."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors.errors import DamagedDatabase, DatabaseBusy, StorageError
from collectors.market_calendar import utc_now
from collectors.records import (
    CorporateAction,
    EarningsAnnouncement,
    JobRun,
    MacroObservation,
    Post,
    PostMention,
    PostSentiment,
    PostText,
    PriceBar,
    PriceFlag,
    Quote,
)

if TYPE_CHECKING:  # sqlite_utils loads pandas: a reader, as the window is one, does without
    from sqlite_utils import Migrations

BUSY_TIMEOUT_S = 15.0
REPAIR = "`barograph doctor --repair` sets it aside and restores the newest backup"
ROWS_A_STATEMENT = 100  # every SQLite takes 999 parameters


# Opening ------------------------------------------------------------------------------------------


def open_database(path: Path, *more: Migrations) -> sqlite3.Connection:
    """Open the record for reading and writing, creating or upgrading it where needed.

    Parameters
    ----------
    path : Path
        The SQLite file; its folder is created.
    *more : Migrations
        The migration sets of the packages above, applied after the one of the facts.

    Raises
    ------
    StorageError
        The file cannot be opened or written, is no database, or was made by a newer program.
    DatabaseBusy
        Another process holds the write lock.
    """
    from collectors import schema

    with _storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder {path.parent} cannot be created: {error}") from error
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            _migrate(db, path, (schema.migrations, *more))
        except BaseException:
            db.close()
            raise
        return db


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the record for reading alone; a reader never waits for a writer.

    Raises
    ------
    StorageError
        There is no such file, or it is no database.
    """
    return _open_existing(path, "ro")


def open_writer(path: Path) -> sqlite3.Connection:
    """Open a record that exists for writing, as it is: no table is created or upgraded; raises alike."""
    return _open_existing(path, "rw")


def _open_existing(path: Path, mode: str) -> sqlite3.Connection:
    if not path.is_file():
        raise StorageError(f"there is no database at {path}; import or collect something first")
    with _storage_errors(path):
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", timeout=BUSY_TIMEOUT_S, uri=True, isolation_level=None
        )
        try:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock for one batch: all of it is saved, or nothing; nests without effect."""
    if db.in_transaction:
        yield
        return
    with _storage_errors(_path_of(db)):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # a full disk may have rolled back already
                db.execute("ROLLBACK")
            raise


@contextmanager
def _storage_errors(path: Path | str) -> Iterator[None]:
    """The one door through which sqlite3's errors become ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise DatabaseBusy(
                f"another program has been writing to {path} for {BUSY_TIMEOUT_S:.0f} s; "
                "wait until it is done, or stop it, and try again"
            ) from error
        if name.startswith("SQLITE_FULL"):
            raise StorageError(
                f"there is no room left to write {path}; nothing of this batch was saved: "
                "make room on the disk and try again"
            ) from error
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
            raise StorageError(
                f"{path} cannot be written ({error}); check its permissions and that its disk has room, "
                "or choose another folder with --home"
            ) from error
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise DamagedDatabase(
                f"{path} is damaged or no Barograph database ({error}); {REPAIR}"
            ) from error
        raise


def _path_of(db: sqlite3.Connection) -> str:
    return str(db.execute("PRAGMA database_list").fetchone()[2]) or "the database"


def _migrate(db: sqlite3.Connection, path: Path, sets: Sequence[Migrations]) -> None:
    from sqlite_utils import Database

    wrapped = Database(db)
    behind, is_new = [], True
    for migrations in sets:
        known = {migration.name for migration in migrations._migrations}
        applied = {migration.name for migration in migrations.applied(wrapped)}
        if applied - known:
            raise StorageError(
                f"{path} was written by a newer Barograph (it has {sorted(applied - known)[0]}); "
                "update the program"
            )
        is_new = is_new and not applied
        behind += [migrations] if applied != known else []
    if behind and not is_new:
        _back_up(db, path)
    for migrations in behind:
        with writing(db):  # two programs may open a new home at the same time
            for migration in migrations.pending(wrapped):
                migration.fn(wrapped)
                migrations._record_applied(wrapped, migration.name)


def _back_up(db: sqlite3.Connection, path: Path) -> None:
    copy_tested(db, path.with_name(f"{path.stem}.before-upgrade-{utc_now().replace(':', '')}.db"))


def copy_tested(db: sqlite3.Connection, target: Path) -> None:
    """Copy a database as it is at this moment, others writing or not; it is tested before, the copy after.

    Raises
    ------
    DamagedDatabase
        SQLite finds a fault in the database or in the copy; there is no copy then.
    StorageError
        The copy cannot be written.
    """
    _refuse_damaged(db)
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    with _storage_errors(target), closing(sqlite3.connect(part)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        _refuse_damaged(copy)
    part.replace(target)


def _refuse_damaged(db: sqlite3.Connection) -> None:
    found = quick_check(db)
    if found:
        raise DamagedDatabase(f"{_path_of(db)} is damaged ({found[0]}); {REPAIR}")


# Saving: each batch in one transaction, each rerun without effect ---------------------------------


def save_price_bars(db: sqlite3.Connection, bars: Iterable[PriceBar], recorded_at: str) -> int:
    """Save bars of any tickers and sources, all of them or none; as save_bars_of."""
    by_series: dict[tuple[str, str], list[PriceBar]] = defaultdict(list)
    for bar in bars:
        by_series[bar.ticker, bar.source].append(bar)
    added = 0
    with writing(db):
        for (ticker, source), series in by_series.items():
            sessions = [bar.session for bar in series]
            prices = [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in series]
            known_at = [bar.available_at for bar in series]
            added += save_bars_of(
                db, ticker, source, sessions, list(zip(*prices, strict=True)), known_at, recorded_at
            )
    return added


def save_bars_of(
    db: sqlite3.Connection,
    ticker: str,
    source: str,
    sessions: Sequence[str],
    prices: Sequence[Sequence[float]],
    known_at: Sequence[str],
    recorded_at: str,
) -> int:
    """Save what a source says of a ticker where it is new or differs from before; return the rows added.

    ``prices`` are the columns open, high, low, close, volume. A first bar counts as known since its own
    ``known_at``. A changed one is a correction: a new row that could not be known before ``recorded_at``.
    """
    known = load_source_bars(db, ticker, source, min(sessions), max(sessions))
    said = zip(sessions, zip(*prices, strict=True), known_at, strict=True)
    if known or len(set(sessions)) < len(sessions):
        rows: Iterable[Sequence[object]] = [
            (ticker, session, *bar, source, at) for session, bar, at in _news(said, known, recorded_at)
        ]
    else:
        rows = zip(repeat(ticker), sessions, *prices, repeat(source), known_at)
    with writing(db):
        added = _insert_rows(
            db, "price_bar (ticker, session, open, high, low, close, volume, source, available_at)", rows
        )
        _add_up(db, "prices", source, added, sessions)
    return added


Bar = tuple[float, ...]  # open, high, low, close, volume


def _news(
    said: Iterable[tuple[str, Bar, str]], known: Mapping[str, Bar], recorded_at: str
) -> Iterator[tuple[str, Bar, str]]:
    """Yield session, bar and available_at of what differs from what is known."""
    current = dict(known)
    for session, bar, at in said:
        before = current.get(session)
        if before != bar:
            current[session] = bar
            yield session, bar, at if before is None else max(at, recorded_at)


def save_quotes(db: sqlite3.Connection, quotes: Iterable[Quote]) -> int:
    """Save quotes that are new; return the rows added. The same trade, read again, adds nothing."""
    return _insert_new(
        db,
        "INSERT INTO quote (ticker, price, quoted_at, source, available_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        quotes,
    )


def thin_quotes(db: sqlite3.Connection, *, whole_since: str, since: str) -> int:
    """Keep every quote from ``whole_since`` on, the last of each minute before, none before ``since``.

    Quotes of the last day before the newest one always stay. Return the rows that went.
    """
    with writing(db):
        before = db.total_changes
        newest: tuple[str | None] = db.execute("SELECT max(quoted_at) FROM quote").fetchone()
        if newest[0] is None:
            return 0
        db.execute(
            "DELETE FROM quote WHERE quoted_at < min(?, strftime('%Y-%m-%dT%H:%M:%SZ', ?, '-1 day'))",
            (since, newest[0]),
        )
        db.execute(
            "DELETE FROM quote WHERE quoted_at < min(?, strftime('%Y-%m-%dT%H:%M:%SZ', ?, '-1 day')) "
            "AND EXISTS (SELECT 1 FROM quote AS later WHERE later.ticker = quote.ticker "
            "AND later.source = quote.source AND later.quoted_at > quote.quoted_at "
            "AND later.quoted_at < substr(quote.quoted_at, 1, 16) || ':60')",
            (whole_since, newest[0]),
        )
        return db.total_changes - before


def save_corporate_actions(
    db: sqlite3.Connection, actions: Iterable[CorporateAction], recorded_at: str
) -> int:
    """Save actions that are new or differ from what their source said before; return the rows added."""
    added = 0
    with writing(db):
        for action in actions:
            before = db.execute(
                "SELECT ratio_or_amount FROM corporate_action WHERE ticker = ? AND session = ? "
                "AND kind = ? AND source = ? ORDER BY available_at DESC LIMIT 1",
                (action.ticker, action.session, action.kind, action.source),
            ).fetchone()
            if before is not None and before[0] == action.ratio_or_amount:
                continue
            at = action.available_at if before is None else max(action.available_at, recorded_at)
            added += db.execute(
                "INSERT INTO corporate_action (ticker, session, kind, ratio_or_amount, source, "
                "available_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (action.ticker, action.session, action.kind, action.ratio_or_amount, action.source, at),
            ).rowcount
    return added


def save_flags(db: sqlite3.Connection, flags: Iterable[PriceFlag]) -> int:
    """Save doubts and what dispelled them; return the rows added."""
    return _insert_new(
        db,
        "INSERT INTO price_flag (ticker, session, kind, holds, detail, source, resolution, flagged_at, "
        "available_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        flags,
    )


def save_posts(db: sqlite3.Connection, posts: Iterable[Post], mentions: Iterable[PostMention]) -> int:
    """Save posts not seen before, and who they speak of; return the posts added.

    The first version of a post is the one that could be known: a later edit changes nothing here.
    """
    by_community: dict[tuple[str, str], list[Post]] = defaultdict(list)
    for post in posts:
        by_community[post.source, post.community].append(post)
    total = 0
    with writing(db):
        for (source, community), some in by_community.items():
            added = _insert_new(
                db, "INSERT INTO post VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", some
            )
            _add_up(db, "posts", source, added, [post.available_at for post in some])
            _add_up(db, "community", f"{source}/{community}", added, [post.created_at for post in some])
            total += added
        db.executemany(
            "INSERT INTO post_mention VALUES (?, ?) ON CONFLICT DO NOTHING", map(astuple, mentions)
        )
    return total


def blank_posts(db: sqlite3.Connection, post_ids: Iterable[str]) -> int:
    """Take the text of deleted posts out of the file; score, mentions and times stay. Return how many.

    The one exception to append-only: Reddit's terms ask for it.
    """
    db.execute("PRAGMA secure_delete = ON")  # what was on the page is overwritten, not only unlinked
    with writing(db):
        before = db.total_changes
        db.executemany(
            "UPDATE post SET title = '', body = '' WHERE post_id = ? AND (title <> '' OR body <> '')",
            ((post_id,) for post_id in post_ids),
        )
        return db.total_changes - before


def save_sentiment(
    db: sqlite3.Connection, scores: Iterable[PostSentiment], texts: Iterable[PostText] = ()
) -> int:
    """Save scores beside those of other scorers; a post keeps its first score by a scorer.

    ``texts`` are the hashes of what was scored, by which later copies get the same score.
    """
    by_scorer: dict[str, list[PostSentiment]] = defaultdict(list)
    for score in scores:
        by_scorer[score.scorer].append(score)
    total = 0
    with writing(db):
        db.executemany("INSERT INTO post_text VALUES (?, ?) ON CONFLICT DO NOTHING", map(astuple, texts))
        for scorer, some in by_scorer.items():
            added = _insert_new(
                db, "INSERT INTO post_sentiment VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", some
            )
            _add_up(db, "scores", scorer, added, [""])
            total += added
    return total


def note_looked_at(db: sqlite3.Connection, scorer: str, posts: int) -> None:
    """Record that a scorer has nothing left to do among the first so many posts of the record."""
    with writing(db):
        db.execute(
            "INSERT INTO tally VALUES ('looked at', ?, ?, '', '') ON CONFLICT DO UPDATE "
            "SET rows = max(rows, excluded.rows)",
            (scorer, posts),
        )


def save_macro(db: sqlite3.Connection, observations: Iterable[MacroObservation], recorded_at: str) -> int:
    """Save vintages not seen before; return the rows added.

    The same vintage with another value is a correction: it is known since ``recorded_at``.
    """
    rows = []
    known: dict[str, dict[tuple[str, str], float]] = {}
    with writing(db):
        for row in observations:
            if row.series_id not in known:
                known[row.series_id] = {
                    (observed_on, available_at): value
                    for observed_on, available_at, value in db.execute(
                        "SELECT observed_on, available_at, value FROM macro_observation WHERE series_id = ?",
                        (row.series_id,),
                    )
                }
            vintages = known[row.series_id]
            before = vintages.get((row.observed_on, row.available_at))
            if before is None:
                at, released_on = row.available_at, row.released_on
            elif before == row.value or row.value == vintages.get(
                (row.observed_on, _last_vintage(vintages, row.observed_on))
            ):
                continue
            else:
                at, released_on = recorded_at, recorded_at[:10]
            vintages[row.observed_on, at] = row.value
            rows.append((row.series_id, row.observed_on, row.value, released_on, at))
        before_insert = db.total_changes
        db.executemany("INSERT INTO macro_observation VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
        return db.total_changes - before_insert


def _last_vintage(vintages: dict[tuple[str, str], float], observed_on: str) -> str:
    return max(at for day, at in vintages if day == observed_on)


def save_earnings(db: sqlite3.Connection, announcements: Iterable[EarningsAnnouncement]) -> int:
    """Save announcements not seen before; return the rows added."""
    return _insert_new(
        db,
        "INSERT INTO earnings_announcement (ticker, announced_on, time_of_day, source, "
        "available_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        announcements,
    )


def save_job_run(db: sqlite3.Connection, run: JobRun) -> None:
    """Record how a job ended."""
    with writing(db):
        db.execute(
            "INSERT INTO job_run (job, started_at, finished_at, outcome, rows, message) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            astuple(run),
        )


def _add_up(db: sqlite3.Connection, kind: str, name: str, added: int, dates: Sequence[str]) -> None:
    """Let a tally follow rows that were added, in their transaction; ``dates`` of all that was said."""
    if dates:
        db.execute(
            "INSERT INTO tally VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET rows = rows + excluded.rows, "
            "first = min(first, excluded.first), last = max(last, excluded.last)",
            (kind, name, added, min(dates), max(dates)),
        )


def _insert_rows(db: sqlite3.Connection, into: str, rows: Iterable[Sequence[object]]) -> int:
    """Insert the rows that are new, many a statement: a quarter faster than one a statement."""
    width = into.count(",") + 1
    one = f"({', '.join('?' * width)})"
    left = iter(rows)
    with writing(db):
        before = db.total_changes
        while values := list(chain.from_iterable(islice(left, ROWS_A_STATEMENT))):
            many = ", ".join([one] * (len(values) // width))
            db.execute(f"INSERT INTO {into} VALUES {many} ON CONFLICT DO NOTHING", values)
        return db.total_changes - before


def _insert_new(db: sqlite3.Connection, statement: str, records: Iterable[object]) -> int:
    with writing(db):
        before = db.total_changes
        db.executemany(statement, (astuple(record) for record in records))  # type: ignore[call-overload]
        return db.total_changes - before


# Loading: what was known at an instant ------------------------------------------------------------


def load_latest_quotes(db: sqlite3.Connection, tickers: Iterable[str], since: str = "") -> dict[str, Quote]:
    """Return the newest quote of each ticker that has one from ``since`` (an instant) on."""
    latest = {}
    for ticker in tickers:
        row = db.execute(f"{_QUOTES} ORDER BY quoted_at DESC, id DESC LIMIT 1", (ticker, since)).fetchone()
        if row is not None:
            latest[ticker] = Quote(*row)
    return latest


def load_quotes(db: sqlite3.Connection, ticker: str, since: str) -> list[Quote]:
    """Return the quotes of a ticker from an instant on, oldest first."""
    rows = db.execute(f"{_QUOTES} ORDER BY quoted_at, id", (ticker, since))
    return [Quote(*row) for row in rows]


_QUOTES = (
    "SELECT ticker, price, quoted_at, source, available_at FROM quote WHERE ticker = ? AND quoted_at >= ?"
)


# The flags that stand at an instant: of each doubt, what was said of it last.
_STANDING = (
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY ticker, session, kind, source "
    "ORDER BY available_at DESC, id DESC) AS place FROM price_flag WHERE available_at <= ?) WHERE place = 1"
)

BarTuple = tuple[str, str, float, float, float, float, float]
DayBar = tuple[str, float, float, float, float, float]


def load_bars(
    db: sqlite3.Connection,
    known_at: str,
    tickers: Sequence[str] | None = None,
    first_session: str = "",
) -> list[BarTuple]:
    """Return (ticker, session, open, high, low, close, volume) as known at an instant.

    One row per ticker and session, sorted by both: the version with the latest ``available_at``; of
    two sources that spoke at the same instant, the one recorded first. What a source said of a session
    that was held back then (see PriceFlag) is left out, so that another source's word counts.
    """
    return [
        (ticker, *bar)
        for ticker, bars in load_bars_by_ticker(db, known_at, tickers, first_session)
        for bar in bars
    ]


def load_bars_by_ticker(
    db: sqlite3.Connection,
    known_at: str,
    tickers: Sequence[str] | None = None,
    first_session: str = "",
) -> Iterator[tuple[str, list[DayBar]]]:
    """Yield each ticker that has any with its (session, open, high, low, close, volume), as load_bars has it.

    One ticker after another, so that a record of millions of bars is never in memory as a whole.
    """
    held_back = defaultdict(list)
    for ticker, bar_id in db.execute(
        f"SELECT bar.ticker, bar.id FROM ({_STANDING}) JOIN price_bar AS bar USING (ticker, session, source) "
        "WHERE holds = 'bar' AND resolution = ''",
        (known_at,),
    ):
        held_back[ticker].append(bar_id)
    for ticker in load_tickers(db, known_at) if tickers is None else sorted(set(tickers)):
        rows = db.execute(
            "SELECT session, open, high, low, close, volume FROM price_bar "
            "WHERE ticker = ? AND available_at <= ? AND session >= ? "
            "AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY session, available_at, id DESC",
            (ticker, known_at, first_session, json.dumps(held_back.get(ticker, []))),
        ).fetchall()
        if len(set(map(itemgetter(0), rows))) < len(rows):
            rows = list({row[0]: row for row in rows}.values())
        if rows:
            yield ticker, rows


def load_source_bars(
    db: sqlite3.Connection, ticker: str, source: str, first: str = "", last: str = "9999"
) -> dict[str, tuple[float, float, float, float, float]]:
    """Return what one source last said of a ticker: (open, high, low, close, volume) by session."""
    rows = db.execute(
        "SELECT session, open, high, low, close, volume FROM price_bar "
        "WHERE ticker = ? AND source = ? AND session BETWEEN ? AND ? ORDER BY session, available_at",
        (ticker, source, first, last),
    )
    return {row[0]: row[1:] for row in rows}


def load_flags(
    db: sqlite3.Connection, known_at: str = "9999", tickers: Sequence[str] | None = None, first: str = ""
) -> list[PriceFlag]:
    """Return what was last said of each doubt known at an instant, by ticker, session and kind."""
    rows = _select_in(
        db,
        f"{_STANDING} AND session >= ? {{tickers}} ORDER BY ticker, session, kind, source",
        (known_at, first),
        tickers,
    )
    return [PriceFlag(*row[1:10]) for row in rows]


# session, source, open, high, low, close, volume, available_at
SourceBar = tuple[str, str, float, float, float, float, float, str]


def load_every_word(db: sqlite3.Connection, ticker: str, first: str = "") -> dict[str, dict[str, SourceBar]]:
    """Return what each source last said of a ticker's sessions, by source and session, oldest first."""
    words: dict[str, dict[str, SourceBar]] = defaultdict(dict)
    for row in db.execute(
        "SELECT session, source, open, high, low, close, volume, available_at FROM price_bar "
        "WHERE ticker = ? AND session >= ? ORDER BY session, source, available_at",
        (ticker, first),
    ):
        words[row[1]][row[0]] = row
    return words


def load_every_action(db: sqlite3.Connection, ticker: str, first: str = "") -> list[CorporateAction]:
    """Return what each source last said of a ticker's splits and dividends, by session and source."""
    rows = db.execute(
        "SELECT ticker, session, kind, ratio_or_amount, source, available_at FROM corporate_action "
        "WHERE ticker = ? AND session >= ? ORDER BY session, kind, source, available_at",
        (ticker, first),
    )
    return [CorporateAction(*row) for row in {(row[1], row[2], row[4]): row for row in rows}.values()]


def load_actions(
    db: sqlite3.Connection, known_at: str, tickers: Sequence[str] | None = None, first_session: str = ""
) -> list[tuple[str, str, str, float]]:
    """Return (ticker, session, kind, ratio_or_amount) as known at an instant, chosen as bars are."""
    rows = _select_in(
        db,
        "SELECT ticker, session, kind, ratio_or_amount FROM corporate_action "
        "WHERE available_at <= ? AND session >= ? AND (kind = 'dividend' OR ratio_or_amount > 0) {tickers} "
        "AND id NOT IN ("
        f"SELECT action.id FROM ({_STANDING}) AS flag JOIN corporate_action AS action "
        "USING (ticker, session, source) WHERE holds = action.kind AND resolution = '') "
        "ORDER BY ticker, session, kind, available_at, id DESC",
        (known_at, first_session),
        tickers,
        (known_at,),
    )
    return list({row[:3]: row for row in rows}.values())


def load_sentiment(
    db: sqlite3.Connection, known_at: str, scorer: str, tickers: Sequence[str] | None = None
) -> list[tuple[str, str, float, float, float]]:
    """Return (ticker, available_at, positive, neutral, negative) of the posts known at an instant.

    A score is a fixed function of the text, so it counts as known since the post was.
    """
    return _select_in(
        db,
        "SELECT ticker, available_at, positive, neutral, negative FROM post_mention "
        "JOIN post USING (post_id) JOIN post_sentiment USING (post_id) "
        "WHERE available_at <= ? AND scorer = ? {tickers} "
        "ORDER BY ticker, available_at, post_id",
        (known_at, scorer),
        tickers,
    )


def load_co_mentions(
    db: sqlite3.Connection, known_at: str, tickers: Sequence[str] | None = None
) -> list[tuple[str, str, str, int]]:
    """Return (available_at, ticker, ticker, posts) of every two tickers that posts of an instant name.

    The first ticker is no later in the alphabet than the second; twice the same: the posts that name it.
    """
    return _select_in(
        db,
        "SELECT available_at, one.ticker, other.ticker, count(*) FROM post_mention AS one "
        "JOIN post_mention AS other ON other.post_id = one.post_id AND other.ticker >= one.ticker "
        "JOIN post ON post.post_id = one.post_id WHERE available_at <= ? {tickers} GROUP BY 1, 2, 3",
        (known_at,),
        tickers,
        column="one.ticker",
    )


def load_read_posts(
    db: sqlite3.Connection, known_at: str, scorer: str, tickers: Sequence[str] | None = None
) -> list[tuple[str, str, float, float, float, int]]:
    """Return (ticker, available_at, positive, neutral, negative, said) of the posts known at an instant.

    ``said``: the post's text was said for the so-manieth time, by whomever and of whatever; 1 is new, as
    is a text whose hash is not stored.
    Posts that are known at the same instant come one after the other by their id.
    """
    return _select_in(
        db,
        "WITH told AS (SELECT post_id, available_at, row_number() OVER "
        "(PARTITION BY coalesce(text_hash, post_id) ORDER BY available_at, post_id) AS said "
        "FROM post LEFT JOIN post_text USING (post_id) WHERE available_at <= ?) "
        "SELECT ticker, available_at, positive, neutral, negative, said FROM post_mention "
        "JOIN told USING (post_id) JOIN post_sentiment USING (post_id) WHERE scorer = ? {tickers} "
        "ORDER BY ticker, available_at, post_id",
        (known_at, scorer),
        tickers,
    )


def load_macro(
    db: sqlite3.Connection, known_at: str, series_ids: Sequence[str] | None = None
) -> list[tuple[str, str, float, str]]:
    """Return (series_id, observed_on, value, available_at), every vintage known at an instant.

    Sorted by series, then by ``available_at``, then by ``observed_on``.
    """
    return _select_in(
        db,
        "SELECT series_id, observed_on, value, available_at FROM macro_observation "
        "WHERE available_at <= ? {tickers} ORDER BY series_id, available_at, observed_on",
        (known_at,),
        series_ids,
        column="series_id",
    )


def load_releases(
    db: sqlite3.Connection, after: str, until: str
) -> list[tuple[str, str, float, float | None]]:
    """Return (series_id, observed_on, value, before) of what was released in (after, until], by series.

    Of each series the newest observation that came then, and what was known at ``until`` of the one before
    it; None where it is the first.
    """
    return db.execute(
        "WITH came AS (SELECT series_id, max(observed_on) AS observed_on FROM macro_observation "
        "WHERE available_at > ? AND available_at <= ? GROUP BY series_id) "
        "SELECT series_id, observed_on, "
        "(SELECT value FROM macro_observation AS own WHERE own.series_id = came.series_id "
        "AND own.observed_on = came.observed_on AND available_at <= ? ORDER BY available_at DESC LIMIT 1), "
        "(SELECT value FROM macro_observation AS own WHERE own.series_id = came.series_id "
        "AND own.observed_on < came.observed_on AND available_at <= ? "
        "ORDER BY own.observed_on DESC, available_at DESC LIMIT 1) FROM came ORDER BY series_id",
        (after, until, until, until),
    ).fetchall()


def load_first_releases(db: sqlite3.Connection) -> list[tuple[str, str, float, str]]:
    """Return (series_id, observed_on, value, available_at) of each observation as it was released first.

    Sorted by series, then by ``observed_on``.
    """
    return db.execute(
        "SELECT series_id, observed_on, value, min(available_at) FROM macro_observation "
        "GROUP BY series_id, observed_on ORDER BY series_id, observed_on"
    ).fetchall()


def load_earnings(
    db: sqlite3.Connection, known_at: str, tickers: Sequence[str] | None = None
) -> list[tuple[str, str, str, str]]:
    """Return (ticker, announced_on, time_of_day, available_at) of every date known at an instant."""
    return _select_in(
        db,
        "SELECT ticker, announced_on, time_of_day, available_at FROM earnings_announcement "
        "WHERE available_at <= ? {tickers} ORDER BY ticker, available_at, id",
        (known_at,),
        tickers,
    )


def quick_check(db: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with the file, in its own words; empty where it is sound."""
    with _storage_errors(_path_of(db)):
        found = [row[0] for row in db.execute("PRAGMA quick_check")]
    return [] if found == ["ok"] else found


def has_bars(db: sqlite3.Connection, ticker: str) -> bool:
    """Tell whether any source has spoken of a ticker's prices."""
    return db.execute("SELECT 1 FROM price_bar WHERE ticker = ? LIMIT 1", (ticker,)).fetchone() is not None


def load_tickers(db: sqlite3.Connection, known_at: str = "9999") -> list[str]:
    """Return the tickers that have at least one bar known at an instant, sorted."""
    rows = db.execute(
        f"{_NAMES} SELECT ticker FROM name WHERE EXISTS (SELECT 1 FROM price_bar "
        "WHERE price_bar.ticker = name.ticker AND available_at <= ?) ORDER BY ticker",
        (known_at,),
    )
    return [row[0] for row in rows]


# The tickers with bars, one step in the index each; a DISTINCT would read every bar.
_NAMES = (
    "WITH RECURSIVE name(ticker) AS (SELECT min(ticker) FROM price_bar UNION ALL "
    "SELECT (SELECT min(ticker) FROM price_bar WHERE ticker > name.ticker) FROM name "
    "WHERE name.ticker IS NOT NULL)"
)


def last_session(db: sqlite3.Connection, known_at: str = "9999") -> str | None:
    """Return the newest session with a bar known at an instant, or None without bars."""
    row: tuple[str | None] = db.execute(
        f"{_NAMES} SELECT max((SELECT session FROM price_bar WHERE price_bar.ticker = name.ticker "
        "AND available_at <= ? ORDER BY session DESC LIMIT 1)) FROM name",
        (known_at,),
    ).fetchone()
    return row[0]


def last_session_of(db: sqlite3.Connection, ticker: str, source: str) -> str | None:
    """Return the newest session a source gave for a ticker, or None."""
    row: tuple[str | None] = db.execute(
        "SELECT max(session) FROM price_bar WHERE ticker = ? AND source = ?", (ticker, source)
    ).fetchone()
    return row[0]


def last_post_at(db: sqlite3.Connection, source: str, community: str) -> str | None:
    """Return when the newest post of a source and community was written, or None."""
    row: tuple[str] | None = db.execute(
        "SELECT last FROM tally WHERE kind = 'community' AND name = ?", (f"{source}/{community}",)
    ).fetchone()
    return row and row[0]


def load_posts_in_turn(db: sqlite3.Connection, source: str, since: str, turn: int, at_once: int) -> list[str]:
    """Return the ids of the next posts that still have a text, so that all of them have their turn."""
    condition = "WHERE source = ? AND available_at >= ? AND (title <> '' OR body <> '')"
    count = db.execute(f"SELECT count(*) FROM post {condition}", (source, since)).fetchone()[0]
    start = turn * at_once % count if count > at_once else 0
    rows = db.execute(
        f"SELECT post_id FROM post {condition} ORDER BY available_at, post_id LIMIT ? OFFSET ?",
        (source, since, at_once, start),
    )
    return [row[0] for row in rows]


def last_vintage_of(db: sqlite3.Connection, series_id: str) -> str | None:
    """Return the newest day a value of a series was released, or None."""
    row: tuple[str | None] = db.execute(
        "SELECT max(released_on) FROM macro_observation WHERE series_id = ?", (series_id,)
    ).fetchone()
    return row[0]


def first_observation_of(db: sqlite3.Connection, series_id: str) -> str | None:
    """Return the first day of which a value of a series is stored, or None."""
    row: tuple[str | None] = db.execute(
        "SELECT min(observed_on) FROM macro_observation WHERE series_id = ?", (series_id,)
    ).fetchone()
    return row[0]


def last_announcement_of(db: sqlite3.Connection, ticker: str, source: str) -> EarningsAnnouncement | None:
    """Return what a source last said of when a company reports, or None."""
    row = db.execute(
        "SELECT ticker, announced_on, time_of_day, source, available_at FROM earnings_announcement "
        "WHERE ticker = ? AND source = ? ORDER BY available_at DESC, id DESC LIMIT 1",
        (ticker, source),
    ).fetchone()
    return None if row is None else EarningsAnnouncement(*row)


def load_newest_sessions(db: sqlite3.Connection) -> dict[str, str]:
    """Return the newest session of every ticker with a bar, by ticker; each is one step in the index."""
    rows = db.execute(
        f"{_NAMES} SELECT ticker, (SELECT max(session) FROM price_bar WHERE price_bar.ticker = name.ticker) "
        "FROM name WHERE ticker IS NOT NULL"
    )
    return dict(rows.fetchall())


def load_closing_instants(db: sqlite3.Connection, ticker: str) -> list[tuple[str, str]]:
    """Return (session, instant its bar was first known: its close) of a ticker, oldest first."""
    return db.execute(
        "SELECT session, min(available_at) FROM price_bar WHERE ticker = ? GROUP BY session ORDER BY session",
        (ticker,),
    ).fetchall()


def load_scored_posts(
    db: sqlite3.Connection, ticker: str
) -> list[tuple[str, str | None, int | None, float | None]]:
    """Return (available_at, scorer, label, tone) of every post on a ticker, by post.

    The likeliest label is 0 positive, 1 neutral, 2 negative; of two alike, the later one. ``tone`` is the
    probability of positive less that of negative. One row per post and scorer; a post without a score has one
    row whose last three are None.
    """
    return db.execute(
        "SELECT available_at, scorer, CASE WHEN negative >= positive AND negative >= neutral THEN 2 "
        "WHEN neutral >= positive THEN 1 WHEN positive >= 0 THEN 0 END, positive - negative "
        "FROM post_mention JOIN post USING (post_id) LEFT JOIN post_sentiment USING (post_id) "
        "WHERE ticker = ? ORDER BY post_id, scorer",
        (ticker,),
    ).fetchall()


def load_posts_with_scores(
    db: sqlite3.Connection,
) -> Iterator[tuple[Post, str, PostSentiment | None]]:
    """Yield every post, oldest first, with its tickers (space between) and a score; once per scorer."""
    rows = db.execute(
        "SELECT post.*, coalesce((SELECT group_concat(ticker, ' ') FROM (SELECT ticker FROM post_mention "
        "WHERE post_mention.post_id = post.post_id ORDER BY ticker)), ''), "
        "scorer, positive, neutral, negative, scored_at "
        "FROM post LEFT JOIN post_sentiment USING (post_id) ORDER BY available_at, post.post_id, scorer"
    )
    for row in rows:
        score = None if row[10] is None else PostSentiment(row[0], *row[10:])
        yield Post(*row[:9]), row[9], score


def load_posts(
    db: sqlite3.Connection,
    ticker: str,
    known_at: str,
    after: str = "",
    limit: int = 200,
) -> list[Post]:
    """Return the newest posts on a ticker known at an instant and later than ``after``; deleted ones not."""
    rows = db.execute(
        "SELECT post.* FROM post_mention JOIN post USING (post_id) "
        "WHERE ticker = ? AND available_at <= ? AND available_at > ? AND (title <> '' OR body <> '') "
        "ORDER BY available_at DESC, post_id LIMIT ?",
        (ticker, known_at, after, limit),
    )
    return [Post(*row) for row in rows]


def load_scores(db: sqlite3.Connection, post_ids: Sequence[str]) -> dict[str, list[PostSentiment]]:
    """Return every score of some posts, by post."""
    scores: dict[str, list[PostSentiment]] = defaultdict(list)
    for row in _select_in(
        db,
        "SELECT * FROM post_sentiment WHERE TRUE {tickers} ORDER BY post_id, scorer",
        (),
        post_ids,
        column="post_id",
    ):
        scores[row[0]].append(PostSentiment(*row))
    return scores


def load_scores_of_texts(
    db: sqlite3.Connection, scorer: str, hashes: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    """Return (positive, neutral, negative) that a scorer gave to texts before, by their hash."""
    rows = _select_in(
        db,
        "SELECT text_hash, positive, neutral, negative FROM post_text JOIN post_sentiment USING (post_id) "
        "WHERE scorer = ? {tickers} ORDER BY text_hash, post_id",
        (scorer,),
        hashes,
        column="text_hash",
    )
    return {row[0]: row[1:] for row in rows}


# Posts that a scorer has not scored; the first part of the record, which it has looked at, is passed over.
_UNSCORED = (
    "FROM post WHERE rowid > "
    "coalesce((SELECT rows FROM tally WHERE kind = 'looked at' AND name = :scorer), 0) "
    "AND NOT EXISTS (SELECT 1 FROM post_sentiment AS s WHERE s.post_id = post.post_id AND s.scorer = :scorer)"
)


def load_unscored_posts(
    db: sqlite3.Connection, scorer: str, after_id: str = "", limit: int = 1000
) -> list[Post]:
    """Return posts that a scorer has not seen, in the order of the record, those after a post."""
    rows = db.execute(
        f"SELECT * {_UNSCORED} AND rowid > coalesce((SELECT rowid FROM post WHERE post_id = :after), 0) "
        "ORDER BY rowid LIMIT :limit",
        {"scorer": scorer, "after": after_id, "limit": limit},
    )
    return [Post(*row) for row in rows]


def count_posts(db: sqlite3.Connection) -> int:
    """Return how many posts are stored: posts never go, so they are numbered without a gap."""
    row: tuple[int] = db.execute("SELECT coalesce(max(rowid), 0) FROM post").fetchone()
    return row[0]


def load_sample_of_posts(db: sqlite3.Connection, limit: int) -> list[Post]:
    """Return about ``limit`` posts, evenly from the first stored to the last; all where there are fewer."""
    step = max(1, count_posts(db) // limit)
    rows = db.execute("SELECT * FROM post WHERE rowid % ? = 0 ORDER BY rowid LIMIT ?", (step, limit))
    return [Post(*row) for row in rows]


def count_scores(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many posts each scorer has scored."""
    rows = db.execute("SELECT name, rows FROM tally WHERE kind = 'scores' AND rows > 0 ORDER BY name")
    return dict(rows.fetchall())


def count_unscored_posts(db: sqlite3.Connection, scorer: str) -> int:
    """Return how many posts a scorer has not scored, those that say nothing among them."""
    row: tuple[int] = db.execute(f"SELECT count(*) {_UNSCORED}", {"scorer": scorer}).fetchone()
    return row[0]


def preferred_scorer(db: sqlite3.Connection) -> str | None:
    """Return the scorer whose scores are read, or None without scores.

    A FinBERT that has scored every post that any scorer has; else the compact scorer with the most
    posts; else whichever has the most. Of two with equally many, the one that scored last.
    """
    counts = count_scores(db)
    if not counts:
        return None
    most = max(counts.values())
    complete = [name for name, count in counts.items() if name.startswith("finbert") and count == most]
    if complete and len(counts) > 1:  # reads every score
        all_scored = db.execute("SELECT count(DISTINCT post_id) FROM post_sentiment").fetchone()[0]
        complete = complete if all_scored == most else []
    compact = [name for name in counts if name.startswith("compact")]
    found = complete or compact or list(counts)
    most = max(counts[name] for name in found)
    best = [name for name in found if counts[name] == most]
    return best[0] if len(best) == 1 else max(best, key=lambda name: (_last_score(db, name), name))


def _last_score(db: sqlite3.Connection, scorer: str) -> str:
    row: tuple[str] = db.execute(
        "SELECT max(scored_at) FROM post_sentiment WHERE scorer = ?", (scorer,)
    ).fetchone()
    return row[0]


def load_job_runs(db: sqlite3.Connection, job: str | None = None, limit: int = 50) -> list[JobRun]:
    """Return the newest runs, of one job or of all, newest first."""
    rows = db.execute(
        "SELECT job, started_at, finished_at, outcome, rows, message FROM job_run "
        "WHERE ? IS NULL OR job = ? ORDER BY id DESC LIMIT ?",
        (job, job, limit),
    )
    return [JobRun(*row) for row in rows]


def load_runs_that_said(
    db: sqlite3.Connection, job: str, words: str, since: str, limit: int = 3
) -> list[JobRun]:
    """Return the newest runs of a job from an instant on whose message holds some words, newest first."""
    rows = db.execute(
        "SELECT job, started_at, finished_at, outcome, rows, message FROM job_run "
        "WHERE job = ? AND started_at >= ? AND instr(message, ?) > 0 ORDER BY started_at DESC LIMIT ?",
        (job, since, words, limit),
    )
    return [JobRun(*row) for row in rows]


def load_last_runs(db: sqlite3.Connection) -> dict[str, JobRun]:
    """Return the newest run of each job."""
    rows = db.execute(
        "SELECT job, started_at, finished_at, outcome, rows, message FROM job_run "
        "WHERE id IN (SELECT max(id) FROM job_run GROUP BY job) ORDER BY job"
    )
    return {row[0]: JobRun(*row) for row in rows}


def load_last_successes(db: sqlite3.Connection) -> dict[str, str]:
    """Return the instant at which each job was done last, where it ever was."""
    return dict(db.execute("SELECT job, max(finished_at) FROM job_run WHERE outcome = 'done' GROUP BY job"))


def load_unsettled_runs(db: sqlite3.Connection, jobs: Iterable[str], believed: str = "9999") -> list[JobRun]:
    """Return each job's newest done run and all that came after it, in the order of the record.

    A run that ended after ``believed`` was dated by a wrong clock and counts for nothing.
    """
    rows = []
    for job in jobs:
        done = db.execute(
            "SELECT id FROM job_run WHERE job = ? AND outcome = 'done' AND finished_at <= ? "
            "ORDER BY started_at DESC LIMIT 1",
            (job, believed),
        ).fetchone()
        # A plus sign keeps SQLite off the index by job, which would read the job's runs of all years.
        rows += db.execute(
            "SELECT id, job, started_at, finished_at, outcome, rows, message FROM job_run "
            f"WHERE {'+job = ? AND id >= ?' if done else 'job = ? AND ? = 0'} AND finished_at <= ?",
            (job, done[0] if done else 0, believed),
        ).fetchall()
    return [JobRun(*row[1:]) for row in sorted(rows)]


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """What is stored of one source: rows, and the span of what they speak of."""

    kind: str
    source: str
    rows: int
    first: str
    last: str


def load_coverage(db: sqlite3.Connection) -> list[SourceCoverage]:
    """Return a row per source of prices, posts and macro figures."""
    rows = db.execute(
        """
        SELECT * FROM (SELECT * FROM tally WHERE kind IN ('prices', 'posts') ORDER BY kind DESC, name)
        UNION ALL
        SELECT 'macro', series_id, count(*), min(observed_on), max(observed_on)
        FROM macro_observation GROUP BY series_id
        UNION ALL
        SELECT 'earnings', source, count(*), min(announced_on), max(announced_on)
        FROM earnings_announcement GROUP BY source
        """
    )
    return [SourceCoverage(*row) for row in rows]


def _select_in(
    db: sqlite3.Connection,
    statement: str,
    parameters: tuple[object, ...],
    values: Sequence[str] | None,
    after: tuple[object, ...] = (),
    column: str = "ticker",
) -> list[Any]:
    """Run a query, kept to some values of a column where they are given; ``after`` are parameters behind."""
    if values is None:
        return db.execute(statement.format(tickers=""), (*parameters, *after)).fetchall()
    condition = f"AND {column} IN (SELECT value FROM json_each(?))"
    values_given = json.dumps(list(values))
    return db.execute(statement.format(tickers=condition), (*parameters, values_given, *after)).fetchall()
