"""Holdings out of a CSV, ours or a broker's list of positions, with a reason for each line left out."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collectors.archives.report import BadLine
from collectors.archives.values import BadValue, number_of, ticker_of
from collectors.errors import BadInput

HEADER_LINES = 30  # brokers put the account and the date above the header
LARGEST = 2_000_000  # bytes; a list of holdings has some hundred lines
UNKNOWN = ("", "-", "--", "n/a", "na", "not available", "unknown")

# Names as letters and digits alone. The first that a file has is taken.
TICKER_NAMES = ("ticker", "symbol", "tickersymbol", "stocksymbol", "symbolcusip", "instrument")
SHARES_NAMES = ("shares", "quantity", "qty", "qtyquantity", "quantityheld", "sharesheld", "units", "position")
COST_NAMES = (  # a share
    "cost", "costpershare", "costshare", "costbasispershare", "averagecostbasis", "averagecost", "avgcost",
    "averagecostpershare", "averageprice", "avgprice", "averageopenprice", "unitcost", "pricepaid",
    "purchaseprice", "costprice", "costbasisprice",
)  # fmt: skip
TOTAL_COST_NAMES = ("costbasistotal", "totalcost", "totalcostbasis", "costbasis", "costbasismoney")

AMOUNT = re.compile(r"\(?-?\$?\s?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?( ?USD)?\)?", re.IGNORECASE)
CONTINENTAL = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+),\d+")


@dataclass(frozen=True, slots=True)
class StatedHolding:
    """What a file says of one ticker, its lots added together; cost in USD a share, None: not known."""

    ticker: str
    shares: float
    cost: float | None
    lots: int = 1


@dataclass(frozen=True, slots=True)
class HoldingsFile:
    """What a file says, by ticker, and the lines that could not be used."""

    holdings: tuple[StatedHolding, ...]
    bad_lines: tuple[BadLine, ...]


def read_holdings(path: Path) -> HoldingsFile:
    """Read a list of holdings.

    The header is looked for in the first lines; columns stand between commas, semicolons or tabs. A ticker
    on several lines (lots, accounts) is added up: its cost is their mean by shares, unknown where one is.

    Raises
    ------
    BadInput
        The file cannot be read, has no header with a ticker and a number of shares, or no usable line.
    """
    text = _text_of(path)
    lines = text.splitlines()
    if not any(line.strip() for line in lines):
        raise BadInput(f"{path} is empty; expected columns ticker, shares, cost")
    start, separator, columns = _header_of(path, lines)
    bad: list[BadLine] = []
    lots: dict[str, list[tuple[float, float | None]]] = {}
    rows = csv.reader(lines[start + 1 :], delimiter=separator)
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        try:
            ticker, shares, cost = _lot(row, columns, continental=separator == ";")
        except BadValue as error:
            bad.append(BadLine(str(path), start + 1 + rows.line_num, str(error)))
            continue
        lots.setdefault(ticker, []).append((shares, cost))
    if not lots:
        why = f"; line {bad[0].line}: {bad[0].reason}" if bad else ", only a header"
        raise BadInput(f"{path} has no line that can be used{why}")
    return HoldingsFile(tuple(_added_up(ticker, lots[ticker]) for ticker in sorted(lots)), tuple(bad))


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} is too large for a list of holdings ({path.stat().st_size:,} bytes)")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no UTF-8 text; save it as CSV (UTF-8)") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a row ticker, shares, cost a share and cost in all stand; -1: nowhere."""

    ticker: int
    shares: int
    cost: int
    total: int


def _header_of(path: Path, lines: Sequence[str]) -> tuple[int, str, _Columns]:
    """Return the header's place, the separator and the columns."""
    for place, line in enumerate(lines[:HEADER_LINES]):
        for separator in ",;\t":
            names = [
                re.sub(r"[^a-z0-9]", "", name.lower())
                for name in next(csv.reader([line], delimiter=separator), [])
            ]
            columns = _Columns(
                *(_first(names, of) for of in (TICKER_NAMES, SHARES_NAMES, COST_NAMES, TOTAL_COST_NAMES))
            )
            if columns.ticker >= 0 and columns.shares >= 0:
                return place, separator, columns
    raise BadInput(
        f"{path} has no header with a ticker and a number of shares; expected columns like ticker, "
        "shares, cost, or Symbol and Quantity as brokers write them"
    )


def _first(names: Sequence[str], wanted: Sequence[str]) -> int:
    return next((names.index(name) for name in wanted if name in names), -1)


def _lot(row: Sequence[str], columns: _Columns, *, continental: bool) -> tuple[str, float, float | None]:
    """Return ticker, shares and cost a share of one line."""

    def cell(place: int) -> str:
        return row[place].strip() if 0 <= place < len(row) else ""

    if not cell(columns.ticker):
        raise BadValue("has no ticker")
    ticker = ticker_of(cell(columns.ticker).rstrip("*"))
    shares = _amount(cell(columns.shares), "shares", continental)
    if shares is None:
        raise BadValue(f"{ticker} has no number of shares")
    if shares <= 0:
        raise BadValue(f"{ticker} has {shares:g} shares; what is sold short or empty is not kept")
    cost = _amount(cell(columns.cost), "cost", continental)
    if cost is None:
        total = _amount(cell(columns.total), "cost in all", continental)
        cost = None if total is None else total / shares
    if cost is not None and cost < 0:
        raise BadValue(f"{ticker} has a cost of {cost:g} USD; expected 0 or more")
    return ticker, shares, cost


def _amount(text: str, column: str, continental: bool) -> float | None:
    """Return a number as brokers write it ($1,234.50), None where they write that there is none."""
    if text.lower() in UNKNOWN:
        return None
    if continental and CONTINENTAL.fullmatch(text):
        return number_of(text.replace(".", "").replace(",", "."), column)
    if "," in text and not AMOUNT.fullmatch(text):
        raise BadValue(f"{column} is {text[:40]!r}; expected a number like 1234.5 or 1,234.50")
    plain = re.sub(r"[$,\s]|USD", "", text, flags=re.IGNORECASE)
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1]}"
    return number_of(plain, column)


def _added_up(ticker: str, lots: Sequence[tuple[float, float | None]]) -> StatedHolding:
    shares = sum(of for of, _ in lots)
    known = list(_known_costs(lots))
    cost = sum(known) / shares if len(known) == len(lots) else None
    if len(lots) == 1:
        cost = lots[0][1]
    return StatedHolding(ticker, shares, cost, len(lots))


def _known_costs(lots: Sequence[tuple[float, float | None]]) -> Iterator[float]:
    for shares, cost in lots:
        if cost is not None:
            yield shares * cost
