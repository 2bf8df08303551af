"""All SQL on the journal and on a paper account's choices: each is a row with its time, none is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

from collectors.store import writing

ALERT, ACKNOWLEDGEMENT, APPROVAL, REJECTION, OVERRIDE, NOTE = (
    "alert", "acknowledgement", "approval", "rejection", "override", "note",
)  # fmt: skip
APPROVED, REJECTED = "approved", "rejected"
PERSON, AUTOMATIC, PROGRAM = "person", "automatic", "barograph"  # and "rule NAME"
AUTOMATIC_SWITCH, KILL_SWITCH = "automatic", "kill"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Something that was shown or decided, with what was on the screen then.

    ``subject`` is the order's id, or the alert's ``TICKER SESSION MEASURE``. ``decision`` is approved or
    rejected where the entry decides an order. ``price`` and the range are in USD of that moment, None where
    none was known.
    """

    kind: str
    ticker: str
    subject: str
    decision: str
    decided_by: str
    price: float | None
    range_low: float | None
    range_high: float | None
    reason: str
    note: str
    recorded_at: str


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Approve orders of a strategy and a side (empty: of any) worth at most ``most_usd``, without asking."""

    name: str
    strategy: str
    side: str
    most_usd: float


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule as it was set or, not ``active``, removed."""

    rule: ApprovalRule
    active: bool
    set_at: str


@dataclass(frozen=True, slots=True)
class AccountSwitch:
    """The automatic or the kill switch of an account, turned on or off."""

    account: str
    switch: str
    turned_on: bool
    note: str
    switched_at: str


@dataclass(frozen=True, slots=True)
class CashMovement:
    """USD paid into a paper account; the first opens it."""

    account: str
    amount: float
    note: str
    moved_at: str


ENTRY_COLUMNS = ", ".join(field.name for field in fields(JournalEntry))


def save_entries(db: sqlite3.Connection, entries: Iterable[JournalEntry]) -> int:
    """Write entries; an alert that was raised before adds nothing. Return the rows added."""
    marks = ", ".join("?" * len(fields(JournalEntry)))
    with writing(db):
        before = db.total_changes
        db.executemany(
            f"INSERT INTO journal_entry ({ENTRY_COLUMNS}) VALUES ({marks}) "
            "ON CONFLICT (subject) WHERE kind = 'alert' DO NOTHING",
            map(astuple, entries),
        )
        return db.total_changes - before


def load_entries(
    db: sqlite3.Connection, kinds: Sequence[str] = (), ticker: str | None = None
) -> list[JournalEntry]:
    """Return the journal, or its entries of some kinds or of one ticker, oldest first."""
    rows = db.execute(
        f"SELECT {ENTRY_COLUMNS} FROM journal_entry WHERE (? IS NULL OR ticker = ?) ORDER BY recorded_at, id",
        (ticker, ticker),
    )
    entries = [JournalEntry(*row) for row in rows]
    return [entry for entry in entries if not kinds or entry.kind in kinds]


def load_decisions(db: sqlite3.Connection) -> dict[str, JournalEntry]:
    """Return the newest decision on each order."""
    rows = db.execute(f"SELECT {ENTRY_COLUMNS} FROM journal_entry WHERE decision <> '' ORDER BY id")
    return {row[2]: JournalEntry(*row) for row in rows}


def save_rule(db: sqlite3.Connection, rule: ApprovalRule, now: str) -> None:
    """Set a rule; one of the same name before it no longer counts."""
    _save_rule(db, rule, now, active=True)


def remove_rule(db: sqlite3.Connection, name: str, now: str) -> bool:
    """Let a rule no longer count; return whether it did."""
    standing = {rule.name: rule for rule in load_rules(db)}
    if name not in standing:
        return False
    _save_rule(db, standing[name], now, active=False)
    return True


def _save_rule(db: sqlite3.Connection, rule: ApprovalRule, now: str, *, active: bool) -> None:
    with writing(db):
        db.execute(
            "INSERT INTO approval_rule (name, strategy, side, most_usd, active, set_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*astuple(rule), int(active), now),
        )


def load_rule_changes(db: sqlite3.Connection) -> list[RuleChange]:
    """Return every setting and removal of a rule, oldest first."""
    rows = db.execute("SELECT name, strategy, side, most_usd, active, set_at FROM approval_rule ORDER BY id")
    return [RuleChange(ApprovalRule(*row[:4]), bool(row[4]), row[5]) for row in rows]


def load_rules(db: sqlite3.Connection) -> list[ApprovalRule]:
    """Return the rules that count, by name."""
    newest = {change.rule.name: change for change in load_rule_changes(db)}
    return [newest[name].rule for name in sorted(newest) if newest[name].active]


def save_switch(db: sqlite3.Connection, change: AccountSwitch) -> None:
    """Record that a switch was turned."""
    with writing(db):
        db.execute(
            "INSERT INTO account_switch (account, switch, turned_on, note, switched_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (change.account, change.switch, int(change.turned_on), change.note, change.switched_at),
        )


def load_switches(db: sqlite3.Connection, account: str | None = None) -> list[AccountSwitch]:
    """Return every turn of the switches of an account, or of all, oldest first."""
    rows = db.execute(
        "SELECT account, switch, turned_on, note, switched_at FROM account_switch "
        "WHERE (? IS NULL OR account = ?) ORDER BY id",
        (account, account),
    )
    return [AccountSwitch(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]


def save_cash_movement(db: sqlite3.Connection, movement: CashMovement) -> None:
    """Record a payment into an account."""
    with writing(db):
        db.execute(
            "INSERT INTO cash_movement (account, amount, note, moved_at) VALUES (?, ?, ?, ?)",
            astuple(movement),
        )


def load_cash_movements(db: sqlite3.Connection, account: str | None = None) -> list[CashMovement]:
    """Return the payments into an account, or into all, oldest first."""
    rows = db.execute(
        "SELECT account, amount, note, moved_at FROM cash_movement "
        "WHERE (? IS NULL OR account = ?) ORDER BY id",
        (account, account),
    )
    return [CashMovement(*row) for row in rows]
