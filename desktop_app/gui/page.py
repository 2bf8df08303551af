"""What a page of the window is: reads off the main thread, shows rows, follows ticker and record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, ClassVar

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from desktop_app.gui.desk import Desk
from desktop_app.gui.tables import EmptyState, label
from desktop_app.gui.theme import Theme
from desktop_app.gui.workers import Read
from resources.language import tr

NO_RECORD = (
    tr("Nothing is stored yet"),
    tr(
        "Collect fetches prices now. Or close this window and run “barograph demo” for a sample, or "
        "“barograph import prices FOLDER” for files you already have."
    ),
)


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page of the navigation: ``path`` is ``module:Class``, imported when the page is opened first."""

    name: str
    title: str
    shortcut: str
    path: str

    def create(self, desk: Desk) -> Page:
        """Build the page."""
        page: Page = resolve_name(self.path)(desk)
        page.name = self.name
        return page


class Page(QFrame):
    """Base of all pages: a heading, what was read below it, or an empty state that says why and what next.

    A page sets the class variables, gives ``reading`` and ``show_rows``, and puts its widgets into
    ``self.body``. It is read when it is shown and out of date; while hidden it only notes that it is.
    """

    title: ClassVar[str] = ""  # no heading where empty
    lead: ClassVar[str] = ""  # one sentence below the title: what the page is for
    follows_ticker: ClassVar[bool] = False
    needs_record: ClassVar[bool] = True
    slow: ClassVar[bool] = False  # its reading may take longer than a tenth of a second

    completed = Signal()  # what was read is on screen

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.name = type(self).__name__
        self.first: QWidget | None = None  # what the keyboard speaks to when the page comes on screen
        self._out_of_date = True
        self._has_rows = False
        self.body = QWidget()
        self.empty = EmptyState(tr("Reading …"), "")
        self._act: Callable[[], object] | None = None
        self.empty.button.clicked.connect(self._press)
        self._build_frame()
        desk.record_changed.connect(self.grow_old)
        desk.settings_changed.connect(self.grow_old)
        desk.theme_changed.connect(self.show_theme)
        if self.follows_ticker:
            desk.ticker_changed.connect(self.grow_old)
            desk.overview_changed.connect(self._follow_choice)

    # What a page gives ----------------------------------------------------------------------------

    def reading(self) -> Read | None:
        """Return what to run on the reading thread, with plain values bound; None: nothing to read now."""
        return None

    def show_rows(self, rows: Any) -> None:
        """Show what was read; call ``show_empty`` instead of drawing nothing."""

    def show_session(self, session: str) -> None:
        """Go to a session that another page pointed at."""

    def show_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme; widgets dress themselves, only own painting needs this."""

    def remember(self, state: QSettings) -> None:
        """Keep what should be the same when the window opens next, under keys that begin with the name."""

    def recall(self, state: QSettings) -> None:
        """Take up what was kept."""

    # What a page uses -----------------------------------------------------------------------------

    def show_empty(
        self, title: str, text: str, button: str = "", act: Callable[[], object] | None = None
    ) -> None:
        """Say why there is nothing to see, and offer the next step."""
        self.empty.say(title, text, button)
        self._act = act
        self._stack.setCurrentWidget(self.empty)

    def show_body(self) -> None:
        """Show the page's own widgets, where nothing is read for them."""
        self._stack.setCurrentWidget(self.body)

    def show_as_of(self, text: str) -> None:
        """Say at the right of the heading as of when the page is."""
        self.as_of.setText(text)

    def grow_old(self, *_: object) -> None:
        """Note that what is shown is out of date, and read anew if it is seen."""
        self._out_of_date = True
        if self.isVisible():
            self.read_again()

    def read_again(self) -> None:
        """Read now."""
        self._out_of_date = False
        self._follow_choice()
        if self.needs_record and not self.desk.has_record:
            self._has_rows = False
            self.show_empty(*NO_RECORD, tr("Collect prices"), lambda: self.desk.start(("collect",)))
            return
        job = self.reading()
        if job is not None:
            self.desk.read(self.name, job, self._receive, self._receive_problem, slow=self.slow)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._out_of_date:
            self.read_again()

    # The frame ------------------------------------------------------------------------------------

    def _build_frame(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.as_of = label("", "muted")
        self.tickers: QComboBox | None = None
        if self.title:
            self.setProperty("role", "panel")
            layout.setContentsMargins(14, 12, 14, 12)
            head = QHBoxLayout()
            head.setSpacing(12)
            head.addWidget(label(self.title, "title"))
            if self.follows_ticker:
                head.addWidget(self._ticker_choice())
            head.addStretch()
            head.addWidget(self.as_of)
            layout.addLayout(head)
            if self.lead:
                layout.addWidget(label(self.lead, "muted", wrap=True))
        below = QWidget()
        self._stack = QStackedLayout(below)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.body)
        layout.addWidget(below, 1)

    def _ticker_choice(self) -> QComboBox:
        self.tickers = choice = QComboBox()
        choice.setEditable(True)
        line = choice.lineEdit()
        if line is not None:
            line.setAccessibleName(tr("Ticker"))
        choice.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        choice.setMinimumContentsLength(7)
        choice.setAccessibleName(tr("Ticker"))
        choice.textActivated.connect(self._choose_ticker)
        return choice

    def _follow_choice(self, *_: object) -> None:
        if self.tickers is None:
            return
        known = list(self.desk.overview.tickers)
        if self.tickers.count() != len(known):
            self.tickers.clear()
            self.tickers.addItems(known)
        self.tickers.setEditText(self.desk.ticker)

    def _choose_ticker(self, text: str) -> None:
        ticker = text.strip().upper()
        if ticker in self.desk.overview.tickers:
            self.desk.choose_ticker(ticker)
        else:
            self.desk.say(tr("There are no prices of “{text}” in the record", text=text), warning=True)
            self._follow_choice()

    def _receive(self, rows: object) -> None:
        self._has_rows = True
        self._stack.setCurrentWidget(self.body)
        self.show_rows(rows)
        self.completed.emit()

    def _receive_problem(self, problem: str) -> None:
        if not self._has_rows:
            self.show_empty(tr("This page could not be read"), problem, tr("Try again"), self.read_again)

    def _press(self) -> None:
        if self._act is not None:
            self._act()


def page_layout(page: Page) -> QVBoxLayout:
    """Return a layout for a page's body, without margins."""
    layout = QVBoxLayout(page.body)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    return layout
