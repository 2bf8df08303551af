"""Panels that hold bars and nothing else: no posts, macro figures, reports, splits or dividends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion_model.dataset.panel import FloatArray, Panel


def panel_of_bars(sessions: Sequence[str], tickers: Sequence[str], ohlcv: FloatArray) -> Panel:
    """Return a panel of bars (T, N, 5) that are adjusted already: ratios of closes are total returns."""
    T, N, _ = ohlcv.shape
    nothing = np.full((T, N), np.nan)
    return Panel(
        sessions=tuple(sessions),
        tickers=tuple(tickers),
        ohlcv=ohlcv,
        split_ratio=np.ones((T, N)),
        dividend=np.zeros((T, N)),
        sentiment=np.stack([nothing, nothing, *np.zeros((2, T, N)), nothing], axis=2),
        macro=np.zeros((T, 0, 2)),
        macro_series=(),
    )


def panel_of_closes(sessions: Sequence[str], tickers: Sequence[str], closes: FloatArray) -> Panel:
    """Return a panel of closes (T, N) alone, as bars of one price.

    The volume is such that every bar turns over the same sum: nothing is known of it, and a volume of
    shares would tell the unit of the closes.
    """
    bars = np.stack([closes, closes, closes, closes, 1e6 / closes], axis=2)
    return panel_of_bars(sessions, tickers, bars)
