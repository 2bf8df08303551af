"""A forecast is said plainly, and its honesty cannot be switched off."""

from __future__ import annotations

import math

import pytest

from desktop_app.words import (
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
from tests.desktop_app.facts import report


def said(horizon: int = 1) -> PriceForecast:
    prices = tuple(100 * math.exp((level - 0.5) / 10) for level in QUANTILE_LEVELS)
    return PriceForecast(horizon, "2021-03-16", "2021-03-17", 100.0, prices, 0.523, 0.03, "v1", "compact 1")


def test_a_forecast_names_median_ranges_and_chance_in_currency() -> None:
    words = forecast_in_words("AAA", [said(), said(5)], {5}, "2021-03-16")
    assert words is not None
    assert words.headline == (
        "At the close of Wed, 17 Mar, AAA should stand between $95.60 and $104.60, nine times out of ten."
    )
    row, later = words.rows
    assert (row.rise_means_something, later.rise_means_something) == (False, True)
    assert (row.median, row.range_50, row.range_90, row.rise) == (
        "$100.00  (0.0 %)", "$97.53 to $102.53", "$95.60 to $104.60", "52 %",
    )  # fmt: skip


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


def test_a_report_ahead_is_told_with_the_forecast() -> None:
    words = forecast_in_words("AAA", [said()], report="Earnings report on 28 Apr 2021.")
    assert words is not None
    assert words.report == "Earnings report on 28 Apr 2021."
