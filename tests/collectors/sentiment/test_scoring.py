"""Scoring the posts of a database and the texts of a file."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from collectors import store
from collectors.errors import BadInput, ConfigurationError, StorageError
from collectors.records import Post, PostSentiment
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.finbert import FinBert, load_finbert
from collectors.sentiment.scorer import FloatArray, stored_probabilities
from collectors.sentiment.scoring import FileScores, choose_scorer, score_new_posts, score_text_file

NOW = "2021-02-01T12:00:00Z"
LATER = "2021-02-02T12:00:00Z"
BODIES = [
    "to the moon",
    "[removed]",
    "bankrupt",
    "[deleted]",
    "to the moon",
    "",
    "board meets",
    "https://a.com",
]
SCORED = ["p0", "p2", "p4", "p6"]


class Counting:
    """The compact scorer, keeping count of what it is asked."""

    def __init__(self) -> None:
        self.name, self.asked = "compact-counting", list[str]()

    def score(self, texts: Sequence[str]) -> FloatArray:
        self.asked += texts
        return CompactScorer().score(texts)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(store.open_database(tmp_path / "facts.db")) as db:
        posts = [Post(f"p{i}", "reddit", "wsb", "", body, 1, 0, NOW, NOW) for i, body in enumerate(BODIES)]
        store.save_posts(db, posts, [])
        yield db


def scores_of(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute("SELECT * FROM post_sentiment ORDER BY scorer, post_id").fetchall()


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_only_posts_that_say_something_are_scored(db: sqlite3.Connection, batch: int) -> None:
    assert score_new_posts(db, CompactScorer(), now=NOW, batch=batch) == 4
    rows = [PostSentiment(*row) for row in db.execute("SELECT * FROM post_sentiment ORDER BY post_id")]
    assert [row.post_id for row in rows] == SCORED
    assert {row.scored_at for row in rows} == {NOW}
    for row in rows:
        assert row.positive + row.neutral + row.negative == pytest.approx(1, abs=1e-12)
        assert round(row.positive, 4) == row.positive
    assert rows[0].positive > 0.5
    assert rows[1].negative > 0.5


def test_rerun_scores_nothing_and_asks_nothing(db: sqlite3.Connection) -> None:
    scorer = Counting()
    score_new_posts(db, scorer, now=NOW)
    before, scorer.asked = scores_of(db), []
    assert score_new_posts(db, scorer, now="2021-03-01T00:00:00Z") == 0
    assert scorer.asked == []
    assert scores_of(db) == before


def test_equal_texts_are_scored_once_in_a_run(db: sqlite3.Connection) -> None:
    scorer = Counting()
    assert score_new_posts(db, scorer, now=NOW, batch=2) == 4
    assert scorer.asked == ["to the moon", "bankrupt", "board meets"]


def test_copy_of_a_text_scored_in_an_earlier_run_gets_its_score(db: sqlite3.Connection) -> None:
    scorer = Counting()
    score_new_posts(db, scorer, now=NOW)
    scorer.asked = []
    copies = [
        Post(f"q{i}", "reddit", "wsb", "", body, 1, 0, NOW, NOW) for i, body in enumerate(["bankrupt", "up"])
    ]
    store.save_posts(db, copies, [])
    assert score_new_posts(db, scorer, now=NOW) == 2
    assert scorer.asked == ["up"]
    first, copy = (row[2:5] for row in scores_of(db) if row[0] in ("p2", "q0"))
    assert first == copy
    other = Counting()
    other.name = "compact-other"
    score_new_posts(db, other, now=NOW)
    assert other.asked == ["to the moon", "bankrupt", "board meets", "up"]


def test_scorer_that_breaks_keeps_the_batches_before(db: sqlite3.Connection) -> None:
    class Breaking(Counting):
        def score(self, texts: Sequence[str]) -> FloatArray:
            if "board meets" in texts:
                raise MemoryError
            return super().score(texts)

    with pytest.raises(MemoryError):
        score_new_posts(db, Breaking(), now=NOW, batch=3)
    assert [row[0] for row in scores_of(db)] == ["p0", "p2", "p4"]
    assert score_new_posts(db, Counting(), now=NOW) == 1


def test_progress_ends_at_its_total(db: sqlite3.Connection) -> None:
    seen: list[tuple[int, int]] = []
    score_new_posts(db, CompactScorer(), now=NOW, batch=3, progress=lambda s, d, t, m="": seen.append((d, t)))
    assert seen == [(3, 8), (6, 8), (8, 8)]


def test_finbert_adds_scores_and_replaces_none(db: sqlite3.Connection, checkpoint: Path) -> None:
    compact, finbert = CompactScorer(), load_finbert(checkpoint)
    score_new_posts(db, compact, now=NOW)
    before = scores_of(db)
    assert store.preferred_scorer(db) == compact.name
    assert score_new_posts(db, finbert, now=LATER, batch=3) == 4
    after = scores_of(db)
    assert len(after) == 8
    assert set(before) < set(after)
    assert store.preferred_scorer(db) == finbert.name


def test_preferred_scorer_is_finbert_only_where_it_is_complete(db: sqlite3.Connection) -> None:
    def save(scorer: str, *numbers: int) -> None:
        store.save_sentiment(db, [PostSentiment(f"p{n}", scorer, 0.5, 0.25, 0.25, NOW) for n in numbers])

    assert store.preferred_scorer(db) is None
    save("finbert-a@1", 0, 1)
    assert store.preferred_scorer(db) == "finbert-a@1"
    save("compact-1", 0, 2, 4)
    save("compact-2", 0, 2, 4)
    assert store.preferred_scorer(db) == "compact-2"
    save("finbert-a@1", 2, 4)
    assert store.preferred_scorer(db) == "finbert-a@1"


def test_preferred_of_two_finberts_with_all_posts_is_the_one_that_scored_last(
    db: sqlite3.Connection,
) -> None:
    for scorer, at in (("finbert-a@1+int8-4.ffffffff", NOW), ("finbert-a@1+int8-4.00000000", LATER)):
        store.save_sentiment(db, [PostSentiment(f"p{n}", scorer, 0.5, 0.25, 0.25, at) for n in (0, 2)])
    assert store.preferred_scorer(db) == "finbert-a@1+int8-4.00000000"


def test_chosen_scorer_is_finbert_where_it_is_installed(checkpoint: Path, tmp_path: Path) -> None:
    assert isinstance(choose_scorer(tmp_path / "none"), CompactScorer)
    assert isinstance(choose_scorer(checkpoint.parent), FinBert)
    assert isinstance(choose_scorer(tmp_path / "none", finbert_folder=checkpoint), FinBert)


def test_broken_finbert_is_no_reason_to_change_the_scorer(tmp_path: Path) -> None:
    (tmp_path / "finbert").mkdir()
    with pytest.raises(ConfigurationError, match=r"config\.json is missing"):
        choose_scorer(tmp_path)
    with pytest.raises(ConfigurationError, match="no FinBERT at"):
        choose_scorer(tmp_path, finbert_folder=tmp_path / "typo")


def test_text_file_keeps_its_columns_and_gains_scores(tmp_path: Path) -> None:
    with (tmp_path / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ["id", "text"],
                ["1", "shares surge, “up” 5%"],
                ["2", "[removed]"],
                ["3", "files for\nbankruptcy"],
            ]
        )
    assert score_text_file(tmp_path / "in.csv", tmp_path / "out.csv", CompactScorer()) == FileScores(
        2, 1, "utf-8-sig"
    )
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "text", "scorer", "positive", "neutral", "negative", "label"]
    assert [row["label"] for row in rows] == ["positive", "", "negative"]
    assert [row["scorer"] for row in rows] == [CompactScorer().name, "", CompactScorer().name]
    assert rows[2]["text"] == "files for\nbankruptcy"
    for row in (rows[0], rows[2]):
        assert sum(float(row[label]) for label in ("positive", "neutral", "negative")) == pytest.approx(1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no texts"),
        (b"text\n", "holds no texts"),
        (b"id,body\n1,moon\n", "no text column, only id, body"),
        (b"text,label\nmoon,positive\n", "columns label already"),
        (b"id;text\n1;moon, up\n", "';' between its columns"),
        (b"text,Text\nmoon,up\n", "has 2 text columns"),
        (b'id,text\n1,"moon\nup"\n2,moon,more\n', "ends in line 4 has 3 fields"),
        (b'id,text\n1,"moon\n2,up\n', "no CSV near line 3"),
        (b"text\n\x81\xff\n", "no text in UTF-8, UTF-16 or cp1252"),
        (None, "cannot be read"),
    ],
)
def test_unusable_text_file_leaves_what_was_there(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    (tmp_path / "out.csv").write_text("kept")
    if content is not None:
        (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        score_text_file(tmp_path / "in.csv", tmp_path / "out.csv", CompactScorer())
    assert (tmp_path / "out.csv").read_text() == "kept"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_text_file_in_the_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.csv").write_bytes("id, Text\r1,café’s shares surge\r".encode(encoding))
    told = score_text_file(tmp_path / "in.csv", tmp_path / "out.csv", CompactScorer())
    assert told == FileScores(1, 0, encoding)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert (row[" Text"], row["label"]) == ("café’s shares surge", "positive")


def test_unwritable_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\nmoon\n")
    with pytest.raises(StorageError, match="choose another place"):
        score_text_file(tmp_path / "in.csv", tmp_path / "no folder" / "out.csv", CompactScorer())


def test_stored_rows_sum_to_one_and_stay_within_a_unit() -> None:
    raw = np.random.default_rng(1).dirichlet([0.5, 0.5, 0.5], 2000)
    stored = stored_probabilities(raw)
    np.testing.assert_allclose(stored.sum(axis=1), 1, atol=1e-12)
    assert abs(stored - raw).max() < 1.5e-4
    assert (stored >= 0).all()
