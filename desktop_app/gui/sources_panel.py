"""How fresh each source is, and what to do where it is off."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_app.freshness import SourceRow
from desktop_app.gui.tables import Column, RecordModel, table_of

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


class SourcesPanel(QWidget):
    """A row per source."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "page")
        self.model = RecordModel(COLUMNS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(table_of(self.model, "Sources"))

    def show_sources(self, rows: Sequence[SourceRow]) -> None:
        """Replace the rows."""
        self.model.show_rows(rows)
