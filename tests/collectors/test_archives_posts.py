"""Post files: tweets, Reddit dumps and subreddit CSVs, streamed, without authors and removed texts."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
import zstandard

from collectors.archives import import_posts, posts
from collectors.archives.posts import import_posts_finding
from collectors.archives.report import ImportReport
from collectors.errors import BadInput
from collectors.universe import Company

EXCERPTS = Path(__file__).parents[1] / "resources" / "archives"
NOW = "2021-04-22T00:00:00Z"


def find(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\b(?:AAPL|GME|PLTR|T)\b", text))


def take(db: sqlite3.Connection, *paths: Path, now: str = NOW) -> ImportReport:
    return import_posts_finding(db, paths, find, now)


def rows(db: sqlite3.Connection, columns: str, table: str = "post") -> list[tuple[object, ...]]:
    return db.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()


def lines(tmp_path: Path, *records: object, name: str = "posts.jsonl") -> Path:
    path = tmp_path / name
    texts = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(texts) + "\n")
    return path


TWEET = {"id": "1", "ticker": "AAPL", "created_at": "2014-01-01T10:52:20Z", "text": "up"}


def test_a_tweet_told_once_per_ticker_is_one_post_with_several_mentions(db: sqlite3.Connection) -> None:
    report = take(db, EXCERPTS / "stocknet")
    assert (report.rows_read, report.rows_saved, report.passed_over, report.bad_lines) == (8, 2, 0, 0)
    assert rows(db, "post_id, source, community, created_at, available_at")[0] == (
        "stocknet:418333866336587776",
        "stocknet",
        "twitter",
        "2014-01-01T10:52:20Z",
        "2014-01-01T10:52:20Z",
    )
    mentioned = [
        ticker for post, ticker in rows(db, "*", "post_mention") if post == "stocknet:418333866336587776"
    ]
    assert mentioned == ["AAPL", "BP", "CSCO", "CVX", "GOOG", "INTC", "NGG"]
    assert rows(db, "post_id, body")[1][1] == (
        "$T - AT&T offers $450 credit to get T-Mobile customers -> http://t.co/2Etmw72TVS "
        "#stock #stocks #stockaction"
    )


def test_only_cashtags_add_to_the_tickers_a_tweet_names(db: sqlite3.Connection, tmp_path: Path) -> None:
    take(db, lines(tmp_path, TWEET | {"text": "up with $GME, PLTR lags"}))
    assert rows(db, "ticker, post_id", "post_mention") == [("AAPL", "stocknet:1"), ("GME", "stocknet:1")]


def test_a_second_record_of_a_post_is_no_repeat_where_its_cashtags_told_already(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    """Once the second record counted as passed over."""
    text = {"text": "$AAPL and $GME"}
    report = take(db, lines(tmp_path, TWEET | text, TWEET | text | {"ticker": "GME"}))
    assert (report.rows_read, report.rows_saved, report.passed_over) == (2, 1, 0)
    assert len(rows(db, "*", "post_mention")) == 2


def test_a_subreddit_csv_keeps_lines_entities_and_characters(db: sqlite3.Connection) -> None:
    report = take(db, EXCERPTS / "reddit" / "wallstreetbets_excerpt.csv")
    assert (report.rows_read, report.rows_saved, report.passed_over, report.bad_lines) == (6, 5, 1, 0)
    bodies = dict(rows(db, "title, body"))
    assert bodies["Cannabis vote"] == "Folks, what’s the best cannabis stocks for the vote??"
    assert "great.\n\nUser commentary" in str(bodies["WSBVoteBot Log for Dec 01 2020"])
    assert bodies["GME is a go for launch!"] == ""
    assert {tuple(row) for row in rows(db, "source, community")} == {("reddit_csv", "wallstreetbets")}
    assert [ticker for _, ticker in rows(db, "*", "post_mention")].count("PLTR") == 1


def test_a_subreddit_post_without_id_gets_the_same_one_each_time(db: sqlite3.Connection) -> None:
    take(db, EXCERPTS / "reddit" / "wallstreetbets_excerpt.csv")
    assert take(db, EXCERPTS / "reddit" / "wallstreetbets_excerpt.csv").rows_saved == 0
    assert all(re.fullmatch(r"reddit_csv:[0-9a-f]{16}", str(row[0])) for row in rows(db, "post_id, title"))


def test_comments_of_a_csv_have_reddits_full_names(db: sqlite3.Connection) -> None:
    report = take(db, EXCERPTS / "reddit" / "comments_excerpt.csv")
    assert (report.rows_saved, report.passed_over) == (4, 1)
    assert rows(db, "post_id, created_at, title, source")[0] == (
        "t1_gjguus7",
        "2021-01-16T15:30:52Z",
        "",
        "reddit",
    )


def test_a_zstandard_dump_gives_the_same_comments_as_the_csv(db: sqlite3.Connection, tmp_path: Path) -> None:
    report = take(db, EXCERPTS / "reddit" / "dump.zst")
    assert (report.rows_read, report.rows_saved, report.passed_over, report.bad_lines) == (11, 9, 2, 0)
    from_dump = [row for row in rows(db, "post_id, body, created_at") if str(row[0]).startswith("t1_")]
    assert take(db, EXCERPTS / "reddit" / "comments_excerpt.csv").rows_saved == 0
    assert len(from_dump) == 4


def test_a_dump_packed_with_a_long_window_in_several_frames_is_read(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    long = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    first = json.dumps({"id": "a", "created_utc": 1610811052, "title": "one", "selftext": ""})
    second = json.dumps({"id": "t1_b", "created_utc": "1610811052", "body": "two"})
    frames = [
        zstandard.ZstdCompressor(compression_params=long).compress(f"{text}\n".encode())
        for text in (first, second)
    ]
    (tmp_path / "RS_2021-01.zst").write_bytes(b"".join(frames))
    assert take(db, tmp_path / "RS_2021-01.zst").rows_saved == 2
    assert rows(db, "post_id, title, body") == [("t1_b", "", "two"), ("t3_a", "one", "")]


def test_no_author_is_kept(db: sqlite3.Connection) -> None:
    take(db, EXCERPTS / "reddit" / "dump.zst")
    assert not [row for row in rows(db, "*") if "someone" in map(str, row)]


def test_the_generic_layout_gives_tickers_itself(db: sqlite3.Connection, tmp_path: Path) -> None:
    record = {
        "post_id": "x:1", "source": "x", "community": "c", "title": "t", "body": "GME",
        "created_at": "2021-01-01T00:00:00+02:00", "tickers": ["BRK-B"],
    }  # fmt: skip
    take(db, lines(tmp_path, record))
    assert rows(db, "post_id, created_at") == [("x:1", "2020-12-31T22:00:00Z")]
    assert rows(db, "ticker, post_id", "post_mention") == [("BRK.B", "x:1")]


def test_mentions_are_found_in_the_given_universe(db: sqlite3.Connection) -> None:
    universe = {"PLTR": Company("PLTR", "Palantir Technologies", "", ())}
    import_posts(db, [EXCERPTS / "reddit" / "wallstreetbets_excerpt.csv"], universe=universe, now=NOW)
    assert [ticker for _, ticker in rows(db, "*", "post_mention")] == ["PLTR"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("{not json", "is no JSON"),
        ("[1, 2]", "is no JSON object"),
        ({"text": "no ticker"}, "has none of the known layouts, but text"),
        ({"ticker": "T", "created_at": "2014-01-01T00:00:00Z", "text": "x"}, "has no id"),
        (TWEET | {"id": ""}, "has no id"),
        (TWEET | {"created_at": "yesterday"}, "'yesterday' is no instant"),
        (TWEET | {"created_at": "2014-01-01T00:00:00"}, "names no time zone"),
        (TWEET | {"created_at": "2021-04-22T00:00:01Z"}, "was written at 2021-04-22T00:00:01Z, after"),
        (TWEET | {"text": 7.5}, "text is no text"),
        ({"id": "a", "created_utc": 12, "body": "x"}, "12 are no seconds since 1970"),
        ({"id": "a", "created_utc": None, "body": "x"}, "'None' is no instant"),
    ],
)
def test_a_bad_record_is_named_and_the_rest_goes_on(
    db: sqlite3.Connection, tmp_path: Path, record: object, reason: str
) -> None:
    path = lines(tmp_path, TWEET | {"id": "0"}, "", record, TWEET | {"id": "2"})
    report = take(db, path)
    assert (report.rows_read, report.rows_saved, report.bad_lines) == (3, 2, 1)
    assert (report.examples[0].file, report.examples[0].line) == (str(path), 3)
    assert reason in report.examples[0].reason


def test_a_broken_first_line_does_not_hide_the_rest(db: sqlite3.Connection, tmp_path: Path) -> None:
    report = take(db, lines(tmp_path, "half a rec", TWEET))
    assert (report.rows_saved, report.examples[0].line) == (1, 1)


def test_an_unclosed_quote_costs_one_record_and_lines_stay_physical(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    path = tmp_path / "stocks.csv"
    path.write_text(
        "title,date,num_comments,text\n"
        'a,1606780839,1,"two\nlines"\n'
        'b,1606780840,1,"never closed\n'
        "c,1606780841,1,fine\n"
        "d,1606780842,x,no count\n"
    )
    report = take(db, path)
    assert [row[0] for row in rows(db, "title, body")] == ["a", "c"]
    assert [bad.line for bad in report.examples] == [4, 6]


def test_removed_and_repeated_records_are_passed_over(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = lines(
        tmp_path, TWEET, TWEET, TWEET | {"id": "2", "text": "[deleted]"}, TWEET | {"id": "3", "text": " "}
    )
    report = take(db, path)
    assert (report.rows_read, report.rows_saved, report.passed_over, report.bad_lines) == (4, 1, 3, 0)


def test_importing_twice_adds_no_row(db: sqlite3.Connection) -> None:
    take(db, EXCERPTS / "stocknet", EXCERPTS / "reddit")
    before = rows(db, "*"), rows(db, "*", "post_mention")
    assert take(db, EXCERPTS / "stocknet", EXCERPTS / "reddit").rows_saved == 0
    assert (rows(db, "*"), rows(db, "*", "post_mention")) == before


def test_a_killed_import_keeps_whole_batches_alone(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "POSTS_AT_ONCE", 2)

    def kill(text: str) -> frozenset[str]:
        if "4" in text:
            raise KeyboardInterrupt
        return frozenset()

    path = lines(tmp_path, *({"id": f"p{n}", "created_utc": 1610811052, "body": f"no {n}"} for n in range(6)))
    with pytest.raises(KeyboardInterrupt):
        import_posts_finding(db, [path], kill, NOW)
    assert [row[0] for row in rows(db, "post_id, body")] == ["t1_p0", "t1_p1", "t1_p2", "t1_p3"]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "just words\n"])
def test_an_unknown_layout_names_the_known_ones(db: sqlite3.Connection, tmp_path: Path, content: str) -> None:
    (tmp_path / "posts.csv").write_text(content)
    with pytest.raises(BadInput, match="recognised post layouts"):
        take(db, tmp_path / "posts.csv")


def test_a_file_of_bad_records_alone_is_refused(db: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none of 2 lines could be used; the first, .*posts\.jsonl, line 1"):
        take(db, lines(tmp_path, "x", "y"))
