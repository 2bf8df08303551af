"""How forecasts did where an earnings report fell into their horizon, and elsewhere, from backtests' CSVs.

    python benchmarks/reaction_days.py HOME BACKTEST.csv [BACKTEST.csv ...]

HOME holds the calendar (`barograph --home HOME import earnings FILE`).
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np

from collectors.store import last_session
from desktop_app.store import open_home_reader
from fusion_model.dataset.panel import load_panel
from fusion_model.evaluation.metrics import inside_central_range, scored_pinball
from fusion_model.evaluation.scorecard import BacktestTable, read_backtest
from fusion_model.findings import HORIZONS

REACTS = 0.4  # share of a reaction from which a session counts as one


def main() -> None:
    """Print a line per file, model and horizon."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    chosen = parser.parse_args()
    with closing(open_home_reader(chosen.home)) as db:
        panel = load_panel(db, last_session(db) or "")
    if panel.earnings is None:
        raise SystemExit("no earnings announcement is stored in this home")
    reacts = panel.earnings[:, :, 0] >= REACTS
    row_of = {session: t for t, session in enumerate(panel.sessions)}
    column_of = {ticker: n for n, ticker in enumerate(panel.tickers)}
    print(f"{'file':<28} {'model':<22} h   reactions: rows  90 %  pinball   others: rows  90 %  pinball")
    for file in chosen.files:
        table = read_backtest(file)
        t = np.array([row_of[session] for session in table.as_of_session])
        n = np.array([column_of[ticker] for ticker in table.ticker])
        for model in sorted(set(table.model)):
            for horizon in HORIZONS:
                rows = (table.model == model) & (table.horizon == horizon) & np.isfinite(table.realised)
                hit = np.zeros(len(t), dtype=bool)
                for ahead in range(1, horizon + 1):
                    inside = t + ahead < len(panel.sessions)
                    hit[inside] |= reacts[t[inside] + ahead, n[inside]]
                parts = [figures(table, rows & hit), figures(table, rows & ~hit)]
                print(f"{file.name:<28} {model:<22} {horizon:<3} {parts[0]}   {parts[1]}")


def figures(table: BacktestTable, rows: np.ndarray) -> str:
    """Return rows, coverage of the 90 % range and mean pinball loss as text."""
    realised, quantiles = table.realised[rows], table.quantiles[rows]
    held = float(inside_central_range(realised, quantiles, 0.90).mean())
    return f"{rows.sum():15,d} {held:6.3f} {float(scored_pinball(realised, quantiles).mean()):8.4f}"


if __name__ == "__main__":
    main()
