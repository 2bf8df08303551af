"""StockNet's protocol: which stock-days count, and that nothing after a close is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.published import stocknet
from benchmarks.published.stocknet_files import (
    Sample,
    read_moves,
    read_panel,
    samples_between,
    with_posts,
)
from fusion_model.dataset.features import SENTIMENT_FEATURES, build_features

MOVES = {
    "AAA": {
        "2015-01-02": 0.02,  # the oldest price
        "2015-01-06": 0.02,  # no price older than four days before it
        "2015-01-07": -0.005,  # too small a fall
        "2015-01-08": -0.005001,
        "2015-01-09": 0.005499,  # too small a rise
        "2015-01-12": 0.0055,
        "2015-01-13": 0.03,  # after the span
    }
}
RAW = """Date,Open,High,Low,Close,Adj Close,Volume
2015-01-02,10,11,9,10,5,100
2015-01-05,null,null,null,null,null,null
2015-01-06,20,22,18,20,11,300
"""


def write(path: Path, text: str) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


def test_small_moves_and_stocks_without_a_past_are_no_samples() -> None:
    assert samples_between(MOVES, "2015-01-01", "2015-01-12") == [
        Sample("AAA", "2015-01-08", -0.005001),
        Sample("AAA", "2015-01-12", 0.0055),
    ]


def test_moves_are_read_oldest_first_from_files_that_begin_with_the_newest(tmp_path: Path) -> None:
    write(tmp_path / "AAA.txt.gz", "2015-01-05\t0.010000\t1\t1\n2015-01-02\t-0.020000\t1\t1\n")
    assert {ticker: list(days.items()) for ticker, days in read_moves(tmp_path).items()} == {
        "AAA": [("2015-01-02", -0.02), ("2015-01-05", 0.01)]
    }


def test_bars_are_in_units_of_the_adjusted_close_and_stop_at_a_session(tmp_path: Path) -> None:
    write(tmp_path / "AAA.csv.gz", RAW)
    panel = read_panel(tmp_path, "2015-01-06")
    assert panel.sessions == ("2015-01-02", "2015-01-05", "2015-01-06")
    np.testing.assert_allclose(panel.ohlcv[0, 0], [5.0, 5.5, 4.5, 5.0, 100.0])
    assert np.isnan(panel.ohlcv[1, 0]).all()
    np.testing.assert_allclose(panel.log_returns[2, 0], np.log(11 / 5))
    assert read_panel(tmp_path, "2015-01-05").sessions == ("2015-01-02", "2015-01-05")


def test_a_post_after_the_close_belongs_to_the_next_session(tmp_path: Path) -> None:
    write(tmp_path / "AAA.csv.gz", RAW)
    posts = [
        ("AAA", "2014-12-31T21:00:00Z", "before the first close is counted"),  # the close itself: too early
        ("AAA", "2015-01-02T21:00:00Z", "great profit"),
        ("AAA", "2015-01-02T21:00:01Z", "terrible loss"),
        ("AAA", "2015-01-06T21:00:01Z", "after the last close"),
        ("BBB", "2015-01-02T15:00:00Z", "another ticker"),
    ]
    panel = with_posts(read_panel(tmp_path, "2015-01-06"), iter(posts))
    assert panel.sentiment[:, 0, 2].tolist() == [1.0, 1.0, 0.0]
    assert panel.sentiment[0, 0, 0] > 0 > panel.sentiment[1, 0, 0]


def test_posts_are_read_as_the_product_reads_them(tmp_path: Path) -> None:
    """Once a third of what features read was missing from this panel, and the benchmark fell over."""
    write(tmp_path / "AAA.csv.gz", RAW)
    posts = [
        ("AAA", "2015-01-02T15:00:00Z", "great profit"),
        ("AAA", "2015-01-02T16:00:00Z", "great profit"),  # copied: weighs half, and is no news
    ]
    panel = with_posts(read_panel(tmp_path, "2015-01-06"), iter(posts))
    assert panel.sentiment[0, 0, 2:].tolist() == [2.0, pytest.approx(np.log(3)), 0.5]
    assert build_features(panel).sentiment.shape == (3, 1, len(SENTIMENT_FEATURES))


def test_yesterdays_move_is_the_one_of_the_session_before() -> None:
    samples = [Sample("AAA", "2015-01-08", -0.005001), Sample("AAA", "2015-01-12", 0.0055)]
    assert stocknet.moves_before(MOVES, samples).tolist() == [-0.005, 0.005499]


def test_intervals_of_calls_that_are_the_same_for_a_whole_day_are_those_of_days() -> None:
    samples = [Sample(f"T{n}", f"2015-01-{day:02d}", 0.01) for day in range(1, 21) for n in range(50)]
    scored = stocknet.Scored(samples, seed=1)
    right_every_other_day = (scored.day % 2).astype(float)
    row = scored.row(right_every_other_day)
    low, high = row["95 %"]
    assert row["accuracy %"] == 50.0
    assert 25 <= low <= 32
    assert 68 <= high <= 75  # of 20 days; 1,000 independent calls would give 47 .. 53


def test_a_sample_without_a_forecast_is_refused() -> None:
    with pytest.raises(ValueError, match="every sample needs a forecast"):
        stocknet.Scored([Sample("AAA", "2015-01-08", 0.01)], seed=1).row(np.array([np.nan]))


def test_half_of_a_days_stocks_are_above_its_median() -> None:
    prob_up = np.array([0.6, 0.7, 0.8, 0.9, 0.1, 0.2])
    day = np.array([0, 0, 0, 0, 1, 1])
    assert stocknet.above_the_days_median(prob_up, day).tolist() == [0, 0, 1, 1, 0, 1]
