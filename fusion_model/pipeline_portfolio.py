"""Suggested portfolios at one close: read forecasts and the past, suggest by every method, walk, write."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collectors.errors import BadInput
from collectors.market_calendar import session_after
from collectors.progress import Progress, silent
from fusion_model import store
from fusion_model.advice.portfolio import Suggestion, suggest
from fusion_model.advice.portfolio_frontier import assumed_frontier, trading_frontier
from fusion_model.advice.portfolio_limits import Limits, check_possible
from fusion_model.advice.portfolio_words import suggestion_in_words
from fusion_model.advice.scenarios import COPULA_SESSIONS, joint_scenarios
from fusion_model.dataset.panel import FloatArray, Panel, load_panel
from fusion_model.evaluation.portfolio_scores import PARTS, probability_of_overfitting, score_walk
from fusion_model.evaluation.portfolio_walk import (
    EVERY,
    WARM_UP,
    WINDOW,
    FilteredHistory,
    decide_by,
    hold_equal,
    walk_forward,
)
from fusion_model.findings import FUSION_MODEL
from fusion_model.portfolio_findings import (
    EQUAL_WEIGHT,
    HOLD,
    METHODS,
    PortfolioFindings,
    PortfolioRun,
    PortfolioSuggestion,
    SuggestedWeight,
    WalkScore,
)
from fusion_model.store_portfolio import save_portfolio

HORIZON = 20  # sessions: about as often as a person rebalances
SCENARIOS, SCENARIOS_OF_MANY, MANY = 2000, 1000, 40  # fewer for more than MANY tickers: a solver's time
WALK = 1260  # sessions walked, five years
LEAST_WALK = 252


@dataclass(frozen=True, slots=True)
class _Walked:
    """What the past says of the methods, or why it does not."""

    scores: tuple[WalkScore, ...] = ()
    first: str = ""
    last: str = ""
    decisions: int = 0
    overfitting: float | None = None
    note: str = ""


def suggest_portfolio(
    db: sqlite3.Connection,
    *,
    session: str,
    tickers: Sequence[str],
    now: str,
    limits: Limits | None = None,
    held: Mapping[str, float] | None = None,
    value: float = 0.0,
    methods: Sequence[str] = METHODS,
    horizon: int = HORIZON,
    seed: int = 0,
    progress: Progress = silent,
) -> PortfolioFindings:
    """Suggest portfolios of some tickers at a close by each method, and save them with what the past says.

    Parameters
    ----------
    session : str
        A close whose forecasts are stored.
    held : mapping of ticker to weight, optional
        What is held of the tickers, in any unit of worth; None or nothing: everything is cash.
    value : float
        Worth of what is held in USD, for the record.

    Raises
    ------
    BadInput
        A ticker is not forecast then, a method is not known, or no portfolio keeps to the limits.
    NotEnoughHistory
        The tickers have too few sessions in common.
    """
    limits = limits or Limits()
    names = sorted(set(tickers))
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise BadInput(f"there is no method {unknown[0]}; choose among {', '.join(METHODS)}")
    if len(names) < 2:
        raise BadInput(
            "a portfolio needs at least two tickers: name them with --tickers, state holdings, or watch some"
        )
    forecasts = [f for f in store.load_forecasts(db, session, FUSION_MODEL, names) if f.horizon == horizon]
    missing = sorted(set(names) - {forecast.ticker for forecast in forecasts})
    if missing:
        raise BadInput(
            f"{', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''} "
            f"{'is' if len(missing) == 1 else 'are'} not forecast over {horizon} sessions at the close of "
            f"{session}; collect prices and run `barograph refresh`, or leave "
            f"{'it' if len(missing) == 1 else 'them'} out"
        )
    progress("reading the record", 0, 1)
    first = session_after(session, -max(COPULA_SESSIONS + horizon, WALK + WINDOW) - WARM_UP - EVERY)
    panel = load_panel(db, session, names, first_session=first)
    progress("reading the record", 1, 1)
    sectors = dict(zip(panel.tickers, panel.sectors or ("",) * len(panel.tickers), strict=True))
    labels = [sectors[name] for name in names]
    check_possible(names, labels, limits)
    current = _current(names, held)
    count = SCENARIOS if len(names) <= MANY else SCENARIOS_OF_MANY
    drawn = joint_scenarios(panel, forecasts, horizon, count=count, seed=seed)

    suggestions = []
    for done, method in enumerate(methods):
        progress("suggesting", done, len(methods), method)
        suggestions.append(suggest(method, drawn.returns, names, labels, limits, current, seed=seed))
    progress("suggesting", len(methods), len(methods))
    start = np.full(len(names), 1.0 / len(names)) if current is None else current
    frontier = trading_frontier(drawn.returns, labels, limits, start)
    frontier += assumed_frontier(drawn.returns, labels, limits, start, horizon)
    walked = _walk(panel, names, labels, limits, progress)

    found = PortfolioFindings(
        run=PortfolioRun(
            as_of_session=session,
            horizon=horizon,
            target_session=drawn.target_session,
            model_version=forecasts[0].model_version,
            scenarios=count,
            value=value if current is not None else 0.0,
            max_weight=limits.name_cap(len(names)),
            max_sector=limits.max_sector,
            max_turnover=limits.max_turnover,
            cost=limits.cost,
            min_trade=limits.min_trade,
            walk_first=walked.first,
            walk_last=walked.last,
            walk_decisions=walked.decisions,
            overfitting=walked.overfitting,
            walk_note=walked.note,
        ),
        suggestions=tuple(_row(suggestion, walked, horizon, limits) for suggestion in suggestions),
        weights=tuple(row for suggestion in suggestions for row in _weights(suggestion)),
        frontier=tuple(frontier),
        walk=walked.scores,
    )
    save_portfolio(db, found, now)
    return found


def _current(names: Sequence[str], held: Mapping[str, float] | None) -> FloatArray | None:
    weights = np.array([max((held or {}).get(name, 0.0), 0.0) for name in names])
    return weights / weights.sum() if weights.sum() > 0 else None


def _walk(
    panel: Panel, names: Sequence[str], sectors: Sequence[str], limits: Limits, progress: Progress
) -> _Walked:
    """Walk every method over the last years of the panel, beside buy-and-hold."""
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    returns = np.expm1(panel.log_returns[:, [column_of[name] for name in names]])
    last = len(panel.sessions) - 1
    first = max(last - WALK - 1, WINDOW + WARM_UP)
    if last - first - 1 < LEAST_WALK:
        return _Walked(
            note=f"a walk forward needs {WINDOW + WARM_UP + LEAST_WALK + 1} sessions of prices, and "
            f"{len(panel.sessions)} are stored"
        )
    history = FilteredHistory(returns)
    if len(history.eligible(first)) < 2:
        return _Walked(note="too few of the tickers have the year of prices that it begins with")
    earned, exchanged = [], []
    for done, method in enumerate((*METHODS, HOLD)):
        progress("walking forward", done, len(METHODS) + 1, method)
        decide = hold_equal(history) if method == HOLD else decide_by(method, history, sectors, limits)
        walk = walk_forward(returns, panel.sessions, {method: decide}, first, last, cost=limits.cost)
        earned.append(walk.returns[:, 0])
        exchanged.append(walk.turnover[0])
    progress("walking forward", len(METHODS) + 1, len(METHODS) + 1)
    every = np.array(earned).T
    scores = score_walk((*METHODS, HOLD), every, exchanged, EQUAL_WEIGHT)
    return _Walked(
        scores=tuple(scores),
        first=walk.sessions[0],
        last=walk.sessions[-1],
        decisions=walk.decisions,
        overfitting=probability_of_overfitting(every) if len(every) >= 4 * PARTS else None,
    )


def _row(suggestion: Suggestion, walked: _Walked, horizon: int, limits: Limits) -> PortfolioSuggestion:
    by_name = {score.strategy: score for score in walked.scores}
    mine, base = by_name.get(suggestion.method), by_name.get(EQUAL_WEIGHT)
    compared = mine is not None and suggestion.method != EQUAL_WEIGHT
    return PortfolioSuggestion(
        method=suggestion.method,
        cvar=suggestion.cvar,
        volatility=suggestion.volatility,
        names=suggestion.names,
        current_cvar=_known(suggestion.current_cvar),
        current_volatility=_known(suggestion.current_volatility),
        turnover=suggestion.turnover,
        cost=suggestion.cost,
        moved=suggestion.moved,
        beats_equal_weight=bool(mine.sharpe_low > 0) if mine is not None and compared else None,
        sentence=suggestion_in_words(
            method=suggestion.method,
            horizon=horizon,
            cvar=suggestion.cvar,
            current_cvar=_known(suggestion.current_cvar),
            cost=limits.cost,
            mine=mine,
            base=base,
            span=(walked.first, walked.last),
            overfitting=walked.overfitting,
            note=walked.note,
        ),
    )


def _weights(suggestion: Suggestion) -> list[SuggestedWeight]:
    columns = (suggestion.current, suggestion.weights, suggestion.low, suggestion.high)
    return [
        SuggestedWeight(suggestion.method, ticker, *(float(column[n]) for column in columns))
        for n, ticker in enumerate(suggestion.tickers)
    ]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
