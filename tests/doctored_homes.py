"""Homes to show a doctor: a healthy one, one without keys, one whose database is damaged."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collectors.market_calendar import (
    instant,
    last_closed_session,
    session_after,
    session_close,
    sessions_between,
)
from collectors.records import EarningsAnnouncement, JobRun, MacroObservation, Post, PostMention, PriceBar
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.scoring import score_new_posts
from collectors.store import save_earnings, save_job_run, save_macro, save_posts, save_price_bars
from desktop_app.cli import run
from desktop_app.store import DATABASE_NAME, open_home, open_home_to_collect, watch
from fusion_model.findings import TrainedModel
from fusion_model.store import save_forecasts, save_trained_model
from tests.builders import forecast_of
from tests.collectors.loopback import serving
from tests.collectors.test_backups import overwrite_pages

KEYS = ("FRED_API_KEY", "REDDIT_CLIENT_ID", "REDDIT_CLIENT_SECRET")


def fill_healthy(home: Path, now: str) -> None:
    """Write a home as it is where everything has been collected to the last close and forecast from there."""
    last = last_closed_session(now)
    sessions = sessions_between(session_after(last, -29), last)
    first, before = session_after(last, -29), session_close(session_after(last, -1))
    posted = instant(datetime.fromisoformat(now) - timedelta(hours=1))  # fresh on a Monday, too
    model = TrainedModel(
        "fusion-m1", "fusion", first, before, "m1", f'{{"scorer": "{CompactScorer().name}"}}'
    )
    (home / "models" / "m1").mkdir(parents=True)
    with closing(open_home(home)) as db:
        save_price_bars(
            db,
            [
                PriceBar(ticker, day, 50.0, 50.5, 49.5, 50.0, 1e6 + at, "test", session_close(day))
                for ticker in ("AAA", "BBB")
                for at, day in enumerate(sessions)
            ],
            now,
        )
        watch(db, ["AAA", "BBB"], now)
        save_posts(
            db, [Post("p1", "reddit", "stocks", "AAA is going up", "", 1, 0, posted, posted)],
            [PostMention("p1", "AAA")],
        )  # fmt: skip
        score_new_posts(db, CompactScorer(), now=now)
        save_macro(db, [MacroObservation("DGS10", last, 1.5, last, session_close(last))], now)
        save_earnings(db, [EarningsAnnouncement("AAA", first, "post", "test", before)])
        save_trained_model(db, model)
        save_forecasts(db, [forecast_of("AAA", last, session_after(last, 1))], now)
        save_job_run(db, JobRun("prices", now, now, "done", 2, ""))


def show(folder: Path, now: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before the doctor and what `barograph doctor` says, one after the other."""
    home = folder / "home"
    fill_healthy(home, now)
    open_home_to_collect(home, now).close()  # which makes the day's backup
    with serving() as web, pytest.MonkeyPatch.context() as patch:
        patch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
        patch.setattr("collectors.reach.ADDRESSES", {"Yahoo": f"{web.url}/", "FRED": f"{web.url}/"})
        for name in KEYS:
            patch.setenv(name, "a-key-of-this-show")
        yield "a healthy home", _doctor(home)
        with patch.context() as without:
            for name in KEYS:
                without.delenv(name)
            yield "one without keys", _doctor(home)
        overwrite_pages(home / DATABASE_NAME)
        yield "a damaged one", _doctor(home)
        yield "its repair (doctor --repair)", _doctor(home, "--repair")


def _doctor(home: Path, *options: str) -> str:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
        run(["--home", str(home), "doctor", *options])
    return out.getvalue().replace(str(home), "HOME").rstrip()
