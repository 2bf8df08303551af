"""Reasons are saved once: the same again adds nothing, others are a new row, and none is rewritten."""

from __future__ import annotations

import sqlite3

from fusion_model.findings import ATTRIBUTION_UNITS, Attribution, Counterfactual, RelatedStock
from fusion_model.store_reasons import (
    Reasons,
    last_reason_session,
    load_reason_tickers,
    load_reasons,
    reasons_by_ticker,
    save_reasons,
)

SESSION, NOW = "2021-04-21", "2021-04-21T21:00:00Z"


def moved(ticker: str, cause: str, contribution: float, part: str = "networks") -> Attribution:
    unit = ATTRIBUTION_UNITS["width"]
    return Attribution("fusion-1", ticker, SESSION, 5, "width", cause, part, contribution, unit)


def reasons(contribution: float = 0.25) -> list[Reasons]:
    return reasons_by_ticker(
        "fusion-1",
        SESSION,
        [moved("KO", "volume", 0.1), moved("AAPL", "price", contribution), moved("AAPL", "earnings", -0.5)],
        [Counterfactual("fusion-1", "AAPL", SESSION, 5, "no_move", -0.04, 0.001, 0.05)],
        [RelatedStock("AAPL", SESSION, 1, "MSFT", 0.55, True, 0.1, None)],
    )


def test_reasons_are_loaded_as_they_were_saved(db: sqlite3.Connection) -> None:
    assert save_reasons(db, reasons(), NOW) == 2
    assert load_reasons(db, "AAPL") == reasons()[0]
    assert load_reasons(db, "KO", SESSION) == reasons()[1]
    assert load_reasons(db, "KO", "2021-04-20") is None
    assert load_reason_tickers(db, SESSION) == ["AAPL", "KO"]
    assert last_reason_session(db) == SESSION


def test_the_same_reasons_again_add_nothing_and_others_stand_beside_them(db: sqlite3.Connection) -> None:
    save_reasons(db, reasons(), NOW)
    assert save_reasons(db, reasons(), "2021-04-22T21:00:00Z") == 0
    assert save_reasons(db, reasons(0.5), "2021-04-22T21:00:00Z") == 1
    assert load_reasons(db, "AAPL") == reasons(0.5)[0]
    assert db.execute("SELECT count(*) FROM reason WHERE ticker = 'AAPL'").fetchone() == (2,)
