"""The layouts of post files: a record as read becomes a post and the tickers its source named."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.archives.values import BadValue, instant_of, ticker_of
from collectors.records import Post

RECOGNISED = """recognised post layouts:
  JSON lines  ticker, created_at, text, id                          (StockNet tweets)
  JSON lines  id, created_utc, subreddit, title and selftext or body   (Reddit dumps: Pushshift, Arctic Shift)
  JSON lines  post_id, source, community, title, body, created_at, tickers
  CSV         title,date,num_comments,text                          (subreddit's name: the file's first word)
  CSV         subreddit,score,id,created_utc,title,...              (comments, their text in title)"""

REMOVED = frozenset({"[removed]", "[deleted]"})
FIRST_WORD = re.compile(r"[A-Za-z]+")
Record = Mapping[str, Any]


class PassedOver(Exception):
    """The record is in order, and holds no text any more."""


@dataclass(frozen=True, slots=True)
class ReadPost:
    """A post as its file gives it; ``tickers`` is None where the file names none."""

    post: Post
    tickers: frozenset[str] | None


Layout = Callable[[Record, str], ReadPost]


def layout_of_record(record: Record) -> Layout | None:
    """Return how a JSON object is read: Reddit dumps mix posts and comments."""
    if "tickers" in record and "post_id" in record:
        return _generic
    if "ticker" in record and "text" in record:
        return _tweet
    if "created_utc" in record and "id" in record:
        if "title" in record:
            return _submission
        if "body" in record:
            return _comment
    return None


def layout_of_header(header: list[str]) -> Layout | None:
    """Return how the rows of a CSV are read."""
    names = {name.strip().lower() for name in header}
    if {"title", "date", "num_comments", "text"} <= names:
        return _subreddit_row
    if {"subreddit", "score", "id", "created_utc", "title"} <= names:
        return _comment_row
    return None


def _generic(record: Record, _stem: str) -> ReadPost:
    tickers = record["tickers"]
    if not isinstance(tickers, list):
        raise BadValue("tickers is no list")
    return _read(
        post_id=_text(record, "post_id"),
        source=_text(record, "source"),
        community=_text(record, "community"),
        title=_text(record, "title"),
        body=_text(record, "body"),
        score=record.get("score", 0),
        comment_count=record.get("comment_count", 0),
        created=record.get("created_at"),
        tickers=frozenset(ticker_of(str(ticker)) for ticker in tickers),
    )


def _tweet(record: Record, _stem: str) -> ReadPost:
    return _read(
        post_id=f"stocknet:{_text(record, 'id')}",
        source="stocknet",
        community="twitter",
        title="",
        body=_text(record, "text"),
        score=record.get("likes", 0),
        comment_count=0,
        created=record.get("created_at"),
        tickers=frozenset({ticker_of(_text(record, "ticker"))}),
    )


def _submission(record: Record, _stem: str) -> ReadPost:
    return _reddit("t3", record, _text(record, "title"), record.get("selftext") or "", "num_comments")


def _comment(record: Record, _stem: str) -> ReadPost:
    return _reddit("t1", record, "", _text(record, "body"), "")


def _comment_row(record: Record, _stem: str) -> ReadPost:
    return _reddit("t1", record, "", _text(record, "title"), "")


def _reddit(kind: str, record: Record, title: str, body: str, comments: str) -> ReadPost:
    return _read(
        post_id=f"{kind}_{_text(record, 'id').removeprefix(f'{kind}_')}",
        source="reddit",
        community=str(record.get("subreddit") or "unknown"),
        title=title,
        body=body,
        score=record.get("score") or 0,
        comment_count=record.get(comments) or 0,
        created=record["created_utc"],
        tickers=None,
    )


def _subreddit_row(record: Record, stem: str) -> ReadPost:
    """A row without an id: its content makes one. The subreddit is the first word of the file's name."""
    content = f"{record['date']}|{record['title']}|{record['text']}"
    community = FIRST_WORD.match(stem)
    return _read(
        post_id=f"reddit_csv:{hashlib.sha256(content.encode()).hexdigest()[:16]}",
        source="reddit_csv",
        community=community[0].lower() if community else "unknown",
        title=_text(record, "title"),
        body=_text(record, "text"),
        score=0,
        comment_count=record["num_comments"] or 0,
        created=record["date"],
        tickers=None,
    )


def _read(
    *,
    post_id: str,
    source: str,
    community: str,
    title: str,
    body: str,
    score: Any,
    comment_count: Any,
    created: Any,
    tickers: frozenset[str] | None,
) -> ReadPost:
    """Return a post with its text cleaned, or raise PassedOver where the text is gone."""
    title, body = clean(title), clean(body)
    if body in REMOVED or title in REMOVED or not (title or body):
        raise PassedOver
    if not post_id or post_id.endswith((":", "_")):
        raise BadValue("has no id")
    created_at = instant_of(created)
    try:
        counts = int(score), int(comment_count)
    except (TypeError, ValueError):
        raise BadValue(f"score {score!r} or count of comments {comment_count!r} is no number") from None
    return ReadPost(
        Post(post_id, source, community, title, body, *counts, created_at, available_at=created_at), tickers
    )


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    if value is None:
        raise BadValue(f"has no {name}")
    if not isinstance(value, str | int):
        raise BadValue(f"{name} is no text")
    return str(value)


# Text ---------------------------------------------------------------------------------------------


def _bytes_of_cp1252() -> dict[int, int]:
    """Every character that some program showed for one byte; the five bytes cp1252 leaves out as they are."""
    table = {}
    for byte in range(256):
        try:
            table[ord(bytes([byte]).decode("cp1252"))] = byte
        except UnicodeDecodeError:
            table[byte] = byte
    return table


CP1252 = _bytes_of_cp1252()


def clean(text: str) -> str:
    """Return a text without surrounding space, HTML entities and doubly encoded characters."""
    text = text.strip()
    if not text.isascii():
        text = _undo_double_encoding(text)
    return html.unescape(text) if "&" in text else text


def _undo_double_encoding(text: str) -> str:
    """Return what UTF-8 was before it was read as cp1252 (``donâ€™t``), or the text itself."""
    try:
        return bytes(CP1252[ord(character)] for character in text).decode()
    except (KeyError, UnicodeDecodeError):
        return text
