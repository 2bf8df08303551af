"""The window: navigation at the left, one page at a time beside it, and the two lines of the frame."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QWidget

from collectors.errors import CollectorError
from desktop_app.gui.crash import offer_report, watch_for_defects
from desktop_app.gui.desk import Desk
from desktop_app.gui.first_run import FirstRun
from desktop_app.gui.market_page import MarketPage
from desktop_app.gui.navigation import Navigation
from desktop_app.gui.one_window import OneWindow
from desktop_app.gui.page import Page
from desktop_app.gui.pages import PAGES
from desktop_app.gui.palette import Deed, Palette
from desktop_app.gui.pictures import save_png, save_report, save_svg
from desktop_app.gui.polite_end import ending_when_asked
from desktop_app.gui.theme import Theme, apply_theme, theme_named
from desktop_app.gui.tray import Tray
from desktop_app.gui.work_bar import THEME_NAMES, WORK, StatusLine, WorkBar
from desktop_app.settings import Settings, load_settings
from desktop_app.snapshot import Overview, company_name
from resources.language import tr

WINDOW_STATE_NAME = "window.ini"
PALETTE_KEYS = ("Ctrl+K", "F1")
NEW_OBJECTS = 50_000  # so many more make a collection worth its time
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
        for key in PALETTE_KEYS:
            QShortcut(QKeySequence(key), self, self.open_palette)
        QShortcut(QKeySequence("Ctrl+Q"), self, self.close)
        self.work_bar.picture_wanted.connect(self.save_picture)
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
        page = self.page(name)
        self._stack.setCurrentWidget(page)
        self.navigation.show_page(name)
        (page.first or page).setFocus()

    def shown_page(self) -> str:
        """Return the name of the page on screen."""
        return next(name for name, page in self._pages.items() if page is self._stack.currentWidget())

    def open_palette(self) -> Palette:
        """Ask what to do or where to go, with every shortcut beside it."""
        palette = Palette(self.deeds(), self)
        palette.open()
        return palette

    def begin(self) -> FirstRun:
        """Lead from an empty home to a forecast in three steps."""
        steps = FirstRun(self.desk, self)
        steps.open()
        return steps

    def deeds(self) -> list[Deed]:
        """Return all that the window can do."""
        found = [
            Deed(tr("Go to {title}", title=entry.title), entry.shortcut, partial(self.open_page, entry.name))
            for entry in PAGES
        ]
        found += [
            Deed(f"{name}: {hint}", key, partial(self.desk.start, *commands))
            for name, hint, key, commands in WORK
        ]
        found += [
            Deed(tr("Read everything anew"), "F5", self.desk.reload),
            Deed(tr("Search the watchlist"), "Ctrl+F", partial(self.open_page, "market")),
            Deed(tr("Do, or go to; all shortcuts"), "Ctrl+K, F1", self.open_palette),
            Deed(tr("Begin: prices, keys and a first forecast in three steps"), "", self.begin),
            Deed(tr("Quit"), "Ctrl+Q", self.close),
        ]
        if self.tray is not None:
            found.append(
                Deed(tr("Collect on schedule: on or off"), "", partial(self._switch_schedule, self.tray))
            )
        found += [
            Deed(tr("Theme: {name}", name=title.lower()), "", partial(self._choose_theme, name))
            for name, title in THEME_NAMES.items()
        ]
        found += [Deed(title, "", act) for title, act in self.work_bar.picture_entries()]
        return found + [
            Deed(
                f"{ticker} {company_name(ticker)}",
                "",
                partial(self.desk.go_to, "market", ticker),
                hidden=True,
            )
            for ticker in self.desk.overview.tickers
        ]

    def _switch_schedule(self, tray: Tray) -> None:
        tray.collect.trigger()
        self.desk.say(tray.holder.text())

    def _choose_theme(self, name: str) -> None:
        self.desk.change_settings(replace(self.desk.settings, theme=name))

    def save_picture(self, kind: str, path: str) -> None:
        """Save the chart as PNG or SVG, or a report on the ticker as PDF."""
        market = self.page("market")
        if not isinstance(market, MarketPage) or market.snapshot is None:
            self.desk.say(tr("There is no ticker on the Market page to draw yet"), warning=True)
            return
        try:
            if kind == "pdf":
                save_report(market.snapshot, market.chart, Path(path))
            else:
                (save_svg if kind == "svg" else save_png)(market.chart, Path(path))
        except CollectorError as error:
            self.desk.say(str(error), warning=True)
        else:
            self.desk.say(tr("Written to {path}", path=path))

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
        """Put an icon into the system's tray: while it collects there, closing only hides us."""
        self.tray = Tray(
            self.desk.home, self.desk.theme, self._state, open_window=self.come_forward,
            open_alerts=self._open_alerts, leave=self.leave,
            say=partial(self.desk.say, warning=True), program=self.desk.program, parent=self,
        )  # fmt: skip
        self.desk.overview_changed.connect(self.tray.show_overview)
        self.desk.theme_changed.connect(self.tray.show_theme)
        self.tray.open()
        return self.tray

    def come_forward(self) -> None:
        """Show the window before all others, also where it was minimised."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def _open_alerts(self) -> None:
        self.come_forward()
        self.open_page("alerts")

    def leave(self) -> None:
        """End the window for good, also while it collects."""
        self._leaving = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.tray is not None and self.tray.collecting and self.tray.there and not self._leaving:
            event.ignore()
            self.hide()
            self.tray.tell(tr("Collecting goes on. Quit in this icon's menu ends it."))
            return
        if self._remember:
            self._state.setValue("geometry", self.saveGeometry())
            self._state.setValue("ticker", self.desk.ticker)
            self._state.setValue("page", self.shown_page())
            for page in self._pages.values():
                page.remember(self._state)
            self._state.sync()
        self.hide()  # what runs may take seconds to end
        self.desk.close()
        if self.tray is not None:
            self.tray.close()
        event.accept()
        self.closed.emit()


def collect_rarely() -> None:
    """Look for garbage less often than Python does, and never at what is there now: it stays to the end.

    A ticker with its history is tens of thousands of objects without a cycle among them.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)


def run_app(home: Path, trouble: str = "") -> int:
    """Open the window on a home and return the exit code when it is closed.

    ``trouble`` is what went wrong before there was a window to say it in.

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
    alone = OneWindow(home)
    if alone.taken():
        return 0
    window = MainWindow(home, settings)
    alone.take(window.come_forward)
    watch_for_defects(home, partial(window.desk.say, warning=True))
    window.add_tray()
    QGuiApplication.setQuitOnLastWindowClosed(False)
    window.closed.connect(app.quit)
    window.show()
    if trouble:
        window.desk.say(trouble, warning=True)
    offer_report(home, window)
    if not window.desk.has_record:
        window.begin()
    collect_rarely()
    with ending_when_asked(window.leave):
        code = app.exec()
    alone.close()
    sys.excepthook = sys.__excepthook__
    return code
