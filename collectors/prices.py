"""Daily bars, splits and dividends from Yahoo through yfinance, as traded that day."""

from __future__ import annotations

import logging
import math
import sqlite3
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from collectors.errors import ConfigurationError, RetryLater, SkipItem
from collectors.market_calendar import (
    closes_by_session,
    last_closed_session,
    last_session_on_or_before,
    session_after,
)
from collectors.price_source import History, PriceSource
from collectors.progress import CollectReport, Progress, silent
from collectors.quarantine import review
from collectors.records import CorporateAction, PriceBar
from collectors.retry import PATIENT, RetryPolicy, call_with_retry
from collectors.store import (
    last_session_of,
    load_flags,
    load_newest_sessions,
    load_source_bars,
    save_corporate_actions,
    save_price_bars,
    writing,
)
from collectors.yahoo import symbol_of, yahoo_errors, yahoo_session

logger = logging.getLogger(__name__)

SOURCE = "yahoo"
EXCHANGE_ZONE = "America/New_York"
FIRST_SESSION = "2000-01-03"
TIMEOUT_S = 20.0
SESSIONS_ASKED_AGAIN = 10  # a vendor corrects within days; a correction is a new row
FAILURES_IN_A_ROW = 3  # then the network is down, and the other tickers would only wait
BATCH, PAUSE_S = 50, 5.0  # so many requests, then a pause; Yahoo tells no rate
CLOSE, TICK_OF_DOLLARS = 3, 0.0101  # of load_source_bars; with room for the rounding of 32-bit floats
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
    second: PriceSource | None = None,
) -> CollectReport:
    """Save what is new since each ticker's last bar, and what changed in the ten sessions before it.

    Only sessions that have closed at ``now`` are saved, a ticker at a time: after a run that was broken off,
    the next begins with those that it did not reach. A ticker that Yahoo does not know, or that could not be
    had this time, is named in the report; the others go on. ``second`` is asked for the tickers that Yahoo
    did not give, and for a second word on bars that look wrong.

    Raises
    ------
    RetryLater
        No source can be reached, or each asks for a pause; what came before is saved.
    SourceChanged
        An answer does not have the shape we know.
    """
    yahoo = PriceSource(SOURCE, partial(fetch_history, timeout_s=timeout_s, policy=policy))
    run = _Run(db, now, first, len(tickers), progress)
    todo = _behind_first(db, tickers)
    ended = run.ask(yahoo, todo)
    left = [ticker for ticker in todo if ticker not in run.settled]
    if second is not None and (left or run.doubted):
        ended = run.ask_second(second, left, ended)
    if ended:
        raise ended
    progress("prices", len(tickers), len(tickers))
    return CollectReport(run.rows, tuple(run.skipped), (*run.skipped.values(), *run.messages))


@dataclass
class _Run:
    """One collection under way: what it saved, and what it could not have."""

    db: sqlite3.Connection
    now: str
    first: str
    total: int
    progress: Progress
    rows: int = 0
    settled: set[str] = field(default_factory=set)  # tickers of which there is no more to be had today
    doubted: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def ask(self, source: PriceSource, tickers: Sequence[str]) -> RetryLater | None:
        """Ask a source for each ticker; return the error that ended it before the last, if one did."""
        late = 0
        for asked, ticker in enumerate(tickers):
            if asked and asked % BATCH == 0:
                time.sleep(PAUSE_S)
            self.progress("prices", len(self.settled), self.total, ticker)
            try:
                doubts = self._collect(source, ticker)
            except SkipItem as error:
                self._note(ticker, error)
            except RetryLater as error:
                late += 1
                self._note(ticker, error)
                if error.after_s is not None or late == min(FAILURES_IN_A_ROW, len(tickers)):
                    return error
                continue
            else:
                self.skipped.pop(ticker, None)
                self.doubted += [ticker] if doubts else []
            self.settled.add(ticker)
            late = 0
        return None

    def ask_second(
        self, source: PriceSource, left: Sequence[str], ended: RetryLater | None
    ) -> RetryLater | None:
        """Ask for what the first source did not give, and for a word on what it gave and we doubt."""
        doubted, self.doubted = self.doubted, []
        try:
            second_ended = self.ask(source, left) if left else None
            if second_ended is None and doubted:
                self.ask(source, doubted)
        except ConfigurationError as error:
            self.messages.append(str(error))
            return ended
        stood_in = [ticker for ticker in left if ticker in self.settled and ticker not in self.skipped]
        if not stood_in:
            return second_ended or ended
        self.messages.append(f"{source.name} stood in for {len(stood_in)} tickers")
        return second_ended

    def _note(self, ticker: str, error: Exception) -> None:
        """Name a ticker as left out, unless another source gave it already."""
        if ticker not in self.settled:
            self.skipped[ticker] = str(error)

    def _collect(self, source: PriceSource, ticker: str) -> bool:
        """Save what a source says of a ticker; return whether any bar of it is held back."""
        since, last = _first_to_ask(self.db, ticker, self.first), last_closed_session(self.now)
        history = source.fetch(ticker, since, last)
        if source.adjusted:
            history = _since_they_agree(self.db, source, ticker, since, history)
        with writing(self.db):
            self.rows += save_price_bars(self.db, history.bars, self.now)
            self.rows += save_corporate_actions(self.db, history.actions, self.now)
            review(
                self.db,
                ticker,
                source.name,
                since=since,
                now=self.now,
                is_live=True,
                adjusted_close=history.adjusted_close,
            )
        logger.info("Read %d bars of %s from %s through %s", len(history.bars), ticker, source.name, last)
        flags = load_flags(self.db, tickers=[ticker], first=since)
        return any(flag.holds == "bar" and not flag.resolution for flag in flags)


def _behind_first(db: sqlite3.Connection, tickers: Sequence[str]) -> list[str]:
    """Order tickers by their newest session: what a run broken off has not reached comes first."""
    newest = load_newest_sessions(db)
    return sorted(tickers, key=lambda ticker: newest.get(ticker, ""))


def _since_they_agree(
    db: sqlite3.Connection, source: PriceSource, ticker: str, since: str, history: History
) -> History:
    """Keep the bars from the first session on at which a source that restates its history agrees with ours.

    No split lies after that session, so these bars are as traded.

    Raises
    ------
    SkipItem
        There is no such session among those asked for.
    """
    ours = load_source_bars(db, ticker, SOURCE, since)
    for at, bar in enumerate(history.bars):
        if bar.session in ours and abs(ours[bar.session][CLOSE] - bar.close) <= TICK_OF_DOLLARS:
            return replace(history, bars=history.bars[at:])
    raise SkipItem(
        f"{source.name} agrees with no stored close of {ticker} since {since}, so its bars may be restated "
        "for a split; they are left out until Yahoo is back"
    )


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
