"""The record: append-only, whole batches, readers that never wait, and errors that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collectors import store
from collectors.errors import DatabaseBusy, StorageError
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
from collectors.schema import FACT_TABLES

BAR = PriceBar("KO", "2020-01-02", 55.3, 55.4, 54.8, 55.0, 1000.0, "test", "2020-01-02T21:00:00Z")
SPLIT = CorporateAction("KO", "2020-01-02", "split", 2.0, "test", "2020-01-02T21:00:00Z")
POST = Post("t3_a", "reddit", "stocks", "KO", "", 1, 0, "2020-01-02T15:00:00Z", "2020-01-02T15:00:00Z")
SCORE = PostSentiment("t3_a", "finbert@1", 0.5, 0.25, 0.25, "2020-02-01T00:00:00Z")
CPI = MacroObservation("CPI", "2019-12-01", 258.4, "2020-01-14", "2020-01-14T23:59:59Z")
DOUBT = PriceFlag(
    "KO", "2020-01-06", "bad_tick", "bar", "", "test", "", "2020-01-07T00:00:00Z", "2020-01-06T21:00:00Z"
)
REPORT = EarningsAnnouncement("KO", "2020-01-30", "pre", "test", "2020-01-15T21:00:00Z")
QUOTE = Quote("KO", 55.1, "2020-01-03T15:00:00Z", "test", "2020-01-03T15:00:02Z")
RUN = JobRun("prices", "2020-01-02T22:00:00Z", "2020-01-02T22:00:05Z", "done", 1, "")
RECORDED = "2020-03-01T00:00:00Z"
LATER = "2020-04-01T00:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "facts.db"


@pytest.fixture
def filled(db: sqlite3.Connection) -> sqlite3.Connection:
    save_everything(db)
    return db


def save_everything(db: sqlite3.Connection) -> list[int]:
    added = [
        store.save_price_bars(db, [BAR], RECORDED),
        store.save_corporate_actions(db, [SPLIT], RECORDED),
        store.save_posts(db, [POST], [PostMention("t3_a", "KO")]),
        store.save_sentiment(db, [SCORE], [PostText("t3_a", "ab" * 16)]),
        store.save_macro(db, [CPI], RECORDED),
        store.save_earnings(db, [REPORT]),
        store.save_flags(db, [DOUBT]),
        store.save_quotes(db, [QUOTE]),
    ]
    if not store.load_job_runs(db):
        store.save_job_run(db, RUN)
    return added


def count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


# Append-only --------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", FACT_TABLES)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_no_fact_is_ever_changed_or_deleted(filled: sqlite3.Connection, table: str, statement: str) -> None:
    column = filled.execute(f"PRAGMA table_info({table})").fetchone()[1]
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        filled.execute(statement.format(table, column, column))
    assert count(filled, table) == 1


def test_the_text_of_a_deleted_post_goes_and_the_rest_stays(filled: sqlite3.Connection) -> None:
    assert store.blank_posts(filled, ["t3_a", "t3_unknown"]) == 1
    assert store.blank_posts(filled, ["t3_a"]) == 0
    assert filled.execute("SELECT * FROM post").fetchall() == [
        ("t3_a", "reddit", "stocks", "", "", 1, 0, "2020-01-02T15:00:00Z", "2020-01-02T15:00:00Z")
    ]
    assert store.save_posts(filled, [POST], []) == 0  # it does not come back
    assert store.load_sentiment(filled, LATER, "finbert@1") == [
        ("KO", "2020-01-02T15:00:00Z", 0.5, 0.25, 0.25)
    ]
    assert store.load_posts(filled, "KO", LATER) == []


def test_a_deleted_text_is_not_left_in_the_file(db: sqlite3.Connection, path: Path) -> None:
    store.save_posts(db, [replace(POST, body="regretted words")], [])
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"regretted words" in path.read_bytes()
    store.blank_posts(db, ["t3_a"])
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"regretted words" not in path.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        "title = 'other'",
        "body = 'other'",
        "title = '', body = '', score = 9",
        "title = '', body = '', available_at = '2000'",
        "title = '', body = '', post_id = 't3_b'",
        "title = '', body = '', community = 'x'",
    ],
)
def test_nothing_but_the_whole_text_of_a_post_may_go(filled: sqlite3.Connection, change: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="may be blanked, and nothing else"):
        filled.execute(f"UPDATE post SET {change}")


def test_every_post_has_its_turn_to_be_looked_at_again(db: sqlite3.Connection) -> None:
    store.save_posts(db, [replace(POST, post_id=f"t3_{n}") for n in range(5)], [])
    seen = [store.load_posts_in_turn(db, "reddit", "2020-01-01", turn, 2) for turn in range(5)]
    assert {post for some in seen for post in some} == {f"t3_{n}" for n in range(5)}
    assert store.load_posts_in_turn(db, "reddit", "2020-01-03", 0, 2) == []


def test_saving_everything_again_adds_no_row(db: sqlite3.Connection) -> None:
    assert save_everything(db) == [1] * 8
    assert save_everything(db) == [0] * 8


def test_a_corrected_bar_is_invisible_before_it_was_recorded(filled: sqlite3.Connection) -> None:
    assert store.save_price_bars(filled, [replace(BAR, close=55.1)], RECORDED) == 1
    assert store.load_bars(filled, "2020-02-29T23:59:59Z")[0][5] == 55.0
    assert store.load_bars(filled, RECORDED)[0][5] == 55.1
    assert len(store.load_bars(filled, LATER)) == 1


def test_a_correction_taken_back_is_a_third_row(filled: sqlite3.Connection) -> None:
    store.save_price_bars(filled, [replace(BAR, close=55.1)], RECORDED)
    assert store.save_price_bars(filled, [BAR], LATER) == 1
    assert [store.load_bars(filled, at)[0][5] for at in (RECORDED, LATER)] == [55.1, 55.0]


def test_a_corrected_split_is_invisible_before_it_was_recorded(filled: sqlite3.Connection) -> None:
    assert store.save_corporate_actions(filled, [replace(SPLIT, ratio_or_amount=4.0)], RECORDED) == 1
    assert store.load_actions(filled, "2020-02-29T23:59:59Z")[0][3] == 2.0
    assert store.load_actions(filled, RECORDED)[0][3] == 4.0


def test_two_corrections_of_one_instant_keep_the_first(filled: sqlite3.Connection) -> None:
    """Once a second correction of a split at the same instant ended in an IntegrityError."""
    for ratio, added in ((4.0, 1), (5.0, 0)):
        assert (
            store.save_corporate_actions(filled, [replace(SPLIT, ratio_or_amount=ratio)], RECORDED) == added
        )
    assert store.load_actions(filled, RECORDED)[0][3] == 4.0


def test_a_revised_figure_is_invisible_before_its_release(filled: sqlite3.Connection) -> None:
    revised = replace(CPI, value=258.6, released_on="2020-02-13", available_at="2020-02-13T23:59:59Z")
    assert store.save_macro(filled, [revised], RECORDED) == 1
    assert [row[2] for row in store.load_macro(filled, "2020-02-13T21:00:00Z")] == [258.4]
    assert [row[2] for row in store.load_macro(filled, "2020-02-14T21:00:00Z")] == [258.4, 258.6]


def test_a_vintage_told_differently_later_is_a_correction_since_then(filled: sqlite3.Connection) -> None:
    assert store.save_macro(filled, [replace(CPI, value=260.0)], RECORDED) == 1
    assert [row[2] for row in store.load_macro(filled, "2020-02-29T00:00:00Z")] == [258.4]
    assert store.save_macro(filled, [replace(CPI, value=260.0)], LATER) == 0


def test_what_was_released_on_a_day_stands_beside_what_was_known_before(filled: sqlite3.Connection) -> None:
    day = "2020-02-14T20:00:00Z"
    january = replace(CPI, observed_on="2020-01-01", value=259.0, released_on="2020-02-14", available_at=day)
    revised = replace(CPI, value=258.6, released_on="2020-02-14", available_at=day)
    store.save_macro(filled, [january, revised], RECORDED)
    released = store.load_releases(filled, "2020-02-13T21:00:00Z", "2020-02-14T21:00:00Z")
    assert released == [("CPI", "2020-01-01", 259.0, 258.6)]
    assert store.load_releases(filled, "2020-01-14T00:00:00Z", "2020-01-15T00:00:00Z") == [
        ("CPI", "2019-12-01", 258.4, None)
    ]
    assert store.load_releases(filled, day, "2020-02-20T21:00:00Z") == []


def test_the_first_version_of_a_post_stays(filled: sqlite3.Connection) -> None:
    assert store.save_posts(filled, [replace(POST, body="edited")], []) == 0
    assert store.load_posts(filled, "KO", LATER) == [POST]


# Whole batches ------------------------------------------------------------------------------------


def test_a_batch_with_an_impossible_row_leaves_nothing(db: sqlite3.Connection) -> None:
    """Once such a row was dropped without a word, and the rest of its batch saved."""
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        store.save_price_bars(db, [BAR, replace(BAR, session="2020-01-03", low=-1.0)], RECORDED)
    assert count(db, "price_bar") == 0
    assert not db.in_transaction


def test_a_mention_of_an_unknown_post_takes_its_batch_along(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        store.save_posts(db, [POST], [PostMention("t3_b", "KO")])
    assert count(db, "post") == 0


def test_probabilities_that_do_not_sum_to_one_are_refused(filled: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        store.save_sentiment(filled, [replace(SCORE, scorer="other", positive=0.9)])


def test_nested_batches_are_one(db: sqlite3.Connection) -> None:
    def batch() -> None:
        with store.writing(db):
            store.save_price_bars(db, [BAR], RECORDED)
            store.save_corporate_actions(db, [SPLIT], RECORDED)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch()
    assert (count(db, "price_bar"), count(db, "corporate_action")) == (0, 0)


# Two programs at once -----------------------------------------------------------------------------


def test_a_reader_does_not_wait_for_a_writer(filled: sqlite3.Connection, path: Path) -> None:
    reader = store.open_reader(path)
    with store.writing(filled):
        store.save_price_bars(filled, [replace(BAR, session="2020-01-03")], RECORDED)
        assert len(store.load_bars(reader, LATER)) == 1
    assert len(store.load_bars(reader, LATER)) == 2
    reader.close()


def test_a_second_writer_is_told_who_is_in_the_way(
    filled: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.05)
    second = store.open_database(path)
    with (
        store.writing(filled),
        pytest.raises(DatabaseBusy, match=r"another program has been writing to .*facts\.db"),
    ):
        store.save_price_bars(second, [replace(BAR, ticker="PEP")], RECORDED)
    assert store.save_price_bars(second, [replace(BAR, ticker="PEP")], RECORDED) == 1
    second.close()


def test_two_programs_may_open_a_new_record_at_once(path: Path) -> None:
    first, second = store.open_database(path), store.open_database(path)
    assert save_everything(second) == [1] * 8
    assert len(store.load_bars(first, LATER)) == 1
    first.close()
    second.close()


# Storage that fails -------------------------------------------------------------------------------


def test_a_full_disk_keeps_the_old_rows_and_says_so(filled: sqlite3.Connection) -> None:
    pages = filled.execute("PRAGMA page_count").fetchone()[0]
    filled.execute(f"PRAGMA max_page_count = {pages}")
    many = [replace(BAR, session=f"2020-{n:05}") for n in range(5000)]
    with pytest.raises(StorageError, match=r"no room left.*nothing of this batch was saved"):
        store.save_price_bars(filled, many, RECORDED)
    assert (count(filled, "price_bar"), filled.in_transaction) == (1, False)
    assert filled.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    filled.execute("PRAGMA max_page_count = 100000")
    assert store.save_price_bars(filled, many, RECORDED) == 5000


@pytest.fixture
def reader(filled: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    connection = store.open_reader(path)
    yield connection
    connection.close()


def test_a_record_that_cannot_be_written_says_so(reader: sqlite3.Connection) -> None:
    with pytest.raises(StorageError, match=r"facts\.db cannot be written .*check its permissions"):
        store.save_price_bars(reader, [replace(BAR, ticker="PEP")], RECORDED)
    assert store.load_tickers(reader) == ["KO"]


def test_a_reader_needs_a_record(path: Path) -> None:
    with pytest.raises(StorageError, match="import or collect something first"):
        store.open_reader(path)
    assert not path.exists()


@pytest.mark.parametrize("opening", [store.open_database, store.open_reader])
def test_a_file_that_is_no_database_is_left_alone(path: Path, opening: object) -> None:
    path.write_text("a letter to a friend, long enough to be read as a header of a database file " * 9)
    with pytest.raises(StorageError, match="damaged or no Barograph database"):
        opening(path)  # type: ignore[operator]
    assert path.read_text().startswith("a letter")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"the folder .*file.* cannot be created"):
        store.open_database(tmp_path / "file" / "facts.db")


def test_a_record_of_a_newer_program_is_refused_and_kept(filled: sqlite3.Connection, path: Path) -> None:
    filled.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('collectors', 'm999_new', '')"
    )
    with pytest.raises(StorageError, match=r"written by a newer Barograph \(it has m999_new\); update"):
        store.open_database(path)
    assert count(filled, "price_bar") == 1


def test_sample_of_posts_is_spread_over_all_of_them(db: sqlite3.Connection) -> None:
    posts = [replace(POST, post_id=f"p{number:03d}") for number in range(100)]
    store.save_posts(db, posts, [])
    assert len(store.load_sample_of_posts(db, 1000)) == 100
    assert [post.post_id for post in store.load_sample_of_posts(db, 4)] == ["p024", "p049", "p074", "p099"]


def test_what_was_said_before_is_counted_as_of_each_post(db: sqlite3.Connection) -> None:
    days = {"a": "2020-01-02", "b": "2020-01-03", "c": "2020-01-04"}
    posts = [replace(POST, post_id=name, available_at=f"{day}T12:00:00Z") for name, day in days.items()]
    store.save_posts(db, posts, [PostMention(name, "KO") for name in days])
    texts = [PostText("a", "x"), PostText("b", "y"), PostText("c", "x")]
    store.save_sentiment(db, [replace(SCORE, post_id=name) for name in days], texts)
    assert [row[5] for row in store.load_read_posts(db, "2020-01-05", SCORE.scorer)] == [1, 1, 2]
    assert [row[5] for row in store.load_read_posts(db, "2020-01-04", SCORE.scorer)] == [1, 1]
    assert store.load_read_posts(db, "2020-01-05", SCORE.scorer, ["PEP"]) == []


# Tallies ------------------------------------------------------------------------------------------

COUNTED = {
    "prices": "SELECT source, count(*), min(session), max(session) FROM price_bar GROUP BY source",
    "posts": "SELECT source, count(*), min(available_at), max(available_at) FROM post GROUP BY source",
    "community": "SELECT source || '/' || community, count(*), min(created_at), max(created_at) FROM post "
    "GROUP BY source, community",
    "scores": "SELECT scorer, count(*), '', '' FROM post_sentiment GROUP BY scorer",
}


def test_tallies_are_what_counting_would_find(filled: sqlite3.Connection) -> None:
    """Through batches of several sources, doubles, corrections, reruns, and a batch that fails."""
    again = [replace(BAR, session="2019-12-31"), replace(BAR, close=54.9), replace(BAR, source="other"), BAR]
    posts = [replace(POST, post_id="t3_b", community="investing", created_at="2020-01-03T15:00:00Z"), POST]
    posts += [replace(POST, post_id="a1", source="archive", available_at="2019-01-01T00:00:00Z")]
    for _ in range(2):
        store.save_price_bars(filled, again, LATER)
        store.save_posts(filled, posts, [])
        store.save_sentiment(filled, [replace(SCORE, scorer="compact"), replace(SCORE, post_id="a1"), SCORE])
    with pytest.raises(sqlite3.IntegrityError):
        store.save_price_bars(
            filled,
            [replace(BAR, session="2021-01-04"), replace(BAR, session="2021-01-05", close=-1.0)],
            LATER,
        )
    for kind, counting in COUNTED.items():
        tallied = filled.execute(
            "SELECT name, rows, first, last FROM tally WHERE kind = ? ORDER BY 1", (kind,)
        )
        assert tallied.fetchall() == filled.execute(f"{counting} ORDER BY 1").fetchall(), kind


def test_what_a_scorer_has_looked_at_is_passed_over_and_what_comes_later_is_not(
    filled: sqlite3.Connection,
) -> None:
    store.note_looked_at(filled, "compact", store.count_posts(filled))
    assert store.load_unscored_posts(filled, "compact") == []
    old = replace(POST, post_id="t1_z", available_at="2010-01-04T15:00:00Z")  # of an archive, say
    store.save_posts(filled, [old], [])
    assert store.load_unscored_posts(filled, "compact") == [old]
    assert store.count_unscored_posts(filled, "compact") == 1
    assert store.count_unscored_posts(filled, "finbert-new") == 2
    store.note_looked_at(filled, "compact", 1)  # an older run that ends late takes nothing back
    store.note_looked_at(filled, "compact", 2)
    assert store.load_unscored_posts(filled, "compact") == []


def test_the_newest_session_is_that_of_any_ticker_and_of_an_instant(filled: sqlite3.Connection) -> None:
    later = [replace(BAR, ticker="PEP", session=f"2020-01-0{day}", available_at=f"2020-01-0{day}T21:00:00Z")
             for day in (3, 6)]  # fmt: skip
    store.save_price_bars(filled, later, RECORDED)
    assert store.last_session(filled) == "2020-01-06"
    assert store.last_session(filled, "2020-01-06T20:59:59Z") == "2020-01-03"
    assert store.last_session(filled, "2020-01-02T21:00:00Z") == "2020-01-02"
    assert store.last_session(filled, "2019") is None
    assert store.load_tickers(filled) == ["KO", "PEP"]
    assert store.load_tickers(filled, "2020-01-02T21:00:00Z") == ["KO"]


# Quotes -------------------------------------------------------------------------------------------


def quoted(ticker: str, at: str, price: float = 55.0) -> Quote:
    return Quote(ticker, price, at, "test", at)


def test_of_each_ticker_the_newest_quote_is_found(db: sqlite3.Connection) -> None:
    older, newer = quoted("KO", "2020-01-03T15:00:00Z"), quoted("KO", "2020-01-03T15:01:00Z", 55.2)
    yesterday = quoted("PEP", "2020-01-02T20:59:00Z", 137.0)
    assert store.save_quotes(db, [newer, older, yesterday]) == 3
    assert store.load_latest_quotes(db, ["KO", "PEP", "MMM"]) == {"KO": newer, "PEP": yesterday}
    assert store.load_latest_quotes(db, ["KO", "PEP"], "2020-01-03") == {"KO": newer}
    assert store.load_quotes(db, "KO", "2020-01-03") == [older, newer]
    assert store.load_quotes(db, "KO", "2020-01-03T15:00:30Z") == [newer]


def test_two_prices_of_one_second_are_both_kept_and_the_later_one_counts(db: sqlite3.Connection) -> None:
    first, second = quoted("KO", "2020-01-03T15:00:00Z", 55.0), quoted("KO", "2020-01-03T15:00:00Z", 55.3)
    assert store.save_quotes(db, [first, second, first]) == 2
    assert store.load_latest_quotes(db, ["KO"])["KO"] == second


def test_old_quotes_thin_out_to_one_a_minute_and_then_go(db: sqlite3.Connection) -> None:
    old = [quoted("KO", f"2020-01-02T15:00:{second}Z") for second in ("05", "25", "55")]
    other = quoted("PEP", "2020-01-02T15:00:30Z")
    today = [quoted("KO", f"2020-01-06T15:00:{second}Z") for second in ("05", "25")]
    gone = quoted("KO", "2019-12-27T15:00:05Z")
    store.save_quotes(db, [gone, *old, other, *today])
    assert store.thin_quotes(db, whole_since="2020-01-05", since="2019-12-30") == 3
    assert store.load_quotes(db, "KO", "") == [old[-1], *today]
    assert store.load_quotes(db, "PEP", "") == [other]


def test_the_last_day_of_quotes_stays_whatever_the_clock_says(db: sqlite3.Connection) -> None:
    quotes = [quoted("KO", "2020-01-02T15:00:05Z"), quoted("KO", "2020-01-03T15:00:00Z")]
    store.save_quotes(db, quotes)
    assert store.thin_quotes(db, whole_since="2031", since="2030") == 0
    with pytest.raises(sqlite3.IntegrityError, match="only what a day of quotes followed"):
        db.execute("DELETE FROM quote")
    assert store.load_quotes(db, "KO", "") == quotes
