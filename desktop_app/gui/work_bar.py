"""The frame's two lines: on top what can be started, written and chosen; below what is said and under way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QActionGroup, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStatusBar,
    QToolBar,
    QWidget,
)

from collectors.market_calendar import utc_now
from desktop_app.export import export_anomalies, export_forecasts, export_posts, export_track_record
from desktop_app.freshness import state_of
from desktop_app.gui.desk import Desk
from desktop_app.gui.tables import ask_csv, label, set_role
from desktop_app.settings import THEMES
from desktop_app.snapshot import Overview
from desktop_app.words import age, count, day
from resources.language import tr

EXPORT_NAMES = {
    "forecasts": tr("Forecasts"),
    "anomalies": tr("Anomalies"),
    "posts": tr("Posts"),
    "track-record": tr("Track record"),
}
EXPORTS: dict[str, Callable[..., int]] = {
    "forecasts": export_forecasts,
    "anomalies": export_anomalies,
    "posts": export_posts,
    "track-record": export_track_record,
}
THEME_NAMES = {"system": tr("System"), "light": tr("Light"), "dark": tr("Dark")}
WORK: tuple[tuple[str, str, str, tuple[tuple[str, ...], ...]], ...] = (
    (tr("Collect"), tr("Fetch new prices, posts and macro figures"), "Ctrl+L", (("collect",),)),
    (
        tr("Train"),
        tr("Fit the model to what is stored, then forecast; takes minutes"),
        "Ctrl+T",
        (("train",), ("refresh",)),
    ),
    (tr("Refresh"), tr("Forecast anew from what is stored"), "Ctrl+R", (("refresh",),)),
)


PICTURES = {"png": tr("Chart as PNG"), "svg": tr("Chart as SVG"), "pdf": tr("Report on this ticker as PDF")}


class WorkBar(QToolBar):
    """Buttons for the everyday commands, the exports, and the theme."""

    picture_wanted = Signal(str, str)  # a kind of PICTURES, and the file

    def __init__(self, desk: Desk) -> None:
        super().__init__(tr("Work"))
        self.desk = desk
        self.setObjectName("work")
        self.setMovable(False)
        self.buttons: dict[str, QPushButton] = {}
        for name, hint, shortcut, commands in WORK:
            button = QPushButton(name)
            button.setToolTip(f"{hint} ({shortcut})")
            button.setShortcut(QKeySequence(shortcut))
            button.clicked.connect(partial(self._start, commands))
            self.buttons[name] = button
            self.addWidget(button)
        self.addWidget(
            self._menu_button(
                tr("Export"),
                [(EXPORT_NAMES[name], partial(self._ask_export, name)) for name in EXPORTS]
                + self.picture_entries(),
            )
        )
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)
        self.addWidget(self._theme_button())
        desk.work_changed.connect(self._show_working)

    def _start(self, commands: tuple[tuple[str, ...], ...], _checked: bool = False) -> None:
        self.desk.start(*commands)

    def _show_working(self, working: bool) -> None:
        for button in self.buttons.values():
            button.setEnabled(not working)

    def _menu_button(self, title: str, entries: list[tuple[str, Callable[[], None]]]) -> QPushButton:
        button = QPushButton(f"{title} ▾")
        button.setAccessibleName(title)
        menu = QMenu(button)
        for name, act in entries:
            menu.addAction(f"{name} …").triggered.connect(act)
        button.setMenu(menu)
        return button

    def _theme_button(self) -> QPushButton:
        button = self._menu_button(tr("Theme"), [])
        group = QActionGroup(self)
        for name in THEMES:
            action = button.menu().addAction(THEME_NAMES[name])
            action.setCheckable(True)
            action.setChecked(name == self.desk.settings.theme)
            action.triggered.connect(partial(self._choose_theme, name))
            group.addAction(action)
        return button

    def _choose_theme(self, name: str, _checked: bool = False) -> None:
        self.desk.change_settings(replace(self.desk.settings, theme=name))

    def picture_entries(self) -> list[tuple[str, Callable[[], None]]]:
        """Return what the window adds to the menu of exports: name and deed."""
        return [(title, partial(self._ask_picture, kind)) for kind, title in PICTURES.items()]

    def _ask_picture(self, kind: str) -> None:
        suggested = Path.home() / f"barograph-{self.desk.ticker or 'window'}.{kind}"
        path, _ = QFileDialog.getSaveFileName(
            self, PICTURES[kind], str(suggested), f"{kind.upper()} (*.{kind})"
        )
        if path:
            self.picture_wanted.emit(kind, path)

    def _ask_export(self, name: str) -> None:
        path, excel = ask_csv(
            self, tr("Export {name}", name=EXPORT_NAMES[name].lower()), f"barograph-{name}.csv"
        )
        if path is not None:
            self.export(name, path, excel=excel)

    def export(self, name: str, out: Path, *, excel: bool = False) -> None:
        """Write a CSV on the reading thread and say how many rows it has."""
        self.desk.read("export", partial(_exported, name=name, out=out, excel=excel), self.desk.say)


class StatusLine(QStatusBar):
    """The last sentence, the progress of a command with its Cancel, and how new the prices are."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.message = label("")
        self.message.setMinimumWidth(10)
        self.progress = QProgressBar()
        self.progress.setFixedWidth(220)
        self.progress.setAccessibleName(tr("Progress of the running command"))
        self.cancel = QPushButton(tr("Cancel"))
        self.as_of = label("", "muted")
        self.setSizeGripEnabled(False)
        self.addWidget(self.message, 1)
        for widget in (self.progress, self.cancel, self.as_of):
            self.addPermanentWidget(widget)
        self.cancel.clicked.connect(lambda: self.cancel.setEnabled(False))
        self.cancel.clicked.connect(desk.cancel)
        desk.said.connect(self._say)
        desk.work_changed.connect(self._show_working)
        desk.work_progressed.connect(self._show_progress)
        desk.overview_changed.connect(self._show_overview)
        self._show_working(False)

    def _say(self, text: str, warning: bool) -> None:
        self.message.setText(text)
        self.message.setToolTip(text)
        set_role(self.message, "warning" if warning else "")

    def _show_working(self, working: bool) -> None:
        self.progress.setVisible(working)
        self.cancel.setVisible(working)
        self.cancel.setEnabled(working)

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _show_overview(self, overview: Overview) -> None:
        if not overview.session:
            self.as_of.setText("")
            return
        now = utc_now()
        stale = state_of("prices", overview.session, now) == "stale"
        old = tr(", {age}: stale", age=age(overview.session, now)) if stale else ""
        self.as_of.setText(tr("Prices through {session}{old}", session=day(overview.session), old=old))
        set_role(self.as_of, "warning" if stale else "muted")


def _exported(db: sqlite3.Connection, name: str, out: Path, excel: bool) -> str:
    rows = EXPORTS[name](db, out, excel=excel)
    return tr("{count} written to {out}", count=count(rows, "row"), out=out)
