"""Risk at one close: read what the panel lacks, find, write; called by refresh and by the command."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from collectors.errors import BadInput
from collectors.progress import Progress, silent
from collectors.store import writing
from fusion_model import store
from fusion_model.advice.episodes import (
    constant_mix,
    deepest_drawdown,
    load_episodes,
    replay,
    worst_weeks,
)
from fusion_model.advice.exposures import risk_factors
from fusion_model.advice.novelty import unseen_inputs
from fusion_model.advice.risk import Holdings, holdings_from_shares, portfolio_risk, stock_risk
from fusion_model.dataset.features import RATE_SERIES
from fusion_model.dataset.panel import CLOSE, FloatArray, Panel, load_macro_levels, load_panel
from fusion_model.dataset.windows import SeenRange
from fusion_model.errors import NotEnoughHistory
from fusion_model.evaluation.risk_backtest import MIN_TESTED, judge_equal_weights, judge_stocks
from fusion_model.evaluation.scorecard import read_backtest
from fusion_model.findings import FUSION_MODEL, Forecast
from fusion_model.risk_findings import (
    RiskComponent,
    RiskEpisode,
    RiskFactor,
    RiskReport,
    RiskTest,
    TailSession,
    UnseenInput,
)
from fusion_model.store_risk import save_risk, save_risk_tests

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RiskFindings:
    """Everything found on risk at one close."""

    reports: tuple[RiskReport, ...] = ()
    components: tuple[RiskComponent, ...] = ()
    tail_sessions: tuple[TailSession, ...] = ()
    factors: tuple[RiskFactor, ...] = ()
    episodes: tuple[RiskEpisode, ...] = ()
    unseen: tuple[UnseenInput, ...] = ()


def find_stock_risk(
    db: sqlite3.Connection, panel: Panel, forecasts: Sequence[Forecast], seen: SeenRange
) -> RiskFindings:
    """Find the risk of every stock that is forecast, and what its model has never seen, at one session.

    Parameters
    ----------
    panel : Panel
        As of that session.
    seen : SeenRange
        The inputs of the forecasts beside those of the training.
    """
    session = panel.sessions[-1]
    tickers = sorted({forecast.ticker for forecast in forecasts})
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    returns = [(ticker, panel.log_returns[:, column_of[ticker]]) for ticker in tickers]
    series, levels = _rates(db, session, panel.sessions)
    episodes = load_episodes()
    told: list[RiskEpisode] = []
    for ticker, own in returns:
        told += replay(panel, ticker, [ticker], [1.0], episodes)
        told += worst_weeks(panel, ticker)
        told += deepest_drawdown(panel, ticker, own)
    version = forecasts[0].model_version if forecasts else ""
    return RiskFindings(
        reports=tuple(stock_risk(forecasts)),
        factors=tuple(risk_factors(panel, returns, series, levels)),
        episodes=tuple(told),
        unseen=tuple(unseen_inputs(seen, session, version)),
    )


def find_portfolio_risk(
    db: sqlite3.Connection, panel: Panel, forecasts: Sequence[Forecast], holdings: Holdings
) -> RiskFindings:
    """Find the risk of holdings at the panel's last session.

    Raises
    ------
    BadInput
        A holding is not forecast.
    NotEnoughHistory
        The holdings have too few sessions in common.
    """
    tickers, weights = holdings.tickers, [holdings.weights[ticker] for ticker in holdings.tickers]
    found = portfolio_risk(panel, forecasts, holdings)
    mixed = constant_mix(panel, tickers, weights)
    series, levels = _rates(db, panel.sessions[-1], panel.sessions)
    return RiskFindings(
        reports=found.reports,
        components=found.components,
        tail_sessions=found.tail_sessions,
        factors=tuple(risk_factors(panel, [(holdings.subject, mixed)], series, levels)),
        episodes=(
            *replay(panel, holdings.subject, tickers, weights, load_episodes()),
            *deepest_drawdown(panel, holdings.subject, mixed),
        ),
    )


def save_findings(db: sqlite3.Connection, found: RiskFindings, found_at: str) -> None:
    """Save all that is news, in one piece."""
    with writing(db):
        save_risk(db, found.reports, found_at)
        save_risk(db, found.components, found_at)
        save_risk(db, found.tail_sessions, found_at)
        save_risk(db, found.factors, found_at)
        save_risk(db, found.episodes, found_at)
        save_risk(db, found.unseen, found_at)


def judge_portfolio(
    db: sqlite3.Connection,
    *,
    session: str,
    now: str,
    holdings: Holdings | None = None,
    shares: Mapping[str, float] | None = None,
) -> tuple[Holdings, RiskFindings]:
    """Find and save the risk of holdings at a close, from the forecasts that are stored for it.

    Parameters
    ----------
    holdings, shares
        One of both: weights, or numbers of shares, which are weighed at that close.

    Raises
    ------
    BadInput
        Nothing is forecast at that session, a holding is not, or the holdings make no sense.
    NotEnoughHistory
        The holdings have too few sessions in common.
    """
    forecasts = store.load_forecasts(db, session, FUSION_MODEL)
    if not forecasts:
        raise BadInput(f"nothing was forecast at the close of {session}; run `barograph refresh` first")
    panel = load_panel(db, session)
    if holdings is None:
        holdings = holdings_from_shares(shares or {}, closes_of(panel))
    found = find_portfolio_risk(db, panel, forecasts, holdings)
    save_findings(db, found, now)
    return holdings, found


def closes_of(panel: Panel) -> dict[str, float]:
    """Return the last session's closes in USD, of those who have one."""
    last = panel.ohlcv[-1, :, CLOSE]
    return {ticker: float(last[n]) for n, ticker in enumerate(panel.tickers) if np.isfinite(last[n])}


def portfolio_beside_stocks(
    db: sqlite3.Connection,
    panel: Panel,
    forecasts: Sequence[Forecast],
    found: RiskFindings,
    shares: Mapping[str, float],
) -> tuple[RiskFindings, str]:
    """Add what is held to a refresh's findings; return a sentence where that can't be done, else nothing."""
    if not shares:
        return found, ""
    try:
        holdings = holdings_from_shares(shares, closes_of(panel))
        added = find_portfolio_risk(db, panel, forecasts, holdings)
    except (BadInput, NotEnoughHistory) as error:
        logger.warning("No risk of the holdings: %s", error)
        return found, f"The risk of what you hold could not be told: {error}"
    return replace(
        found,
        reports=found.reports + added.reports,
        components=added.components,
        tail_sessions=added.tail_sessions,
        factors=found.factors + added.factors,
        episodes=found.episodes + added.episodes,
    ), ""


def _rates(db: sqlite3.Connection, session: str, sessions: Sequence[str]) -> tuple[list[str], FloatArray]:
    """Return the series that are levels in percent, by the session they were observed on."""
    names, levels = load_macro_levels(db, session, sessions)
    kept = [m for m, name in enumerate(names) if name in RATE_SERIES]
    return [names[m] for m in kept], levels[:, kept]


def backtest_risk(
    db: sqlite3.Connection, file: Path, *, now: str, progress: Progress = silent
) -> list[RiskTest]:
    """Test the risk that a backtest's forecasts imply, of each stock and of a portfolio, and keep the result.

    Raises
    ------
    BadInput
        The file is no backtest, or too short for any test.
    """
    table = read_backtest(file)
    tests = judge_stocks(table, progress=progress)
    if not tests:
        raise BadInput(
            f"{file} holds fewer than {MIN_TESTED} forecasts of each stock that have come true and do not "
            "overlap: backtest a longer span"
        )
    panel = load_panel(db, str(max(table.as_of_session)))
    tests += judge_equal_weights(table, panel, progress=progress)
    save_risk_tests(db, tests, file.name, now)
    return tests
