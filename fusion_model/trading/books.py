"""An account as known at an instant: its fills, and the prices, splits and dividends of what it holds."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from collectors import store as facts
from collectors.market_calendar import is_session, last_closed_session, session_after
from collectors.records import Quote
from fusion_model import store_orders
from fusion_model.advice.order_limits import Standing
from fusion_model.advice.paper_account import Account, derive_account, paid_by
from fusion_model.findings import Fill
from fusion_model.trading.terms import Terms

BARS_BACK = 16  # sessions in which the last close of a holding, and the opening of an order, is looked for


class Books:
    """An account's fills with the prices and actions of what it holds, as known now."""

    def __init__(
        self,
        db: sqlite3.Connection,
        terms: Terms,
        now: str,
        fills: Sequence[Fill],
        tickers: Iterable[str],
        today: Mapping[str, float],
    ) -> None:
        self.terms, self.today, self.made = terms, today, list(fills)
        self.current, _ = session_at(now)
        self.tickers = sorted({fill.ticker for fill in fills} | set(tickers))
        first = session_after(last_closed_session(now), -BARS_BACK)
        since = min((fill.session for fill in fills), default=first)
        self.actions = facts.load_actions(db, now, self.tickers, min(since, first))
        self._splits: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for ticker, session, kind, ratio in self.actions:
            if kind == "split":
                self._splits[ticker].append((session, ratio))
        self.closes: dict[str, dict[str, float]] = defaultdict(dict)
        self.opens: dict[str, dict[str, float]] = defaultdict(dict)
        for ticker, session, open_, _, _, close, _ in facts.load_bars(db, now, self.tickers, first):
            self.closes[ticker][session] = close
            self.opens[ticker][session] = open_

    def splits(self, ticker: str, after: str, until: str) -> float:
        """Return how many shares of one session one share of an earlier one became."""
        ratios = [ratio for session, ratio in self._splits.get(ticker, ()) if after < session <= until]
        return math.prod(ratios)

    def prices(self, session: str, *, under_way: bool) -> dict[str, float]:
        """Return prices of a session: its closes, or while it is under way the last ones and its quotes."""
        known = {}
        for ticker in self.tickers:
            closes = self.closes.get(ticker, {})
            last = max((s for s in closes if s < session or (s == session and not under_way)), default="")
            if last:
                known[ticker] = closes[last] / self.splits(ticker, last, session)
            if under_way and session == self.current and ticker in self.today:
                known[ticker] = self.today[ticker]
        return known

    def account(self, session: str, *, under_way: bool) -> Account:
        """Return the account at the end of a session, or within it."""
        return derive_account(
            self.terms.account,
            paid_in=self.terms.paid_in,
            fills=self.made,
            actions=self.actions,
            prices=self.prices(session, under_way=under_way),
            session=session,
        )

    def standing(self, session: str, *, under_way: bool) -> Standing:
        """Return what limits are held against, in a session."""
        before = session_after(session, -1)
        paid_since = paid_by(self.terms.paid_in, session) - paid_by(self.terms.paid_in, before)
        return Standing(
            account=self.account(session, under_way=under_way),
            worth_before=self.account(before, under_way=False).equity + paid_since,
            orders_today=sum(fill.session == session for fill in self.made),
            killed=self.terms.killed,
        )


def session_at(now: str) -> tuple[str, bool]:
    """Return the session that an instant belongs to, and whether it has yet to close."""
    closed = last_closed_session(now)
    return (now[:10], True) if is_session(now[:10]) and now[:10] > closed else (closed, False)


def load_books(
    db: sqlite3.Connection, terms: Terms, now: str, tickers: Iterable[str] = (), quotes: Sequence[Quote] = ()
) -> Books:
    """Read an account's fills, and the prices of what it holds and of other tickers."""
    session, under_way = session_at(now)
    fills = store_orders.load_fills(db, terms.account)
    held = {fill.ticker for fill in fills} | set(tickers)
    arrived = {quote.ticker: quote for quote in quotes}
    rest = sorted(held - set(arrived)) if under_way else []
    latest = facts.load_latest_quotes(db, rest, f"{session}T00:00:00Z") | arrived
    today = {one: said.price for one, said in latest.items() if under_way and said.quoted_at[:10] == session}
    return Books(db, terms, now, fills, held, today)


def load_account(db: sqlite3.Connection, terms: Terms, now: str) -> Account:
    """Return the account as it stands now, valued at the last prices known."""
    session, under_way = session_at(now)
    return load_books(db, terms, now).account(session, under_way=under_way)
