"""A forecast is said plainly, and its honesty cannot be switched off."""

from __future__ import annotations

import math

import pytest

from desktop_app.words import (
    BASELINE_NAMES,
    PriceForecast,
    age,
    forecast_in_words,
    money,
    next_report,
    odds,
    percent,
    short_count,
)
from fusion_model.findings import QUANTILE_LEVELS, ExpectedReport
from fusion_model.forecasting.baselines import baselines
from tests.desktop_app.facts import report, score


def said(horizon: int = 1) -> PriceForecast:
    prices = tuple(100 * math.exp((level - 0.5) / 10) for level in QUANTILE_LEVELS)
    return PriceForecast(horizon, "2021-03-16", "2021-03-17", 100.0, prices, 0.523, 0.03, "v1", "compact 1")


def test_a_forecast_names_median_ranges_and_chance_in_currency() -> None:
    words = forecast_in_words("AAA", [said()], [score()], "2021-03-16")
    assert words is not None
    assert words.headline == (
        "At the close of Wed, 17 Mar, AAA should stand between $95.60 and $104.60, nine times out of ten."
    )
    (row,) = words.rows
    assert (row.median, row.range_50, row.range_90, row.rise) == (
        "$100.00  (0.0 %)", "$97.53 to $102.53", "$95.60 to $104.60", "52 %",
    )  # fmt: skip


def test_no_directional_skill_is_said_where_that_is_the_truth() -> None:
    words = forecast_in_words("AAA", [said()], [score(1), score(5)])
    assert words is not None
    assert words.direction.startswith("No directional skill shown so far")
    assert words.direction_unproven
    assert not words.rows[0].rise_means_something


def test_skill_at_one_horizon_is_not_claimed_for_the_others() -> None:
    words = forecast_in_words("AAA", [said(1), said(5)], [score(1), score(5, mcc_low=0.01)])
    assert words is not None
    assert words.direction == (
        "Direction: some skill shown at 5 sessions (51 % of signs right). None at the other horizons."
    )
    assert [row.rise_means_something for row in words.rows] == [False, True]


def test_what_was_never_measured_is_called_so() -> None:
    words = forecast_in_words("AAA", [said()])
    assert words is not None
    assert "has not been measured yet" in words.direction
    assert "has not been measured yet" in words.accuracy


@pytest.mark.parametrize(
    ("skill", "dm_t", "verdict"),
    [
        (0.02, -3.0, "2.0 % better than those of the best simple method (GJR-GARCH-t) 1 session ahead."),
        (-0.05, 4.0, "5.0 % worse than those of the best simple method (GJR-GARCH-t) 1 session ahead."),
        (0.02, -1.0, "about as good as those of the best simple method (GJR-GARCH-t) 1 session ahead."),
    ],
)
def test_ranges_are_judged_against_the_best_baseline(skill: float, dm_t: float, verdict: str) -> None:
    words = forecast_in_words("AAA", [said()], [score(skill=skill, dm_t=dm_t)])
    assert words is not None
    assert verdict in words.accuracy
    assert "the 90 % range held 89 % of the time" in words.accuracy


def test_the_same_verdict_at_several_horizons_is_said_once() -> None:
    words = forecast_in_words("AAA", [said()], [score(h, dm_t=-1.0) for h in (1, 5, 20)])
    assert words is not None
    assert words.accuracy.endswith("simple method (GJR-GARCH-t) 1, 5 and 20 sessions ahead.")


def test_a_figure_that_is_undefined_is_not_shown_as_skill() -> None:
    words = forecast_in_words("AAA", [said()], [score(skill=math.nan, mcc_low=math.nan)])
    assert words is not None
    assert words.direction_unproven
    assert "has not been measured yet" in words.accuracy


def test_a_forecast_older_than_the_prices_says_so() -> None:
    words = forecast_in_words("AAA", [said()], (), "2021-03-18")
    assert words is not None
    assert words.stale
    assert "press Refresh" in words.as_of


def test_numbers_are_said_as_people_say_them() -> None:
    assert [money(0.5), money(1234.5), percent(-0.0123), percent(0.5, 0, signed=True), percent(-0.00001)] == [
        "$0.50", "$1,234", "−1.2 %", "+50 %", "0.0 %",
    ]  # fmt: skip
    assert [odds(0.001), odds(0.00013), odds(1e-9)] == ["1 in 1,000", "1 in 7,700", "below 1 in a million"]
    assert [short_count(950), short_count(12_300), short_count(2e6)] == ["950", "12.3k", "2M"]
    assert [age("2021-03-16", "2021-03-16T01:00:00Z"), age("2016-03-16", "2021-03-17")] == [
        "today",
        "5 years ago",
    ]


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        (None, ""),
        (report(), "Earnings report announced for 23 Mar 2021, after the close."),
        (
            report("expected"),
            "The next earnings report is expected around 23 Mar 2021 (a quarter after the last one); its "
            "date was not announced yet.",
        ),
        (report("unknown"), "When the next earnings report comes is not known: ranges leave it out."),
    ],
)
def test_the_next_report_is_told_as_far_as_it_is_known(known: ExpectedReport | None, sentence: str) -> None:
    assert next_report(known) == sentence


def test_a_report_ahead_stands_among_the_notes() -> None:
    words = forecast_in_words("AAA", [said()], report="Earnings report on 28 Apr 2021.")
    assert words is not None
    assert words.notes[0] == "Earnings report on 28 Apr 2021."


def test_every_baseline_has_a_name_for_people() -> None:
    assert set(BASELINE_NAMES) == set(baselines())
