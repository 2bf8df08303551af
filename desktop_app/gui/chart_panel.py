"""One ticker's chart with its heading, the figures under the pointer, and the range buttons."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from desktop_app.chart_marks import HIDDEN_AT_FIRST, MARK_KINDS
from desktop_app.gui.charts.price_chart import PriceChart
from desktop_app.gui.tables import EmptyState, label, set_role
from desktop_app.gui.theme import Theme
from desktop_app.overlays import INDICATORS
from desktop_app.pointer import chart_in_words, describe_bar, describe_price, happened_near
from desktop_app.snapshot import Snapshot, legend, strip_note
from desktop_app.words import day, money, percent
from resources.language import tr

RANGES: tuple[tuple[str, int | None], ...] = (
    ("1M", 21),
    ("3M", 63),
    ("6M", 126),
    ("1Y", 252),
    ("5Y", 1260),
    (tr("All"), None),
)
FIRST_RANGE = "6M"


class ChartPanel(QFrame):
    """Heading, legend and chart; an empty state while there is no ticker."""

    day_chosen = Signal(int)
    overlays_wanted = Signal()  # other lines were chosen: they are to be read

    def __init__(self, theme: Theme, macro_series: Sequence[str] = ()) -> None:
        super().__init__()
        self._macro_series = tuple(macro_series)
        self.setProperty("role", "panel")
        self._snapshot: Snapshot | None = None
        self._detail = 1
        self._range: int | None = dict(RANGES)[FIRST_RANGE]
        self.chart = PriceChart(theme)
        self.chart.day_clicked.connect(self.day_chosen)
        self.chart.hovered.connect(self._describe)
        self.chart.detail_changed.connect(self._note_detail)
        self.empty = EmptyState(tr("Reading …"), "")
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._page(theme))

    def _page(self, theme: Theme) -> QWidget:
        self._title, self._name = label("", "title"), label("", "muted")
        self._close, self._move = label("", "title"), label("", "muted")
        self._as_of = label("", "warning")
        self._as_of.setMinimumWidth(1)
        self._readout = label("", "muted")
        self._readout.setMinimumWidth(10)
        self._legend = label("", "muted", wrap=True)
        self._strip_note = label("", "muted", wrap=True)
        self._name.setMinimumWidth(1)
        head = QHBoxLayout()
        head.setSpacing(4)
        for widget in (self._title, self._name, self._close, self._move, self._as_of):
            head.addWidget(widget)
        head.addStretch()
        self._add_range_buttons(head)
        page = QWidget()
        page.setProperty("role", "page")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(12, 10, 8, 6)
        layout.setSpacing(4)
        layout.addLayout(head)
        meaning = QHBoxLayout()
        meaning.addWidget(self._legend, 1)
        meaning.addWidget(self._show_button(), alignment=Qt.AlignmentFlag.AlignTop)
        layout.addLayout(meaning)
        layout.addWidget(self._readout)
        layout.addWidget(self.chart, 1)
        layout.addWidget(self._strip_note)
        self._show_legend(theme)
        return page

    def _show_button(self) -> QPushButton:
        button = QPushButton(tr("Show ▾"))
        button.setProperty("role", "range")
        button.setAccessibleName(tr("Show on the chart"))
        menu = QMenu(button)
        self._kinds: dict[str, QAction] = {}
        for kind, (sign, name) in MARK_KINDS.items():
            action = menu.addAction(f"{sign}  {name}")
            action.setCheckable(True)
            action.setChecked(kind not in HIDDEN_AT_FIRST)
            action.toggled.connect(self._show_marks)
            if kind in HIDDEN_AT_FIRST:
                action.toggled.connect(lambda _on: self.overlays_wanted.emit())
            self._kinds[kind] = action
        menu.addSeparator()
        self._lines: dict[str, QAction] = {
            name: self._line_action(menu, title) for name, title in INDICATORS.items()
        }
        macro = menu.addMenu(tr("Macro series"))
        self.as_known = self._line_action(macro, tr("As known on each day"))
        self.as_known.setChecked(True)
        macro.addSeparator()
        for series in self._macro_series:
            self._lines[f"macro:{series}"] = self._line_action(macro, series)
        button.setMenu(menu)
        return button

    def _line_action(self, menu: QMenu, title: str) -> QAction:
        action = menu.addAction(title)
        action.setCheckable(True)
        action.toggled.connect(lambda _on: self.overlays_wanted.emit())
        return action

    def shown_lines(self) -> list[str]:
        """Return the names of the lines that the person wants over the prices."""
        return [name for name, action in self._lines.items() if action.isChecked()]

    def show_lines(self, names: Collection[str]) -> None:
        """Choose lines as if in the menu."""
        for name, action in self._lines.items():
            action.setChecked(name in names)

    def shown_kinds(self) -> list[str]:
        """Return the kinds of marks that the person wants to see."""
        return [kind for kind, action in self._kinds.items() if action.isChecked()]

    def show_kinds(self, kinds: Collection[str]) -> None:
        """Show marks of these kinds alone, as if they were chosen in the menu."""
        for kind, action in self._kinds.items():
            action.setChecked(kind in kinds)

    def _show_marks(self) -> None:
        self.chart.show_marks(self.shown_kinds())
        self._show_legend(self.chart.theme)

    def _add_range_buttons(self, layout: QHBoxLayout) -> None:
        self._ranges = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(3)
        layout.addLayout(row)
        for name, sessions in RANGES:
            button = QPushButton(name)
            button.setProperty("role", "range")
            button.setCheckable(True)
            button.setChecked(name == FIRST_RANGE)
            button.setAccessibleName(tr("Show {range}", range=tr("everything") if sessions is None else name))
            button.clicked.connect(lambda _=False, chosen=sessions: self._show_range(chosen))
            self._ranges.addButton(button)
            row.addWidget(button)
        self.logarithmic = QPushButton(tr("Log"))
        self.logarithmic.setProperty("role", "range")
        self.logarithmic.setCheckable(True)
        self.logarithmic.setAccessibleName(tr("Logarithmic scale"))
        self.logarithmic.setToolTip(tr("Logarithmic scale: equal distances are equal percentages"))
        self.logarithmic.toggled.connect(self.chart.show_logarithmic)
        row.addWidget(self.logarithmic)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show a ticker; None: say that it has no prices."""
        before, self._snapshot = self._snapshot, snapshot
        if snapshot is None:
            self._stack.setCurrentIndex(0)
            return
        self._title.setText(snapshot.ticker)
        self._name.setText(snapshot.name)
        self._close.setText(money(snapshot.bars[-1].close))
        rising = snapshot.move >= 0
        self._move.setText(
            ""
            if math.isnan(snapshot.move)
            else f"{'▴' if rising else '▾'} {percent(snapshot.move, signed=True)}"
        )
        set_role(self._move, "muted" if snapshot.stale else "up" if rising else "down")
        set_role(self._close, "stale" if snapshot.stale else "title")
        self._as_of.setText(tr("{session}: stale", session=day(snapshot.session)) if snapshot.stale else "")
        self._as_of.setVisible(snapshot.stale)
        self._stack.setCurrentIndex(1)
        self.chart.show_snapshot(snapshot)
        if before is None or before.ticker != snapshot.ticker:
            self._show_range(self._range)
        self._show_legend(self.chart.theme)
        self.chart.setAccessibleDescription(chart_in_words(snapshot))
        self._describe(-1, math.nan)

    def show_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.chart.show_theme(theme)
        self._show_legend(theme)

    def _show_range(self, sessions: int | None) -> None:
        self._range = sessions
        self.chart.show_range(sessions)

    def _describe(self, position: int, price: float) -> None:
        """Tell what is under the pointer; the last session where it is nowhere."""
        shown = self._snapshot
        if shown is None:
            return
        last = len(shown.bars) - 1
        said = describe_price(shown, position, price) if position > last else describe_bar(shown, position)
        self._readout.setText(said or describe_bar(shown, last))
        self.chart.setToolTip(happened_near(shown, position, self._detail // 2, self.shown_kinds()))

    def said(self) -> str:
        """Return the line of figures above the chart."""
        return self._readout.text()

    def _note_detail(self, size: int) -> None:
        self._detail = size
        self._show_legend(self.chart.theme)

    def _show_legend(self, theme: Theme) -> None:
        if self._snapshot is None:
            return
        self._legend.setText(
            legend(self._snapshot, self._detail, theme.averages, theme.fan, theme.warning, self.shown_kinds())
        )
        self._strip_note.setText(strip_note(self._snapshot))
