"""Alerts: what is unusual, how improbable it was and why; and a way to say "seen", with a note."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from collectors.market_calendar import utc_now
from desktop_app.alert_rows import SHOWN, AlertsView, in_full, load_alerts_view, name_of
from desktop_app.alerts import Alert, acknowledge_alert
from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.rules_panel import RulesPanel
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.gui.workers import Read
from desktop_app.words import count, day
from fusion_model.findings import MARKET
from resources.language import tr

NOTHING = tr(
    "A session is listed here when it was improbable under what was expected of it, and hardly chance among "
    "all that are watched. Refresh judges the newest session."
)
COLUMNS = (
    Column[Alert](tr("Session"), lambda alert: day(alert.session)),
    Column[Alert](tr("Ticker"), name_of),
    Column[Alert](tr("What happened"), lambda alert: alert.reason, tooltip=in_full, stretch=True),
    Column[Alert](tr("Most unusual"), lambda alert: alert.measure_name),
    Column[Alert](tr("As rare as"), lambda alert: alert.odds or "–", right=True),
    Column[Alert](
        tr("State"),
        lambda alert: (
            (tr("seen: {note}", note=alert.note) if alert.note else tr("seen"))
            if alert.acknowledged
            else tr("not seen")
        ),
        tooltip=lambda alert: alert.note,
    ),
)


class AlertsPage(Page):
    """The alerts, newest first; the chosen one in full below them, with the line to acknowledge it."""

    title = tr("Alerts")
    lead = tr(
        "Sessions that were improbable under what was expected of them: by move, range, volume, related "
        "stocks, number and tone of posts together. Enter or a double click shows one on the chart."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.view = AlertsView()
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, tr("Alerts"))
        self.table.selectionModel().currentRowChanged.connect(self._choose)
        self.table.activated.connect(self.show_on_chart)
        self.headline, self.budget = label("", "figure", wrap=True), label("", "muted", wrap=True)
        self.none = label("", "muted", wrap=True)
        self.which = QComboBox()
        self.which.setAccessibleName(tr("Which alerts to show"))
        for name, title in SHOWN.items():
            self.which.addItem(title, name)
        self.which.setCurrentIndex(self.which.findData("all"))
        self.which.currentIndexChanged.connect(self._filter)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(self._detail())
        split.setSizes([520, 200])
        head = QHBoxLayout()
        head.addWidget(self.headline, 1)
        head.addWidget(self.which, 0, Qt.AlignmentFlag.AlignTop)
        unusual = QWidget()
        layout = QVBoxLayout(unusual)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(head)
        layout.addWidget(self.budget)
        layout.addWidget(self.none)
        layout.addWidget(split, 1)
        self.rules = RulesPanel(desk)
        self.tabs = QTabWidget()
        self.tabs.addTab(unusual, tr("What was unusual"))
        self.tabs.addTab(self.rules, tr("My rules"))
        page_layout(self).addWidget(self.tabs)
        self._enable()

    def _detail(self) -> QFrame:
        self.detail = label("", wrap=True)
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.detail.setAccessibleName(tr("The chosen alert in full"))
        self.note = QLineEdit()
        self.note.setPlaceholderText(tr("Note (optional)"))
        self.note.setAccessibleName(tr("Note on the alert"))
        self._seen, self._chart = QPushButton(tr("Mark as seen")), QPushButton(tr("Show on the chart"))
        self._seen.clicked.connect(self.acknowledge)
        self._chart.clicked.connect(self.show_on_chart)
        self.note.returnPressed.connect(self.acknowledge)
        line = QHBoxLayout()
        line.addWidget(self.note, 1)
        line.addWidget(self._seen)
        line.addWidget(self._chart)
        frame = QFrame()
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.detail, 1)
        layout.addLayout(line)
        return frame

    def reading(self) -> Read:
        return partial(load_alerts_view, settings=self.desk.settings)

    def show_rows(self, rows: AlertsView) -> None:
        self.view = rows
        self.headline.setText(rows.headline)
        self.budget.setText(rows.budget)
        self.show_as_of(tr("As of {session}", session=day(rows.session)) if rows.session else "")
        self.rules.show_rules(rows.rules, self.desk.overview.tickers)
        self._filter()

    def remember(self, state: QSettings) -> None:
        state.setValue("alerts_shown", self.which.currentData())

    def recall(self, state: QSettings) -> None:
        place = self.which.findData(state.value("alerts_shown", "all"))
        self.which.setCurrentIndex(max(place, 0))

    def acknowledge(self) -> None:
        """Keep that the chosen alert was seen, with the note."""
        alert = self._current()
        if alert is not None:
            note, now = self.note.text().strip(), utc_now()
            self.desk.write("acknowledgement", partial(acknowledge_alert, alert=alert, note=note, now=now))

    def show_on_chart(self) -> None:
        """Go to the chosen alert's session on the Market page; for the whole market, at the ticker chosen."""
        alert = self._current()
        if alert is not None:
            self.desk.go_to("market", "" if alert.ticker == MARKET else alert.ticker, alert.session)

    def _filter(self) -> None:
        chosen = self._current()
        alerts = self.view.chosen(self.which.currentData())
        self.model.show_rows(alerts)
        hidden = len(self.view.alerts) - len(alerts)
        self.none.setText(
            tr("{count} not shown: choose “{choice}”.", count=count(hidden, "alert"), choice=SHOWN["all"])
            if hidden
            else NOTHING
        )
        self.none.setVisible(not alerts)
        keys = [(alert.ticker, alert.session, alert.measure) for alert in alerts]
        key = (chosen.ticker, chosen.session, chosen.measure) if chosen is not None else None
        self.table.selectRow(keys.index(key) if key in keys else 0)
        self._choose()

    def _current(self) -> Alert | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def _choose(self) -> None:
        alert = self._current()
        self._enable()
        self.detail.setText(
            in_full(alert) if alert is not None else tr("Choose an alert to read it in full.")
        )
        self.note.setText(alert.note if alert is not None else "")

    def _enable(self) -> None:
        usable = self._current() is not None
        for widget in (self._seen, self._chart, self.note):
            widget.setEnabled(usable)
