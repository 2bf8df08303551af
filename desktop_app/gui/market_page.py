"""Market: watchlist, chart, forecast, and the posts behind a day."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TypeAlias

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QSplitter, QVBoxLayout

from collectors.errors import CollectorError
from collectors.market_calendar import utc_now
from desktop_app.chart_marks import RELEASES
from desktop_app.gui.chart_panel import ChartPanel
from desktop_app.gui.desk import Desk
from desktop_app.gui.forecast_panel import ForecastPanel
from desktop_app.gui.page import NO_RECORD, Page
from desktop_app.gui.posts_panel import PostsPanel
from desktop_app.gui.theme import Theme
from desktop_app.gui.watchlist_panel import WatchlistPanel
from desktop_app.gui.workers import Read
from desktop_app.settings import Settings
from desktop_app.snapshot import (
    PostRow,
    Snapshot,
    WatchRow,
    load_posts_of_day,
    load_snapshot,
    load_watch_rows,
    posts_heading,
)
from desktop_app.store import (
    put_into_group,
    take_out_of_group,
    ticker_of,
    watch_also,
    watch_no_longer,
)
from resources.language import tr

Said: TypeAlias = tuple[str, list[PostRow]]  # a heading and the posts below it


class MarketPage(Page):
    """What there is on one ticker, beside the list of all; ``ticker_shown``: it is complete on screen."""

    ticker_shown = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.snapshot: Snapshot | None = None
        self._wanted_session = ""
        self._ticker_out_of_date = True
        self._built = False
        self.read_again()  # the thread reads while the widgets are built
        self._build(desk.theme)
        self._built = True
        self.watchlist.ticker_chosen.connect(desk.choose_ticker)
        self.watchlist.group_wanted.connect(self._change_group)
        self.watchlist.watch_wanted.connect(self._change_watchlist)
        self.chart.day_chosen.connect(self._read_day)
        self.chart.overlays_wanted.connect(self._follow_lines)
        self.forecast.train_asked.connect(lambda: desk.start(("train",), ("refresh",)))
        desk.ticker_changed.connect(self._follow_ticker)
        desk.work_changed.connect(lambda working: self.forecast.empty.button.setEnabled(not working))
        QShortcut(QKeySequence("Ctrl+F"), self, self.watchlist.search.setFocus)

    def _build(self, theme: Theme) -> None:
        self.watchlist = WatchlistPanel(theme)
        self.chart = ChartPanel(theme, self.desk.settings.macro_series)
        self.forecast, self.posts = ForecastPanel(), PostsPanel()
        self._middle = QSplitter(Qt.Orientation.Vertical)
        self._middle.addWidget(self.chart)
        self._middle.addWidget(self.posts)
        self._middle.setSizes([540, 210])
        self._columns = QSplitter(Qt.Orientation.Horizontal)
        for column in (self.watchlist, self._middle, self.forecast):
            self._columns.addWidget(column)
        self._columns.setSizes([250, 760, 300])
        for position, stretch in enumerate((0, 1, 0)):
            self._columns.setStretchFactor(position, stretch)
        for splitter in (self._middle, self._columns):
            splitter.setHandleWidth(8)
            splitter.setChildrenCollapsible(False)
        self.watchlist.setMinimumWidth(200)
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._columns)
        self.first = self.watchlist.view

    # Reading --------------------------------------------------------------------------------------

    def reading(self) -> Read:
        self._read_ticker()
        return partial(load_watch_rows, settings=self.desk.settings, now=utc_now())

    def show_rows(self, rows: list[WatchRow]) -> None:
        if not rows:
            self.show_empty(*NO_RECORD, tr("Collect prices"), lambda: self.desk.start(("collect",)))
            return
        self.watchlist.show_rows(rows, self.desk.ticker)

    def grow_old(self, *_: object) -> None:
        self._ticker_out_of_date = True
        super().grow_old()

    def _follow_ticker(self, ticker: str) -> None:
        self._ticker_out_of_date = True
        if self.isVisible():
            self.watchlist.choose(ticker)
            self._read_ticker()
        else:
            self._out_of_date = True

    def _lines(self) -> list[str]:
        if not self._built:
            return []
        releases = [RELEASES] if "macro" in self.chart.shown_kinds() else []
        return [*self.chart.shown_lines(), *releases]

    def _as_known(self) -> bool:
        return self.chart.as_known.isChecked() if self._built else True

    def _follow_lines(self) -> None:
        self._ticker_out_of_date = True
        self._read_ticker()

    def _read_ticker(self) -> None:
        if self.desk.ticker and self._ticker_out_of_date:
            self._ticker_out_of_date = False
            job = partial(
                _ticker_with_posts,
                ticker=self.desk.ticker,
                settings=self.desk.settings,
                session=self._wanted_session,
                lines=tuple(self._lines()),
                as_known=self._as_known(),
                now=utc_now(),
            )
            self.desk.read("ticker", job, lambda found: self._show_snapshot(*found))

    def _show_snapshot(self, snapshot: Snapshot | None, session: str, posts: Said) -> None:
        first, self.snapshot = self.snapshot is None, snapshot
        self.chart.show_snapshot(snapshot)
        beside = partial(self._show_beside, snapshot, session, posts)
        if first:  # widgets that were never seen take longer: the chart is drawn before the rest is filled
            QTimer.singleShot(0, self, beside)
        else:
            beside()

    def _show_beside(self, snapshot: Snapshot | None, session: str, posts: Said) -> None:
        """Show what stands beside the chart; the ticker is complete then."""
        if snapshot is not self.snapshot:
            return  # another one came meanwhile
        self.forecast.show_snapshot(snapshot)
        if snapshot is None:
            return
        self.posts.show_posts(*posts)
        if self._wanted_session:
            wanted, self._wanted_session = self._wanted_session, ""
            self.chart.chart.choose_day(snapshot.position(wanted))
            if wanted != session:
                self._read_day(snapshot.position(wanted))
        self.ticker_shown.emit(snapshot.ticker)

    def _read_day(self, position: int) -> None:
        if self.snapshot is not None:
            job = partial(_posts_of, snapshot=self.snapshot, position=position)
            self.desk.read("posts", job, lambda found: self.posts.show_posts(*found))

    def show_session(self, session: str) -> None:
        if self.snapshot is not None and self.desk.ticker == self.snapshot.ticker:
            position = self.snapshot.position(session)
            self.chart.chart.choose_day(position)
            self._read_day(position)
        else:
            self._wanted_session = session

    def _change_group(self, name: str, ticker: str, inside: bool) -> None:
        job = (
            partial(put_into_group, name=name, tickers=[ticker], now=utc_now())
            if inside
            else partial(take_out_of_group, name=name, tickers=[ticker])
        )
        self.desk.write("group", job)

    def _change_watchlist(self, text: str, wanted: bool) -> None:
        try:
            ticker = ticker_of(text)
        except CollectorError as error:
            self.desk.say(str(error), warning=True)
            return
        change = watch_also if wanted else watch_no_longer
        said = (
            tr("{ticker} is watched; Collect fetches its prices", ticker=ticker)
            if wanted
            else tr("{ticker} is watched no longer", ticker=ticker)
        )
        self.desk.write(
            "watchlist",
            partial(change, ticker=ticker, listed=self.watchlist.listed(), now=utc_now()),
            lambda _: self.desk.say(said),
        )

    # Look -----------------------------------------------------------------------------------------

    def show_theme(self, theme: Theme) -> None:
        self.watchlist.show_theme(theme)
        self.chart.show_theme(theme)

    def remember(self, state: QSettings) -> None:
        state.setValue("market/columns", self._columns.saveState())
        state.setValue("market/rows", self._middle.saveState())
        state.setValue("market/marks", " ".join(self.chart.shown_kinds()))
        state.setValue("market/lines", " ".join(self.chart.shown_lines()))
        state.setValue("market/group", self.watchlist.group)
        state.setValue("market/log", "yes" if self.chart.logarithmic.isChecked() else "no")

    def recall(self, state: QSettings) -> None:
        for name, splitter in (("market/columns", self._columns), ("market/rows", self._middle)):
            value = state.value(name)
            if isinstance(value, QByteArray):
                splitter.restoreState(value)
        kinds = state.value("market/marks")
        if isinstance(kinds, str):
            self.chart.show_kinds(kinds.split())
        self.chart.show_lines(str(state.value("market/lines", "")).split())
        self.watchlist.group = str(state.value("market/group", ""))
        self.chart.logarithmic.setChecked(state.value("market/log") == "yes")


def _ticker_with_posts(
    db: sqlite3.Connection,
    ticker: str,
    settings: Settings,
    session: str,
    lines: tuple[str, ...],
    as_known: bool,
    now: str,
) -> tuple[Snapshot | None, str, Said]:
    """Return a ticker with the posts of a session, or of the newest day that has any, in one answer."""
    snapshot = load_snapshot(db, ticker, settings, lines, as_known=as_known, now=now)
    if snapshot is None:
        return None, session, ("", [])
    position = snapshot.position(session) if session else snapshot.last_day_with_posts()
    return snapshot, session, _posts_of(db, snapshot, position)


def _posts_of(db: sqlite3.Connection, snapshot: Snapshot, position: int) -> Said:
    posts = load_posts_of_day(db, snapshot, position)
    return posts_heading(snapshot, position, len(posts)), posts
