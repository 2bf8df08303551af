"""The earnings calendar: which sessions react, and what was expected at each close before."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from collectors import store
from collectors.market_calendar import session_after, session_close, sessions_between
from collectors.records import EarningsAnnouncement
from fusion_model.dataset.earnings import (
    BEYOND,
    PRIOR_EVENTS,
    PRIOR_POOL,
    Announcement,
    expected_reports,
    past_reactions,
    reaction_calendar,
    reaction_size,
)
from fusion_model.dataset.features import PRICE_FEATURES, build_features
from fusion_model.dataset.panel import FloatArray, load_panel
from fusion_model.findings import HORIZONS, ExpectedReport
from tests.builders import bars, lively_panel, panel_bytes

# 2020-01-02 is row 0; 2020-03-16, a Monday, is row 50; 2020-06-15, 91 days later, is row 113.
SESSIONS = sessions_between("2020-01-02", "2021-03-31")
CLOSES = [session_close(session) for session in SESSIONS]
ROW = SESSIONS.index("2020-03-16")
TODAY, NEXT_1, NEXT_5, NEXT_20 = range(4)


def calendar_of(*announcements: tuple[str, str, str]) -> FloatArray:
    """Return (T, 4) of one ticker, from dates, times of day, and sessions at whose close they were known."""
    rows: list[Announcement] = [
        ("AAA", on, time_of_day, session_close(known)) for on, time_of_day, known in announcements
    ]
    return reaction_calendar(rows, ["AAA"], SESSIONS, CLOSES)[:, 0]


def rows_of(column: FloatArray) -> list[int]:
    return np.flatnonzero(column).tolist()


@pytest.mark.parametrize(("time_of_day", "row"), [("pre", ROW), ("post", ROW + 1)])
def test_a_report_after_the_close_moves_the_next_session(time_of_day: str, row: int) -> None:
    calendar = calendar_of(("2020-03-16", time_of_day, SESSIONS[ROW - 10]))
    assert rows_of(calendar[:, TODAY]) == [row]
    assert rows_of(calendar[: ROW + 5, NEXT_1]) == [row - 1]
    assert rows_of(calendar[: ROW + 5, NEXT_5]) == list(range(row - 5, row))


def test_a_date_counts_from_the_close_at_which_it_was_known() -> None:
    calendar = calendar_of(("2020-03-16", "pre", SESSIONS[ROW - 3]))
    assert rows_of(calendar[: ROW + 1, NEXT_20]) == [ROW - 3, ROW - 2, ROW - 1]


def test_a_report_on_a_weekend_moves_monday_whatever_the_time() -> None:
    for time_of_day in ("pre", "post"):
        calendar = calendar_of(("2020-03-14", time_of_day, SESSIONS[ROW - 10]))
        assert calendar[ROW, TODAY] == 1.0


def test_an_unknown_time_is_shared_by_the_habit_so_far() -> None:
    """Two reports after the close and none before the open: three to one, with one of each to begin with."""
    calendar = calendar_of(
        ("2020-01-15", "post", SESSIONS[0]),
        ("2020-04-15", "post", SESSIONS[60]),
        ("2020-07-15", "", SESSIONS[120]),
    )
    day = SESSIONS.index("2020-07-15")
    assert calendar[day : day + 2, TODAY].tolist() == [0.25, 0.75]
    assert calendar[day - 1, NEXT_1] == 0.25
    assert calendar[day - 1, NEXT_5] == 1.0


def test_a_quarter_after_the_last_report_the_next_one_is_expected() -> None:
    """Known on the day alone: nothing says that the next date must be known ahead."""
    calendar = calendar_of(("2020-03-16", "pre", SESSIONS[ROW]))
    expected = SESSIONS.index("2020-06-15")
    assert rows_of(calendar[:, NEXT_5]) == list(range(expected - 5, expected))
    assert calendar[expected:, NEXT_20].sum() == 0.0  # it did not come, and nobody knows when


def test_a_company_that_tells_ten_sessions_ahead_is_not_expected_before() -> None:
    calendar = calendar_of(("2020-03-16", "pre", SESSIONS[ROW - 10]))
    assert calendar[ROW:, NEXT_5].sum() == 0.0
    expected = SESSIONS.index("2020-06-15")
    assert rows_of(calendar[ROW:expected, NEXT_20]) == list(range(expected - 20 - ROW, expected - ROW))


def test_a_moved_date_takes_the_place_of_the_first_one() -> None:
    calendar = calendar_of(
        ("2020-03-16", "pre", SESSIONS[ROW - 10]), ("2020-03-20", "pre", SESSIONS[ROW - 4])
    )
    assert rows_of(calendar[:, TODAY]) == [ROW + 4]
    assert rows_of(calendar[: ROW + 4, NEXT_5]) == [ROW - 5, *range(ROW - 1, ROW + 4)]
    assert calendar[ROW - 1, NEXT_1] == 0.0


def test_a_second_source_that_tells_afterwards_changes_nothing() -> None:
    once = calendar_of(("2020-03-16", "pre", SESSIONS[ROW - 10]))
    twice = calendar_of(("2020-03-16", "pre", SESSIONS[ROW - 10]), ("2020-03-16", "pre", SESSIONS[ROW + 1]))
    np.testing.assert_array_equal(twice, once)


def test_other_tickers_are_passed_over() -> None:
    rows = [("ZZZ", "2020-03-16", "pre", session_close(SESSIONS[ROW]))]
    assert not reaction_calendar(rows, ["AAA"], SESSIONS, CLOSES).any()


def test_size_is_the_own_mean_shrunk_to_that_of_all() -> None:
    """Two reactions of 4 and 2 daily volatilities: squares 16 and 4."""
    today = np.zeros((10, 2))
    today[[3, 7], 0] = 1.0
    returns = np.full((10, 2), 0.01)
    returns[3, 0], returns[7, 0] = 0.04, -0.02
    size = reaction_size(today, returns, np.full((10, 2), 0.01))
    assert size[2].tolist() == [1.0, 1.0]
    pooled = (PRIOR_POOL + 20.0) / (PRIOR_POOL + 2.0)
    assert size[9, 0] == pytest.approx((20.0 + PRIOR_EVENTS * pooled) / (2.0 + PRIOR_EVENTS))
    assert size[9, 1] == pytest.approx(pooled)


# In a panel ---------------------------------------------------------------------------------------


def announced(on: str, known: str, time_of_day: str = "pre") -> EarningsAnnouncement:
    return EarningsAnnouncement("AAA", on, time_of_day, "test", session_close(known))


@pytest.fixture
def filled(db: sqlite3.Connection) -> sqlite3.Connection:
    store.save_price_bars(db, bars("AAA", [50.0] * 200), "2021-06-01T00:00:00Z")
    store.save_earnings(
        db,
        [
            announced("2020-03-16", SESSIONS[ROW - 10]),
            announced("2020-06-16", SESSIONS[100]),
            announced("2020-06-18", SESSIONS[110]),
        ],
    )
    return db


@pytest.mark.parametrize("row", [20, ROW - 11, ROW - 10, ROW, 99, 100, 109, 110, 115, 120])
def test_a_panel_cut_short_equals_the_one_of_that_day(filled: sqlite3.Connection, row: int) -> None:
    whole = load_panel(filled, SESSIONS[180])
    then = load_panel(filled, SESSIONS[row])
    assert panel_bytes(whole.until(SESSIONS[row])) == panel_bytes(then)
    if row < ROW - 10:
        assert then.earnings is None


def test_a_date_announced_beyond_the_last_session_is_expected(filled: sqlite3.Connection) -> None:
    panel = load_panel(filled, SESSIONS[ROW - 2])
    assert panel.earnings is not None
    assert panel.earnings[-1, 0].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert session_after(SESSIONS[ROW - 2], BEYOND) in SESSIONS


def test_an_expected_report_widens_its_horizons_and_no_other() -> None:
    """With reactions of size k, h sessions with one among them have 1 + (k - 1) / h times the variance."""
    panel = lively_panel(300, 2)
    earnings = np.zeros((300, 2, 4))
    earnings[100:250:50, :, TODAY] = 1.0
    earnings[-1, 0, [NEXT_5, NEXT_20]] = 1.0
    plain, told = build_features(panel), build_features(replace(panel, earnings=earnings))
    wider = (told.anchor / plain.anchor)[-1]
    size = np.exp(2.0 * told.price[-1, :, PRICE_FEATURES.index("reaction_size")].astype(np.float64))
    np.testing.assert_allclose(
        wider[0], np.sqrt([1.0, 1 + (size[0] - 1) / 5, 1 + (size[0] - 1) / 20]), rtol=1e-5
    )
    assert wider[1].tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_array_equal(told.scale, plain.scale)


def report_of(as_of: int, *announcements: tuple[str, str, str]) -> ExpectedReport:
    """Return AAA's next report as known at the close of a row."""
    rows: list[Announcement] = [
        ("AAA", on, time_of_day, session_close(known)) for on, time_of_day, known in announcements
    ]
    known = [row for row in rows if row[3] <= CLOSES[as_of]]
    (found,) = expected_reports(known, SESSIONS, CLOSES, SESSIONS[as_of])
    return found


def test_the_next_report_is_expected_a_quarter_on_until_its_date_is_known() -> None:
    told = [("2020-03-16", "post", "2020-03-16"), ("2020-06-09", "post", "2020-06-01")]
    before = SESSIONS.index("2020-05-29")
    assert report_of(before, *told) == ExpectedReport(
        "AAA", "2020-05-29", "expected", "2020-06-15", "unknown", "2020-06-15", 11
    )
    assert report_of(before + 1, *told) == ExpectedReport(
        "AAA", "2020-06-01", "announced", "2020-06-09", "post", "2020-06-10", 7
    )


def test_a_report_long_overdue_is_unknown() -> None:
    late = SESSIONS.index("2020-06-15")
    assert report_of(late, ("2020-03-16", "post", "2020-03-16")).certainty == "unknown"


def test_the_mark_stands_where_the_model_expects_the_reaction() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        days = np.cumsum(rng.integers(40, 100, 5))
        told = [
            (SESSIONS[day], str(rng.choice(["pre", "post"])), SESSIONS[day - int(rng.integers(0, 15))])
            for day in days[days < 290]
        ]
        as_of = int(rng.integers(days[0], 240))
        rows: list[Announcement] = [
            ("AAA", on, at, session_close(known)) for on, at, known in told if known <= SESSIONS[as_of]
        ]
        reach = slice(0, as_of + 1 + BEYOND)
        calendar = reaction_calendar(rows, ["AAA"], SESSIONS[reach], CLOSES[reach])[-1, 0]
        ahead = report_of(as_of, *told).sessions_ahead
        assert [0 < ahead <= horizon for horizon in HORIZONS] == (calendar[1:] > 0).tolist()


def test_past_reports_stand_at_the_sessions_that_reacted_and_moved_dates_nowhere() -> None:
    rows: list[Announcement] = [
        ("AAA", on, at, session_close(known))
        for on, at, known in [
            ("2020-03-10", "post", "2020-02-20"),
            ("2020-03-16", "post", "2020-03-02"),
            ("2020-06-15", "pre", "2020-06-01"),
        ]
    ]
    assert past_reactions(rows, SESSIONS[:100], CLOSES[:100]) == [(ROW + 1, "2020-03-16", "post")]
