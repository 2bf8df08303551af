"""The journal: what was shown and decided, with what came after, and whether deciding helped."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton

from collectors.market_calendar import utc_now
from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.gui.workers import Read
from desktop_app.journal import Journal, JournalRow, gain_at, interval_of, load_journal, note_now, return_at
from desktop_app.words import moment, percent
from fusion_model.evaluation.decisions import Tally
from fusion_model.findings import HORIZONS
from resources.language import tr

TALLY_COLUMNS = (
    Column[Tally](tr("Decisions"), lambda row: row.group),
    Column[Tally](tr("Sessions later"), lambda row: str(row.horizon), right=True),
    Column[Tally](tr("How many"), lambda row: f"{row.decisions:,}", right=True),
    Column[Tally](
        tr("Mean gain"), lambda row: percent(row.mean, 2, signed=True) if row.decisions else "", right=True
    ),
    Column[Tally](tr("95 % of it"), interval_of, right=True),
    Column[Tally](tr("What may be said"), lambda row: row.verdict, stretch=True),
)
SHOWN = {  # a choice of entries, by their kinds; none: all
    tr("All entries"): (),
    tr("Decisions"): ("approval", "rejection", "override"),
    tr("Alerts"): ("alert", "acknowledgement"),
    tr("Notes"): ("note",),
    tr("Account"): ("rule", "switch", "deposit"),
}
ROW_COLUMNS = (
    Column[JournalRow](tr("When"), lambda row: moment(row.entry.recorded_at)),
    Column[JournalRow]("", lambda row: row.kind_name),
    Column[JournalRow](tr("Ticker"), lambda row: row.entry.ticker),
    Column[JournalRow](tr("What"), lambda row: row.what, tooltip=lambda row: row.entry.reason, stretch=True),
    Column[JournalRow](tr("Note"), lambda row: row.entry.note, tooltip=lambda row: row.entry.note),
    *(
        Column[JournalRow](
            f"+{horizon}", partial(return_at, place), tooltip=partial(gain_at, place), right=True
        )
        for place, horizon in enumerate(HORIZONS)
    ),
)


class JournalPage(Page):
    """How decisions did on top, then every entry, and a line for a note of one's own."""

    title = tr("Journal")
    lead = tr(
        "Every alert, decision and note, with the price afterwards: to the close of the 1st, 5th and 20th "
        "session. A gain is what a decision brought against its opposite, after one trade's cost."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.headline = label("", "figure", wrap=True)
        self.tallies, self.entries = RecordModel(TALLY_COLUMNS), RecordModel(ROW_COLUMNS)
        self.table = table_of(self.entries, tr("Journal"))
        self.table.activated.connect(self.show_on_chart)
        self.tally_table = table_of(self.tallies, tr("How decisions did"))
        self.note, self.add = QLineEdit(), QPushButton(tr("Add note"))
        self.note.setAccessibleName(tr("Note of your own"))
        self.note.returnPressed.connect(self.write_note)
        self.add.clicked.connect(self.write_note)
        desk.ticker_changed.connect(self._name_ticker)
        self.kinds = QComboBox()
        self.kinds.setAccessibleName(tr("Which entries"))
        self.kinds.addItems([*SHOWN])
        self.kinds.currentTextChanged.connect(self._show_entries)
        self._all: tuple[JournalRow, ...] = ()
        line = QHBoxLayout()
        line.addWidget(self.note, 1)
        line.addWidget(self.add)
        layout = page_layout(self)
        layout.addWidget(self.headline)
        layout.addWidget(self.tally_table, 2)
        layout.addSpacing(6)
        layout.addWidget(self.kinds, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.table, 5)
        layout.addLayout(line)
        self._name_ticker(desk.ticker)

    def reading(self) -> Read:
        now = utc_now()
        self.show_as_of(tr("As of {moment}", moment=moment(now)))
        return partial(load_journal, settings=self.desk.settings, now=now)

    def show_rows(self, rows: Journal) -> None:
        self.headline.setText(rows.headline)
        decided = [row for row in rows.tallies if row.decisions]
        self.tallies.show_rows(decided)
        self.tally_table.setVisible(bool(decided))
        self._all = rows.rows
        self._show_entries()
        self._name_ticker(self.desk.ticker)

    def write_note(self) -> None:
        """Keep the note, on the chosen ticker, with its price of this moment."""
        text, ticker = self.note.text().strip(), self.desk.ticker
        if text and ticker:
            self.note.clear()
            self.desk.write("note", partial(note_now, ticker=ticker, text=text, now=utc_now()))

    def show_on_chart(self) -> None:
        """Go to the entry's ticker on the Market page, at the session that followed."""
        row = self.table.currentIndex().row()
        if 0 <= row < len(self.entries.rows) and (chosen := self.entries.rows[row]).entry.ticker:
            self.desk.go_to("market", chosen.entry.ticker, chosen.entry_session)

    def _show_entries(self, *_: object) -> None:
        kinds = SHOWN[self.kinds.currentText()]
        self.entries.show_rows([row for row in self._all if not kinds or row.entry.kind in kinds])

    def _name_ticker(self, ticker: str) -> None:
        self.note.setPlaceholderText(
            tr("Note on {ticker}", ticker=ticker) if ticker else tr("Choose a ticker to note on")
        )
        for widget in (self.note, self.add):
            widget.setEnabled(bool(ticker))
