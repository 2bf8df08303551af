"""What a refresh costs: forecasts, reasons, risk and anomalies of a whole record, as the command makes them.

    python benchmarks/refresh.py HOME [--tickers 108,500,1000] [--runs 3] [--keep FOLDER]

HOME has prices and a trained model. A record of more stocks is made of it: each further one is a stock of
HOME under another name, its prices times a random walk of its own (1 % a session), with the splits,
dividends and earnings dates of the original. The model is that of HOME, which knows each further stock as
the original.
Each run is `barograph refresh` as a process of its own, on a fresh copy of that record, in which neither this
nor the session before was forecast: processor time of all its threads, wall time, largest resident memory.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from collectors.market_calendar import session_close
from collectors.store import load_source_bars, load_tickers, save_bars_of, writing
from collectors.universe import load_universe
from desktop_app.store import open_home, watch
from fusion_model import store
from fusion_model.dataset.panel import CLOSE
from fusion_model.findings import FUSION_MODEL
from fusion_model.forecasting.fusion_forecaster import FittedState, FusionForecaster

WALK = 0.01  # of a further stock beside its original, a session


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    processor_s: float
    wall_s: float
    memory_mb: float


def fill(home: Path, source: Path, number: int, seed: int = 0) -> None:
    """Copy a home with its newest model, and add stocks until there are ``number``, all watched."""
    shutil.copytree(source, home, ignore=shutil.ignore_patterns("backups", "logs", "locks"))
    random = np.random.default_rng(seed)
    with closing(open_home(home)) as db:
        originals = load_tickers(db)
        names = [name for name in sorted(load_universe()) if name not in originals]
        names += [f"ZZ{place:04d}" for place in range(number)]
        more = {name: originals[place % len(originals)] for place, name in enumerate(names)}
        more = dict(list(more.items())[: max(number - len(originals), 0)])
        for name, original in more.items():
            add_alike(db, name, original, random)
        watch(db, [*originals, *more], session_close("2021-04-21"))
        newest = store.load_trained_model(db, FUSION_MODEL)
        assert newest is not None
        known = FusionForecaster.load(home / "models" / newest.folder)
        known._adopt(alike(known.state, more))
        folder = known.save(home / "models")
        again = replace(
            newest,
            model_version=known.model_version,
            folder=folder.name,
            trained_at=newest.trained_at + "1",
        )
        store.save_trained_model(db, again)
        db.execute("ANALYZE")


def add_alike(db: sqlite3.Connection, name: str, original: str, random: np.random.Generator) -> None:
    """Add a stock like another one, under its own name."""
    [source] = {row[0] for row in db.execute("SELECT source FROM price_bar WHERE ticker = ?", (original,))}
    bars = load_source_bars(db, original, source)
    sessions = sorted(bars)
    prices = np.array([bars[session] for session in sessions])
    prices[:, : CLOSE + 1] *= np.exp(np.cumsum(random.normal(0.0, WALK, len(prices))))[:, None]
    prices[:, : CLOSE + 1] = np.maximum(prices[:, : CLOSE + 1], 0.01)
    known_at = [session_close(session) for session in sessions]
    save_bars_of(db, name, source, sessions, prices.T.tolist(), known_at, known_at[-1])
    with writing(db):
        for table, columns in (
            ("corporate_action", "session, kind, ratio_or_amount, source, available_at"),
            ("earnings_announcement", "announced_on, time_of_day, source, available_at"),
        ):
            db.execute(
                f"INSERT INTO {table} (ticker, {columns}) SELECT ?, {columns} FROM {table} WHERE ticker = ?",
                (name, original),
            )


def alike(state: FittedState, more: dict[str, str]) -> FittedState:
    """Return a model that knows each further stock as it knows the original."""
    known = [(name, original) for name, original in more.items() if original in state.history_tickers]
    places = [state.history_tickers.index(original) for _, original in known]
    stack = state.stack
    if stack is not None:
        parameters = stack.garch.parameters
        added = {name: parameters[original] for name, original in known if original in parameters}
        stack = replace(stack, garch=replace(stack.garch, parameters=parameters | added))
    return replace(
        state,
        history_tickers=(*state.history_tickers, *(name for name, _ in known)),
        history=np.concatenate([state.history, state.history[:, places]], axis=1),
        stack=stack,
    )


def run(home: Path) -> Cost:
    """Refresh once, as a command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "desktop_app", "--home", str(home), "--json", "refresh"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(
        processor_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wall_s=time.perf_counter() - begun,
        memory_mb=after.ru_maxrss / 1024,
    )


def main() -> None:
    """Print a row for each number of stocks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("home", type=Path)
    parser.add_argument("--tickers", default="108,500,1000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the made-up records; used again where they are")
    options = parser.parse_args()
    print(
        "| stocks | bars | processor s: fastest (median) | wall s: fastest (median) | peak memory |\n"
        "|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as aside:
        for number in map(int, options.tickers.split(",")):
            record = (options.keep or Path(aside)) / f"stocks{number}"
            if not record.exists():
                fill(record, options.home, number)
            print(measured(record, Path(aside) / "home", options.runs), flush=True)


def measured(record: Path, home: Path, runs: int) -> str:
    """Return a row of the table."""
    costs = []
    for _ in range(runs):
        shutil.copytree(record, home)
        costs.append(run(home))
        with closing(open_home(home)) as db:
            stocks, bars = len(load_tickers(db)), db.execute("SELECT count(*) FROM price_bar").fetchone()[0]
        shutil.rmtree(home)
    processor, wall = ([getattr(cost, name) for cost in costs] for name in ("processor_s", "wall_s"))
    return (
        f"| {stocks:,} | {bars:,} | {min(processor):.1f} ({statistics.median(processor):.1f}) "
        f"| {min(wall):.1f} ({statistics.median(wall):.1f}) | {max(c.memory_mb for c in costs):,.0f} MB |"
    )


if __name__ == "__main__":
    main()
