"""Score posts that have no score yet, or the texts of a file, with the best scorer that is installed."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collectors import store
from collectors.errors import BadInput, StorageError
from collectors.progress import Progress, silent
from collectors.records import PostSentiment, PostText
from collectors.sentiment import finbert, finbert_fast, installed
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scorer import FloatArray, Scorer, label_of, stored_probabilities
from collectors.sentiment.texts import is_scorable, plain_text, post_text

logger = logging.getLogger(__name__)

SCORE_COLUMNS = ("scorer", "positive", "neutral", "negative", "label")
TEXTS_TO_COMPARE = 360
TEXTS_PER_BATCH = 256  # a batch is saved whole: seconds of FinBERT's work


def choose_scorer(models_dir: Path, finbert_folder: Path | None = None) -> Scorer:
    """Return the fast FinBERT where it was made, else FinBERT where it is installed, else the compact scorer.

    ``finbert_folder`` is a local folder of the person's own choice. A FinBERT that is there and cannot
    be loaded is an error, never a silent change of scorer.
    """
    fast = models_dir / installed.FAST_FOLDER
    if finbert_folder is None and (fast.exists() or fast.is_symlink()):
        return finbert_fast.load_fast_finbert(fast)
    folder = finbert_folder or models_dir / installed.FOLDER
    if finbert_folder is not None or folder.exists() or folder.is_symlink():
        return finbert.load_finbert(folder)
    return CompactScorer()


def load_texts_to_compare(db: sqlite3.Connection, limit: int = TEXTS_TO_COMPARE) -> list[str]:
    """Return texts of stored posts, spread over all of them, by which two scorers can be compared."""
    posts = store.load_sample_of_posts(db, 2 * limit)  # a quarter of a forum's posts are removed ones
    texts = dict.fromkeys(post_text(post.title, post.body) for post in posts)
    return [text for text in texts if is_scorable(text)][:limit]


def score_new_posts(
    db: sqlite3.Connection,
    scorer: Scorer,
    *,
    now: str,
    progress: Progress = silent,
    batch: int = TEXTS_PER_BATCH,
) -> int:
    """Score the posts that this scorer has not scored yet, and return how many were.

    Other scorers' scores stay. Removed and empty posts get no score: they are passed over, in one
    run. A text that this scorer read before, in this run or an earlier one, gets the score it got
    then. Batches are saved as they are done, so a run that was stopped goes on where it was.
    """
    total, posts_there = store.count_unscored_posts(db, scorer.name), store.count_posts(db)
    seen: dict[str, FloatArray] = {}
    after, done, saved = "", 0, 0
    while posts := store.load_unscored_posts(db, scorer.name, after, batch):
        after = posts[-1].post_id
        texts = [post_text(post.title, post.body) for post in posts]
        hashes = [text_hash(text) for text in texts]
        new = [key for key in dict.fromkeys(hashes) if key not in seen]
        stored = store.load_scores_of_texts(db, scorer.name, new)
        seen.update({key: np.array(score) for key, score in stored.items()})
        rows = [
            (post.post_id, key, row.tolist())
            for post, key, row in zip(posts, hashes, score_texts(texts, scorer, seen), strict=True)
            if not np.isnan(row[0])
        ]
        saved += store.save_sentiment(
            db,
            [PostSentiment(post_id, scorer.name, row[0], row[1], row[2], now) for post_id, _, row in rows],
            [PostText(post_id, key) for post_id, key, _ in rows],
        )
        done += len(posts)
        progress("score posts", done, max(done, total), scorer.name)
    store.note_looked_at(db, scorer.name, posts_there)
    logger.info("Scored %d of %d posts with %s", saved, done, scorer.name)
    return saved


def score_texts(
    texts: Sequence[str], scorer: Scorer, seen: dict[str, FloatArray] | None = None
) -> FloatArray:
    """Return (n, 3) positive, neutral, negative at the stored precision; NaN where a text says nothing.

    The texts are as ``texts.plain_text`` leaves them. Equal ones are scored once; ``seen`` keeps their
    scores by hash between the calls of one run.
    """
    seen = {} if seen is None else seen
    keys = [text_hash(text) for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in seen and is_scorable(text)}
    if new:
        seen.update(zip(new, stored_probabilities(scorer.score(list(new.values()))), strict=True))
    nothing_said = np.full(3, np.nan)
    return np.array([seen.get(key, nothing_said) for key in keys]).reshape(-1, 3)


def text_hash(text: str) -> str:
    """Return 32 hexadecimal digits by which two normalised texts are taken for the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class FileScores:
    """How many rows of a file got a score, how many say nothing, and in which encoding it was read."""

    scored: int
    without: int
    encoding: str


def score_text_file(
    in_path: Path, out_path: Path, scorer: Scorer, *, progress: Progress = silent
) -> FileScores:
    """Copy a CSV with a ``text`` column and add scorer, positive, neutral, negative, label.

    A row whose text says nothing (removed, empty, only links) keeps the five fields empty. A file that is
    no UTF-8 is read as cp1252, as Excel saves it, and written as UTF-8, beside its place and then renamed,
    so that a run that was stopped leaves nothing half done.

    Raises
    ------
    BadInput
        The file is missing, empty, no CSV, or has no or several ``text`` columns, or one of ours already.
    StorageError
        ``out_path`` cannot be written.
    """
    encoding, characters = _read_characters(in_path)
    columns, place, rows = _read_texts(in_path, characters)
    seen: dict[str, FloatArray] = {}
    scored = 0
    aside = out_path.with_name(out_path.name + ".partial")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, *SCORE_COLUMNS])
            for start in range(0, len(rows), TEXTS_PER_BATCH):
                some = rows[start : start + TEXTS_PER_BATCH]
                scores = score_texts([plain_text(row[place]) for row in some], scorer, seen)
                writer.writerows(
                    [*row, *_score_fields(scorer.name, score)]
                    for row, score in zip(some, scores, strict=True)
                )
                scored += int((~np.isnan(scores[:, 0])).sum())
                progress("score texts", start + len(some), len(rows), scorer.name)
        aside.replace(out_path)
    except OSError as error:
        raise StorageError(f"{out_path} cannot be written ({error}); choose another place") from error
    finally:
        aside.unlink(missing_ok=True)
    return FileScores(scored, len(rows) - scored, encoding)


def _score_fields(scorer: str, score: FloatArray) -> list[str]:
    if np.isnan(score[0]):
        return [""] * len(SCORE_COLUMNS)
    return [scorer, *(f"{value:.4f}" for value in score), label_of(score.tolist())]


def _read_texts(path: Path, characters: str) -> tuple[list[str], int, list[list[str]]]:
    """Return the columns of a CSV, which of them is the text, and rows as long as the header."""
    csv.field_size_limit(2**31 - 1)  # a post may be longer than the 128 KB that csv allows
    reader = csv.reader(io.StringIO(characters, newline=""), strict=True)
    try:
        lines = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise BadInput(
            f"{path} is no CSV near line {reader.line_num} ({error}); a quote inside a text is written twice"
        ) from error
    if len(lines) < 2:
        raise BadInput(
            f"{path} holds no texts; expected a header with a text column, and a row for each text"
        )
    (_, columns), *rows = lines
    place = _text_column(path, columns)
    for number, row in rows:
        if len(row) != len(columns):
            raise BadInput(
                f"{path}: the row that ends in line {number} has {len(row)} fields, the header "
                f"{len(columns)}; mend or remove it"
            )
    return columns, place, [row for _, row in rows]


def _read_characters(path: Path) -> tuple[str, str]:
    """Return the encoding of a text file, told by its bytes, and its characters."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error}); name a CSV file with a text column") from error
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "cp1252"]:
        with suppress(UnicodeDecodeError):
            return encoding, raw.decode(encoding)
    raise BadInput(f"{path} is no text in UTF-8, UTF-16 or cp1252; save it as CSV UTF-8 and try again")


def _text_column(path: Path, columns: Sequence[str]) -> int:
    """Return the place of the one text column; capitals and blanks around the name do not matter."""
    if taken := [name for name in SCORE_COLUMNS if name in columns]:
        raise BadInput(f"{path} has the columns {', '.join(taken)} already; name the file without scores")
    places = [place for place, name in enumerate(columns) if name.strip().lower() == "text"]
    if len(places) == 1:
        return places[0]
    if places:
        raise BadInput(f"{path} has {len(places)} text columns; leave one of that name")
    if len(columns) == 1 and (found := [mark for mark in ";\t|" if mark in columns[0]]):
        raise BadInput(
            f"{path} has {found[0]!r} between its columns; save it as CSV with commas, one column named text"
        )
    raise BadInput(
        f"{path} has no text column, only {', '.join(columns)}; give the column to be scored the name text"
    )
