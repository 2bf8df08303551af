"""All SQL on orders and what became of them: none is proposed, filled or ended twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import astuple, fields

from collectors.store import writing
from fusion_model.findings import Fill, Order, OrderEnd

ORDER_COLUMNS = ", ".join(field.name for field in fields(Order))
FILL_COLUMNS = ", ".join(field.name for field in fields(Fill))
END_COLUMNS = ", ".join(field.name for field in fields(OrderEnd))


def save_orders(db: sqlite3.Connection, orders: Iterable[Order]) -> list[Order]:
    """Save orders whose occasion has none yet, and return those; what was proposed first stands."""
    marks = ", ".join("?" * len(fields(Order)))
    with writing(db):
        return [
            order
            for order in orders
            if db.execute(
                f"INSERT INTO proposed_order ({ORDER_COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING",
                astuple(order),
            ).rowcount
        ]


def load_orders(
    db: sqlite3.Connection, account: str | None = None, order_ids: Collection[str] | None = None
) -> list[Order]:
    """Return the orders of an account, or those named, newest first."""
    rows = db.execute(
        f"SELECT {ORDER_COLUMNS} FROM proposed_order WHERE (? IS NULL OR account = ?) "
        "AND (? IS NULL OR order_id IN (SELECT value FROM json_each(?))) "
        "ORDER BY proposed_at DESC, rowid DESC",
        (account, account, *_listed(order_ids)),
    )
    return [Order(*row) for row in rows]


def load_unsettled_orders(db: sqlite3.Connection, account: str) -> list[Order]:
    """Return the orders of an account that were neither filled nor ended, oldest first."""
    rows = db.execute(
        f"SELECT {ORDER_COLUMNS} FROM proposed_order AS one WHERE account = ? "
        "AND NOT EXISTS (SELECT 1 FROM fill WHERE fill.order_id = one.order_id) "
        "AND NOT EXISTS (SELECT 1 FROM order_end WHERE order_end.order_id = one.order_id) "
        "ORDER BY proposed_at, rowid",
        (account,),
    )
    return [Order(*row) for row in rows]


def save_outcomes(
    db: sqlite3.Connection, fills: Iterable[Fill], ends: Iterable[OrderEnd], recorded_at: str
) -> int:
    """Save fills and ends of orders that have neither yet; return the rows added."""
    added = 0
    with writing(db):
        for table, columns, rows in (
            ("fill", f"{FILL_COLUMNS}, recorded_at", [(*astuple(fill), recorded_at) for fill in fills]),
            ("order_end", END_COLUMNS, [astuple(end) for end in ends]),
        ):
            marks = ", ".join("?" * len(columns.split(",")))
            for row in rows:
                added += db.execute(
                    f"INSERT INTO {table} ({columns}) SELECT {marks} WHERE NOT EXISTS (SELECT 1 FROM fill "
                    "WHERE order_id = ?) AND NOT EXISTS (SELECT 1 FROM order_end WHERE order_id = ?)",
                    (*row, row[0], row[0]),
                ).rowcount
    return added


def load_fills(db: sqlite3.Connection, account: str | None = None) -> list[Fill]:
    """Return the fills of an account or of all, oldest first."""
    rows = db.execute(
        f"SELECT {FILL_COLUMNS} FROM fill WHERE (? IS NULL OR account = ?) ORDER BY filled_at, order_id",
        (account, account),
    )
    return [Fill(*row) for row in rows]


def load_order_ends(db: sqlite3.Connection, account: str | None = None) -> dict[str, OrderEnd]:
    """Return how orders ended without a fill, by order."""
    rows = db.execute(
        f"SELECT {END_COLUMNS} FROM order_end WHERE (? IS NULL OR account = ?)", (account, account)
    )
    return {row[0]: OrderEnd(*row) for row in rows}


def _listed(values: Collection[str] | None) -> tuple[str | None, str | None]:
    listed = None if values is None else json.dumps(list(values))
    return listed, listed
