"""Panels in which one thing had not happened, so that a model can be asked what it would have said then.

Each is an honest panel otherwise: what is not named stays, and no row reads a later one.

Shapes: T sessions, N tickers, H horizons.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fusion_model.dataset.panel import CLOSE, HIGH, LOW, OPEN, VOLUME, Panel
from fusion_model.findings import HORIZONS

QUIET_SESSIONS = 22  # own bars before, whose medians a still session takes


def without_the_move(panel: Panel, session: str) -> Panel:
    """Return the panel as if no ticker's price had moved from the close before to that of a session.

    Open and close stand at the close before. A move leaves traces in range and volume too: what of them is
    beyond the medians of the ticker's QUIET_SESSIONS bars before is taken away; high and low are equally far
    from the close. A dividend of that day is left out. A ticker without a bar that day or before stays.
    """
    t = panel.position(session)
    ohlcv, dividend = panel.ohlcv.copy(), panel.dividend.copy()
    ratio = np.cumprod(panel.split_ratio, axis=0)
    for n in np.flatnonzero(panel.present[t]):
        rows = np.flatnonzero(panel.present[:t, n])[-QUIET_SESSIONS:]
        if len(rows) == 0:
            continue
        close = ohlcv[rows[-1], n, CLOSE] * ratio[rows[-1], n] / ratio[t, n]
        usual = float(np.median(np.log(ohlcv[rows, n, HIGH] / ohlcv[rows, n, LOW])))
        half = 0.5 * min(usual, float(np.log(ohlcv[t, n, HIGH] / ohlcv[t, n, LOW])))
        ohlcv[t, n, [OPEN, CLOSE]] = close
        ohlcv[t, n, HIGH], ohlcv[t, n, LOW] = close * np.exp(half), close * np.exp(-half)
        volume = ohlcv[rows, n, VOLUME] * ratio[t, n] / ratio[rows, n]  # in shares of that session
        ohlcv[t, n, VOLUME] = min(float(np.median(volume)), ohlcv[t, n, VOLUME])
        dividend[t, n] = 0.0
    return replace(panel, ohlcv=ohlcv, dividend=dividend)


def without_expected_reports(panel: Panel, session: str, lookback: int) -> Panel:
    """Return the panel as if no report were expected after a session, at that close or before.

    Of what the last ``lookback`` closes expected, only reports that had come by the session are left.
    """
    if panel.earnings is None:
        return panel
    t = panel.position(session)
    earnings = panel.earnings.copy()
    first = max(0, t - lookback + 1)
    for row in range(first, t + 1):
        for k, horizon in enumerate(HORIZONS, start=1):
            came = earnings[row + 1 : min(t, row + horizon) + 1, :, 0].sum(axis=0)
            earnings[row, :, k] = np.minimum(earnings[row, :, k], came)
    return replace(panel, earnings=earnings)


def with_neutral_posts(panel: Panel) -> Panel:
    """Return the panel with as many posts, and every one of them neutral."""
    sentiment = panel.sentiment.copy()
    sentiment[:, :, :2] = np.where(np.isfinite(sentiment[:, :, :2]), 0.0, np.nan)
    sentiment[:, :, 3] = 0.0  # neither bulls nor bears
    return replace(panel, sentiment=sentiment)
