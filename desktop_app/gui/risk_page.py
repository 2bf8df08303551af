"""Risk: what may be lost, who bears it, what has happened before; of the holdings or of one stock."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_app.gui.desk import Desk
from desktop_app.gui.horizon_choice import HorizonChoice, kept_horizon
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Cells, fit_rows, label, table_of_cells
from desktop_app.gui.workers import Read
from desktop_app.risk_rows import (
    FACTOR_HEADER,
    LOSS_HEADER,
    LOSS_NOTE,
    PART_HEADER,
    PAST_HEADER,
    RiskPageRows,
    RiskView,
    load_risk_page,
)
from fusion_model.findings import HORIZONS
from resources.language import tr

HELD, STOCK = "held", "stock"
MOST_ROWS = 12  # of holdings before their table scrolls


class RiskPage(Page):
    """Tables of losses, parts, betas and crashes; two buttons choose whose."""

    title = tr("Risk")
    lead = tr("What may be lost, who bears it, and what the same holdings would have lost before.")
    follows_ticker = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.rows = RiskPageRows(None, "", None)
        self._of = HELD
        self.headline, self.unseen = label("", "figure", wrap=True), label("", "warning", wrap=True)
        self.stale, self.tail = label("", "warning", wrap=True), label("", "muted", wrap=True)
        self.tests = label("", "muted", wrap=True)
        self.losses, self.loss_table = table_of_cells(LOSS_HEADER, tr("What may be lost"))
        self.parts, self.part_table = table_of_cells(PART_HEADER, tr("Who bears it"))
        self.factors, self.factor_table = table_of_cells(FACTOR_HEADER, tr("What it moves with"))
        self.past, self.past_table = table_of_cells(PAST_HEADER, tr("What happened before"))
        layout = page_layout(self)
        layout.addLayout(self._choices())
        layout.addWidget(self._scrolling(), 1)

    def _choices(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self._subjects = QButtonGroup(self)
        self.horizons = HorizonChoice(
            tr("Who bears it, sessions ahead:"), tr("Who bears it over {}"), HORIZONS[1]
        )
        self.horizons.chosen.connect(self.show_horizon)
        self.held, self.stock = QPushButton(tr("What you hold")), QPushButton(tr("This stock"))
        for button, of in ((self.held, HELD), (self.stock, STOCK)):
            button.setCheckable(True)
            button.clicked.connect(partial(self.show_subject, of))
            self._subjects.addButton(button)
            line.addWidget(button)
        line.addStretch()
        line.addWidget(self.horizons)
        return line

    def _scrolling(self) -> QScrollArea:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(8)
        for widget in (
            self.headline,
            self.unseen,
            self.stale,
            self.loss_table,
            label(LOSS_NOTE, "muted", wrap=True),
        ):
            layout.addWidget(widget)
        self.part_heading = label(tr("Who bears it"), "heading")
        layout.addSpacing(6)
        for widget in (self.part_heading, self.part_table, self.tail):
            layout.addWidget(widget)
        for heading, table in (
            (tr("What the same would have done before"), self.past_table),
            (tr("What it moves with, the market held still"), self.factor_table),
        ):
            layout.addSpacing(6)
            layout.addWidget(label(heading, "heading"))
            layout.addWidget(table)
        layout.addWidget(self.tests)
        layout.addStretch()
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        for behind in (area.viewport(), inside):
            behind.setAutoFillBackground(False)  # the page's own colour shows through
        return area

    # Reading --------------------------------------------------------------------------------------

    def reading(self) -> Read | None:
        return partial(load_risk_page, ticker=self.desk.ticker)

    def show_rows(self, rows: RiskPageRows) -> None:
        self.rows = rows
        self.stock.setText(rows.ticker or tr("This stock"))
        self.held.setEnabled(rows.portfolio is not None)
        self.held.setToolTip("" if rows.portfolio else tr("State what you hold, then refresh."))
        self.stock.setEnabled(rows.stock is not None)
        view = self._view()
        if view is None:
            self.show_empty(
                tr("No risk is known yet"),
                tr("Refresh finds it for every stock that is forecast, and for what you hold."),
                tr("Refresh"),
                lambda: self.desk.start(("refresh",)),
            )
            return
        self._show(view)

    def show_subject(self, of: str, _checked: bool = False) -> None:
        """Show the holdings, or the chosen stock."""
        self._of = of
        view = self._view()
        if view is not None:
            self._show(view)

    def show_horizon(self, horizon: int) -> None:
        """Show who bears the risk of one horizon."""
        self.horizons.choose(horizon)
        view = self._view()
        if view is not None:
            self._show_parts(view)

    def _view(self) -> RiskView | None:
        wanted, other = self.rows.portfolio, self.rows.stock
        if self._of == STOCK:
            wanted, other = other, wanted
        return wanted or other

    def _show(self, view: RiskView) -> None:
        of_holdings = view is self.rows.portfolio
        (self.held if of_holdings else self.stock).setChecked(True)
        self.show_as_of(view.title)
        for widget, text in (
            (self.headline, view.headline),
            (self.unseen, "\n".join(view.unseen)),
            (self.stale, view.stale),
            (self.tests, view.tests),
        ):
            widget.setText(text)
            widget.setVisible(bool(text))
        for model, table, cells in (
            (self.losses, self.loss_table, view.losses),
            (self.factors, self.factor_table, view.factors),
            (self.past, self.past_table, view.past),
        ):
            model.show_rows(cells)
            fit_rows(table, len(cells))
        self._show_parts(view)

    def _show_parts(self, view: RiskView) -> None:
        parts: Sequence[Cells] = view.parts.get(self.horizons.horizon, ())
        self.parts.show_rows(parts)
        fit_rows(self.part_table, min(len(parts), MOST_ROWS))
        self.tail.setText(view.tail.get(self.horizons.horizon, ""))
        for widget in (self.part_heading, self.part_table, self.tail):
            widget.setVisible(bool(parts))
        self.horizons.setEnabled(bool(view.parts))

    def remember(self, state: QSettings) -> None:
        state.setValue("risk/horizon", self.horizons.horizon)
        state.setValue("risk/of", self._of)

    def recall(self, state: QSettings) -> None:
        self.show_horizon(kept_horizon(state.value("risk/horizon"), self.horizons.horizon))
        self._of = STOCK if state.value("risk/of", self._of) == STOCK else HELD
