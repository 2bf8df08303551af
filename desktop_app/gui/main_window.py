"""The window: watchlist, chart, forecast, and what lies behind them; starts work and shows its results."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QFileInfo, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QActionGroup, QCloseEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMainWindow,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolBar,
    QWidget,
)

from collectors.errors import CollectorError
from collectors.market_calendar import utc_now
from desktop_app.alerts import Alert, acknowledge_alert, load_alerts
from desktop_app.export import export_anomalies, export_forecasts, export_posts, export_track_record
from desktop_app.freshness import load_freshness
from desktop_app.gui.alerts_panel import AlertsPanel
from desktop_app.gui.chart_panel import ChartPanel
from desktop_app.gui.forecast_panel import ForecastPanel
from desktop_app.gui.posts_panel import PostsPanel
from desktop_app.gui.sources_panel import SourcesPanel
from desktop_app.gui.tables import EmptyState, label, set_role
from desktop_app.gui.theme import apply_theme, theme_named
from desktop_app.gui.watchlist_panel import WatchlistPanel
from desktop_app.gui.workers import Command, Read, Reader
from desktop_app.settings import THEMES, Settings, load_settings, save_settings
from desktop_app.snapshot import (
    PostRow,
    Snapshot,
    WatchRow,
    load_posts_of_day,
    load_snapshot,
    load_watch_rows,
    posts_heading,
)
from desktop_app.store import DATABASE_NAME
from desktop_app.words import count, day

logger = logging.getLogger(__name__)

WINDOW_STATE_NAME = "window.ini"
WATCH_FILE_MS = 5000  # how often to look whether another program has written the record
EXPORTS: dict[str, Callable[..., int]] = {
    "forecasts": export_forecasts,
    "anomalies": export_anomalies,
    "posts": export_posts,
    "track-record": export_track_record,
}
NO_DATA = (
    "Nothing is stored yet",
    "Collect fetches prices now. Or close this window and run “barograph demo” for a sample, or "
    "“barograph import prices FOLDER” for files you already have.",
)


class MainWindow(QMainWindow):
    """Everything on one page; ``page_shown`` tells that a ticker is complete on screen."""

    page_shown = Signal(str)

    def __init__(
        self, home: Path, settings: Settings, program: tuple[str, ...] = (), *, remember: bool = True
    ) -> None:
        super().__init__()
        self.home, self.settings = home, settings
        self.theme = theme_named(settings.theme)
        self.snapshot: Snapshot | None = None
        self._wanted_session = ""
        self._remember = remember
        self._queue: list[tuple[str, ...]] = []
        self._stamp: tuple[int, ...] = ()
        self.reader = Reader(home, self)
        self.command = Command(home, self, program)
        self._state = QSettings(str(home / WINDOW_STATE_NAME), QSettings.Format.IniFormat)
        self._ticker = str(self._state.value("ticker", "")) if remember else ""
        self.setWindowTitle("Barograph")
        self.reader.start()
        self._ask()  # the thread reads while the widgets are built
        self._build()
        self._connect()
        self._restore()
        self.watchlist.view.setFocus()
        self._show_no_data_yet()

    # Building -------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.watchlist, self.chart = WatchlistPanel(self.theme), ChartPanel(self.theme)
        self.forecast, self.posts = ForecastPanel(), PostsPanel()
        self.alerts, self.sources = AlertsPanel(), SourcesPanel()
        self.tabs = QTabWidget()
        for widget, title in ((self.posts, "Posts"), (self.alerts, "Alerts"), (self.sources, "Sources")):
            self.tabs.addTab(widget, title)
        self._middle = QSplitter(Qt.Orientation.Vertical)
        self._middle.addWidget(self.chart)
        self._middle.addWidget(self.tabs)
        self._middle.setSizes([520, 230])
        self._split = QSplitter(Qt.Orientation.Horizontal)
        for column in (self.watchlist, self._middle, self.forecast):
            self._split.addWidget(column)
        self._split.setSizes([250, 820, 310])
        for position, stretch in enumerate((0, 1, 0)):
            self._split.setStretchFactor(position, stretch)
        for splitter in (self._middle, self._split):
            splitter.setHandleWidth(8)
            splitter.setChildrenCollapsible(False)
        self.watchlist.setMinimumWidth(210)
        self.forecast.setMinimumWidth(280)
        self.empty = EmptyState(*NO_DATA, "Collect prices")
        self._pages = QStackedWidget()
        self._pages.setContentsMargins(8, 8, 8, 8)
        self._pages.addWidget(self._split)
        self._pages.addWidget(self.empty)
        self.setCentralWidget(self._pages)
        self._build_toolbar()
        self._build_status()

    def _build_toolbar(self) -> None:
        bar = QToolBar("Work")
        bar.setObjectName("work")
        bar.setMovable(False)
        self.addToolBar(bar)
        self.buttons: dict[str, QPushButton] = {}
        for name, hint, shortcut in (
            ("Collect", "Fetch new prices, posts and macro figures", "Ctrl+L"),
            ("Train", "Fit the model to what is stored, then forecast; takes minutes", "Ctrl+T"),
            ("Refresh", "Forecast anew from what is stored", "Ctrl+R"),
        ):
            button = QPushButton(name)
            button.setToolTip(f"{hint} ({shortcut})")
            button.setShortcut(QKeySequence(shortcut))
            self.buttons[name] = button
            bar.addWidget(button)
        bar.addWidget(
            self._menu_button("Export", [(name, partial(self._ask_export, name)) for name in EXPORTS])
        )
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        bar.addWidget(self._theme_button())

    def _menu_button(self, title: str, entries: list[tuple[str, Callable[[], None]]]) -> QPushButton:
        button = QPushButton(f"{title} ▾")
        button.setAccessibleName(title)
        menu = QMenu(button)
        for name, act in entries:
            menu.addAction(name.replace("-", " ").capitalize() + " …").triggered.connect(act)
        button.setMenu(menu)
        return button

    def _theme_button(self) -> QPushButton:
        button = self._menu_button("Theme", [])
        group = QActionGroup(self)
        for name in THEMES:
            action = button.menu().addAction(name.capitalize())
            action.setCheckable(True)
            action.setChecked(name == self.settings.theme)
            action.triggered.connect(partial(self._choose_theme, name))
            group.addAction(action)
        return button

    def _build_status(self) -> None:
        self.message = label("")
        self.message.setMinimumWidth(10)
        self.progress = QProgressBar()
        self.progress.setFixedWidth(220)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self._cancel)
        self.as_of = label("", "muted")
        status = self.statusBar()
        status.setSizeGripEnabled(False)
        status.addWidget(self.message, 1)
        for widget in (self.progress, self.cancel, self.as_of):
            status.addPermanentWidget(widget)
        self._show_working(False)

    def _connect(self) -> None:
        self.watchlist.ticker_chosen.connect(self._show_ticker)
        self.chart.day_chosen.connect(self._show_day)
        self.alerts.alert_chosen.connect(self.go_to)
        self.alerts.alert_acknowledged.connect(self._acknowledge)
        self.forecast.train_asked.connect(lambda: self.start_work("train", "refresh"))
        self.empty.button.clicked.connect(lambda: self.start_work("collect"))
        self.buttons["Collect"].clicked.connect(lambda: self.start_work("collect"))
        self.buttons["Train"].clicked.connect(lambda: self.start_work("train", "refresh"))
        self.buttons["Refresh"].clicked.connect(lambda: self.start_work("refresh"))
        self.reader.read_finished.connect(self._receive)
        self.reader.read_failed.connect(lambda key, problem: self._say(f"{key}: {problem}", warning=True))
        self.command.progressed.connect(self._show_progress)
        self.command.succeeded.connect(self._work_done)
        self.command.failed.connect(self._work_failed)
        self.command.cancelled.connect(self._work_cancelled)
        QShortcut(QKeySequence("F5"), self, self.reload)
        QShortcut(QKeySequence("Ctrl+F"), self, self.watchlist.search.setFocus)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)
        self._file_timer = QTimer(self)
        self._file_timer.timeout.connect(self._reload_if_changed)
        self._file_timer.start(WATCH_FILE_MS)

    # Reading --------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read everything anew."""
        self._ask()
        self._show_no_data_yet()

    def _show_no_data_yet(self) -> None:
        if not (self.home / DATABASE_NAME).is_file():
            self._pages.setCurrentWidget(self.empty)

    def _ask(self) -> None:
        self._stamp = self._file_stamp()
        if not (self.home / DATABASE_NAME).is_file():
            return
        self._read("watchlist", partial(load_watch_rows, settings=self.settings))
        if self._ticker:
            self._read("ticker", partial(load_snapshot, ticker=self._ticker, settings=self.settings))

    def _read(self, key: str, job: Read) -> None:
        self.reader.read(key, job)

    def _receive(self, key: str, result: object) -> None:
        """The one door for what was read."""
        match key:
            case "watchlist":
                self._show_watchlist(result)  # type: ignore[arg-type]
            case "ticker":
                self._show_snapshot(result)  # type: ignore[arg-type]
            case "posts":
                self._show_posts(*result)  # type: ignore[misc]
            case "alerts":
                self._show_alerts(result)  # type: ignore[arg-type]
            case "sources":
                self.sources.show_sources(result)  # type: ignore[arg-type]
            case "acknowledgement":
                self.reload()
            case "export":
                self._say(str(result))

    def _show_watchlist(self, rows: list[WatchRow]) -> None:
        self._pages.setCurrentWidget(self._split if rows else self.empty)
        self.watchlist.show_rows(rows)
        if rows and not self.watchlist.chosen() and not self.watchlist.choose(self._ticker):
            self.watchlist.choose(rows[0].ticker)
        new = sum(bool(row.alert) for row in rows)
        self.tabs.setTabText(self.tabs.indexOf(self.alerts), f"Alerts ({new} new)" if new else "Alerts")
        self.as_of.setText(f"Prices through {day(max(row.session for row in rows))}" if rows else "")
        self._read("alerts", partial(load_alerts, settings=self.settings))
        self._read("sources", partial(load_freshness, now=utc_now(), home=self.home))

    def _show_alerts(self, alerts: list[Alert]) -> None:
        self.alerts.show_alerts(alerts)

    def show_ticker(self, ticker: str) -> None:
        """Choose a ticker as if it were clicked."""
        if not self.watchlist.choose(ticker):
            self._show_ticker(ticker)

    def _show_ticker(self, ticker: str) -> None:
        if ticker != self._ticker:
            self._ticker = ticker
            self._read("ticker", partial(load_snapshot, ticker=ticker, settings=self.settings))

    def _show_snapshot(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        self.chart.show_snapshot(snapshot)
        self.forecast.show_snapshot(snapshot)
        if snapshot is None:
            return
        session, self._wanted_session = self._wanted_session, ""
        position = snapshot.position(session) if session else snapshot.last_day_with_posts()
        if session:
            self.chart.chart.choose_day(position)
        self._show_day(position)
        self.page_shown.emit(snapshot.ticker)

    def _show_day(self, position: int) -> None:
        if self.snapshot is not None:
            self._read("posts", partial(_posts_of, snapshot=self.snapshot, position=position))

    def _show_posts(self, heading: str, posts: list[PostRow]) -> None:
        self.posts.show_posts(heading, posts)

    def go_to(self, ticker: str, session: str) -> None:
        """Show a ticker at a session."""
        if self.snapshot is not None and ticker == self.snapshot.ticker:
            position = self.snapshot.position(session)
            self.chart.chart.choose_day(position)
            self._show_day(position)
        else:
            self._wanted_session = session
            self.show_ticker(ticker)

    def _acknowledge(self, alert: Alert, note: str) -> None:
        self.reader.do("acknowledgement", partial(acknowledge_alert, self.home, alert, note, utc_now()))

    def _file_stamp(self) -> tuple[int, ...]:
        names = (DATABASE_NAME, f"{DATABASE_NAME}-wal")
        files = [QFileInfo(str(self.home / name)) for name in names]
        return tuple(
            number
            for file in files
            for number in (file.lastModified().toMSecsSinceEpoch() if file.exists() else 0, file.size())
        )

    def _reload_if_changed(self) -> None:
        if not self.command.running and self._file_stamp() != self._stamp:
            self.reload()

    # Working --------------------------------------------------------------------------------------

    def start_work(self, *commands: str) -> None:
        """Run commands one after another, each in a process; a second wish waits for the person."""
        if self.command.running:
            return
        self._queue = [(command,) for command in commands]
        self._start_next()

    def _start_next(self) -> None:
        command, *self._queue = self._queue
        self._say(f"{command[0].capitalize()} …")
        self.progress.setRange(0, 0)
        self._show_working(True)
        self._work_name = command[0]
        self.command.start(*command)

    def _show_progress(self, stage: str, done: int, total: int, message: str) -> None:
        self.progress.setRange(0, max(total, 0))
        self.progress.setValue(done)
        self._say(" – ".join(part for part in (self._work_name.capitalize(), stage, message) if part))

    def _work_done(self, _result: object) -> None:
        if self._queue:
            self._start_next()
            return
        self._show_working(False)
        self._say(f"{self._work_name.capitalize()}: done")
        self.reload()

    def _work_failed(self, problem: str) -> None:
        self._queue = []
        self._show_working(False)
        self._say(f"{self._work_name.capitalize()} did not work: {problem}", warning=True)
        self.reload()

    def _work_cancelled(self) -> None:
        self._queue = []
        self._show_working(False)
        self._say(f"{self._work_name.capitalize()} was cancelled; what was saved before stands")
        self.reload()

    def _cancel(self) -> None:
        self._queue = []
        self.cancel.setEnabled(False)
        self.command.cancel()

    def _show_working(self, working: bool) -> None:
        self.progress.setVisible(working)
        self.cancel.setVisible(working)
        self.cancel.setEnabled(working)
        for button in (*self.buttons.values(), self.forecast.empty.button, self.empty.button):
            button.setEnabled(not working)

    def _say(self, text: str, *, warning: bool = False) -> None:
        self.message.setText(text)
        self.message.setToolTip(text)
        set_role(self.message, "warning" if warning else "")

    # Exporting ------------------------------------------------------------------------------------

    def _ask_export(self, name: str) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, f"Export {name}", str(Path.home() / f"barograph-{name}.csv"), "CSV (*.csv)"
        )
        if path:
            self.export(name, Path(path))

    def export(self, name: str, out: Path) -> None:
        """Write a CSV on the reading thread and say how many rows it has."""
        self._read("export", partial(_exported, name=name, out=out))

    # Look and end ---------------------------------------------------------------------------------

    def _choose_theme(self, name: str) -> None:
        self.settings = replace(self.settings, theme=name)
        self._follow_system()
        try:
            save_settings(self.home, self.settings)
        except CollectorError as error:
            self._say(str(error), warning=True)

    def _follow_system(self) -> None:
        theme = theme_named(self.settings.theme)
        if theme == self.theme:
            return
        self.theme = theme
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, theme)
        self.watchlist.show_theme(theme)
        self.chart.show_theme(theme)

    def _restore(self) -> None:
        self.resize(1400, 900)
        if not self._remember:
            return
        for name, restore in (
            ("geometry", self.restoreGeometry),
            ("columns", self._split.restoreState),
            ("rows", self._middle.restoreState),
        ):
            value = self._state.value(name)
            if isinstance(value, QByteArray):
                restore(value)
        kinds = self._state.value("marks")
        if isinstance(kinds, str):
            self.chart.show_kinds(kinds.split())

    def closeEvent(self, event: QCloseEvent) -> None:
        self._file_timer.stop()
        if self._remember:
            self._save_state()
        self.command.close()
        self.reader.close()
        event.accept()

    def _save_state(self) -> None:
        self._state.setValue("geometry", self.saveGeometry())
        self._state.setValue("columns", self._split.saveState())
        self._state.setValue("rows", self._middle.saveState())
        self._state.setValue("marks", " ".join(self.chart.shown_kinds()))
        self._state.setValue("ticker", self._ticker)
        self._state.sync()


def _posts_of(db: sqlite3.Connection, snapshot: Snapshot, position: int) -> tuple[str, list[PostRow]]:
    posts = load_posts_of_day(db, snapshot, position)
    return posts_heading(snapshot, position, len(posts)), posts


def _exported(db: sqlite3.Connection, name: str, out: Path) -> str:
    rows = EXPORTS[name](db, out)
    return f"{count(rows, 'row')} written to {out}"


def run_app(home: Path) -> int:
    """Open the window on a home and return the exit code when it is closed.

    Raises
    ------
    BadInput
        The home's settings cannot be used.
    """
    settings = load_settings(home)
    app = QApplication.instance() or QApplication(["barograph"])
    if isinstance(app, QApplication):
        app.setApplicationName("Barograph")
        apply_theme(app, theme_named(settings.theme))
    home.mkdir(parents=True, exist_ok=True)
    window = MainWindow(home, settings)
    window.show()
    return app.exec()
