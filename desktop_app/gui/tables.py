"""Tables and small building blocks that every panel is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHeaderView,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from collectors.errors import CollectorError
from desktop_app.export import export_table
from resources.language import tr

PLAIN_CSV, EXCEL_CSV = tr("CSV (*.csv)"), tr("CSV for Excel (*.csv)")  # the latter with a byte order mark
NARROWEST, FIRST_GUESS = 80, 600  # pixels of a text that wraps: at least, and before it has a place

Row = TypeVar("Row")
Index = QModelIndex | QPersistentModelIndex
Cells: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)  # no slots: Python 3.11 cannot subscript a generic dataclass that has them
class Column(Generic[Row]):
    """A column: its title, what it shows of a row, and how; ``stretch`` takes the room that is left.

    ``called_for`` texts ask for a deed, and are not greyed with what is stale.
    """

    title: str
    text: Callable[[Row], str]
    tooltip: Callable[[Row], str] | None = None
    right: bool = False
    middle: bool = False
    stretch: bool = False
    called_for: bool = False

    @property
    def side(self) -> Qt.AlignmentFlag:
        """Where its texts stand."""
        if self.middle:
            return Qt.AlignmentFlag.AlignHCenter
        return Qt.AlignmentFlag.AlignRight if self.right else Qt.AlignmentFlag.AlignLeft


class RecordModel(QAbstractTableModel, Generic[Row]):
    """Frozen rows as a table; nothing is computed here. ``muted`` tells which rows are greyed: stale ones."""

    def __init__(self, columns: Sequence[Column[Row]], muted: Callable[[Row], bool] | None = None) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._muted = muted
        self.rows: tuple[Row, ...] = ()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Replace the rows."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        column, row = self.columns[index.column()], self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tooltip(row) if column.tooltip else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and self._is_muted(column, row):
            return QGuiApplication.palette().placeholderText()  # the theme's muted colour
        return None

    def _is_muted(self, column: Column[Row], row: Row) -> bool:
        return self._muted is not None and not column.called_for and self._muted(row)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return self.columns[section].side | Qt.AlignmentFlag.AlignVCenter
        return None


def table_of(model: RecordModel[Any], name: str, *, wrap: bool = False) -> QTableView:
    """Return a quiet table: whole rows chosen, no grid, no row numbers; its menu saves it as CSV.

    ``wrap`` gives a row the lines that its texts need: for tables of a few rows.
    """
    view = QTableView()
    view.setModel(model)
    view.setAccessibleName(name)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setShowGrid(False)
    view.setWordWrap(wrap)
    if wrap:
        view.setItemDelegate(RoomyDelegate(view))
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    view.setTabKeyNavigation(False)
    view.verticalHeader().setVisible(False)
    view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + 10)
    header = view.horizontalHeader()
    header.setHighlightSections(False)
    for position, column in enumerate(model.columns):
        mode = QHeaderView.ResizeMode.Stretch if column.stretch else QHeaderView.ResizeMode.ResizeToContents
        header.setSectionResizeMode(position, mode)
    save = QAction(tr("Save this table as CSV …"), view)
    save.setShortcut(QKeySequence("Ctrl+Shift+S"))
    save.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
    save.triggered.connect(lambda: _ask_to_save(view, model, name))
    view.addAction(save)
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
    return view


def table_of_cells(header: Cells, name: str) -> tuple[RecordModel[Cells], QTableView]:
    """Return a table of ready cells that a page scrolls; an empty last column takes the room that is left."""
    columns = [
        Column[Cells](title[:1].upper() + title[1:], itemgetter(place), right=place > 0)
        for place, title in enumerate(header)
    ]
    columns.append(Column[Cells]("", lambda _cells: "", stretch=True))
    model = RecordModel(columns)
    table = table_of(model, name)
    table.horizontalHeader().setMinimumSectionSize(1)  # of the empty one, where the others need the room
    table.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
    return model, table


def fit_rows(table: QTableView, rows: int) -> None:
    """Make a table as high as its rows."""
    height = table.horizontalHeader().sizeHint().height() + rows * table.verticalHeader().defaultSectionSize()
    table.setFixedHeight(height + 6)


class RoomyDelegate(QStyledItemDelegate):
    """Leaves room between rows of several lines."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return super().sizeHint(option, index) + QSize(0, 6)


class WrappedLabel(QLabel):
    """A text of several lines that needs the height of its present width, not that of the narrowest."""

    _laid_out = False

    def minimumSizeHint(self) -> QSize:
        return QSize(NARROWEST, self.heightForWidth(self.width() if self._laid_out else FIRST_GUESS))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._laid_out = True
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


def ask_csv(parent: QWidget, title: str, suggested: str) -> tuple[Path | None, bool]:
    """Ask where to write a CSV; return the file (None: nowhere), and whether it is meant for Excel."""
    path, kind = QFileDialog.getSaveFileName(
        parent, title, str(Path.home() / suggested), f"{PLAIN_CSV};;{EXCEL_CSV}"
    )
    return Path(path) if path else None, kind == EXCEL_CSV


def save_table(model: RecordModel[Any], out: Path, *, excel: bool = False) -> int:
    """Write what a table shows as CSV; return the rows. Errors as desktop_app.export.export_table."""
    header = [column.title for column in model.columns]
    return export_table(
        header, ([column.text(row) for column in model.columns] for row in model.rows), out, excel
    )


def _ask_to_save(view: QTableView, model: RecordModel[Any], name: str) -> None:
    path, excel = ask_csv(view, tr("Save this table"), f"barograph-{name.lower().replace(' ', '-')}.csv")
    if path is None:
        return
    try:
        save_table(model, path, excel=excel)
    except CollectorError as error:
        QMessageBox.warning(view, tr("Save this table"), str(error))


def label(text: str = "", role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a text in one of the theme's roles; it can be selected where it wraps."""
    widget = WrappedLabel(text) if wrap else QLabel(text)
    if role:
        widget.setProperty("role", role)
    widget.setWordWrap(wrap)
    if wrap:
        widget.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        widget.setSizePolicy(policy)
    return widget


def set_role(widget: QWidget, role: str) -> None:
    """Change a widget's role in the theme, and dress it anew."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def rule() -> QFrame:
    """Return a thin line between two parts of a panel."""
    line = QFrame()
    line.setProperty("role", "rule")
    return line


class EmptyState(QWidget):
    """What a panel shows while it has nothing: why, and the next step."""

    def __init__(self, title: str, text: str, button: str = "") -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.addStretch()
        self.title = label(title, "title", wrap=True)
        self.text = label(text, "muted", wrap=True)
        for widget in (self.title, self.text):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(widget)
        self.button = QPushButton(button)
        self.button.setProperty("role", "primary")
        self.button.setVisible(bool(button))
        layout.addSpacing(8)
        layout.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addStretch()

    def say(self, title: str, text: str, button: str = "") -> None:
        """Change the words, and the button's where it has one."""
        self.title.setText(title)
        self.text.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
