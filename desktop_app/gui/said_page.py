"""What we said then: the fan of any past day, drawn over what happened since."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop_app.gui.charts.past_chart import PastChart
from desktop_app.gui.desk import Desk
from desktop_app.gui.horizon_choice import HorizonChoice, kept_horizon
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.said_panel import SaidPanel
from desktop_app.gui.tables import label
from desktop_app.gui.theme import Theme
from desktop_app.gui.workers import Read
from desktop_app.said_then import Past, load_past
from desktop_app.words import count, day
from fusion_model.findings import HORIZONS
from resources.language import tr


class SaidPage(Page):
    """A chart to drag a day on, and beside it what was promised that day and what came."""

    title = tr("What we said then")
    lead = tr(
        "Drag the line, or use the arrow keys: the forecast of that day, drawn over what came. "
        "● ended inside the range of nine in ten, ✕ outside it."
    )
    follows_ticker = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.past = Past()
        self.index = -1
        self._wanted_session = ""
        self.chart, self.words = PastChart(desk.theme), SaidPanel()
        self.chart.day_wanted.connect(self._follow_drag)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(8)
        split.setChildrenCollapsible(False)
        split.addWidget(self._chart_side())
        split.addWidget(self.words)
        split.setStretchFactor(0, 1)
        split.setSizes([860, 320])
        page_layout(self).addWidget(split)
        for key, step in (("Left", -1), ("Right", 1)):
            short = QShortcut(QKeySequence(key), self.chart, partial(self.step, step))
            short.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.first = self.slider

    def _chart_side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(self._controls())
        layout.addWidget(self.chart, 1)
        self._strip_note = label("", "muted", wrap=True)
        layout.addWidget(self._strip_note)
        return side

    def _controls(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self.earlier_miss, self.later_miss = QPushButton(tr("◂ Miss")), QPushButton(tr("Miss ▸"))
        self.earlier_miss.setToolTip(tr("The miss before (Ctrl+Left)"))
        self.later_miss.setToolTip(tr("The next miss (Ctrl+Right)"))
        for button, step, key in ((self.earlier_miss, -1, "Ctrl+Left"), (self.later_miss, 1, "Ctrl+Right")):
            button.setAccessibleName(tr("Earlier miss") if step < 0 else tr("Later miss"))
            button.clicked.connect(partial(self.to_miss, step))
            short = QShortcut(QKeySequence(key), self, partial(self.to_miss, step))
            short.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(tr("Day of the forecast"))
        self.slider.setPageStep(20)
        self.slider.valueChanged.connect(self._follow_slider)
        line.addWidget(self.earlier_miss)
        line.addWidget(self.slider, 1)
        line.addWidget(self.later_miss)
        line.addSpacing(12)
        self.horizons = HorizonChoice(tr("Strip:"), tr("Strip of the outcomes {} ahead"), HORIZONS[1])
        self.horizons.chosen.connect(self.show_horizon)
        line.addWidget(self.horizons)
        return line

    # Reading --------------------------------------------------------------------------------------

    def reading(self) -> Read | None:
        return partial(load_past, ticker=self.desk.ticker) if self.desk.ticker else None

    def show_rows(self, rows: Past) -> None:
        same = self.past.ticker == rows.ticker and bool(self.past.said)
        session = self._wanted_session or (self.past.said[self.index].session if same else "")
        self.past, self._wanted_session = rows, ""
        if not rows.said:
            self.show_empty(
                tr("Nothing was said of {ticker} yet", ticker=rows.ticker),
                tr(
                    "Train makes a model and the first forecast; each Refresh adds one a session. After the "
                    "next session this page shows what came of it."
                ),
                tr("Train"),
                lambda: self.desk.start(("train",), ("refresh",)),
            )
            return
        self.show_as_of(tr("Prices through {session}", session=day(rows.bars[-1].session)))
        self.slider.blockSignals(True)
        self.slider.setRange(0, len(rows.said) - 1)
        self.slider.blockSignals(False)
        self.chart.show_past(rows, self.horizons.horizon)
        self.words.show_past(rows)
        self._show_index(
            rows.nearest(rows.position(session)) if session else rows.newest_known(), follow=same
        )
        if not same:
            self.chart.show_around(rows.said[self.index].position)
        self._show_strip_note()

    def show_session(self, session: str) -> None:
        self._wanted_session = session
        self.read_again()

    # Choosing a day -------------------------------------------------------------------------------

    def step(self, step: int) -> None:
        """Go so many sessions further."""
        self.slider.setValue(self.index + step)

    def to_miss(self, step: int, _checked: bool = False) -> None:
        """Go to the next miss in a direction."""
        found = self.past.miss(self.index, step)
        if found is not None:
            self.slider.setValue(found)

    def show_horizon(self, horizon: int) -> None:
        """Show the outcomes of one horizon in the strip."""
        self.horizons.choose(horizon)
        self.chart.show_horizon(horizon)
        self._show_strip_note()

    def _follow_drag(self, position: float) -> None:
        if self.past.said:
            self._show_index(self.past.nearest(position), follow=False)

    def _follow_slider(self, index: int) -> None:
        if self.past.said:
            self._show_index(index, follow=True)

    def _show_index(self, index: int, *, follow: bool) -> None:
        self.index = index
        self.slider.blockSignals(True)
        self.slider.setValue(index)
        self.slider.blockSignals(False)
        then = self.past.said[index]
        self.chart.show_day(then, follow=follow)
        self.words.show_day(then)
        self.earlier_miss.setEnabled(self.past.miss(index, -1) is not None)
        self.later_miss.setEnabled(self.past.miss(index, 1) is not None)

    def _show_strip_note(self) -> None:
        self._strip_note.setText(
            tr(
                "Below: where each outcome {count} ahead fell in its forecast "
                "(5 to 95 % shaded); ▲ above, ▼ below. Filled: forecast live; hollow: made afterwards.",
                count=count(self.horizons.horizon, "session"),
            )
        )

    def show_theme(self, theme: Theme) -> None:
        self.chart.show_theme(theme)

    def remember(self, state: QSettings) -> None:
        state.setValue("said/horizon", self.horizons.horizon)

    def recall(self, state: QSettings) -> None:
        self.show_horizon(kept_horizon(state.value("said/horizon"), self.horizons.horizon))
