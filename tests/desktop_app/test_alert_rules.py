"""Alert rules: what fires and what does not, quiet after an alert, snoozed, armed anew, and nothing lost."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.errors import BadInput
from collectors.records import PriceBar, Quote
from collectors.store import save_price_bars
from desktop_app.alert_rules import (
    AlertRule,
    RuleAlert,
    SessionFacts,
    checked,
    fired,
    state_in_words,
)
from desktop_app.alerts import acknowledge_alert, load_alerts
from desktop_app.rule_check import check_quotes, check_rules, load_session_facts
from desktop_app.schema import RULE_TABLES
from desktop_app.settings import Settings
from desktop_app.store import open_home
from desktop_app.store_rules import add_rule, load_rule_alerts, load_rules, set_rule_state
from tests.desktop_app.facts import CLOSES, NOW, SESSIONS, close_of, fill_home

SET = "2021-03-01T22:00:00Z"  # after the first session
AFTER = "2021-03-15T22:00:00Z"  # before the last one
DAY = SessionFacts(
    ticker="AAA", session="2021-03-16", closed_at="2021-03-16T20:00:00Z", close=60.6, close_before=60.0,
    move=0.01, volume=3000.0, usual_volume=1000.0, posts=8.0, usual_posts=2.0, tone=-0.4, usual_tone=0.1,
    ranges={90.0: (57.0, 63.0)}, width=0.05, width_before=0.04,
)  # fmt: skip


def rule(kind: str = "price", threshold: float = 60.5, side: str = "either", **changed: object) -> AlertRule:
    plain = AlertRule(1, "AAA", kind, side, threshold, 5, SET)
    return replace(plain, **changed)  # type: ignore[arg-type]


def reasons(*rules: AlertRule, day: SessionFacts = DAY) -> list[str]:
    return [alert.reason for alert in fired(rules, [day], [])]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (rule("price", 60.5), "The price rose from $60.00 to $60.60, across $60.50."),
        (rule("price", 60.6, "up"), "The price rose from $60.00 to $60.60, across $60.60."),
        (rule("return", 1.0), "The price moved +1.0 %; you asked from 1 % on."),
        (rule("volume", 3.0), "3.0 times the usual volume of the last month."),
        (rule("post_count", 4.0), "8 posts, 4.0 times the usual number."),
        (rule("sentiment", 0.5, "down"), "The tone of 8 posts is -0.40, usual is +0.10."),
        (
            rule("forecast", 25.0),
            "The range of the next session is 25 % wider than the evening before.",
        ),
    ],
)
def test_a_rule_fires_with_a_sentence(one: AlertRule, said: str) -> None:
    assert reasons(one, day=replace(DAY, move=0.0101)) == [said]


def test_a_close_outside_of_its_range_fires() -> None:
    fell = replace(DAY, close=56.5)
    assert reasons(rule("range", 90.0), day=fell) == [
        "The price of $56.50 lies outside of $57.00 to $63.00, where 90 % of outcomes were expected."
    ]
    assert reasons(rule("range", 90.0, "up"), day=fell) == []
    assert reasons(rule("range", 90.0)) == []


@pytest.mark.parametrize(
    "one",
    [
        rule("price", 60.5, "down"),
        rule("price", 60.0),  # it stood there already
        rule("return", 1.1),
        rule("return", 0.5, "down"),
        rule("volume", 3.1),
        rule("post_count", 4.1),
        rule("sentiment", 0.4, "up"),
        rule("forecast", 20.0, "down"),
        rule(ticker="BBB"),
        rule(created_at="2021-03-16T20:00:00Z"),  # set once it was over
    ],
)
def test_a_rule_stays_silent(one: AlertRule) -> None:
    assert reasons(one) == []


def test_what_is_not_known_never_fires() -> None:
    unknown = replace(
        DAY, move=math.nan, usual_volume=math.nan, usual_posts=math.nan, tone=math.nan, ranges={},
        width=math.nan, width_before=math.nan,
    )  # fmt: skip
    kinds = [rule(kind, 0.1) for kind in ("return", "volume", "post_count", "sentiment", "forecast")]
    assert reasons(*kinds, rule("range", 90.0), day=unknown) == []
    assert reasons(rule("sentiment", 0.3), day=replace(DAY, posts=2.0)) == []  # two posts are no tone


def days(*sessions: str) -> list[SessionFacts]:
    return [replace(DAY, session=session, closed_at=f"{session}T20:00:00Z") for session in sessions]


def test_a_rule_is_quiet_for_its_days_after_it_fired_and_then_listens_again() -> None:
    found = fired([rule("volume", 2.0)], days("2021-03-10", "2021-03-12", "2021-03-15", "2021-03-16"), [])
    assert [alert.session for alert in found] == ["2021-03-10", "2021-03-16"]
    again = fired([rule("volume", 2.0)], days("2021-03-10", "2021-03-12", "2021-03-16"), found)
    assert again == []  # nor does a second look raise anything twice


def test_a_rule_that_is_armed_anew_listens_at_once_and_a_snoozed_one_not_until_its_day_is_over() -> None:
    before = [RuleAlert(1, "AAA", "2021-03-15", "It fired.")]
    armed = rule("volume", 2.0, changed_at="2021-03-16T08:00:00Z")
    assert len(fired([armed], [DAY], before)) == 1
    snoozed = rule("volume", 2.0, state="snoozed", until="2021-03-16")
    assert fired([snoozed], [DAY], []) == []
    assert len(fired([snoozed], days("2021-03-17"), [])) == 1
    assert state_in_words(snoozed, "2021-03-16") == "snoozed until 16 Mar 2021"
    assert state_in_words(snoozed, "2021-03-17") == state_in_words(armed, "2021-03-17") == "armed"


def test_quiet_is_counted_by_ticker() -> None:
    everyone = rule("volume", 2.0, ticker="")
    before = [RuleAlert(1, "AAA", "2021-03-15", "It fired.")]
    found = fired([everyone], [DAY, replace(DAY, ticker="BBB")], before)
    assert [alert.ticker for alert in found] == ["BBB"]


@pytest.mark.parametrize(
    ("kind", "side", "threshold", "quiet", "said"),
    [
        ("weather", "either", 1.0, 5, "no rule on 'weather'"),
        ("volume", "down", 1.0, 5, "cannot look 'down'"),
        ("price", "either", 0.0, 5, "expected a number above 0"),
        ("price", "either", math.inf, 5, "expected a number above 0"),
        ("range", "either", 85.0, 5, "there are 50, 80, 90, 95, 98"),
        ("sentiment", "either", 2.5, 5, "the scale is 2 long"),
        ("price", "either", 1.0, 400, "expected 0 to 365"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    kind: str, side: str, threshold: float, quiet: int, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        checked(kind, side, threshold, quiet)


def test_a_rule_says_what_it_waits_for() -> None:
    assert rule("price", 60.5, "up").sentence == "The close crosses $60.50, up"
    assert rule("volume", 3.0).sentence == "The volume is at least 3 times the usual"


# With a record -------------------------------------------------------------------------------------


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(fill_home(tmp_path))) as connection:
        yield connection


def test_facts_are_read_as_of_each_session_per_share_of_that_day(db: sqlite3.Connection) -> None:
    facts = {(one.ticker, one.session): one for one in load_session_facts(db, ["AAA"], NOW)}
    assert [session for _, session in facts] == list(SESSIONS[-5:])
    last = facts["AAA", SESSIONS[-1]]
    assert (last.close, last.close_before, last.move) == (60.6, 60.0, pytest.approx(0.01))
    assert math.isnan(last.usual_volume)  # twelve sessions are no habit
    assert (last.posts, last.tone) == (1.0, pytest.approx(-0.7))
    assert facts["AAA", SESSIONS[-2]].ranges[90.0] == pytest.approx(
        (59 * math.exp(-0.045), 59 * math.exp(0.045))
    )
    assert last.ranges == {}  # nothing was forecast the evening before
    assert last.width == pytest.approx(math.exp(0.045) - math.exp(-0.045))


def test_a_split_crosses_no_level(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop_app.rule_check.LOOKED_AT", 12)
    facts = {one.session: one for one in load_session_facts(db, ["AAA"], NOW)}
    split = facts["2021-03-08"]
    assert (split.close_before, split.close) == (54.0, 55.0)


def test_a_rule_fires_once_is_shown_and_answered(db: sqlite3.Connection) -> None:
    add_rule(db, kind="price", threshold=60.5, now=SET, ticker="AAA")
    add_rule(db, kind="return", threshold=0.9, side="up", now=AFTER, cool_down_days=0)
    check_rules(db, NOW)
    assert check_rules(db, NOW) == []
    (alert,) = [
        alert for alert in load_alerts(db, Settings(), "AAA", SESSIONS[-1]) if alert.measure == "rule"
    ]
    assert alert.reason == (
        "The price rose from $60.00 to $60.60, across $60.50. "
        "The price moved +1.0 %; you asked from 0.9 % on."
    )
    assert (alert.sentence, alert.odds) == (alert.reason, "")
    acknowledge_alert(db, alert, "sold some", NOW)
    again = [one for one in load_alerts(db, Settings(), "AAA") if one.session == SESSIONS[-1]]
    assert {one.measure: one.note for one in again} == {"rule": "sold some", "volume": ""}


def test_a_rule_on_every_watched_ticker_looks_at_each(db: sqlite3.Connection) -> None:
    add_rule(db, kind="price", threshold=60.5, now=SET)
    assert {alert.ticker for alert in check_rules(db, NOW)} == {"AAA", "BBB"}


def test_days_away_lose_no_alert(db: sqlite3.Connection) -> None:
    """The level was crossed three sessions before the next look."""
    add_rule(db, kind="price", threshold=57.5, now=SET, ticker="AAA")
    (alert,) = check_rules(db, NOW)
    assert alert.session == SESSIONS[CLOSES.index(58.0)]


def test_a_removed_rule_is_gone_and_what_it_raised_stays(db: sqlite3.Connection) -> None:
    number = add_rule(db, kind="price", threshold=60.5, now=SET, ticker="AAA")
    raised = check_rules(db, NOW)
    set_rule_state(db, number, "snoozed", NOW, until="2021-03-20")
    assert [(one.state, one.until) for one in load_rules(db)] == [("snoozed", "2021-03-20")]
    set_rule_state(db, number, "removed", NOW)
    assert load_rules(db) == []
    assert [one.reason for one in load_rule_alerts(db)] == [one.reason for one in raised]
    with pytest.raises(BadInput, match="no rule 7"):
        set_rule_state(db, 7, "removed", NOW)
    with pytest.raises(BadInput, match="a snooze needs a day"):
        set_rule_state(db, number, "snoozed", NOW)
    with pytest.raises(BadInput, match="no prices of ZZZ"):
        add_rule(db, kind="price", threshold=1.0, now=SET, ticker="ZZZ")


@pytest.mark.parametrize("table", RULE_TABLES)
def test_neither_rules_nor_alerts_are_ever_changed(db: sqlite3.Connection, table: str) -> None:
    number = add_rule(db, kind="price", threshold=60.5, now=SET, ticker="AAA")
    set_rule_state(db, number, "armed", NOW)
    check_rules(db, NOW)
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        db.execute(f"DELETE FROM {table}")


def test_a_later_bar_changes_no_alert_that_was_raised(db: sqlite3.Connection) -> None:
    add_rule(db, kind="price", threshold=60.5, now=SET, ticker="AAA")
    before = [one.reason for one in check_rules(db, NOW)]
    later = "2021-03-17"
    save_price_bars(
        db, [PriceBar("AAA", later, 59.0, 60.0, 58.0, 59.5, 1000.0, "test", close_of(later))], NOW
    )
    check_rules(db, "2021-03-17T22:00:00Z")  # quiet: it fell back within the days of quiet
    assert [one.reason for one in load_rule_alerts(db)] == before


# Prices of the session under way ---------------------------------------------------------------------

NOON, LATER = "2021-03-17T16:00:00Z", "2021-03-17T18:00:00Z"


def quote(price: float, at: str = NOON, ticker: str = "AAA") -> Quote:
    return Quote(ticker, price, at, "test", at)


def test_a_price_under_way_fires_once_and_its_close_not_again(db: sqlite3.Connection) -> None:
    """The last close is 60.60, and 57.93 to 63.39 was forecast for nine outcomes in ten."""
    add_rule(db, kind="price", threshold=62.0, now=NOW, ticker="AAA")
    add_rule(db, kind="range", threshold=90.0, now=NOW, ticker="AAA", side="up")
    assert check_quotes(db, [quote(61.9)], NOON) == []
    (crossed,) = check_quotes(db, [quote(62.5)], NOON)
    assert crossed.reason == "The price rose from $60.60 to $62.50, across $62.00."
    (left,) = check_quotes(db, [quote(64.0, LATER), quote(63.9, LATER)], LATER)
    assert left.reason.startswith("The price of $64.00 lies outside of $57.93 to $63.39")
    bar = PriceBar("AAA", "2021-03-17", 61.0, 64.5, 61.0, 64.2, 1000.0, "test", "2021-03-17T20:00:00Z")
    save_price_bars(db, [bar], LATER)
    assert check_rules(db, "2021-03-17T21:00:00Z") == []


def test_a_quote_of_another_session_or_without_a_forecast_is_passed_over(db: sqlite3.Connection) -> None:
    add_rule(db, kind="price", threshold=62.0, now=NOW)
    assert check_quotes(db, [quote(70.0, ticker="BBB"), quote(0.0)], NOON) == []
    assert check_quotes(db, [quote(70.0, "2021-03-16T19:00:00Z")], NOON) == []
    assert [one.ticker for one in check_quotes(db, [quote(70.0)], NOON)] == ["AAA"]


def test_a_rule_on_volume_waits_for_the_close(db: sqlite3.Connection) -> None:
    add_rule(db, kind="volume", threshold=0.01, now=NOW)
    assert check_quotes(db, [quote(70.0)], NOON) == []
