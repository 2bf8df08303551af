"""Pens and colours that every chart draws with."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen


def faint(colour: str, opacity: int) -> QColor:
    """Return a colour with an opacity of 0 to 255."""
    thin = QColor(colour)
    thin.setAlpha(opacity)
    return thin


def line(colour: str, style: Qt.PenStyle = Qt.PenStyle.SolidLine, width: float = 1) -> QPen:
    """Return a pen of so many pixels, however the chart is scaled."""
    pen = QPen(QColor(colour), width, style)
    pen.setCosmetic(True)
    return pen
