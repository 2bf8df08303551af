"""Panels with known truth: prices made from returns that a test chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from collectors.market_calendar import sessions_between
from fusion_model.dataset.panel import FloatArray, Panel


def panel_of(returns: FloatArray, last: str = "2016-12-30") -> Panel:
    """Return a panel whose log returns after the first row are those of (T, N); NaN: no bar that day."""
    T, N = returns.shape
    close = 50.0 * np.exp(np.cumsum(np.nan_to_num(returns), axis=0))
    close = np.where(np.isnan(returns), np.nan, close)
    ohlcv = np.stack([close, close * 1.01, close * 0.99, close, np.where(np.isnan(close), np.nan, 1e6)], 2)
    return Panel(
        sessions=tuple(sessions_between("1995-01-03", last)[-T:]),
        tickers=tuple(f"T{n:03d}" for n in range(N)),
        ohlcv=ohlcv,
        split_ratio=np.ones((T, N)),
        dividend=np.zeros((T, N)),
        sentiment=np.full((T, N, 5), np.nan),
        macro=np.zeros((T, 0, 2)),
        macro_series=(),
    )


def random_walk(T: int, N: int, *, seed: int = 0, volatility: float = 0.01) -> Panel:
    """Return N independent random walks with normal steps."""
    return panel_of(np.random.default_rng(seed).normal(0.0, volatility, (T, N)))


def momentum(T: int, N: int, *, carry: float, seed: int = 0, volatility: float = 0.01) -> Panel:
    """Return stocks of which a share ``carry`` of each return comes again in the next one."""
    steps = np.random.default_rng(seed).normal(0.0, volatility, (T, N))
    for t in range(1, T):
        steps[t] += carry * steps[t - 1]
    return panel_of(steps)


def with_future_corrupted(panel: Panel, session: str) -> Panel:
    """Return the panel with nonsense in every row after a session."""
    after = panel.position(session) + 1
    ohlcv, split, dividend = panel.ohlcv.copy(), panel.split_ratio.copy(), panel.dividend.copy()
    noise = np.random.default_rng(99)
    ohlcv[after:] = noise.uniform(1.0, 1e4, ohlcv[after:].shape)
    split[after:] = 3.0
    dividend[after:] = 0.5
    return replace(panel, ohlcv=ohlcv, split_ratio=split, dividend=dividend)


def scaled(panel: Panel, factor: float) -> Panel:
    """Return the panel with every price multiplied by a constant."""
    ohlcv = panel.ohlcv.copy()
    ohlcv[:, :, :4] *= factor
    return replace(panel, ohlcv=ohlcv, dividend=panel.dividend * factor)
