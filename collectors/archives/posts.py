"""Post files into posts and mentions: tweets, Reddit dumps, subreddit CSVs; removed texts are passed over."""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from itertools import chain
from pathlib import Path

from collectors import store
from collectors.archives.files import (
    ArchiveFile,
    Bad,
    UnreadableFile,
    batches,
    csv_records,
    json_records,
    open_text,
    read_first_line,
    split_line,
)
from collectors.archives.post_layouts import (
    RECOGNISED,
    Layout,
    PassedOver,
    ReadPost,
    Record,
    layout_of_header,
    layout_of_record,
)
from collectors.archives.report import ImportReport, Tally, import_files
from collectors.archives.values import BadValue
from collectors.progress import Progress, silent
from collectors.records import Post, PostMention
from collectors.universe import Company

POSTS_AT_ONCE = 5_000  # a batch, saved whole or not at all
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
CASHTAG = re.compile(r"\$[A-Za-z][A-Za-z.\-]{0,6}")

Find = Callable[[str], frozenset[str]]


def import_posts(
    db: sqlite3.Connection,
    paths: Sequence[Path],
    *,
    universe: Mapping[str, Company],
    now: str,
    progress: Progress = silent,
) -> ImportReport:
    """Import post files, streamed, in batches of 5,000 that are saved whole or not at all.

    A post counts as known since it was written. Authors are not read. Texts that were removed or deleted
    and repeated records are passed over. Posts later than ``now`` and records without id, time or text
    are bad lines. Where a file names tickers, these and the text's cashtags are the mentions; elsewhere
    cashtags, names and tickers of ``universe``.

    Raises
    ------
    BadInput
        A path does not exist, or nothing at all was usable.
    """
    from collectors.mentions import find_mentions

    return import_posts_finding(db, paths, lambda text: find_mentions(text, universe), now, progress)


def import_posts_finding(
    db: sqlite3.Connection, paths: Sequence[Path], find: Find, now: str, progress: Progress = silent
) -> ImportReport:
    """Import post files; ``find`` returns the tickers that a text speaks of."""

    def import_one(file: ArchiveFile, tally: Tally, step: Callable[[int], None]) -> None:
        with open_text(file) as opened:
            posts = _posts_of(_records(file, opened.text, tally.bad_of(file)), file, now, tally)
            for batch in batches(posts, POSTS_AT_ONCE):
                _save(db, batch, find, tally)
                step(opened.position())

    return import_files(paths, "import posts", import_one, progress)


def _save(db: sqlite3.Connection, batch: list[ReadPost], find: Find, tally: Tally) -> None:
    """Save a batch: a post that stands there once per ticker becomes one post and several mentions."""
    posts: dict[str, Post] = {}
    mentions: dict[PostMention, None] = {}
    records: set[tuple[str, frozenset[str] | None]] = set()
    for read in batch:
        post, named = read.post, read.tickers
        if (post.post_id, named) in records:
            tally.passed_over += 1
            continue
        records.add((post.post_id, named))
        repeated = post.post_id in posts
        text = f"{post.title}\n{post.body}"
        if named is None:
            tickers = frozenset() if repeated else find(text)
        elif "$" in text and not repeated:
            tickers = named | find(" ".join(CASHTAG.findall(text)))
        else:
            tickers = named
        posts.setdefault(post.post_id, post)
        mentions.update((PostMention(post.post_id, ticker), None) for ticker in sorted(tickers))
        tally.used += 1
    tally.rows_saved += store.save_posts(db, posts.values(), mentions)


def _posts_of(
    records: Iterable[tuple[int, Record, Layout | None]], file: ArchiveFile, now: str, tally: Tally
) -> Iterator[ReadPost]:
    for line, record, layout in records:
        try:
            if layout is None:
                raise BadValue(f"has none of the known layouts, but {', '.join(list(record)[:8])}")
            read = layout(record, file.stem)
            if read.post.created_at > now:
                raise BadValue(f"was written at {read.post.created_at}, after {now}")
        except PassedOver:
            tally.passed_over += 1
        except BadValue as error:
            tally.bad(file.name, line, str(error))
        else:
            yield read


def _records(file: ArchiveFile, text: TextIOWrapper, bad: Bad) -> Iterator[tuple[int, Record, Layout | None]]:
    """Yield (line, record, layout), the layout of JSON objects one by one, that of a CSV by its header."""
    number, first = read_first_line(text)
    if first.lstrip().startswith("{") or file.name.lower().removesuffix(".gz").endswith(JSON_SUFFIXES):
        for line, record in json_records(chain([first], text), number, bad):
            yield line, record, layout_of_record(record)
        return
    try:
        header = [name.strip().lower() for name in split_line(first)]
    except csv.Error as error:
        raise UnreadableFile(f"has a broken header: {error}; {RECOGNISED}") from error
    layout = layout_of_header(header)
    if layout is None:
        raise UnreadableFile(f"has an unknown layout, {first.strip()[:120]!r}; {RECOGNISED}")
    for line, fields in csv_records(text, number, len(header), bad):
        yield line, dict(zip(header, fields, strict=True)), layout
