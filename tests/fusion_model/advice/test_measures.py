"""Scores of sessions: uniform probabilities where nothing is wrong, and what they must not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.advice.measures import (
    Measure,
    expects_report,
    measured,
    newest,
    p_values,
    post_count,
    shrunk_correlation,
    upper_tail,
    volume,
)
from fusion_model.dataset.panel import VOLUME
from tests.builders import lively_panel, panel_of, with_prices_scaled


def test_probabilities_of_an_eventless_record_are_uniform() -> None:
    """Eight stocks with volatility of their own, 900 sessions: shares below a level are near the level."""
    known = measured(lively_panel(), 300)
    rows = range(600, 900)
    for name in ("volume", "spread", "range"):
        p = np.array([p_values(known.by_name[name], row, known.reports) for row in rows])
        assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.03)
        assert (p <= 0.01).mean() == pytest.approx(0.01, abs=0.008)


def test_a_session_with_an_expected_report_is_compared_with_such_sessions() -> None:
    """Every 25th session has a report and three times the volume: as known beforehand, that is ordinary."""
    T, N = 900, 12
    panel = panel_of(np.random.default_rng(0).normal(0.0, 0.01, (T, N)))
    ohlcv, earnings = panel.ohlcv.copy(), np.zeros((T, N, 4))
    ohlcv[24::25, :, VOLUME] *= 3.0
    earnings[23::25, :, 1] = 1.0
    told = measured(replace(panel, ohlcv=ohlcv, earnings=earnings))
    untold = measured(replace(panel, ohlcv=ohlcv))
    assert told.reports[874].all()
    with_calendar, without = (p_values(m.by_name["volume"], 874, m.reports) for m in (told, untold))
    assert np.median(with_calendar) == pytest.approx(0.5, abs=0.25)
    assert np.median(without) < 0.05


def test_reports_without_enough_of_their_kind_are_not_judged() -> None:
    panel = lively_panel()
    earnings = np.zeros((900, 8, 4))
    earnings[-2, 3, 1] = 1.0
    known = measured(replace(panel, earnings=earnings))
    p = p_values(known.by_name["volume"], len(known.panel.sessions) - 1, known.reports)
    assert np.isnan(p).tolist() == [n == 3 for n in range(8)]


def test_without_a_calendar_no_report_is_expected() -> None:
    assert not expects_report(lively_panel(T=100)).any()


def test_scaled_prices_leave_every_score_as_it_was() -> None:
    panel = lively_panel(T=700)
    plain, scaled = measured(panel), measured(with_prices_scaled(panel, [7.0] * 8))
    for name, measure in plain.by_name.items():
        assert scaled.by_name[name].score == pytest.approx(measure.score, nan_ok=True, abs=1e-7)


def test_a_volume_that_never_changed_is_passed_over() -> None:
    """Once, its surprises of nothing by nothing spoiled the sample for every other ticker."""
    panel = lively_panel(T=300)
    ohlcv = panel.ohlcv.copy()
    ohlcv[:, 5] = 1.0  # whose log is 0, and so every surprise
    score = volume(replace(panel, ohlcv=ohlcv)).score
    assert np.isnan(score[:, 5]).all()
    assert np.isfinite(score[-1, :5]).all()


def test_sessions_before_the_first_post_say_nothing_of_how_many_are_usual() -> None:
    panel = lively_panel(T=300)
    sentiment = panel.sentiment.copy()
    sentiment[:250, :, :3] = (np.nan, np.nan, 0.0)
    sentiment[250:, :, 2] = 5.0
    measure = post_count(replace(panel, sentiment=sentiment))
    assert np.isnan(measure.score[:272]).all()
    assert measure.expected[272:] == pytest.approx(np.full((28, 8), 5.0))
    assert measure.score[272:] == pytest.approx(np.zeros((28, 8)), abs=1e-9)


def test_the_upper_tail_counts_and_then_goes_on_exponentially() -> None:
    past = -np.log(1.0 - (np.arange(10_000) + 0.5) / 10_000)  # a standard exponential
    found = upper_tail(past[::-1], np.array([1.0, 12.0, np.nan]))
    assert found[:2] == pytest.approx(np.exp([-1.0, -12.0]), rel=0.15)
    assert np.isnan(found[2])


def test_correlations_are_shrunk_but_no_variance_is_changed() -> None:
    moves = np.random.default_rng(0).normal(0.0, [1.0, 2.0, 3.0], (60, 3))
    shrunk = shrunk_correlation(moves)
    sample = moves.T @ moves / 60
    assert np.diag(shrunk) == pytest.approx(np.diag(sample))
    size = np.outer(*[np.sqrt(np.diag(sample))] * 2)
    off = ~np.eye(3, dtype=bool)
    assert np.ptp((shrunk / size)[off]) < np.ptp((sample / size)[off])


def test_the_newest_sessions_keep_their_posts_beside_them() -> None:
    panel = lively_panel(T=200)
    short = newest(panel, 50)
    assert short.sessions == panel.sessions[150:]
    named = panel.co_mentions[panel.co_mentions[:, 0] >= 150] - np.array([150, 0, 0, 0])
    assert (short.co_mentions == named).all()
    assert newest(panel, 200) is panel


def test_a_market_measure_has_one_probability() -> None:
    score = np.sort(np.random.default_rng(0).normal(0.0, 1.0, (400, 1)), axis=0)
    measure = Measure("turbulence", score, score, score)
    (p,) = p_values(measure, 399, np.zeros((400, 5), dtype=bool))
    assert p < 0.005
    assert np.isnan(p_values(measure, 200, np.zeros((400, 5), dtype=bool))).all()
