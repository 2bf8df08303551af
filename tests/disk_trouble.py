"""A disk that is full, read-only or failing under a record, and what becomes of record and program."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from collectors.errors import StorageError
from collectors.store import open_database, quick_check
from desktop_app.cli import run
from desktop_app.doctor import examine
from desktop_app.repair import repair_home
from desktop_app.store import DATABASE_NAME, open_home, open_home_to_collect
from tests.collectors.faults import three_sources
from tests.collectors.loopback import Loopback
from tests.killed import NOW, TICKERS, Record, collect_into, compare, half_batches, play_charts, read

NO_LIMIT = 2**32 - 2  # pages
NOBODY = 65534


# No room --------------------------------------------------------------------------------------------


def run_out_of_room(folder: Path, times: int, seed: int) -> Counter[str]:
    """Collect into records that may grow to a random size alone; return what was found.

    ``clear`` counts collections that ended with our error, ``lost`` old rows that were gone after it,
    ``half`` batches in part, ``damaged`` files in which SQLite found a fault, and ``wanting`` rows that were
    missing or doubled once there was room again and the collection had gone on.
    """
    chance = random.Random(seed)
    told = Counter[str](clear=0, lost=0, half=0, damaged=0, wanting=0)
    with three_sources() as web:
        play_charts(web)
        old, whole = _old_and_whole(folder, web)
        most = _pages(folder / "whole.db")
        for time in range(times):
            path = folder / f"record {time}.db"
            shutil.copyfile(folder / "old.db", path)
            with closing(open_database(path)) as db:
                limit = chance.randrange(_pages(path), most)
                db.execute(f"PRAGMA max_page_count = {limit}")
                told["clear"] += _ends_for_want_of_room(db, web)
                record = read(path)
                told["lost"] += sum((Counter(old[table]) - Counter(record[table])).total() for table in old)
                told["half"] += half_batches(record, whole)
                told["damaged"] += bool(quick_check(db))
                db.execute(f"PRAGMA max_page_count = {NO_LIMIT}")
                collect_into(db, web)
            _count_wanting(path, whole, told)
            path.unlink()
            told["times"] += 1
    return told


def _old_and_whole(folder: Path, web: Loopback) -> tuple[Record, Record]:
    """Collect a part, and all; return both records, with their files left in the folder."""
    with closing(open_database(folder / "old.db")) as db:
        collect_into(db, web, TICKERS[:2])
    with closing(open_database(folder / "whole.db")) as db:
        collect_into(db, web)
    return read(folder / "old.db"), read(folder / "whole.db")


def _pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA page_count").fetchone()[0])


def _ends_for_want_of_room(db: sqlite3.Connection, web: Loopback) -> bool:
    try:
        collect_into(db, web)
    except StorageError as error:
        return "there is no room left" in str(error)
    return False


def _count_wanting(path: Path, whole: Record, told: Counter[str]) -> None:
    found = Counter[str]()
    compare(read(path), whole, found)
    told["wanting"] += found["lost"] + found["doubled"]


# No right to write ----------------------------------------------------------------------------------

COMMANDS = (
    ("collect", "prices"),
    ("import", "prices", "prices.csv"),
    ("score",),
    ("refresh",),
    ("watch", "add", "TA"),
    ("serve",),
    ("doctor", "--repair"),
    ("doctor",),
    ("status",),
)


def try_without_rights(home: Path) -> list[tuple[str, int, str]]:
    """Run commands on a home that may be read alone; return each with its exit code and what it said.

    A process of its own gives up its rights where it is the superuser, whom no file refuses.
    """
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    for path in [*before, *(path for path in home.rglob("*") if path.is_dir()), home]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        told = [(" ".join(command), *_run_as_nobody(home, command)) for command in COMMANDS]
    finally:
        for path in [home, *home.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    after = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    if after != before:
        raise AssertionError(f"a home that may not be written was: {sorted(set(after) ^ set(before))}")
    return told


def _run_as_nobody(home: Path, command: Sequence[str]) -> tuple[int, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code, said = 99, StringIO()
        try:
            if os.getuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            with redirect_stdout(StringIO()) as out, redirect_stderr(said):
                code = run(["--home", str(home), *command])
            os.write(writing, (said.getvalue() or out.getvalue()).strip().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        said_there = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said_there


# Overwritten pages ----------------------------------------------------------------------------------


def overwrite_at_random(folder: Path, times: int, seed: int) -> Counter[str]:
    """Overwrite random pages of a home's database, and let the doctor find and mend it; return the count.

    Each home has a backup that lacks what was collected since. ``found`` counts homes whose doctor told of
    the damage, ``restored`` those whose backup took its place and whose damaged file was set aside,
    ``wanting`` rows missing or doubled once the gap was collected again.
    """
    chance, told = random.Random(seed), Counter[str](found=0, restored=0, wanting=0)
    with three_sources() as web:
        play_charts(web)
        first = folder / "first"
        with closing(open_home(first)) as db:
            collect_into(db, web, TICKERS[:6])
        with closing(open_home_to_collect(first, NOW)) as db:  # which makes the backup
            collect_into(db, web)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = read(first / DATABASE_NAME)
        for time in range(times):
            home = folder / f"home {time}"
            shutil.copytree(first, home)
            told["pages"] += _overwrite(home / DATABASE_NAME, chance)
            told["found"] += any(one.subject == "database" for one in examine(home, now=NOW))
            said = repair_home(home, now=NOW)
            aside = list(home.glob("damaged-*/" + DATABASE_NAME))
            told["restored"] += len(aside) == 1 and any("has taken its place" in one for one in said)
            with closing(open_home(home)) as db:
                collect_into(db, web)
            _count_wanting(home / DATABASE_NAME, whole, told)
            shutil.rmtree(home)
            told["times"] += 1
    return told


def _overwrite(path: Path, chance: random.Random) -> int:
    """Overwrite one to five pages with noise or zeros; return how many."""
    with closing(sqlite3.connect(path)) as db:
        size, pages = (
            int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_size", "page_count")
        )
    hit = chance.sample(range(pages), chance.randint(1, 5))
    with path.open("r+b") as file:
        for page in hit:
            file.seek(page * size)
            file.write(chance.choice((chance.randbytes(size), bytes(size))))
    return len(hit)
