"""The first start: three steps from an empty home to a forecast."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app.gui.desk import Desk
from desktop_app.gui.tables import label, set_role
from desktop_app.secrets import save_secret
from desktop_app.setting_words import value_of
from desktop_app.store import open_home, ticker_of, watch
from resources import sample_paths
from resources.language import tr

STEPS = (tr("1 of 3 · Prices"), tr("2 of 3 · What else may be read"), tr("3 of 3 · The first forecast"))
TRAINING = (("train",), ("refresh",))


class FirstRun(QDialog):
    """Prices from the sample, from files or from Yahoo; what else is read; then the first forecast."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self._ended = False
        self.setWindowTitle(tr("Begin"))
        self.setModal(True)
        self.resize(620, 400)
        self.title, self.problem = label("", "title"), label("", "warning", wrap=True)
        self._steps = QStackedWidget()
        for step in (self._prices(), self._more(), self._forecast()):
            self._steps.addWidget(step)
        self.back, self.forth = QPushButton(tr("Back")), QPushButton(tr("Next"))
        self.forth.setProperty("role", "primary")
        self.later = QPushButton(tr("Not now"))
        self.back.clicked.connect(partial(self._turn, -1))
        self.forth.clicked.connect(partial(self._turn, 1))
        self.later.clicked.connect(self.reject)
        line = QHBoxLayout()
        line.addWidget(self.later)
        line.addStretch()
        line.addWidget(self.back)
        line.addWidget(self.forth)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(10)
        for widget in (self.title, self._steps, self.problem):
            layout.addWidget(widget, 1 if widget is self._steps else 0)
        layout.addLayout(line)
        desk.work_changed.connect(self._follow_work)
        desk.work_progressed.connect(self._show_progress)
        desk.said.connect(self._hear)
        self._show_step(0)

    # Steps ----------------------------------------------------------------------------------------

    def _prices(self) -> QWidget:
        step = QWidget()
        layout = QVBoxLayout(step)
        self._sources = QButtonGroup(self)
        self.sample = QRadioButton(tr("The embedded sample: 31 tickers through March 2021; needs no network"))
        self.files = QRadioButton(
            tr("Files that I have (CSV of Yahoo, Stooq, AlphaVantage and others; zip, gz)")
        )
        self.yahoo = QRadioButton(tr("Yahoo, now, for these tickers:"))
        self.folder, self.tickers = QLineEdit(), QLineEdit("AAPL, MSFT, SPY")
        self.folder.setPlaceholderText(tr("A folder or a file"))
        self.folder.setAccessibleName(tr("Folder or file of prices"))
        self.tickers.setAccessibleName(tr("Tickers to collect"))
        choose = QPushButton(tr("Choose …"))
        choose.clicked.connect(self._choose_folder)
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(choose)
        self.folder.textEdited.connect(lambda: self.files.setChecked(True))
        self.tickers.textEdited.connect(lambda: self.yahoo.setChecked(True))
        for button in (self.sample, self.files, self.yahoo):
            self._sources.addButton(button)
        self.sample.setChecked(True)
        layout.addWidget(self.sample)
        layout.addWidget(self.files)
        layout.addLayout(row)
        layout.addWidget(self.yahoo)
        layout.addWidget(self.tickers)
        layout.addStretch()
        return step

    def _more(self) -> QWidget:
        step = QWidget()
        layout = QVBoxLayout(step)
        self.fred, self.contact = QLineEdit(), QLineEdit()
        self.fred.setEchoMode(QLineEdit.EchoMode.Password)
        self.fred.setAccessibleName(tr("FRED's key"))
        self.contact.setAccessibleName(tr("E-mail address for the SEC"))
        layout.addWidget(
            label(tr("Both may stay empty; the page of settings takes them later."), "muted", wrap=True)
        )
        layout.addWidget(
            label(tr("FRED's key, for macro figures (free, https://fredaccount.stlouisfed.org):"), wrap=True)
        )
        layout.addWidget(self.fred)
        layout.addWidget(label(tr("An e-mail address for the SEC, for earnings dates:"), wrap=True))
        layout.addWidget(self.contact)
        layout.addStretch()
        return step

    def _forecast(self) -> QWidget:
        step = QWidget()
        layout = QVBoxLayout(step)
        self.plan, self.state = label("", wrap=True), label("", "muted", wrap=True)
        self.progress = QProgressBar()
        self.progress.setAccessibleName(tr("Progress of the first forecast"))
        self.progress.hide()
        for widget in (self.plan, self.progress, self.state):
            layout.addWidget(widget)
        layout.addStretch()
        return step

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Prices"), str(Path.home()))
        if chosen:
            self.folder.setText(chosen)
            self.files.setChecked(True)

    # Turning --------------------------------------------------------------------------------------

    def _turn(self, step: int, _checked: bool = False) -> None:
        now = self._steps.currentIndex()
        self.problem.setText("")
        if step > 0 and (problem := self._problem(now)):
            self.problem.setText(problem)
        elif step > 0 and now == len(STEPS) - 1:
            self.begin()
        else:
            self._show_step(now + step)

    def _problem(self, step: int) -> str:
        """Return what is missing in a step, else an empty text."""
        if step == 0 and self.files.isChecked() and not self.folder.text().strip():
            return tr("Choose a folder or a file")
        if step == 0 and self.files.isChecked() and not Path(self.folder.text().strip()).exists():
            return tr("There is no such folder or file")
        if step == 0 and self.yahoo.isChecked() and not self._tickers():
            return tr("Type at least one ticker, like AAPL")
        if step == 0 and self.yahoo.isChecked():
            try:
                [ticker_of(ticker) for ticker in self._tickers()]
            except BadInput as error:
                return str(error)
        if step == 1 and self.contact.text().strip():
            try:
                value_of("contact", self.contact.text())
            except ValueError as error:
                return tr("E-mail address: {error}", error=error)
        return ""

    def _show_step(self, step: int) -> None:
        self._steps.setCurrentIndex(step)
        self.title.setText(STEPS[step])
        self.back.setEnabled(step > 0)
        self.forth.setText(tr("Begin") if step == len(STEPS) - 1 else tr("Next"))
        if step == len(STEPS) - 1:
            deeds = tr(", then ").join(
                tr("“barograph {command}”", command=" ".join(command)) for command in self.commands()
            )
            self.plan.setText(
                tr(
                    "This runs {deeds}. Training takes a minute or a few. Hide lets you use the window "
                    "meanwhile; Cancel in its lower right corner ends the work, and what is saved by then "
                    "stays.",
                    deeds=deeds,
                )
            )

    def _tickers(self) -> list[str]:
        return [one.strip().upper() for one in self.tickers.text().split(",") if one.strip()]

    def commands(self) -> list[tuple[str, ...]]:
        """Return the commands that lead to the forecast."""
        if self.files.isChecked():
            return [("import", "prices", self.folder.text().strip()), *TRAINING]
        if self.yahoo.isChecked():
            return [("collect", "prices"), *TRAINING]
        paths = sample_paths()
        return [
            ("import", "prices", str(paths.prices)),
            ("import", "macro", str(paths.macro)),
            ("import", "posts", str(paths.posts)),
            ("score",),
            *TRAINING,
        ]

    def begin(self) -> None:
        """Keep what was typed, then run the commands."""
        contact, key = self.contact.text().strip(), self.fred.text().strip()
        if contact:
            self.desk.change_settings(replace(self.desk.settings, contact=contact))
        if key:
            self.desk.do(tr("keep FRED_API_KEY"), lambda: save_secret("FRED_API_KEY", key), lambda _: None)
        if self.yahoo.isChecked():
            home, tickers, now = self.desk.home, self._tickers(), utc_now()

            def add() -> None:
                with closing(open_home(home)) as db:
                    watch(db, tickers, now)

            self.desk.do("watch", add, lambda _: self._start())
        else:
            self._start()

    def _start(self) -> None:
        self._ended = False
        self.desk.start(*self.commands())

    def _follow_work(self, working: bool) -> None:
        self.progress.setVisible(working)
        for button in (self.back, self.forth):
            button.setEnabled(not working)
        self.later.setText(tr("Hide") if working else tr("Not now"))
        self._ended = not working

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _hear(self, text: str, warning: bool) -> None:
        self.state.setText(text)
        set_role(self.state, "warning" if warning else "muted")
        if self._ended and not warning and text.endswith("done"):
            self.accept()
            self.desk.go_to("market")
