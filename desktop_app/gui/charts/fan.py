"""A forecast as a fan: bands and median through the horizons, from the last close."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPicture, QPolygonF

from desktop_app.gui.charts.pens import faint
from desktop_app.gui.theme import Theme
from desktop_app.words import PriceForecast

BANDS = ((0.025, 0.975, 40), (0.10, 0.90, 70), (0.25, 0.75, 110))  # 95, 80, 50 %: levels and opacity


class FanItem(pg.GraphicsObject):  # type: ignore[misc]
    """The forecast: 95, 80 and 50 % bands and the median, joined through the horizons from the last close."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._picture = QPicture()
        self._bounds = QRectF()
        self.low, self.high, self.right = math.nan, math.nan, 0

    def show_forecasts(
        self, forecasts: Sequence[PriceForecast], position: int, place: Callable[[float], float] = float
    ) -> None:
        """Draw forecasts made at the bar of an index; ``place`` tells where a price stands on the axis."""
        self.prepareGeometryChange()
        self._picture, self._bounds = QPicture(), QRectF()
        self.low, self.high, self.right = math.nan, math.nan, position
        if forecasts:
            self._draw(sorted(forecasts, key=lambda forecast: forecast.horizon), position, place)
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, *_: Any) -> None:
        self._picture.play(painter)

    def _draw(
        self, forecasts: Sequence[PriceForecast], position: int, place: Callable[[float], float]
    ) -> None:
        start = place(forecasts[0].last_close)
        x = [position, *(position + forecast.horizon for forecast in forecasts)]
        painter = QPainter(self._picture)
        painter.setPen(Qt.PenStyle.NoPen)
        for lower, upper, opacity in BANDS:
            lows = [start, *(place(forecast.price_at(lower)) for forecast in forecasts)]
            highs = [start, *(place(forecast.price_at(upper)) for forecast in forecasts)]
            corners = [*zip(x, lows, strict=True), *reversed(list(zip(x, highs, strict=True)))]
            painter.setBrush(faint(self.theme.fan, opacity))
            painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
        pen = QPen(QColor(self.theme.fan), 2)
        pen.setCosmetic(True)
        painter.setPen(pen)
        median = [start, *(place(forecast.price_at(0.50)) for forecast in forecasts)]
        painter.drawPolyline(QPolygonF([QPointF(*point) for point in zip(x, median, strict=True)]))
        painter.end()
        lowest, highest = BANDS[0][:2]
        self.low = min(place(forecast.price_at(lowest)) for forecast in forecasts)
        self.high = max(place(forecast.price_at(highest)) for forecast in forecasts)
        self.right = x[-1]
        self._bounds = QRectF(position, self.low, x[-1] - position, self.high - self.low)
