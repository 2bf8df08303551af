"""All SQL on suggested portfolios: a run is saved whole, and stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields, replace
from typing import Any, TypeVar

from collectors.store import writing
from fusion_model.portfolio_findings import (
    FrontierPoint,
    PortfolioFindings,
    PortfolioRun,
    PortfolioSuggestion,
    SuggestedWeight,
    WalkScore,
)

Row = TypeVar("Row", PortfolioSuggestion, SuggestedWeight, FrontierPoint, WalkScore)
TABLES: dict[type[Any], str] = {
    PortfolioSuggestion: "portfolio_suggestion",
    SuggestedWeight: "portfolio_weight",
    FrontierPoint: "portfolio_frontier",
    WalkScore: "portfolio_walk",
}


def save_portfolio(db: sqlite3.Connection, found: PortfolioFindings, found_at: str) -> int:
    """Save a run; return its number. A figure that is not defined is NaN here and NULL in the table."""
    names = _columns(PortfolioRun)
    with writing(db):
        run_id = db.execute(
            f"INSERT INTO portfolio_run ({', '.join(names)}, found_at) "
            f"VALUES ({', '.join('?' * (len(names) + 1))})",
            (*astuple(found.run), found_at),
        ).lastrowid
        rows: Iterable[Any]
        for rows in (found.suggestions, found.weights, found.frontier, found.walk):
            for row in rows:
                columns = _columns(type(row))
                db.execute(
                    f"INSERT INTO {TABLES[type(row)]} (run_id, {', '.join(columns)}) "
                    f"VALUES ({', '.join('?' * (len(columns) + 1))})",
                    (run_id, *astuple(row)),
                )
    return int(run_id or 0)


def load_portfolio(
    db: sqlite3.Connection, as_of_session: str | None = None
) -> tuple[PortfolioFindings, str] | None:
    """Return the newest run, of a session or at all, with the instant it was found; None without one."""
    row = db.execute(
        f"SELECT id, found_at, {', '.join(_columns(PortfolioRun))} FROM portfolio_run "
        "WHERE ? IS NULL OR as_of_session = ? ORDER BY id DESC LIMIT 1",
        (as_of_session, as_of_session),
    ).fetchone()
    if row is None:
        return None
    run_id, found_at, *run = row
    return PortfolioFindings(
        run=PortfolioRun(*run),
        suggestions=tuple(_suggestion(told) for told in _rows(db, PortfolioSuggestion, run_id)),
        weights=tuple(SuggestedWeight(*told) for told in _rows(db, SuggestedWeight, run_id)),
        frontier=tuple(FrontierPoint(*told) for told in _rows(db, FrontierPoint, run_id)),
        walk=tuple(_score(told) for told in _rows(db, WalkScore, run_id)),
    ), found_at


def _suggestion(row: Sequence[Any]) -> PortfolioSuggestion:
    told = PortfolioSuggestion(*row)
    beats = told.beats_equal_weight
    return replace(told, beats_equal_weight=None if beats is None else bool(beats))


def _score(row: Sequence[Any]) -> WalkScore:
    figures: list[Any] = [float("nan") if value is None else value for value in row]
    return WalkScore(*figures)


def _rows(db: sqlite3.Connection, kind: type[Any], run_id: int) -> list[tuple[Any, ...]]:
    return db.execute(
        f"SELECT {', '.join(_columns(kind))} FROM {TABLES[kind]} WHERE run_id = ? ORDER BY rowid", (run_id,)
    ).fetchall()


def _columns(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
