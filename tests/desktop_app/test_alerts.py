"""Which unusual sessions are alerts: improbable enough, hardly chance, within the budget; and never lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from desktop_app.alerts import Alert, acknowledge_alert, alerts_among, load_alerts
from desktop_app.settings import Settings
from desktop_app.store import open_home, open_home_reader, open_home_writer, watch
from fusion_model.findings import MARKET, Anomaly
from fusion_model.store import save_anomalies
from tests.desktop_app.facts import NOW, fill_home

DAYS = ("2021-03-15", "2021-03-16", "2021-03-17")
LOOSE = Settings(alert_p_value=0.01, alert_false_share=0.9, alerts_per_month=100.0)


def odd(
    ticker: str = "KO", day: int = 0, p_value: float = 0.001, measure: str = "joint", reason: str = "Odd."
) -> Anomaly:
    return Anomaly(ticker, DAYS[day], measure, 3.0, 0.25, p_value, reason)


def shown(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.ticker, alert.session) for alert in alerts]


def test_a_session_is_one_alert_with_all_that_was_unusual_in_it() -> None:
    volume = replace(odd(measure="volume", p_value=0.0002), observed=9000.0, expected=1000.0)
    moved = replace(odd(measure="return", p_value=0.004), observed=-0.05, expected=0.0)
    (alert,) = alerts_among([moved, volume, odd(reason="The price moved, with much volume.")], {}, LOOSE)
    assert (alert.measure, alert.measure_name, alert.p_value) == ("joint", "Volume", 0.001)
    assert (alert.odds, alert.reason) == ("1 in 1,000", "The price moved, with much volume.")
    assert (alert.observed, alert.expected) == ("9,000 shares", "1,000 shares")
    assert alert.measures == ("Volume: 1 in 5,000", "Price move: 1 in 250")


def test_together_decides_not_the_least_probable_measure() -> None:
    assert alerts_among([odd(measure="volume", p_value=0.004), odd(p_value=0.012)], {}, LOOSE) == []


def test_of_many_tickers_more_is_asked_than_of_one() -> None:
    """One session of p = 0.004: alone it stands, among a hundred tickers 0.4 such are chance."""
    found = [odd(p_value=0.004)]
    settings = replace(LOOSE, alert_false_share=0.2)
    watched = [f"T{n}" for n in range(99)]
    assert shown(alerts_among(found, {}, settings, ["KO"])) == [("KO", DAYS[0])]
    assert alerts_among(found, {}, settings, ["KO", *watched]) == []
    assert alerts_among(found, {}, settings, watched, ["KO", *watched]) == []  # not watched: among all stored
    together = [replace(found[0], ticker=name) for name in ("KO", *watched[:4])]
    alerts = alerts_among(together, {}, settings, ["KO", *watched])
    assert len(alerts) == 5
    assert alerts[0].false_share == pytest.approx(0.004 * 100 / 5)


def test_the_market_stands_for_itself_and_spoils_no_tickers_test() -> None:
    whole = replace(odd(MARKET, measure="turbulence", p_value=0.005), observed=4.2, expected=1.0)
    alerts = alerts_among([whole, odd(p_value=0.004)], {}, replace(LOOSE, alert_false_share=0.2), ["KO"])
    assert shown(alerts) == [("KO", DAYS[0]), (MARKET, DAYS[0])]
    assert alerts[1].observed == "4.2 times the usual distance"


def test_the_budget_lets_the_stranger_days_through() -> None:
    week = [odd(day=0, p_value=0.009), odd(day=1, p_value=0.009), odd(day=2, p_value=0.0005)]
    settings = replace(LOOSE, alerts_per_month=2.0)
    assert shown(alerts_among(week, {}, settings)) == [("KO", DAYS[2]), ("KO", DAYS[0])]
    assert alerts_among(week, {}, replace(settings, alerts_per_month=0.0)) == []


def test_what_the_person_answered_stays_whatever_the_settings() -> None:
    answers = {("KO", DAYS[0], "volume"): "was the split"}
    (alert,) = alerts_among([odd()], answers, replace(LOOSE, alerts_per_month=0.0))
    assert (alert.acknowledged, alert.note) == (True, "was the split")


def test_sessions_judged_before_there_was_a_joint_probability_count_three_measures() -> None:
    older = [odd(measure="volume", p_value=0.002), odd(measure="return", p_value=0.004)]
    (alert,) = alerts_among(older, {}, LOOSE)
    assert (alert.measure, alert.p_value) == ("volume", pytest.approx(0.006))
    assert alerts_among([odd(measure="volume", p_value=0.004)], {}, LOOSE) == []


def test_alerts_come_newest_and_least_probable_first() -> None:
    found = [odd("KO", 0), odd("PEP", 1, 0.0001), odd("KO", 1, 0.002)]
    assert shown(alerts_among(found, {}, LOOSE)) == [("PEP", DAYS[1]), ("KO", DAYS[1]), ("KO", DAYS[0])]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return fill_home(tmp_path)


def test_a_stored_alert_is_read_acknowledged_and_kept(home: Path) -> None:
    with closing(open_home_reader(home)) as db:
        (alert,) = load_alerts(db, Settings())
        assert (alert.ticker, alert.session, alert.acknowledged) == ("AAA", "2021-03-16", False)
    with closing(open_home_writer(home)) as db:
        acknowledge_alert(db, alert, "earnings", NOW)
    with closing(open_home_reader(home)) as db:
        (again,) = load_alerts(db, Settings(alert_p_value=1e-6))
        assert (again.acknowledged, again.note) == (True, "earnings")


def test_looking_at_one_ticker_or_at_late_sessions_changes_no_alert(home: Path) -> None:
    """The watchlist is tested together, and the budget counts from the beginning, whatever is shown."""
    with closing(open_home(home)) as db:
        _fill_days(db)
        everything = load_alerts(db, LOOSE)
        assert load_alerts(db, LOOSE, "BBB") == [alert for alert in everything if alert.ticker == "BBB"]
        late = load_alerts(db, LOOSE, first_session=DAYS[1])
        assert late == [alert for alert in everything if alert.session >= DAYS[1]]
        assert len(late) < len(everything)


def _fill_days(db: sqlite3.Connection) -> None:
    watch(db, ["AAA", "BBB"], NOW)
    save_anomalies(db, [odd(t, day, 0.003 / (day + 1)) for t in ("AAA", "BBB") for day in range(3)], NOW)
