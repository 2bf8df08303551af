"""What was said of a ticker and what came of it: first words count, and live is told from afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.records import CorporateAction
from collectors.store import save_corporate_actions
from desktop_app.said_then import (
    Outcome,
    SaidThen,
    day_in_words,
    is_live,
    load_past,
    outcome_in_words,
    summary,
)
from desktop_app.store import open_home
from fusion_model.store import save_forecasts
from tests.desktop_app.facts import NOW, SESSIONS, close_of, fill_home, forecast


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(fill_home(tmp_path))) as opened:
        yield opened


def test_a_forecast_that_came_true_is_told_with_where_the_outcome_fell(db: sqlite3.Connection) -> None:
    past = load_past(db, "AAA")
    earlier, newest = past.said
    (outcome,) = earlier.outcomes
    assert (earlier.session, earlier.position, outcome.position) == (SESSIONS[-3], 9, 10)
    assert outcome.price == pytest.approx(60.0)
    assert outcome.pit == pytest.approx(0.668, abs=2e-3)  # ln(60 / 59) among quantiles (level - 0.5) / 10
    assert outcome_in_words(earlier.forecasts[0], outcome) == (
        "$56.40 to $61.72", "$60.00", "● inside the 50 % range",
    )  # fmt: skip
    assert [one.known for one in newest.outcomes] == [False, False, False]


def test_a_dividend_on_the_way_counts_as_the_ranges_count_it(db: sqlite3.Connection) -> None:
    paid = CorporateAction("AAA", SESSIONS[-2], "dividend", 0.6, "test", close_of(SESSIONS[-2]))
    save_corporate_actions(db, [paid], NOW)
    assert load_past(db, "AAA").said[0].outcomes[0].price == pytest.approx(60.6)


def test_prices_before_a_split_stand_per_todays_share(db: sqlite3.Connection) -> None:
    save_forecasts(db, [forecast(session=SESSIONS[4])], NOW)
    then = load_past(db, "AAA").said[0]
    assert (then.forecasts[0].last_close, then.outcomes[0].price) == (54.0, pytest.approx(55.0))


def test_the_first_word_counts_even_if_a_later_one_was_better(db: sqlite3.Connection) -> None:
    shifted = tuple(q + 0.02 for q in forecast().quantiles)
    better = replace(forecast(session=SESSIONS[-3]), quantiles=shifted, model_version="v2")
    save_forecasts(db, [better], "2022-01-01T00:00:00Z")
    then = load_past(db, "AAA").said[0]
    assert (then.forecasts[0].model_version, then.made_at) == ("v1", NOW)


@pytest.mark.parametrize(
    ("made_at", "live"),
    [("2021-03-12T21:20:00Z", True), ("2021-03-15T13:29:59Z", True), ("2021-03-15T13:30:00Z", False)],
)
def test_live_is_what_was_made_before_the_next_session_opened(made_at: str, live: bool) -> None:
    assert is_live(made_at, "2021-03-15") is live


def test_words_tell_live_from_afterwards(db: sqlite3.Connection) -> None:
    past = load_past(db, "AAA")
    assert [then.live for then in past.said] == [False, True]
    assert day_in_words(past.said[0]).startswith("Made afterwards, 16 Mar 2021, 21:00 UTC")
    assert day_in_words(past.said[1]).startswith("Live: made 16 Mar 2021")
    assert past.made.startswith("1 session forecast live; 1 was made afterwards")


def test_a_ticker_without_forecasts_has_a_past_without_words(db: sqlite3.Connection) -> None:
    past = load_past(db, "BBB")
    assert (past.said, past.made) == ((), "")
    assert past.summaries[1] == "None of these forecasts has come true or failed yet."


def said(pits: list[float], horizon: int = 1) -> list[SaidThen]:
    return [
        SaidThen(f"s{i}", i, NOW, False, (), (Outcome(horizon, "", i + horizon, 1.0, pit, ""),))
        for i, pit in enumerate(pits)
    ]


def test_the_summary_tells_the_side_of_the_misses() -> None:
    assert summary(said([0.5, 0.02, 0.99, 0.96]), 1) == (
        "1 of 4 forecasts ended inside the range of nine in ten: 25 %, promised 90 %. "
        "1 ended below it, 2 above."
    )
    assert "about 2 tell something of their own" in summary(said([0.5] * 10, 5), 5)


def test_the_next_miss_is_found_in_both_directions(db: sqlite3.Connection) -> None:
    past = replace(load_past(db, "AAA"), said=tuple(said([0.5, 0.01, 0.5, 0.96, 0.99])))
    assert (past.miss(0, 1), past.miss(1, 1), past.miss(4, -1), past.miss(1, -1)) == (1, 3, 3, None)
