"""Why: what moved a ticker's forecast, what would change it, and what was known that day."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import NamedTuple

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QFrame,
    QScrollArea,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desktop_app.day_news import DayNews, ReleaseRow, load_day_news
from desktop_app.gui.bars import BarDelegate
from desktop_app.gui.desk import Desk
from desktop_app.gui.horizon_choice import HorizonChoice, kept_horizon
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.posts_panel import PostsPanel
from desktop_app.gui.tables import Column, RecordModel, label, rule, table_of
from desktop_app.gui.theme import Theme
from desktop_app.gui.workers import Read
from desktop_app.why import CauseRow, HorizonReasons, NeighbourRow, Why, load_why
from fusion_model.findings import HORIZONS
from resources.language import tr

CAUSES = (
    Column[CauseRow](tr("What was read"), lambda row: row.label, tooltip=lambda row: row.detail),
    Column[CauseRow](
        tr("◂ narrower   wider ▸"), lambda _: "", tooltip=lambda row: row.detail, middle=True, stretch=True
    ),
    Column[CauseRow](tr("Effect"), lambda row: row.text, tooltip=lambda row: row.detail, right=True),
)
NEIGHBOURS = (
    Column[NeighbourRow](tr("Stock"), lambda row: row.ticker),
    Column[NeighbourRow](tr("How strongly"), lambda _: "", tooltip=lambda row: row.text),
    Column[NeighbourRow](tr("Why"), lambda row: row.text, tooltip=lambda row: row.text, stretch=True),
)
RELEASES = (
    Column[ReleaseRow](tr("Figure"), lambda row: row.title, tooltip=lambda row: row.series_id, stretch=True),
    Column[ReleaseRow](tr("Of"), lambda row: row.observed, right=True),
    Column[ReleaseRow](tr("Value"), lambda row: row.value, right=True),
    Column[ReleaseRow](tr("Before"), lambda row: row.before, right=True),
)
TEXT_WIDTH = 440  # pixels, at least
ROWS_SEEN = 12  # of a table that grows with its rows, before it scrolls


class WhyRows(NamedTuple):
    """What the page shows of one ticker."""

    why: Why
    news: DayNews


class WhyPage(Page):
    """Bars and sentences by horizon on the left; posts, figures and related stocks on the right."""

    title = tr("Why")
    lead = tr(
        "What makes the range wide or narrow against an ordinary day of the stock, and what would change it."
    )
    follows_ticker = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.rows: WhyRows | None = None
        self.causes, self.neighbours, self.releases = (
            RecordModel(columns) for columns in (CAUSES, NEIGHBOURS, RELEASES)
        )
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(8)
        split.setChildrenCollapsible(False)
        split.addWidget(self._reasons_side())
        split.addWidget(self._day_side())
        split.setStretchFactor(0, 1)
        split.setSizes([700, 480])
        page_layout(self).addWidget(split)

    def _reasons_side(self) -> QWidget:
        side = QWidget()
        side.setProperty("role", "page")
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 10, 0)
        layout.setSpacing(8)
        self.horizons = HorizonChoice(tr("Sessions ahead:"), tr("Reasons for {} ahead"), HORIZONS[1])
        self.horizons.chosen.connect(self.show_horizon)
        layout.addWidget(self.horizons, alignment=Qt.AlignmentFlag.AlignLeft)
        self.headline = label("", "heading", wrap=True)
        self.now, self.ordinary = label("", wrap=True), label("", "muted", wrap=True)
        self._cause_table = table_of(self.causes, tr("What moved the range, by what was read"))
        self._cause_bars = BarDelegate(
            self._cause_table, 1, lambda row: row.reach, self.desk.theme, diverging=True
        )
        self.note, self.not_read = label("", "muted", wrap=True), label("", wrap=True)
        self.otherwise, self.median = label("", wrap=True), label("", wrap=True)
        for wrapped in (self.headline, self.now, self.ordinary, self.note, self.not_read, self.otherwise,
                        self.median):  # fmt: skip
            wrapped.setMinimumWidth(TEXT_WIDTH)  # or the scroll area would leave room for a narrower one
        for widget in (self.headline, self.now, self.ordinary, self._cause_table, self.not_read, self.note,
                       rule(), label(tr("What the model would say otherwise"), "heading"), self.otherwise,
                       rule(), label(tr("The middle of the range"), "heading"), self.median):  # fmt: skip
            layout.addWidget(widget)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(tr("What moved the forecast"))
        scroll.setWidget(side)
        return scroll

    def _day_side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.posts = PostsPanel()
        self.releases_heading, self.neighbours_heading = label("", "heading"), label("", "heading", wrap=True)
        self._release_table = table_of(self.releases, tr("Macro figures of the day"))
        self._neighbour_table = table_of(self.neighbours, tr("Related stocks"))
        self._neighbour_table.activated.connect(self._go_to_neighbour)
        self._neighbour_bars = BarDelegate(
            self._neighbour_table, 1, lambda row: row.strength, self.desk.theme, diverging=False
        )
        layout.addWidget(self.posts, 1)
        for widget in (self.releases_heading, self._release_table, self.neighbours_heading,
                       self._neighbour_table):  # fmt: skip
            layout.addWidget(widget)
        return side

    # Reading --------------------------------------------------------------------------------------

    def reading(self) -> Read | None:
        return partial(_load, ticker=self.desk.ticker) if self.desk.ticker else None

    def show_rows(self, rows: WhyRows | None) -> None:
        self.rows = rows
        if rows is None:
            self.show_as_of("")
            self.show_empty(
                tr("No reasons for {ticker} yet", ticker=self.desk.ticker),
                tr(
                    "They are found with the forecasts of the newest close. A stock with less than about a "
                    "year of prices has no forecast."
                ),
                tr("Refresh"),
                lambda: self.desk.start(("refresh",)),
            )
            return
        why, news = rows
        self.show_as_of(
            tr("{as_of} · model {model_version}", as_of=why.as_of, model_version=why.model_version)
        )
        self.note.setText(why.note)
        self.not_read.setText(why.not_read)
        self.not_read.setVisible(bool(why.not_read))
        self.neighbours_heading.setText(why.neighbours_heading)
        self._fill(self._neighbour_table, self.neighbours, why.neighbours)
        self.releases_heading.setText(news.releases_heading)
        self._fill(self._release_table, self.releases, news.releases)
        self.posts.show_posts(news.heading, news.posts)
        self.show_horizon(self.horizons.horizon)

    def show_horizon(self, horizon: int) -> None:
        """Tell of one horizon; of the first where that one has no reasons."""
        self.horizons.choose(horizon)
        if self.rows is None:
            return
        told = {one.horizon: one for one in self.rows.why.horizons}
        self._tell(told.get(horizon, self.rows.why.horizons[0]))

    def _tell(self, reasons: HorizonReasons) -> None:
        self.headline.setText(_unbroken(reasons.headline))
        self.now.setText(reasons.now)
        self.ordinary.setText(reasons.ordinary)
        self._fill(self._cause_table, self.causes, reasons.rows)
        self.otherwise.setText(_unbroken("\n\n".join(reasons.otherwise)))
        self.median.setText(_unbroken(reasons.median))

    def _fill(self, view: QTableView, model: RecordModel[object], rows: tuple[object, ...]) -> None:
        """Show rows, and give a table the height that they need."""
        model.show_rows(rows)
        view.setVisible(bool(rows))
        lines = min(len(rows), ROWS_SEEN)
        height = (
            view.verticalHeader().defaultSectionSize() * lines + view.horizontalHeader().sizeHint().height()
        )
        view.setFixedHeight(height + 2 * view.frameWidth() + 2)

    def _go_to_neighbour(self) -> None:
        row = self._neighbour_table.currentIndex().row()
        if 0 <= row < len(self.neighbours.rows):
            self.desk.choose_ticker(self.neighbours.rows[row].ticker)

    # Look -----------------------------------------------------------------------------------------

    def show_theme(self, theme: Theme) -> None:
        for bars, view in (
            (self._cause_bars, self._cause_table),
            (self._neighbour_bars, self._neighbour_table),
        ):
            bars.theme = theme
            view.viewport().update()

    def remember(self, state: QSettings) -> None:
        state.setValue("why/horizon", self.horizons.horizon)

    def recall(self, state: QSettings) -> None:
        self.show_horizon(kept_horizon(state.value("why/horizon"), self.horizons.horizon))


def _unbroken(text: str) -> str:
    """Return a text in which no line begins with a percent sign."""
    return text.replace(" %", "\u00a0%")


def _load(db: sqlite3.Connection, ticker: str) -> WhyRows | None:
    why = load_why(db, ticker)
    if why is None or not why.horizons:
        return None
    return WhyRows(why, load_day_news(db, ticker, why.as_of_session))
