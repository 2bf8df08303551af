"""Candles, volume, sentiment and the forecast fan over bar indices; the only file that names pyqtgraph."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPicture, QPolygonF
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_app.chart_marks import CROWDED, MARK_KINDS, ChartMark, ReportMark
from desktop_app.gui.theme import Theme
from desktop_app.snapshot import DaySentiment, Snapshot
from desktop_app.words import MONTHS, PriceForecast, short_count

PIXELS_PER_CANDLE = 4.0  # narrower candles are drawn as one of several sessions
BUNDLES = (1, 2, 5, 10, 21, 63, 126, 252, 504, 1260)  # sessions per candle; 5 a week, 21 a month
BANDS = ((0.025, 0.975, 40), (0.10, 0.90, 70), (0.25, 0.75, 110))  # 95, 80, 50 %: levels and opacity
ROOM_RIGHT = 7  # bars left free behind the fan
MARK_SIZE = 9.0  # pixels
CAPTION_WIDTH = 76  # pixels
LEFT_AXIS_WIDTH = 62
VOLUME_SHARE, SENTIMENT_SHARE = 18, 20  # of 100 parts of the height

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
            for centre, (opened, high, low, close) in zip(x[mask], ohlc[mask], strict=True):
                wicks.append(QLineF(centre, low, centre, high))
                bodies.append(QRectF(centre - half, min(opened, close), 2 * half, abs(close - opened)))
            painter.drawLines(wicks)
            painter.drawRects(bodies)


class AverageItem(BundledItem):
    """A moving average: one point a candle, none where there is no value yet."""

    def __init__(self, theme: Theme, values: Sequence[float], pen: QPen) -> None:
        super().__init__(theme)
        self._values = np.array(values)
        self._pen = pen
        known = self._values[np.isfinite(self._values)]
        low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
        if len(known):
            self._bounds = QRectF(0, low, len(self._values), max(high - low, 1e-9))

    def paint(self, painter: QPainter, *_: Any) -> None:
        first, last, size = self._visible(len(self._values))
        positions = np.arange(first - first % size + size - 1, min(last + size, len(self._values)), size)
        positions = positions[np.isfinite(self._values[positions])]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._pen)
        painter.drawPolyline(
            QPolygonF([QPointF(x, y) for x, y in zip(positions, self._values[positions], strict=True)])
        )


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
            painter.setBrush(_faint(colour, 150))
            painter.drawRects(
                [
                    QRectF(first + start - 0.5 + 0.15 * size, 0, 0.7 * size, top)
                    for start, top in zip(starts[mask], height[mask], strict=True)
                ]
            )


class SentimentItem(BundledItem):
    """Posts of a day: positive ones upward, negative ones downward, each as a column of its count."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._positions: list[int] = []
        self._days: Sequence[DaySentiment] = ()

    def show_days(self, days: Sequence[DaySentiment]) -> None:
        """Replace the days, sorted by position."""
        self.prepareGeometryChange()
        self._days, self._positions = days, [one.position for one in days]
        reach = max((max(one.positive, one.negative) for one in days), default=1)
        right = self._positions[-1] + 1 if days else 1
        self._bounds = QRectF(-0.5, -reach, right, 2 * reach)
        self.update()

    def visible_days(self, left: float, right: float) -> Sequence[DaySentiment]:
        """Return the days between two positions."""
        return self._days[bisect_left(self._positions, left) : bisect_left(self._positions, right + 1)]

    def paint(self, painter: QPainter, *_: Any) -> None:
        (left, right), _unused = self.getViewBox().viewRange()
        size = sessions_per_candle(right - left, self.getViewBox().width())
        up: dict[int, list[int]] = {}
        for one in self.visible_days(left - size, right + size):
            bundle = up.setdefault(one.position // size, [0, 0])
            bundle[0] = max(bundle[0], one.positive)
            bundle[1] = max(bundle[1], one.negative)
        painter.setPen(Qt.PenStyle.NoPen)
        for side, colour in ((0, self.theme.up), (1, self.theme.down)):
            painter.setBrush(QColor(colour))
            painter.drawRects(
                [
                    QRectF(
                        bundle * size - 0.5 + 0.15 * size,
                        0 if side == 0 else -tops[1],
                        0.7 * size,
                        tops[side],
                    )
                    for bundle, tops in up.items()
                    if tops[side]
                ]
            )


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


class FanItem(pg.GraphicsObject):  # type: ignore[misc]
    """The forecast: 95, 80 and 50 % bands and the median, joined through the horizons from the last close."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._picture = QPicture()
        self._bounds = QRectF()
        self.low, self.high, self.right = math.nan, math.nan, 0

    def show_forecasts(self, forecasts: Sequence[PriceForecast], position: int) -> None:
        """Draw forecasts made at the bar of an index."""
        self.prepareGeometryChange()
        self._picture, self._bounds = QPicture(), QRectF()
        self.low, self.high, self.right = math.nan, math.nan, position
        if forecasts:
            self._draw(sorted(forecasts, key=lambda forecast: forecast.horizon), position)
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, *_: Any) -> None:
        self._picture.play(painter)

    def _draw(self, forecasts: Sequence[PriceForecast], position: int) -> None:
        start = forecasts[0].last_close
        x = [position, *(position + forecast.horizon for forecast in forecasts)]
        painter = QPainter(self._picture)
        painter.setPen(Qt.PenStyle.NoPen)
        for lower, upper, opacity in BANDS:
            lows = [start, *(forecast.price_at(lower) for forecast in forecasts)]
            highs = [start, *(forecast.price_at(upper) for forecast in forecasts)]
            corners = [*zip(x, lows, strict=True), *reversed(list(zip(x, highs, strict=True)))]
            painter.setBrush(_faint(self.theme.fan, opacity))
            painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
        pen = QPen(QColor(self.theme.fan), 2)
        pen.setCosmetic(True)
        painter.setPen(pen)
        median = [start, *(forecast.price_at(0.50) for forecast in forecasts)]
        painter.drawPolyline(QPolygonF([QPointF(*point) for point in zip(x, median, strict=True)]))
        painter.end()
        lowest, highest = BANDS[0][:2]
        self.low = min(forecast.price_at(lowest) for forecast in forecasts)
        self.high = max(forecast.price_at(highest) for forecast in forecasts)
        self.right = x[-1]
        self._bounds = QRectF(position, self.low, x[-1] - position, self.high - self.low)


class SessionAxis(pg.AxisItem):  # type: ignore[misc]
    """Days, months or years under the bars, whichever fits."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._sessions: list[str] = []
        self._targets: dict[int, str] = {}
        self._grids: list[list[int]] = []

    def show_sessions(self, sessions: Sequence[str], targets: Mapping[int, str]) -> None:
        """Replace the sessions that the indices stand for; ``targets`` are those of the forecasts."""
        self._sessions = list(sessions)
        self._targets = {at: session for at, session in targets.items() if at >= len(sessions)}
        keys = [
            [session[:4] for session in sessions],
            [session[:5] + str((int(session[5:7]) - 1) // 3) for session in sessions],
            [session[:7] for session in sessions],
        ]
        self._grids = [[i for i in range(1, len(key)) if key[i] != key[i - 1]] for key in keys]
        self._grids += [list(range(0, len(sessions), step)) for step in (5, 1)]
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[int]]]:
        room = max(2, int(size / 80))
        chosen: list[int] = []
        for grid in self._grids:
            inside = grid[bisect_left(grid, minVal) : bisect_left(grid, maxVal)]
            if len(inside) > room:
                if not chosen:
                    chosen = inside[:: math.ceil(len(inside) / room)]
                break
            chosen = inside
        beyond = max((target for target in self._targets if target <= maxVal), default=None)
        if beyond is not None:
            room_for_one = (maxVal - minVal) / size * 45
            chosen = [*(tick for tick in chosen if tick < beyond - room_for_one), beyond]
        return [(1.0, chosen)]

    def tickStrings(self, values: Sequence[float], *_: Any) -> list[str]:
        positions = [int(value) for value in values]
        wide = len(positions) > 1 and positions[1] - positions[0] > 15
        return [self._text(position, wide) for position in positions]

    def _text(self, position: int, wide: bool) -> str:
        session = self._targets.get(position) or self._sessions[position]
        if not wide or position in self._targets:
            return f"{int(session[8:])} {MONTHS[int(session[5:7]) - 1]}"
        return session[:4] if session[5:7] == "01" else f"{MONTHS[int(session[5:7]) - 1]} {session[2:4]}"


class AmountAxis(pg.AxisItem):  # type: ignore[misc]
    """Prices or counts, written as people read them."""

    def __init__(self, *, counts: bool = False) -> None:
        super().__init__("left")
        self._counts = counts
        self.setWidth(LEFT_AXIS_WIDTH)
        if counts:
            self.setStyle(textFillLimits=[(0, 0.6)], maxTickLevel=0)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        levels: list[tuple[float, list[float]]] = super().tickValues(minVal, maxVal, size)
        return [level for level in levels if not self._counts or level[0] >= 1]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        if self._counts:
            return [short_count(abs(value)) for value in values]
        return [f"{value:,.2f}" if spacing < 1 else f"{value:,.0f}" for value in values]


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
        self._size = 0
        self._kinds = frozenset(MARK_KINDS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._view = pg.GraphicsLayoutWidget()
        self.setAccessibleName("Price chart")
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
        self._report = pg.InfiniteLine(angle=90, pen=_line(theme.text, Qt.PenStyle.DotLine))
        self._report_caption = pg.TextItem(color=theme.text, anchor=(0.5, 1), fill=_faint(theme.panel, 200))
        self._now = pg.InfiniteLine(angle=90, pen=_line(theme.muted, Qt.PenStyle.DashLine))
        self._cursors = [
            pg.InfiniteLine(angle=90, pen=_line(theme.muted, Qt.PenStyle.DashLine)) for _ in range(3)
        ]
        self._level = pg.InfiniteLine(angle=0, pen=_line(theme.muted, Qt.PenStyle.DashLine))
        self._level.hide()
        self._chosen = [
            pg.LinearRegionItem((0, 0), movable=False, brush=_faint(theme.accent, 45), pen=pg.mkPen(None))
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
        ):  # fmt: skip
            self._price.addItem(item, ignoreBounds=True)
        self._volumes.addItem(self._columns, ignoreBounds=True)
        self._strip.addItem(self._days, ignoreBounds=True)
        zero = pg.InfiniteLine(0, angle=0, pen=_line(theme.border))
        self._strip.addItem(zero, ignoreBounds=True)
        if self._snapshot is not None:
            view = self._price.getViewBox().viewRange()[0]
            self.show_snapshot(self._snapshot)
            self._price.setXRange(*view, padding=0)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Draw a ticker."""
        self._snapshot = snapshot
        bars = snapshot.bars
        ohlc = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars])
        self._lows, self._highs = ohlc[:, 2], ohlc[:, 1]
        self._volume = np.array([bar.volume for bar in bars])
        self._axis.show_sessions([bar.session for bar in bars], snapshot.target_positions())
        self._candles.show_bars(ohlc)
        self._columns.show_volume(self._volume, ohlc[:, 0], ohlc[:, 3])
        self._days.show_days(snapshot.sentiment.get(snapshot.scorer, ()))
        self._fan.show_forecasts(snapshot.forecasts, snapshot.forecast_position)
        self._now.setPos(snapshot.forecast_position)
        self._show_report(snapshot.next_report)
        self._show_averages(snapshot)
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
            pen = QPen(QColor(colour), 1.4, AVERAGE_STYLES[position % len(AVERAGE_STYLES)])
            pen.setCosmetic(True)
            line = AverageItem(self.theme, values, pen)
            self._price.addItem(line, ignoreBounds=True)
            self._averages.append(line)

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
            room = max(high - low, high * 1e-4) * 0.07
            self._price.setYRange(low - room, high + room, padding=0)
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
        days = self._days.visible_days(left, right)
        highest = max((max(one.positive, one.negative) for one in days), default=0)
        reach = max(highest * 1.15, 1.2)
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
            self._level.setPos(price)
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
        return position, place.y() if box.sceneBoundingRect().contains(point) else math.nan


AVERAGE_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DotLine)


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


def _faint(colour: str, opacity: int) -> QColor:
    faint = QColor(colour)
    faint.setAlpha(opacity)
    return faint


def _line(colour: str, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    pen = QPen(QColor(colour), 1, style)
    pen.setCosmetic(True)
    return pen
