"""How the program holds out when left alone: benchmarks/endurance.py year [--year 2024] [--seed 1]."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from desktop_app.terminal import table  # noqa: E402
from tests.simulated_year import (  # noqa: E402
    Account,
    account,
    live_through,
    simulated_jobs,
    year_of_trouble,
)


def year(arguments: argparse.Namespace) -> int:
    """Let the schedule live through a year with the settings' defaults, and print what became of it."""
    logging.disable(logging.CRITICAL)
    world = year_of_trouble(arguments.year, arguments.seed)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        told = account(live_through(home, world), world, simulated_jobs(home, world))
    missed = told.sessions - told.stored_once
    rows = [
        ("sessions", told.sessions),
        ("collected once", told.stored_once),
        ("by a run of their own", told.own_run),
        ("caught up by a later run", told.caught_up),
        ("collected twice", told.doubles),
        ("missed", missed),
        ("times of any job without run or reason", len(told.unexplained)),
        ("posts", told.posts),
        ("posts missed", told.posts_lost),
        ("killed in the middle of a run", world.deaths),
        ("set back of the clock, told", len(told.clock)),
    ]
    print(table(("", f"{arguments.year}"), [(name, f"{count:,}") for name, count in rows]))
    print()
    print(_by_job(told))
    print()
    for run in [*told.clock, *(run for run in told.skips if run.job == "prices")]:
        print(f"{run.job}: {run.message}")
    print(f"\n{time.monotonic() - begun:.0f} s")
    return 1 if missed or told.doubles or told.unexplained or told.posts_lost else 0


def _by_job(told: Account) -> str:
    jobs = dict.fromkeys(job for job, _ in told.outcomes)
    header = ("job", "done", "tried again", "failed", "rows of skipped times")
    outcomes = ("done", "retry", "failed", "skipped")
    return table(header, [(job, *(f"{told.outcomes.get((job, o), 0):,}" for o in outcomes)) for job in jobs])


def main() -> int:
    """Run the trial that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    trials = parser.add_subparsers(dest="trial", required=True)
    simulated = trials.add_parser("year", help="a simulated year of schedule")
    simulated.add_argument("--year", type=int, default=2024)
    simulated.add_argument("--seed", type=int, default=1)
    simulated.set_defaults(run=year)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
