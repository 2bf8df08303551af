"""The record of risk: the same finding adds no row, and what was found stays."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from fusion_model.risk_findings import (
    RiskComponent,
    RiskEpisode,
    RiskFactor,
    RiskReport,
    RiskTest,
    TailSession,
    UnseenInput,
)
from fusion_model.store_risk import (
    last_portfolio,
    last_risk_session,
    load_risk,
    load_risk_tests,
    save_risk,
    save_risk_tests,
)

S, NEXT = "2020-03-13", "2020-03-16"
MINE = "portfolio-0123456789ab"
REPORT = RiskReport("KO", S, 1, NEXT, 0.0, 0.02, 0.03, 0.04, 0.05, 0.06, 0.09, 0.2, None, "fusion-1")
COMPONENT = RiskComponent(MINE, S, 1, "KO", 0.5, 0.01, 0.02, 0.03, -0.06)
TAIL = TailSession(MINE, S, 5, "2008-10-03", "2008-10-10", -0.2)
FACTOR = RiskFactor("KO", S, "SPY", 0.6, 0.05, 500)
EPISODE = RiskEpisode("KO", S, "episode", "pandemic", "2020-02-19", "2020-03-23", -0.37, 0.37, 1.0)
UNSEEN = UnseenInput(S, "", "market_return", -5.0, -4.5, 3.4, "fusion-1", "The market: never so low.")
TEST = RiskTest(
    "fusion", "KO", 1, 0.01, "2017-01-03", "2020-12-31", 1000, 12, 0.03, 0.04,
    0.5, 0.6, 0.7, None, None, -0.1, 0.3,
)  # fmt: skip
AT, LATER = "2020-03-13T22:00:00Z", "2020-03-16T22:00:00Z"


@pytest.mark.parametrize(
    "row", [REPORT, COMPONENT, TAIL, FACTOR, EPISODE, UNSEEN], ids=lambda row: type(row).__name__
)
def test_a_finding_comes_back_as_it_was_saved_and_the_same_again_adds_nothing(
    db: sqlite3.Connection, row
) -> None:  # type: ignore[no-untyped-def]
    assert save_risk(db, [row], AT) == 1
    assert save_risk(db, [row], LATER) == 0
    assert load_risk(db, type(row), S) == [row]


def test_a_new_finding_stands_beside_the_old_one_and_is_the_one_that_is_read(db: sqlite3.Connection) -> None:
    wider = replace(REPORT, var_99=0.07)
    assert save_risk(db, [REPORT, wider], AT) == 2
    assert load_risk(db, RiskReport, S) == [wider]
    assert db.execute("SELECT count(*) FROM risk_report").fetchone() == (2,)


def test_an_episode_is_news_once_and_not_each_session(db: sqlite3.Connection) -> None:
    save_risk(db, [EPISODE], AT)
    assert save_risk(db, [replace(EPISODE, as_of_session=NEXT)], LATER) == 0
    assert save_risk(db, [replace(EPISODE, as_of_session=NEXT, change=-0.38)], LATER) == 1
    assert [one.change for one in load_risk(db, RiskEpisode, S)] == [-0.37]
    assert [one.change for one in load_risk(db, RiskEpisode, NEXT)] == [-0.38]


def test_findings_are_read_by_subject(db: sqlite3.Connection) -> None:
    save_risk(db, [REPORT, replace(REPORT, subject="PEP"), replace(REPORT, subject=MINE)], AT)
    assert [one.subject for one in load_risk(db, RiskReport, S, ["PEP", "XYZ"])] == ["PEP"]
    save_risk(db, [UNSEEN, replace(UNSEEN, ticker="KO"), replace(UNSEEN, ticker="PEP")], AT)
    assert [one.ticker for one in load_risk(db, UnseenInput, S, ["", "KO"])] == ["", "KO"]


def test_the_newest_session_and_portfolio_are_found(db: sqlite3.Connection) -> None:
    assert (last_risk_session(db), last_portfolio(db)) == (None, None)
    other = replace(REPORT, subject="portfolio-ba9876543210", as_of_session=NEXT)
    save_risk(db, [REPORT, replace(REPORT, subject=MINE), other], AT)
    assert (last_risk_session(db), last_risk_session(db, "KO")) == (NEXT, S)
    assert last_portfolio(db) == (other.subject, NEXT)
    assert last_portfolio(db, through=S) == (MINE, S)


def test_the_newest_tests_are_shown_with_the_file_they_are_of(db: sqlite3.Connection) -> None:
    assert load_risk_tests(db) == ("", [])
    save_risk_tests(db, [TEST], "old.csv", AT)
    save_risk_tests(db, [TEST, replace(TEST, subject="PEP", z1=-0.2, z1_p=0.1)], "walk.csv", LATER)
    run, rows = load_risk_tests(db)
    assert (run, [row.subject for row in rows], rows[0]) == ("walk.csv", ["KO", "PEP"], TEST)
