"""Unusual sessions as alerts: what, how improbable, why; and a way to say "seen", with a note."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from desktop_app.alerts import Alert
from desktop_app.gui.tables import Column, EmptyState, RecordModel, table_of
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


class AlertsPanel(QWidget):
    """The table of alerts, newest first, and the line to acknowledge one."""

    alert_chosen = Signal(str, str)
    alert_acknowledged = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "page")
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, "Alerts")
        self.table.selectionModel().currentRowChanged.connect(self._choose)
        self._note = QLineEdit()
        self._note.setPlaceholderText("Note (optional)")
        self._note.setAccessibleName("Note on the alert")
        self._seen = QPushButton("Mark as seen")
        self._seen.clicked.connect(self._acknowledge)
        self._note.returnPressed.connect(self._acknowledge)
        line = QHBoxLayout()
        line.addWidget(self._note, 1)
        line.addWidget(self._seen)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.table)
        layout.addLayout(line)
        empty = EmptyState(
            "Nothing unusual",
            "A session is listed here when its move, volume or number of posts was improbable under "
            "what was forecast for it.",
        )
        self._stack = QStackedLayout(self)
        self._stack.addWidget(empty)
        self._stack.addWidget(page)
        self._enable()

    def show_alerts(self, alerts: Sequence[Alert]) -> None:
        """Replace the alerts."""
        self.model.show_rows(alerts)
        self._stack.setCurrentIndex(1 if alerts else 0)
        self._enable()

    def _current(self) -> Alert | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def _choose(self) -> None:
        alert = self._current()
        self._enable()
        if alert is not None:
            self._note.setText(alert.note)
            self.alert_chosen.emit(alert.ticker, alert.session)

    def _enable(self) -> None:
        usable = self._current() is not None
        self._seen.setEnabled(usable)
        self._note.setEnabled(usable)

    def _acknowledge(self) -> None:
        alert = self._current()
        if alert is not None:
            self.alert_acknowledged.emit(alert, self._note.text().strip())
