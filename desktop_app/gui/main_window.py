"""The window: navigation at the left, one page at a time beside it, and the two lines of the frame."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QSystemTrayIcon, QWidget

from desktop_app.gui.desk import Desk
from desktop_app.gui.navigation import Navigation
from desktop_app.gui.page import Page
from desktop_app.gui.pages import PAGES
from desktop_app.gui.theme import Theme, apply_theme, theme_named
from desktop_app.gui.tray import Tray
from desktop_app.gui.work_bar import StatusLine, WorkBar
from desktop_app.settings import Settings, load_settings
from desktop_app.snapshot import Overview

WINDOW_STATE_NAME = "window.ini"
WIDTH_FOR_TITLES = 1180  # pixels; in a narrower window the navigation shows icons alone


class MainWindow(QMainWindow):
    """The frame around the pages of PAGES; a page is built when it is opened first."""

    closed = Signal()  # for good, not into the tray

    def __init__(
        self, home: Path, settings: Settings, program: tuple[str, ...] = (), *, remember: bool = True
    ) -> None:
        super().__init__()
        self._state = QSettings(str(home / WINDOW_STATE_NAME), QSettings.Format.IniFormat)
        self._remember = remember
        self._entries = {entry.name: entry for entry in PAGES}
        self._pages: dict[str, Page] = {}
        self.tray: Tray | None = None
        self._leaving = False
        self.desk = Desk(home, settings, program, self)
        self.desk.open(self._remembered("ticker"))
        self.setWindowTitle("Barograph")
        self._build()
        self._connect()
        self.resize(1400, 900)
        if remember:
            self._restore_geometry()
        first = self._remembered("page")
        self.open_page(first if first in self._entries else PAGES[0].name)

    def _build(self) -> None:
        self.navigation = Navigation(PAGES, self.desk.theme)
        self._stack = QStackedWidget()
        self._stack.setContentsMargins(8, 8, 8, 8)
        middle = QWidget()
        layout = QHBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.navigation)
        layout.addWidget(self._stack, 1)
        self.setCentralWidget(middle)
        self.work_bar, self.status = WorkBar(self.desk), StatusLine(self.desk)
        self.addToolBar(self.work_bar)
        self.setStatusBar(self.status)

    def _connect(self) -> None:
        self.navigation.page_chosen.connect(self.open_page)
        self.desk.place_wanted.connect(self._go_to)
        self.desk.overview_changed.connect(self._show_overview)
        self.desk.theme_changed.connect(self._show_theme)
        for entry in PAGES:
            QShortcut(QKeySequence(entry.shortcut), self, partial(self.open_page, entry.name))
        QShortcut(QKeySequence("F5"), self, self.desk.reload)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.desk.follow_system)

    # Pages ----------------------------------------------------------------------------------------

    def page(self, name: str) -> Page:
        """Return a page of PAGES, built now if it was never opened."""
        if name not in self._pages:
            page = self._entries[name].create(self.desk)
            if self._remember:
                page.recall(self._state)
            self._pages[name] = page
            self._stack.addWidget(page)
        return self._pages[name]

    def open_page(self, name: str) -> None:
        """Bring a page on screen."""
        self._stack.setCurrentWidget(self.page(name))
        self.navigation.show_page(name)
        self.page(name).setFocus()

    def shown_page(self) -> str:
        """Return the name of the page on screen."""
        return next(name for name, page in self._pages.items() if page is self._stack.currentWidget())

    def _go_to(self, name: str, session: str) -> None:
        self.open_page(name)
        if session:
            self.page(name).show_session(session)

    def _show_overview(self, overview: Overview) -> None:
        self.navigation.show_badges(overview.badges)

    def _show_theme(self, theme: Theme) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, theme)
        self.navigation.show_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.navigation.show_titles(event.size().width() >= WIDTH_FOR_TITLES)

    # Memory and end -------------------------------------------------------------------------------

    def _remembered(self, key: str) -> str:
        return str(self._state.value(key, "")) if self._remember else ""

    def _restore_geometry(self) -> None:
        value = self._state.value("geometry")
        if isinstance(value, QByteArray):
            self.restoreGeometry(value)

    def add_tray(self) -> Tray:
        """Put an icon into the system's tray: while it collects, closing the window only hides it."""
        self.tray = Tray(
            self.desk.home, self.desk.theme, self._state, open_window=self._come_back, leave=self._leave,
            program=self.desk.program, parent=self,
        )  # fmt: skip
        self.tray.open()
        return self.tray

    def _come_back(self) -> None:
        self.show()
        self.activateWindow()

    def _leave(self) -> None:
        self._leaving = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.tray is not None and self.tray.collecting and not self._leaving:
            event.ignore()
            self.hide()
            self.tray.tell("Collecting goes on. Quit in this icon's menu ends it.")
            return
        if self._remember:
            self._state.setValue("geometry", self.saveGeometry())
            self._state.setValue("ticker", self.desk.ticker)
            self._state.setValue("page", self.shown_page())
            for page in self._pages.values():
                page.remember(self._state)
            self._state.sync()
        self.desk.close()
        if self.tray is not None:
            self.tray.close()
        event.accept()
        self.closed.emit()


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
    if QSystemTrayIcon.isSystemTrayAvailable():
        window.add_tray()
        QGuiApplication.setQuitOnLastWindowClosed(False)
        window.closed.connect(app.quit)
    window.show()
    return app.exec()
