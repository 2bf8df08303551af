"""The watchlist: one card a ticker with its last close, move, range of the next session and alert."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from desktop_app.gui.charts.sparkline import draw_sparkline
from desktop_app.gui.tables import label
from desktop_app.gui.theme import Theme
from desktop_app.snapshot import WatchRow
from desktop_app.words import money, percent
from resources.language import tr

Index = QModelIndex | QPersistentModelIndex

ROW_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
ORDERS = BY_TICKER, BY_SECTOR, BY_MOVE, BY_WIDTH, ALERTS_FIRST = (
    tr("By ticker"),
    tr("By sector"),
    tr("By move"),
    tr("By width of range"),
    tr("Alerts first"),
)
RANGE_NOTE = tr("Last line: 90 % range, next session.")
EVERYONE = tr("All tickers")
NARROWEST_BUTTON = 60  # pixels
MARGIN = 10
SPARKLINE_EXTRA = 8  # pixels that the last line of a card is higher than a line of text


class WatchModel(QAbstractListModel):
    """The rows, each also as one spoken sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[WatchRow] = []
        self.order = ORDERS[0]

    def show_rows(self, rows: Sequence[WatchRow]) -> None:
        """Replace the rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{row.ticker} {row.name} {row.sector}"
        if role == ROW_ROLE:
            return row
        if role == SORT_ROLE:
            return _sort_key(row, self.order)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(row)
        return None


def _sort_key(row: WatchRow, order: str) -> float | str:
    if order == BY_SECTOR:
        return f"{row.sector or '~'} {row.ticker}"  # those without one stand last
    if order == BY_MOVE:
        return math.inf if math.isnan(row.move) else -row.move
    if order == BY_WIDTH:
        return math.inf if math.isnan(row.relative_width) else -row.relative_width
    return f"{0 if row.alert else 1}{row.ticker}" if order == ALERTS_FIRST else row.ticker


def spoken(row: WatchRow) -> str:
    """Return a row as sentences, for the pointer and for screen readers."""
    parts = [
        tr(
            "{ticker} {name}: {last_close} at the close of {session}",
            ticker=row.ticker,
            name=row.name,
            last_close=money(row.last_close),
            session=row.session,
        )
    ]
    if not math.isnan(row.move):
        parts.append(tr("{move} on the session before", move=percent(row.move, signed=True)))
    if row.range_text:
        parts.append(tr("next session {range_text} with 90 % probability", range_text=row.range_text))
    if row.stale:
        parts.append(tr("stale: newer prices are to be collected"))
    if row.alert:
        parts.append(tr("alert: {alert}", alert=row.alert))
    return ", ".join(parts)


class WatchDelegate(QStyledItemDelegate):
    """Paints a card: names and sparkline on the left, figures on the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.with_sector = False

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(120, 3 * option.fontMetrics.height() + 18 + SPARKLINE_EXTRA)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: WatchRow = index.data(ROW_ROLE)
        rect = QRectF(option.rect)
        state = option.state
        painter.save()
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.fillRect(rect, QColor(self.theme.raised))
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(QRectF(rect.left(), rect.top(), 3, rect.height()), QColor(self.theme.accent))
        area = rect.adjusted(MARGIN, 7, -MARGIN, -7)
        self._paint_text(painter, area, row)
        painter.setPen(QColor(self.theme.border))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.restore()

    def _paint_text(self, painter: QPainter, area: QRectF, row: WatchRow) -> None:
        theme, plain = self.theme, QFont(painter.font())
        bold = QFont(plain)
        bold.setWeight(QFont.Weight.DemiBold)
        line = (area.height() - SPARKLINE_EXTRA) / 3
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        first, second, third = (
            QRectF(area.left(), area.top() + i * line, area.width(), line) for i in range(3)
        )
        self._text(painter, first, left, row.ticker, theme.text, bold)
        up, down, fan, close = theme.up, theme.down, theme.fan, theme.text
        if row.stale:
            up = down = fan = close = theme.muted
        self._text(painter, first, right, money(row.last_close), close, bold)
        if row.alert:
            x = first.left() + painter.fontMetrics().horizontalAdvance(row.ticker) + 10
            painter.setFont(bold)
            self._text(painter, QRectF(x, first.top(), 80, line), left, tr("▲ unusual"), theme.warning, plain)
        half = QRectF(second.left(), second.top(), second.width() * 0.62, line)
        name = f"{row.sector or tr('no sector')} · {row.name}" if self.with_sector else row.name
        self._text(painter, half, left, name, theme.muted, plain)
        if not math.isnan(row.move):
            arrow, colour = ("▴", up) if row.move >= 0 else ("▾", down)
            self._text(painter, second, right, f"{arrow} {percent(row.move, signed=True)}", colour, plain)
        third.setHeight(line + SPARKLINE_EXTRA)
        wide = QRectF(third.left() + 1, third.top() + 5, third.width() * 0.34, third.height() - 7)
        draw_sparkline(painter, wide, row.sparkline, theme.muted)
        self._text(
            painter,
            third,
            right,
            row.range_text or tr("no forecast"),
            fan if row.range_text else theme.muted,
            plain,
        )

    @staticmethod
    def _text(
        painter: QPainter, area: QRectF, side: Qt.AlignmentFlag, text: str, colour: str, font: QFont
    ) -> None:
        painter.setFont(font)
        painter.setPen(QColor(colour))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, shown)


class WatchlistPanel(QFrame):
    """Search, group, order, and the cards; ``group_wanted``: a group, a ticker, whether it shall be in."""

    ticker_chosen = Signal(str)
    group_wanted = Signal(str, str, bool)
    watch_wanted = Signal(str, bool)  # a ticker as it was typed, and whether it shall be on the list

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.model = WatchModel()
        self._silent = False
        self._rows: tuple[WatchRow, ...] = ()
        self.group = ""  # empty: everyone
        self._proxy = QSortFilterProxyModel()
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._proxy.setSortRole(SORT_ROLE)
        self._delegate = WatchDelegate(theme)
        self.view = QListView()
        self.view.setAccessibleName(tr("Watchlist"))
        self.view.setModel(self._proxy)
        self.view.setItemDelegate(self._delegate)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.selectionModel().currentChanged.connect(self._choose)
        self._build()

    def _build(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search name, ticker or sector"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(tr("Search the watchlist"))
        self.search.textChanged.connect(self._proxy.setFilterFixedString)
        self.order = QPushButton()
        self.order.setAccessibleName(tr("Order of the watchlist"))
        menu = QMenu(self.order)
        for name in ORDERS:
            menu.addAction(name).triggered.connect(partial(self.sort, name))
        self.order.setMenu(menu)
        self.groups = QPushButton(f"{EVERYONE} ▾")
        self.groups.setAccessibleName(tr("Group of the watchlist"))
        self.groups.setMenu(QMenu(self.groups))
        self.groups.menu().aboutToShow.connect(lambda: self._fill_groups(self.groups.menu()))
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._open_menu)
        self._note = label(RANGE_NOTE, "muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 8, 1, 1)
        layout.setSpacing(6)
        head = QVBoxLayout()
        head.setContentsMargins(8, 0, 8, 0)
        head.setSpacing(6)
        head.addWidget(self.search)
        line = QHBoxLayout()
        line.setSpacing(6)
        for button in (self.groups, self.order):
            button.setMinimumWidth(NARROWEST_BUTTON)
        line.addWidget(self.groups, 1)
        line.addWidget(self.order, 1)
        head.addLayout(line)
        head.addWidget(self._note)
        layout.addLayout(head)
        layout.addWidget(self.view)
        self.sort(ORDERS[0])

    def show_rows(self, rows: Sequence[WatchRow], chosen: str) -> None:
        """Replace the cards; one ticker is chosen, silently."""
        self._rows = tuple(rows)
        if self.group not in self.group_names():
            self.group = ""
        self.groups.setText(f"{self.group or EVERYONE} ▾")
        self._silent = True
        self.model.show_rows([row for row in rows if not self.group or self.group in row.groups])
        self.sort(self.model.order)
        stale = sum(row.stale for row in self.model.rows)
        self._note.setText(
            tr("{note} Grey: stale ({stale})", note=RANGE_NOTE, stale=stale) if stale else RANGE_NOTE
        )
        self._note.setVisible(bool(rows))
        self.choose(chosen)
        self._silent = False

    def group_names(self) -> list[str]:
        """Return the groups that any ticker is in, sorted."""
        return sorted({name for row in self._rows for name in row.groups})

    def show_group(self, name: str) -> None:
        """Show the tickers of one group alone; an empty name: everyone."""
        chosen, self.group = self.chosen(), name
        self.show_rows(self._rows, chosen)

    def _fill_groups(self, menu: QMenu) -> None:
        """Offer the groups to look at, and to put the chosen ticker into or take it out of."""
        menu.clear()
        for name in ("", *self.group_names()):
            action = menu.addAction(name or EVERYONE)
            action.setCheckable(True)
            action.setChecked(name == self.group)
            action.triggered.connect(partial(self.show_group, name))
        menu.addSeparator()
        self._fill_choices(menu)

    def _fill_choices(self, menu: QMenu) -> None:
        """Offer to put the chosen ticker into groups, and to change the list itself."""
        row = self.view.currentIndex().data(ROW_ROLE)
        if isinstance(row, WatchRow):
            self._fill_membership(menu, row)
            menu.addSeparator()
        menu.addAction(tr("Watch another ticker …")).triggered.connect(self._ask_ticker)
        if isinstance(row, WatchRow):
            menu.addAction(tr("Stop watching {ticker}", ticker=row.ticker)).triggered.connect(
                partial(self.watch_wanted.emit, row.ticker, False)
            )

    def _fill_membership(self, menu: QMenu, row: WatchRow) -> None:
        for name in self.group_names():
            inside = name in row.groups
            text = (
                tr("Take {ticker} out of “{name}”", ticker=row.ticker, name=name)
                if inside
                else tr("Put {ticker} into “{name}”", ticker=row.ticker, name=name)
            )
            menu.addAction(text).triggered.connect(
                partial(self.group_wanted.emit, name, row.ticker, not inside)
            )
        menu.addAction(tr("Put {ticker} into a new group …", ticker=row.ticker)).triggered.connect(
            partial(self._ask_group, row.ticker)
        )

    def _ask_group(self, ticker: str) -> None:
        name, given = QInputDialog.getText(self, tr("New group"), tr("Name of the group:"))
        if given and name.strip():
            self.group_wanted.emit(name.strip(), ticker, True)

    def _ask_ticker(self) -> None:
        text, given = QInputDialog.getText(self, tr("Watch another ticker"), tr("Ticker, as AAPL or BRK.B:"))
        if given and text.strip():
            self.watch_wanted.emit(text, True)

    def listed(self) -> list[str]:
        """Return the tickers of the whole list, whatever group is shown."""
        return [row.ticker for row in self._rows]

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._fill_choices(menu)
        menu.popup(self.view.viewport().mapToGlobal(place))

    def show_theme(self, theme: Theme) -> None:
        """Paint in the colours of a theme."""
        self._delegate.theme = theme
        self.view.viewport().update()

    def chosen(self) -> str:
        """Return the chosen ticker, or an empty text."""
        row = self.view.currentIndex().data(ROW_ROLE)
        return row.ticker if isinstance(row, WatchRow) else ""

    def choose(self, ticker: str) -> bool:
        """Choose a ticker; return whether it is on the list."""
        for position in range(self._proxy.rowCount()):
            index = self._proxy.index(position, 0)
            if index.data(ROW_ROLE).ticker == ticker:
                self.view.setCurrentIndex(index)
                return True
        return False

    def sort(self, order: str) -> None:
        """Put the cards into one of ORDERS."""
        self.model.order = order
        self._delegate.with_sector = order == BY_SECTOR
        self.order.setText(f"{order} ▾")
        self._proxy.invalidate()
        self._proxy.sort(0)

    def _choose(self, index: QModelIndex) -> None:
        row = index.data(ROW_ROLE)
        if isinstance(row, WatchRow) and not self._silent:
            self.ticker_chosen.emit(row.ticker)
