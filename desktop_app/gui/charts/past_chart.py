"""The fan of a past day over what happened since, and below it where every outcome fell in its range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_app.gui.charts.axes import AmountAxis, SessionAxis
from desktop_app.gui.charts.bundled import CandleItem, FloatArray
from desktop_app.gui.charts.fan import FanItem
from desktop_app.gui.charts.pens import faint, line
from desktop_app.gui.theme import Theme
from desktop_app.said_then import HIT_HIGH, HIT_LOW, Past, SaidThen
from resources.language import tr

SESSIONS_BEFORE, SESSIONS_AFTER = 70, 32  # seen around a chosen day
STRIP_SHARE = 26  # of 100 parts of the height
LEVELS = ((0.05, "5 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (0.95, "95 %"))


class PastChart(QWidget):
    """Candles, one day's fan with its outcomes, and the strip of all; the day can be dragged or clicked."""

    day_wanted = Signal(float)  # a place on the axis of bars

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._past: Past | None = None
        self._then: SaidThen | None = None
        self._horizon = 1
        self._lows = self._highs = np.empty(0)
        self.setAccessibleName(tr("What was said then, over what happened since"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._view = pg.GraphicsLayoutWidget()
        self._view.ci.layout.setContentsMargins(0, 0, 4, 0)
        self._view.ci.layout.setVerticalSpacing(4)
        layout.addWidget(self._view)
        self._axis = SessionAxis()
        self._price = self._plot(0, {"left": AmountAxis()})
        self._strip = self._plot(1, {"left": AmountAxis(), "bottom": self._axis})
        self._strip.getAxis("left").setTicks([[level for level in LEVELS if level[0] in (0.05, 0.5, 0.95)]])
        self._strip.setXLink(self._price)
        for row, share in enumerate((100 - STRIP_SHARE, STRIP_SHARE)):
            self._view.ci.layout.setRowStretchFactor(row, share)
        self._price.getViewBox().sigXRangeChanged.connect(self._fit_height)
        self._view.scene().sigMouseClicked.connect(self._click)
        self.show_theme(theme)

    def _plot(self, row: int, axes: dict[str, Any]) -> Any:
        plot = self._view.addPlot(row=row, col=0, axisItems=axes)
        plot.setMouseEnabled(x=True, y=False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.getViewBox().setDefaultPadding(0)
        if "bottom" not in axes:
            plot.hideAxis("bottom")
        return plot

    def show_theme(self, theme: Theme) -> None:
        """Draw everything anew in the colours of a theme."""
        self.theme = theme
        self._view.setBackground(theme.panel)
        for plot in (self._price, self._strip):
            plot.clear()
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(QPen(QColor(theme.border), 1))
                axis.setTextPen(QColor(theme.muted))
                axis.setTickPen(QPen(QColor(theme.grid), 1))
            plot.showGrid(x=True, y=plot is self._price, alpha=0.35)
        self._candles, self._fan = CandleItem(theme), FanItem(theme)
        self._since = pg.LinearRegionItem(
            (0, 0), movable=False, brush=faint(theme.muted, 18), pen=pg.mkPen(None)
        )
        self._outcomes = pg.ScatterPlotItem()
        self._days = [self._day_line(theme, plot) for plot in (self._price, self._strip)]
        for item in (self._since, self._fan, self._candles, self._outcomes):
            self._price.addItem(item, ignoreBounds=True)
        for depth, item in enumerate((self._since, self._fan, self._candles, self._outcomes)):
            item.setZValue(5 * depth)
        self._build_strip(theme)
        if self._past is not None:
            view = self._price.getViewBox().viewRange()[0]
            past, then = self._past, self._then
            self.show_past(past, self._horizon)
            self._price.setXRange(*view, padding=0)
            if then is not None:
                self.show_day(then, follow=False)

    def _day_line(self, theme: Theme, plot: Any) -> Any:
        day = pg.InfiniteLine(
            angle=90, movable=True, pen=line(theme.accent, width=2), hoverPen=line(theme.accent, width=4)
        )
        day.setZValue(30)
        day.sigDragged.connect(lambda moved: self.day_wanted.emit(float(moved.value())))
        plot.addItem(day, ignoreBounds=True)
        return day

    def _build_strip(self, theme: Theme) -> None:
        for low, high, opacity in ((HIT_LOW, HIT_HIGH, 34), (0.25, 0.75, 50)):
            band = pg.LinearRegionItem(
                (low, high),
                orientation="horizontal",
                movable=False,
                brush=faint(theme.fan, opacity),
                pen=pg.mkPen(None),
            )
            self._strip.addItem(band, ignoreBounds=True)
        self._inside, self._misses = pg.ScatterPlotItem(), pg.ScatterPlotItem()
        for item in (self._inside, self._misses):
            item.setZValue(10)
            self._strip.addItem(item, ignoreBounds=True)
        self._strip.setYRange(-0.08, 1.08, padding=0)

    def show_past(self, past: Past, horizon: int) -> None:
        """Draw a ticker's bars, and the strip of one horizon."""
        self._past = past
        ohlc: FloatArray = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in past.bars])
        self._highs, self._lows = ohlc[:, 1], ohlc[:, 2]
        targets = {
            then.position + said.horizon: said.target_session
            for then in past.said[-1:]
            for said in then.forecasts
        }
        self._axis.show_sessions([bar.session for bar in past.bars], targets)
        self._candles.show_bars(ohlc)
        first, last = past.said[0].position, past.said[-1].position
        for plot in (self._price, self._strip):
            plot.getViewBox().setLimits(
                xMin=max(-2, first - 3 * SESSIONS_BEFORE), xMax=last + SESSIONS_AFTER, minXRange=20
            )
        self.show_horizon(horizon)

    def show_horizon(self, horizon: int) -> None:
        """Show in the strip where the outcomes of one horizon fell; filled: live, hollow: made afterwards."""
        self._horizon = horizon
        if self._past is None:
            return
        ink, warning = self.theme.text, self.theme.warning
        inside, misses = [], []
        for then in self._past.said:
            outcome = then.outcome(horizon)
            if outcome is None or not outcome.known:
                continue
            colour = ink if outcome.held else warning
            point = {
                "pos": (then.position, min(max(outcome.pit, 0.0), 1.0)),
                "pen": line(colour, width=0.8 if outcome.held else 1.4),
                "brush": QColor(colour if then.live else self.theme.panel),
            }
            if outcome.held:
                inside.append(point)
            else:
                misses.append(point | {"symbol": "t1" if outcome.pit > HIT_HIGH else "t"})
        self._inside.setData(spots=inside, size=5)
        self._misses.setData(spots=misses, size=11)

    def show_day(self, then: SaidThen, *, follow: bool) -> None:
        """Draw the fan of one day with its outcomes; ``follow``: move the view where it is near an edge."""
        self._then = then
        self._fan.show_forecasts(then.forecasts, then.position)
        for day in self._days:
            day.blockSignals(True)
            day.setPos(then.position)
            day.blockSignals(False)
        self._since.setRegion((then.position, then.position + 10_000))
        self._outcomes.setData(
            spots=[
                {
                    "pos": (outcome.position, outcome.price),
                    "symbol": "o" if outcome.held else "x",
                    "size": 11 if outcome.held else 17,
                    "pen": line(self.theme.panel, width=1.5),
                    "brush": QColor(self.theme.text if outcome.held else self.theme.warning),
                }
                for outcome in then.outcomes
                if outcome.known
            ]
        )
        if follow:
            self._bring_into_view(then.position)
        self._fit_height()

    def _bring_into_view(self, position: int) -> None:
        left, right = self._price.getViewBox().viewRange()[0]
        width = SESSIONS_BEFORE + SESSIONS_AFTER if right - left < 30 else right - left
        after = width * SESSIONS_AFTER / (SESSIONS_BEFORE + SESSIONS_AFTER)
        if not left + 8 <= position <= right - min(after, 24) or right - left < 30:
            self._price.setXRange(position + after - width, position + after, padding=0)

    def show_around(self, position: int) -> None:
        """Show the usual number of sessions around a day."""
        self._price.setXRange(position - SESSIONS_BEFORE, position + SESSIONS_AFTER, padding=0)

    def _fit_height(self) -> None:
        left, right = self._price.getViewBox().viewRange()[0]
        first, last = max(0, math.floor(left)), min(len(self._lows), math.ceil(right) + 1)
        if last <= first:
            return
        low, high = float(self._lows[first:last].min()), float(self._highs[first:last].max())
        if self._then is not None and left <= self._then.position <= right:
            low, high = min(low, self._fan.low), max(high, self._fan.high)
        room = max(high - low, high * 1e-4) * 0.06
        self._price.setYRange(low - room, high + room, padding=0)

    def _click(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.isAccepted():
            self.day_wanted.emit(float(self._price.getViewBox().mapSceneToView(event.scenePos()).x()))
