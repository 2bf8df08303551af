"""The record of findings: what was said stays said, and a later model never speaks for an earlier day."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Migrations

from collectors.store import open_database
from fusion_model import schema, store, store_orders
from fusion_model.findings import (
    MEASURES,
    Anomaly,
    Attribution,
    Counterfactual,
    ExpectedReport,
    Fill,
    Forecast,
    Order,
    OrderEnd,
    RelatedStock,
    ScoreRow,
    TrainedModel,
)
from fusion_model.schema import FINDING_TABLES
from fusion_model.store_portfolio import save_portfolio
from fusion_model.store_reasons import reasons_by_ticker, save_reasons
from fusion_model.store_risk import save_risk, save_risk_tests
from tests.builders import forecast_of
from tests.fusion_model.test_store_portfolio import FOUND
from tests.fusion_model.test_store_risk import COMPONENT, EPISODE, FACTOR, TAIL, TEST, UNSEEN
from tests.fusion_model.test_store_risk import REPORT as REPORT_OF_RISK

FIRST = forecast_of("KO", "2020-01-02", "2020-01-03")
AGAIN = forecast_of("KO", "2020-01-02", "2020-01-03", sigma=0.02, version="fusion-2")
ODD = Anomaly("KO", "2020-01-03", "return", -0.05, 0.0, 0.0004, "The price moved.")
REPORT = ExpectedReport("KO", "2020-01-02", "announced", "2020-01-30", "pre", "2020-01-30", 19)
MODEL = TrainedModel("fusion-1", "fusion", "2020-01-02", "2020-01-02T22:00:00Z", "fusion-1", "{}")
SCORE = ScoreRow(
    model="fusion", baseline="ewma", horizon=1, first_session="2020-01-02", last_session="2020-12-31",
    forecasts=5000, sessions=250, pinball=0.4, skill=0.02, dm_t=-2.5, coverage_50=0.5, coverage_80=0.8,
    coverage_90=0.9, coverage_95=0.95, direction_hits=0.52, direction_mcc=0.01, direction_mcc_low=-0.02,
    direction_mcc_high=0.04,
)  # fmt: skip
MOVED = Attribution(
    "fusion-1", "KO", "2020-01-02", 5, "width", "price", "anchor", 0.1, "log of the 90 % width"
)
OTHERWISE = Counterfactual("fusion-1", "KO", "2020-01-02", 5, "no_move", -0.04, 0.0, 0.04)
NEAR = RelatedStock("KO", "2020-01-02", 1, "PEP", 0.5, True, 0.0, None)
ORDER = Order(
    "bg-1", "paper", "risk", "KO", "sell", 5.0, "2020-01-02", "2020-01-02", 50.0, 49.0, 51.0, "why",
    "2020-01-02T22:00:00Z", "2020-01-03T21:00:00Z",
)  # fmt: skip
FILL = Fill("bg-1", "paper", "KO", "sell", 5.0, 50.5, 50.4, 0.1, "2020-01-03", "2020-01-03T14:30:00Z", "open")
MADE, LATER = "2020-01-02T22:00:00Z", "2020-01-03T22:00:00Z"


def count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def filled(db: sqlite3.Connection) -> sqlite3.Connection:
    store.save_forecasts(db, [FIRST], MADE)
    store.save_anomalies(db, [ODD], LATER)
    store.save_expected_reports(db, [REPORT], MADE)
    store.save_trained_model(db, MODEL)
    store.save_scores(db, [SCORE], "live", LATER)
    save_reasons(db, reasons_by_ticker("fusion-1", "2020-01-02", [MOVED], [OTHERWISE], [NEAR]), MADE)
    store_orders.save_orders(db, [ORDER, replace(ORDER, order_id="bg-2")])
    store_orders.save_outcomes(db, [FILL], [OrderEnd("bg-2", "paper", "expired", "", LATER)], LATER)
    for found in (REPORT_OF_RISK, COMPONENT, TAIL, FACTOR, EPISODE, UNSEEN):
        save_risk(db, [found], MADE)
    save_risk_tests(db, [TEST], "walk.csv", LATER)
    save_portfolio(db, FOUND, MADE)
    return db


@pytest.mark.parametrize("table", FINDING_TABLES)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}"])
def test_no_finding_is_ever_changed_or_deleted(
    filled: sqlite3.Connection, table: str, statement: str
) -> None:
    column, before = filled.execute(f"PRAGMA table_info({table})").fetchone()[1], count(filled, table)
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        filled.execute(statement.format(table, column, column))
    assert count(filled, table) == before > 0


# Forecasts ----------------------------------------------------------------------------------------


def test_a_forecast_comes_back_as_it_was_saved(db: sqlite3.Connection) -> None:
    assert store.save_forecasts(db, [FIRST], MADE) == 1
    assert store.load_forecasts(db, "2020-01-02") == [FIRST]


def test_the_same_forecast_again_adds_no_row(db: sqlite3.Connection) -> None:
    added = [store.save_forecasts(db, [FIRST], at) for at in (MADE, LATER)]
    assert added == [1, 0]
    assert store.load_forecast_history(db, "KO", 1) == [(FIRST, MADE)]


def test_another_forecast_for_the_session_is_kept_beside_the_first(db: sqlite3.Connection) -> None:
    store.save_forecasts(db, [FIRST], MADE)
    assert store.save_forecasts(db, [AGAIN], LATER) == 1
    assert store.load_forecasts(db, "2020-01-02") == [AGAIN]
    assert store.load_forecast_history(db, "KO", 1) == [(FIRST, MADE), (AGAIN, LATER)]


def test_forecasts_are_kept_apart_by_model_ticker_horizon_and_session(db: sqlite3.Connection) -> None:
    others = [
        replace(FIRST, model="ewma"),
        replace(FIRST, ticker="PEP"),
        replace(FIRST, horizon=5),
        replace(FIRST, as_of_session="2020-01-03"),
    ]
    assert store.save_forecasts(db, [*others, FIRST], MADE) == 5
    assert store.load_forecasts(db, "2020-01-02") == [FIRST, others[2], others[1]]
    assert store.load_forecasts(db, "2020-01-02", tickers=["PEP"]) == [others[1]]
    assert store.load_forecasts(db, "2020-01-02", model="ewma") == [others[0]]
    assert store.last_forecast_session(db) == "2020-01-03"
    assert store.last_forecast_session(db, "garch") is None


@pytest.mark.parametrize("broken", [replace(FIRST, prob_up=1.5), replace(FIRST, mean=math.nan)])
def test_an_impossible_forecast_refuses_its_whole_batch(db: sqlite3.Connection, broken: Forecast) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.save_forecasts(db, [replace(FIRST, ticker="PEP"), broken], MADE)
    assert count(db, "forecast") == 0


# Anomalies ----------------------------------------------------------------------------------------


def test_what_was_found_first_stands(db: sqlite3.Connection) -> None:
    assert store.save_anomalies(db, [ODD], MADE) == 1
    assert store.save_anomalies(db, [replace(ODD, p_value=0.5, reason="Never mind.")], LATER) == 0
    assert store.load_anomalies(db) == [ODD]


def test_an_impossible_anomaly_refuses_its_whole_batch(db: sqlite3.Connection) -> None:
    """Once, a p-value above 1 was left out without a word."""
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        store.save_anomalies(db, [replace(ODD, ticker="PEP"), replace(ODD, p_value=1.5)], MADE)
    assert store.load_anomalies(db) == []


def test_anomalies_come_newest_and_least_probable_first(db: sqlite3.Connection) -> None:
    older = replace(ODD, session="2020-01-02")
    busier = replace(ODD, measure="volume", p_value=0.009)
    other = replace(ODD, ticker="PEP", p_value=0.00001)
    store.save_anomalies(db, [older, busier, ODD, other], MADE)
    assert store.load_anomalies(db) == [other, ODD, busier, older]
    assert store.load_anomalies(db, "KO") == [ODD, busier, older]
    assert store.load_anomalies(db, first_session="2020-01-03", last_session="2020-01-03") == [
        other,
        ODD,
        busier,
    ]
    assert store.load_anomalies(db, last_session="2020-01-02") == [older]


def test_every_measure_is_kept_and_an_unknown_one_refused(db: sqlite3.Connection) -> None:
    assert store.save_anomalies(db, [replace(ODD, measure=measure) for measure in MEASURES], MADE) == 8
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        store.save_anomalies(db, [replace(ODD, measure="weather")], MADE)


def test_what_was_found_before_there_were_more_measures_stays_row_by_row(tmp_path: Path) -> None:
    """The table is built anew for them: every row, its number and its instant must come through."""
    path = tmp_path / "old.db"
    older = Migrations("fusion_model")
    for migration in (schema.m001_findings, schema.m002_expected_report):
        older()(migration)
    with closing(open_database(path, older)) as db:
        store.save_anomalies(db, [ODD, replace(ODD, measure="volume"), replace(ODD, ticker="PEP")], MADE)
        before = db.execute("SELECT * FROM anomaly ORDER BY id").fetchall()
    with closing(open_database(path, schema.migrations)) as db:
        assert db.execute("SELECT * FROM anomaly ORDER BY id").fetchall() == before
        assert store.save_anomalies(db, [replace(ODD, p_value=0.5)], LATER) == 0
        with pytest.raises(sqlite3.IntegrityError, match="anomaly is append-only"):
            db.execute("DELETE FROM anomaly")


# Models and scores --------------------------------------------------------------------------------


def test_a_session_is_never_given_a_model_that_was_trained_on_later_ones(db: sqlite3.Connection) -> None:
    newer = replace(MODEL, model_version="fusion-2", as_of_session="2020-06-30")
    for trained in (newer, MODEL):  # the earlier one was trained last
        store.save_trained_model(db, trained)
    assert store.load_trained_model(db, through="2020-01-01") is None
    assert store.load_trained_model(db, through="2020-06-29") == MODEL
    assert store.load_trained_model(db, through="2020-06-30") == newer
    assert store.load_trained_model(db) == newer
    assert store.load_trained_model(db, model="ewma") is None


def test_of_two_models_of_one_session_the_one_recorded_last_speaks(db: sqlite3.Connection) -> None:
    retrained = replace(MODEL, model_version="fusion-0")
    for trained in (MODEL, retrained, MODEL):
        store.save_trained_model(db, trained)
    assert count(db, "trained_model") == 2
    assert store.load_trained_model(db) == retrained


def test_the_newest_scorecard_is_the_one_that_is_read(db: sqlite3.Connection) -> None:
    assert store.load_scores(db) == []
    store.save_scores(db, [replace(SCORE, skill=0.9)], "a.csv", MADE)
    store.save_scores(db, [SCORE, replace(SCORE, horizon=5)], "b.csv", LATER)
    assert store.load_scores(db) == [SCORE, replace(SCORE, horizon=5)]


def test_what_was_known_of_a_report_is_kept_once_and_the_newest_is_read(db: sqlite3.Connection) -> None:
    moved = replace(REPORT, report_on="2020-01-29", reaction_session="2020-01-29", sessions_ahead=18)
    assert [store.save_expected_reports(db, [one], MADE) for one in (REPORT, REPORT, moved)] == [1, 0, 1]
    assert store.load_expected_report(db, "KO", "2020-01-02") == moved
    assert store.load_expected_report(db, "KO", "2020-01-03") is None
