"""Errors of foretold closes, and a price network that learns from nothing after its first target."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.published import apple


def walk(length: int = 220) -> np.ndarray:
    return 50.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.02, length)))


def test_errors_of_a_foretold_close_by_hand() -> None:
    span = apple.Span(np.array([100.0, 110.0, 99.0, 100.0]), np.array([1, 2, 3]))
    row = span.row(np.array([100.0, 110.0, 99.0]))
    assert row == pytest.approx(
        {
            "MAPE %": 100 * (10 / 110 + 11 / 99 + 1 / 100) / 3,
            "R2": 1 - 222 / 74,
            "RMSE": np.sqrt(222 / 3),
            "R2 of change": 1 - 222 / 222,
        }
    )


def test_direction_is_that_of_the_foretold_change() -> None:
    span = apple.Span(np.array([100.0, 110.0, 99.0, 100.0]), np.array([1, 2, 3]))
    assert span.row(np.array([101.0, 109.0, 98.0]))["direction %"] == pytest.approx(200 / 3)


def test_a_price_network_scaled_on_training_sees_no_later_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apple, "EPOCHS", 2)
    closes, rows = walk(), np.arange(180, 220)
    later = closes.copy()
    later[200:] *= 3.0
    for scale_rows, same in ((slice(100, 180), True), (slice(100, 220), False)):
        one, other = (apple.price_lstm(each, rows, 100, scale_rows, seed=1) for each in (closes, later))
        assert np.array_equal(one[:21], other[:21]) == same  # row 200 is foretold from those before it


def test_trailing_means_begin_with_what_is_there() -> None:
    assert apple.trailing_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1.0, 2.0, 4.0, 6.0]
