"""Price files into bars, splits and dividends: Yahoo, AlphaVantage, Stooq, and any table with a ticker.

The record keeps bars as traded. AlphaVantage's are, and a generic table is taken to be. Yahoo's downloads
restate everything before a split in today's shares. Where the file has a column of splits (yfinance with
``auto_adjust=False``) this is undone: price x the product of the later ratios, volume divided by it; a split
between the file's last row and the download is not in the file and stays in the prices. Without that column
(Yahoo's own CSV), and for Stooq, whose history is adjusted too, rows are stored as given: returns are right,
past levels are not, and a download after the next split differs, so it is recorded as a correction.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import numpy as np

from collectors import store
from collectors.archives.files import ArchiveFile, Bad, UnreadableFile, open_text, read_first_line, split_line
from collectors.archives.price_columns import Series, TableReader
from collectors.archives.price_layouts import RECOGNISED, recognise
from collectors.archives.report import ImportReport, Tally, import_files
from collectors.archives.values import BadValue, ticker_of_file
from collectors.market_calendar import closes_by_session
from collectors.progress import Progress, silent
from collectors.quarantine import SourceWord, review
from collectors.records import CorporateAction

BLOCK = 8_000_000  # characters, some 100,000 rows, saved whole or not at all: a file of one ticker is smaller

Seen = dict[str, dict[str, int]]  # by ticker and session: what a file said, hashed


def import_prices(
    db: sqlite3.Connection, paths: Sequence[Path], *, now: str, progress: Progress = silent
) -> ImportReport:
    """Import price files; each is saved whole or not at all (beyond some 100,000 rows: in such batches).

    A bar counts as known since the close of its session. Not imported, with file, line and reason:
    what is no number or no session, prices that are not positive, high below low, an open or close more
    than 0.5 % outside [low, high] (less is kept as given: the official opening and closing prints of an
    exchange can lie outside a vendor's range), a session that has not closed at ``now``, and a second,
    different bar of a session. A volume of 0 is kept: some stocks did not trade every day.

    Raises
    ------
    BadInput
        A path does not exist, or nothing at all was usable.
    """
    given: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    closes = closes_by_session()

    def import_one(file: ArchiveFile, tally: Tally, step: Callable[[int], None]) -> None:
        spans: dict[tuple[str, str], tuple[str, str]] = {}
        bad = tally.bad_of(file)
        with open_text(file) as opened:
            header, reader = _reader(file, opened.text, closes, now)
            source = reader.layout.source
            for batch in _batches(opened.text, header, reader, tally, bad):
                batch = [_without_given(db, series, source, given, tally, bad) for series in batch]
                with store.writing(db):
                    for series in filter(len, batch):
                        _save(db, series, source, closes, now, tally)
                        _widen(spans, (series.ticker, source), series)
                tally.used += sum(map(len, batch))
                step(opened.position())
        for key, span in spans.items():
            given[key].append(span)

    return import_files(paths, "import prices", import_one, progress)


def _reader(file: ArchiveFile, text: TextIO, closes: Mapping[str, str], now: str) -> tuple[int, TableReader]:
    """Return the header's line and what reads the others."""
    header, line = read_first_line(text)  # type: ignore[arg-type]
    try:
        layout = recognise(split_line(line))
        ticker = ticker_of_file(file.stem) if layout.ticker is None else ""
    except (BadValue, csv.Error) as error:
        raise UnreadableFile(f"{error}; {RECOGNISED}") from error
    return header, TableReader(layout, ticker, closes, now)


def _batches(
    text: TextIO, header: int, reader: TableReader, tally: Tally, bad: Bad
) -> Iterator[list[Series]]:
    """Yield the good rows of a file as traded, without those whose session the file gave before."""
    size = -1 if reader.layout.split_adjusted else BLOCK  # what came before a split needs all that came after
    seen: Seen = {}
    line, any_row, bad_before = header + 1, False, tally.bad_rows
    while block := text.read(size) + text.readline():
        batch = reader.read(block, line, bad)
        any_row |= bool(batch)
        is_last = size < 0 or len(block) < size
        batch = [_without_repeats(series, seen, tally, bad, is_last) for series in batch]
        yield [_undo_splits(series) for series in batch] if reader.layout.split_adjusted else batch
        line += 0 if is_last else sum(1 for _ in io.StringIO(block, newline=""))
    if not any_row and tally.bad_rows == bad_before:
        raise UnreadableFile("has a header and no rows")


def _without_repeats(series: Series, seen: Seen, tally: Tally, bad: Bad, is_last: bool) -> Series:
    """Leave out sessions given before in a file; remember the others, unless nothing comes after."""
    said = seen.setdefault(series.ticker, {})
    is_new = len(set(series.sessions)) == len(series) and said.keys().isdisjoint(series.sessions)
    if is_new and is_last:
        return series
    kept = []
    for at, session in enumerate(series.sessions):
        content = hash(series.numbers(at))
        if session not in said:
            said[session] = content
            kept.append(at)
        elif said[session] == content:
            tally.passed_over += 1
        else:
            bad(series.lines[at], f"{session} was given before with other values; the first stays")
    return series if is_new else series.pick(kept)


def _undo_splits(series: Series) -> Series:
    """Return rows as traded: what came before a split is in the shares of that time."""
    after = np.cumprod(series.splits[:0:-1])[::-1]  # product of the ratios of later splits
    factor = np.append(after, 1.0)
    prices = np.vstack([series.prices[:4] * factor, series.prices[4:] / factor])
    return replace(series, prices=prices, dividends=series.dividends * factor)


def _save(
    db: sqlite3.Connection, series: Series, source: str, closes: Mapping[str, str], now: str, tally: Tally
) -> None:
    """Save one ticker's rows and flag what is doubted of them."""
    sessions, prices = series.sessions, series.prices
    known_at = list(map(closes.__getitem__, sessions))
    said = None  # nobody else has spoken of the ticker: the review need not read back what is saved here
    if not store.has_bars(db, series.ticker):
        said = SourceWord(sessions, prices, known_at, {})
    tally.rows_saved += store.save_bars_of(
        db, series.ticker, source, sessions, prices.tolist(), known_at, now
    )
    tally.actions_saved += store.save_corporate_actions(db, _actions(series, source, known_at), now)
    review(db, series.ticker, source, since=sessions[0], now=now, is_live=False, said=said)


def _actions(series: Series, source: str, known_at: Sequence[str]) -> Iterator[CorporateAction]:
    for at in np.flatnonzero((series.splits != 1.0) | (series.dividends != 0.0)).tolist():
        named = series.ticker, series.sessions[at]
        if series.splits[at] != 1.0:
            yield CorporateAction(*named, "split", float(series.splits[at]), source, known_at[at])
        if series.dividends[at]:
            yield CorporateAction(*named, "dividend", float(series.dividends[at]), source, known_at[at])


# Two files of one import that speak of the same sessions --------------------------------------------


def _without_given(
    db: sqlite3.Connection,
    series: Series,
    source: str,
    given: Mapping[tuple[str, str], list[tuple[str, str]]],
    tally: Tally,
    bad: Bad,
) -> Series:
    """Leave out sessions that an earlier file of this import gave: two copies that differ would
    otherwise overwrite each other at every import."""
    spans = given.get((series.ticker, source))
    if not spans:
        return series
    stored = store.load_source_bars(db, series.ticker, source)
    kept = []
    for at, (session, bar) in enumerate(
        zip(series.sessions, zip(*series.prices.tolist(), strict=True), strict=True)
    ):
        before = stored.get(session)
        if before is None or not any(first <= session <= last for first, last in spans):
            kept.append(at)
        elif before == bar:
            tally.passed_over += 1
        else:
            bad(
                series.lines[at],
                f"another file of this import gave {series.ticker} {session} with other values",
            )
    return series.pick(kept)


def _widen(spans: dict[tuple[str, str], tuple[str, str]], key: tuple[str, str], series: Series) -> None:
    first, last = spans.get(key, (series.sessions[0], series.sessions[-1]))
    spans[key] = (min(first, series.sessions[0]), max(last, series.sessions[-1]))
