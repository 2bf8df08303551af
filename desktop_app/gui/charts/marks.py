"""What happened on a bar, as a shape of its kind above or below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
        self.marks: tuple[ChartMark, ...] = ()
        self._places: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}  # by kind: bars, slots
        self._lows = self._highs = np.empty(0)
        self._extremes: tuple[int, FloatArray, FloatArray] = (0, np.empty(0), np.empty(0))
        self._colours = {
            "unusual": theme.warning, "report": theme.text, "dividend": theme.muted, "split": theme.text,
            "macro": theme.accent,
        }  # fmt: skip

    def show_marks(self, marks: Sequence[ChartMark], lows: FloatArray, highs: FloatArray) -> None:
        """Replace the marks, sorted by position; ``lows`` and ``highs`` (T,) are those of all bars."""
        self.prepareGeometryChange()
        self.marks, self._lows, self._highs = tuple(marks), lows, highs
        self._places = {
            kind: (
                np.array([mark.position for mark in marks if mark.kind == kind], dtype=np.int64),
                np.array([mark.slot for mark in marks if mark.kind == kind], dtype=np.int64),
            )
            for kind in dict.fromkeys(mark.kind for mark in marks)
        }
        self._extremes = (0, lows, highs)
        if len(highs):
            low, high = float(lows.min()), float(highs.max())
            self._bounds = QRectF(-0.5, low - (high - low) / 2, len(highs), max((high - low) * 2, 1e-9))
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        (left, right), _unused = self.getViewBox().viewRange()
        size = sessions_per_candle(right - left, self.getViewBox().width())
        transform = painter.worldTransform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        lows, highs = self._of_candles(size)
        for kind, (positions, slots) in self._places.items():
            if size > CROWDED.get(kind, size):
                continue
            first, last = np.searchsorted(positions, (left, right + 1))
            seen = positions[first:last]
            # A crowd shows as one: the first mark of every half shape's width.
            cells = np.floor(seen * transform.m11() / (MARK_SIZE / 2))
            chosen = np.flatnonzero(np.diff(cells, prepend=-np.inf))
            above = kind == "unusual"
            prices = (highs if above else lows)[seen[chosen] // size]
            painter.setBrush(QColor(self._colours[kind]))
            shape, side = MARK_SHAPES[kind], -1.0 if above else 1.0
            for position, price, slot in zip(
                seen[chosen].tolist(), prices.tolist(), slots[first:last][chosen].tolist(), strict=True
            ):
                place = transform.map(QPointF(position, price))
                painter.drawPolygon(
                    shape.translated(place.x(), place.y() + side * MARK_SIZE * (1.3 + 1.2 * slot))
                )

    def _of_candles(self, size: int) -> tuple[FloatArray, FloatArray]:
        """Return the lows and highs of candles of so many sessions."""
        if self._extremes[0] != size:
            starts = np.arange(0, len(self._lows), size)
            self._extremes = (
                size, np.minimum.reduceat(self._lows, starts), np.maximum.reduceat(self._highs, starts),
            )  # fmt: skip
        return self._extremes[1:]


def _shape(*corners: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x * MARK_SIZE, y * MARK_SIZE) for x, y in corners])


def _plus(thin: float, long: float) -> list[tuple[float, float]]:
    """Return the corners of a plus sign, from its upper left one on."""
    quarter = [(-thin, -long), (thin, -long), (thin, -thin)]
    turned = [(-y, x) for x, y in quarter]
    return [*quarter, *turned, *((-x, -y) for x, y in quarter), *((-x, -y) for x, y in turned)]


MARK_SHAPES = {
    "unusual": _shape((0, 0.5), (-0.6, -0.5), (0.6, -0.5)),
    "report": _shape((0, 0.6), (0.6, 0), (0, -0.6), (-0.6, 0)),
    "split": _shape((-0.42, -0.42), (0.42, -0.42), (0.42, 0.42), (-0.42, 0.42)),
    "macro": _shape(*_plus(0.15, 0.5)),
    "dividend": _shape(
        *((0.38 * math.cos(turn * math.pi / 6), 0.38 * math.sin(turn * math.pi / 6)) for turn in range(12))
    ),
}
