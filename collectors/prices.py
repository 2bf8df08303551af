"""Daily bars, splits and dividends from Yahoo through yfinance, as traded that day."""

from __future__ import annotations

import logging
import math
import sqlite3
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.errors import RetryLater, SkipItem
from collectors.market_calendar import (
    closes_by_session,
    last_closed_session,
    last_session_on_or_before,
    session_after,
)
from collectors.progress import CollectReport, Progress, silent
from collectors.quarantine import review
from collectors.records import CorporateAction, PriceBar
from collectors.retry import PATIENT, RetryPolicy, call_with_retry
from collectors.store import last_session_of, save_corporate_actions, save_price_bars, writing
from collectors.yahoo import symbol_of, yahoo_errors, yahoo_session

logger = logging.getLogger(__name__)

SOURCE = "yahoo"
EXCHANGE_ZONE = "America/New_York"
FIRST_SESSION = "2000-01-03"
TIMEOUT_S = 20.0
SESSIONS_ASKED_AGAIN = 10  # a vendor corrects within days; a correction is a new row
FAILURES_IN_A_ROW = 3  # then the network is down, and the other tickers would only wait
PRICE_DECIMALS = 4  # Yahoo sends 32-bit floats; an as-traded price has at most four decimals


def collect_prices(
    db: sqlite3.Connection,
    tickers: Sequence[str],
    *,
    now: str,
    progress: Progress = silent,
    first: str = FIRST_SESSION,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
) -> CollectReport:
    """Save what is new since each ticker's last bar, and what changed in the ten sessions before it.

    Only sessions that have closed at ``now`` are saved. A ticker that Yahoo does not know, or that
    could not be had this time, is named in the report; the others go on.

    Raises
    ------
    RetryLater
        Yahoo cannot be reached or asks for a pause; what came before is saved.
    SourceChanged
        An answer does not have the shape we know.
    """
    last = last_closed_session(now)
    rows, skipped, late = 0, {}, 0
    for done, ticker in enumerate(tickers):
        progress("prices", done, len(tickers), ticker)
        try:
            since = _first_to_ask(db, ticker, first)
            history = fetch_history(ticker, since, last, timeout_s=timeout_s, policy=policy)
        except SkipItem as error:
            skipped[ticker] = str(error)
            continue
        except RetryLater as error:
            late += 1
            skipped[ticker] = str(error)
            if error.after_s is not None or late == min(FAILURES_IN_A_ROW, len(tickers)):
                raise
            continue
        late = 0
        with writing(db):
            rows += save_price_bars(db, history.bars, now) + save_corporate_actions(db, history.actions, now)
            review(
                db,
                ticker,
                SOURCE,
                since=since,
                now=now,
                is_live=True,
                adjusted_close=history.adjusted_close,
            )
        logger.info("Read %d bars of %s through %s", len(history.bars), ticker, last)
    progress("prices", len(tickers), len(tickers))
    return CollectReport(rows, tuple(skipped), tuple(skipped.values()))


def _first_to_ask(db: sqlite3.Connection, ticker: str, first: str) -> str:
    known = last_session_of(db, ticker, SOURCE)
    if known is None:
        return first
    return max(first, session_after(last_session_on_or_before(known), 1 - SESSIONS_ASKED_AGAIN))


def fetch_prices(
    tickers: Sequence[str],
    first: str,
    last: str,
    *,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
) -> tuple[list[PriceBar], list[CorporateAction]]:
    """Return bars and actions of some tickers; as fetch_history, and raises alike."""
    bars: list[PriceBar] = []
    actions: list[CorporateAction] = []
    for ticker in tickers:
        history = fetch_history(ticker, first, last, timeout_s=timeout_s, policy=policy)
        bars += history.bars
        actions += history.actions
    return bars, actions


@dataclass(frozen=True, slots=True)
class History:
    """What a source says of one ticker, oldest first, and its own dividend-adjusted close by session."""

    bars: list[PriceBar]
    actions: list[CorporateAction]
    adjusted_close: dict[str, float]


def fetch_history(
    ticker: str, first: str, last: str, *, timeout_s: float = TIMEOUT_S, policy: RetryPolicy = PATIENT
) -> History:
    """Return what Yahoo says of the sessions from ``first`` to ``last``, oldest first, as traded.

    Yahoo divides every price and dividend by all later splits, up to today. So each ticker is asked
    through today, whatever ``last`` is, and the splits in the answer are multiplied back in: a bar by
    the splits after its session, its volume divided by them, a dividend likewise.

    Raises
    ------
    SkipItem
        Yahoo has nothing for the ticker.
    RetryLater
        Yahoo cannot be reached, is busy, or asks for a pause.
    SourceChanged
        The answer does not have the shape we know.
    """
    rows = call_with_retry(_history_reader(ticker, first, timeout_s), policy)
    bars, actions = _as_traded(ticker, rows)
    return History(
        [bar for bar in bars if first <= bar.session <= last],
        [action for action in actions if first <= action.session <= last],
        {row[0]: row[8] for row in rows if first <= row[0] <= last and not math.isnan(row[8])},
    )


# From Yahoo's adjusted history to what was traded --------------------------------------------------

# session, open, high, low, close, volume, dividend, split ratio (0 where none), adjusted close
Row = tuple[str, float, float, float, float, float, float, float, float]


def _as_traded(ticker: str, history: list[Row]) -> tuple[list[PriceBar], list[CorporateAction]]:
    bars: list[PriceBar] = []
    actions: list[CorporateAction] = []
    closes = closes_by_session()
    later_splits = 1.0  # new shares per share held at the end of the session
    for session, opened, high, low, close, volume, dividend, split, _ in reversed(history):
        if session in closes:
            at = closes[session]
            if all(price > 0 and math.isfinite(price) for price in (opened, high, low, close)):
                bars.append(
                    PriceBar(
                        ticker,
                        session,
                        open=round(opened * later_splits, PRICE_DECIMALS),
                        high=round(high * later_splits, PRICE_DECIMALS),
                        low=round(low * later_splits, PRICE_DECIMALS),
                        close=round(close * later_splits, PRICE_DECIMALS),
                        volume=float(round(volume / later_splits)),
                        source=SOURCE,
                        available_at=at,
                    )
                )
            else:
                logger.info("Yahoo has no complete bar of %s for %s", ticker, session)
            if dividend > 0:
                amount = round(dividend * later_splits, 6)
                actions.append(CorporateAction(ticker, session, "dividend", amount, SOURCE, at))
            if split > 0:
                actions.append(CorporateAction(ticker, session, "split", split, SOURCE, at))
        if split > 0:
            later_splits *= split
    return bars[::-1], actions[::-1]


# The door to yfinance -----------------------------------------------------------------------------


def _history_reader(ticker: str, first: str, timeout_s: float) -> Callable[[], list[Row]]:
    """Return a call that asks Yahoo once for a ticker's history from ``first`` through today."""
    from yfinance.data import YfData
    from yfinance.scrapers.history import PriceHistory

    def read() -> list[Row]:
        session = yahoo_session()
        with yahoo_errors(ticker, "chart", "price history", session), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")
            # Ticker would ask once more, for the time zone, and keep it on disk: we know the exchange.
            prices = PriceHistory(YfData(session=session), symbol_of(ticker), EXCHANGE_ZONE)
            frame = prices.history(start=first, auto_adjust=False, actions=True, timeout=timeout_s)
            return _rows(frame)

    return read


def _rows(frame: Any) -> list[Row]:
    sessions = frame.index.strftime("%Y-%m-%d").tolist()
    names = ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits", "Adj Close")
    columns = [frame[name].astype(float).tolist() for name in names]
    return list(zip(sessions, *columns, strict=True))
