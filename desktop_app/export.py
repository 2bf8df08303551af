"""Findings and facts as CSV (RFC 4180): the same record gives the same bytes."""

from __future__ import annotations

import math
import re
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from itertools import accumulate
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors.errors import BadInput
from collectors.store import load_actions, load_bars, load_posts_with_scores, load_tickers
from desktop_app.csv_file import Cell
from desktop_app.csv_file import fixed as _fixed
from desktop_app.csv_file import safe as _safe
from desktop_app.csv_file import write as _write
from desktop_app.portfolio_rows import HoldingRow
from desktop_app.store import load_acknowledgements
from fusion_model.findings import FUSION_MODEL, HORIZONS, QUANTILE_NAMES, Forecast
from fusion_model.store import (
    last_forecast_session,
    load_anomalies,
    load_forecast_history,
    load_forecasts,
)
from fusion_model.store_reasons import last_reason_session, load_reason_tickers, load_reasons

if TYPE_CHECKING:
    from desktop_app.alerts import Alert

RETURN_DECIMALS, PRICE_DECIMALS = 8, 4
NUMBER = re.compile(r"[+-]?\$?[\d,]*\.?\d+(e[+-]?\d+)?( ?%)?")  # as tables show them
KEY_COLUMNS = (
    "model", "model_version", "ticker", "as_of_session", "horizon", "target_session", "last_close",
)  # fmt: skip
FORECAST_COLUMNS = (
    *KEY_COLUMNS, *QUANTILE_NAMES, *(f"price_{name}" for name in QUANTILE_NAMES),
    "mean", "prob_up", "volatility", "scorer",
)  # fmt: skip
TRACK_COLUMNS = (
    *KEY_COLUMNS, *QUANTILE_NAMES, "mean", "prob_up", "volatility", "scorer", "made_at", "realised",
)  # fmt: skip
ANOMALY_COLUMNS = (
    "ticker", "session", "measure", "observed", "expected", "p_value", "reason", "acknowledged", "note",
)  # fmt: skip
HOLDING_COLUMNS = (
    "ticker", "shares", "cost", "added_at", "session", "last_close", "value", "weight", "gain",
)  # fmt: skip
REASON_COLUMNS = (
    "kind", "model_version", "ticker", "as_of_session", "horizon", "target", "cause", "part", "contribution",
    "unit", "q05", "q50", "q95", "price_q05", "price_q50", "price_q95",
)  # fmt: skip
POST_COLUMNS = (
    "post_id", "source", "community", "tickers", "created_at", "available_at", "title", "body", "score",
    "comment_count", "scorer", "positive", "neutral", "negative",
)  # fmt: skip


def export_forecasts(
    db: sqlite3.Connection,
    out: Path,
    as_of: str | None = None,
    model: str = FUSION_MODEL,
    excel: bool = False,
) -> int:
    """Write the forecasts of one session (default: the newest); return the rows written.

    Prices are ``last_close * exp(quantile)``: USD per share of that session, dividends included.

    Raises
    ------
    BadInput
        There is no forecast to export.
    ConfigurationError
        The file cannot be written.
    """
    session = as_of or last_forecast_session(db, model)
    forecasts = load_forecasts(db, session, model) if session else []
    if not forecasts:
        which = f" as of {as_of}" if as_of else ""
        raise BadInput(f"there are no forecasts of the model '{model}'{which} to export; run refresh first")
    return _write(out, FORECAST_COLUMNS, map(_forecast_cells, forecasts), excel)


def export_track_record(
    db: sqlite3.Connection, out: Path, model: str = FUSION_MODEL, excel: bool = False
) -> int:
    """Write every stored forecast with the instant it was made and what came of it; return the rows.

    ``realised`` is the log total return to ``target_session``, empty while that is in the future.
    Raises as export_forecasts.
    """
    rows = [row for ticker in load_tickers(db) for row in _track_of(db, ticker, model)]
    if not rows:
        raise BadInput(f"there are no forecasts of the model '{model}' to export; run refresh first")
    return _write(out, TRACK_COLUMNS, rows, excel)


def export_anomalies(db: sqlite3.Connection, out: Path, excel: bool = False) -> int:
    """Write every unusual session, newest first, with the person's note; raises as export_forecasts."""
    notes = load_acknowledgements(db)
    rows = [
        (
            found.ticker, found.session, found.measure,
            _fixed(found.observed, RETURN_DECIMALS), _fixed(found.expected, RETURN_DECIMALS),
            f"{found.p_value:.6g}", _safe(found.reason),
            "yes" if (key := (found.ticker, found.session, found.measure)) in notes else "no",
            _safe(notes.get(key, "")),
        )
        for found in load_anomalies(db)
    ]  # fmt: skip
    if not rows:
        raise BadInput("there are no unusual sessions to export; they are found by refresh")
    return _write(out, ANOMALY_COLUMNS, rows, excel)


ALERT_COLUMNS = (
    "ticker", "session", "measure", "p_value", "odds", "false_share", "observed", "expected", "reason",
    "acknowledged", "note",
)  # fmt: skip


def export_alerts(out: Path, alerts: Sequence[Alert], excel: bool = False) -> int:
    """Write alerts as they are listed, or the head of none; return the rows.

    Raises
    ------
    ConfigurationError
        The file cannot be written.
    """
    rows = (
        (
            alert.ticker, alert.session, alert.measure,
            "" if isnan(alert.p_value) else f"{alert.p_value:.6g}", alert.odds,
            "" if isnan(alert.false_share) else f"{alert.false_share:.4g}",
            _safe(alert.observed), _safe(alert.expected), _safe(alert.reason),
            "yes" if alert.acknowledged else "no", _safe(alert.note),
        )
        for alert in alerts
    )  # fmt: skip
    return _write(out, ALERT_COLUMNS, rows, excel)


def export_reasons(
    db: sqlite3.Connection,
    out: Path,
    as_of: str | None = None,
    ticker: str | None = None,
    excel: bool = False,
) -> int:
    """Write why the forecasts of one session (default: the newest) are what they are, of one ticker or all.

    A row of the kind ``attribution`` tells what a cause adds to a target in its unit: those of a forecast and
    target sum to it. One of the kind ``counterfactual`` tells what the model says where its ``cause`` is
    otherwise: log returns, and prices as in export_forecasts. Raises as export_forecasts.
    """
    session = as_of or last_reason_session(db)
    tickers = load_reason_tickers(db, session) if session else []
    chosen = [name for name in tickers if ticker in (None, name)]
    if session is None or not chosen:
        of = f" of {ticker}" if ticker else ""
        which = f" as of {as_of}" if as_of else ""
        raise BadInput(f"there are no reasons{of}{which} to export; refresh finds those of the newest close")
    rows = [row for name in chosen for row in _reason_cells(db, name, session)]
    return _write(out, REASON_COLUMNS, rows, excel)


def _reason_cells(db: sqlite3.Connection, ticker: str, session: str) -> Iterator[tuple[Cell, ...]]:
    reasons = load_reasons(db, ticker, session)
    if reasons is None:
        return
    for row in reasons.attributions:
        yield (
            "attribution", _safe(row.model_version), _safe(ticker), session, row.horizon, row.target,
            row.cause, _safe(row.part), _fixed(row.contribution, RETURN_DECIMALS), row.unit, *[""] * 6,
        )  # fmt: skip
    closes = {said.last_close for said in load_forecasts(db, session, tickers=[ticker])}
    for one in reasons.counterfactuals:
        returns = (one.q05, one.q50, one.q95)
        yield (
            "counterfactual", _safe(one.model_version), _safe(ticker), session, one.horizon, "", one.change,
            "", "", "log return", *_returns(returns),
            *(_fixed(close * math.exp(q), PRICE_DECIMALS) for close in closes for q in returns),
        )  # fmt: skip


def export_posts(db: sqlite3.Connection, out: Path, excel: bool = False) -> int:
    """Write every post, oldest first, a row per scorer; raises as export_forecasts."""
    rows: Iterator[tuple[Cell, ...]] = (
        (
            *map(_safe, (post.post_id, post.source, post.community, tickers)),
            post.created_at, post.available_at, _safe(post.title), _safe(post.body),
            post.score, post.comment_count, _safe(score.scorer) if score else "",
            *(
                _fixed(value, RETURN_DECIMALS)
                for value in ((score.positive, score.neutral, score.negative) if score else (None,) * 3)
            ),
        )
        for post, tickers, score in load_posts_with_scores(db)
    )  # fmt: skip
    if db.execute("SELECT count(*) FROM (SELECT 1 FROM post LIMIT 1)").fetchone()[0] == 0:
        raise BadInput("there are no posts to export; import or collect some first")
    return _write(out, POST_COLUMNS, rows, excel)


def export_holdings(rows: Sequence[HoldingRow], out: Path, excel: bool = False) -> int:
    """Write holdings with their worth; the first columns are what `portfolio holdings import` reads.

    Raises
    ------
    BadInput
        Nothing is held.
    ConfigurationError
        The file cannot be written.
    """
    if not rows:
        raise BadInput("there are no holdings to export; state one with `barograph portfolio holdings set`")
    cells: list[tuple[Cell, ...]] = [
        (
            row.ticker, f"{row.shares:.10g}", _fixed(row.cost, PRICE_DECIMALS), row.added_at, row.session,
            _fixed(row.last_close, PRICE_DECIMALS), _fixed(row.value, 2), _fixed(row.weight, RETURN_DECIMALS),
            _fixed(row.gain, RETURN_DECIMALS),
        )
        for row in rows
    ]  # fmt: skip
    return _write(out, HOLDING_COLUMNS, cells, excel)


def export_table(header: Sequence[str], rows: Iterable[Sequence[str]], out: Path, excel: bool = False) -> int:
    """Write a table as it stands on screen; raises ConfigurationError where the file cannot be written.

    A text that a spreadsheet would take for a formula is defused; a number, signed or in percent, is not.
    """
    shown = ([_shown(cell) for cell in row] for row in rows)
    return _write(out, [_shown(cell) for cell in header], shown, excel)


def _shown(cell: str) -> str:
    return cell if NUMBER.fullmatch(cell) else _safe(cell)


def total_wealth(bars: Sequence[tuple[str, float]], actions: Iterable[tuple[str, str, float]]) -> list[float]:
    """Return the cumulative log total return at each bar, 0 at the first.

    Parameters
    ----------
    bars : sequence of (session, close)
        As traded, oldest first.
    actions : iterable of (session, kind, ratio_or_amount)
        Splits, and dividends per share after that day's split; one on a day without a bar counts at
        the next bar.
    """
    sessions = [session for session, _ in bars]
    ratio, dividend = [1.0] * len(bars), [0.0] * len(bars)
    for session, kind, amount in actions:
        position = bisect_left(sessions, session)
        if position < len(bars):
            if kind == "split":
                ratio[position] *= amount
            elif sessions[position] == session:
                dividend[position] += amount
    steps = (math.log((bars[t][1] + dividend[t]) * ratio[t] / bars[t - 1][1]) for t in range(1, len(bars)))
    return list(accumulate(steps, initial=0.0)) if bars else []


def _track_of(db: sqlite3.Connection, ticker: str, model: str) -> list[tuple[Cell, ...]]:
    history = [entry for horizon in HORIZONS for entry in load_forecast_history(db, ticker, horizon, model)]
    if not history:
        return []
    bars = [(row[1], row[5]) for row in load_bars(db, "9999", [ticker])]
    actions = [row[1:] for row in load_actions(db, "9999", [ticker])]
    wealth = dict(zip((session for session, _ in bars), total_wealth(bars, actions), strict=True))
    return [
        (*_keys(said), *_returns(said.quantiles), *_moments(said), made_at, _realised(said, wealth))
        for said, made_at in history
    ]


def _realised(said: Forecast, wealth: dict[str, float]) -> str:
    start, end = wealth.get(said.as_of_session), wealth.get(said.target_session)
    return "" if start is None or end is None else _fixed(end - start, RETURN_DECIMALS)


def _forecast_cells(said: Forecast) -> tuple[Cell, ...]:
    prices = (_fixed(said.last_close * math.exp(q), PRICE_DECIMALS) for q in said.quantiles)
    return (*_keys(said), *_returns(said.quantiles), *prices, *_moments(said))


def _keys(said: Forecast) -> tuple[Cell, ...]:
    return (
        _safe(said.model),
        _safe(said.model_version),
        _safe(said.ticker),
        said.as_of_session,
        said.horizon,
        said.target_session,
        _fixed(said.last_close, PRICE_DECIMALS),
    )


def _returns(values: Iterable[float]) -> tuple[str, ...]:
    return tuple(_fixed(value, RETURN_DECIMALS) for value in values)


def _moments(said: Forecast) -> tuple[Cell, ...]:
    return (*_returns((said.mean, said.prob_up, said.volatility)), _safe(said.scorer))


def export_rows(out: Path, rows: Sequence[Any], excel: bool = False) -> int:
    """Write findings of one kind (dataclasses, at least one) by their fields; return the rows written.

    Raises
    ------
    ConfigurationError
        The file cannot be written.
    """
    return _write(out, [field.name for field in fields(rows[0])], map(astuple, rows), excel)
