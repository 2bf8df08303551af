"""The ranking table of RSR (2019) run again: which of a market's stocks returns most tomorrow?

    python benchmarks/published/rsr.py [../shared/data] [--json] [--seed 7]
    python benchmarks/published/rsr.py --panel MARKET.npz --dates DATES.csv --test-from 2017-01-03

A panel is an .npz with ``features`` (stocks, days, any number; the last one is the close, -1234 where there
is none); the dates are a text file with one day a line, oldest first, of which the last ones belong to the
panel's days. Closes may be in any unit: only ratios of past ones are read. The published panel's closes are
divided by each stock's highest close of the whole period, which tells the future; one line of the table
reads that on purpose. Some five minutes on one core.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.published.report import PUBLISHED, Cell, Report, data_argument, publish, require
from benchmarks.published.rsr_market import Market, read_market
from benchmarks.published.rsr_models import fusion_means, lightgbm_means
from fusion_model.dataset.panel import FloatArray
from fusion_model.evaluation.metrics import rank_correlations
from fusion_model.evaluation.significance import session_block_interval
from fusion_model.evaluation.standard_error import lags_of

# Feng et al. (2019), "Temporal Relational Ranking for Stock Prediction", table of NASDAQ: MRR and IRR.
PUBLISHED_FIGURES = {"RSR_I": (0.0409, 1.19), "Rank_LSTM": (0.0417, 0.68), "LSTM": (0.0364, 0.13)}
TEST = ("2017-01-03", "2017-12-08")  # the last day of the published panel lacks half of the stocks
DRAWS = 500
RESAMPLES = 2000
VOLATILITY_SESSIONS = 20

Scores = NDArray[np.float64]  # (N, S): higher is expected to return more; NaN where nothing is said


# How a ranking did -------------------------------------------------------------------------------


def top_pick(scores: FloatArray, came: FloatArray) -> tuple[float, float]:
    """Return 1 / (true rank of the pick with the highest score), and what it returned, of one day.

    Where several share the highest score, the mean over them. Stocks without score or return do not count.
    """
    known = np.isfinite(scores) & np.isfinite(came)
    said, got = scores[known], came[known]
    picks = np.flatnonzero(said == said.max())
    better = len(got) - np.searchsorted(np.sort(got), got[picks], side="right")
    return float(np.mean(1.0 / (1.0 + better))), float(got[picks].mean())


def daily_rank_ic(scores: Scores, came: FloatArray) -> FloatArray:
    """Return Spearman's correlation of scores and returns across the stocks of each day, (S,)."""
    known = np.isfinite(scores) & np.isfinite(came)
    day = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return rank_correlations(day[known], scores[known], came[known])


def ranking_row(scores: Scores, came: FloatArray, seed: int) -> dict[str, Cell]:
    """Return MRR, IRR and mean RankIC with intervals from blocks of days."""
    S = came.shape[1]
    picked = np.array([top_pick(scores[:, day], came[:, day]) for day in range(S)])
    ic = daily_rank_ic(scores, came)
    row: dict[str, Cell] = {"MRR": float(picked[:, 0].mean()), "IRR": float(picked[:, 1].sum())}
    row["MRR 95 %"] = _interval(picked[:, 0], seed, 1.0)
    row["IRR 95 %"] = _interval(picked[:, 1], seed, float(S))
    if np.isfinite(ic).all():
        row["RankIC"] = float(ic.mean())
        row["RankIC 95 %"] = _interval(ic, seed, 1.0)
    return row


def _interval(daily: FloatArray, seed: int, times: float) -> tuple[float, float]:
    def of_sums(sums: FloatArray) -> FloatArray:
        return np.asarray(times * sums[:, 0] / sums[:, 1])

    rows = np.column_stack([daily, np.ones(len(daily))])
    return session_block_interval(rows, of_sums, block=lags_of(1), resamples=RESAMPLES, seed=seed)


def luck(came: FloatArray, seed: int) -> dict[str, Cell]:
    """Return the mean of DRAWS random rankings, and the range that holds 95 % of them."""
    random = np.random.default_rng(seed)
    figures = np.zeros((3, DRAWS))
    for day in came.T:
        got = np.sort(day[np.isfinite(day)])[::-1]
        ranks = np.arange(1.0, len(got) + 1)
        drawn = random.permuted(np.tile(ranks, (DRAWS, 1)), axis=1)  # the random rank of each stock
        pick = drawn.argmin(axis=1)
        figures += np.stack([1.0 / ranks[pick], got[pick], _correlations(ranks, drawn)])
    days = came.shape[1]
    row: dict[str, Cell] = {}
    for name, values, over in zip(("MRR", "IRR", "RankIC"), figures, (days, 1, days), strict=True):
        low, high = np.quantile(values / over, [0.025, 0.975])
        row[name], row[f"{name} 95 %"] = float(values.mean() / over), (float(low), float(high))
    return row


def _correlations(one: FloatArray, others: FloatArray) -> FloatArray:
    """Return the correlation of (n,) with each row of (K, n), all of them the same ranks in another order."""
    centred = one - one.mean()
    return np.asarray((others - one.mean()) @ centred / (centred @ centred))


def squared_error(foretold: FloatArray, came: FloatArray) -> float:
    """Return the mean squared error in units of 1e-4, over all stocks and days that have both."""
    return float(np.nanmean((foretold - came) ** 2) * 1e4)


# Rankings ----------------------------------------------------------------------------------------


def room_to_the_top(closes: FloatArray) -> FloatArray:
    """Return how far the highest level so far lies below one, (N, T): what the division by the maximum tells.

    A stock whose levels have stayed below one until now will stand at one on a day still to come.
    """
    return np.asarray(-np.log(np.fmax.accumulate(closes, axis=1)))


def past_volatility(returns: FloatArray) -> FloatArray:
    """Return the root mean square of the last VOLATILITY_SESSIONS returns, (N, T)."""
    known = np.isfinite(returns)
    total = np.cumsum(np.where(known, returns, 0.0) ** 2, axis=1)
    count = np.cumsum(known, axis=1)
    for sums in (total, count):
        sums[:, VOLATILITY_SESSIONS:] -= sums[:, :-VOLATILITY_SESSIONS].copy()
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(total / count))


def main() -> None:
    """Print the table."""
    parser = data_argument(__doc__, "../shared/data", "folder with benchmarks/rsr_nasdaq")
    parser.add_argument("--panel", type=Path, help="another market's panel (.npz)")
    parser.add_argument("--dates", type=Path, help="the days of that panel")
    parser.add_argument("--test-from", default=TEST[0], help=f"first day foretold ({TEST[0]})")
    parser.add_argument("--test-to", default=TEST[1], help=f"last day foretold ({TEST[1]})")
    chosen = parser.parse_args()
    home = chosen.data / "benchmarks" / "rsr_nasdaq"
    panel, dates = chosen.panel or home / "panel.npz", chosen.dates or home / "dates.csv"
    require(panel, dates)
    market = read_market(panel, dates, chosen.test_from, chosen.test_to)
    came, returns, seed = market.came, market.returns, chosen.seed

    title = f"{panel.parent.name}: {came.shape[0]:,} stocks, {came.shape[1]} test days"
    report = Report(
        f"{title}, {market.days[market.first]} .. {market.days[market.stop - 1]}",
        {
            "MRR": 4, "MRR 95 %": 4, "IRR": 2, "IRR 95 %": 2, "RankIC": 4, "RankIC 95 %": 4,
            "MSE 1e-4": 4, "from": 0,
        },
    )  # fmt: skip
    if chosen.panel is None:
        for name, (mrr, irr) in PUBLISHED_FIGURES.items():
            report.add(name, {"MRR": mrr, "IRR": irr, "from": PUBLISHED})
    zero = np.zeros(came.shape)
    report.add("zero", {**ranking_row(zero, came, seed), "MSE 1e-4": squared_error(zero, came)})
    report.add("random ranking", luck(came, seed))
    rankings: dict[str, FloatArray] = {
        "yesterday's return, reversed": -returns,
        "yesterday's return": returns,
        "most volatile of 20 days": past_volatility(returns),
    }
    for name, values in rankings.items():
        report.add(name, ranking_row(market.known(values), came, seed))
    learners: dict[str, Callable[[Market, int], FloatArray]] = {"fusion with a mean head": fusion_means}
    if importlib.util.find_spec("lightgbm"):
        learners["LightGBM on our features"] = lightgbm_means
    else:
        report.notes.append("LightGBM is not installed: its row is left out.")
    for name, learn in learners.items():
        means = learn(market, seed)
        report.add(name, {**ranking_row(means, came, seed), "MSE 1e-4": squared_error(means, came)})
    room = market.known(room_to_the_top(market.closes))
    report.add("NO MODEL, reads the leak", ranking_row(room, came, seed))
    report.notes += [
        "MRR: mean of 1 / true rank of the top pick; IRR: sum of its returns; RankIC: mean of days.",
        f"95 %: for random what holds 95 % of {DRAWS} rankings; else a bootstrap of blocks of 10 days.",
        "The last row ranks by how far the highest level so far lies below 1. Only the division of all",
        "prices by the highest of the whole period tells that: it is what a reader of the levels wins.",
    ]
    publish([report], chosen.json)


if __name__ == "__main__":
    main()
