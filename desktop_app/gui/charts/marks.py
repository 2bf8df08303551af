"""What happened on a bar, as a shape of its kind above or below it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from desktop_app.chart_marks import CROWDED, ChartMark
from desktop_app.gui.charts.bundled import BundledItem, FloatArray, sessions_per_candle
from desktop_app.gui.theme import Theme

MARK_SIZE = 9.0  # pixels


class MarksItem(BundledItem):
    """What happened on a bar: a shape of its kind above or below it, always the same size on screen."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._positions: list[int] = []
        self.marks: tuple[ChartMark, ...] = ()
        self._lows = self._highs = np.empty(0)
        self._colours = {
            "unusual": theme.warning, "report": theme.text, "dividend": theme.muted, "split": theme.text,
        }  # fmt: skip

    def show_marks(self, marks: Sequence[ChartMark], lows: FloatArray, highs: FloatArray) -> None:
        """Replace the marks, sorted by position; ``lows`` and ``highs`` (T,) are those of all bars."""
        self.prepareGeometryChange()
        self._positions = [mark.position for mark in marks]
        self.marks, self._lows, self._highs = tuple(marks), lows, highs
        if len(highs):
            low, high = float(lows.min()), float(highs.max())
            self._bounds = QRectF(-0.5, low - (high - low) / 2, len(highs), max((high - low) * 2, 1e-9))
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        (left, right), _unused = self.getViewBox().viewRange()
        size = sessions_per_candle(right - left, self.getViewBox().width())
        first, last = bisect_left(self._positions, left), bisect_left(self._positions, right + 1)
        transform = painter.worldTransform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        drawn: dict[str, float] = {}  # where the last shape of a kind ends: a crowd shows as one
        for mark in self.marks[first:last]:
            if size > CROWDED.get(mark.kind, size):
                continue
            candle = slice(mark.position - mark.position % size, mark.position - mark.position % size + size)
            above = mark.kind == "unusual"
            price = float(self._highs[candle].max() if above else self._lows[candle].min())
            place = transform.map(QPointF(mark.position, price))
            if place.x() < drawn.get(mark.kind, -math.inf):
                continue
            drawn[mark.kind] = place.x() + MARK_SIZE / 2
            side = -1.0 if above else 1.0
            place += QPointF(0, side * MARK_SIZE * (1.3 + 1.2 * mark.slot))
            painter.setBrush(QColor(self._colours[mark.kind]))
            painter.drawPolygon(MARK_SHAPES[mark.kind].translated(place))


def _shape(*corners: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x * MARK_SIZE, y * MARK_SIZE) for x, y in corners])


MARK_SHAPES = {
    "unusual": _shape((0, 0.5), (-0.6, -0.5), (0.6, -0.5)),
    "report": _shape((0, 0.6), (0.6, 0), (0, -0.6), (-0.6, 0)),
    "split": _shape((-0.42, -0.42), (0.42, -0.42), (0.42, 0.42), (-0.42, 0.42)),
    "dividend": _shape(
        *((0.38 * math.cos(turn * math.pi / 6), 0.38 * math.sin(turn * math.pi / 6)) for turn in range(12))
    ),
}
