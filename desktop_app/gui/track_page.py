"""Track record: what the ranges promised and held, and the skill beside simpler methods."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_app.gui.charts.diagrams import Diagram, PitHistogram, ReliabilityDiagram, SkillDiagram
from desktop_app.gui.desk import Desk
from desktop_app.gui.horizon_choice import HorizonChoice, kept_horizon
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.gui.theme import Theme
from desktop_app.gui.workers import Read
from desktop_app.track_figures import KINDS, Cut, HeldRow, TrackFigures, load_track_figures
from desktop_app.words import percent
from fusion_model.findings import HORIZONS
from resources.language import tr


def _columns(first: str) -> tuple[Column[HeldRow], ...]:
    def held(i: int) -> Column[HeldRow]:
        promised = ("50 %", "80 %", "90 %", "95 %")[i]
        return Column[HeldRow](
            tr("{promised} held", promised=promised), lambda row: percent(row.held[i], 1), right=True
        )

    return (
        Column[HeldRow](first, lambda row: row.name, stretch=True),
        Column[HeldRow](tr("Forecasts"), lambda row: f"{row.forecasts:,}", right=True),
        *(held(i) for i in range(4)),
        Column[HeldRow](tr("Below 9 of 10"), lambda row: percent(row.below, 1), right=True),
        Column[HeldRow](tr("Above"), lambda row: percent(row.above, 1), right=True),
    )


class TrackPage(Page):
    """A sentence, a choice of forecasts, three diagrams, and the same by ticker and by period."""

    title = tr("Track record")
    lead = tr(
        "What earlier forecasts promised, and what came. The record is append-only: none can be rewritten."
    )
    slow = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.figures: TrackFigures | None = None
        self.kind = ""
        self.headline = label("", "heading", wrap=True)
        self.direction = label("", "warning", wrap=True)
        self.sentence = label("", wrap=True)
        theme = desk.theme
        self.reliability, self.pit, self.skill = (
            ReliabilityDiagram(theme), PitHistogram(theme), SkillDiagram(theme),
        )  # fmt: skip
        self.scored = label("", "muted", wrap=True)
        layout = page_layout(self)
        for widget in (self.headline, self.direction):
            layout.addWidget(widget)
        layout.addLayout(self._choices())
        layout.addWidget(self.sentence)
        layout.addLayout(self._diagrams(), 3)
        layout.addWidget(self._tables(), 2)

    def _choices(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.addWidget(label(tr("Forecasts:"), "muted"))
        self._kinds = QButtonGroup(self)
        self.kind_buttons: dict[str, QPushButton] = {}
        for kind, title in KINDS.items():
            button = self._choice(self._kinds, title, partial(self.choose, kind, None))
            self.kind_buttons[kind] = button
            line.addWidget(button)
        line.addSpacing(16)
        self.horizons = HorizonChoice(tr("Sessions ahead:"), tr("{} ahead"), HORIZONS[0])
        self.horizons.chosen.connect(partial(self.choose, None))
        line.addWidget(self.horizons)
        line.addStretch()
        return line

    def _choice(self, group: QButtonGroup, title: str, act: partial[None]) -> QPushButton:
        button = QPushButton(title)
        button.setProperty("role", "range")
        button.setCheckable(True)
        button.clicked.connect(lambda: act())
        group.addButton(button)
        return button

    def _diagrams(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(10)
        for title, note, diagram in (
            (
                tr("Promised against came"),
                tr("On the dashed line every level keeps its promise."),
                self.reliability,
            ),
            (
                tr("Where outcomes fell"),
                tr("Level bars are calibrated; high ends: ranges too narrow."),
                self.pit,
            ),
            (tr("Error saved beside simpler methods"), self.scored, self.skill),
        ):
            line.addWidget(_framed(title, note, diagram), 1)
        return line

    def _tables(self) -> QTabWidget:
        self.by_ticker, self.by_period = (
            RecordModel(_columns(tr("Ticker"))),
            RecordModel(_columns(tr("Made in"))),
        )
        tabs = QTabWidget()
        tabs.setAccessibleName(tr("Track record by ticker and by period"))
        tabs.addTab(table_of(self.by_ticker, tr("Track record by ticker")), tr("By ticker, worst first"))
        tabs.addTab(table_of(self.by_period, tr("Track record by period")), tr("By period"))
        return tabs

    # Showing --------------------------------------------------------------------------------------

    def reading(self) -> Read:
        return load_track_figures

    def show_rows(self, rows: TrackFigures) -> None:
        self.figures = rows
        if not rows.counts["all"] and not rows.skills:
            self.show_empty(
                tr("No forecast has met its day yet"),
                tr(
                    "Train makes a model and the first forecast; the next session shows what it was worth. "
                    "“barograph backtest” and “barograph scorecard” judge the past."
                ),
                tr("Train"),
                lambda: self.desk.start(("train",), ("refresh",)),
            )
            return
        self.show_as_of(rows.as_of)
        self.headline.setText(rows.headline)
        self.direction.setText(rows.direction)
        self.scored.setText(rows.scored)
        for kind, button in self.kind_buttons.items():
            button.setText(f"{KINDS[kind]} ({rows.counts[kind]:,})")
        self.choose(self.kind or ("live" if rows.counts["live"] else "afterwards"), None)

    def choose(self, kind: str | None, horizon: int | None) -> None:
        """Show forecasts of a kind of KINDS and a horizon; None: as before."""
        self.kind = kind or self.kind
        if horizon is not None:
            self.horizons.choose(horizon)
        if self.figures is None:
            return
        self.kind_buttons[self.kind].setChecked(True)
        self._show_cut(self.figures.cuts[self.kind, self.horizons.horizon])
        self.skill.show_skills([one for one in self.figures.skills if one.horizon == self.horizons.horizon])

    def _show_cut(self, cut: Cut) -> None:
        self.sentence.setText(cut.sentence)
        self.reliability.show_points(cut.reliability)
        self.pit.show_shares(cut.pit, cut.pit_unsure)
        self.by_ticker.show_rows(cut.by_ticker)
        self.by_period.show_rows(cut.by_period)

    def show_theme(self, theme: Theme) -> None:
        for diagram in (self.reliability, self.pit, self.skill):
            diagram.show_theme(theme)

    def remember(self, state: QSettings) -> None:
        state.setValue("track/horizon", self.horizons.horizon)

    def recall(self, state: QSettings) -> None:
        self.choose(None, kept_horizon(state.value("track/horizon"), self.horizons.horizon))


def _framed(title: str, note: str | QWidget, diagram: Diagram) -> QFrame:
    frame = QFrame()
    frame.setProperty("role", "panel")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(10, 8, 10, 8)
    layout.setSpacing(4)
    layout.addWidget(label(title, "heading"))
    layout.addWidget(diagram, 1)
    said = label(note, "muted", wrap=True) if isinstance(note, str) else note
    layout.addWidget(said, alignment=Qt.AlignmentFlag(0))
    return frame
