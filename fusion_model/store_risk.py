"""All SQL on findings on risk: append-only, and the same finding again adds no row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Any, TypeVar

from collectors.store import writing
from fusion_model.risk_findings import (
    RiskComponent,
    RiskEpisode,
    RiskFactor,
    RiskReport,
    RiskTest,
    TailSession,
    UnseenInput,
)

Row = TypeVar("Row", RiskReport, RiskComponent, TailSession, RiskFactor, RiskEpisode, UnseenInput, RiskTest)
TABLES: dict[type[Any], tuple[str, tuple[str, ...]]] = {  # of each finding its table and its key
    RiskReport: ("risk_report", ("subject", "as_of_session", "horizon")),
    RiskComponent: ("risk_component", ("subject", "as_of_session", "horizon", "ticker")),
    TailSession: ("risk_tail_session", ("subject", "as_of_session", "horizon", "last_session")),
    RiskFactor: ("risk_factor", ("subject", "as_of_session", "factor")),
    RiskEpisode: ("risk_episode", ("subject", "kind", "name")),
    UnseenInput: ("unseen_input", ("as_of_session", "ticker", "feature")),
}


def save_risk(db: sqlite3.Connection, rows: Iterable[Row], found_at: str) -> int:
    """Save findings of one kind that say something new; return the rows added.

    What was found stays. The same again changes nothing; of an episode, which is past, a later
    ``as_of_session`` alone is no news.
    """
    added = 0
    with writing(db):
        for row in rows:
            kind: type[Any] = type(row)
            table, key = TABLES[kind]
            names = _columns(kind)
            values: tuple[Any, ...] = astuple(row)
            told = dict(zip(names, values, strict=True))
            newest = db.execute(
                f"SELECT {', '.join(names)} FROM {table} WHERE {_where(key)} ORDER BY id DESC LIMIT 1",
                [told[name] for name in key],
            ).fetchone()
            if newest is not None and _news(names, newest, key) == _news(names, values, key):
                continue
            marks = ", ".join("?" * (len(names) + 1))
            db.execute(
                f"INSERT INTO {table} ({', '.join(names)}, found_at) VALUES ({marks})",
                (*values, found_at),
            )
            added += 1
    return added


def load_risk(
    db: sqlite3.Connection,
    kind: type[Row],
    as_of_session: str,
    subjects: Sequence[str] | None = None,
) -> list[Row]:
    """Return the newest findings of a kind at one session, in the order they were found.

    Episodes: the newest found up to that session. ``subjects`` are tickers for an UnseenInput.
    """
    table, key = TABLES[kind]
    names = _columns(kind)
    of = "ticker" if kind is UnseenInput else "subject"
    when = "<=" if kind is RiskEpisode else "="
    asked = "" if subjects is None else f" AND {of} IN ({', '.join('?' * len(subjects))})"
    rows = db.execute(
        f"SELECT {', '.join(names)} FROM {table} WHERE id IN (SELECT max(id) FROM {table} "
        f"WHERE as_of_session {when} ?{asked} GROUP BY {', '.join(key)}) ORDER BY id",
        (as_of_session, *(subjects or ())),
    )
    return [kind(*row) for row in rows.fetchall()]


def last_risk_session(
    db: sqlite3.Connection, subject: str | None = None, through: str = "9999"
) -> str | None:
    """Return the newest session with a report on a subject (any, where none is named), or None."""
    row: tuple[str | None] = db.execute(
        "SELECT max(as_of_session) FROM risk_report WHERE (? IS NULL OR subject = ?) AND as_of_session <= ?",
        (subject, subject, through),
    ).fetchone()
    return row[0]


def last_portfolio(db: sqlite3.Connection, through: str = "9999") -> tuple[str, str] | None:
    """Return (subject, session) of the newest report on holdings, or None."""
    row: tuple[str, str] | None = db.execute(
        "SELECT subject, as_of_session FROM risk_report WHERE subject LIKE 'portfolio-%' "
        "AND as_of_session <= ? ORDER BY as_of_session DESC, id DESC LIMIT 1",
        (through,),
    ).fetchone()
    return row


def save_risk_tests(db: sqlite3.Connection, tests: Iterable[RiskTest], run: str, tested_at: str) -> None:
    """Save one backtest of risk; ``run`` names the file that was tested."""
    names = _columns(RiskTest)
    marks = ", ".join("?" * (len(names) + 2))
    with writing(db):
        db.executemany(
            f"INSERT INTO risk_test (run, {', '.join(names)}, tested_at) VALUES ({marks})",
            ((run, *astuple(test), tested_at) for test in tests),
        )


def load_risk_tests(db: sqlite3.Connection) -> tuple[str, list[RiskTest]]:
    """Return the run and the rows of the newest backtest of risk; an empty name and none without one."""
    rows = db.execute(
        f"SELECT run, {', '.join(_columns(RiskTest))} FROM risk_test "
        "WHERE tested_at = (SELECT max(tested_at) FROM risk_test) ORDER BY id"
    ).fetchall()
    return (rows[0][0], [RiskTest(*row[1:]) for row in rows]) if rows else ("", [])


def _columns(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _where(key: Sequence[str]) -> str:
    return " AND ".join(f"{name} = ?" for name in key)


def _news(names: Sequence[str], row: Sequence[object], key: Sequence[str]) -> list[object]:
    """What a row says beside the session it was found at, where that is not of its key."""
    return [value for name, value in zip(names, row, strict=True) if name in key or name != "as_of_session"]
