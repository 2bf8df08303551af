"""Prices of the session under way: how far a price may have come by now, and how often one may look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from collectors.market_calendar import session_after
from collectors.records import Quote
from fusion_model.advice.intraday import (
    quantiles_so_far,
    session_under_way,
    two_sided,
    unusual_quotes,
    variance_so_far,
)
from fusion_model.findings import Forecast
from tests.builders import forecast_of

BEFORE, TODAY = "2016-06-23", "2016-06-24"
OPEN, NOON, CLOSE = "2016-06-24T13:30:00Z", "2016-06-24T16:45:00Z", "2016-06-24T20:00:00Z"
EXPECTED = forecast_of("KO", BEFORE, TODAY)  # 1 % a session


def quote(log_move: float, at: str = NOON, ticker: str = "KO") -> Quote:
    return Quote(ticker, EXPECTED.last_close * float(np.exp(log_move)), at, "test", at)


def p_values(*quotes: Quote, forecasts: tuple[Forecast, ...] = (EXPECTED,), **options: object) -> list[float]:
    found = unusual_quotes(quotes, forecasts, reported_p=1.0, **options)  # type: ignore[arg-type]
    return [one.p_value for one in found]


def test_a_far_price_is_found_and_told() -> None:
    (found,) = unusual_quotes([quote(-0.06)], [EXPECTED])
    assert (found.ticker, found.session, found.quoted_at) == ("KO", TODAY, NOON)
    assert found.move == pytest.approx(-0.06)
    assert found.elapsed == pytest.approx(0.5)
    assert found.reason.startswith(
        f"The price stands at {found.price:,.2f}, −5.8 % since the close (dividends included), with 50 % of "
        "the trading hours passed. By then nine in ten outcomes were expected between −1.3 % and +1.3 %; "
        "a move this far at any moment of the session was expected once in "
    )


def test_an_ordinary_price_is_not_reported() -> None:
    assert unusual_quotes([quote(0.012)], [EXPECTED]) == []


def test_what_decides_does_not_hang_on_the_minute_but_what_is_said_of_the_minute_does() -> None:
    """The same move is stranger early in the day; that it comes at all, is as rare at any time."""
    early, late = (
        unusual_quotes([quote(-0.04, at)], [EXPECTED], reported_p=1.0)[0]
        for at in (OPEN, "2016-06-24T19:55:00Z")
    )
    assert early.p_value == late.p_value
    assert early.p_now < late.p_now
    assert late.p_now == pytest.approx(late.p_value / 2, rel=0.05)
    assert (early.low, early.high) > (late.low, -late.high)


def test_looking_all_day_raises_no_more_alarms_than_the_probability_says() -> None:
    """20,000 sessions of normal steps watched every minute: the share that ever is called 1 in 20."""
    random = np.random.default_rng(0)
    steps = random.normal(0.0, 0.01, (20_000, 391))
    share = np.diff(variance_so_far(np.linspace(0.0, 1.0, 391)), prepend=0.0)
    paths = np.cumsum(steps * np.sqrt(share), axis=1)
    worst = np.abs(paths).max(axis=1)
    moves = np.linspace(0.0, 0.05, 2001)
    limit = moves[2.0 * two_sided(np.tile(EXPECTED.quantiles, (2001, 1)), moves) <= 0.05][0]
    ever = (worst >= limit).mean()
    at_one_look = (np.abs(paths[:, 195]) >= limit).mean()
    assert 0.035 < ever < 0.052
    assert at_one_look < ever / 2


def test_the_share_of_variance_runs_from_the_night_to_the_whole_session_and_most_at_the_edges() -> None:
    share = variance_so_far(np.array([0.0, 0.1, 0.45, 0.55, 0.9, 1.0]))
    assert share[0] == pytest.approx(0.29)
    assert share[-1] == pytest.approx(1.0)
    assert share[1] - share[0] == pytest.approx(share[-1] - share[-2])
    assert share[1] - share[0] > share[3] - share[2]
    assert variance_so_far(np.array([0.0]), np.array([True]))[0] == pytest.approx(0.75)


def test_at_the_close_the_move_so_far_is_the_forecast_itself() -> None:
    quantiles = np.array([EXPECTED.quantiles])
    assert quantiles_so_far(quantiles, np.array([1.0])) == pytest.approx(quantiles)


def test_a_report_before_the_open_makes_an_early_move_less_strange() -> None:
    moved = quote(-0.03, OPEN)
    (plain,) = unusual_quotes([moved], [EXPECTED], reported_p=1.0)
    (reporting,) = unusual_quotes([moved], [EXPECTED], reported_p=1.0, reporting={"KO"})
    assert reporting.p_now > 3 * plain.p_now
    assert reporting.p_value == plain.p_value


def test_a_dividend_and_a_split_of_the_day_are_no_move() -> None:
    ex = replace(quote(0.0), price=EXPECTED.last_close * 0.9)
    assert p_values(ex, dividends={"KO": EXPECTED.last_close * 0.1}) == p_values(quote(0.0))
    halved = replace(quote(0.0), price=EXPECTED.last_close / 2)
    assert p_values(halved, splits={"KO": 2.0}) == p_values(quote(0.0))


@pytest.mark.parametrize(
    "price_now",
    [
        quote(-0.2, "2016-06-23T19:59:00Z"),  # of the session before
        quote(-0.2, "2016-06-24T20:01:00Z"),  # after the close: of the next session
        quote(-0.2, ticker="PEP"),
        replace(quote(0.0), price=0.0),
        replace(quote(0.0), price=float("nan")),
    ],
)
def test_a_price_of_another_session_or_ticker_or_none_at_all_is_passed_over(price_now: Quote) -> None:
    assert unusual_quotes([price_now], [EXPECTED]) == []


def test_only_the_forecast_of_one_session_is_read() -> None:
    assert unusual_quotes([quote(-0.2)], [replace(EXPECTED, horizon=5)]) == []


def test_the_least_probable_comes_first_and_each_price_is_judged() -> None:
    others = [replace(EXPECTED, ticker=name) for name in ("PEP", "MSFT")]
    found = unusual_quotes(
        [quote(-0.06), quote(-0.09, ticker="PEP"), quote(0.07, OPEN, "MSFT"), quote(0.0, OPEN, "MSFT")],
        [EXPECTED, *others],
    )
    assert [one.ticker for one in found] == ["PEP", "MSFT", "KO"]


def test_time_before_the_open_and_on_half_days_is_told() -> None:
    assert session_under_way("2016-06-24T08:00:00Z") == (TODAY, 0.0)
    assert session_under_way(CLOSE) == (TODAY, 1.0)
    assert session_under_way("2016-06-24T20:00:01Z") == (session_after(TODAY, 1), 0.0)
    assert session_under_way("2016-11-25T16:15:00Z") == ("2016-11-25", 0.5)  # 9:30 to 13:00


def test_a_price_before_the_open_says_so() -> None:
    (found,) = unusual_quotes([quote(-0.06, "2016-06-24T12:00:00Z")], [EXPECTED])
    assert ", before the open. By then" in found.reason
