"""What is forecast as of a session does not depend on anything later, from import to CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from collectors import archives
from collectors.market_calendar import session_after, session_close, sessions_between
from collectors.records import Quote
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scoring import score_new_posts
from collectors.store import last_session, save_quotes
from collectors.universe import Company
from desktop_app.export import export_anomalies, export_forecasts
from desktop_app.store import open_home
from fusion_model import pipeline
from fusion_model.dataset.panel import load_panel
from fusion_model.schema import RISK_TABLES
from tests.builders import SMALL

WITH_GRAPH = replace(SMALL, use_graph=True, graph_neighbours=2)
NOW = "2021-06-01T00:00:00Z"
AS_OF = "2020-12-18"
SESSIONS = sessions_between("2017-06-01", session_after(AS_OF, 30))
TICKERS = ("AAA", "BBB", "CCC", "DDD")
UNIVERSE = {ticker: Company(ticker, f"{ticker} Inc", "Technology", ()) for ticker in TICKERS}
WORDS = ("rally, great earnings", "bankrupt and plunging", "nothing new", "upgrade, bullish")

PriceRow = dict[str, str]
Change = Callable[[list[PriceRow]], list[PriceRow]]
LaterRows = Callable[[list[dict[str, object]], str], list[dict[str, object]]]


def price_rows(ticker: str) -> list[PriceRow]:
    """A seeded walk with one split and quarterly dividends, in the AlphaVantage layout."""
    random = np.random.default_rng(sum(map(ord, ticker)))
    close, rows = 80.0, []
    for position, session in enumerate(SESSIONS):
        split = 2.0 if position == 500 else 1.0
        move = random.standard_t(4) * 0.012
        opening = close / split * float(np.exp(random.normal() * 0.004))
        close = close / split * float(np.exp(move))
        high, low = max(opening, close) * 1.004, min(opening, close) * 0.996
        rows.append(
            {
                "timestamp": session,
                "open": f"{opening:.4f}",
                "high": f"{high:.4f}",
                "low": f"{low:.4f}",
                "close": f"{close:.4f}",
                "adjusted_close": "1.0",
                "volume": f"{1e6 * float(np.exp(random.normal() * 0.4)):.0f}",
                "dividend_amount": "0.3" if position % 63 == 40 else "0.0",
                "split_coefficient": f"{split}",
            }
        )
    return rows


def macro_rows() -> list[dict[str, str]]:
    """Monthly vintages of one series: a first release, and a revision a month later."""
    rows = []
    for month, session in enumerate(SESSIONS[::21][:-1]):
        for delay, value in ((10, 4.0 + month * 0.01), (31, 4.05 + month * 0.01)):
            released = str(date.fromisoformat(session) + timedelta(days=delay))
            rows.append({"realtime_start": released, "date": session, "value": f"{value:.2f}"})
    return rows


def post_rows() -> list[dict[str, object]]:
    """A post a session on a ticker or two, an hour before or after the close."""
    return [
        {
            "id": str(position),
            "ticker": TICKERS[position % len(TICKERS)],
            "created_at": f"{session}T{15 + (position % 3) * 4}:30:00Z",
            "text": f"{WORDS[position % len(WORDS)]} ${TICKERS[position % len(TICKERS)]} {position}"
            + (" $AAA $CCC" if position % 3 == 0 else ""),
        }
        for position, session in enumerate(SESSIONS)
    ]


def earnings_rows() -> list[dict[str, object]]:
    """A report a quarter and ticker; the importer counts each date as known ten sessions ahead."""
    return [
        {
            "ticker": ticker,
            "announced_on": session,
            "time_of_day": ("pre", "post", "")[place % 3],
            "n_sources": "1",
            "known_at": session_close(session_after(session, -10)),
        }
        for place, ticker in enumerate(TICKERS)
        for session in SESSIONS[30 + place :: 63]
    ]


def write_archives(folder: Path, change_prices: Change, later: LaterRows) -> None:
    folder.mkdir()
    for ticker in TICKERS:
        rows = change_prices(price_rows(ticker))
        with (folder / f"{ticker}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    macro = later([dict(row) for row in macro_rows()], "realtime_start")
    with (folder / "DGS10.macro.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["realtime_start", "series_id", "date", "value"])
        writer.writeheader()
        writer.writerows({"series_id": "DGS10", **row} for row in macro)
    with (folder / "earnings.csv").open("w", newline="") as file:
        columns = ["ticker", "announced_on", "time_of_day", "n_sources"]
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(later(earnings_rows(), "known_at"))
    posts = later(post_rows(), "created_at")
    (folder / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))


def quotes_around(as_of: str) -> list[Quote]:
    """Absurd prices of every ticker, of the session itself and of the next one."""
    ats = (f"{session}T{hour}:00:00Z" for session in (as_of, session_after(as_of, 1)) for hour in (15, 18))
    return [Quote(ticker, 0.01, at, "test", at) for at in ats for ticker in TICKERS]


def forecast_csv(folder: Path, home: Path, quotes: Sequence[Quote] = ()) -> tuple[bytes, bytes]:
    """Import, score, train, refresh, export, as the command line does; return what was said, and found."""
    with closing(open_home(home)) as db:
        save_quotes(db, quotes)
        archives.import_prices(db, [folder / f"{ticker}.csv" for ticker in TICKERS], now=NOW)
        archives.import_macro(db, [folder / "DGS10.macro.csv"], now=NOW)
        archives.import_earnings(db, [folder / "earnings.csv"], now=NOW)
        archives.import_posts(db, [folder / "posts.jsonl"], universe=UNIVERSE, now=NOW)
        score_new_posts(db, CompactScorer(), now=NOW)
        pipeline.train(db, home / "models", as_of=AS_OF, now=NOW, config=WITH_GRAPH)
        held = dict.fromkeys(TICKERS[:2], 10.0)
        pipeline.refresh(db, home / "models", as_of=AS_OF, shares=held, now=NOW)
        export_forecasts(db, home / "forecasts.csv", as_of=AS_OF)
        found = db.execute("SELECT count(*) FROM anomaly").fetchone()[0]
        if found:
            export_anomalies(db, home / "anomalies.csv")
        reports = db.execute("SELECT * FROM expected_report ORDER BY ticker").fetchall()
        risk = {name: db.execute(f"SELECT * FROM {name} ORDER BY id").fetchall() for name in RISK_TABLES}
        assert risk["risk_component"]
    anomalies = home / "anomalies.csv"
    unusual = anomalies.read_bytes() if anomalies.exists() else b""
    return (home / "forecasts.csv").read_bytes(), unusual + repr((reports, risk)).encode()


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("honest")
    write_archives(folder / "archive", lambda rows: rows, lambda rows, _: rows)
    return forecast_csv(folder / "archive", folder / "home")


def known(rows: list[dict[str, object]], column: str) -> list[dict[str, object]]:
    return [row for row in rows if str(row[column]) <= f"{AS_OF}T21:00:00Z"]


def corrupted_prices(rows: list[PriceRow]) -> list[PriceRow]:
    changed = []
    for row in rows:
        if row["timestamp"] > AS_OF:
            prices = {name: f"{float(row[name]) * 9.7:.4f}" for name in ("open", "high", "low", "close")}
            row = {**row, **prices, "split_coefficient": "3.0", "dividend_amount": "2.0", "volume": "7"}
        changed.append(row)
    return changed


NONSENSE = {
    "realtime_start": {"value": "99.9"},
    "created_at": {"text": "bankrupt crash $AAA $BBB"},
    "known_at": {"ticker": "BBB", "time_of_day": "post"},
}


def corrupted_later(rows: list[dict[str, object]], column: str) -> list[dict[str, object]]:
    past = known(rows, column)
    future = [row for row in rows if row not in past]
    return past + [{**row, **NONSENSE[column]} for row in future]


def test_the_forecast_is_there(honest: tuple[bytes, bytes]) -> None:
    lines = honest[0].decode().splitlines()
    assert len(lines) == 1 + len(TICKERS) * 3
    assert "compact" in lines[1]
    assert honest[1].count(AS_OF.encode()) >= len(TICKERS)
    assert b"'expected'" in honest[1] or b"'announced'" in honest[1]


def test_deleting_the_future_changes_no_byte(honest: tuple[bytes, bytes], tmp_path: Path) -> None:
    write_archives(
        tmp_path / "archive", lambda rows: [row for row in rows if row["timestamp"] <= AS_OF], known
    )
    assert forecast_csv(tmp_path / "archive", tmp_path / "home") == honest


def test_corrupting_the_future_changes_no_byte(honest: tuple[bytes, bytes], tmp_path: Path) -> None:
    write_archives(tmp_path / "archive", corrupted_prices, corrupted_later)
    assert forecast_csv(tmp_path / "archive", tmp_path / "home", quotes_around(AS_OF)) == honest


def test_quotes_change_no_panel_of_their_own_day(tmp_path: Path) -> None:
    """They are known before the close, and still no bar: what is forecast follows from daily bars alone."""
    write_archives(tmp_path / "archive", lambda rows: rows, lambda rows, _: rows)
    with closing(open_home(tmp_path / "home")) as db:
        archives.import_prices(db, [tmp_path / "archive" / f"{ticker}.csv" for ticker in TICKERS], now=NOW)
        before = load_panel(db, AS_OF)
        assert save_quotes(db, quotes_around(AS_OF)) == 16
        after = load_panel(db, AS_OF)
        assert (after.ohlcv.tobytes(), after.sessions) == (before.ohlcv.tobytes(), before.sessions)
        assert last_session(db) == SESSIONS[-1]


def test_a_report_that_was_known_does_matter(honest: tuple[bytes, bytes], tmp_path: Path) -> None:
    """And one in the calendar: without the reports known by then the forecast is another one."""

    def without_reports(rows: list[dict[str, object]], column: str) -> list[dict[str, object]]:
        return rows[:1] if column == "known_at" else rows

    write_archives(tmp_path / "archive", lambda rows: rows, without_reports)
    assert forecast_csv(tmp_path / "archive", tmp_path / "home")[0] != honest[0]


def test_the_past_does_matter(honest: tuple[bytes, bytes], tmp_path: Path) -> None:
    """The test above can fail: one changed close on the day itself moves the forecast."""

    def nudged(rows: list[PriceRow]) -> list[PriceRow]:
        return [
            {**row, "close": f"{float(row['close']) * 1.003:.4f}"} if row["timestamp"] == AS_OF else row
            for row in rows
        ]

    write_archives(tmp_path / "archive", nudged, lambda rows, _: rows)
    assert forecast_csv(tmp_path / "archive", tmp_path / "home")[0] != honest[0]
