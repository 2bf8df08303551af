"""Sources: how fresh each one is and what to do where it is off; what runs and ran; what the doctor says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QTabWidget, QVBoxLayout, QWidget

from collectors.market_calendar import utc_now
from desktop_app.freshness import (
    SENTIMENT_MODEL,
    SourceRow,
    SourcesView,
    load_sources_view,
    next_run,
    posts_note,
)
from desktop_app.gui.desk import Desk
from desktop_app.gui.doctor_panel import DoctorPanel
from desktop_app.gui.jobs_panel import JobsPanel
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.gui.workers import Read
from desktop_app.words import moment
from resources.language import tr

SIGNS = {"fresh": tr("● fresh"), "stale": tr("◐ stale"), "missing": tr("○ missing")}
FETCH_HINT = tr(
    "Downloads FinBERT, checks it, and goes on where a download broke off; posts are then read by it"
)


class SourcesPage(Page):
    """A row per source, the jobs, and the doctor."""

    title = tr("Sources")
    lead = tr("What is stored, how old it is, and what to do where it is off.")

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.view, self._next = SourcesView(), dict[str, str]()
        self.model = RecordModel(self._columns(), muted=lambda row: row.state == "stale")
        self.table = table_of(self.model, tr("Sources"), wrap=True)
        self.note = label(wrap=True)
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.note.setOpenExternalLinks(True)
        self.fetch = QPushButton(tr("Fetch FinBERT (438 MB)"))
        self.fetch.setToolTip(FETCH_HINT)
        self.fetch.clicked.connect(lambda: desk.start(("models", "fetch"), ("score",)))
        desk.work_changed.connect(lambda working: self.fetch.setEnabled(not working))
        self.jobs, self.doctor = JobsPanel(desk), DoctorPanel(desk)
        self.doctor.examined.connect(self._show_next)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._sources(), tr("Sources"))
        self.tabs.addTab(self.jobs, tr("Jobs"))
        self.tabs.addTab(self.doctor, tr("Doctor"))
        page_layout(self).addWidget(self.tabs)

    def _sources(self) -> QWidget:
        widget = QWidget()
        layout = QVBoxLayout(widget)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        line = QHBoxLayout()
        line.addWidget(self.fetch)
        line.addStretch()
        layout.addLayout(line)
        return widget

    def _columns(self) -> tuple[Column[SourceRow], ...]:
        return (
            Column(tr("Source"), lambda row: row.title),
            Column(tr("State"), lambda row: SIGNS[row.state]),
            Column(tr("Newest"), lambda row: row.newest),
            Column(tr("Age"), lambda row: row.age),
            Column(tr("Stored"), lambda row: row.content, tooltip=lambda row: row.names),
            Column(tr("Doubts"), lambda row: row.doubts),
            Column(tr("Last success"), lambda row: row.last_success),
            Column(tr("Next run"), self._next_run),
            Column(
                tr("What to do"),
                lambda row: row.advice,
                tooltip=lambda row: row.advice,
                stretch=True,
                called_for=True,
            ),
        )

    def _next_run(self, row: SourceRow) -> str:
        return next_run(row, self._next, scheduled=self.view.scheduled, now=utc_now())

    def reading(self) -> Read:
        now = utc_now()
        self.show_as_of(tr("As of {moment}", moment=moment(now)))
        return partial(load_sources_view, now=now, home=self.desk.home)

    def show_rows(self, rows: SourcesView) -> None:
        self.view = rows
        self.model.show_rows(rows.rows)
        self.jobs.show_runs(rows.runs)
        self.note.setText(posts_note(rows.rows))
        self.note.setVisible(bool(self.note.text()))
        self.fetch.setVisible(
            any(row.title == SENTIMENT_MODEL and row.state == "missing" for row in rows.rows)
        )
        if not self.doctor.asked:
            self.doctor.examine()

    def _show_next(self, runs: Mapping[str, str]) -> None:
        self._next = dict(runs)
        self.model.show_rows(self.model.rows)
        many = len(self.doctor.model.rows)
        self.tabs.setTabText(2, tr("Doctor ({many})", many=many) if many else tr("Doctor"))
