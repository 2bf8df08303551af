"""Sources: how fresh each one is, and what to do where it is off."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt

from collectors.market_calendar import utc_now
from desktop_app.freshness import SourceRow, load_freshness, posts_note
from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.gui.workers import Read

SIGNS = {"fresh": "● fresh", "stale": "◐ stale", "missing": "○ missing"}
COLUMNS = (
    Column[SourceRow]("Source", lambda row: row.title),
    Column[SourceRow]("State", lambda row: SIGNS[row.state]),
    Column[SourceRow]("Newest", lambda row: row.newest),
    Column[SourceRow]("Age", lambda row: row.age),
    Column[SourceRow]("Stored", lambda row: row.content, tooltip=lambda row: row.names),
    Column[SourceRow]("Last run", lambda row: row.last_run),
    Column[SourceRow]("What to do", lambda row: row.advice, tooltip=lambda row: row.advice, stretch=True),
)


class SourcesPage(Page):
    """A row per source."""

    title = "Sources"
    lead = "What is stored, how old it is, and what to do where it is off."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, "Sources")
        self.note = label(wrap=True)
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.note.setOpenExternalLinks(True)
        layout = page_layout(self)
        layout.addWidget(self.table)
        layout.addWidget(self.note)

    def reading(self) -> Read:
        now = utc_now()
        self.show_as_of(f"As of {now[:10]} {now[11:16]} UTC")
        return partial(load_freshness, now=now, home=self.desk.home)

    def show_rows(self, rows: Sequence[SourceRow]) -> None:
        self.model.show_rows(rows)
        self.note.setText(posts_note(rows))
        self.note.setVisible(bool(self.note.text()))
