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

from desktop_app.gui.tables import EmptyState, label, rule, set_role
from desktop_app.snapshot import Snapshot
from desktop_app.track_record import PROMISED, TrackRecord
from desktop_app.words import HorizonWords
from fusion_model.findings import HORIZONS
from resources.language import tr

STALE = tr("Prices are stale: what it speaks of may have come already.")
FIGURES = _, _, NINE_OF_TEN, RISE = (
    tr("Median"),
    tr("Half the time"),
    tr("9 of 10 times"),
    tr("Chance of a rise"),
)


class ForecastPanel(QFrame):
    """A sentence on top, a block per horizon, and the honest part below."""

    train_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.empty = EmptyState(
            tr("No forecast yet"),
            tr("Train fits the model to the stored history and makes the first one."),
            tr("Train"),
        )
        self.empty.button.clicked.connect(self.train_asked)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAccessibleName(tr("Forecast in words"))
        self._track: TrackRecord | None = None
        self._content = self._page()
        self._scroll.setWidget(self._content)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._scroll)

    def _page(self) -> QWidget:
        """Build the labels once: another ticker changes their texts alone."""
        page = QWidget()
        page.setProperty("role", "page")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(12, 12, 8, 12)
        layout.setSpacing(8)
        layout.addWidget(label(tr("Forecast"), "title"))
        self.headline, self.as_of = label("", "heading", wrap=True), label("", "muted", wrap=True)
        self.report = label("", wrap=True)
        for widget in (self.headline, self.as_of, self.report):
            layout.addWidget(widget)
        self.blocks = {horizon: HorizonBlock() for horizon in HORIZONS}
        for block in self.blocks.values():
            layout.addWidget(block)
        layout.addWidget(rule())
        layout.addWidget(label(tr("How far to trust it"), "heading"))
        self._track_place = QVBoxLayout()
        self._track_place.setSpacing(8)
        layout.addLayout(self._track_place)
        layout.addWidget(rule())
        self.notes = label("", "muted", wrap=True)
        layout.addWidget(self.notes)
        layout.addStretch()
        return page

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show a ticker's forecast and its track record; where there is none: offer to train."""
        words = snapshot.words if snapshot else None
        if snapshot is None or words is None:
            self._stack.setCurrentIndex(0)
            return
        self.headline.setText(words.headline)
        self.as_of.setText(f"{words.as_of} {STALE}" if snapshot.stale else words.as_of)
        set_role(self.as_of, "warning" if words.stale or snapshot.stale else "muted")
        set_role(self.headline, "stale-heading" if snapshot.stale else "heading")
        self.report.setText(words.report)
        self.report.setVisible(bool(words.report))
        for block in self.blocks.values():
            block.hide()
        for row in words.rows:
            self.blocks[row.horizon].show_row(row)
        self.notes.setText("\n\n".join(words.notes))
        if snapshot.track != self._track:
            self._show_track(snapshot.track)
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        self.setMinimumWidth(self._content.minimumSizeHint().width() + bar + 4)
        self._stack.setCurrentIndex(1)

    def _show_track(self, track: TrackRecord) -> None:
        self._track = track
        while (item := self._track_place.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        _add_track(self._track_place, track)


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
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(0, 1)
    right = Qt.AlignmentFlag.AlignRight
    grid.addWidget(label(tr("Promised"), "muted"), 0, 0)
    for column, promised in enumerate(PROMISED, start=1):
        grid.addWidget(label(promised, "muted"), 0, column, alignment=right)
    for line, row in enumerate(track.rows, start=1):
        grid.addWidget(label(tr("{title}: held", title=row.title), "muted"), line, 0)
        for column, (promised, held) in enumerate(zip(PROMISED, row.held, strict=True), start=1):
            figure = label(held, "heading" if promised == "90 %" else "")
            figure.setAccessibleName(
                tr(
                    "{title} ahead: promised {promised}, held {held}",
                    title=row.title,
                    promised=promised,
                    held=held,
                )
            )
            grid.addWidget(figure, line, column, alignment=right)
    return table


class HorizonBlock(QWidget):
    """One horizon: until when, the median, two ranges, and the chance of a rise."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        right = Qt.AlignmentFlag.AlignRight
        self._title, self._until = label("", "heading"), label("", "muted")
        grid.addWidget(rule(), 0, 0, 1, 2)
        grid.addWidget(self._title, 1, 0)
        grid.addWidget(self._until, 1, 1, right)
        self.figures: dict[str, QLabel] = {}
        for line, name in enumerate(FIGURES, start=2):
            grid.addWidget(label(name, "muted"), line, 0)
            value = label("", "heading" if name == NINE_OF_TEN else "")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(value, line, 1, right)
            self.figures[name] = value

    def show_row(self, row: HorizonWords) -> None:
        """Show one horizon's figures."""
        self._title.setText(row.title)
        self._until.setText(row.until)
        for value, text in zip(
            self.figures.values(), (row.median, row.range_50, row.range_90, row.rise), strict=True
        ):
            value.setText(text)
        for name, value in self.figures.items():
            value.setAccessibleName(f"{row.title}, {name}: {value.text()}")
        set_role(self.figures[RISE], "" if row.rise_means_something else "muted")
        self.show()
