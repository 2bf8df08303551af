"""What is wrong with the home, and what mends it: `barograph doctor`, asked in a process of its own."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from collectors.market_calendar import utc_now
from desktop_app.complaint import Complaint
from desktop_app.gui.desk import Desk
from desktop_app.gui.tables import Column, RecordModel, label, set_role, table_of
from desktop_app.words import count
from resources.language import tr

COLUMNS = (
    Column[Complaint](tr("Of"), lambda one: one.subject),
    Column[Complaint](
        tr("What is wrong"), lambda one: one.sentence, tooltip=lambda one: one.sentence, stretch=True
    ),
    Column[Complaint](tr("What mends it"), lambda one: one.mend, tooltip=lambda one: one.mend, stretch=True),
)


class DoctorPanel(QWidget):
    """A line a complaint, the gravest first; ``examined`` brings when each job of the schedule runs next."""

    examined = Signal(dict)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.asked = False
        self.headline = label(tr("Not examined yet."), "heading", wrap=True)
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, tr("What is wrong"), wrap=True)
        self.again, self.sources = QPushButton(tr("Examine again")), QPushButton(tr("… and ask the sources"))
        self.sources.setToolTip(
            tr("Also asks each source in use whether it can be reached; nothing else is sent")
        )
        self.again.clicked.connect(lambda: self.examine())
        self.sources.clicked.connect(lambda: self.examine(offline=False))
        line = QHBoxLayout()
        line.addWidget(self.headline, 1)
        line.addWidget(self.again)
        line.addWidget(self.sources)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(line)
        layout.addWidget(self.table)

    def examine(self, *, offline: bool = True) -> None:
        """Ask the doctor."""
        command = ("doctor", "--offline") if offline else ("doctor",)
        self.asked = self._desk.ask(command, self._show, self._tell)
        if self.asked:
            self.headline.setText(tr("Examining …"))
            set_role(self.headline, "heading")
            self._enable(False)

    def _show(self, result: dict[str, Any]) -> None:
        found = [Complaint(**one) for one in result.get("complaints", [])]
        self.model.show_rows(found)
        what = tr("{count} to mend", count=count(len(found), "thing")) if found else tr("Nothing to mend")
        self.headline.setText(tr("{what}, as of {moment} UTC.", what=what, moment=utc_now()[11:16]))
        self._enable(True)
        self.examined.emit(dict(result.get("next_runs", {})))

    def _tell(self, problem: str) -> None:
        self.headline.setText(tr("The doctor could not look: {problem}", problem=problem))
        set_role(self.headline, "warning")
        self._enable(True)

    def _enable(self, usable: bool) -> None:
        self.again.setEnabled(usable)
        self.sources.setEnabled(usable)
