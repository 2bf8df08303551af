"""The forecast in words and numbers, with what to think of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from desktop_app.gui.tables import EmptyState, label, rule
from desktop_app.words import ForecastWords, HorizonWords


class ForecastPanel(QFrame):
    """A sentence on top, a block per horizon, and the honest part below."""

    train_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.empty = EmptyState(
            "No forecast yet", "Train fits the model to the stored history and makes the first one.", "Train"
        )
        self.empty.button.clicked.connect(self.train_asked)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName("Forecast in words")
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._scroll)

    def show_words(self, words: ForecastWords | None) -> None:
        """Show a forecast; None: offer to train."""
        if words is None:
            self._stack.setCurrentIndex(0)
            return
        page = QWidget()
        page.setProperty("role", "page")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(8)
        layout.addWidget(label("Forecast", "title"))
        layout.addWidget(label(words.headline, "heading", wrap=True))
        layout.addWidget(label(words.as_of, "warning" if words.stale else "muted", wrap=True))
        for row in words.rows:
            layout.addWidget(rule())
            layout.addWidget(_block(row))
        layout.addWidget(rule())
        layout.addWidget(label("How far to trust it", "heading"))
        layout.addWidget(label(words.direction, "warning" if words.direction_unproven else "", wrap=True))
        layout.addWidget(label(words.accuracy, wrap=True))
        for note in words.notes:
            layout.addWidget(label(note, "muted", wrap=True))
        layout.addStretch()
        self._scroll.setWidget(page)
        self._stack.setCurrentIndex(1)


def _block(row: HorizonWords) -> QWidget:
    block = QWidget()
    grid = QGridLayout(block)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(1, 1)
    grid.addWidget(label(row.title, "heading"), 0, 0, 1, 2)
    until = label(row.until, "muted")
    grid.addWidget(until, 0, 1, alignment=Qt.AlignmentFlag.AlignRight)
    for line, (name, figure, role) in enumerate(
        (
            ("Median", row.median, ""),
            ("Half the time", row.range_50, ""),
            ("9 of 10 times", row.range_90, "heading"),
            ("Chance of a rise", row.rise, "" if row.rise_means_something else "muted"),
        ),
        start=1,
    ):
        grid.addWidget(label(name, "muted"), line, 0)
        value: QLabel = label(figure, role)
        value.setAccessibleName(f"{row.title}, {name}: {figure}")
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(value, line, 1, alignment=Qt.AlignmentFlag.AlignRight)
    return block
