"""Whether an account's record agrees with itself, with its decisions, with the market and with a broker."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

from collectors import store as facts
from fusion_model import store_orders
from fusion_model.advice.orders import usd
from fusion_model.advice.paper_account import Account, derive_account
from fusion_model.findings import Fill, Order
from fusion_model.trading.terms import Decision, Terms

OUTSIDE = 0.01  # relative; a quote of one source and the bar of another may lie so far apart
CENT = 0.01  # USD; what rounding may leave


def find_discrepancies(
    db: sqlite3.Connection, terms: Terms, decisions: Mapping[str, Sequence[Decision]], now: str
) -> list[str]:
    """Return what does not agree, a sentence each; none where all does.

    Parameters
    ----------
    decisions : mapping of order_id to every decision on it, oldest first
    """
    orders = {order.order_id: order for order in store_orders.load_orders(db, terms.account)}
    fills = store_orders.load_fills(db, terms.account)
    tickers = sorted({fill.ticker for fill in fills})
    if not fills:
        return []
    actions = facts.load_actions(db, now, tickers)
    ranges = {
        (ticker, session): (low, high)
        for ticker, session, _, high, low, _, _ in facts.load_bars(
            db, now, tickers, min(fill.session for fill in fills)
        )
    }
    splits: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for ticker, session, kind, ratio in actions:
        if kind == "split":
            splits[ticker].append((session, ratio))
    found = []
    for fill in fills:
        order = orders[fill.order_id]
        found += _of_fill(fill, order, decisions.get(fill.order_id, ()), splits[fill.ticker])
        low, high = ranges.get((fill.ticker, fill.session), (0.0, float("inf")))
        if not low * (1 - OUTSIDE) <= fill.market_price <= high * (1 + OUTSIDE):
            found.append(
                f"{_named(fill)} was filled at {usd(fill.market_price)}, and {fill.ticker} traded between "
                f"{usd(low)} and {usd(high)} in that session"
            )
    return found + _of_replay(terms, fills, actions)


def differences(account: Account, theirs: Mapping[str, float]) -> list[str]:
    """Return where a broker holds other shares than the record, a sentence each."""
    ours = {ticker.replace("-", "."): held.shares for ticker, held in account.positions.items()}
    return [
        f"{ticker}: {ours.get(ticker, 0.0):,.6g} shares by the record, {theirs.get(ticker, 0.0):,.6g} at "
        f"{account.name}"
        for ticker in sorted({*ours, *theirs})
        if abs(ours.get(ticker, 0.0) - theirs.get(ticker, 0.0)) > 1e-6
    ]


def _of_fill(
    fill: Fill, order: Order, said: Sequence[Decision], splits: Sequence[tuple[str, float]]
) -> list[str]:
    before = [decision for decision in said if decision.at < fill.filled_at]
    found = []
    if not before or not before[-1].approved:
        found.append(f"{_named(fill)} was filled without an approval that is older")
    if (fill.ticker, fill.side, fill.account) != (order.ticker, order.side, order.account):
        found.append(f"{_named(fill)} was an order to {order.side} {order.ticker}")
    ordered = order.shares
    for session, ratio in splits:
        ordered *= ratio if order.session < session <= fill.session else 1.0
    if fill.shares > ordered * (1 + 1e-9):
        found.append(f"{_named(fill)} was an order of {ordered:,.6g} shares only")
    return found


def _of_replay(
    terms: Terms, fills: Sequence[Fill], actions: Sequence[tuple[str, str, str, float]]
) -> list[str]:
    """Replay the account by session: nothing may be owed, and worth is what was paid in and gained."""
    found: list[str] = []
    for session in sorted({fill.session for fill in fills}):
        account = derive_account(
            terms.account, paid_in=terms.paid_in, fills=fills, actions=actions, prices={}, session=session
        )
        if account.cash < -CENT:
            found.append(f"after {session} the account owes {usd(-account.cash)}")
        found += [
            f"after {session} {-held.shares:,.6g} shares of {ticker} are owed"
            for ticker, held in account.positions.items()
            if held.shares < 0
        ]
        gained = account.realised + account.unrealised + account.dividends
        if abs(account.equity - account.paid_in - gained) > CENT:
            found.append(
                f"after {session} the account is worth {usd(account.equity)}, and {usd(account.paid_in)} "
                f"paid in with {usd(gained)} gained is not that"
            )
    return found


def _named(fill: Fill) -> str:
    return f"{fill.order_id[:11]} ({fill.side} {fill.shares:,.6g} {fill.ticker} on {fill.session})"
