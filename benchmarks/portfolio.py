"""Five ways to spread a portfolio walked forward beside 1/N and buy-and-hold, after costs.

    python benchmarks/portfolio.py HOME --choose      2012-2016: every setting that was tried
    python benchmarks/portfolio.py HOME               2017-2021: the one that was chosen, once
    python benchmarks/portfolio.py HOME --small 20    the same for 10 portfolios of 20 stocks, drawn by lot

HOME holds daily prices (`barograph --home HOME import prices ../shared/data/prices/us_daily`). Decisions
every 20 sessions on a filtered historical simulation, traded at the next close at 10 basis points a side.
"""

from __future__ import annotations

import argparse
import csv
from contextlib import closing
from itertools import product
from pathlib import Path

import numpy as np

from desktop_app.store import open_home_reader
from fusion_model.advice.portfolio_limits import Limits
from fusion_model.dataset.panel import FloatArray, load_panel
from fusion_model.evaluation.portfolio_scores import (
    probability_of_overfitting,
    score_walk,
    sharpe_a_session,
)
from fusion_model.evaluation.portfolio_walk import (
    DECAY,
    WINDOW,
    FilteredHistory,
    Walk,
    decide_by,
    hold_equal,
    walk_forward,
)
from fusion_model.portfolio_findings import EQUAL_WEIGHT, HOLD, METHOD_NAMES, METHODS, WalkScore

CHOICE, TEST = ("2012-01-03", "2016-12-30"), ("2017-01-03", "2021-04-20")
COST = 0.001
CAP = 0.10  # of one ticker
TRIED = tuple(product((250, 750), (0.94, 0.97), (0.10,)))  # window, decay, cap
SMALL = 10  # portfolios
YEAR = 252  # sessions


def main() -> None:
    """Print the tables; with --out write the returns of each session."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("--choose", action="store_true", help="walk 2012-2016 with every setting")
    parser.add_argument("--small", type=int, metavar="N", help="10 portfolios of N stocks drawn by lot")
    parser.add_argument("--setting", nargs=3, type=float, metavar=("WINDOW", "DECAY", "CAP"))
    parser.add_argument(
        "--trials", type=Path, help="CSV of --choose --out: what the Sharpe ratios are deflated by"
    )
    parser.add_argument("--out", type=Path, help="CSV: a row per session, a column per strategy")
    chosen = parser.parse_args()
    with closing(open_home_reader(chosen.home)) as db:
        panel = load_panel(db, TEST[1], first_session="2006-01-03")
    returns, sectors = np.expm1(panel.log_returns), panel.sectors
    print(f"{len(panel.tickers)} stocks; members of the index in 2021: what failed before is missing")
    window, decay, cap = chosen.setting or (WINDOW, DECAY, CAP)
    setting = (int(window), decay, cap)
    if chosen.choose:
        choose(returns, panel.sessions, sectors, chosen.out)
    elif chosen.small:
        small(returns, panel.sessions, sectors, chosen.small, setting)
    else:
        walk = walked(returns, panel.sessions, sectors, TEST, setting)
        report(walk, trials_in(chosen.trials), chosen.out)


def walked(
    returns: FloatArray,
    sessions: tuple[str, ...],
    sectors: tuple[str, ...],
    span: tuple[str, str],
    setting: tuple[int, float, float],
) -> Walk:
    """Walk every method, 1/N and buy-and-hold over a span."""
    window, decay, cap = setting
    history = FilteredHistory(returns, window=window, decay=decay)
    limits = Limits(max_weight=cap, cost=COST)
    decide = {method: decide_by(method, history, sectors, limits) for method in METHODS}
    first, last = sessions.index(span[0]) - 2, sessions.index(span[1])
    return walk_forward(returns, sessions, {**decide, HOLD: hold_equal(history)}, first, last, cost=COST)


def choose(
    returns: FloatArray, sessions: tuple[str, ...], sectors: tuple[str, ...], out: Path | None
) -> None:
    """Print yearly Sharpe ratio, volatility and turnover of every setting on the span of choices."""
    names: list[str] = []
    means: dict[tuple[int, float, float], float] = {}
    columns: list[FloatArray] = []
    print(f"{'window decay  cap':<20}" + "".join(f"{METHOD_NAMES[method]:>26}" for method in METHODS))
    for setting in TRIED:
        walk = walked(returns, sessions, sectors, CHOICE, setting)
        cells = []
        for k, method in enumerate(METHODS):
            series = walk.returns[:, k]
            sharpe, volatility = series.mean() / series.std() * YEAR**0.5, series.std() * YEAR**0.5
            cells.append(f"{sharpe:.3f} {volatility:.2%} {walk.turnover[k]:.0%}")
            names.append(f"{method} {setting}")
            columns.append(series)
        methods = [k for k, method in enumerate(METHODS) if method != EQUAL_WEIGHT]
        means[setting] = float(sharpe_a_session(walk.returns[:, methods]).mean())
        name = f"{setting[0]} {setting[1]:.2f} {setting[2]:.2f}"
        print(f"{name:<20}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    best = max(means, key=means.__getitem__)
    print(f"highest mean Sharpe ratio of the four methods: {best[0]} {best[1]} {best[2]}")
    every = np.array(columns).T
    print(f"probability of overfitting among {len(names)} trials: {probability_of_overfitting(every):.2f}")
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([names, *every.tolist()])


def trials_in(path: Path | None) -> FloatArray | None:
    """Return the Sharpe ratios a session of everything tried, or None."""
    if path is None:
        return None
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return sharpe_a_session(np.array(rows, dtype=float))


def report(walk: Walk, trials: FloatArray | None, out: Path | None) -> list[WalkScore]:
    """Print a row per strategy."""
    scores = score_walk(walk.strategies, walk.returns, walk.turnover, EQUAL_WEIGHT, trials=trials)
    first, last = walk.sessions[0], walk.sessions[-1]
    print(f"{first} .. {last}, {len(walk.sessions)} sessions, {walk.decisions} decisions")
    header = (
        "strategy",
        "return",
        "vol",
        "Sharpe",
        "95 %",
        "drawdown",
        "CVaR",
        "turnover",
        "t mean",
        "t risk",
    )
    print_row(*header, "less 1/N", "deflated")
    for s in scores:
        print_row(
            METHOD_NAMES[s.strategy],
            f"{s.yearly_return:.2%}",
            f"{s.volatility:.2%}",
            f"{s.sharpe:.2f}",
            f"{s.sharpe_from:.2f} .. {s.sharpe_to:.2f}",
            f"{s.drawdown:.1%}",
            f"{s.cvar:.2%}",
            f"{s.turnover:.0%}",
            f"{s.mean_t:.2f}",
            f"{s.risk_t:.2f}",
            f"{s.sharpe_low:+.2f} .. {s.sharpe_high:+.2f}",
            f"{s.deflated_sharpe:.3f}",
        )
    print(f"probability of overfitting among {len(scores)}: {probability_of_overfitting(walk.returns):.2f}")
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as file:
            rows = zip(walk.sessions, walk.returns.tolist(), strict=True)
            csv.writer(file).writerows([["session", *walk.strategies], *([s, *r] for s, r in rows)])
    return scores


def small(
    returns: FloatArray,
    sessions: tuple[str, ...],
    sectors: tuple[str, ...],
    names: int,
    setting: tuple[int, float, float],
) -> None:
    """Print how often each method beats 1/N on portfolios that a person might hold."""
    random = np.random.default_rng(0)
    whole = np.flatnonzero(np.isfinite(returns[sessions.index(TEST[0]) - 1000 :]).all(axis=0))
    window, decay, cap = setting
    setting = (window, decay, max(cap, 2 / names))
    figures: list[list[tuple[float, ...]]] = []
    for _ in range(SMALL):
        kept = np.sort(random.choice(whole, names, replace=False))
        walk = walked(returns[:, kept], sessions, tuple(sectors[n] for n in kept), TEST, setting)
        scores = score_walk(walk.strategies, walk.returns, walk.turnover, EQUAL_WEIGHT)
        figures.append(
            [(s.yearly_return, s.volatility, s.sharpe, s.cvar, s.drawdown, s.turnover) for s in scores]
        )
    table = np.array(figures)  # (portfolios, strategies, figures)
    base = table[:, walk.strategies.index(EQUAL_WEIGHT)]
    print(
        f"{SMALL} portfolios of {names} stocks, {TEST[0]} .. {TEST[1]}: medians, and how many better than 1/N"
    )
    header = (
        "strategy",
        "return",
        "vol",
        "Sharpe",
        "CVaR",
        "drawdown",
        "turnover",
        "Sharpe >",
        "vol <",
        "CVaR <",
    )
    print_row(*header)
    for k, strategy in enumerate(walk.strategies):
        mid, mine = np.median(table[:, k], axis=0), table[:, k]
        print_row(
            METHOD_NAMES[strategy],
            f"{mid[0]:.2%}",
            f"{mid[1]:.2%}",
            f"{mid[2]:.2f}",
            f"{mid[3]:.2%}",
            f"{mid[4]:.1%}",
            f"{mid[5]:.0%}",
            str((mine[:, 2] > base[:, 2]).sum()),
            str((mine[:, 1] < base[:, 1]).sum()),
            str((mine[:, 3] < base[:, 3]).sum()),
        )


def print_row(name: str, *cells: str) -> None:
    """Print a line of a table."""
    print(f"{name:<26}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
