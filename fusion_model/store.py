"""All SQL on findings: save forecasts so that none is ever rewritten, load what was said and when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Any

from collectors.store import writing
from fusion_model.findings import (
    FUSION_MODEL,
    QUANTILE_NAMES,
    Anomaly,
    ExpectedReport,
    Forecast,
    ScoreRow,
    TrainedModel,
)

FEW_TICKERS = 20  # so many are named in a query; more are sorted out afterwards
FORECAST_COLUMNS = (
    "model",
    "model_version",
    "ticker",
    "as_of_session",
    "horizon",
    "target_session",
    "last_close",
    *QUANTILE_NAMES,
    "mean",
    "prob_up",
    "volatility",
    "scorer",
)
REPORT_COLUMNS = tuple(field.name for field in fields(ExpectedReport))
SCORE_COLUMNS = tuple(field.name for field in fields(ScoreRow))


def save_forecasts(db: sqlite3.Connection, forecasts: Iterable[Forecast], made_at: str) -> int:
    """Save forecasts that say something new; return the rows added.

    What was said stays: the same forecast again changes nothing, another one for the same session is
    a new row with its own ``made_at``.
    """
    added = 0
    with writing(db):
        for forecast in forecasts:
            row = _forecast_row(forecast)
            before = db.execute(
                f"SELECT {', '.join(FORECAST_COLUMNS)} FROM forecast WHERE ticker = ? AND model = ? "
                "AND as_of_session = ? AND horizon = ? ORDER BY id DESC LIMIT 1",
                (forecast.ticker, forecast.model, forecast.as_of_session, forecast.horizon),
            ).fetchone()
            if before == row:
                continue
            marks = ", ".join("?" * (len(FORECAST_COLUMNS) + 1))
            db.execute(
                f"INSERT INTO forecast ({', '.join(FORECAST_COLUMNS)}, made_at) VALUES ({marks})",
                (*row, made_at),
            )
            added += 1
    return added


def load_forecasts(
    db: sqlite3.Connection,
    as_of_session: str,
    model: str = FUSION_MODEL,
    tickers: Sequence[str] | None = None,
    horizon: int | None = None,
) -> list[Forecast]:
    """Return the newest forecasts of one session, by ticker and horizon; of one horizon, or of all."""
    wanted = None if tickers is None else set(tickers)
    few = tickers if tickers is not None and len(tickers) <= FEW_TICKERS else ()
    among = f"AND ticker IN ({', '.join('?' * len(few))}) " if few else ""
    rows = db.execute(
        f"SELECT {', '.join(FORECAST_COLUMNS)} FROM forecast WHERE id IN (SELECT max(id) FROM forecast "
        f"WHERE as_of_session = ? AND model = ? {among}AND (? IS NULL OR horizon = ?) "
        "GROUP BY ticker, horizon) ORDER BY ticker, horizon",
        (as_of_session, model, *few, horizon, horizon),
    )
    return [_forecast(row) for row in rows if wanted is None or row[2] in wanted]


def load_forecast_history(
    db: sqlite3.Connection, ticker: str, horizon: int, model: str = FUSION_MODEL
) -> list[tuple[Forecast, str]]:
    """Return every forecast of a ticker and horizon with the instant it was made, oldest first."""
    rows = db.execute(
        f"SELECT {', '.join(FORECAST_COLUMNS)}, made_at FROM forecast "
        "WHERE ticker = ? AND model = ? AND horizon = ? ORDER BY as_of_session, id",
        (ticker, model, horizon),
    )
    return [(_forecast(row[:-1]), row[-1]) for row in rows]


def load_first_forecasts(db: sqlite3.Connection, model: str = FUSION_MODEL) -> list[tuple[Any, ...]]:
    """Return what was said first of every ticker, session and horizon, by ticker and session.

    A row is (ticker, as_of_session, horizon, target_session, made_at, *quantiles): plain, since there may be
    hundreds of thousands.
    """
    return db.execute(
        f"SELECT ticker, as_of_session, horizon, target_session, made_at, {', '.join(QUANTILE_NAMES)} "
        "FROM forecast WHERE id IN (SELECT min(id) FROM forecast WHERE model = ? "
        "GROUP BY ticker, as_of_session, horizon) ORDER BY ticker, as_of_session, horizon",
        (model,),
    ).fetchall()


def last_forecast_session(db: sqlite3.Connection, model: str = FUSION_MODEL) -> str | None:
    """Return the newest session with a forecast, or None."""
    row: tuple[str | None] = db.execute(
        "SELECT max(as_of_session) FROM forecast WHERE model = ?", (model,)
    ).fetchone()
    return row[0]


def save_anomalies(db: sqlite3.Connection, anomalies: Iterable[Anomaly], found_at: str) -> int:
    """Save anomalies not found before; what was found first stands. Return the rows added."""
    with writing(db):
        before = db.total_changes
        db.executemany(
            "INSERT INTO anomaly (ticker, session, measure, observed, expected, p_value, "
            "reason, found_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            ((*astuple(anomaly), found_at) for anomaly in anomalies),
        )
        return db.total_changes - before


def load_anomalies(
    db: sqlite3.Connection, ticker: str | None = None, first_session: str = "", last_session: str = "9999"
) -> list[Anomaly]:
    """Return anomalies between two sessions, of one ticker or of all, newest and least probable first."""
    rows = db.execute(
        "SELECT ticker, session, measure, observed, expected, p_value, reason FROM anomaly "
        "WHERE (? IS NULL OR ticker = ?) AND session BETWEEN ? AND ? "
        "ORDER BY session DESC, p_value, ticker, measure",
        (ticker, ticker, first_session, last_session),
    )
    return [Anomaly(*row) for row in rows]


def save_expected_reports(db: sqlite3.Connection, reports: Iterable[ExpectedReport], found_at: str) -> int:
    """Save what was known of the next reports; what is stored already adds nothing. Return the rows added."""
    added = 0
    with writing(db):
        for report in reports:
            if load_expected_report(db, report.ticker, report.as_of_session) != report:
                marks = ", ".join("?" * (len(REPORT_COLUMNS) + 1))
                db.execute(
                    f"INSERT INTO expected_report ({', '.join(REPORT_COLUMNS)}, found_at) VALUES ({marks})",
                    (*astuple(report), found_at),
                )
                added += 1
    return added


def load_expected_report(db: sqlite3.Connection, ticker: str, as_of_session: str) -> ExpectedReport | None:
    """Return the newest finding on a ticker's next report at one close, or None."""
    row = db.execute(
        f"SELECT {', '.join(REPORT_COLUMNS)} FROM expected_report "
        "WHERE ticker = ? AND as_of_session = ? ORDER BY id DESC LIMIT 1",
        (ticker, as_of_session),
    ).fetchone()
    return ExpectedReport(*row) if row else None


def save_trained_model(db: sqlite3.Connection, trained: TrainedModel) -> None:
    """Record a checkpoint; the same version again changes nothing."""
    with writing(db):
        db.execute(
            "INSERT INTO trained_model (model_version, model, as_of_session, trained_at, "
            "folder, summary) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            astuple(trained),
        )


def load_trained_model(
    db: sqlite3.Connection, model: str = FUSION_MODEL, through: str = "9999"
) -> TrainedModel | None:
    """Return the newest checkpoint that was trained on nothing later than a session, or None."""
    row = db.execute(
        "SELECT model_version, model, as_of_session, trained_at, folder, summary FROM trained_model "
        "WHERE model = ? AND as_of_session <= ? ORDER BY as_of_session DESC, rowid DESC LIMIT 1",
        (model, through),
    ).fetchone()
    return None if row is None else TrainedModel(*row)


def save_scores(db: sqlite3.Connection, rows: Iterable[ScoreRow], run: str, scored_at: str) -> None:
    """Save one scorecard; ``run`` names what was scored (a backtest's file, or "live").

    A figure that is not defined (the t of a model against itself) is NaN here and NULL in the table.
    """
    marks = ", ".join("?" * (len(SCORE_COLUMNS) + 2))
    with writing(db):
        db.executemany(
            f"INSERT INTO score_row (run, {', '.join(SCORE_COLUMNS)}, scored_at) VALUES ({marks})",
            ((run, *astuple(row), scored_at) for row in rows),
        )


def load_scores(db: sqlite3.Connection) -> list[ScoreRow]:
    """Return the rows of the newest scorecard, or none."""
    rows = db.execute(
        f"SELECT {', '.join(SCORE_COLUMNS)} FROM score_row "
        "WHERE scored_at = (SELECT max(scored_at) FROM score_row) ORDER BY id"
    )
    return [_score_row(row) for row in rows]


def _score_row(row: Sequence[Any]) -> ScoreRow:
    figures: list[Any] = [float("nan") if value is None else value for value in row]
    return ScoreRow(*figures)


def _forecast_row(forecast: Forecast) -> tuple[object, ...]:
    return (
        forecast.model,
        forecast.model_version,
        forecast.ticker,
        forecast.as_of_session,
        forecast.horizon,
        forecast.target_session,
        forecast.last_close,
        *forecast.quantiles,
        forecast.mean,
        forecast.prob_up,
        forecast.volatility,
        forecast.scorer,
    )


def _forecast(row: Sequence[Any]) -> Forecast:
    named = dict(zip(FORECAST_COLUMNS, row, strict=True))
    quantiles = tuple(named.pop(name) for name in QUANTILE_NAMES)
    return Forecast(quantiles=quantiles, **named)
