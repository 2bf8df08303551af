"""The jobs of a home: their times are the settings', and a refresh covers what was missed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from collectors import store as facts
from collectors.errors import BadInput
from collectors.progress import silent
from collectors.records import Quote
from collectors.timetable import AfterClose, AfterJob, BeforeOpen, DailyAt, Every
from desktop_app.daily import daily_jobs, quote_watch, uncovered
from desktop_app.settings import Settings, save_settings
from desktop_app.store import load_watchlist, open_home
from fusion_model.findings import TrainedModel
from fusion_model.store import save_forecasts, save_trained_model
from tests.desktop_app.facts import NOW, SESSIONS, fill_home, forecast


def test_the_times_of_the_jobs_are_those_of_the_settings(tmp_path: Path) -> None:
    assert {job.name: job.triggers for job in daily_jobs(tmp_path, silent)} == {
        "prices": (AfterClose(20), BeforeOpen(60)),
        "posts": (Every(15),),
        "score": (AfterJob("posts"),),
        "macro": (DailyAt(9, 0), DailyAt(17, 0)),
        "earnings": (DailyAt(7, 30),),
        "refresh": (AfterJob("prices"),),
        "orders": (AfterJob("prices"), AfterJob("refresh")),
    }
    save_settings(tmp_path, Settings(prices_minutes_after_close=45, macro_times=("18:15",)))
    changed = {job.name: job.triggers for job in daily_jobs(tmp_path, silent)}
    save_settings(tmp_path, Settings(broker="alpaca"))
    [orders] = [job for job in daily_jobs(tmp_path, silent) if job.name == "orders"]
    assert orders.triggers == (AfterJob("prices"), AfterJob("refresh"), Every(15))
    assert (changed["prices"], changed["macro"]) == ((AfterClose(45), BeforeOpen(60)), (DailyAt(18, 15),))


@pytest.mark.parametrize(
    ("trained", "covered", "expected"),
    [
        ([], None, [(SESSIONS[-1], 1)]),  # the refresh then says that nothing was trained
        ([SESSIONS[3]], None, [(SESSIONS[-1], 1)]),
        ([SESSIONS[3]], SESSIONS[-1], [(SESSIONS[-1], 1)]),
        ([SESSIONS[3]], SESSIONS[-5], [(SESSIONS[-1], 4)]),
        ([SESSIONS[3], SESSIONS[-2]], SESSIONS[-5], [(SESSIONS[-3], 2), (SESSIONS[-1], 2)]),
        ([SESSIONS[-2]], SESSIONS[-5], [(SESSIONS[-1], 2)]),  # no model for the two before
    ],
)
def test_a_refresh_covers_every_session_that_a_model_of_its_time_can(
    tmp_path: Path, trained: list[str], covered: str | None, expected: list[tuple[str, int]]
) -> None:
    fill_home(tmp_path, forecasts=False)
    with closing(open_home(tmp_path)) as db:
        for session in trained:
            save_trained_model(db, TrainedModel(f"of {session}", "fusion", session, NOW, session, "{}"))
        if covered:
            save_forecasts(db, [forecast(session=covered)], NOW)
        assert uncovered(db) == expected


def test_the_watchlist_is_watched_as_the_settings_want_it(
    tmp_path: Path,
) -> None:
    """Nothing is asked where it is off; else each quote reaches the record, and whoever listens."""
    fill_home(tmp_path, forecasts=False)
    with closing(open_home(tmp_path)) as db:
        [*watched] = load_watchlist(db)
    told = []
    watch = quote_watch(
        tmp_path, lambda db, quotes: told.append((facts.load_latest_quotes(db, watched), quotes))
    )
    at = iter(["2020-11-27T17:58:00Z"] * 5)
    watch._clock = lambda: next(at, "2020-11-27T18:00:00Z")
    watch._wait = lambda seconds: None
    quote = Quote(watched[0], 50.0, "2020-11-27T17:57:58Z", "yahoo", "2020-11-27T17:58:00Z")
    save_settings(tmp_path, Settings(quotes="off"))
    watch._fetch = lambda tickers, now: pytest.fail("nobody wants quotes")
    watch.look()
    save_settings(tmp_path, Settings())
    watch._fetch = lambda tickers, now: [quote] if tickers == watched else []
    watch.look()
    assert told == [({watched[0]: quote}, [quote])]


def test_a_refresh_without_prices_says_how_to_get_them(tmp_path: Path) -> None:
    with closing(open_home(tmp_path)) as db, pytest.raises(BadInput, match="barograph collect prices"):
        uncovered(db)
