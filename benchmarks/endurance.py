"""How the program holds out when left alone: trials by name, each with --help."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from statistics import median

import stamina

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from collectors.archives import import_prices  # noqa: E402
from collectors.market_calendar import utc_now  # noqa: E402
from collectors.store import open_database  # noqa: E402
from desktop_app.store import DATABASE_NAME  # noqa: E402
from desktop_app.terminal import table  # noqa: E402
from tests.big_record import a_day_of_answers, collect_a_day, fill, look_at  # noqa: E402
from tests.collectors.faults import (  # noqa: E402
    FAULTS,
    POLICY,
    SOURCES,
    WRONG_CERTIFICATE,
    misbehave,
    open_sockets,
    outcome,
    three_sources,
)
from tests.desktop_app.facts import fill_home  # noqa: E402
from tests.disk_trouble import (  # noqa: E402
    overwrite_at_random,
    run_out_of_room,
    try_without_rights,
)
from tests.doctored_homes import show  # noqa: E402
from tests.killed import kill_at_random  # noqa: E402
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


def faults(arguments: argparse.Namespace) -> int:
    """Ask each source until it has met each fault so many times, at random turns, and print how it ended."""
    logging.disable(logging.CRITICAL)
    chance = random.Random(arguments.seed)
    rows, threads, sockets, foreign = [], threading.active_count(), open_sockets(), 0
    with stamina.set_testing(True, attempts=POLICY.attempts):
        for name, source in ((name, SOURCES[name]) for name in arguments.sources):
            met, ends, most = Counter[str](), Counter[tuple[str, str]](), Counter[str]()
            for tls in (False, True):
                with three_sources(tls=tls) as web:
                    left = [WRONG_CERTIFICATE] if tls else list(FAULTS)
                    fault = ""
                    misbehave(web, source, lambda: fault)  # noqa: B023 - the fault of this turn
                    while left:
                        fault = chance.choice(left)
                        before = len(web.requests)
                        try:
                            ends[fault, outcome(source, web)] += 1
                        except Exception as error:
                            print(f"{name}, {fault}: {type(error).__name__}: {error}")
                            foreign += 1
                        asked = web.paths()[before:].count(source.path) if not tls else 1
                        met[fault] += asked
                        most[fault] = max(most[fault], asked)
                        if met[fault] >= arguments.requests:
                            left.remove(fault)
            for fault in [*FAULTS, WRONG_CERTIFICATE]:
                told = ", ".join(f"{n:,} {how}" for (of, how), n in sorted(ends.items()) if of == fault)
                rows.append((name, fault, f"{met[fault]:,}", str(most[fault]), told))
    print(table(("source", "fault", "requests", "most a question", "questions that ended in"), rows, left=2))
    left_over = threading.active_count() - threads, open_sockets() - sockets
    print(f"errors that are not ours: {foreign}; threads and sockets left: {left_over}")
    too_many = any(int(row[3]) > 2 * POLICY.attempts for row in rows)
    return 1 if foreign or too_many or any(left_over) else 0


def kills(arguments: argparse.Namespace) -> int:
    """Kill a collection at random instants, and print what its records lack or hold twice."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, stamina.set_testing(True, attempts=POLICY.attempts):
        told = kill_at_random(Path(folder), arguments.times, arguments.seed)
    wrong = ("lost", "doubled", "half", "damaged")
    header = ("kills", "records finished after kills", "rows in them", *wrong)
    print(table(header, [tuple(f"{told[name]:,}" for name in ("kills", "records", "rows", *wrong))], left=0))
    return 1 if any(told[name] for name in wrong) else 0


def full(arguments: argparse.Namespace) -> int:
    """Collect into records that may grow no further at some random size, then give them room."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, stamina.set_testing(True, attempts=POLICY.attempts):
        told = run_out_of_room(Path(folder), arguments.times, arguments.seed)
    header = ("full disks", "clear errors", "old rows lost", "half batches", "damaged", "wanting after room")
    names = ("times", "clear", "lost", "half", "damaged", "wanting")
    print(table(header, [tuple(f"{told[name]:,}" for name in names)], left=0))
    wrong = told["times"] - told["clear"] + sum(told[name] for name in names[2:])
    return 1 if wrong else 0


def readonly(_: argparse.Namespace) -> int:
    """Run commands on a home that may be read alone, and print how each ended."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        told = try_without_rights(fill_home(Path(folder) / "home"))
        rows = [(command, str(code), said.replace(folder, "")) for command, code, said in told]
    print(table(("command", "exit code", "says"), rows, left=3))
    print("nothing was changed")
    return 1 if any(code != "3" for _, code, _ in rows) else 0


def pages(arguments: argparse.Namespace) -> int:
    """Overwrite random pages of a home's database, let the doctor mend it, and collect the gap again."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, stamina.set_testing(True, attempts=POLICY.attempts):
        told = overwrite_at_random(Path(folder), arguments.times, arguments.seed)
    header = ("homes", "pages overwritten", "found", "set aside and restored", "rows wanting at the end")
    names = ("times", "pages", "found", "restored", "wanting")
    print(table(header, [tuple(f"{told[name]:,}" for name in names)], left=0))
    return 0 if told["found"] == told["restored"] == told["times"] and not told["wanting"] else 1


def big(arguments: argparse.Namespace) -> int:
    """Collect a day into a record of millions of rows, and look at it; beside a record of a thousandth.

    The bar is held against the processor's seconds: those on the wall grow with whoever else computes.
    """
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, stamina.set_testing(True, attempts=POLICY.attempts):
        tickers = [f"T{number:03d}" for number in range(arguments.tickers)]
        looks, own = dict[str, dict[str, float]](), 0.0
        sizes = {"small": (60, arguments.posts // 1000), "big": (arguments.sessions, arguments.posts)}
        for name, (sessions, posts) in {"warm": (60, 100), **sizes}.items():
            home = Path(folder) / name
            fill(home, tickers=len(tickers), sessions=sessions, posts=posts)
            with a_day_of_answers(tickers, sessions, posts=100) as web:
                took, waited, read = collect_a_day(home, tickers, web)
            seen = look_at(home, tickers[0]).of
            if name == "warm":  # what is imported then takes no time later
                continue
            rows = []
            for part, seconds in took.of.items():
                wait, lib = waited.of.get(part, 0.0), read.of.get(part, 0.0)
                computed = took.processor[part] - sum(
                    spent.processor.get(part, 0.0) for spent in (waited, read)
                )
                own = computed + (own if rows else 0.0)
                figures = (seconds, wait, lib, seconds - wait - lib, computed)
                rows.append((part, *(f"{figure:.2f}" for figure in figures)))
            size = (home / DATABASE_NAME).stat().st_size / 1e6
            print(f"{len(tickers) * sessions:,} bars and {posts:,} posts, {size:,.0f} MB")
            header = (
                "a day collected, s",
                "in all",
                "waiting",
                "yfinance reading",
                "ours",
                "ours, computing",
            )
            print(table(header, rows), f"\nours in all, computing: {own:.2f} s\n")
            looks[name] = seen
    print(
        table(("s", *looks), [(part, *(f"{of[part]:.2f}" for of in looks.values())) for part in looks["big"]])
    )
    return 0 if own < 2.0 else 1


def doctor(_: argparse.Namespace) -> int:
    """Show what `barograph doctor` says of a healthy home, one without keys, and a damaged one."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for title, said in show(Path(folder), utc_now()):
            print(f"--- {title}\n{said}\n")
    return 0


def import_speed(arguments: argparse.Namespace) -> int:
    """Import price files and insert the same rows by a plain executemany, in turn, and compare."""
    rows: list[tuple[object, ...]] = []
    seconds: dict[str, list[float]] = {"import": [], "executemany": []}
    columns = "ticker, session, open, high, low, close, volume, source, available_at"
    for _ in range(arguments.times):
        with tempfile.TemporaryDirectory() as folder:
            with closing(open_database(Path(folder) / "imported.db")) as db:
                begun = time.perf_counter()
                import_prices(db, arguments.paths, now=utc_now())
                seconds["import"].append(time.perf_counter() - begun)
                rows = db.execute(f"SELECT {columns} FROM price_bar ORDER BY id").fetchall()
            with closing(open_database(Path(folder) / "plain.db")) as db:
                begun = time.perf_counter()
                db.execute("BEGIN")
                db.executemany(f"INSERT INTO price_bar ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute("COMMIT")
                seconds["executemany"].append(time.perf_counter() - begun)
    pairs = list(zip(*seconds.values(), strict=True))
    shares = [plain / whole for whole, plain in pairs]
    told = [
        (f"{whole:.2f}", f"{plain:.2f}", f"{share:.2f}")
        for (whole, plain), share in zip(pairs, shares, strict=True)
    ]
    print(f"{len(rows):,} bars")
    print(table(("import, s", "executemany, s", "speed of the import, share"), told, left=0))
    print(f"median {median(shares):.2f}")
    return 0 if median(shares) >= 0.5 else 1


def main() -> int:
    """Run the trial that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    trials = parser.add_subparsers(dest="trial", required=True)
    simulated = trials.add_parser("year", help="a simulated year of schedule")
    simulated.add_argument("--year", type=int, default=2024)
    simulated.add_argument("--seed", type=int, default=1)
    simulated.set_defaults(run=year)
    faulty = trials.add_parser("faults", help="every fault of every source, through the real clients")
    faulty.add_argument("--requests", type=int, default=1000, help="of each fault to each source")
    faulty.add_argument("--seed", type=int, default=1)
    faulty.add_argument("--sources", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    faulty.set_defaults(run=faults)
    killed = trials.add_parser("kills", help="a collection killed at random instants (not on Windows)")
    killed.add_argument("--times", type=int, default=300)
    killed.add_argument("--seed", type=int, default=1)
    killed.set_defaults(run=kills)
    room = trials.add_parser("full", help="a disk that is full at a random moment of a collection")
    room.add_argument("--times", type=int, default=100)
    room.add_argument("--seed", type=int, default=1)
    room.set_defaults(run=full)
    rights = trials.add_parser("readonly", help="a home that cannot be written (not on Windows)")
    rights.set_defaults(run=readonly)
    noise = trials.add_parser("pages", help="pages of the database overwritten at random")
    noise.add_argument("--times", type=int, default=100)
    noise.add_argument("--seed", type=int, default=1)
    noise.set_defaults(run=pages)
    many = trials.add_parser("big", help="a day collected into a record of millions of rows")
    many.add_argument("--tickers", type=int, default=500)
    many.add_argument("--sessions", type=int, default=4800)
    many.add_argument("--posts", type=int, default=1_000_000)
    many.set_defaults(run=big)
    homes = trials.add_parser("doctor", help="what the doctor says of three homes")
    homes.set_defaults(run=doctor)
    speed = trials.add_parser("import", help="speed of an import of price files beside a plain executemany")
    speed.add_argument("paths", type=Path, nargs="+")
    speed.add_argument("--times", type=int, default=5)
    speed.set_defaults(run=import_speed)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
