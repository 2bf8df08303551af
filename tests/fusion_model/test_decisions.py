"""What came after a decision: returns of acting against not acting, and how much that says."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from fusion_model.evaluation.decisions import Decided, Followed, follow, opening_of, tally

BARS = [
    ("2020-01-02", 10.0, 10.5),
    ("2020-01-03", 11.0, 12.0),
    ("2020-01-06", 12.0, 6.0),
    ("2020-01-07", 6.0, 6.6),
]
REJECTED = Decided("bg-1", "KO", "sell", False, "2020-01-02T22:00:00Z", None, 0.001)
HORIZONS = (1, 2, 20)


def test_a_rejected_sale_is_followed_from_the_next_open() -> None:
    after = follow(REJECTED, BARS, [], HORIZONS)
    assert after is not None
    assert (after.entry_session, after.entry_price) == ("2020-01-03", 11.0)
    assert after.returns == pytest.approx((12 / 11 - 1, 6 / 11 - 1, None))
    assert after.gains == pytest.approx((12 / 11 - 1 + 0.001, 6 / 11 - 1 + 0.001, None))


def test_a_sale_carried_out_gains_what_the_price_loses_less_its_cost() -> None:
    sold = Decided("bg-1", "KO", "sell", True, "2020-01-02T22:00:00Z", ("2020-01-03", 11.5), 0.001)
    after = follow(sold, BARS, [], HORIZONS)
    assert after is not None
    assert after.gains == pytest.approx((-(12 / 11.5 - 1) - 0.001, -(6 / 11.5 - 1) - 0.001, None))


def test_splits_and_dividends_after_the_entry_count_and_those_of_its_day_do_not() -> None:
    actions = [("2020-01-06", "dividend", 0.5), ("2020-01-06", "split", 2.0), ("2020-01-03", "split", 7.0)]
    after = follow(REJECTED, BARS, actions, HORIZONS)
    assert after is not None
    assert after.returns[1] == pytest.approx(2 * (6.0 + 0.5) / 11 - 1)


def test_what_is_still_to_come_is_not_known() -> None:
    assert follow(REJECTED, BARS[:1], [], HORIZONS) is None
    known = follow(REJECTED, BARS[:2], [], HORIZONS)
    assert known is not None
    assert known.returns[1:] == (None, None)


def test_an_alert_is_followed_without_a_gain() -> None:
    after = follow(Decided("KO", "KO", "", False, "2020-01-02T22:00:00Z", None, 0), BARS, [], HORIZONS)
    assert after is not None
    assert after.gains == (None, None, None)


def test_the_opening_knows_summer_time() -> None:
    assert opening_of("2020-01-03") == "2020-01-03T14:30:00Z"
    assert opening_of("2020-07-06") == "2020-07-06T13:30:00Z"


def decided_on(days: int, gain: float, scatter: float, a_day: int = 1) -> list[Followed]:
    random = np.random.default_rng(0)
    found = []
    for n in range(days):
        session = (date(2020, 1, 6) + timedelta(days=7 * n)).isoformat()
        for _ in range(a_day):
            value = gain + scatter * float(random.standard_normal())
            found.append(Followed("bg", session, 1.0, (value,) * 3, (value,) * 3))
    return found


def test_few_decisions_are_too_few_to_tell_however_many_fell_on_one_day() -> None:
    for rows in (tally("x", decided_on(19, 0.05, 0.001)), tally("x", decided_on(1, 0.05, 0.001, a_day=500))):
        assert "too few to tell" in rows[0].verdict
        assert math.isnan(rows[0].low)


def test_many_decisions_help_hurt_or_cannot_be_told_apart() -> None:
    assert tally("x", decided_on(60, 0.02, 0.01))[0].verdict == "helped"
    assert tally("x", decided_on(60, -0.02, 0.01))[0].verdict == "hurt"
    assert tally("x", decided_on(60, 0.0, 0.05))[0].verdict == "no difference can be told"


def test_decisions_of_one_span_count_once() -> None:
    one, five, _ = tally("x", decided_on(40, 0.02, 0.01, a_day=3))
    assert (one.decisions, one.spans) == (120, 40)
    assert five.spans == 40  # weekly
    assert tally("x", decided_on(40, 0.02, 0.01))[2].spans == 11
