"""Risk tested as a regulator would: did losses beyond it come as often, as scattered and as deep as was said?

Longer horizons are tested on sessions that do not overlap. Losses are positive fractions of wealth.
Shapes: S sessions, N stocks, Q quantiles, M simulations, K outcomes in a tail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from collectors.errors import BadInput
from collectors.progress import Progress, silent
from fusion_model.advice.risk import BAD, WORST
from fusion_model.advice.scenarios import (
    COPULA_SESSIONS,
    copula_draws,
    past_outcomes,
    portfolio_at,
    standardised_outcomes,
)
from fusion_model.advice.tails import expected_shortfall, sample_value_at_risk, value_at_risk, worst_count
from fusion_model.dataset.panel import BoolArray, FloatArray, Panel
from fusion_model.distribution import value_at
from fusion_model.evaluation.scorecard import BacktestTable
from fusion_model.evaluation.significance import christoffersen, kupiec
from fusion_model.findings import FUSION_MODEL
from fusion_model.risk_findings import RiskTest

SHARES = (BAD, WORST)
SIMULATIONS = 1000
PORTFOLIO_SCENARIOS = 4000
MIN_TESTED = 50  # sessions; below that no test says anything
COPULA_STEP = 5  # tested sessions between two readings of how stocks move together; ten years change slowly
MIN_HISTORY = 1000  # sessions that a stock of the tested portfolio has at its first forecast
OWN_PAST, PAST_SESSIONS = "own_past_250", 250  # of the portfolio itself: what banks do, and no joint forecast
EQUAL_WEIGHTS = "portfolio of equal weights"


class AcerbiSzekely(NamedTuple):
    """Both statistics (0 as foretold, below 0: too little risk), and the share of simulations below."""

    z1: float | None
    z1_p: float | None
    z2: float
    z2_p: float


@dataclass(frozen=True)
class Tail:
    """What was said of one subject's losses at S sessions, and what came.

    Attributes
    ----------
    sessions : tuple of S str
    loss : ndarray (S,)
    var, shortfall : ndarray (S,), by share
    worst : ndarray (S, K)
        Losses said for the worst 5 %, equally likely, the largest first.
    """

    sessions: tuple[str, ...]
    loss: FloatArray
    var: dict[float, FloatArray]
    shortfall: dict[float, FloatArray]
    worst: FloatArray


def acerbi_szekely(
    loss: FloatArray, var: FloatArray, shortfall: FloatArray, share: float, worst: FloatArray, seed: int = 0
) -> AcerbiSzekely:
    """Test expected shortfall, with p-values simulated from what was said itself.

    Z1 is one less the mean of loss / shortfall over the exceptions; Z2 the same with the number of exceptions
    that was due instead of the one that came. A p-value is the share of M simulations at most as high: below
    .05 the shortfall was said too small.

    Parameters
    ----------
    loss, var, shortfall : ndarray (S,)
    worst : ndarray (S, K)
        Equally likely losses of the worst 5 %, the largest first.

    References
    ----------
    Acerbi & Szekely (2014), Backtesting expected shortfall, Risk 27, tests 1 and 2.
    """
    hit = loss > var
    due = len(loss) * share
    z1 = None if not hit.any() else float(1.0 - (loss[hit] / shortfall[hit]).mean())
    z2 = float(1.0 - (loss[hit] / shortfall[hit]).sum() / due)
    random = np.random.default_rng(seed)
    many = np.zeros(SIMULATIONS)
    deep = np.zeros(SIMULATIONS)
    K = worst.shape[1]
    drawn = random.uniform(size=(SIMULATIONS, len(loss)))  # the probability of each simulated outcome
    place = np.nonzero(drawn < share)
    came = worst[place[1], (drawn[place] / BAD * K).astype(np.intp)] / shortfall[place[1]]
    np.add.at(many, place[0], 1.0)
    np.add.at(deep, place[0], came)
    simulated_z2 = 1.0 - deep / due
    z2_p = float((simulated_z2 <= z2).mean())
    if z1 is None or not many.any():
        return AcerbiSzekely(None, None, z2, z2_p)
    simulated_z1 = 1.0 - deep[many > 0] / many[many > 0]
    return AcerbiSzekely(z1, float((simulated_z1 <= z1).mean()), z2, z2_p)


def judged(model: str, subject: str, horizon: int, tail: Tail, seed: int = 0) -> list[RiskTest]:
    """Return the tests of one subject's losses at each share."""
    told = []
    for share in SHARES:
        hits: BoolArray = tail.loss > tail.var[share]
        scattered = christoffersen(hits, share)
        depth = acerbi_szekely(tail.loss, tail.var[share], tail.shortfall[share], share, tail.worst, seed)
        told.append(
            RiskTest(
                model=model,
                subject=subject,
                horizon=horizon,
                share=share,
                first_session=tail.sessions[0],
                last_session=tail.sessions[-1],
                sessions=len(hits),
                exceptions=int(hits.sum()),
                mean_var=float(tail.var[share].mean()),
                mean_es=float(tail.shortfall[share].mean()),
                kupiec_p=kupiec(int(hits.sum()), len(hits), share).p_value,
                independence_p=scattered.independence_p,
                conditional_p=scattered.conditional_p,
                z1=depth.z1,
                z1_p=depth.z1_p,
                z2=depth.z2,
                z2_p=depth.z2_p,
            )
        )
    return told


def stock_tail(
    quantiles: FloatArray, realised: FloatArray, sessions: Sequence[str], outcomes: int = 200
) -> Tail:
    """Return the tail of a stock's forecasts: log-return quantiles (S, Q) and what came (S,)."""
    worst = value_at(quantiles, BAD * (np.arange(outcomes) + 0.5) / outcomes)
    return Tail(
        sessions=tuple(sessions),
        loss=-np.expm1(realised),
        var={share: value_at_risk(quantiles, share) for share in SHARES},
        shortfall={share: expected_shortfall(quantiles, share) for share in SHARES},
        worst=-np.expm1(worst),
    )


def scenario_tail(returns: Sequence[FloatArray], realised: FloatArray, sessions: Sequence[str]) -> Tail:
    """Return the tail of scenarios, one array of outcomes a session, all of one length."""
    ordered = np.sort(np.array(returns), axis=1)  # (S, scenarios)
    count = {share: worst_count(ordered.shape[1], share) for share in SHARES}
    return Tail(
        sessions=tuple(sessions),
        loss=-realised,
        var={share: np.array([sample_value_at_risk(row, share) for row in ordered]) for share in SHARES},
        shortfall={share: -ordered[:, : count[share]].mean(axis=1) for share in SHARES},
        worst=-ordered[:, : count[BAD]],
    )


def judge_stocks(table: BacktestTable, *, seed: int = 0, progress: Progress = silent) -> list[RiskTest]:
    """Test every model's risk of every stock at each horizon of a backtest, in name order.

    A stock with fewer than MIN_TESTED sessions (that do not overlap) is left out.
    """
    told = []
    parts = list(_by_model_and_horizon(table))
    for done, (model, horizon, rows) in enumerate(parts, start=1):
        kept = set(_apart(sorted(set(table.as_of_session[rows])), horizon))
        for ticker in sorted(set(table.ticker[rows])):
            own = rows[(table.ticker[rows] == ticker)]
            own = own[[session in kept for session in table.as_of_session[own]]]
            own = own[np.argsort(table.as_of_session[own].astype(str))]
            if len(own) >= MIN_TESTED:
                tail = stock_tail(table.quantiles[own], table.realised[own], table.as_of_session[own])
                told += judged(model, ticker, horizon, tail, seed)
        progress("testing stocks", done, len(parts), f"{model}, {horizon} sessions")
    return told


def judge_equal_weights(
    table: BacktestTable,
    panel: Panel,
    *,
    scenarios: int = PORTFOLIO_SCENARIOS,
    copula_sessions: int = COPULA_SESSIONS,
    min_history: int = MIN_HISTORY,
    seed: int = 0,
    progress: Progress = silent,
) -> list[RiskTest]:
    """Test every model's risk of a portfolio of equal weights, through joint scenarios as of each session.

    It holds the stocks that all models forecast at every session of a horizon, with ``min_history`` sessions
    before the first, from the forecast to the end of the horizon. Beside the models stands the simplest
    rival, under the name OWN_PAST: the portfolio's own returns of the last 250 sessions.

    Raises
    ------
    BadInput
        Fewer than two such stocks.
    """
    told = []
    models = sorted(set(table.model), key=lambda name: (name != FUSION_MODEL, name))
    for horizon in sorted(set(table.horizon.tolist())):
        rows = np.flatnonzero((table.horizon == horizon) & np.isfinite(table.realised))
        sessions = _apart(sorted(set(table.as_of_session[rows])), horizon)
        if len(sessions) < MIN_TESTED:
            continue
        row_of = {(table.model[r], table.as_of_session[r], table.ticker[r]): int(r) for r in rows}
        tickers = _held(table, panel, rows, models, sessions, row_of, min_history)
        outcomes = standardised_outcomes(panel, horizon)
        own_past = _own_past(panel, tickers, horizon)
        returns: dict[str, list[FloatArray]] = {model: [] for model in (*models, OWN_PAST)}
        came = np.empty(len(sessions))
        for place, session in enumerate(sessions):
            stop = panel.position(session) + 1
            if place % COPULA_STEP == 0:
                _, past = past_outcomes(outcomes[:stop], panel.tickers, tickers, copula_sessions, seed)
                _, places = copula_draws(past, scenarios, seed)
            for model in models:
                own = [row_of[model, session, ticker] for ticker in tickers]
                returns[model].append(portfolio_at(table.quantiles[own], places))
            returns[OWN_PAST].append(own_past[stop - PAST_SESSIONS : stop])
            came[place] = np.expm1(table.realised[own]).mean()
            if place % 20 == 19 or place + 1 == len(sessions):
                progress("testing the portfolio", place + 1, len(sessions), f"{horizon} sessions")
        subject = f"{EQUAL_WEIGHTS}, {len(tickers)} stocks"
        for model, said in returns.items():
            told += judged(model, subject, horizon, scenario_tail(said, came, sessions), seed)
    return told


def _own_past(panel: Panel, tickers: Sequence[str], horizon: int) -> FloatArray:
    """Return (T,) what equal weights of the tickers returned over a horizon, where it ended."""
    columns = [panel.tickers.index(ticker) for ticker in tickers]
    mean = np.expm1(panel.forward_returns(horizon)[:, columns]).mean(axis=1)
    ended = np.full(len(mean), np.nan)
    ended[horizon:] = mean[:-horizon]
    return ended


def _held(
    table: BacktestTable,
    panel: Panel,
    rows: np.ndarray[tuple[int], np.dtype[np.intp]],
    models: Sequence[str],
    sessions: Sequence[str],
    row_of: dict[tuple[str, str, str], int],
    min_history: int,
) -> list[str]:
    """Return the stocks of the tested portfolio, sorted."""
    known = panel.present[: panel.position(sessions[0])].sum(axis=0)
    old = {ticker for n, ticker in enumerate(panel.tickers) if known[n] >= min_history}
    tickers = [
        ticker
        for ticker in sorted(set(table.ticker[rows]) & old)
        if all((model, session, ticker) in row_of for model in models for session in sessions)
    ]
    if len(tickers) < 2:
        raise BadInput(
            f"{len(tickers)} stocks are forecast at every session and have {min_history} sessions of prices "
            "before: the portfolio needs two; import a longer history, or backtest more stocks"
        )
    return tickers


def _by_model_and_horizon(
    table: BacktestTable,
) -> Iterator[tuple[str, int, np.ndarray[tuple[int], np.dtype[np.intp]]]]:
    models = sorted(set(table.model), key=lambda name: (name != FUSION_MODEL, name))
    for horizon in sorted(set(table.horizon.tolist())):
        for model in models:
            of = (table.model == model) & (table.horizon == horizon) & np.isfinite(table.realised)
            if of.any():
                yield model, horizon, np.flatnonzero(of)


def _apart(sessions: Sequence[str], horizon: int) -> list[str]:
    """Return every ``horizon``-th session, so that no outcome overlaps the next."""
    return list(sessions[::horizon])
