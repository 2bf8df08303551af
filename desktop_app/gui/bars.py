"""Bars in a table's cell: to either side of a middle line, or from the left, in the theme's colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from desktop_app.gui.tables import RecordModel
from desktop_app.gui.theme import Theme

Index = QModelIndex | QPersistentModelIndex
LEAST_WIDTH, MARGIN, PIXEL = 120, 6, 1.0


class BarDelegate(QStyledItemDelegate):
    """Paints a row's share: -1 to 1 about the middle where ``diverging``, else 0 to 1 from the left.

    What it says is said by the columns beside it in words: colour and length only repeat that.
    """

    def __init__(
        self, view: QTableView, column: int, reach: Callable[[Any], float], theme: Theme, *, diverging: bool
    ) -> None:
        super().__init__(view)
        self.theme = theme
        self._reach, self._diverging = reach, diverging
        view.setItemDelegateForColumn(column, self)

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(LEAST_WIDTH, option.fontMetrics.height() + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        assert isinstance(model, RecordModel)  # noqa: S101  every table of the window has one
        reach = max(-1.0, min(1.0, self._reach(model.rows[index.row()])))
        area = QRectF(option.rect).adjusted(MARGIN, 6, -MARGIN, -6)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(self.theme.raised))
        painter.setPen(Qt.PenStyle.NoPen)
        if self._diverging:
            middle, half = area.center().x(), area.width() / 2
            painter.setBrush(QColor(self.theme.fan if reach > 0 else self.theme.averages[1]))
            left = middle if reach > 0 else middle + half * reach
            painter.drawRect(QRectF(left, area.top(), half * abs(reach), area.height()))
            painter.fillRect(
                QRectF(middle - PIXEL / 2, option.rect.top(), PIXEL, option.rect.height()),
                QColor(self.theme.muted),
            )
        else:
            painter.setBrush(QColor(self.theme.fan))
            painter.drawRect(QRectF(area.left(), area.top(), area.width() * reach, area.height()))
        painter.restore()
