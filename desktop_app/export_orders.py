"""Orders with their decisions and fills, and the journal, as CSV."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from collectors.errors import BadInput
from desktop_app.csv_file import Cell, fixed, safe, write
from desktop_app.journal import JournalRow, load_journal
from desktop_app.order_rows import AccountView, OrderRow, load_order_rows
from desktop_app.settings import Settings
from fusion_model.findings import HORIZONS

MONEY_DECIMALS, SHARE_DECIMALS = 4, 6
ORDER_COLUMNS = (
    "order_id", "account", "strategy", "ticker", "side", "shares", "occasion", "session", "price",
    "range_low", "range_high", "reason", "proposed_at", "valid_until", "status", "decided_by", "decided_at",
    "note", "filled_shares", "filled_price", "fee", "filled_at", "outcome",
)  # fmt: skip


def export_orders(
    db: sqlite3.Connection, out: Path, settings: Settings, now: str, excel: bool = False
) -> int:
    """Write every order of the settings' account, newest first; return the rows.

    Raises
    ------
    BadInput
        There is none.
    ConfigurationError
        The file cannot be written.
    """
    rows = load_order_rows(db, settings, now)
    if not rows:
        raise BadInput("there are no orders to export; `barograph orders run` proposes some")
    return write_orders(out, rows, excel)


def write_orders(out: Path, rows: Sequence[OrderRow], excel: bool = False) -> int:
    """Write some orders, or the head of none; raises ConfigurationError as export_orders."""
    return write(out, ORDER_COLUMNS, map(_order_cells, rows), excel)


POSITION_COLUMNS = ("ticker", "shares", "average_cost", "price", "value", "weight", "unrealised")


def export_positions(out: Path, view: AccountView, excel: bool = False) -> int:
    """Write what the account holds, the largest first, and its cash last; raises as export_orders."""
    cash = ("", None, None, None, view.cash, view.cash / view.equity if view.equity else None, None)
    rows = [
        (row.ticker, row.shares, row.average_cost, row.price, row.value, row.weight, row.unrealised)
        for row in view.positions
    ]
    cells = (
        (safe(name) or "cash", *(fixed(value, SHARE_DECIMALS) for value in values))
        for name, *values in (*rows, cash)
    )
    return write(out, POSITION_COLUMNS, cells, excel)


def _order_cells(row: OrderRow) -> tuple[Cell, ...]:
    order = row.order
    return (
        order.order_id, order.account, order.strategy, safe(order.ticker), order.side,
        fixed(order.shares, SHARE_DECIMALS), safe(order.occasion), order.session,
        fixed(order.price, MONEY_DECIMALS), fixed(order.range_low, MONEY_DECIMALS),
        fixed(order.range_high, MONEY_DECIMALS), safe(order.reason), order.proposed_at, order.valid_until,
        row.status, safe(row.decided_by), row.decided_at, safe(row.note),
        fixed(row.filled_shares, SHARE_DECIMALS), fixed(row.filled_price, MONEY_DECIMALS),
        fixed(row.fee, MONEY_DECIMALS), row.filled_at, safe(row.outcome),
    )  # fmt: skip


JOURNAL_COLUMNS = (
    "recorded_at", "kind", "ticker", "subject", "decision", "decided_by", "price", "range_low", "range_high",
    "reason", "note", "side", "shares", "entry_session",
    *(f"return_{horizon}" for horizon in HORIZONS), *(f"gain_{horizon}" for horizon in HORIZONS),
)  # fmt: skip


def export_journal(
    db: sqlite3.Connection, out: Path, settings: Settings, now: str, excel: bool = False
) -> int:
    """Write the journal, newest first, with what came after each entry; raises as export_orders.

    ``return_h`` is the ticker's simple total return to the close of the h-th session, ``gain_h`` what the
    decision brought against its opposite; both empty while they are in the future.
    """
    rows = load_journal(db, settings, now).rows
    if not rows:
        raise BadInput("the journal is empty; alerts, decisions and notes enter it")
    return write(out, JOURNAL_COLUMNS, map(_journal_cells, rows), excel)


def _journal_cells(row: JournalRow) -> tuple[Cell, ...]:
    entry, order = row.entry, row.order
    return (
        entry.recorded_at, entry.kind, safe(entry.ticker), safe(entry.subject), entry.decision,
        safe(entry.decided_by), fixed(entry.price, MONEY_DECIMALS), fixed(entry.range_low, MONEY_DECIMALS),
        fixed(entry.range_high, MONEY_DECIMALS), safe(entry.reason), safe(entry.note),
        order.side if order else "", fixed(order.shares if order else None, SHARE_DECIMALS),
        row.entry_session, *(fixed(value, SHARE_DECIMALS) for value in (*row.returns, *row.gains)),
    )  # fmt: skip
