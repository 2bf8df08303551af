"""Candles are bundled so that twenty years draw as fast as a month."""

from __future__ import annotations

import numpy as np

from desktop_app.gui.charts.bundled import bundled, sessions_per_candle


def test_candles_are_bundled_only_where_pixels_are_short() -> None:
    assert [sessions_per_candle(visible, 800) for visible in (100, 200, 250, 1000, 5000, 100_000)] == [
        1, 1, 2, 5, 63, 504,
    ]  # fmt: skip


def test_a_bundle_opens_with_its_first_and_closes_with_its_last_session() -> None:
    ohlc = np.array([[1, 5, 0.5, 2], [2, 3, 1, 3], [3, 9, 2, 4], [4, 5, 3, 5], [5, 6, 4, 6]], dtype=float)
    centres, values = bundled(ohlc, 0, 5, 2)
    assert centres.tolist() == [0.5, 2.5, 4.0]
    assert values.tolist() == [[1, 5, 0.5, 3], [3, 9, 2, 5], [5, 6, 4, 6]]


def test_bundles_stand_still_while_the_chart_moves() -> None:
    ohlc = np.arange(400, dtype=float).reshape(100, 4)
    centres, values = bundled(ohlc, 0, 100, 5)
    moved_centres, moved_values = bundled(ohlc, 3, 98, 5)
    assert moved_centres.tolist() == centres.tolist()
    assert moved_values.tolist() == values.tolist()


def test_nothing_visible_draws_nothing() -> None:
    centres, values = bundled(np.empty((0, 4)), 0, 0, 5)
    assert (len(centres), values.shape) == (0, (0, 4))
