"""What is drawn from the visible bars alone, at a level of detail that fits the pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from desktop_app.gui.charts.pens import faint
from desktop_app.gui.theme import Theme
from desktop_app.snapshot import DaySentiment

PIXELS_PER_CANDLE = 4.0  # narrower candles are drawn as one of several sessions
BUNDLES = (1, 2, 5, 10, 21, 63, 126, 252, 504, 1260)  # sessions per candle; 5 a week, 21 a month

FloatArray = NDArray[np.float64]


def sessions_per_candle(visible: float, pixels: float) -> int:
    """Return how many sessions one candle bundles so that none is narrower than PIXELS_PER_CANDLE."""
    needed = visible * PIXELS_PER_CANDLE / max(pixels, 1.0)
    return next((size for size in BUNDLES if size >= needed), BUNDLES[-1])


def bundled(ohlc: FloatArray, first: int, last: int, size: int) -> tuple[FloatArray, FloatArray]:
    """Return the centres (K,) and open, high, low, close (K, 4) of bundles that touch [first, last).

    Bundles begin at multiples of ``size``, so that they stand still while the chart is moved.
    """
    first = max(0, first - first % size)
    part = ohlc[first : min(len(ohlc), last + size - 1 - (last - 1) % size)]
    if not len(part):
        return np.empty(0), np.empty((0, 4))
    starts = np.arange(0, len(part), size)
    ends = np.minimum(starts + size, len(part)) - 1
    values = np.column_stack(
        (
            part[starts, 0],
            np.maximum.reduceat(part[:, 1], starts),
            np.minimum.reduceat(part[:, 2], starts),
            part[ends, 3],
        )
    )
    return first + (starts + ends) / 2.0, values


class BundledItem(pg.GraphicsObject):  # type: ignore[misc]
    """Base of what is drawn from the visible bars alone, at a level of detail that fits the pixels."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._bounds = QRectF()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def _visible(self, length: int) -> tuple[int, int, int]:
        """Return first and last (excluded) visible bar, and the sessions per candle."""
        box = self.getViewBox()
        (left, right), _ = box.viewRange()
        size = sessions_per_candle(right - left, box.width())
        return max(0, math.floor(left)), min(length, math.ceil(right) + 1), size


class CandleItem(BundledItem):
    """Candles: hollow where the close is above the open, filled where below, so that colour is no matter."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._ohlc: FloatArray = np.empty((0, 4))

    def show_bars(self, ohlc: FloatArray) -> None:
        """Replace the bars (T, 4)."""
        self.prepareGeometryChange()
        self._ohlc = ohlc
        if len(ohlc):
            low, high = float(ohlc[:, 2].min()), float(ohlc[:, 1].max())
            self._bounds = QRectF(-0.5, low, len(ohlc), max(high - low, 1e-9))
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        first, last, size = self._visible(len(self._ohlc))
        if last <= first:
            return
        x, ohlc = bundled(self._ohlc, first, last, size)
        half = 0.34 * size
        rising = ohlc[:, 3] >= ohlc[:, 0]
        for mask, colour, hollow in ((rising, self.theme.up, True), (~rising, self.theme.down, False)):
            pen = QPen(QColor(colour), 1)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(QColor(self.theme.panel if hollow else colour))
            wicks, bodies = [], []
            for centre, (opened, high, low, close) in zip(x[mask].tolist(), ohlc[mask].tolist(), strict=True):
                wicks.append(QLineF(centre, low, centre, high))
                bodies.append(QRectF(centre - half, min(opened, close), 2 * half, abs(close - opened)))
            painter.drawLines(wicks)
            painter.drawRects(bodies)


class AverageItem(BundledItem):
    """A line over the prices: one point a candle, none where there is no value yet."""

    def __init__(self, theme: Theme, values: FloatArray, pen: QPen) -> None:
        super().__init__(theme)
        self._values = values
        self._pen = pen
        known = values[np.isfinite(values)]
        if len(known):
            low, high = float(known.min()), float(known.max())
            self._bounds = QRectF(0, low, len(values), max(high - low, 1e-9))

    def paint(self, painter: QPainter, *_: Any) -> None:
        first, last, size = self._visible(len(self._values))
        positions = np.arange(first - first % size + size - 1, min(last + size, len(self._values)), size)
        positions = positions[np.isfinite(self._values[positions])]
        if not len(positions):
            return
        heights = self._heights(positions)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._pen)
        points = [QPointF(x, y) for x, y in zip(positions.tolist(), heights.tolist(), strict=True)]
        painter.drawPolyline(QPolygonF(points))

    def _heights(self, positions: NDArray[np.int64]) -> FloatArray:
        """Return where on the axis of prices the values at some bars stand."""
        heights: FloatArray = self._values[positions]
        return heights


class RebasedItem(AverageItem):
    """Another price, multiplied so that it meets this one at the left edge; both as drawn."""

    def __init__(
        self, theme: Theme, values: FloatArray, pen: QPen, price: FloatArray, *, logarithmic: bool
    ) -> None:
        super().__init__(theme, values, pen)
        self._price, self._logarithmic = price, logarithmic
        self._bounds = QRectF(0, float(price.min()) - 1e3, len(values), 2e3 + float(price.max()))

    def _heights(self, positions: NDArray[np.int64]) -> FloatArray:
        own, start = super()._heights(positions), positions[0]
        if self._logarithmic:
            return own + float(self._price[start] - self._values[start])
        return own * float(self._price[start] / self._values[start])


class OwnScaleItem(AverageItem):
    """A series of another unit, fitted to the height of what is visible."""

    def __init__(self, theme: Theme, values: FloatArray, pen: QPen, price: FloatArray) -> None:
        super().__init__(theme, values, pen)
        self._bounds = QRectF(0, float(price.min()) - 1e3, len(values), 2e3 + float(price.max()))

    def _heights(self, positions: NDArray[np.int64]) -> FloatArray:
        low, high = map(float, self.getViewBox().viewRange()[1])
        values = super()._heights(positions)
        least = float(values.min())
        reach = float(values.max()) - least or 1.0
        return low + (high - low) * (0.08 + 0.84 * (values - least) / reach)


class VolumeItem(BundledItem):
    """Shares traded, as columns in the colour of the candle; a bundle shows its mean session."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._volume: FloatArray = np.empty(0)
        self._opened: FloatArray = np.empty(0)
        self._closed: FloatArray = np.empty(0)

    def show_volume(self, volume: FloatArray, opened: FloatArray, closed: FloatArray) -> None:
        """Replace the volumes, and the prices that give each column the colour of its candle; (T,) each."""
        self.prepareGeometryChange()
        self._volume, self._opened, self._closed = volume, opened, closed
        self._bounds = QRectF(-0.5, 0, max(len(volume), 1), max(float(volume.max(initial=0)), 1e-9))
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        first, last, size = self._visible(len(self._volume))
        if last <= first:
            return
        first -= first % size
        volume, starts = self._volume[first:last], np.arange(0, last - first, size)
        counts = np.diff(np.append(starts, last - first))
        height = np.add.reduceat(volume, starts) / counts
        ends = np.minimum(first + starts + size, len(self._volume)) - 1
        rising = self._closed[ends] >= self._opened[first + starts]
        painter.setPen(Qt.PenStyle.NoPen)
        for mask, colour in ((rising, self.theme.up), (~rising, self.theme.down)):
            painter.setBrush(faint(colour, 150))
            painter.drawRects(
                [
                    QRectF(first + start - 0.5 + 0.15 * size, 0, 0.7 * size, top)
                    for start, top in zip(starts[mask].tolist(), height[mask].tolist(), strict=True)
                ]
            )


class SentimentItem(BundledItem):
    """Posts of a day: positive ones upward, negative ones downward, each as a column of its count."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._positions: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._counts: FloatArray = np.empty((0, 2))

    def show_days(self, days: Sequence[DaySentiment]) -> None:
        """Replace the days, sorted by position."""
        self.prepareGeometryChange()
        figures = np.array([(one.position, one.positive, one.negative) for one in days], dtype=np.int64)
        figures = figures.reshape(-1, 3)
        self._positions, self._counts = figures[:, 0], figures[:, 1:].astype(float)
        reach = float(self._counts.max(initial=1))
        right = int(self._positions[-1]) + 1 if days else 1
        self._bounds = QRectF(-0.5, -reach, right, 2 * reach)
        self.update()

    def reach(self, left: float, right: float) -> float:
        """Return the largest count of a day between two positions; 0 without one."""
        first, last = np.searchsorted(self._positions, (left, right + 1))
        return float(self._counts[first:last].max(initial=0))

    def paint(self, painter: QPainter, *_: Any) -> None:
        (left, right), _unused = self.getViewBox().viewRange()
        size = sessions_per_candle(right - left, self.getViewBox().width())
        first, last = np.searchsorted(self._positions, (left - size, right + size))
        if first == last:
            return
        bundles = self._positions[first:last] // size
        starts = np.flatnonzero(np.diff(bundles, prepend=bundles[0] - 1))
        tops = np.maximum.reduceat(self._counts[first:last], starts)
        lefts = bundles[starts] * size - 0.5 + 0.15 * size
        painter.setPen(Qt.PenStyle.NoPen)
        for side, colour in ((0, self.theme.up), (1, self.theme.down)):
            painter.setBrush(QColor(colour))
            shown = tops[:, side] > 0
            painter.drawRects(
                [
                    QRectF(x, 0 if side == 0 else -top, 0.7 * size, top)
                    for x, top in zip(lefts[shown].tolist(), tops[shown, side].tolist(), strict=True)
                ]
            )
