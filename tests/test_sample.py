"""The embedded sample: it imports without a bad line, and its NOTICE names every file."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from math import log

import pytest

from collectors import store
from collectors.archives import ImportReport, import_macro, import_posts, import_prices
from collectors.universe import load_universe
from resources import sample_paths

SAMPLE = sample_paths()
NOW = "2021-05-01T00:00:00Z"
MIB = 1 << 20


@pytest.fixture(scope="module")
def imported(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[sqlite3.Connection, list[ImportReport]]]:
    db = store.open_database(tmp_path_factory.mktemp("sample") / "facts.db")
    reports = [
        import_prices(db, [SAMPLE.prices], now=NOW),
        import_posts(db, [SAMPLE.posts], universe=load_universe(), now=NOW),
        import_macro(db, [SAMPLE.macro], now=NOW),
    ]
    yield db, reports
    db.close()


Imported = tuple[sqlite3.Connection, list[ImportReport]]


def test_the_sample_imports_without_a_bad_line(imported: Imported) -> None:
    _, reports = imported
    assert [(report.bad_lines, report.examples) for report in reports] == [(0, ())] * 3
    prices, posts, macro = reports
    assert prices.rows_saved == prices.rows_read > 100_000
    assert posts.rows_saved == posts.rows_read > 10_000
    assert macro.rows_saved + macro.passed_over == macro.rows_read > 15_000


def test_the_sample_holds_thirty_stocks_and_spy_of_the_universe(imported: Imported) -> None:
    db, _ = imported
    tickers = store.load_tickers(db)
    assert len(tickers) == 31
    assert set(tickers) <= load_universe().keys()
    assert store.last_session(db) == "2021-03-30"


def test_spys_total_return_is_that_of_its_adjusted_close(imported: Imported) -> None:
    """PyPortfolioOpt's adjusted close of SPY: 82.8422 on 2005-01-03, 375.2780 on 2021-03-30."""
    db, _ = imported
    paid = {session: amount for _, session, _, amount in store.load_actions(db, NOW, ["SPY"])}
    bars = [(bar[1], bar[5]) for bar in store.load_bars(db, NOW, ["SPY"])]
    total = sum(
        log((close + paid.get(session, 0.0)) / before) for (_, before), (session, close) in pairwise(bars)
    )
    assert len(paid) == 65
    assert total == pytest.approx(log(375.2780 / 82.8422), abs=0.005)


def test_no_return_of_a_session_is_a_missed_split(imported: Imported) -> None:
    db, _ = imported
    actions = {
        (ticker, session): (kind, value) for ticker, session, kind, value in store.load_actions(db, NOW)
    }
    for before, after in pairwise(store.load_bars(db, NOW)):
        if before[0] == after[0] and abs(log(after[5] / before[5])) > 0.5:
            assert (after[0], after[1]) in actions, after


def test_mentions_are_of_sample_tickers_and_posts_name_nobody(imported: Imported) -> None:
    db, _ = imported
    text = "\n".join(f"{title}\n{body}" for title, body in db.execute("SELECT title, body FROM post"))
    assert set(re.findall(r"(?<![\w/])@\w+", text)) == {"@user"}
    assert not re.search(r"https?://", text)
    mentioned = {row[0] for row in db.execute("SELECT DISTINCT ticker FROM post_mention")}
    assert set(store.load_tickers(db)) - mentioned == set()


def test_notice_names_every_file_and_the_whole_is_small() -> None:
    folder = SAMPLE.prices.parent
    notice = (folder / "NOTICE").read_text()
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    assert [name for name in files if name != "NOTICE" and name not in notice] == []
    assert sum((folder / name).stat().st_size for name in files) < 6 * MIB
