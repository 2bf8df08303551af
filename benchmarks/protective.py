"""What comes after a price leaves its 95 % range: is there more risk than before, and does selling gain?

    python -m benchmarks.protective HOME BACKTEST.csv [BACKTEST.csv ...]

HOME holds the prices, the backtests one-session forecasts of the model "fusion" on them. A session counts
where its low lay below the range, or its high above. Daily bars do not tell when: the sale is taken at that
session's close, a later price than the one that triggered. Risk is the squared return after it over the
variance that was forecast the evening before the breach; gains are those of the part sold, after ten
hundredths of a percent, with the intervals of the journal (spans of h sessions count once).
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np

from collectors.store import last_session
from desktop_app.store import open_home_reader
from fusion_model.advice.orders import HIGH as HIGH_LEVEL
from fusion_model.advice.orders import LOW as LOW_LEVEL
from fusion_model.dataset.panel import CLOSE, HIGH, LOW, load_panel
from fusion_model.evaluation.decisions import Followed, tally
from fusion_model.evaluation.scorecard import read_backtest
from fusion_model.evaluation.significance import session_block_interval
from fusion_model.findings import FUSION_MODEL, HORIZONS

COST = 0.001


def main() -> None:
    """Print a line per kind of session and horizon."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    chosen = parser.parse_args()
    with closing(open_home_reader(chosen.home)) as db:
        panel = load_panel(db, last_session(db) or "")
    row_of = {session: t for t, session in enumerate(panel.sessions)}
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    T, N = len(panel.sessions), len(panel.tickers)
    low, high, variance = (np.full((T, N), np.nan) for _ in range(3))
    for file in chosen.files:
        table = read_backtest(file)
        for i in np.flatnonzero((table.model == FUSION_MODEL) & (table.horizon == 1)):
            t, n = row_of[str(table.target_session[i])], column_of[str(table.ticker[i])]
            low[t, n], high[t, n] = table.quantiles[i, LOW_LEVEL], table.quantiles[i, HIGH_LEVEL]
            variance[t, n] = spread(table.quantiles[i])
    before = np.vstack([np.full((1, N), np.nan), panel.ohlcv[:-1, :, CLOSE]]) / panel.split_ratio
    with np.errstate(invalid="ignore", divide="ignore"):
        bottom = np.log(panel.ohlcv[:, :, LOW] / before)
        top = np.log(panel.ohlcv[:, :, HIGH] / before)
        known = np.isfinite(low) & np.isfinite(bottom)
        below, above = known & (bottom < low), known & (top > high)
    kinds = {"below": below & ~above, "above": above & ~below, "within": known & ~below & ~above}
    wealth = np.nancumsum(np.nan_to_num(panel.log_returns), axis=0)
    print(f"{known.sum():,} stock-sessions, {panel.sessions[int(np.flatnonzero(known.any(1))[0])]} to "
          f"{panel.sessions[int(np.flatnonzero(known.any(1))[-1])]}")  # fmt: skip
    print("price      sessions   share  h   risk  (95 %)          gain of selling  (95 %)            says")
    for name, events in kinds.items():
        for place, h in enumerate(HORIZONS):
            later = np.full((T, N), np.nan)
            later[:-h] = wealth[h:] - wealth[:-h]
            risk = np.where(events, later**2 / (h * variance), np.nan)
            ratio, interval = risk_of(risk, h)
            gains = -np.expm1(later) - COST
            followed = [
                Followed("", panel.sessions[t], 1.0, (), (float(gains[t, n]),) * len(HORIZONS))
                for t, n in zip(*np.nonzero(events & np.isfinite(later)), strict=True)
            ]
            row = tally(name, followed)[place]
            print(
                f"{name:<9} {events.sum():>9,}  {events.sum() / known.sum():6.1%} {h:>3}  {ratio:5.2f}  "
                f"({interval[0]:.2f} to {interval[1]:.2f})   {row.mean:+.3%}  "
                f"({row.low:+.3%} to {row.high:+.3%})  {row.verdict}",
                flush=True,
            )


def spread(quantiles: np.ndarray) -> float:
    """Return the variance of a normal distribution with the quantiles' central 80 %, robust to tails."""
    return float(((quantiles[-4] - quantiles[3]) / (2 * 1.2815516)) ** 2)


def risk_of(risk: np.ndarray, horizon: int) -> tuple[float, tuple[float, float]]:
    """Return the mean of a ratio (T, N) over its events, and its interval over blocks of sessions."""
    sums = np.stack([np.nansum(risk, axis=1), np.isfinite(risk).sum(axis=1)], axis=1).astype(float)
    rows = sums[np.flatnonzero(sums[:, 1])[0] : np.flatnonzero(sums[:, 1])[-1] + 1]
    mean = float(rows[:, 0].sum() / rows[:, 1].sum())
    low, high = session_block_interval(rows, lambda told: told[:, 0] / told[:, 1], block=max(20, 2 * horizon))
    return mean, (low, high)


if __name__ == "__main__":
    main()
