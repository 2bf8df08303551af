"""All SQL on the person's alert rules and on what they raised: rows are added, none is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from collectors.errors import BadInput
from collectors.store import writing
from desktop_app.alert_rules import ARMED, REMOVED, SNOOZED, AlertRule, RuleAlert, checked


def add_rule(
    db: sqlite3.Connection,
    *,
    kind: str,
    threshold: float,
    now: str,
    ticker: str = "",
    side: str = "either",
    cool_down_days: int = 5,
) -> int:
    """Keep a rule, armed; return its number.

    Raises
    ------
    BadInput
        It could never fire, or never stop; or no prices of the ticker are stored.
    """
    checked(kind, side, threshold, cool_down_days)
    if ticker and not db.execute("SELECT 1 FROM price_bar WHERE ticker = ? LIMIT 1", (ticker,)).fetchone():
        raise BadInput(f"there are no prices of {ticker} in the record; collect or import some first")
    with writing(db):
        cursor = db.execute(
            "INSERT INTO alert_rule (ticker, kind, side, threshold, cool_down_days, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (ticker, kind, side, threshold, cool_down_days, now),
        )
    return int(cursor.lastrowid or 0)


def set_rule_state(db: sqlite3.Connection, rule_id: int, state: str, now: str, until: str = "") -> None:
    """Arm a rule anew, snooze it up to and including a day, or remove it; what it raised stays.

    Raises
    ------
    BadInput
        There is no such rule, or a snooze has no day, or one that is over.
    """
    if state not in (ARMED, SNOOZED, REMOVED) or (state == SNOOZED) != bool(until):
        raise BadInput(
            f"a rule cannot be '{state}' until '{until}'; a snooze needs a day, nothing else has one"
        )
    if state == SNOOZED and until < now[:10]:
        raise BadInput(f"a rule cannot be snoozed until {until}, which is over; expected a day to come")
    if not db.execute("SELECT 1 FROM alert_rule WHERE id = ?", (rule_id,)).fetchone():
        raise BadInput(f"there is no rule {rule_id}")
    with writing(db):
        db.execute(
            "INSERT INTO alert_rule_state (rule_id, state, until, changed_at) VALUES (?, ?, ?, ?)",
            (rule_id, state, until, now),
        )


def load_rules(db: sqlite3.Connection) -> list[AlertRule]:
    """Return the rules that were not removed, oldest first, each with its state."""
    rows = db.execute(
        "SELECT rule.id, ticker, kind, side, threshold, cool_down_days, created_at, "
        "coalesce(state, 'armed'), coalesce(until, ''), coalesce(changed_at, '') FROM alert_rule AS rule "
        "LEFT JOIN alert_rule_state AS said ON said.rule_id = rule.id AND said.id = "
        "(SELECT max(id) FROM alert_rule_state WHERE rule_id = rule.id) "
        "WHERE coalesce(state, 'armed') <> 'removed' ORDER BY rule.id"
    )
    return [AlertRule(*row) for row in rows]


def save_rule_alerts(db: sqlite3.Connection, alerts: Iterable[RuleAlert], now: str) -> int:
    """Save what rules raised; one rule raises one alert a session and ticker. Return the rows added."""
    with writing(db):
        before = db.total_changes
        db.executemany(
            "INSERT INTO rule_alert VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            ((alert.rule_id, alert.ticker, alert.session, alert.reason, now) for alert in alerts),
        )
        return db.total_changes - before


def load_rule_alerts(db: sqlite3.Connection) -> list[RuleAlert]:
    """Return everything that rules ever raised, oldest first."""
    rows = db.execute("SELECT * FROM rule_alert ORDER BY session, ticker, rule_id")
    return [RuleAlert(*row) for row in rows]
