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
from desktop_app.snapshot import Snapshot
from desktop_app.track_record import PROMISED, TrackRecord
from desktop_app.words import HorizonWords


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

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show a ticker's forecast and its track record; where there is none: offer to train."""
        words = snapshot.words if snapshot else None
        if snapshot is None or words is None:
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
        if words.report:
            layout.addWidget(label(words.report, wrap=True))
        for row in words.rows:
            layout.addWidget(rule())
            layout.addWidget(_block(row))
        layout.addWidget(rule())
        layout.addWidget(label("How far to trust it", "heading"))
        _add_track(layout, snapshot.track)
        layout.addWidget(rule())
        for note in words.notes:
            layout.addWidget(label(note, "muted", wrap=True))
        layout.addStretch()
        self._scroll.setWidget(page)
        self._stack.setCurrentIndex(1)


def _add_track(layout: QVBoxLayout, track: TrackRecord) -> None:
    layout.addWidget(label(track.direction, "" if track.skilled else "warning", wrap=True))
    layout.addWidget(label(track.span, "" if track.rows else "muted", wrap=True))
    if track.rows:
        layout.addWidget(_held(track))
        layout.addWidget(label(track.kept, wrap=True))
    for rival in track.rivals:
        layout.addWidget(label(rival, wrap=True))


def _held(track: TrackRecord) -> QWidget:
    """Return the table of what the ranges promised and held."""
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(0, 1)
    right = Qt.AlignmentFlag.AlignRight
    grid.addWidget(label("Promised", "muted"), 0, 0)
    for column, promised in enumerate(PROMISED, start=1):
        grid.addWidget(label(promised, "muted"), 0, column, alignment=right)
    for line, row in enumerate(track.rows, start=1):
        grid.addWidget(label(f"{row.title}: held", "muted"), line, 0)
        for column, (promised, held) in enumerate(zip(PROMISED, row.held, strict=True), start=1):
            figure = label(held, "heading" if promised == "90 %" else "")
            figure.setAccessibleName(f"{row.title} ahead: promised {promised}, held {held}")
            grid.addWidget(figure, line, column, alignment=right)
    return table


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
