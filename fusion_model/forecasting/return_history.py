"""Each ticker's returns in its own bars, and what every simple volatility forecast makes of them.

A session without a bar is no return of zero: the return after the gap covers it. So recursions run
over a ticker's own bars. Every value here depends on that bar and earlier ones alone, which is why a
longer panel gives the same answers for an earlier session.

Shapes: T sessions, N tickers, K own bars of the ticker that has most.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fusion_model.dataset.panel import FloatArray, Panel

EWMA_DECAY = 0.94  # RiskMetrics for daily returns
MIN_RETURNS = 250  # a year of returns before a ticker is forecast
BURN_IN = 60  # own bars before a volatility counts as settled
VOLATILITY_FLOOR = 1e-4  # of log return a session: a halted stock is not sure to stand still
POOL_SESSIONS = 1000  # residuals of about four years, pooled over tickers


class ReturnHistory:
    """Returns of one panel by own bars.

    Attributes
    ----------
    panel : Panel
    returns : ndarray (K, N)
        Own returns, oldest first, zero beyond a ticker's last.
    length : ndarray (N,)
        Own returns of each ticker.
    row : ndarray (K, N)
        The panel's row at which an own return became known.
    count : ndarray (T, N)
        Own returns known at each row.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self._ewma_ended: dict[int, FloatArray] = {}
        dated = panel.log_returns
        known = np.isfinite(dated)
        self.count: NDArray[np.intp] = np.cumsum(known, axis=0)
        self.length: NDArray[np.intp] = self.count[-1]
        own = known.T.nonzero()  # ticker by ticker, oldest first
        place = self.count[own[1], own[0]] - 1
        K, N = int(self.length.max(initial=0)), len(panel.tickers)
        self.returns: FloatArray = np.zeros((K, N))
        self.returns[place, own[0]] = dated[own[1], own[0]]
        self.row: NDArray[np.intp] = np.zeros((K, N), dtype=np.intp)
        self.row[place, own[0]] = own[1]

    def ready(self, row: int) -> NDArray[np.intp]:
        """Return the tickers that have a bar in this row and a year of returns up to it."""
        return np.flatnonzero(self.panel.present[row] & (self.count[row] >= MIN_RETURNS))

    @cached_property
    def wealth(self) -> FloatArray:
        """Sum of the first k own returns (K + 1, N)."""
        return np.vstack([np.zeros((1, self.returns.shape[1])), np.cumsum(self.returns, axis=0)])

    def latest(self, values: FloatArray, row: int, columns: NDArray[np.intp]) -> FloatArray:
        """Return what (K, N) values by own bars stood at in a row of the panel, (n,)."""
        return np.asarray(values[self.count[row, columns] - 1, columns])

    def overlapping(self, row: int, columns: NDArray[np.intp], horizon: int, window: int) -> FloatArray:
        """Return the returns over ``horizon`` own bars that ended in the last ``window``, (window, n).

        NaN where the ticker has no bar so early.
        """
        end = self.count[row, columns] - np.arange(window)[::-1, None]  # (window, n)
        start = end - horizon
        moved = self.wealth[np.maximum(end, 0), columns] - self.wealth[np.maximum(start, 0), columns]
        return np.where(start >= 0, moved, np.nan)

    @cached_property
    def ewma_volatility(self) -> FloatArray:
        """Exponentially weighted volatility after each own bar (K, N), per session.

        The weights of a short history are scaled to sum to one. RiskMetrics (1996), Technical Document.
        """
        from scipy.signal import lfilter

        squares = lfilter([1.0 - EWMA_DECAY], [1.0, -EWMA_DECAY], self.returns**2, axis=0)
        weight = 1.0 - EWMA_DECAY ** np.arange(1, len(self.returns) + 1)
        return np.maximum(np.sqrt(squares / weight[:, None]), VOLATILITY_FLOOR)

    def ewma_residuals(self, horizon: int, row: int) -> FloatArray:
        """Return all tickers' returns over ``horizon`` in units of EWMA volatility, as known at a row.

        Those that ended in the last POOL_SESSIONS, as one sample: filtered historical simulation in its
        direct form. Barone-Adesi, Giannopoulos & Vosper (1999), Journal of Futures Markets 19.
        """
        if horizon not in self._ewma_ended:
            self._ewma_ended[horizon] = self.standardised(self.ewma_volatility * np.sqrt(horizon), horizon)
        window = self._ewma_ended[horizon][max(0, row + 1 - POOL_SESSIONS) : row + 1]
        return window[np.isfinite(window)]

    def standardised(self, volatility: FloatArray, horizon: int) -> FloatArray:
        """Return realised returns over ``horizon`` in units of what was expected, (T, N), where they ended.

        Parameters
        ----------
        volatility : ndarray (K, N)
            Forecast after each own bar for the whole horizon.
        """
        ended = np.full(self.panel.present.shape, np.nan)
        K = len(self.returns)
        end = np.arange(BURN_IN + horizon - 1, K)  # own bars at which a return ends
        if not len(end):
            return ended
        moved = self.wealth[end + 1] - self.wealth[end + 1 - horizon]
        ratio = moved / volatility[end - horizon]
        real = end[:, None] < self.length
        column = np.broadcast_to(np.arange(len(self.length)), ratio.shape)
        ended[self.row[end][real], column[real]] = ratio[real]
        return ended
