"""Blocks of a price table, read column by column where lines are plain, else line by line to say why not."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from collectors.archives.files import Bad, table_rows
from collectors.archives.price_layouts import PriceLayout
from collectors.archives.values import BadValue, number_of, ticker_of

ROUNDING = 1e-4  # relative; high and low of one bar may be rounded apart this much
GROSS = 0.005  # relative; an open or close this far outside [low, high] is an error, less is kept as given
RATIO_NOISE = 1e-5  # relative; AlphaVantage's 7-for-1 split of AAPL reads 7.00000700001
LARGEST_RATIO_TERM = 20
FIELDS = ("open", "high", "low", "close", "volume")

# line, ticker, session, open, high, low, close, volume, dividend, split
Row = tuple[int, str, str, float, float, float, float, float, float, float]
Column = Any  # a sequence or an array
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of one ticker in one file as columns of equal length, oldest first.

    ``prices`` (5, T) are open, high, low, close, volume; dividend 0 and split 1 mean that there was none.
    """

    ticker: str
    lines: Sequence[int]
    sessions: Sequence[str]
    prices: FloatArray
    dividends: FloatArray
    splits: FloatArray

    def __len__(self) -> int:
        return len(self.sessions)

    def numbers(self, at: int) -> tuple[float, ...]:
        """Return all that a row says of its session."""
        return *self.prices[:, at].tolist(), float(self.dividends[at]), float(self.splits[at])

    def pick(self, places: Sequence[int]) -> Series:
        """Return the rows at some places, in that order."""
        at = np.array(places, dtype=int)
        return Series(
            self.ticker,
            [self.lines[place] for place in places],
            [self.sessions[place] for place in places],
            self.prices[:, at],
            self.dividends[at],
            self.splits[at],
        )


@dataclass(frozen=True, slots=True)
class TableReader:
    """What reading one file takes; ``ticker`` counts where the layout has no column of tickers."""

    layout: PriceLayout
    ticker: str
    closes: Mapping[str, str]
    now: str

    def read(self, block: str, first_line: int, bad: Bad) -> list[Series]:
        """Return the good rows of some whole lines by ticker; ``bad`` is told of the others.

        Whatever way it is read, a line has the same fate.
        """
        columns = self._read_columns(block, first_line, bad)
        if columns is None:
            lines = io.StringIO(block, newline="")
            columns = _turned(
                self._read_lines(table_rows(lines, first_line - 1, self.layout.width, bad), bad)
            )
        return [_sorted(series) for series in _by_ticker(columns)]

    def _read_columns(self, block: str, first_line: int, bad: Bad) -> list[Column] | None:
        """Return the columns of a Row, or None where lines are not all plain."""
        layout = self.layout
        lines = block.replace("\r\n", "\n").rstrip("\n")
        table = _table(lines, layout)
        if table is None:
            return None
        count = len(table)

        def texts(at: int | None, read: Callable[[str], object], otherwise: object) -> Column:
            return [otherwise] * count if at is None else _translated(table[at].tolist(), read)

        columns: list[Column] = [
            range(first_line, first_line + count),
            texts(layout.ticker, ticker_of, self.ticker),
            self._sessions(table[layout.date].tolist()),
            *(table[at].to_numpy() for at in (*layout.prices, layout.volume)),
            texts(layout.dividend, _dividend, 0.0),
            texts(layout.split, _split, 1.0),
        ]
        good = _is_plain(*columns[3:8])
        if layout.period is not None:
            good &= (table[layout.period] == "D").to_numpy()
        for column in columns[1], columns[2], columns[8], columns[9]:
            if None in column:
                good &= np.array([value is not None for value in column])
        if good.all():
            return columns
        rows = zip(good.tolist(), lines.split("\n"), zip(*columns, strict=True), strict=True)
        judged = (
            row if is_good else self._row_or_none(row[0], line.split(","), bad) for is_good, line, row in rows
        )
        return _turned(row for row in judged if row)

    def _sessions(self, days: list[str]) -> Column:
        if all(map(self.closes.__contains__, days)) and self.closes[max(days)] <= self.now:
            return days
        return _translated(days, self._session)

    def _read_lines(self, table: Iterable[tuple[int, list[str]]], bad: Bad) -> Iterator[Row]:
        for line, fields in table:
            if row := self._row_or_none(line, fields, bad):
                yield row

    def _row_or_none(self, line: int, fields: list[str], bad: Bad) -> Row | None:
        try:
            return self._row(line, fields)
        except BadValue as error:
            bad(line, str(error))
            return None

    def _row(self, line: int, fields: list[str]) -> Row:
        layout = self.layout
        ticker = self.ticker if layout.ticker is None else ticker_of(fields[layout.ticker])
        if layout.period is not None and fields[layout.period] != "D":
            raise BadValue(f"is a bar of period {fields[layout.period]!r}; only daily bars (D) are read")
        session = self._session(fields[layout.date])
        named = zip(FIELDS, (*layout.prices, layout.volume), strict=True)
        opened, high, low, close, volume = (_number(fields[at], name) for name, at in named)
        _check(opened, high, low, close, volume)
        dividend = _dividend(fields[layout.dividend]) if layout.dividend is not None else 0.0
        split = _split(fields[layout.split]) if layout.split is not None else 1.0
        return line, ticker, session, opened, high, low, close, volume, dividend, split

    def _session(self, text: str) -> str:
        """Return a session from YYYY-MM-DD, YYYYMMDD or a midnight with a zone (yfinance's Datetime)."""
        day = text.strip()
        day, time = day[:10], day[10:]
        if len(text.strip()) == 8 and text.strip().isdigit():
            day, time = f"{day[:4]}-{day[4:6]}-{day[6:]}", ""
        if time and time[1:9] != "00:00:00":
            raise BadValue(f"{text[:40]!r} is a time within the day; only daily bars are read")
        if day not in self.closes:
            raise BadValue(f"{text[:40]!r} is no trading session; expected YYYY-MM-DD")
        if self.closes[day] > self.now:
            raise BadValue(f"{day} had not closed at {self.now}")
        return day


# Columns ------------------------------------------------------------------------------------------


def _table(lines: str, layout: PriceLayout) -> pd.DataFrame | None:
    """Return the fields of plain lines: numbers of the bar, texts of the rest; None where one is not plain.

    Numbers are those that Python reads, to the last bit: see ``_is_plain``.
    """
    width, count = layout.width, lines.count("\n") + 1
    if not lines.isascii() or '"' in lines or "\r" in lines:
        return None
    if lines.count(",") != (width - 1) * count or lines.partition("\n")[0].count(",") != width - 1:
        return None
    numbers = (*layout.prices, layout.volume)
    texts = [
        at
        for at in (layout.ticker, layout.date, layout.period, layout.dividend, layout.split)
        if at is not None
    ]
    try:
        table = pd.read_csv(
            io.StringIO(lines),
            header=None,
            usecols=[*texts, *numbers],
            dtype={**dict.fromkeys(texts, object), **dict.fromkeys(numbers, np.float64)},
            keep_default_na=False,
            low_memory=False,
        )
    except ValueError:  # no number, or a line that is longer than others (and then one is shorter)
        return None
    are_words = any(table[at].isin((0.0, 1.0)).all() for at in numbers)  # True, to pandas
    return None if are_words or len(table) != count else table


def _is_plain(
    opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> NDArray[np.bool_]:
    """Tell which bars are beyond doubt, without the allowance for rounding.

    pandas reads up to 15 digits exactly, more of them perhaps not: what is no millionth is read again.
    """
    good = (low > 0) & (low <= opened) & (opened <= high) & (high < 1e9)
    good &= (low <= close) & (close <= high) & (volume >= 0) & (volume < 1e15) & (volume == np.rint(volume))
    for column in (opened, high, low, close):
        good &= np.rint(column * 1e6) / 1e6 == column
    return good


def _translated(column: list[str], read: Callable[[str], object]) -> Column:
    """Return the values of a column, each distinct text read once; None where it cannot be read."""
    values: dict[str, object] = {}
    for text in set(column):
        try:
            values[text] = read(text)
        except BadValue:
            values[text] = None
    return list(map(values.__getitem__, column))


def _turned(rows: Iterable[Row]) -> list[Column]:
    return list(zip(*rows, strict=True)) or [()] * 10


def _by_ticker(columns: list[Column]) -> Iterator[Series]:
    lines, tickers, sessions, *numbers = columns
    prices, dividends, splits = np.array(numbers[:5]), np.array(numbers[5]), np.array(numbers[6])
    places: dict[str, list[int]] = defaultdict(list)
    if len(set(tickers)) > 1:
        for at, ticker in enumerate(tickers):
            places[ticker].append(at)
    for ticker in sorted(set(tickers)):
        series = Series(ticker, lines, sessions, prices, dividends, splits)
        yield series.pick(places[ticker]) if places else series


def _sorted(series: Series) -> Series:
    """Return rows oldest first, repeated sessions in the order of their lines."""
    sessions = list(series.sessions)
    if sessions == sorted(sessions):
        return series
    return series.pick(sorted(range(len(sessions)), key=lambda at: (sessions[at], series.lines[at])))


# Cells --------------------------------------------------------------------------------------------


def _number(text: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        return number_of(text, column)


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
