"""Panels altered on purpose: a corrupted future, other price units, shuffled bars, walks of known truth.

Shapes: T sessions, N tickers. Whatever a function does not name stays as it was in the panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fusion_model.dataset.panel import CLOSE, VOLUME, BoolArray, FloatArray, Panel

UNITS = (8.0, 0.125, 64.0, 0.5)  # powers of two: no price is rounded, so nothing but its unit changes
FIRST_CLOSE = 50.0  # USD, of rebuilt prices
WALK_VOLATILITY = 0.015  # of a session's log return
SWING_SESSIONS = 2000  # from one calm to the next
SWING = 0.9  # of log volatility to either side: from 0.4 to 2.5 times the middle


def with_future_corrupted(panel: Panel, session: str, *, seed: int) -> Panel:
    """Return the panel with nonsense in every row after a session, in every array."""
    after = panel.position(session) + 1
    random = np.random.default_rng(seed)

    def spoilt(values: FloatArray, nonsense: Sequence[float] = ()) -> FloatArray:
        changed, shape = values.copy(), values[after:].shape
        changed[after:] = random.choice(nonsense, shape) if nonsense else random.uniform(1.0, 100.0, shape)
        return changed

    T, N = panel.present.shape
    rows = np.repeat(np.arange(after, T), N)  # in every later session everybody is named beside the first
    names = np.column_stack([rows, np.zeros_like(rows), np.tile(np.arange(N), T - after)])
    past = panel.co_mentions[panel.co_mentions[:, 0] < after]
    return replace(
        panel,
        ohlcv=spoilt(panel.ohlcv),
        split_ratio=spoilt(panel.split_ratio, (0.5, 2.0)),  # more would overflow
        dividend=spoilt(panel.dividend),
        sentiment=spoilt(panel.sentiment),
        macro=spoilt(panel.macro),
        earnings=None if panel.earnings is None else spoilt(panel.earnings),
        co_mentions=np.vstack([past, np.column_stack([names, random.integers(1, 100, len(rows))])]),
    )


def in_other_units(panel: Panel) -> Panel:
    """Return the panel with all prices and dividends of each ticker multiplied by one of UNITS."""
    factor = np.resize(UNITS, len(panel.tickers))
    ohlcv = panel.ohlcv.copy()
    ohlcv[:, :, :VOLUME] *= factor[:, None]
    return replace(panel, ohlcv=ohlcv, dividend=panel.dividend * factor)


def with_bars_shuffled(panel: Panel, *, seed: int) -> Panel:
    """Return the panel with whole days of bars in another order, the same for all tickers.

    Posts, macro figures and reports stay where they were. So nothing says what the next day brings, and
    the distribution of a ticker's returns over all days is all that can be known of one.
    """
    order = np.random.default_rng(seed).permutation(np.arange(1, len(panel.sessions)))
    order = np.concatenate([[0], order])
    returns = panel.log_returns[order]
    with np.errstate(invalid="ignore"):
        within = panel.ohlcv[order] / panel.ohlcv[order, :, CLOSE, None]
    within[:, :, VOLUME] = panel.ohlcv[order, :, VOLUME]
    returns[0] = np.where(panel.present[0], 0.0, np.nan)
    return _rebuilt(panel, returns, within)


def random_walk(panel: Panel, *, seed: int) -> Panel:
    """Return the panel with normal returns of WALK_VOLATILITY that nothing foretells."""
    random = np.random.default_rng(seed)
    return _simulated(panel, random.normal(0.0, WALK_VOLATILITY, panel.present.shape), random)


def swinging_walk(panel: Panel, *, seed: int) -> Panel:
    """Return the panel with normal returns whose volatility swings slowly, each ticker in its own time.

    What can be known of the next return is plain from the size of the last ones, and its sign is not.
    """
    random = np.random.default_rng(seed)
    T, N = panel.present.shape
    turn = 2 * np.pi * (np.arange(T)[:, None] / SWING_SESSIONS + np.arange(N) / N)
    volatility = WALK_VOLATILITY * np.exp(SWING * np.sin(turn))
    return _simulated(panel, random.normal(0.0, 1.0, (T, N)) * volatility, random)


def echoing_walk(panel: Panel, *, echo: float, seed: int) -> Panel:
    """Return the panel with returns of which a share ``echo`` comes again the next day."""
    random = np.random.default_rng(seed)
    returns = random.normal(0.0, WALK_VOLATILITY, panel.present.shape)
    for t in range(1, len(returns)):
        returns[t] += echo * returns[t - 1]
    return _simulated(panel, returns, random)


def _simulated(panel: Panel, returns: FloatArray, random: np.random.Generator) -> Panel:
    """Return bars with these log returns, a third of each overnight, and ranges around the day's move."""
    reach = np.abs(returns) * random.uniform(0.1, 0.5, returns.shape) + 1e-4
    opened = np.exp(-returns * 2.0 / 3.0)  # in units of the close, as the other two
    high, low = np.maximum(opened, 1.0) * np.exp(reach), np.minimum(opened, 1.0) * np.exp(-reach)
    volume = 1e6 * np.exp(random.normal(0.0, 0.3, returns.shape))
    return _rebuilt(panel, returns, np.stack([opened, high, low, np.ones_like(low), volume], axis=2))


def _rebuilt(panel: Panel, returns: FloatArray, within: FloatArray) -> Panel:
    """Return the panel with bars of these log returns; ``within`` is each bar in units of its close."""
    known: BoolArray = np.isfinite(returns)
    close = FIRST_CLOSE * np.exp(np.cumsum(np.where(known, returns, 0.0), axis=0))
    ohlcv = within.copy()
    ohlcv[:, :, :VOLUME] *= close[:, :, None]
    ohlcv[~known] = np.nan
    return replace(
        panel, ohlcv=ohlcv, split_ratio=np.ones_like(panel.split_ratio), dividend=np.zeros_like(close)
    )
