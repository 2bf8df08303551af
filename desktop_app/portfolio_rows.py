"""What the person holds and what it is worth, as plain rows for the window, the command line and CSV."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

from collectors.errors import BadInput
from collectors.store import load_actions, load_bars, load_newest_sessions, writing
from collectors.universe import Company, load_universe
from desktop_app.store import (
    Holding,
    load_holdings,
    remove_holding,
    save_holding,
)
from desktop_app.words import money, percent
from resources.language import tr

if TYPE_CHECKING:
    from desktop_app.holdings_file import StatedHolding

LATEST = "9999"
UNKNOWN = "unknown"
HOLDING_HEADER = (
    tr("ticker"),
    tr("shares"),
    tr("cost"),
    tr("close"),
    tr("session"),
    tr("value"),
    tr("weight"),
    tr("gain"),
)
PRICE_DAYS = 20  # how far back the last close of an earlier session is looked for


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """One holding and its worth at the newest close; NaN where no price is stored or no cost is known.

    ``value`` in USD, ``weight`` a fraction of everything that has a price, ``gain`` a fraction of the cost.
    ``session`` is empty without a price.
    """

    ticker: str
    name: str
    sector: str
    shares: float
    cost: float
    added_at: str
    session: str
    last_close: float
    value: float
    weight: float
    gain: float


def load_holding_rows(db: sqlite3.Connection, as_of: str | None = None) -> list[HoldingRow]:
    """Return a row per holding, the most valuable first; at an earlier session: what they were worth then."""
    holdings = load_holdings(db)
    prices = _last_closes(db, [holding.ticker for holding in holdings], as_of)
    worth = sum(
        holding.shares * prices[holding.ticker][1] for holding in holdings if holding.ticker in prices
    )
    rows = [_row(holding, prices.get(holding.ticker, ("", math.nan)), worth) for holding in holdings]
    return sorted(rows, key=lambda row: (-row.value if math.isfinite(row.value) else math.inf, row.ticker))


def total_value(rows: Sequence[HoldingRow]) -> float:
    """Return the worth in USD of all holdings that have a price."""
    return math.fsum(row.value for row in rows if math.isfinite(row.value))


def _row(holding: Holding, price: tuple[str, float], worth: float) -> HoldingRow:
    session, close = price
    company = _universe().get(holding.ticker)
    cost = math.nan if holding.cost is None else holding.cost
    value = holding.shares * close
    return HoldingRow(
        ticker=holding.ticker,
        name=company.name if company else "",
        sector=company.sector if company else "",
        shares=holding.shares,
        cost=cost,
        added_at=holding.added_at,
        session=session,
        last_close=close,
        value=value,
        weight=value / worth if worth > 0 else math.nan,
        gain=close / cost - 1 if cost > 0 else math.nan,
    )


def _last_closes(
    db: sqlite3.Connection, tickers: list[str], as_of: str | None
) -> dict[str, tuple[str, float]]:
    """Return (session, close in USD per share of today) of each ticker that has one."""
    newest = {of: session for of, session in load_newest_sessions(db).items() if of in set(tickers)}
    if not newest:
        return {}
    until = as_of or LATEST
    first = as_of or min(newest.values())
    since = (date.fromisoformat(first) - timedelta(days=PRICE_DAYS)).isoformat()
    closes = {
        ticker: (session, close)
        for ticker, session, _, _, _, close, _ in load_bars(db, LATEST, list(newest), since)
        if session <= until
    }
    for ticker, session, kind, ratio in load_actions(db, LATEST, list(closes)):
        if kind == "split" and session > closes[ticker][0]:
            closes[ticker] = (closes[ticker][0], closes[ticker][1] / ratio)
    return closes


@cache
def _universe() -> Mapping[str, Company]:
    return load_universe()


def holding_cells(row: HoldingRow) -> tuple[str, ...]:
    """Return a holding as a person reads it, as HOLDING_HEADER."""
    return (
        row.ticker,
        f"{row.shares:,.10g}",
        money(row.cost) if math.isfinite(row.cost) else UNKNOWN,
        money(row.last_close) if row.session else UNKNOWN,
        row.session,
        money(row.value) if row.session else UNKNOWN,
        percent(row.weight) if math.isfinite(row.weight) else UNKNOWN,
        percent(row.gain, signed=True) if math.isfinite(row.gain) else UNKNOWN,
    )


def worth_in_words(rows: Sequence[HoldingRow]) -> str:
    """Return what all holdings are worth, and which of them have no price."""
    if not rows:
        return tr("Nothing is stated yet.")
    unpriced = [row.ticker for row in rows if not row.session]
    said = tr("Worth {total_value} in all.", total_value=money(total_value(rows)))
    if unpriced:
        said += tr(
            " Without a price: {unpriced}; watch them, then collect prices.", unpriced=", ".join(unpriced)
        )
    return said


# What the person states ---------------------------------------------------------------------------


def checked_ticker(text: str) -> str:
    """Return a ticker as it stands in the record.

    Raises
    ------
    BadInput
        It is none.
    """
    from collectors.archives.values import BadValue, ticker_of  # brings pandas; the window starts without

    try:
        return ticker_of(text)
    except BadValue as error:
        raise BadInput(f"{error}; expected something like AAPL or BRK.B") from None


def checked_number(text: str, what: str, *, least_is_allowed: bool) -> float:
    """Return a number of shares or USD that a person wrote: 1234.5, 1,234.5 or $10.

    Raises
    ------
    BadInput
        It is none, or below 0 (at 0 where that is not allowed).
    """
    try:
        value = float(text.strip().removeprefix("$").replace(",", ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or (value == 0 and not least_is_allowed):
        bound = tr("of 0 or more") if least_is_allowed else tr("above 0")
        raise BadInput(
            tr(
                "{what} is {text}; expected a number {bound}, like 12.5",
                what=what,
                text=repr(text.strip()[:40]),
                bound=bound,
            )
        )
    return value


def save_stated(
    db: sqlite3.Connection, stated: Sequence[StatedHolding], now: str, *, replace: bool = False
) -> tuple[list[str], list[str]]:
    """Save what a file says in one piece; return the tickers with news, and those taken out.

    ``replace``: what is held and not in the file is taken out; otherwise it stays.
    """
    named = {holding.ticker for holding in stated}
    with writing(db):
        gone = [held.ticker for held in load_holdings(db) if replace and held.ticker not in named]
        for ticker in gone:
            remove_holding(db, ticker, now)
        news = [h.ticker for h in stated if save_holding(db, h.ticker, h.shares, h.cost, now)]
    return news, gone
