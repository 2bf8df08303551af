"""The doctor says what is wrong with a home and how to mend it, and nothing where all is well."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from collectors.errors import AlreadyRunning
from collectors.locks import SCHEDULE, holding
from collectors.market_calendar import session_close
from collectors.records import EarningsAnnouncement, JobRun, MacroObservation, Post, PostMention, PriceFlag
from collectors.sentiment.compact import CompactScorer
from collectors.sentiment.installed import CARD_FILE, FAST_FOLDER, FOLDER
from collectors.sentiment.scoring import score_new_posts
from collectors.store import save_earnings, save_flags, save_job_run, save_macro, save_posts, save_price_bars
from desktop_app.doctor import Complaint, examine
from desktop_app.repair import repair_home
from desktop_app.store import DATABASE_NAME, open_home, open_home_to_collect, unwatch, watch
from desktop_app.words import day
from fusion_model.findings import TrainedModel
from fusion_model.store import save_forecasts, save_trained_model
from tests.builders import bars, forecast_of, sessions_from
from tests.collectors.test_backups import overwrite_pages

SESSIONS = sessions_from("2020-01-02", 30)
LAST = SESSIONS[-1]
NOW = session_close(LAST)
KEYS = ("FRED_API_KEY", "REDDIT_CLIENT_ID", "REDDIT_CLIENT_SECRET")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def all_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    for name in KEYS:
        monkeypatch.setenv(name, "a-key")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which nothing is wrong."""
    home = tmp_path / "home"
    (home / "models" / "m1").mkdir(parents=True)
    with closing(open_home(home)) as db:
        save_price_bars(db, [*bars("AAA", [50.0] * 30), *bars("BBB", [20.0] * 30)], NOW)
        watch(db, ["AAA", "BBB"], NOW)
        at = session_close(SESSIONS[-2])
        posts = [Post("p1", "reddit", "stocks", "AAA is going up", "", 1, 0, at, at)]
        posts.append(Post("p2", "reddit", "stocks", "[removed]", "", 1, 0, at, at))
        save_posts(db, posts, [PostMention("p1", "AAA")])
        score_new_posts(db, CompactScorer(), now=NOW)
        save_macro(db, [MacroObservation("DGS10", SESSIONS[0], 1.5, SESSIONS[0], NOW)], NOW)
        save_earnings(db, [EarningsAnnouncement("AAA", SESSIONS[0], "post", "test", NOW)])
        save_trained_model(db, trained("m1", CompactScorer().name))
        save_forecasts(db, [forecast_of("AAA", LAST, "2020-02-14")], NOW)
    return home


def trained(folder: str, scorer: str, as_of: str = SESSIONS[0]) -> TrainedModel:
    return TrainedModel(
        f"fusion-{folder}", "fusion", as_of, "2020-01-03T00:00:00Z", folder, f'{{"scorer": "{scorer}"}}'
    )


def change(home: Path, deed: Callable[[sqlite3.Connection], object]) -> None:
    with closing(open_home(home)) as db:
        deed(db)


def only(home: Path, now: str = NOW) -> Complaint:
    complaints = examine(home, now=now)
    assert len(complaints) == 1, complaints
    return complaints[0]


def test_nothing_is_wrong_with_a_home_that_is_kept(home: Path) -> None:
    assert examine(home, now=NOW) == []


def test_an_empty_home_is_left_empty(tmp_path: Path) -> None:
    complaint = only(tmp_path / "nowhere")
    assert (complaint.subject, complaint.mend) == ("prices", "barograph import prices FILES")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", KEYS)
def test_a_missing_key_is_named_with_its_origin(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    complaint = only(home)
    assert name in complaint.sentence
    assert "https://" in complaint.sentence
    assert complaint.mend.startswith(f"keyring set barograph {name} ")


def test_without_reddit_it_is_told_once_what_is_off_and_how_to_get_access(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDDIT_CLIENT_ID")
    monkeypatch.delenv("REDDIT_CLIENT_SECRET")
    sentence = only(home).sentence
    assert "Everything else works without" in sentence
    assert "ask for access at https://support.reddithelp.com/" in sentence
    change(home, lambda db: save_job_run(db, JobRun("posts", NOW, NOW, "failed", 0, "no key")))
    assert only(home).subject == "keys"


def test_an_installed_app_needs_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDDIT_CLIENT_SECRET")
    monkeypatch.setenv("REDDIT_REFRESH_TOKEN", "a-token")
    assert examine(home, now=NOW) == []


def test_a_job_that_did_not_work_is_told_until_it_works(home: Path) -> None:
    failed = JobRun("prices", NOW, NOW, "retry", 0, "Yahoo cannot be reached (timeout)")
    change(home, lambda db: save_job_run(db, failed))
    assert only(home) == Complaint(
        "prices",
        "The last run of prices, today, did not work: Yahoo cannot be reached (timeout).",
        "barograph collect prices",
    )
    change(home, lambda db: save_job_run(db, replace(failed, outcome="done")))
    assert examine(home, now=NOW) == []


def test_a_record_that_ends_in_the_future_tells_of_the_clock(home: Path) -> None:
    ahead = JobRun("prices", NOW, "2020-02-14T09:00:00Z", "done", 0, "")
    change(home, lambda db: save_job_run(db, ahead))
    complaint = only(home)
    assert complaint.subject == "clock"
    assert complaint.sentence.startswith("A run is recorded at 2020-02-14T09:00:00Z, which is still to come")


def test_gaps_that_stayed_are_told(home: Path) -> None:
    gap = PriceFlag("AAA", SESSIONS[3], "gap", "", "", "yahoo", "", NOW, NOW)
    mended = replace(gap, session=SESSIONS[4])
    spans = [
        f"older posts of r/{name} between A and B could not be reached: collect more often" for name in "xyz"
    ]
    with closing(open_home(home)) as db:
        save_flags(db, [gap, mended, replace(mended, resolution="mended"), replace(gap, ticker="NOTWATCHED")])
        save_job_run(db, JobRun("posts", NOW, NOW, "done", 5, f"no such community; {'; '.join(spans)}"))
        save_job_run(db, JobRun("posts", "2019-12-01T00:00:00Z", NOW, "done", 5, spans[0]))
    assert [complaint.sentence for complaint in examine(home, now=NOW)] == [
        f"1 session has no bar of a watched ticker between others: AAA on {day(SESSIONS[3])}.",
        "Reddit lists about a thousand posts, and no longer listed older posts of r/x between A and B, "
        "older posts of r/y between A and B and 1 more.",
    ]


def test_sources_grow_stale_each_in_its_own_time(home: Path) -> None:
    found = {complaint.subject: complaint for complaint in examine(home, now="2020-03-02T12:00:00Z")}
    assert set(found) == {"prices", "posts", "macro"}
    assert found["prices"].sentence == (
        "The newest prices are of 13 Feb 2020; the last session that closed is 28 Feb 2020."
    )
    assert found["prices"].mend == "barograph collect prices"
    found = {complaint.subject: complaint for complaint in examine(home, now="2020-06-01T12:00:00Z")}
    assert set(found) == {"prices", "posts", "macro", "earnings", "model"}
    assert found["model"].mend == "barograph train"


def test_watched_tickers_without_the_newest_price_are_named(home: Path) -> None:
    change(home, lambda db: watch(db, ["ZZZ"], NOW))
    assert only(home).sentence == "1 watched ticker had no price on 13 Feb 2020: ZZZ."


def test_prices_held_out_of_forecasts_are_named(home: Path) -> None:
    doubt = PriceFlag("BBB", LAST, "wrong_scale", "bar", "100 times 20", "yahoo", "", NOW, NOW)
    with closing(open_home(home)) as db:
        save_flags(db, [doubt, replace(doubt, session=SESSIONS[0])])
        save_price_bars(db, [replace(bar, source="yahoo") for bar in bars("BBB", [20.0] * 30)], NOW)
    complaint = next(one for one in examine(home, now=NOW) if one.subject == "quality")
    assert complaint.sentence == (
        "1 price is held out of forecasts until borne out: BBB on 13 Feb 2020 (100 times 20; yahoo)."
    )
    assert complaint.mend.startswith("barograph collect prices on another day")


def test_a_series_that_lost_its_beginning_is_told(home: Path) -> None:
    message = "FRED now gives BAML from 2023-01-02 on, and what is stored since 1996-12-31 stays"
    with closing(open_home(home)) as db:
        save_job_run(db, JobRun("macro", NOW, NOW, "done", 1, f"no such series; {message}"))
    assert [one.sentence for one in examine(home, now=NOW) if one.subject == "macro"] == [f"{message}."]


def test_an_empty_watchlist_collects_nothing(home: Path) -> None:
    change(home, lambda db: unwatch(db, ["AAA", "BBB"]))
    assert only(home).mend == "barograph watch add AAPL"


def test_unscored_posts_count_where_they_say_something(home: Path) -> None:
    """The removed post of this home was never scored, and never will be."""
    post = Post("p3", "reddit", "stocks", "BBB is going down", "", 1, 0, NOW, NOW)
    change(home, lambda db: save_posts(db, [post], []))
    assert only(home) == Complaint(
        "scores", f"1 post has no score by {CompactScorer().name}.", "barograph score"
    )


def test_posts_are_to_be_scored_again_once_finbert_is_there(home: Path) -> None:
    (home / "models" / FOLDER).mkdir()
    assert only(home).sentence == "1 post has no score by finbert."


def test_posts_are_to_be_scored_again_once_finbert_is_fast(home: Path) -> None:
    (home / "models" / FAST_FOLDER).mkdir()
    (home / "models" / FAST_FOLDER / CARD_FILE).write_text('{"name": "finbert-x@1+int8-4.12345678"}')
    assert only(home).sentence == "1 post has no score by finbert-x@1+int8-4.12345678."


def test_a_fast_finbert_of_an_earlier_version_is_told_before_its_posts(home: Path) -> None:
    (home / "models" / FAST_FOLDER).mkdir()
    (home / "models" / FAST_FOLDER / CARD_FILE).write_text('{"name": "finbert-x@1+int8-3"}')
    complaint = only(home)
    assert complaint.sentence == (
        "The fast FinBERT (finbert-x@1+int8-3) is of an earlier version of Barograph; "
        "no post is scored until it is made again."
    )
    assert complaint.mend.startswith("barograph models quantise, or remove ")


def test_a_model_that_learned_another_scorer_is_told(home: Path) -> None:
    (home / "models" / "m2").mkdir()
    change(home, lambda db: save_trained_model(db, trained("m2", "finbert-x", SESSIONS[1])))
    assert examine(home, now=NOW) == []  # the model reads no posts unless asked to
    (home / "settings.json").write_text('{"model_parts": ["sentiment"]}')
    complaint = only(home)
    assert complaint.sentence == (
        f"The model was trained on scores by finbert-x, and posts are now read by {CompactScorer().name}."
    )
    assert complaint.mend == "barograph train"


def test_lost_files_of_the_model_are_told(home: Path) -> None:
    shutil.rmtree(home / "models" / "m1")
    assert only(home) == Complaint(
        "model", "The files of the model fusion-m1 are missing.", "barograph train"
    )


def test_prices_without_a_forecast_ask_for_a_refresh(home: Path) -> None:
    change(home, lambda db: save_price_bars(db, bars("AAA", [51.0], "2020-02-14"), NOW))
    change(home, lambda db: save_price_bars(db, bars("BBB", [21.0], "2020-02-14"), NOW))
    complaint = only(home, "2020-02-14T22:00:00Z")
    assert complaint.mend == "barograph refresh"
    assert complaint.sentence == (
        "Prices are stored through 14 Feb 2020, and the newest forecasts are of 13 Feb 2020."
    )


def test_prices_alone_ask_for_everything_else(tmp_path: Path) -> None:
    change(tmp_path, lambda db: save_price_bars(db, bars("AAA", [50.0] * 30), NOW))
    mends = [complaint.mend for complaint in examine(tmp_path, now=NOW)]
    assert mends == [
        "barograph watch add AAPL",
        "barograph collect posts, or barograph import posts FILES",
        "barograph collect macro, or barograph import macro FILES",
        "barograph collect earnings, or barograph import earnings FILES",
        "barograph train",
    ]


def test_a_full_disk_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**10, 10**10 - 5 * 10**7, 5 * 10**7))
    assert only(home).sentence.startswith("Only 50 MB are free on the disk that holds ")


def test_settings_that_cannot_be_read_are_told(home: Path) -> None:
    (home / "settings.json").write_text('{"theme": "pink"}')
    complaint = only(home)
    assert complaint.subject == "settings"
    assert "'theme' must be one of" in complaint.sentence


def test_a_damaged_database_is_found_and_repaired_and_the_gap_collected_again(home: Path) -> None:
    path = home / DATABASE_NAME
    open_home_to_collect(home, NOW).close()
    change(home, lambda db: save_price_bars(db, bars("AAA", [51.0], "2020-02-14"), NOW))
    overwrite_pages(path)
    complaint = only(home)
    assert (complaint.subject, complaint.mend.split("`")[1]) == ("database", "barograph doctor --repair")
    told = repair_home(home, now=NOW)
    assert told[0].startswith(f"{path} was damaged: ")
    assert told[1].endswith(f"and the backup of {day(NOW[:10])} has taken its place.")
    with closing(open_home(home)) as db:
        assert save_price_bars(db, bars("AAA", [51.0], "2020-02-14"), NOW) == 1
    assert repair_home(home, now=NOW) == [f"{path} is sound; there is nothing to repair."]


def test_nothing_is_repaired_while_the_schedule_runs(home: Path) -> None:
    open_home_to_collect(home, NOW).close()
    overwrite_pages(home / DATABASE_NAME)
    with holding(home, SCHEDULE, "barograph serve"), pytest.raises(AlreadyRunning, match="barograph serve"):
        repair_home(home, now=NOW)
    assert not list(home.glob("damaged-*"))


def test_a_file_that_is_no_database_is_told(home: Path) -> None:
    (home / DATABASE_NAME).write_text("this is no database, whatever its name says, and it is long enough")
    complaint = only(home)
    assert complaint.subject == "database"
    assert complaint.mend == "`barograph doctor --repair` sets it aside and restores the newest backup"
