"""The icon in the system's tray: it runs the schedule for as long as the person wants, window open or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from collectors.locks import SCHEDULE, Holder, holder_of
from desktop_app.alert_rows import in_short
from desktop_app.gui.icons import emblem
from desktop_app.gui.theme import Theme
from desktop_app.gui.workers import Command
from desktop_app.snapshot import Overview
from desktop_app.words import count
from resources.language import tr

COLLECTS = "tray/collects"  # in the window's memory: whether the schedule runs when the window opens next
TOLD = "tray/told"  # there too: the alerts that were told, a line each
MOST_TOLD = 1000  # of them, the newest; an alert stays new for two weeks
LOOK_FOR_TRAY_MS = 5000


class Tray(QObject):
    """A menu to open the window, to collect on schedule, and to quit; ``collecting`` survives a restart.

    Each alert that comes up is told once, those that come up together in one notification, whose click opens
    their page. The icon bears the number of tickers whose alerts were not seen.

    The schedule is `barograph serve` in a process of its own. Where another program runs it, a service for
    example, the menu says so and this one leaves it alone.
    """

    def __init__(
        self,
        home: Path,
        theme: Theme,
        state: QSettings,
        *,
        open_window: Callable[[], object],
        open_alerts: Callable[[], object],
        leave: Callable[[], object],
        say: Callable[[str], object],
        program: Sequence[str] = (),
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._home, self._state, self._theme, self._say = home, state, theme, say
        self._waiting = 0
        self._schedule = Command(home, self, program)
        self._schedule.failed.connect(self._tell_failure)
        self._schedule.succeeded.connect(self._show_state)
        self._schedule.cancelled.connect(self._show_state)
        self.menu = QMenu()
        self.collect = QAction(tr("Collect on schedule"), self, checkable=True)
        self.collect.toggled.connect(self._switch)
        self.holder = QAction("", self, enabled=False)
        show, leave_action = QAction(tr("Open Barograph"), self), QAction(tr("Quit"), self)
        show.triggered.connect(open_window)
        leave_action.triggered.connect(leave)
        self.menu.addActions([show, self.collect, self.holder])
        self.menu.addSeparator()
        self.menu.addAction(leave_action)
        self.menu.aboutToShow.connect(self._show_state)
        self.icon = QSystemTrayIcon(self)
        self.show_theme(theme)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(
            lambda why: open_window() if why == QSystemTrayIcon.ActivationReason.Trigger else None
        )
        self.icon.messageClicked.connect(open_alerts)
        self._look = QTimer(self, singleShot=True)
        self._look.timeout.connect(self._appear)
        self._show_state()

    @property
    def collecting(self) -> bool:
        """Whether the schedule runs here."""
        return self._schedule.running

    @property
    def there(self) -> bool:
        """Whether the system has a tray now: a panel may start later than the program, or end before it."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def open(self) -> None:
        """Show the icon as soon as there is a tray, and go on with the schedule where it ran last time."""
        self._appear()
        if self._state.value(COLLECTS, False, type=bool):
            self.collect.setChecked(True)

    def close(self) -> None:
        """End the schedule and take the icon away; what the person chose is kept."""
        self._look.stop()
        self._schedule.close()
        self.icon.hide()

    def _appear(self) -> None:
        """Show the icon where there is a tray; look again later where there is none yet."""
        if self.there:
            self.icon.show()  # and Qt puts it into the tray's successors
        else:
            self._look.start(LOOK_FOR_TRAY_MS)

    def tell(self, sentence: str) -> None:
        """Say something in a bubble of the system; in the window where there is no tray."""
        if self.there:
            self.icon.showMessage("Barograph", sentence, self.icon.icon())
        else:
            self._say(sentence)

    def show_theme(self, theme: Theme) -> None:
        """Draw the icon in the colours of a theme."""
        self._theme = theme
        self.icon.setIcon(emblem(theme.accent, theme.on_accent, self._waiting, theme.warning))

    def show_overview(self, overview: Overview) -> None:
        """Show how much waits, and tell the alerts that are new."""
        self._waiting = overview.badges.get("alerts", 0)
        self.show_theme(self._theme)
        self._show_state()
        if not self.there:
            return  # nobody would see it: it is told once there is a tray
        kept = self._state.value(TOLD)
        told = str(kept or "").split("\n")
        new = [alert for alert in overview.unseen if alert.key not in told]
        if not new and kept is not None:
            return
        newest = [*(alert.key for alert in new), *told][:MOST_TOLD]
        self._state.setValue(TOLD, "\n".join(filter(None, newest)))
        if kept is not None:  # what was there before the first icon was is in the window, and no news
            self.tell(in_short(new))

    def _switch(self, wanted: bool) -> None:
        self._state.setValue(COLLECTS, wanted)
        if wanted and not self._schedule.running and self._elsewhere() is None:
            self._schedule.start("serve")
        elif not wanted:
            self._schedule.cancel()
        self._show_state()

    def _elsewhere(self) -> Holder | None:
        return None if self._schedule.running else holder_of(self._home, SCHEDULE)

    def _show_state(self, *_: object) -> None:
        elsewhere = self._elsewhere()
        self.collect.setEnabled(elsewhere is None)
        self.holder.setText(
            tr("The schedule is running {elsewhere}", elsewhere=elsewhere)
            if elsewhere
            else tr("The schedule runs here")
            if self._schedule.running
            else tr("The schedule is not running")
        )
        waiting = (
            tr("{count} with alerts not seen\n", count=count(self._waiting, "ticker"))
            if self._waiting
            else ""
        )
        self.icon.setToolTip(tr("Barograph\n{waiting}{text}", waiting=waiting, text=self.holder.text()))

    def _tell_failure(self, sentence: str) -> None:
        self.collect.blockSignals(True)
        self.collect.setChecked(False)  # and what was chosen stays for the next time
        self.collect.blockSignals(False)
        self._show_state()
        self.tell(tr("Collecting on schedule ended: {sentence}", sentence=sentence))
