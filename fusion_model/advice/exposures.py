"""What a return goes along with: the market, and with the market held still, rates, spreads and fear.

Shapes: T sessions, N tickers, K factors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.risk_findings import RiskFactor

MARKET_TICKER, MARKET = "SPY", "market"
SPAN = 5  # sessions of one observation: a week evens out who closes when
MARKET_SESSIONS, MACRO_SESSIONS = 500, 1000
MIN_OBSERVATIONS = 250
MIN_CHANGES = 0.5  # of the sessions; a series that moves once a month has no daily beta


def market_returns(panel: Panel) -> tuple[str, FloatArray]:
    """Return the market's name and daily log returns (T,): SPY's, else the mean stock's of the panel."""
    if MARKET_TICKER in panel.tickers:
        return MARKET_TICKER, panel.log_returns[:, panel.tickers.index(MARKET_TICKER)]
    known = np.isfinite(panel.log_returns)
    simple = np.where(known, np.expm1(np.nan_to_num(panel.log_returns)), 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return MARKET, np.where(count > 0, np.log1p(simple / np.maximum(count, 1)), np.nan)


def risk_factors(
    panel: Panel,
    subjects: Sequence[tuple[str, FloatArray]],
    series: Sequence[str],
    levels: FloatArray,
) -> list[RiskFactor]:
    """Return each subject's beta to the market, and to each series of levels with the market held still.

    Least squares on overlapping returns over SPAN sessions, of the last 500 sessions for the market and the
    last 1,000 for the others; standard errors after Newey and West. A subject with too few observations has
    none, and so has a series that changes in fewer than half of the sessions.

    Parameters
    ----------
    subjects : sequence of (name, ndarray (T,))
        Daily log total returns, NaN where unknown.
    levels : ndarray (T, K)
        Of each series in percent, by the session it was observed on, as known at the panel's last close.
    """
    name, market = market_returns(panel)
    recent = slice(-(MACRO_SESSIONS + SPAN), None)
    moved = _summed(market[recent])
    steps = np.diff(levels[recent], axis=0, prepend=np.nan)
    beside = {
        series_id: np.column_stack([_summed(steps[:, k]), moved])
        for k, series_id in enumerate(series)
        if np.mean(np.nan_to_num(steps[-MACRO_SESSIONS:, k]) != 0) >= MIN_CHANGES
    }
    told = []
    for subject, returns in subjects:
        own = _summed(returns[recent])
        if subject != name:
            told += _fitted(panel, subject, name, own, moved[:, None], MARKET_SESSIONS)
        for series_id, both in beside.items():
            told += _fitted(panel, subject, series_id, own, both, MACRO_SESSIONS)
    return told


def _fitted(
    panel: Panel, subject: str, factor: str, own: FloatArray, regressors: FloatArray, sessions: int
) -> list[RiskFactor]:
    """Return the coefficient of the first regressor (T, k), or nothing where too little is known."""
    y, x = own[-sessions:], regressors[-sessions:]
    known = np.isfinite(y) & np.isfinite(x).all(axis=1)
    if known.sum() < MIN_OBSERVATIONS:
        return []
    design = np.column_stack([x[known], np.ones(known.sum())])
    beta, error = least_squares(design, y[known], lags=2 * SPAN)
    if not np.isfinite(error):
        return []
    return [RiskFactor(subject, panel.sessions[-1], factor, beta, error, int(known.sum()))]


def least_squares(design: FloatArray, values: FloatArray, lags: int) -> tuple[float, float]:
    """Return the first coefficient and its standard error, NaN where the regressors are not independent.

    References
    ----------
    Newey & West (1987), Econometrica 55: Bartlett weights.
    """
    gram = design.T @ design
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return float("nan"), float("nan")
    inverse = np.linalg.inv(gram)
    coefficients = inverse @ (design.T @ values)
    score = design * (values - design @ coefficients)[:, None]
    middle = score.T @ score
    for lag in range(1, lags + 1):
        cross = score[lag:].T @ score[:-lag]
        middle += (1.0 - lag / (lags + 1)) * (cross + cross.T)
    variance = inverse @ middle @ inverse
    return float(coefficients[0]), float(np.sqrt(max(variance[0, 0], 0.0)))


def _summed(steps: FloatArray) -> FloatArray:
    """Return (T,) sums over the last SPAN rows, NaN where one is unknown."""
    total = np.full(len(steps), np.nan)
    if len(steps) >= SPAN:
        total[SPAN - 1 :] = np.lib.stride_tricks.sliding_window_view(steps, SPAN).sum(axis=1)
    return total
