"""FRED's CSV download and ALFRED's vintages into macro observations with the day they were released.

A vintage is known since the end (23:59:59 UTC) of its ``realtime_start``: FRED stamps days, publication is at
8:30 New York time or later, and the end of the day in UTC is after that day's close, so the figure first
counts on the next session. A file without vintages holds the latest revision of every figure, which nobody
knew at the time; its rows get an assumed release day (``release_lags``) and stay revised values. Do not mix
both kinds for one series.
"""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from collectors.archives.release_lags import release_lag
from collectors.archives.report import ImportReport, Tally, import_files
from collectors.archives.values import BadValue, date_of, number_of
from collectors.progress import Progress, silent
from collectors.records import MacroObservation

RECOGNISED = """recognised macro layouts:
  FRED    date,value (the file is named after the series), or observation_date,SERIES[,SERIES...]
  ALFRED  observation_date,SERIES_YYYYMMDD[,SERIES_YYYYMMDD...]
  ALFRED  realtime_start,date,value, and optionally realtime_end, series_id"""

DATE_NAMES = ("observation_date", "date")
MISSING = ("", ".")
VINTAGE = re.compile(r"([A-Z0-9_.\-]+)_(\d{8})", re.IGNORECASE)
SERIES = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
FIRST_VINTAGE = "1900-01-01"  # FRED writes 1776-07-04 for "since ever": no release day


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as read; ``released_on`` is empty where the file gives no vintage."""

    line: int
    series_id: str
    observed_on: str
    value: float
    released_on: str


def import_macro(
    db: sqlite3.Connection, paths: Sequence[Path], *, now: str, progress: Progress = silent
) -> ImportReport:
    """Import macro files, each saved whole or not at all; missing values ('' or '.') are passed over.

    Raises
    ------
    BadInput
        A path does not exist, or nothing at all was usable.
    """

    def import_one(file: ArchiveFile, tally: Tally, _step: Callable[[int], None]) -> None:
        with open_text(file) as opened:
            cells = list(_without_repeats(_cells(file, opened.text, now, tally), file, tally))
        tally.rows_saved += store.save_macro(db, _observations(cells), now)
        tally.used += len(cells)

    return import_files(paths, "import macro", import_one, progress)


def _cells(file: ArchiveFile, text: TextIOWrapper, now: str, tally: Tally) -> Iterator[Cell]:
    number, line = read_first_line(text)
    try:
        header = [name.strip() for name in split_line(line)]
    except csv.Error:
        header = []
    parse = _parser_of(header, file.stem)
    if parse is None:
        raise UnreadableFile(f"has an unknown layout, {line.strip()[:120]!r}; {RECOGNISED}")
    any_row, bad_before = False, tally.bad_rows
    for row, fields in table_rows(text, number, len(header), tally.bad_of(file)):
        any_row = True
        try:
            cells = list(parse(row, fields))
            for cell in cells:
                if max(cell.observed_on, cell.released_on) > now[:10]:
                    raise BadValue(f"speaks of {max(cell.observed_on, cell.released_on)}, after {now}")
        except BadValue as error:
            tally.bad(file.name, row, str(error))
            continue
        if not cells:
            tally.passed_over += 1
        yield from cells
    if not any_row and tally.bad_rows == bad_before:
        raise UnreadableFile("has a header and no rows")


PRICE_NAMES = {"open", "high", "low", "close"}  # a table of these would pass for one of series
Parser = Callable[[int, list[str]], Iterable[Cell]]


def _parser_of(header: list[str], stem: str) -> Parser | None:
    """Return how a row becomes cells, or None for an unknown layout."""
    names = [name.lower() for name in header]
    date_at = next((names.index(name) for name in DATE_NAMES if name in names), None)
    if date_at is None:
        return None
    if "value" in names:
        return _long_parser(names, date_at, stem)
    if set(names) >= PRICE_NAMES:
        raise UnreadableFile("holds prices, not macro figures: run `barograph import prices` on it")
    columns = [(at, name) for at, name in enumerate(header) if at != date_at]
    vintages = [VINTAGE.fullmatch(name) for _, name in columns]
    if columns and all(vintages):
        return _vintages_parser(
            date_at,
            [(at, m[1].upper(), date_of(m[2])) for (at, _), m in zip(columns, vintages, strict=True) if m],
        )
    if columns and all(SERIES.fullmatch(name.upper()) for _, name in columns):
        return _wide_parser(date_at, [(at, name.upper()) for at, name in columns])
    return None


def _long_parser(names: list[str], date_at: int, stem: str) -> Parser:
    """One value a row, its vintage in realtime_start where there is one."""
    value_at = names.index("value")
    start_at = names.index("realtime_start") if "realtime_start" in names else None
    series_at = names.index("series_id") if "series_id" in names else None
    if series_at is None and not SERIES.fullmatch(stem.upper()):
        raise UnreadableFile(f"has no series_id, and {stem[:40]!r} is no series: call it SERIES.csv")

    def parse(line: int, fields: list[str]) -> Iterator[Cell]:
        observed_on = date_of(fields[date_at])
        series_id = (fields[series_at] if series_at is not None else stem).strip().upper()
        if not SERIES.fullmatch(series_id):
            raise BadValue(f"{series_id[:40]!r} is no series")
        released_on = date_of(fields[start_at]) if start_at is not None else ""
        if released_on and released_on < FIRST_VINTAGE:
            raise BadValue(f"{released_on} is FRED's mark for an unknown release day")
        if fields[value_at].strip() not in MISSING:
            yield Cell(line, series_id, observed_on, number_of(fields[value_at], "value"), released_on)

    return parse


def _wide_parser(date_at: int, columns: list[tuple[int, str]]) -> Parser:
    """A column per series, latest revision."""

    def parse(line: int, fields: list[str]) -> Iterator[Cell]:
        observed_on = date_of(fields[date_at])
        for at, series_id in columns:
            if fields[at].strip() not in MISSING:
                yield Cell(line, series_id, observed_on, number_of(fields[at], series_id), "")

    return parse


def _vintages_parser(date_at: int, columns: list[tuple[int, str, str]]) -> Parser:
    """A column per vintage: a value that a later vintage repeats was not released again."""
    columns = sorted(columns, key=lambda column: column[1:])

    def parse(line: int, fields: list[str]) -> Iterator[Cell]:
        observed_on = date_of(fields[date_at])
        last: tuple[str, float] | None = None
        for at, series_id, released_on in columns:
            if fields[at].strip() in MISSING:
                continue
            value = number_of(fields[at], f"{series_id} of {released_on}")
            if last != (series_id, value):
                yield Cell(line, series_id, observed_on, value, released_on)
            last = (series_id, value)

    return parse


def _without_repeats(cells: Iterable[Cell], file: ArchiveFile, tally: Tally) -> Iterator[Cell]:
    """Yield each figure once: an equal repeat is passed over, a different one is a bad line."""
    seen: dict[tuple[str, str, str], float] = {}
    for cell in cells:
        key = (cell.series_id, cell.observed_on, cell.released_on)
        if key not in seen:
            seen[key] = cell.value
            yield cell
        elif seen[key] == cell.value:
            tally.passed_over += 1
        else:
            tally.bad(file.name, cell.line, f"{cell.series_id} {cell.observed_on} was given before")


def _observations(cells: list[Cell]) -> Iterator[MacroObservation]:
    observed: dict[str, list[str]] = {}
    for cell in cells:
        observed.setdefault(cell.series_id, []).append(cell.observed_on)
    lags = {series_id: timedelta(release_lag(series_id, days)) for series_id, days in observed.items()}
    for cell in cells:
        released_on = (
            cell.released_on or (date.fromisoformat(cell.observed_on) + lags[cell.series_id]).isoformat()
        )
        yield MacroObservation(
            cell.series_id, cell.observed_on, cell.value, released_on, available_at=f"{released_on}T23:59:59Z"
        )
