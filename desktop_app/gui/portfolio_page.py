"""Portfolio: what the person holds, to state and to change, and suggested weights beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, fit_rows, label, table_of, table_of_cells
from desktop_app.gui.workers import Read
from desktop_app.holdings_file import HoldingsFile, read_holdings
from desktop_app.portfolio_rows import (
    HOLDING_HEADER,
    HoldingRow,
    checked_number,
    checked_ticker,
    holding_cells,
    save_stated,
)
from desktop_app.store import remove_holding, save_holding
from desktop_app.suggestion_rows import (
    FRONTIER_HEADER,
    MEAN_NOTE,
    METHOD_HEADER,
    METHOD_NOTE,
    WALK_HEADER,
    WALK_NOTE,
    WEIGHT_HEADER,
    PortfolioPageRows,
    PortfolioView,
    load_portfolio_page,
)
from desktop_app.words import count
from fusion_model.portfolio_findings import METHOD_NAMES, METHODS, MIN_CVAR
from resources.language import tr

MOST_ROWS = 14  # of weights before their table scrolls
SUGGEST = ("portfolio", "suggest")


class PortfolioPage(Page):
    """At the left the holdings and the line to state one; at the right suggestions, with their past."""

    title = tr("Portfolio")
    lead = tr(
        "What you hold, and how its risk could be spread. No method knows where prices go; nothing is traded "
        "here."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.rows = PortfolioPageRows((), "", None)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(12)
        split.setChildrenCollapsible(False)
        split.addWidget(self._holdings_side())
        split.addWidget(self._suggestions_side())
        split.setStretchFactor(1, 1)
        split.setSizes([432, 783])
        page_layout(self).addWidget(split)
        self._enable()

    def _holdings_side(self) -> QWidget:
        columns = [
            Column[HoldingRow](title.capitalize(), partial(_holding_cell, place), right=place > 0)
            for place, title in enumerate(HOLDING_HEADER)
            if title != "session"
        ]
        columns.append(Column[HoldingRow]("", _no_cell, stretch=True))
        self.holdings = RecordModel(columns)
        self.holding_table = table_of(self.holdings, tr("Holdings"))
        self.holding_table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.holding_table.selectionModel().currentRowChanged.connect(self._choose)
        self.worth, self.left_out = label("", "figure", wrap=True), label("", "warning", wrap=True)
        self.ticker, self.shares, self.cost = QLineEdit(), QLineEdit(), QLineEdit()
        line = QHBoxLayout()
        for edit, name, said in (
            (self.ticker, tr("Ticker"), tr("Ticker")),
            (self.shares, tr("Shares"), tr("Shares held")),
            (self.cost, tr("Cost"), tr("Cost a share in USD")),
        ):
            edit.setPlaceholderText(name)
            edit.setAccessibleName(said)
            edit.setToolTip(said)
            edit.setMinimumWidth(70)
            edit.returnPressed.connect(self.keep)
            edit.textChanged.connect(self._enable)
            line.addWidget(edit)
        self.keep_button, self.remove_button = QPushButton(tr("Keep")), QPushButton(tr("Remove"))
        self.keep_button.setToolTip(
            tr("State what you hold; earlier statements stay in the history. An empty cost is unknown.")
        )
        self.keep_button.clicked.connect(self.keep)
        self.remove_button.clicked.connect(self.remove)
        line.addWidget(self.keep_button)
        line.addWidget(self.remove_button)
        self.import_button = QPushButton(tr("Import a list …"))
        self.import_button.setToolTip(
            tr("A CSV with ticker, shares and cost, or a broker's list of positions.")
        )
        self.import_button.clicked.connect(self.ask_for_file)
        head = QHBoxLayout()
        head.addWidget(label(tr("What you hold"), "heading"))
        head.addStretch()
        head.addWidget(self.import_button)
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.worth)
        layout.addLayout(line)
        layout.addWidget(self.left_out)
        layout.addWidget(self.holding_table, 1)
        return side

    def _suggestions_side(self) -> QWidget:
        self.method = QComboBox()
        self.method.setAccessibleName(tr("Method"))
        for name in METHODS:
            self.method.addItem(tr(METHOD_NAMES[name]), name)
        self.method.setCurrentIndex(self.method.findData(MIN_CVAR))
        self.method.currentIndexChanged.connect(self._show_method)
        self.suggest_button = QPushButton(tr("Suggest anew"))
        self.suggest_button.setProperty("role", "primary")
        self.suggest_button.clicked.connect(self.suggest)
        head = QHBoxLayout()
        head.addWidget(label(tr("Suggested weights"), "heading"))
        head.addWidget(self.method)
        head.addStretch()
        head.addWidget(self.suggest_button)
        self.stale, self.sentence = label("", "warning", wrap=True), label("", wrap=True)
        self.limits = label("", "muted", wrap=True)
        self.weights, self.weight_table = table_of_cells(WEIGHT_HEADER, tr("Suggested weights"))
        self.methods, self.method_table = table_of_cells(METHOD_HEADER, tr("Methods beside each other"))
        self.walk, self.walk_table = table_of_cells(WALK_HEADER, tr("What the methods did before"))
        self.frontier, self.frontier_table = table_of_cells(
            FRONTIER_HEADER, tr("The least risk for so much exchanged")
        )
        self.walk_title = label("", "muted", wrap=True)
        self.parts = QWidget()
        parts = QVBoxLayout(self.parts)
        parts.setContentsMargins(0, 0, 8, 0)
        parts.setSpacing(8)
        for widget in (self.sentence, self.weight_table, self.limits):
            parts.addWidget(widget)
        for heading, table, note in (
            (
                tr("The methods beside each other"),
                self.method_table,
                label(f"{METHOD_NOTE} {MEAN_NOTE}", "muted", wrap=True),
            ),
            (tr("What they did before"), self.walk_table, self.walk_title),
            (tr("The least risk for so much exchanged"), self.frontier_table, None),
        ):
            parts.addSpacing(6)
            parts.addWidget(label(heading, "heading"))
            parts.addWidget(table)
            if note is not None:
                parts.addWidget(note)
        parts.addStretch()
        area = QScrollArea()
        area.setWidget(self.parts)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        for behind in (area.viewport(), self.parts):
            behind.setAutoFillBackground(False)  # the page's own colour shows through
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.stale)
        layout.addWidget(area, 1)
        return side

    # Reading --------------------------------------------------------------------------------------

    def reading(self) -> Read:
        return load_portfolio_page

    def show_rows(self, rows: PortfolioPageRows) -> None:
        self.rows = rows
        chosen = self._chosen()
        self.holdings.show_rows(rows.holdings)
        self.worth.setText(rows.worth)
        for place, row in enumerate(rows.holdings):
            if chosen is not None and row.ticker == chosen.ticker:
                self.holding_table.selectRow(place)
        view = rows.view
        self.show_as_of(view.title if view else "")
        self.parts.setVisible(view is not None)
        if view is None:
            self.stale.setText(
                tr(
                    "Nothing was suggested yet. State what you hold, or watch some tickers, then press the "
                    "button: it takes some seconds, and needs stored forecasts (Train, Refresh)."
                )
            )
        else:
            self.stale.setText(view.stale)
            self._show_view(view)
        self.stale.setVisible(bool(self.stale.text()))
        self._enable()

    def _show_view(self, view: PortfolioView) -> None:
        self.limits.setText(view.limits)
        self.walk_title.setText(f"{view.walk_title} {WALK_NOTE}" if view.walk_cells else view.walk_title)
        for model, table, cells in (
            (self.methods, self.method_table, view.method_cells),
            (self.walk, self.walk_table, view.walk_cells),
            (self.frontier, self.frontier_table, view.frontier_cells),
        ):
            model.show_rows(cells)
            table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            fit_rows(table, len(cells))
        self._show_method()

    def _show_method(self, _index: int = 0) -> None:
        view = self.rows.view
        if view is None:
            return
        shown = view.of(str(self.method.currentData()))
        cells = shown.cells if shown else ()
        self.sentence.setText(
            shown.sentence
            if shown
            else tr("This method was left out when the suggestions were made: suggest anew.")
        )
        self.weights.show_rows(cells)
        fit_rows(self.weight_table, min(len(cells), MOST_ROWS))

    # What the person does -------------------------------------------------------------------------

    def keep(self) -> None:
        """State the holding that the line says."""
        try:
            ticker = checked_ticker(self.ticker.text())
            shares = checked_number(self.shares.text(), tr("the number of shares"), least_is_allowed=False)
            text = self.cost.text().strip()
            cost = checked_number(text, tr("the cost a share"), least_is_allowed=True) if text else None
        except BadInput as error:
            self.desk.say(str(error), warning=True)
            return
        now = utc_now()
        self.desk.write(
            tr("holding: {ticker}", ticker=ticker),
            lambda db: save_holding(db, ticker, shares, cost, now),
            partial(self._kept, ticker),
        )

    def _kept(self, ticker: str, new: object) -> None:
        self.desk.say(
            tr("{ticker} is kept", ticker=ticker)
            if new
            else tr("{ticker} was stated like that before", ticker=ticker)
        )
        for edit in (self.ticker, self.shares, self.cost):
            edit.clear()

    def remove(self) -> None:
        """State that the ticker of the line is no longer held."""
        try:
            ticker = checked_ticker(self.ticker.text())
        except BadInput as error:
            self.desk.say(str(error), warning=True)
            return
        now = utc_now()
        self.desk.write(
            tr("holding: {ticker}", ticker=ticker),
            lambda db: remove_holding(db, ticker, now),
            partial(self._removed, ticker),
        )

    def _removed(self, ticker: str, was_held: object) -> None:
        if not was_held:
            self.desk.say(tr("{ticker} is not among the holdings", ticker=ticker), warning=True)
            return
        self.desk.say(tr("{ticker} is no longer held; what was stated stays in the history", ticker=ticker))
        for edit in (self.ticker, self.shares, self.cost):
            edit.clear()

    def ask_for_file(self) -> None:
        """Ask for a list, and import it."""
        name, _ = QFileDialog.getOpenFileName(
            self, tr("Import a list of holdings"), "", tr("Lists (*.csv *.txt);;All files (*)")
        )
        if name:
            self.import_file(Path(name))

    def import_file(self, path: Path) -> None:
        """Read a list; what it says is stated, what it does not name stays."""
        self.left_out.setText("")
        self.desk.do("holdings", partial(read_holdings, path), self._import)

    def _import(self, read: HoldingsFile) -> None:
        now = utc_now()
        self.left_out.setText(
            "\n".join(
                tr("Line {line} was left out: {reason}", line=bad.line, reason=bad.reason)
                for bad in read.bad_lines[:5]
            )
            + (
                tr("\nand {bad_lines} more", bad_lines=len(read.bad_lines) - 5)
                if len(read.bad_lines) > 5
                else ""
            )
        )
        self.desk.write(
            "holdings",
            lambda db: save_stated(db, read.holdings, now),
            partial(self._imported, len(read.holdings)),
        )

    def _imported(self, read: int, done: tuple[list[str], list[str]]) -> None:
        self.desk.say(
            tr("{count} read, {done} new or changed", count=count(read, "holding"), done=len(done[0]))
        )

    def suggest(self) -> None:
        """Start the command that suggests anew, in a process."""
        self.desk.start(SUGGEST)

    def _chosen(self) -> HoldingRow | None:
        row = self.holding_table.currentIndex().row()
        return self.holdings.rows[row] if 0 <= row < len(self.holdings.rows) else None

    def _choose(self) -> None:
        row = self._chosen()
        if row is None:
            return
        cells = holding_cells(row)
        self.ticker.setText(row.ticker)
        self.shares.setText(cells[HOLDING_HEADER.index("shares")])
        self.cost.setText("" if row.cost != row.cost else f"{row.cost:.10g}")

    def _enable(self, *_: object) -> None:
        named = bool(self.ticker.text().strip())
        self.keep_button.setEnabled(named and bool(self.shares.text().strip()))
        self.remove_button.setEnabled(named)
        self.left_out.setVisible(bool(self.left_out.text()))

    def remember(self, state: QSettings) -> None:
        state.setValue("portfolio/method", self.method.currentData())

    def recall(self, state: QSettings) -> None:
        place = self.method.findData(state.value("portfolio/method", MIN_CVAR))
        if place >= 0:
            self.method.setCurrentIndex(place)


def _holding_cell(place: int, row: HoldingRow) -> str:
    return holding_cells(row)[place]


def _no_cell(_row: HoldingRow) -> str:
    return ""
