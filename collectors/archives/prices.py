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
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from collectors import store
from collectors.archives.files import (
    ArchiveFile,
    Bad,
    UnreadableFile,
    batches,
    open_text,
    read_first_line,
    split_line,
    table_rows,
)
from collectors.archives.price_layouts import RECOGNISED, PriceLayout, recognise
from collectors.archives.report import ImportReport, Tally, import_files
from collectors.archives.values import BadValue, number_of, ticker_of, ticker_of_file
from collectors.market_calendar import closes_by_session
from collectors.progress import Progress, silent
from collectors.quarantine import review
from collectors.records import CorporateAction, PriceBar

ROUNDING = 1e-4  # relative; high and low of one bar may be rounded apart this much
GROSS = 0.005  # relative; an open or close this far outside [low, high] is an error, less is kept as given
RATIO_NOISE = 1e-5  # relative; AlphaVantage's 7-for-1 split of AAPL reads 7.00000700001
LARGEST_RATIO_TERM = 20
ROWS_AT_ONCE = 100_000  # a batch, saved whole or not at all: every file of one ticker is smaller


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A line of a price file; dividend 0 and split 1 mean that there was none."""

    line: int
    bar: PriceBar
    dividend: float
    split: float


def import_prices(
    db: sqlite3.Connection, paths: Sequence[Path], *, now: str, progress: Progress = silent
) -> ImportReport:
    """Import price files; each is saved whole or not at all (beyond 100,000 rows: in such batches).

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

    def import_one(file: ArchiveFile, tally: Tally, step: Callable[[int], None]) -> None:
        spans: dict[tuple[str, str], tuple[str, str]] = {}
        with open_text(file) as opened:
            rows = _rows_of(file, opened.text, now, tally)
            for batch in batches(rows, ROWS_AT_ONCE):
                batch = _without_given(db, batch, given, tally, tally.bad_of(file))
                with store.writing(db):
                    tally.rows_saved += store.save_price_bars(db, (row.bar for row in batch), now)
                    tally.actions_saved += store.save_corporate_actions(db, _actions(batch), now)
                    _review(db, batch, now)
                tally.used += len(batch)
                _widen(spans, batch)
                step(opened.position())
        for key, span in spans.items():
            given[key].append(span)

    return import_files(paths, "import prices", import_one, progress)


def _rows_of(file: ArchiveFile, text: Iterator[str], now: str, tally: Tally) -> Iterable[PriceRow]:
    """Return the good rows of a file, as traded."""
    header, line = read_first_line(text)  # type: ignore[arg-type]
    try:
        layout = recognise(split_line(line))
        ticker = ticker_of_file(file.stem) if layout.ticker is None else ""
    except (BadValue, csv.Error) as error:
        raise UnreadableFile(f"{error}; {RECOGNISED}") from error
    rows = _parsed(
        table_rows(text, header, layout.width, tally.bad_of(file)), layout, ticker, now, tally, file
    )
    return _undo_splits(list(rows)) if layout.split_adjusted else rows


def _parsed(
    table: Iterable[tuple[int, list[str]]],
    layout: PriceLayout,
    ticker: str,
    now: str,
    tally: Tally,
    file: ArchiveFile,
) -> Iterator[PriceRow]:
    """Yield the good rows, without those whose session the file gave before."""
    closes = closes_by_session()
    seen: dict[tuple[str, str], int] = {}
    any_row, bad_before = False, tally.bad_rows
    for line, fields in table:
        any_row = True
        try:
            row = _row(line, fields, layout, ticker, closes, now)
        except BadValue as error:
            tally.bad(file.name, line, str(error))
            continue
        content = hash((row.bar, row.dividend, row.split))
        key = (row.bar.ticker, row.bar.session)
        if key not in seen:
            seen[key] = content
            yield row
        elif seen[key] == content:
            tally.passed_over += 1
        else:
            tally.bad(
                file.name, line, f"{row.bar.session} was given before with other values; the first stays"
            )
    if not any_row and tally.bad_rows == bad_before:
        raise UnreadableFile("has a header and no rows")


def _row(
    line: int, fields: list[str], layout: PriceLayout, ticker: str, closes: Mapping[str, str], now: str
) -> PriceRow:
    if layout.ticker is not None:
        ticker = ticker_of(fields[layout.ticker])
    if layout.period is not None and fields[layout.period] != "D":
        raise BadValue(f"is a bar of period {fields[layout.period]!r}; only daily bars (D) are read")
    session = _session(fields[layout.date], closes)
    available_at = closes[session]
    if available_at > now:
        raise BadValue(f"{session} had not closed at {now}")
    at_open, at_high, at_low, at_close = layout.prices
    try:
        open_, high, low, close, volume = (
            float(fields[at_open]),
            float(fields[at_high]),
            float(fields[at_low]),
            float(fields[at_close]),
            float(fields[layout.volume]),
        )
    except ValueError:
        for name, at in zip(
            ("open", "high", "low", "close", "volume"), (*layout.prices, layout.volume), strict=True
        ):
            number_of(fields[at], name)
        raise
    if not (0 < low <= open_ <= high < 1e9 and low <= close <= high and 0 <= volume < 1e15):
        _check(open_, high, low, close, volume)
    return PriceRow(
        line=line,
        bar=PriceBar(ticker, session, open_, high, low, close, volume, layout.source, available_at),
        dividend=_dividend(fields[layout.dividend]) if layout.dividend is not None else 0.0,
        split=_split(fields[layout.split]) if layout.split is not None else 1.0,
    )


def _session(text: str, closes: Mapping[str, str]) -> str:
    """Return a session from YYYY-MM-DD, YYYYMMDD or a midnight with a zone (yfinance's Datetime)."""
    if text in closes:
        return text
    text = text.strip()
    day, time = text[:10], text[10:]
    if len(text) == 8 and text.isdigit():
        day, time = f"{text[:4]}-{text[4:6]}-{text[6:]}", ""
    if time and time[1:9] != "00:00:00":
        raise BadValue(f"{text[:40]!r} is a time within the day; only daily bars are read")
    if day not in closes:
        raise BadValue(f"{text[:40]!r} is no trading session; expected YYYY-MM-DD")
    return day


def _check(open_: float, high: float, low: float, close: float, volume: float) -> None:
    """Raise the reason why a bar cannot be used, if there is one: rounding is let through."""
    for name, value in (("open", open_), ("high", high), ("low", low), ("close", close)):
        if not 0 < value < 1e9:  # NaN too
            raise BadValue(f"{name} is {value:g}; a price is a positive number")
    if not 0 <= volume < 1e15:
        raise BadValue(f"volume is {volume:g}; expected a number of shares")
    if high < low * (1 - ROUNDING):
        raise BadValue(f"high {high:g} is below low {low:g}")
    for name, value in (("open", open_), ("close", close)):
        if value > high * (1 + GROSS) or value < low * (1 - GROSS):
            raise BadValue(f"{name} {value:g} lies outside low {low:g} .. high {high:g}")


def _dividend(text: str) -> float:
    amount = number_of(text, "dividend") if text.strip() else 0.0
    if amount < 0:
        raise BadValue(f"dividend is {amount:g}, which is negative")
    return amount


def _split(text: str) -> float:
    """Return new shares per old share; Yahoo writes 0 for none."""
    ratio = number_of(text, "split") if text.strip() else 1.0
    if ratio < 0:
        raise BadValue(f"split is {ratio:g}, which is negative")
    if ratio in (0.0, 1.0):
        return 1.0
    simple = float(Fraction(ratio).limit_denominator(LARGEST_RATIO_TERM))
    return simple if simple > 0 and abs(simple / ratio - 1) < RATIO_NOISE else ratio


def _undo_splits(rows: list[PriceRow]) -> list[PriceRow]:
    """Return rows as traded, newest first: what came before a split is in the shares of that time."""
    factor = 1.0  # product of the ratios of later splits
    as_traded = []
    for row in sorted(rows, key=lambda row: row.bar.session, reverse=True):
        bar = row.bar
        restored = replace(
            bar,
            open=bar.open * factor,
            high=bar.high * factor,
            low=bar.low * factor,
            close=bar.close * factor,
            volume=bar.volume / factor,
        )
        as_traded.append(replace(row, bar=restored, dividend=row.dividend * factor))
        factor *= row.split
    return as_traded


def _actions(rows: Iterable[PriceRow]) -> Iterator[CorporateAction]:
    for row in rows:
        bar = row.bar
        if row.split != 1.0:
            yield CorporateAction(bar.ticker, bar.session, "split", row.split, bar.source, bar.available_at)
        if row.dividend:
            yield CorporateAction(
                bar.ticker, bar.session, "dividend", row.dividend, bar.source, bar.available_at
            )


# Two files of one import that speak of the same sessions --------------------------------------------


def _without_given(
    db: sqlite3.Connection,
    rows: list[PriceRow],
    given: Mapping[tuple[str, str], list[tuple[str, str]]],
    tally: Tally,
    bad: Bad,
) -> list[PriceRow]:
    """Leave out sessions that an earlier file of this import gave: two copies that differ would
    otherwise overwrite each other at every import."""
    stored = {
        key: store.load_source_bars(db, *key)
        for key in {(row.bar.ticker, row.bar.source) for row in rows}
        if key in given
    }
    if not stored:
        return rows
    kept = []
    for row in rows:
        bar = row.bar
        key = (bar.ticker, bar.source)
        before = stored.get(key, {}).get(bar.session)
        if before is None or not any(first <= bar.session <= last for first, last in given[key]):
            kept.append(row)
        elif before == (bar.open, bar.high, bar.low, bar.close, bar.volume):
            tally.passed_over += 1
        else:
            bad(row.line, f"another file of this import gave {bar.ticker} {bar.session} with other values")
    return kept


def _review(db: sqlite3.Connection, rows: Iterable[PriceRow], now: str) -> None:
    """Flag what is doubted of a batch."""
    spans: dict[tuple[str, str], tuple[str, str]] = {}
    _widen(spans, rows)
    for (ticker, source), (first, _) in spans.items():
        review(db, ticker, source, since=first, now=now, is_live=False)


def _widen(spans: dict[tuple[str, str], tuple[str, str]], rows: Iterable[PriceRow]) -> None:
    for row in rows:
        key, session = (row.bar.ticker, row.bar.source), row.bar.session
        first, last = spans.get(key, (session, session))
        spans[key] = (min(first, session), max(last, session))
