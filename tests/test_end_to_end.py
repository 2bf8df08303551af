"""The main job, end to end: recorded answers of the sources in, a CSV of forecasts out.

A home begins with four tickers of the embedded sample up to late summer 2020. Then the real client
libraries collect from a server on this machine that answers as Yahoo, Reddit and FRED did: AAPL's autumn
with its 4:1 split, posts that speak of Disney's Simpsons, the vintages of GDP.
"""

from __future__ import annotations

import csv
import math
from contextlib import closing
from pathlib import Path

import pytest

from collectors import archives
from collectors.fred import collect_macro, open_fred
from collectors.prices import collect_prices
from collectors.reddit import RedditCredentials, collect_posts, open_reddit
from collectors.schedule import run_job
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scoring import score_new_posts
from collectors.store import load_bars, load_job_runs
from collectors.universe import Company
from desktop_app.export import export_forecasts
from desktop_app.snapshot import load_snapshot
from desktop_app.store import open_home, open_home_reader
from fusion_model import pipeline
from fusion_model.dataset.panel import load_panel
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS
from tests.builders import SMALL, write_sample_bars
from tests.collectors.loopback import Loopback
from tests.collectors.recorded import play_fred, play_reddit, play_yahoo, recorded

NOW = "2020-11-07T12:00:00Z"
AS_OF = "2020-11-06"
LAST_ARCHIVED = {"AAPL": "2020-08-28", "DIS": AS_OF, "AMD": AS_OF, "KO": AS_OF}
UNIVERSE = {
    "AAPL": Company("AAPL", "Apple", "Technology", ()),
    "DIS": Company("DIS", "Walt Disney", "Communication Services", ("The Simpsons",)),
}


@pytest.fixture
def sources(web: Loopback, no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """Send each client library to this machine by its own means."""
    play_yahoo(web, monkeypatch, AAPL=recorded("yahoo_chart_aapl_autumn_2020.json"))
    play_reddit(web)
    play_fred(web)
    return web


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Four tickers of the sample since 2016, AAPL only until the session before its recorded autumn."""
    path = tmp_path / "bars.csv"
    write_sample_bars(path, "2016-01-01", LAST_ARCHIVED)
    return path


@pytest.fixture
def home(tmp_path: Path, archive: Path, sources: Loopback) -> Path:
    home = tmp_path / "home"
    with closing(open_home(home)) as db:
        archives.import_prices(db, [archive], now=NOW)
        run_job(db, "prices", lambda db, now: collect_prices(db, ["AAPL"], now=now), clock=lambda: NOW)
        with open_reddit(
            RedditCredentials("id", "secret"), oauth_url=sources.url, reddit_url=sources.url
        ) as reddit:
            run_job(
                db,
                "posts",
                lambda db, now: collect_posts(db, reddit, ["stocks"], UNIVERSE, now=now),
                clock=lambda: NOW,
            )
        client = open_fred("0" * 32, root_url=sources.url, seconds_between=0)
        run_job(db, "macro", lambda db, now: collect_macro(db, client, ["GDP"], now=now), clock=lambda: NOW)
        score_new_posts(db, CompactScorer(), now=NOW)
        pipeline.train(db, home / "models", as_of="2020-10-30", now=NOW, config=SMALL)
        pipeline.refresh(db, home / "models", as_of=AS_OF, now=NOW)
    return home


def test_recorded_answers_become_a_csv_and_a_page(home: Path) -> None:
    with closing(open_home_reader(home)) as db:
        assert [(run.job, run.outcome) for run in load_job_runs(db)] == [
            ("macro", "done"),
            ("posts", "done"),
            ("prices", "done"),
        ]
        assert export_forecasts(db, home / "forecasts.csv", as_of=AS_OF) == 12
        snapshot = load_snapshot(db, "AAPL")
        panel = load_panel(db, AS_OF, scorer=CompactScorer().name)
        bars = {row[1]: row for row in load_bars(db, NOW, ["AAPL"])}
    with (home / "forecasts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["ticker"], int(row["horizon"])) for row in rows] == [
        (ticker, horizon) for ticker in ("AAPL", "AMD", "DIS", "KO") for horizon in HORIZONS
    ]
    first = rows[0]
    assert (first["as_of_session"], first["target_session"]) == (AS_OF, "2020-11-09")
    assert float(first["last_close"]) == pytest.approx(118.69)
    assert float(first["price_q50"]) == pytest.approx(118.69 * math.exp(float(first["q50"])), abs=1e-3)
    names = [name for name in first if name.startswith("q")]
    assert len(names) == len(QUANTILE_LEVELS)
    for row in rows:
        levels = [float(row[name]) for name in names]
        assert levels == sorted(levels)
    # The archive's last close before the split, and Yahoo's first one after it, are no crash.
    assert (bars["2020-08-28"][5], bars["2020-08-31"][5]) == (499.23, 129.04)
    split_day = panel.log_returns[panel.position("2020-08-31"), panel.tickers.index("AAPL")]
    assert split_day == pytest.approx(math.log(129.04 * 4 / 499.23))
    assert panel.macro_series == ("GDP",)
    assert panel.sentiment[:, panel.tickers.index("DIS"), 2].sum() == 1  # The Simpsons
    assert snapshot is not None
    assert snapshot.ticker == "AAPL"
