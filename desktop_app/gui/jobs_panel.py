"""What runs now, with its progress, its log and its Cancel; below it what the schedule ran before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from collectors.records import JobRun
from desktop_app.gui.desk import Desk
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.gui.workers import LOG_LINES
from desktop_app.words import day
from resources.language import tr

NOTHING_RUNS = tr("Nothing runs here now.")
OUTCOMES = {
    "done": tr("● done"),
    "retry": tr("◐ to be tried again"),
    "skipped": tr("○ skipped"),
    "failed": tr("✕ failed"),
}


def _took(run: JobRun) -> str:
    took = datetime.fromisoformat(run.finished_at) - datetime.fromisoformat(run.started_at)
    return f"{took.total_seconds():,.0f} s"


COLUMNS = (
    Column[JobRun](tr("Began (UTC)"), lambda run: f"{day(run.started_at)}, {run.started_at[11:16]}"),
    Column[JobRun](tr("Job"), lambda run: run.job),
    Column[JobRun](tr("How it ended"), lambda run: OUTCOMES.get(run.outcome, run.outcome)),
    Column[JobRun](tr("Took"), _took, right=True),
    Column[JobRun](tr("New rows"), lambda run: f"{run.rows:,}", right=True),
    Column[JobRun](
        tr("What it said"), lambda run: run.message, tooltip=lambda run: run.message, stretch=True
    ),
)


class JobsPanel(QWidget):
    """The command that this window runs, and the record of the schedule's jobs."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.now = label(NOTHING_RUNS, "heading")
        self.progress = QProgressBar()
        self.progress.setAccessibleName(tr("Progress of the running job"))
        self.progress.setFixedWidth(220)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setAccessibleName(tr("Cancel the running job"))
        self.cancel.clicked.connect(desk.cancel)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(LOG_LINES)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setAccessibleName(tr("Log of the jobs of this window"))
        self.log.setPlaceholderText(
            tr("What Collect, Train, Refresh and the others say is kept here, until the end.")
        )
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, tr("Runs of the schedule"))
        head = QHBoxLayout()
        head.addWidget(self.now, 1)
        head.addWidget(self.progress)
        head.addWidget(self.cancel)
        upper, lower = QWidget(), QWidget()
        running, ran = QVBoxLayout(upper), QVBoxLayout(lower)
        for layout in (running, ran):
            layout.setContentsMargins(0, 0, 0, 0)
        running.addLayout(head)
        running.addWidget(self.log)
        ran.addWidget(label(tr("What ran before"), "heading"))
        ran.addWidget(self.table)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(upper)
        split.addWidget(lower)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 8, 8, 8)
        outer.addWidget(split)
        desk.logged.connect(self._add)
        desk.work_changed.connect(self._show_working)
        desk.work_progressed.connect(self._show_progress)
        desk.said.connect(self._say)
        self._working = False
        self._show_working(desk.command.running)
        self._add(list(desk.log))

    def show_runs(self, runs: Sequence[JobRun]) -> None:
        """Replace what ran before."""
        self.model.show_rows(runs)

    def _add(self, lines: list[str]) -> None:
        if lines:
            self.log.appendPlainText("\n".join(lines[-LOG_LINES:]))

    def _show_working(self, working: bool) -> None:
        self._working = working
        self.progress.setVisible(working)
        self.cancel.setVisible(working)
        self.now.setText(tr("It runs; what it says comes here.") if working else NOTHING_RUNS)

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _say(self, sentence: str, _warning: bool) -> None:
        if self._working:
            self.now.setText(sentence)
