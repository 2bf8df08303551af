"""Lists of earnings announcements: when companies report, counted as known ten sessions ahead."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from io import TextIOWrapper
from pathlib import Path

from collectors import store
from collectors.archives.files import (
    ArchiveFile,
    UnreadableFile,
    open_text,
    read_first_line,
    split_line,
    table_rows,
)
from collectors.archives.report import ImportReport, Tally, import_files
from collectors.archives.values import BadValue, date_of, ticker_of
from collectors.errors import BadInput
from collectors.market_calendar import last_session_on_or_before, session_after, session_close
from collectors.progress import Progress, silent
from collectors.records import EarningsAnnouncement

RECOGNISED = "recognised: ticker,announced_on[,time_of_day] with time_of_day pre, post or empty"
SESSIONS_AHEAD = 10  # companies confirm a date two to four weeks ahead; the file does not say when
LONGEST_SCHEDULE_DAYS = 366  # nobody names a date further ahead
TIMES = {"pre": "pre", "post": "post", "": "unknown", "unknown": "unknown"}


def import_earnings(
    db: sqlite3.Connection, paths: Sequence[Path], *, now: str, progress: Progress = silent
) -> ImportReport:
    """Import announcements, each file saved whole or not at all.

    Such a list does not say since when a date was known: the close ten sessions before it is assumed, even
    where that is after ``now``. A date more than a year after ``now`` is a bad line.

    Raises
    ------
    BadInput
        A path does not exist, or nothing at all was usable.
    """

    def import_one(file: ArchiveFile, tally: Tally, _step: Callable[[int], None]) -> None:
        with open_text(file) as opened:
            rows = list(_rows(file, opened.text, _days_later(now, LONGEST_SCHEDULE_DAYS), tally))
        tally.rows_saved += store.save_earnings(db, rows)
        tally.used += len(rows)

    return import_files(paths, "import earnings", import_one, progress)


def _rows(file: ArchiveFile, text: TextIOWrapper, last: str, tally: Tally) -> Iterator[EarningsAnnouncement]:
    number, line = read_first_line(text)
    try:
        header = [name.strip().lower() for name in split_line(line)]
    except csv.Error:
        header = []
    if "ticker" not in header or "announced_on" not in header:
        raise UnreadableFile(f"has an unknown layout, {line.strip()[:120]!r}; {RECOGNISED}")
    seen: dict[tuple[str, str], str] = {}
    any_row, bad_before = False, tally.bad_rows
    for at, fields in table_rows(text, number, len(header), tally.bad_of(file)):
        any_row = True
        try:
            row = _announcement(dict(zip(header, fields, strict=True)))
            if row.announced_on > last:
                raise BadValue(f"announced_on {row.announced_on} is more than a year ahead")
        except (BadValue, BadInput) as error:
            tally.bad(file.name, at, str(error))
            continue
        key = (row.ticker, row.announced_on)
        if key not in seen:
            seen[key] = row.time_of_day
            yield row
        elif seen[key] == row.time_of_day:
            tally.passed_over += 1
        else:
            tally.bad(file.name, at, f"{row.ticker} {row.announced_on} was given before as {seen[key]}")
    if not any_row and tally.bad_rows == bad_before:
        raise UnreadableFile("has a header and no rows")


def _announcement(row: dict[str, str]) -> EarningsAnnouncement:
    ticker, announced_on = ticker_of(row["ticker"]), date_of(row["announced_on"])
    time_of_day = TIMES.get(row.get("time_of_day", "").strip().lower())
    if time_of_day is None:
        raise BadValue(f"time_of_day is {row['time_of_day'][:20]!r}; expected pre, post or nothing")
    known_on = session_after(last_session_on_or_before(announced_on), -SESSIONS_AHEAD)
    return EarningsAnnouncement(ticker, announced_on, time_of_day, "earnings_csv", session_close(known_on))


def _days_later(at: str, days: int) -> str:
    return (date.fromisoformat(at[:10]) + timedelta(days)).isoformat()
