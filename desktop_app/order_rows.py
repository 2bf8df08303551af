"""Orders and the paper account as plain rows, for the window, the command line and CSV."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collectors.store import load_actions
from desktop_app.account import is_automatic, terms_of
from desktop_app.prices_now import latest_prices
from desktop_app.settings import Settings
from desktop_app.store_journal import APPROVED, JournalEntry, load_decisions
from desktop_app.words import day, money, percent, side_in_words
from fusion_model.advice.paper_account import Account, derive_account
from fusion_model.findings import Fill, Order, OrderEnd
from fusion_model.store import last_forecast_session
from fusion_model.store_orders import (
    load_fills,
    load_order_ends,
    load_orders,
    load_unsettled_orders,
)
from resources.language import tr

LONG_WEEKEND = 5  # days without a session, at most
WAITING, UNDER_WAY, FILLED = "waiting", "approved", "filled"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order with where it stands: waiting, approved, filled, refused, cancelled, expired or rejected.

    ``value`` is in USD at the price that triggered it, ``price_now`` the last known one; ``filled_price`` is
    None until it is filled. ``outcome`` says in words what became of it.
    """

    order: Order
    status: str
    value: float
    price_now: float | None
    decided_by: str
    decided_at: str
    note: str
    filled_shares: float | None
    filled_price: float | None
    filled_at: str
    fee: float | None
    outcome: str


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A holding of the account, in USD; ``weight`` is a share of the account's worth."""

    ticker: str
    shares: float
    average_cost: float
    price: float
    value: float
    weight: float
    unrealised: float


@dataclass(frozen=True, slots=True)
class AccountView:
    """A paper account as it stands, in USD; not ``opened``: nothing was paid in yet."""

    account: str
    opened: bool
    automatic: bool
    killed: bool
    paid_in: float
    cash: float
    equity: float
    realised: float
    unrealised: float
    dividends: float
    costs: float
    profit: float
    positions: tuple[PositionRow, ...]
    waiting: int
    headline: str


def load_order_rows(
    db: sqlite3.Connection, settings: Settings, now: str, *, open_only: bool = False
) -> list[OrderRow]:
    """Return the orders of the settings' account, newest first; ``open_only``: those waiting or approved."""
    terms = terms_of(db, settings)
    orders = load_orders(db, terms.account)
    fills = {fill.order_id: fill for fill in load_fills(db, terms.account)}
    ends, said = load_order_ends(db, terms.account), load_decisions(db)
    prices = latest_prices(db, {order.ticker for order in orders}, now)
    rows = [
        _row(
            order, fills.get(order.order_id), ends.get(order.order_id), said.get(order.order_id),
            prices.get(order.ticker), terms.killed_at, now,
        )
        for order in orders
    ]  # fmt: skip
    return [row for row in rows if not open_only or row.status in (WAITING, UNDER_WAY)]


def load_account_view(db: sqlite3.Connection, settings: Settings, now: str) -> AccountView:
    """Return the account of the settings, valued at the last known prices."""
    terms = terms_of(db, settings)
    fills = load_fills(db, terms.account)
    tickers = {fill.ticker for fill in fills}
    account = derive_account(
        terms.account,
        paid_in=terms.paid_in,
        fills=fills,
        actions=load_actions(db, now, sorted(tickers)),
        prices=latest_prices(db, tickers, now),
        session=now[:10],
    )
    waiting = sum(row.status == WAITING for row in load_order_rows(db, settings, now))
    positions = [
        PositionRow(
            held.ticker, held.shares, held.average_cost, held.price, held.worth,
            held.worth / account.equity if account.equity else 0.0, held.unrealised,
        )
        for held in account.positions.values()
    ]  # fmt: skip
    return AccountView(
        account=terms.account,
        opened=bool(terms.paid_in),
        automatic=is_automatic(db, terms.account),
        killed=terms.killed,
        paid_in=account.paid_in,
        cash=account.cash,
        equity=account.equity,
        realised=account.realised,
        unrealised=account.unrealised,
        dividends=account.dividends,
        costs=account.costs,
        profit=account.profit,
        positions=tuple(sorted(positions, key=lambda row: (-row.value, row.ticker))),
        waiting=waiting,
        headline=_headline(account, opened=bool(terms.paid_in)),
    )


def status_of(
    order: Order, fill: Fill | None, end: OrderEnd | None, said: JournalEntry | None, killed_at: str, now: str
) -> str:
    """Return where an order stands: by what was recorded, and by the clock where nothing was yet."""
    if fill is not None:
        return FILLED
    if end is not None:
        return end.outcome
    if order.proposed_at <= killed_at:
        return "cancelled"
    if said is not None:
        return said.decision
    return "expired" if now > order.valid_until else WAITING


def _row(
    order: Order,
    fill: Fill | None,
    end: OrderEnd | None,
    said: JournalEntry | None,
    price_now: float | None,
    killed_at: str,
    now: str,
) -> OrderRow:
    status = status_of(order, fill, end, said, killed_at, now)
    return OrderRow(
        order=order,
        status=status,
        value=order.shares * order.price,
        price_now=price_now,
        decided_by=said.decided_by if said else "",
        decided_at=said.recorded_at if said else "",
        note=said.note if said else "",
        filled_shares=fill.shares if fill else None,
        filled_price=fill.price if fill else None,
        filled_at=fill.filled_at if fill else "",
        fee=fill.fee if fill else None,
        outcome=_outcome(order, fill, end, status),
    )


def _outcome(order: Order, fill: Fill | None, end: OrderEnd | None, status: str) -> str:
    if fill is not None:
        note = f" ({fill.note})" if fill.note else ""
        return tr(
            "{shares} at {price}, the next {basis} after the approval{note}",
            shares=f"{fill.shares:,.4g}",
            price=money(fill.price),
            basis=fill.basis,
            note=note,
        )
    if end is not None:
        return end.reason
    if status == WAITING:
        return tr("to be decided by {valid_until} UTC", valid_until=order.valid_until[:16].replace("T", " "))
    if status == APPROVED:
        return tr("filled at the next price that comes")
    if status == "expired":
        return tr("nobody decided in time")
    return tr("the kill switch was turned on") if status == "cancelled" else ""


def _headline(account: Account, *, opened: bool) -> str:
    if not opened:
        return tr("No paper account is open. It tries orders out on prices that really come, without money.")
    gained = percent(account.profit / account.paid_in, signed=True)
    return tr(
        "{equity} on paper: {gained} on {paid_in} paid in, after all costs.",
        equity=money(account.equity),
        gained=gained,
        paid_in=money(account.paid_in),
    )


def order_in_words(row: OrderRow) -> str:
    """Return an order in one line: ``sell 50 KO, about $2,400``."""
    order = row.order
    return tr(
        "{side} {shares} {ticker}, about {worth}",
        side=side_in_words(order.side),
        shares=f"{order.shares:,.4g}",
        ticker=order.ticker,
        worth=money(row.value),
    )


def price_shown(row: OrderRow) -> str:
    """Return today's range and where the price stands, as the person sees them while deciding."""
    order = row.order
    shown = tr("Triggered at {price}", price=money(order.price))
    if row.price_now is not None:
        shown += tr(", last known price {price_now}", price_now=money(row.price_now))
    if order.range_low is not None and order.range_high is not None:
        shown += tr(
            "; today's 95 % range {range_low} to {range_high}",
            range_low=money(order.range_low),
            range_high=money(order.range_high),
        )
    return shown


def prices_of(rows: Sequence[OrderRow]) -> Mapping[str, float]:
    """Return the last known prices that rows show, by ticker."""
    return {row.order.ticker: row.price_now for row in rows if row.price_now is not None}


# The page of the window -----------------------------------------------------------------------------

STRATEGY_NAMES = {
    "rebalance": tr("Towards your weights"),
    "risk": tr("Within your limits"),
    "protective": tr("Left today's range"),
    "unusual": tr("Unusual session"),
    "own": tr("Your own"),
}
STATUS_NAMES = {
    "waiting": tr("waits for you"),
    "approved": tr("approved"),
    "filled": tr("filled"),
    "refused": tr("refused by a limit"),
    "cancelled": tr("cancelled"),
    "expired": tr("not decided in time"),
    "rejected": tr("rejected"),
}


@dataclass(frozen=True, slots=True)
class OrdersPageRows:
    """What the page of orders shows: the account, what waits, and what came before."""

    view: AccountView
    figures: str
    mode: str
    stale: str
    waiting: tuple[OrderRow, ...]
    earlier: tuple[OrderRow, ...]


def load_orders_page(db: sqlite3.Connection, settings: Settings, now: str) -> OrdersPageRows:
    """Return the account with its orders, those that wait first."""
    rows = load_order_rows(db, settings, now)
    view = load_account_view(db, settings, now)
    return OrdersPageRows(
        view,
        _figures(view),
        _mode(view),
        _stale(last_forecast_session(db), now),
        tuple(row for row in rows if row.status == WAITING),
        tuple(row for row in rows if row.status != WAITING),
    )


def count_waiting(db: sqlite3.Connection, settings: Settings, now: str) -> int:
    """Count the orders that wait for a decision."""
    terms, said = terms_of(db, settings), load_decisions(db)
    return sum(
        status_of(order, None, None, said.get(order.order_id), terms.killed_at, now) == WAITING
        for order in load_unsettled_orders(db, terms.account)
    )


def _figures(view: AccountView) -> str:
    return tr(
        "Cash {cash} · realised {realised} · unrealised {unrealised} · "
        "dividends {dividends} · spreads and fees paid {costs}",
        cash=money(view.cash),
        realised=gain(view.realised),
        unrealised=gain(view.unrealised),
        dividends=money(view.dividends),
        costs=money(view.costs),
    )


def _mode(view: AccountView) -> str:
    if view.killed:
        return tr("The kill switch is on: nothing is proposed, filled or sent, and what waited is cancelled.")
    if view.automatic:
        return tr("Automatic: orders within your limits are approved without asking, and each is recorded.")
    return tr("Every order waits for you, or for a rule of yours.")


def _stale(forecast: str | None, now: str) -> str:
    """Say that forecasts are too old for orders, empty where they are not."""
    if forecast is None:
        return tr("Nothing is forecast yet, so no order can be proposed: train, then refresh.")
    days = (date.fromisoformat(now[:10]) - date.fromisoformat(forecast)).days
    if days <= LONG_WEEKEND:
        return ""
    return tr(
        "The newest forecasts are of {forecast}, and no order is proposed on what is out of date: "
        "collect prices, then refresh.",
        forecast=day(forecast),
    )


def gain(amount: float) -> str:
    """Return an amount of USD with its sign."""
    return f"−{money(-amount)}" if amount < 0 else f"+{money(amount)}" if amount > 0 else money(0.0)


def range_shown(row: OrderRow) -> str:
    """Return today's 95 % range of an order, empty where there was none."""
    low, high = row.order.range_low, row.order.range_high
    return "" if low is None or high is None else f"{money(low)} – {money(high)}"
