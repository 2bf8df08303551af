"""A doubted bar is kept and held back, as known at the time, until it is borne out."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from collectors.market_calendar import session_close, sessions_between
from collectors.quarantine import review
from collectors.records import CorporateAction, PriceBar
from collectors.store import (
    load_actions,
    load_bars,
    load_flags,
    save_corporate_actions,
    save_price_bars,
)
from fusion_model.dataset.panel import load_panel

SESSIONS = sessions_between("2020-01-02", "2020-05-29")
T = 70
DAY, NEXT, LAST = SESSIONS[T], SESSIONS[T + 1], SESSIONS[-1]
NOW = "2020-06-01T12:00:00Z"
TOMORROW = "2020-06-02T12:00:00Z"


def walk(source: str = "yahoo") -> list[PriceBar]:
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(SESSIONS))))
    return [
        PriceBar("KO", day, c, c * 1.005, c * 0.995, c, 1e6 + n, source, session_close(day))
        for n, (day, c) in enumerate(zip(SESSIONS, np.round(close, 2).tolist(), strict=True))
    ]


def scaled(bar: PriceBar, factor: float) -> PriceBar:
    prices = {name: getattr(bar, name) * factor for name in ("open", "high", "low", "close")}
    return replace(bar, **prices)


def with_factor(bars: list[PriceBar], factor: float, first: int = T, last: int = T + 1) -> list[PriceBar]:
    return [scaled(bar, factor) if first <= n < last else bar for n, bar in enumerate(bars)]


def judged(
    db: sqlite3.Connection, bars: list[PriceBar], now: str = NOW, is_live: bool = True
) -> list[tuple[str, str, str]]:
    """Save bars and judge them all; return (session, kind, resolution) of what is new."""
    save_price_bars(db, bars, now)
    news = review(db, "KO", bars[0].source, since=SESSIONS[0], now=now, is_live=is_live)
    return [(flag.session, flag.kind, flag.resolution) for flag in news]


def known(db: sqlite3.Connection, at: str) -> set[str]:
    return {row[1] for row in load_bars(db, at)}


def test_a_doubted_bar_is_kept_and_out_of_panels_since_its_close(db: sqlite3.Connection) -> None:
    assert judged(db, with_factor(walk(), 100)) == [(DAY, "wrong_scale", "")]
    assert DAY not in known(db, session_close(DAY))
    assert not load_panel(db, LAST).present[T, 0]
    assert db.execute("SELECT count(*) FROM price_bar").fetchone() == (len(SESSIONS),)
    assert judged(db, with_factor(walk(), 100), TOMORROW) == []  # it would say a hundred times that again


def test_a_real_crash_is_back_at_the_close_of_the_next_session(db: sqlite3.Connection) -> None:
    judged(db, with_factor(walk(), 0.62, last=len(SESSIONS)))
    assert DAY not in known(db, session_close(DAY))
    assert known(db, session_close(NEXT)) == set(SESSIONS[: T + 2])


def test_a_spike_was_in_the_panel_until_it_was_known_to_be_one(db: sqlite3.Connection) -> None:
    wide = [replace(bar, volume=bar.volume * (9 if n == T else 1)) for n, bar in enumerate(walk())]
    judged(db, with_factor(wide, 0.62))
    assert DAY in known(db, session_close(DAY))
    assert DAY not in known(db, session_close(NEXT))


def test_the_same_word_on_another_day_releases_what_markets_do(db: sqlite3.Connection) -> None:
    bars = with_factor(walk(), 0.62)[: T + 1]
    assert judged(db, bars) == [(DAY, "bad_tick", "")]
    assert judged(db, bars, NOW.replace("T12", "T18")) == []  # the same day is no second look
    assert judged(db, bars, TOMORROW) == [(DAY, "bad_tick", "yahoo said the same again")]
    assert DAY not in known(db, NOW)
    assert DAY in known(db, TOMORROW)
    assert judged(db, bars, "2020-06-03T12:00:00Z") == []


def test_an_archive_read_again_is_no_second_look(db: sqlite3.Connection) -> None:
    bars = with_factor(walk("csv"), 0.62)[: T + 1]
    assert judged(db, bars, is_live=False) == [(DAY, "bad_tick", "")]
    assert judged(db, bars, TOMORROW, is_live=False) == []


def test_a_correction_releases_the_session_since_it_came(db: sqlite3.Connection) -> None:
    judged(db, with_factor(walk(), 100))
    assert judged(db, walk(), TOMORROW) == [(DAY, "wrong_scale", "corrected or explained")]
    assert DAY not in known(db, NOW)
    assert [row[5] for row in load_bars(db, TOMORROW) if row[1] == DAY] == [walk()[T].close]


def test_another_vendor_that_says_the_same_bears_a_bar_out(db: sqlite3.Connection) -> None:
    crash = with_factor(walk(), 0.01)
    judged(db, crash)
    vendor = [replace(bar, source="alphavantage_csv") for bar in crash]
    assert (DAY, "wrong_scale", "alphavantage_csv says the same") in judged(db, vendor)
    assert DAY in known(db, LAST + "T23:00:00Z")


def test_a_file_of_the_same_vendor_bears_nothing_out(db: sqlite3.Connection) -> None:
    judged(db, with_factor(walk(), 100))
    judged(db, [replace(bar, source="yfinance_csv") for bar in with_factor(walk(), 100)])
    assert DAY not in known(db, NOW)


def test_a_sound_bar_of_another_source_takes_the_place_of_a_doubted_one(db: sqlite3.Connection) -> None:
    judged(db, with_factor(walk(), 100))
    judged(db, walk("stooq"))
    assert [row[5] for row in load_bars(db, NOW) if row[1] == DAY] == [walk()[T].close]


def test_a_split_told_late_explains_the_bars_that_were_held_back(db: sqlite3.Connection) -> None:
    bars = [
        replace(bar, volume=bar.volume * 4) if n >= T else bar
        for n, bar in enumerate(with_factor(walk(), 0.25, last=len(SESSIONS)))
    ]
    assert judged(db, bars) == [(day, "split_missing", "") for day in SESSIONS[T : T + 5]]
    split = CorporateAction("KO", DAY, "split", 4.0, "yahoo", session_close(DAY))
    save_corporate_actions(db, [split], TOMORROW)
    assert judged(db, bars, TOMORROW) == [
        (day, "split_missing", "corrected or explained") for day in SESSIONS[T : T + 5]
    ]
    assert known(db, NOW) == set(SESSIONS) - set(SESSIONS[T : T + 5])
    assert known(db, TOMORROW) == set(SESSIONS)


@pytest.mark.parametrize(("kind", "amount", "left"), [("split", 4.0, []), ("dividend", 40.0, [])])
def test_a_split_or_dividend_that_the_price_did_not_follow_is_held_back(
    db: sqlite3.Connection, kind: str, amount: float, left: list[object]
) -> None:
    save_corporate_actions(db, [CorporateAction("KO", DAY, kind, amount, "yahoo", session_close(DAY))], NOW)
    judged(db, walk())
    assert load_actions(db, NOW) == left
    assert known(db, NOW) == set(SESSIONS)
    assert np.nanmax(np.abs(load_panel(db, LAST).log_returns)) < 0.05


def test_two_live_sources_a_cent_apart_are_both_kept_and_noted(db: sqlite3.Connection) -> None:
    judged(db, walk())
    other = [replace(bar, source="stooq") for bar in walk()[-2:]]
    other = [replace(bar, close=bar.close + cents) for bar, cents in zip(other, (0.01, 0.02), strict=True)]
    assert judged(db, other) == [(LAST, "disagreement", "")]
    assert [row[5] for row in load_bars(db, NOW)][-1] == walk()[-1].close  # the first recorded counts
    detail = f"close {other[1].close:g}, and {walk()[-1].close:g} from yahoo"
    assert [flag.detail for flag in load_flags(db)] == [detail]
    assert judged(db, walk("stooq")[-1:], TOMORROW) == [(LAST, "disagreement", "corrected or explained")]


def test_the_daily_look_at_ten_sessions_finds_what_the_look_at_all_did(db: sqlite3.Connection) -> None:
    bars = with_factor(walk(), 100, last=T + 2)
    for stop in range(T - 2, T + 6):
        save_price_bars(db, bars[:stop], NOW)
        review(db, "KO", "yahoo", since=SESSIONS[stop - 10], now=NOW, is_live=True)
    flags = [(flag.session, flag.available_at) for flag in load_flags(db)]
    assert flags == [(DAY, session_close(DAY)), (NEXT, session_close(NEXT))]


def test_a_split_on_a_day_without_trade_counts_from_the_next_session(db: sqlite3.Connection) -> None:
    """Once a split on a weekend was passed over without a word, and the price fell by half."""
    monday = next(n for n in range(T, len(SESSIONS)) if date.fromisoformat(SESSIONS[n]).weekday() == 0)
    saturday = str(date.fromisoformat(SESSIONS[monday]) - timedelta(days=2))
    save_price_bars(db, with_factor(walk(), 0.5, monday, len(SESSIONS)), NOW)
    split = CorporateAction("KO", saturday, "split", 2.0, "yahoo", session_close(SESSIONS[monday]))
    save_corporate_actions(db, [split], NOW)
    panel = load_panel(db, LAST)
    assert panel.split_ratio[monday, 0] == 2.0
    assert np.nanmax(np.abs(panel.log_returns)) < 0.05


def test_a_split_into_nothing_is_refused(db: sqlite3.Connection) -> None:
    """Once a ratio of 0 was stored, and every price before it was lost."""
    nothing = CorporateAction("KO", DAY, "split", 0.0, "yahoo", session_close(DAY))
    with pytest.raises(sqlite3.IntegrityError, match="a split needs a ratio above 0"):
        save_corporate_actions(db, [nothing], NOW)
