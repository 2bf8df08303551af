"""One ticker: prices with averages and fan, volume and sentiment over one axis of bars."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_app.chart_marks import MARK_KINDS, ReportMark
from desktop_app.gui.charts.axes import AmountAxis, SessionAxis
from desktop_app.gui.charts.bundled import (
    AverageItem,
    CandleItem,
    FloatArray,
    OwnScaleItem,
    RebasedItem,
    SentimentItem,
    VolumeItem,
    sessions_per_candle,
)
from desktop_app.gui.charts.fan import FanItem
from desktop_app.gui.charts.marks import MarksItem
from desktop_app.gui.charts.pens import faint, line
from desktop_app.gui.theme import Theme
from desktop_app.overlays import Overlay
from desktop_app.snapshot import Snapshot
from desktop_app.words import money
from resources.language import tr

LEAST_PRICE = 1e-6  # USD; what a logarithm is taken of at least
ROOM_RIGHT = 7  # bars left free behind the fan
CAPTION_WIDTH = 76  # pixels
VOLUME_SHARE, SENTIMENT_SHARE = 18, 20  # of 100 parts of the height
AVERAGE_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DotLine)


class PriceChart(QWidget):
    """Prices with averages and fan, volume, and the sentiment strip, over one common axis."""

    day_clicked = Signal(int)
    hovered = Signal(int, float)  # place and price; -1 and NaN where the pointer is on neither
    detail_changed = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._snapshot: Snapshot | None = None
        self._lows = self._highs = self._volume = np.empty(0)
        self._closes = np.empty(0)
        self.logarithmic = False
        self._size = 0
        self._kinds = frozenset(MARK_KINDS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._view = pg.GraphicsLayoutWidget()
        self.setAccessibleName(tr("Price chart"))
        self._view.ci.layout.setContentsMargins(0, 0, 4, 0)
        self._view.ci.layout.setVerticalSpacing(2)
        layout.addWidget(self._view)
        self._build()

    def _build(self) -> None:
        self._axis = SessionAxis()
        self._price = self._plot(0, AmountAxis())
        self._volumes = self._plot(1, AmountAxis(counts=True))
        self._strip = self._plot(2, AmountAxis(counts=True), self._axis)
        for row, share in enumerate((100 - VOLUME_SHARE - SENTIMENT_SHARE, VOLUME_SHARE, SENTIMENT_SHARE)):
            self._view.ci.layout.setRowStretchFactor(row, share)
        for plot in (self._volumes, self._strip):
            plot.setXLink(self._price)
        self._price.getViewBox().sigXRangeChanged.connect(self._fit_heights)
        self._view.scene().sigMouseClicked.connect(self._click)
        self._view.scene().sigMouseMoved.connect(self._hover)
        self.show_theme(self.theme)

    def _plot(self, row: int, left: Any, bottom: Any = None) -> Any:
        axes = {"left": left} | ({"bottom": bottom} if bottom else {})
        plot = self._view.addPlot(row=row, col=0, axisItems=axes)
        plot.setMouseEnabled(x=True, y=False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.getViewBox().setDefaultPadding(0)
        if bottom is None:
            plot.hideAxis("bottom")
        return plot

    def show_theme(self, theme: Theme) -> None:
        """Draw everything anew in the colours of a theme."""
        self.theme = theme
        self._view.setBackground(theme.panel)
        for plot in (self._price, self._volumes, self._strip):
            plot.clear()
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(QPen(QColor(theme.border), 1))
                axis.setTextPen(QColor(theme.muted))
                axis.setTickPen(QPen(QColor(theme.grid), 1))
            plot.showGrid(x=True, y=True, alpha=0.35)
        self._candles, self._columns = CandleItem(theme), VolumeItem(theme)
        self._days, self._fan = SentimentItem(theme), FanItem(theme)
        self._averages: list[Any] = []
        self._marks = MarksItem(theme)
        self._report = pg.InfiniteLine(angle=90, pen=line(theme.text, Qt.PenStyle.DotLine))
        self._report_caption = pg.TextItem(color=theme.text, anchor=(0.5, 1), fill=faint(theme.panel, 200))
        self._now = pg.InfiniteLine(angle=90, pen=line(theme.muted, Qt.PenStyle.DashLine))
        self._cursors = [
            pg.InfiniteLine(angle=90, pen=line(theme.muted, Qt.PenStyle.DashLine)) for _ in range(3)
        ]
        self._level = pg.InfiniteLine(angle=0, pen=line(theme.muted, Qt.PenStyle.DashLine))
        self._level.hide()
        self._cost = pg.InfiniteLine(
            angle=0,
            pen=line(theme.accent, Qt.PenStyle.DashLine, 1.4),
            label=tr("my cost"),
            labelOpts={
                "position": 0.04,
                "color": theme.accent,
                "fill": faint(theme.panel, 220),
                "anchors": [(0, 1), (0, 1)],
            },
        )
        self._cost.hide()
        self._chosen = [
            pg.LinearRegionItem((0, 0), movable=False, brush=faint(theme.accent, 45), pen=pg.mkPen(None))
            for _ in range(3)
        ]
        for plot, cursor, chosen in zip(
            (self._price, self._volumes, self._strip), self._cursors, self._chosen, strict=True
        ):
            for item in (cursor, chosen):
                item.hide()
                plot.addItem(item, ignoreBounds=True)
        for item in (
            self._fan, self._candles, self._marks, self._now, self._report, self._report_caption, self._level,
            self._cost,
        ):  # fmt: skip
            self._price.addItem(item, ignoreBounds=True)
        self._volumes.addItem(self._columns, ignoreBounds=True)
        self._strip.addItem(self._days, ignoreBounds=True)
        zero = pg.InfiniteLine(0, angle=0, pen=line(theme.border))
        self._strip.addItem(zero, ignoreBounds=True)
        if self._snapshot is not None:
            view = self._price.getViewBox().viewRange()[0]
            self.show_snapshot(self._snapshot)
            self._price.setXRange(*view, padding=0)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw a ticker."""
        self._snapshot = snapshot
        bars = snapshot.bars
        traded = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars])
        ohlc = self._places(traded)
        self._lows, self._highs, self._closes = ohlc[:, 2], ohlc[:, 1], ohlc[:, 3]
        self._volume = np.array([bar.volume for bar in bars])
        self._axis.show_sessions([bar.session for bar in bars], snapshot.target_positions())
        self._candles.show_bars(ohlc)
        self._columns.show_volume(self._volume, ohlc[:, 0], ohlc[:, 3])
        self._days.show_days(snapshot.sentiment.get(snapshot.scorer, ()))
        self._fan.show_forecasts(snapshot.forecasts, snapshot.forecast_position, self._place)
        self._now.setPos(snapshot.forecast_position)
        self._show_report(snapshot.next_report)
        self._show_averages(snapshot)
        self._show_cost(snapshot.cost)
        self._draw_marks(snapshot)
        self.choose_day(-1)
        right = max(len(bars) - 1, self._fan.right) + ROOM_RIGHT
        for plot in (self._price, self._volumes, self._strip):
            plot.getViewBox().setLimits(xMin=-2, xMax=right + 2, minXRange=10)

    def show_range(self, sessions: int | None) -> None:
        """Show the last so many sessions and the fan; None: everything."""
        if self._snapshot is None:
            return
        length = len(self._snapshot.bars)
        left = 0 if sessions is None else max(0, length - sessions)
        right = max(length - 1, self._fan.right) + ROOM_RIGHT
        self._price.setXRange(left - 1, right, padding=0)
        self._fit_heights()

    def choose_day(self, position: int) -> None:
        """Mark one bar as chosen; below 0: none."""
        for region in self._chosen:
            region.setVisible(position >= 0)
            region.setRegion((position - 0.5, position + 0.5))
        if position >= 0:
            (left, right), _ = self._price.getViewBox().viewRange()
            if not left <= position <= right:
                half = (right - left) / 2
                self._price.setXRange(position - half, position + half, padding=0)

    def show_marks(self, kinds: Collection[str]) -> None:
        """Show marks of these kinds alone."""
        self._kinds = frozenset(kinds)
        if self._snapshot is not None:
            self._draw_marks(self._snapshot)

    def shown_marks(self) -> list[tuple[int, str]]:
        """Return position and kind of the marks that are drawn."""
        return [(mark.position, mark.kind) for mark in self._marks.marks]

    def _draw_marks(self, snapshot: Snapshot) -> None:
        self._marks.show_marks(
            [mark for mark in snapshot.marks if mark.kind in self._kinds], self._lows, self._highs
        )

    def _show_averages(self, snapshot: Snapshot) -> None:
        for item in self._averages:
            self._price.removeItem(item)
        self._averages = []
        for position, (_, values) in enumerate(sorted(snapshot.averages.items())):
            colour = self.theme.averages[position % len(self.theme.averages)]
            pen = line(colour, AVERAGE_STYLES[position % len(AVERAGE_STYLES)], 1.4)
            self._add_line(AverageItem(self.theme, self._places(np.array(values)), pen))
        for overlay in snapshot.overlays:
            self._add_line(self._overlay(overlay))

    def _add_line(self, item: AverageItem) -> None:
        self._price.addItem(item, ignoreBounds=True)
        self._averages.append(item)

    def _overlay(self, overlay: Overlay) -> AverageItem:
        values = np.array(overlay.values)
        if overlay.scale == "own":
            return OwnScaleItem(self.theme, values, line(self.theme.text, width=1.2), self._closes)
        if overlay.scale == "rebased":
            pen = line(self.theme.warning, width=1.6)
            return RebasedItem(
                self.theme, self._places(values), pen, self._closes, logarithmic=self.logarithmic
            )
        return AverageItem(self.theme, self._places(values), line(self.theme.muted, Qt.PenStyle.DotLine, 1.2))

    def _show_cost(self, cost: float | None) -> None:
        self._cost.setVisible(cost is not None)
        if cost is not None:
            self._cost.setPos(self._place(cost))
            self._cost.label.setFormat(tr("my cost {cost}", cost=money(cost)))

    def show_logarithmic(self, logarithmic: bool) -> None:
        """Draw prices on a logarithmic scale (equal distances are equal percentages), or on a plain one."""
        self.logarithmic = logarithmic
        self._price.getAxis("left").logarithmic = logarithmic
        if self._snapshot is not None:
            view = self._price.getViewBox().viewRange()[0]
            self.show_snapshot(self._snapshot)
            self._price.setXRange(*view, padding=0)
            self._fit_heights()

    def _places(self, prices: FloatArray) -> FloatArray:
        """Return where prices stand on the axis."""
        return np.log10(np.maximum(prices, LEAST_PRICE)) if self.logarithmic else prices

    def _place(self, price: float) -> float:
        return math.log10(max(price, LEAST_PRICE)) if self.logarithmic else price

    def _show_report(self, report: ReportMark | None) -> None:
        """Mark the session of the fan that is expected to react to the next earnings report."""
        for item in (self._report, self._report_caption):
            item.setVisible(report is not None)
        if report is not None:
            self._report.setPos(report.position)
            self._report_caption.setText(report.caption)

    def shown_report(self) -> tuple[int, str] | None:
        """Return position and caption of the next report on the fan, None where none is drawn."""
        if not self._report.isVisible():
            return None
        return int(self._report.value()), self._report_caption.toPlainText()

    def _fit_heights(self) -> None:
        """Fit each plot's height to what is visible."""
        if self._snapshot is None:
            return
        (left, right), _ = self._price.getViewBox().viewRange()
        first, last = max(0, math.floor(left)), min(len(self._lows), math.ceil(right) + 1)
        if last > first:
            low, high = float(self._lows[first:last].min()), float(self._highs[first:last].max())
            if (
                self._fan.right > self._snapshot.forecast_position
                and right >= self._snapshot.forecast_position
            ):
                low, high = min(low, self._fan.low), max(high, self._fan.high)
            room = max(high - low, abs(high) * 1e-4) * 0.07
            self._price.setYRange(low - room, high + room, padding=0)
            self._cost.label.setVisible(low - room < self._cost.value() < high + room)
            self._report_caption.setPos(self._report.value(), low - room)
            beside = (right - self._report.value()) / (right - left) * self._price.getViewBox().width()
            self._report_caption.setAnchor((0.5, 1) if beside > CAPTION_WIDTH / 2 else (1, 1))
            size = sessions_per_candle(right - left, self._price.getViewBox().width())
            part = self._volume[first:last]
            whole = np.add.reduceat(part, np.arange(0, len(part), size)) / size
            self._volumes.setYRange(0, float(whole.max()) * 1.1 or 1.0, padding=0)
            if size != self._size:
                self._size = size
                self.detail_changed.emit(size)
        reach = max(self._days.reach(left, right) * 1.15, 1.2)
        self._strip.setYRange(-reach, reach, padding=0)

    def _click(self, event: Any) -> None:
        position, _ = self._place_of(event.scenePos())
        known = self._snapshot is not None and 0 <= position <= len(self._snapshot.bars)
        if known and event.button() == Qt.MouseButton.LeftButton:
            self.choose_day(position)
            self.day_clicked.emit(position)

    def _hover(self, point: QPointF) -> None:
        position, price = self._place_of(point)
        for cursor in self._cursors:
            cursor.setVisible(position >= 0)
            cursor.setPos(position)
        self._level.setVisible(not math.isnan(price))
        if not math.isnan(price):
            self._level.setPos(self._place(price))
        self.hovered.emit(position, price)

    def _place_of(self, point: QPointF) -> tuple[int, float]:
        """Return bar, or session of the fan, and price under a point of the scene; -1 and NaN outside."""
        if self._snapshot is None or not self._view.ci.sceneBoundingRect().contains(point):
            return -1, math.nan
        box = self._price.getViewBox()
        place = box.mapSceneToView(point)
        position = round(place.x())
        if not 0 <= position <= max(len(self._snapshot.bars), self._fan.right + ROOM_RIGHT):
            return -1, math.nan
        if not box.sceneBoundingRect().contains(point):
            return position, math.nan
        return position, 10 ** place.y() if self.logarithmic else place.y()
