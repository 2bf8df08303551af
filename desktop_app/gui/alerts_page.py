"""Alerts: what is unusual, how improbable it was and why; and a way to say "seen", with a note."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton

from collectors.market_calendar import utc_now
from desktop_app.alerts import Alert, acknowledge_alert, load_alerts
from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, table_of
from desktop_app.gui.workers import Read
from desktop_app.words import day


def _in_full(alert: Alert) -> str:
    return f"{alert.reason}\n{alert.measure_name}: {alert.observed}, expected {alert.expected}"


COLUMNS = (
    Column[Alert]("Session", lambda alert: day(alert.session)),
    Column[Alert]("Ticker", lambda alert: alert.ticker),
    Column[Alert]("What happened", lambda alert: alert.reason, tooltip=_in_full, stretch=True),
    Column[Alert]("As rare as", lambda alert: alert.odds, right=True),
    Column[Alert](
        "State",
        lambda alert: (f"seen: {alert.note}" if alert.note else "seen") if alert.acknowledged else "not seen",
        tooltip=lambda alert: alert.note,
    ),
)


class AlertsPage(Page):
    """The table of alerts, newest first, and the line to acknowledge one."""

    title = "Alerts"
    lead = (
        "Sessions whose move, volume or number of posts was improbable under what was forecast for them. "
        "Enter or a double click shows one on the chart."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, "Alerts")
        self.table.selectionModel().currentRowChanged.connect(self._choose)
        self.table.activated.connect(self.show_on_chart)
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note (optional)")
        self.note.setAccessibleName("Note on the alert")
        self._seen, self._chart = QPushButton("Mark as seen"), QPushButton("Show on the chart")
        self._seen.clicked.connect(self.acknowledge)
        self._chart.clicked.connect(self.show_on_chart)
        self.note.returnPressed.connect(self.acknowledge)
        line = QHBoxLayout()
        line.addWidget(self.note, 1)
        line.addWidget(self._seen)
        line.addWidget(self._chart)
        layout = page_layout(self)
        layout.addWidget(self.table)
        layout.addLayout(line)
        self._enable()

    def reading(self) -> Read:
        return partial(load_alerts, settings=self.desk.settings)

    def show_rows(self, rows: Sequence[Alert]) -> None:
        self.model.show_rows(rows)
        self._enable()
        if not rows:
            self.show_empty(
                "Nothing unusual",
                "A session is listed here when its move, volume or number of posts was improbable under "
                "what was forecast for it.",
            )

    def acknowledge(self) -> None:
        """Keep that the chosen alert was seen, with the note."""
        alert = self._current()
        if alert is not None:
            note, now = self.note.text().strip(), utc_now()
            self.desk.write("acknowledgement", partial(acknowledge_alert, alert=alert, note=note, now=now))

    def show_on_chart(self) -> None:
        """Go to the chosen alert's session on the Market page."""
        alert = self._current()
        if alert is not None:
            self.desk.go_to("market", alert.ticker, alert.session)

    def _current(self) -> Alert | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def _choose(self) -> None:
        alert = self._current()
        self._enable()
        if alert is not None:
            self.note.setText(alert.note)

    def _enable(self) -> None:
        usable = self._current() is not None
        for widget in (self._seen, self._chart, self.note):
            widget.setEnabled(usable)
