"""The rules by which anomalies are scored: NAB's, and a list of events that are sessions."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchmarks.anomalies import BUDGETS, EVENTS, alerts_beyond, harmonic_mean, thresholds
from benchmarks.anomaly_nab import (
    Counts,
    corpus_score,
    our_count_score,
    quiet_after,
    sigmoid,
    windowed_gaussian,
)
from collectors.market_calendar import is_session

FILE = Counts("one", np.ones(1000), ((400, 499), (700, 799)), 150)


def alerts_at(*positions: int) -> np.ndarray:
    score = np.zeros(1000)
    score[list(positions)] = 1.0
    return score


@pytest.mark.parametrize(
    ("positions", "score"),
    [
        ((), 0.0),
        ((400, 700), 100.0),  # first record of each window
        ((400,), 50.0),
        ((10, 400, 700), 100.0),  # probation does not count
        ((200, 400, 700), 100.0 - 100.0 * 0.11 / 4),  # before the first window: the whole price
        ((400, 401, 402, 700), 100.0),  # one detection a window counts
    ],
)
def test_nabs_score_of_known_detections(positions: tuple[int, ...], score: float) -> None:
    assert corpus_score([FILE], [alerts_at(*positions)], 0.5, 0)[0] == pytest.approx(score)


def test_nab_pays_early_detections_more_and_forgives_alarms_right_behind_a_window() -> None:
    early, late = (corpus_score([FILE], [alerts_at(at, 700)], 0.5, 0)[0] for at in (410, 490))
    near, far = (corpus_score([FILE], [alerts_at(400, 700, at)], 0.5, 0)[0] for at in (501, 650))
    assert early > late > 50.0
    assert near > far
    assert sigmoid(3.1) == -1.0


def test_an_alert_is_followed_by_quiet() -> None:
    assert quiet_after(np.array([1, 2, 9, 11, 30]), 10).tolist() == [1, 11, 30]


@pytest.mark.parametrize("detect", [our_count_score, windowed_gaussian])
def test_a_detector_sees_a_burst_and_nothing_of_the_future(detect: object) -> None:
    values = np.random.default_rng(0).poisson(20.0, 3000).astype(float)
    values[2500] = 400.0
    score = detect(values)  # type: ignore[operator]
    assert 500 + score[500:].argmax() == 2500
    changed = values.copy()
    changed[2600:] = 1e6
    assert detect(changed)[:2600] == pytest.approx(score[:2600])  # type: ignore[operator]


def test_a_threshold_spends_the_budget_of_the_sessions_before() -> None:
    score = np.random.default_rng(0).normal(size=(1250, 20))
    within = alerts_beyond(score, thresholds(score, range(250, 1250)))
    for per_month, alerts in zip(BUDGETS, within, strict=True):
        assert alerts[250:].mean() * 21 == pytest.approx(per_month, rel=0.25)
        assert not alerts[:250].any()


def test_equal_probabilities_have_a_harmonic_mean_near_themselves() -> None:
    assert harmonic_mean(np.full((1, 4), 0.001))[0] == pytest.approx(0.001, rel=0.05)


def test_every_event_is_a_session_with_a_source_and_stands_in_order() -> None:
    with EVENTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 60
    for row in rows:
        assert is_session(row["session"]), row
        assert row["kind"] in ("sudden", "report", "market")
        assert (row["ticker"] == "MARKET") == (row["kind"] == "market")
        assert len(row["source"]) > 10
    assert [row["session"] for row in rows] == sorted(row["session"] for row in rows)
