"""All SQL on reasons: why a forecast was what it was, saved once and never rewritten."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from collectors.store import writing
from fusion_model.findings import ATTRIBUTION_UNITS, Attribution, Counterfactual, RelatedStock


@dataclass(frozen=True, slots=True)
class Reasons:
    """Everything that is stored on the forecasts of one ticker at one close."""

    model_version: str
    ticker: str
    as_of_session: str
    attributions: tuple[Attribution, ...]
    counterfactuals: tuple[Counterfactual, ...]
    related: tuple[RelatedStock, ...]


def reasons_by_ticker(
    model_version: str,
    as_of_session: str,
    attributions: Iterable[Attribution],
    counterfactuals: Iterable[Counterfactual],
    related: Iterable[RelatedStock],
) -> list[Reasons]:
    """Sort what was found at one close by ticker, each in the order in which it is loaded."""
    found: dict[str, tuple[list[Attribution], list[Counterfactual], list[RelatedStock]]] = defaultdict(
        lambda: ([], [], [])
    )
    for attribution in attributions:
        found[attribution.ticker][0].append(attribution)
    for counterfactual in counterfactuals:
        found[counterfactual.ticker][1].append(counterfactual)
    for neighbour in related:
        found[neighbour.ticker][2].append(neighbour)
    return [
        Reasons(
            model_version,
            ticker,
            as_of_session,
            tuple(sorted(moved, key=lambda row: (row.horizon, row.target, row.cause, row.part))),
            tuple(sorted(otherwise, key=lambda row: (row.horizon, row.change))),
            tuple(sorted(near, key=lambda row: row.place)),
        )
        for ticker, (moved, otherwise, near) in sorted(found.items())
    ]


def save_reasons(db: sqlite3.Connection, reasons: Iterable[Reasons], found_at: str) -> int:
    """Save reasons that say something new; return for how many tickers there were any."""
    added = 0
    with writing(db):
        for found in reasons:
            if load_reasons(db, found.ticker, found.as_of_session) == found:
                continue
            key = db.execute(
                "INSERT INTO reason (model_version, ticker, as_of_session, found_at) VALUES (?, ?, ?, ?)",
                (found.model_version, found.ticker, found.as_of_session, found_at),
            ).lastrowid
            db.executemany(
                "INSERT INTO attribution VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (key, row.horizon, row.target, row.cause, row.part, row.contribution)
                    for row in found.attributions
                ),
            )
            db.executemany(
                "INSERT INTO counterfactual VALUES (?, ?, ?, ?, ?, ?)",
                ((key, row.horizon, row.change, row.q05, row.q50, row.q95) for row in found.counterfactuals),
            )
            db.executemany(
                "INSERT INTO related_stock VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (key, row.place, row.neighbour, row.correlation, row.same_sector, row.co_mention,
                     row.attention)
                    for row in found.related
                ),
            )  # fmt: skip
            added += 1
    return added


def load_reasons(db: sqlite3.Connection, ticker: str, as_of_session: str | None = None) -> Reasons | None:
    """Return the newest reasons of a ticker at one close (default: the newest close), or None."""
    found = db.execute(
        "SELECT id, model_version, as_of_session FROM reason WHERE ticker = ? "
        "AND (? IS NULL OR as_of_session = ?) ORDER BY as_of_session DESC, id DESC LIMIT 1",
        (ticker, as_of_session, as_of_session),
    ).fetchone()
    if found is None:
        return None
    key, version, session = found
    return Reasons(
        version,
        ticker,
        session,
        tuple(
            Attribution(
                version,
                ticker,
                session,
                horizon,
                target,
                cause,
                part,
                contribution,
                ATTRIBUTION_UNITS[target],
            )
            for horizon, target, cause, part, contribution in db.execute(
                "SELECT horizon, target, cause, part, contribution FROM attribution WHERE reason_id = ? "
                "ORDER BY horizon, target, cause, part",
                (key,),
            )
        ),
        tuple(
            Counterfactual(version, ticker, session, *row)
            for row in db.execute(
                "SELECT horizon, change, q05, q50, q95 FROM counterfactual WHERE reason_id = ? "
                "ORDER BY horizon, change",
                (key,),
            )
        ),
        tuple(
            RelatedStock(ticker, session, place, neighbour, correlation, bool(same), co_mention, attention)
            for place, neighbour, correlation, same, co_mention, attention in db.execute(
                "SELECT place, neighbour, correlation, same_sector, co_mention, attention FROM related_stock "
                "WHERE reason_id = ? ORDER BY place",
                (key,),
            )
        ),
    )


def load_reason_tickers(db: sqlite3.Connection, as_of_session: str) -> list[str]:
    """Return the tickers with reasons at one close."""
    return [
        row[0]
        for row in db.execute(
            "SELECT DISTINCT ticker FROM reason WHERE as_of_session = ? ORDER BY ticker", (as_of_session,)
        )
    ]


def last_reason_session(db: sqlite3.Connection) -> str | None:
    """Return the newest close with reasons, or None."""
    row: tuple[str | None] = db.execute("SELECT max(as_of_session) FROM reason").fetchone()
    return row[0]
