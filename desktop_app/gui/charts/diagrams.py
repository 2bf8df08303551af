"""Three small diagrams of the track record: promised against came, where outcomes fell, and skill."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_app.gui.charts.pens import faint, line
from desktop_app.gui.theme import Theme
from desktop_app.track_figures import Reliability, Skill
from desktop_app.words import percent
from resources.language import tr

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
LABEL_SHARE = 0.42  # of the width, for the names of the baselines
MISSING = tr("None yet")


class Diagram(QWidget):
    """Base: a square of its own, a theme, and what it shows in words for those who hear the screen."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(280, 230)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, 110)

    def show_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.theme = theme
        self.update()

    def _tell(self, text: str) -> None:
        self.setAccessibleDescription(text)
        self.setToolTip(text)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._known():
            self._paint(painter)
        else:
            painter.setPen(QColor(self.theme.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, MISSING)
        painter.end()

    def _known(self) -> bool:
        raise NotImplementedError

    def _paint(self, painter: QPainter) -> None:
        raise NotImplementedError

    def _text(self, painter: QPainter, area: QRectF, side: Qt.AlignmentFlag, text: str) -> None:
        painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, text)


class ReliabilityDiagram(Diagram):
    """Each quantile: how often it was promised not to be exceeded, and how often it was not."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, tr("Promised against came"))
        self._points: Sequence[Reliability] = ()

    def show_points(self, points: Sequence[Reliability]) -> None:
        """Replace the points, by level."""
        self._points = points
        worst = max(points, key=lambda one: abs(one.came - one.promised), default=None)
        self._tell(
            tr(
                "Farthest from its promise: the level of {promised}, below which "
                "{came} of the outcomes fell.",
                promised=percent(worst.promised, 1),
                came=percent(worst.came, 1),
            )
            if worst
            else MISSING
        )

    def _known(self) -> bool:
        return bool(self._points)

    def _paint(self, painter: QPainter) -> None:
        height = painter.fontMetrics().height()
        left = painter.fontMetrics().horizontalAdvance("100 %") + 8.0
        side = min(self.width() - left - 20, self.height() - 2.2 * height - 8)
        box = QRectF(left + (self.width() - left - 20 - side) / 2, 6, side, side)

        def place(x: float, y: float) -> QPointF:
            return QPointF(box.left() + x * box.width(), box.bottom() - y * box.height())

        painter.setPen(line(self.theme.grid))
        for tick in TICKS:
            painter.drawLine(place(tick, 0), place(tick, 1))
            painter.drawLine(place(0, tick), place(1, tick))
        painter.setPen(QColor(self.theme.muted))
        for tick in (0.0, 0.5, 1.0):
            text = f"{tick * 100:.0f} %"
            at = place(0, tick) - QPointF(0, height / 2 if tick == 0 else 0)
            self._text(
                painter, QRectF(at.x() - left, at.y() - height / 2, left - 5, height),
                Qt.AlignmentFlag.AlignRight, text,
            )  # fmt: skip
            below = place(tick, 0)
            self._text(
                painter,
                QRectF(below.x() - 30, below.y() + 2, 60, height),
                Qt.AlignmentFlag.AlignHCenter,
                text,
            )
        self._text(
            painter,
            QRectF(box.left(), box.bottom() + height, box.width(), height + 4),
            Qt.AlignmentFlag.AlignHCenter,
            tr("promised → , came ↑"),
        )
        painter.setPen(line(self.theme.muted, Qt.PenStyle.DashLine))
        painter.drawLine(place(0, 0), place(1, 1))
        self._paint_points(painter, place)

    def _paint_points(self, painter: QPainter, place: Callable[[float, float], QPointF]) -> None:
        sure = [one for one in self._points if not math.isnan(one.unsure)]
        if sure:
            upper = [place(one.promised, min(one.came + one.unsure, 1)) for one in sure]
            lower = [place(one.promised, max(one.came - one.unsure, 0)) for one in reversed(sure)]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faint(self.theme.fan, 70))
            painter.drawPolygon(QPolygonF([*upper, *lower]))
        painter.setPen(line(self.theme.fan, width=1.6))
        points = [place(one.promised, one.came) for one in self._points]
        painter.drawPolyline(QPolygonF(points))
        painter.setBrush(QColor(self.theme.fan))
        for point in points:
            painter.drawEllipse(point, 2.6, 2.6)


class PitHistogram(Diagram):
    """Shares of the outcomes in each tenth of what was forecast for them; calibrated: all bars level."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, tr("Where outcomes fell in their forecasts"))
        self._shares: Sequence[float] = ()
        self._unsure = math.nan

    def show_shares(self, shares: Sequence[float], unsure: float) -> None:
        """Replace the ten shares, and half the widest 95 % interval among them (NaN: not known)."""
        self._shares, self._unsure = shares, unsure
        text = ", ".join(percent(share, 1) for share in shares)
        self._tell(tr("From the lowest tenth to the highest: {text}", text=text) if shares else MISSING)

    def _known(self) -> bool:
        return bool(self._shares)

    def _paint(self, painter: QPainter) -> None:
        height = painter.fontMetrics().height()
        left = painter.fontMetrics().horizontalAdvance("20 %") + 8.0
        box = QRectF(left, 6, self.width() - left - 6, self.height() - 2.2 * height - 8)
        top = max(0.2, max(self._shares) * 1.15)

        def level(share: float) -> float:
            return box.bottom() - share / top * box.height()

        painter.setPen(QColor(self.theme.muted))
        for tick in (0.0, 0.1, 0.2):
            self._text(
                painter,
                QRectF(0, level(tick) - height / 2, left - 5, height),
                Qt.AlignmentFlag.AlignRight,
                f"{tick * 100:.0f} %",
            )
        if not math.isnan(self._unsure):
            painter.fillRect(
                QRectF(box.left(), level(0.1 + self._unsure), box.width(),
                       level(0.1 - self._unsure) - level(0.1 + self._unsure)),
                faint(self.theme.muted, 40),
            )  # fmt: skip
        width = box.width() / 10
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faint(self.theme.fan, 150))
        for i, share in enumerate(self._shares):
            painter.drawRect(
                QRectF(
                    box.left() + (i + 0.12) * width, level(share), 0.76 * width, box.bottom() - level(share)
                )
            )
        painter.setPen(line(self.theme.muted, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(box.left(), level(0.1)), QPointF(box.right(), level(0.1)))
        painter.setPen(QColor(self.theme.muted))
        under = QRectF(box.left(), box.bottom() + 2, box.width(), height)
        self._text(painter, under, Qt.AlignmentFlag.AlignLeft, tr("lowest tenth"))
        self._text(painter, under, Qt.AlignmentFlag.AlignRight, tr("highest"))


class SkillDiagram(Diagram):
    """Error saved beside each simpler method, a dot with its 95 % interval; right of zero is better."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, tr("Error saved beside simpler methods"))
        self._skills: Sequence[Skill] = ()

    def show_skills(self, skills: Sequence[Skill]) -> None:
        """Replace the rows."""
        self._skills = skills
        self._tell("\n".join(map(_skill_in_words, skills)) or MISSING)

    def _known(self) -> bool:
        return bool(self._skills)

    def _paint(self, painter: QPainter) -> None:
        metrics = painter.fontMetrics()
        height = metrics.height()
        names = self.width() * LABEL_SHARE
        box = QRectF(names + 8, 6, self.width() - names - 22, self.height() - 2.2 * height - 8)
        ends = [value for one in self._skills for value in (one.low, one.high, one.skill) if value == value]
        low, high = min([0.0, *ends]), max([0.01, *ends])
        room = (high - low) * 0.06
        low, high = low - room, high + room

        def place(value: float) -> float:
            return box.left() + (value - low) / (high - low) * box.width()

        step = box.height() / len(self._skills)
        painter.setPen(line(self.theme.muted, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(place(0), box.top()), QPointF(place(0), box.bottom()))
        for i, one in enumerate(self._skills):
            y = box.top() + (i + 0.5) * step
            painter.setPen(QColor(self.theme.text))
            name = metrics.elidedText(one.baseline, Qt.TextElideMode.ElideRight, int(names))
            self._text(painter, QRectF(0, y - height, names, 2 * height), Qt.AlignmentFlag.AlignRight, name)
            clear = not math.isnan(one.low) and (one.low > 0 or one.high < 0)
            colour = self.theme.muted if not clear else self.theme.up if one.skill > 0 else self.theme.down
            painter.setPen(line(colour, width=2))
            if not math.isnan(one.low):
                painter.drawLine(QPointF(place(one.low), y), QPointF(place(one.high), y))
            painter.setBrush(QColor(colour if clear else self.theme.panel))
            painter.drawEllipse(QPointF(place(one.skill), y), 4, 4)
        painter.setPen(QColor(self.theme.muted))
        under = QRectF(box.left(), box.bottom() + 2, box.width(), height)
        zero = QRectF(place(0) - 30, box.bottom() + 2, 60, height)
        self._text(painter, zero, Qt.AlignmentFlag.AlignHCenter, "0 %")
        self._text(painter, under, Qt.AlignmentFlag.AlignRight, percent(high - room, 1, signed=True))


def _skill_in_words(one: Skill) -> str:
    text = f"{one.baseline}: {percent(one.skill, 1, signed=True)}"
    if math.isnan(one.low):
        return text
    return tr(
        "{text}, between {low} and {high}",
        text=text,
        low=percent(one.low, 1, signed=True),
        high=percent(one.high, 1, signed=True),
    )
