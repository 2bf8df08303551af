"""How good a portfolio's returns were, and how much of that may be the luck of having tried several.

Shapes: D sessions in order, K strategies. Returns are simple, net of costs; the riskless rate is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from fusion_model.dataset.panel import FloatArray
from fusion_model.evaluation.significance import session_block_interval
from fusion_model.evaluation.standard_error import hac_standard_error
from fusion_model.portfolio_findings import WalkScore

SESSIONS_A_YEAR = 252
LAGS = 20  # sessions of dependence between daily returns and their squares
BLOCK = 60  # sessions of a bootstrap block: a quarter, within which volatility clusters
PARTS = 16  # of CSCV: 12,870 ways to choose half of them
TAIL = 0.05
EULER = float(np.euler_gamma)


def score_walk(
    names: Sequence[str],
    returns: FloatArray,
    yearly_turnover: Sequence[float],
    baseline: str,
    *,
    trials: FloatArray | None = None,
    seed: int = 0,
) -> list[WalkScore]:
    """Return a score per strategy.

    Parameters
    ----------
    returns : ndarray (D, K)
        Net simple returns of each session.
    baseline : str
        The name that the others are compared with.
    trials : ndarray (M,), optional
        Sharpe ratios a session of everything that was tried; default: those of the K strategies.
    """
    tried = sharpe_a_session(returns) if trials is None else trials
    base = returns[:, list(names).index(baseline)]
    return [
        _score(name, returns[:, k], yearly_turnover[k], None if name == baseline else base, tried, seed)
        for k, name in enumerate(names)
    ]


def _score(
    name: str, r: FloatArray, exchanged: float, base: FloatArray | None, tried: FloatArray, seed: int
) -> WalkScore:
    nan = float("nan")
    low, high = sharpe_interval(r, seed=seed)
    apart = (nan, nan) if base is None else sharpe_difference_interval(r, base, seed=seed)
    squares = None if base is None else (r - r.mean()) ** 2 - (base - base.mean()) ** 2
    worst = np.sort(r)[: max(1, round(TAIL * len(r)))]
    return WalkScore(
        strategy=name,
        yearly_return=float(np.exp(np.log1p(r).mean() * SESSIONS_A_YEAR) - 1.0),
        volatility=float(r.std() * np.sqrt(SESSIONS_A_YEAR)),
        sharpe=float(sharpe_a_session(r[:, None])[0] * np.sqrt(SESSIONS_A_YEAR)),
        sharpe_from=low,
        sharpe_to=high,
        drawdown=max_drawdown(r),
        cvar=float(-worst.mean()),
        turnover=exchanged,
        mean_t=nan if base is None else hac_t(r - base),
        risk_t=nan if squares is None else hac_t(squares),
        sharpe_low=apart[0],
        sharpe_high=apart[1],
        deflated_sharpe=deflated_sharpe(r, tried),
    )


def hac_t(difference: FloatArray, lags: int = LAGS) -> float:
    """Return the t of a mean with an error that allows for dependence; NaN where it never varies."""
    error = hac_standard_error(difference, lags)
    return float(difference.mean() / error) if error > 0 else float("nan")


def sharpe_a_session(returns: FloatArray) -> FloatArray:
    """Return mean over standard deviation of each column (D, K) -> (K,); 0 where nothing varies."""
    deviation = returns.std(axis=0)
    return np.asarray(
        np.divide(returns.mean(axis=0), deviation, out=np.zeros(returns.shape[1]), where=deviation > 0)
    )


def max_drawdown(returns: FloatArray) -> float:
    """Return the deepest fall of wealth from an earlier peak, the start included, as a positive fraction."""
    wealth = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return float(np.max(1.0 - wealth / np.maximum.accumulate(wealth)))


def sharpe_interval(returns: FloatArray, *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % block-bootstrap interval of the yearly Sharpe ratio of returns (D,)."""
    sums = np.stack([returns, returns**2, np.ones_like(returns)], axis=1)
    return session_block_interval(sums, lambda s: _sharpe(s[:, 0], s[:, 1], s[:, 2]), block=BLOCK, seed=seed)


def sharpe_difference_interval(one: FloatArray, other: FloatArray, *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two yearly Sharpe ratios on the same sessions."""
    sums = np.stack([one, one**2, other, other**2, np.ones_like(one)], axis=1)
    return session_block_interval(
        sums,
        lambda s: _sharpe(s[:, 0], s[:, 1], s[:, 4]) - _sharpe(s[:, 2], s[:, 3], s[:, 4]),
        block=BLOCK,
        seed=seed,
    )


def _sharpe(total: FloatArray, squares: FloatArray, count: FloatArray) -> FloatArray:
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-300))
    return np.asarray(mean / deviation * np.sqrt(SESSIONS_A_YEAR))


def deflated_sharpe(returns: FloatArray, tried: FloatArray) -> float:
    """Return the probability that a Sharpe ratio is above the best that worthless trials would show.

    Parameters
    ----------
    returns : ndarray (D,)
    tried : ndarray (M,)
        Sharpe ratios a session of everything that was tried, this one included. With one trial it is the
        probability that the ratio is above zero.

    References
    ----------
    Bailey & Lopez de Prado (2014), J. Portfolio Management 40(5).
    """
    D, M = len(returns), len(tried)
    z = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((z**3).mean()), float((z**4).mean())
    ratio = float(returns.mean() / returns.std())
    best = 0.0
    if M > 1:
        best = float(np.std(tried, ddof=1)) * float(
            (1.0 - EULER) * ndtri(1.0 - 1.0 / M) + EULER * ndtri(1.0 - 1.0 / (M * np.e))
        )
    spread = np.sqrt(max(1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2, 1e-12))
    return float(ndtr((ratio - best) * np.sqrt(D - 1) / spread))


def probability_of_overfitting(returns: FloatArray, parts: int = PARTS) -> float:
    """Return how often the best strategy of one half of a walk is among the worse half in the other.

    Combinatorially symmetric cross-validation over all ways to choose half of ``parts`` equal spans, by
    Sharpe ratio. 0.5 is what chance gives: then the past says nothing on which strategy to take.

    Parameters
    ----------
    returns : ndarray (D, K)
        At least two strategies, and 4 sessions a part.

    Raises
    ------
    ValueError
        Too few strategies or sessions, or an odd number of parts.

    References
    ----------
    Bailey, Borwein, Lopez de Prado & Zhu (2017), J. Computational Finance 20(4).
    """
    D, K = returns.shape
    if K < 2 or parts % 2 or 4 * parts > D:
        raise ValueError(f"{K} strategies over {D} sessions in {parts} parts can't be cross-validated")
    length = D // parts
    spans = returns[D - parts * length :].reshape(parts, length, K)
    total, squares = spans.sum(axis=1), (spans**2).sum(axis=1)  # (parts, K)
    chosen = np.array(list(combinations(range(parts), parts // 2)))
    inside = np.zeros((len(chosen), parts))
    np.put_along_axis(inside, chosen, 1.0, axis=1)
    count = np.full((1, 1), parts // 2 * length, dtype=float)
    known = _sharpe(inside @ total, inside @ squares, count)  # (ways, K)
    later = _sharpe((1.0 - inside) @ total, (1.0 - inside) @ squares, count)
    best = known.argmax(axis=1)
    picked = later[np.arange(len(best)), best]
    rank = (later < picked[:, None]).sum(axis=1) + (
        (later == picked[:, None]).sum(axis=1) + 1
    ) / 2.0  # 1 .. K
    return float(np.mean(rank / (K + 1) <= 0.5))
