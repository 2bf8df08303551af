"""What is wrong with a bar: planted faults are named, and what markets really do is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from collectors.market_calendar import sessions_between
from collectors.quality import BAR_KINDS, Bars, Fault, find_faults

SESSIONS = tuple(sessions_between("2020-01-02", "2020-06-30"))
T = 80


def walk() -> Bars:
    """A quiet stock near 100: a percent a day, a million shares."""
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(SESSIONS))))
    opened = close * np.exp(random.normal(0, 0.003, len(SESSIONS)))
    high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
    return Bars(SESSIONS, opened, high, low, close, np.round(random.uniform(0.8e6, 1.2e6, len(SESSIONS))))


def scaled(bars: Bars, first: int, last: int, factor: float, busier: float = 1.0) -> Bars:
    """Multiply the prices of some rows (last excluded), and what was traded in the first of them."""
    prices = {}
    for name in ("open", "high", "low", "close"):
        prices[name] = getattr(bars, name).copy()
        prices[name][first:last] *= factor
    volume = bars.volume.copy()
    volume[first:last] /= factor
    volume[first] *= busier
    return replace(bars, volume=volume, **prices)


def kinds(bars: Bars, **known: dict[str, float]) -> list[tuple[int, str]]:
    faults = find_faults(bars, known.get("splits", {}), known.get("dividends", {}))
    return [(SESSIONS.index(fault.session), fault.kind) for fault in faults]


def test_a_quiet_stock_raises_nothing() -> None:
    assert find_faults(walk(), {}, {}, calendar=SESSIONS) == []


def test_a_price_in_pence_is_off_scale() -> None:
    assert kinds(scaled(walk(), T, T + 1, 100)) == [(T, "wrong_scale")]


def test_a_new_level_is_doubted_for_five_sessions_and_then_believed() -> None:
    for_good = kinds(scaled(walk(), T, len(SESSIONS), 0.01))
    assert for_good == [(T + later, "wrong_scale") for later in range(5)]


@pytest.mark.parametrize("ratio", [1.5, 2, 4, 7, 10, 0.1])
def test_a_split_that_nobody_told_of_is_seen_and_one_that_is_known_is_not(ratio: float) -> None:
    bars = scaled(walk(), T, len(SESSIONS), 1 / ratio)
    assert kinds(bars)[0] == (T, "split_missing")
    assert kinds(bars, splits={SESSIONS[T]: ratio}) == []


def test_a_split_that_the_price_did_not_follow_is_doubted_and_not_the_price() -> None:
    assert kinds(walk(), splits={SESSIONS[T]: 4.0}) == [(T, "split_wrong")]


def test_a_split_applied_twice_leaves_its_ratio_in_the_price() -> None:
    """The vendor divided by the split, and we by its own word of it once more."""
    bars = scaled(walk(), T, len(SESSIONS), 1 / 16)
    assert kinds(bars, splits={SESSIONS[T]: 4.0})[0] == (T, "split_missing")


def test_a_crash_on_heavy_trading_is_believed() -> None:
    assert kinds(scaled(walk(), T, len(SESSIONS), 0.62, busier=10)) == []


def test_a_crash_without_trading_is_doubted_until_the_next_session() -> None:
    faults = find_faults(scaled(walk(), T, len(SESSIONS), 0.62), {}, {})
    assert [(fault.session, fault.kind, fault.settled_on) for fault in faults] == [
        (SESSIONS[T], "bad_tick", SESSIONS[T + 1])
    ]


def test_a_price_that_is_back_the_next_session_was_a_spike_as_known_then() -> None:
    faults = find_faults(scaled(walk(), T, T + 1, 0.62), {}, {})
    assert [(fault.kind, fault.known_on, fault.settled_on) for fault in faults] == [
        ("bad_tick", SESSIONS[T], ""),
        ("spike", SESSIONS[T + 1], ""),
    ]


def test_a_low_far_below_open_and_close_is_a_bad_tick() -> None:
    bars = walk()
    bars.low[T] = 55.0
    faults = find_faults(bars, {}, {})
    assert [(fault.session, fault.kind) for fault in faults] == [(SESSIONS[T], "bad_tick")]
    assert "low 55" in faults[0].detail


def test_a_high_below_the_low_is_impossible() -> None:
    bars = walk()
    bars.high[T], bars.low[T] = bars.low[T], bars.high[T]
    assert kinds(bars) == [(T, "impossible_range")]


def test_a_bar_repeated_to_the_last_share_is_stale() -> None:
    bars = walk()
    for name in ("open", "high", "low", "close", "volume"):
        getattr(bars, name)[T] = getattr(bars, name)[T - 1]
    assert kinds(bars) == [(T, "stale")]


def test_days_without_trade_are_odd_until_they_are_the_habit() -> None:
    bars = walk()
    bars.volume[T : T + 30] = 0
    assert kinds(bars) == [(T + later, "volume_zero") for later in range(4)]


def test_a_missing_session_is_a_gap_once_the_feed_goes_on() -> None:
    whole = walk()
    keep = np.arange(len(SESSIONS)) != T
    fields = (getattr(whole, name)[keep] for name in ("open", "high", "low", "close", "volume"))
    faults = find_faults(Bars(SESSIONS[:T] + SESSIONS[T + 1 :], *fields), {}, {}, calendar=SESSIONS)
    assert faults == [
        Fault(
            SESSIONS[T], "gap", f"no bar of 1 sessions, and the next is of {SESSIONS[T + 1]}", SESSIONS[T + 1]
        )
    ]


def test_a_large_dividend_is_believed_where_the_price_followed() -> None:
    paid = {SESSIONS[T]: 30.0}
    assert kinds(walk(), dividends=paid) == [(T, "dividend_size")]
    fell = scaled(walk(), T, len(SESSIONS), 0.7)
    assert kinds(fell, dividends=paid) == []


def test_a_dividend_told_twice_is_doubted_the_second_time() -> None:
    assert kinds(walk(), dividends={SESSIONS[T]: 0.5, SESSIONS[T + 1]: 0.5}) == [(T + 1, "dividend_twice")]


def test_an_adjusted_close_that_passes_over_a_dividend_is_noted() -> None:
    bars, paid = walk(), {SESSIONS[T]: 1.0}
    plain = dict(zip(SESSIONS, bars.close.tolist(), strict=True))
    share = 1.0 / plain[SESSIONS[T - 1]]
    good = {day: price * (1 - share if day < SESSIONS[T] else 1) for day, price in plain.items()}
    assert find_faults(bars, {}, paid, adjusted_close=good) == []
    assert [fault.kind for fault in find_faults(bars, {}, paid, adjusted_close=plain)] == [
        "dividend_adjustment"
    ]


def test_nothing_is_known_before_its_session() -> None:
    """Cutting the history at any session leaves the faults known by then, and no others."""
    bars = scaled(scaled(walk(), 40, 41, 0.6), T, len(SESSIONS), 0.01)
    whole = find_faults(bars, {}, {})
    for stop in range(30, len(SESSIONS)):
        fields = (getattr(bars, name)[:stop] for name in ("open", "high", "low", "close", "volume"))
        cut = find_faults(Bars(SESSIONS[:stop], *fields), {}, {})
        last = SESSIONS[stop - 1]
        known = [(fault.session, fault.kind) for fault in whole if fault.known_on <= last]
        assert [(fault.session, fault.kind) for fault in cut] == known
    assert {fault.kind for fault in whole} <= BAR_KINDS
