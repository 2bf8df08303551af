"""A collection that is killed at random instants, and what its record looks like afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from collectors.fred import collect_macro, open_fred
from collectors.market_calendar import session_close, sessions_between
from collectors.prices import collect_prices
from collectors.reddit import collect_posts, open_reddit
from collectors.store import open_database, quick_check
from collectors.universe import load_universe
from tests.collectors.faults import CREDENTIALS, POLICY, three_sources
from tests.collectors.loopback import Answer, Loopback
from tests.collectors.recorded import CHART_PATH, play_yahoo, recorded

TICKERS = [f"T{letter}" for letter in "ABCDEFGHIJKL"]
NOW = "2020-11-07T12:00:00Z"
TABLES = {
    "price_bar": "ticker, session, open, high, low, close, volume, source, available_at",
    "corporate_action": "ticker, session, kind, ratio_or_amount, source, available_at",
    "macro_observation": "series_id, observed_on, value, released_on, available_at",
    "post": "*",
    "post_mention": "*",
}
Record = dict[str, list[tuple[object, ...]]]


def kill_at_random(folder: Path, times: int, seed: int) -> Counter[str]:
    """Collect again and again, killed each time within the time that it takes; return what was found.

    ``lost`` and ``doubled`` count rows of records that were finished after kills, ``half`` counts batches of
    which a part alone was there after a kill, ``damaged`` the files in which SQLite found a fault.
    """
    chance, told = random.Random(seed), Counter[str](lost=0, doubled=0, half=0, damaged=0)
    with three_sources() as web:
        play_charts(web)
        collect_all(folder / "first.db", web)  # what is imported now takes no time later
        begun = time.monotonic()
        collect_all(folder / "whole.db", web)
        longest = time.monotonic() - begun
        whole = read(folder / "whole.db")
        path = folder / "record 0.db"
        while told["kills"] < times:
            if not _killed_within(chance.uniform(0, longest), path, web):
                compare(read(path), whole, told)
                path = folder / f"record {told['records']}.db"
                continue
            told["kills"] += 1
            if path.is_file():
                with closing(sqlite3.connect(path)) as db:
                    told["damaged"] += bool(quick_check(db))
                told["half"] += half_batches(read(path), whole) + wrong_tallies(path)
        collect_all(path, web)
        compare(read(path), whole, told)
    return told


def play_charts(web: Loopback) -> None:
    """Let each ticker have bars of some years."""
    for ticker in TICKERS:
        web.on(f"{CHART_PATH}{ticker}", long_chart())


def long_chart() -> Answer:
    """Return the recorded chart with a bar of every session since 2018 in place of its seven."""
    answer = json.loads(recorded("yahoo_chart_aapl_2020.json").body)
    [chart] = answer["chart"]["result"]
    sessions = sessions_between("2018-01-02", "2020-11-06")
    chart["timestamp"] = [int(datetime.fromisoformat(session_close(day)).timestamp()) for day in sessions]
    closes = [100.0 + at % 7 / 10 for at in range(len(sessions))]
    quote = {"open": closes, "close": closes, "volume": [1_000_000 + at for at in range(len(sessions))]}
    quote |= {"high": [close + 1 for close in closes], "low": [close - 1 for close in closes]}
    chart["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": closes}]}
    return Answer(json.dumps(answer))


def collect_all(path: Path, web: Loopback) -> None:
    """Collect prices, figures and posts as the program does."""
    with closing(open_database(path)) as db:
        collect_into(db, web)


def collect_into(db: sqlite3.Connection, web: Loopback, tickers: Sequence[str] = TICKERS) -> None:
    """Collect prices of some tickers, figures and posts into a record that is open."""
    with pytest.MonkeyPatch.context() as patch:
        play_yahoo(web, patch)
        collect_prices(db, tickers, now=NOW, first="2018-01-02", policy=POLICY)
        fred = open_fred("k" * 32, root_url=web.url, policy=POLICY, seconds_between=0)
        collect_macro(db, fred, ["GDP"], now=NOW)
        with open_reddit(
            CREDENTIALS, oauth_url=web.url, reddit_url=web.url, policy=POLICY, seconds_between=0
        ) as reddit:
            collect_posts(db, reddit, ["stocks"], load_universe(), now=NOW)


def _killed_within(seconds: float, path: Path, web: Loopback) -> bool:
    """Collect in a process of its own and kill it; return whether it was still at work."""
    child = os.fork()
    if child == 0:
        try:
            collect_all(path, web)
            os._exit(0)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise AssertionError("the collection failed by itself")
    return os.WIFSIGNALED(status)


def read(path: Path) -> Record:
    """Return the rows of the tables; an empty record where the tables are not there yet."""
    with closing(sqlite3.connect(path)) as db:
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        return {
            table: db.execute(f"SELECT {columns} FROM {table}").fetchall() if table in there else []
            for table, columns in TABLES.items()
        }


def half_batches(record: Record, whole: Record) -> int:
    """Count batches that are there in part: of a ticker's bars and actions, a series, a community's posts."""
    half = 0
    for tables in (("price_bar", "corporate_action"), ("macro_observation",), ("post", "post_mention")):
        keys = {row[0] for row in whole[tables[0]]} if tables[0] != "post" else {None}
        for key in keys:
            parts = [(len(_of(record[table], key)), len(_of(whole[table], key))) for table in tables]
            half += any(have for have, _ in parts) and any(have < all_ for have, all_ in parts)
    return half


def wrong_tallies(path: Path) -> int:
    """Count the tallies of a record that are not what counting finds, or are missing."""
    counted = "SELECT 'prices', source, count(*) FROM price_bar GROUP BY source UNION ALL "
    counted += "SELECT 'posts', source, count(*) FROM post GROUP BY source"
    with closing(sqlite3.connect(path)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'tally'").fetchone():
            return 0  # killed before the tables were there
        tallied = db.execute(
            "SELECT kind, name, rows FROM tally WHERE kind IN ('prices', 'posts')"
        ).fetchall()
        return len({row for row in tallied if row[2]} ^ set(db.execute(counted)))


def _of(rows: list[tuple[object, ...]], key: object) -> list[tuple[object, ...]]:
    return [row for row in rows if key is None or row[0] == key]


def compare(record: Record, whole: Record, told: Counter[str]) -> None:
    """Count what a record that should be whole lacks, and what it holds twice."""
    told["records"] += 1
    for table, rows in whole.items():
        have = Counter(record[table])
        told["rows"] += have.total()
        told["lost"] += (Counter(rows) - have).total()
        told["doubled"] += (have - Counter(rows)).total()
