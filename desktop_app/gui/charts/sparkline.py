"""A small line of closes, for cards."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF


def draw_sparkline(painter: QPainter, area: QRectF, values: Sequence[float], colour: str) -> None:
    """Draw a small line of closes into an area."""
    if len(values) < 2:
        return
    low, high = min(values), max(values)
    step, height = area.width() / (len(values) - 1), max(high - low, 1e-9)
    points = [
        QPointF(area.left() + i * step, area.bottom() - (value - low) / height * area.height())
        for i, value in enumerate(values)
    ]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 1.3))
    painter.drawPolyline(QPolygonF(points))
    painter.setBrush(QBrush(QColor(colour)))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(points[-1], 2.2, 2.2)
