"""What all pages share: record, settings, chosen ticker, and the doors to reads, choices and work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from PySide6.QtCore import QFileInfo, QObject, QTimer, Signal

from collectors.errors import CollectorError
from collectors.market_calendar import utc_now
from desktop_app.gui.theme import Theme, theme_named
from desktop_app.gui.workers import LOG_LINES, Command, Read, Reader
from desktop_app.settings import Settings, save_settings
from desktop_app.snapshot import Overview, load_overview
from desktop_app.store import DATABASE_NAME
from resources.language import tr

WATCH_FILE_MS = 5000  # how often to look whether another program has written the record

Receive: TypeAlias = Callable[[Any], None]


class Desk(QObject):
    """The doors of a window, and what its pages are told.

    Signals arrive on the main thread. ``ticker`` is empty until the record is known to hold one.
    """

    record_changed = Signal()  # something was written: what is shown may be out of date
    ticker_changed = Signal(str)
    settings_changed = Signal(object)
    theme_changed = Signal(object)
    overview_changed = Signal(object)
    place_wanted = Signal(str, str)  # a page by name, and a session or an empty text
    work_changed = Signal(bool)  # whether a command is running
    work_progressed = Signal(int, int)  # done, total; total 0: unknown
    logged = Signal(list)  # lines that were added to ``log``
    said = Signal(str, bool)  # a sentence for the status line; whether it is a warning

    def __init__(
        self, home: Path, settings: Settings, program: Sequence[str] = (), parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.home, self.settings, self.ticker = home, settings, ""
        self.program = tuple(program)
        self.theme: Theme = theme_named(settings.theme)
        self.overview = Overview()
        self._receivers: dict[str, tuple[Receive, Receive | None]] = {}
        self._queue: list[tuple[str, ...]] = []
        self._work_name, self._closed = "", False
        self.log: deque[str] = deque(maxlen=LOG_LINES)  # what commands said, with its time in UTC
        self._stamp: tuple[int, ...] = ()
        self.reader, self.slow_reader = Reader(home, self), Reader(home, self)
        for reader in (self.reader, self.slow_reader):
            reader.read_finished.connect(self._receive)
            reader.read_failed.connect(self._receive_failure)
        self.command = Command(home, self, program)
        self.command.progressed.connect(self._tell_progress)
        self.command.talked.connect(self._keep_log)
        self.command.succeeded.connect(self._work_done)
        self.command.failed.connect(self._work_failed)
        self.command.cancelled.connect(self._work_cancelled)
        self.question = Command(home, self, program)
        self._asked: tuple[Receive, Receive] | None = None
        self.question.succeeded.connect(lambda result: self._answer(0, result))
        self.question.failed.connect(lambda problem: self._answer(1, problem))
        self._file_timer = QTimer(self)
        self._file_timer.timeout.connect(self._look_at_file)

    def open(self, ticker: str = "") -> None:
        """Begin to read, at a ticker where one is known."""
        self.ticker = ticker
        self.reader.start()
        self._read_overview()
        self._file_timer.start(WATCH_FILE_MS)

    def close(self) -> None:
        """End what is running, and write what was chosen."""
        self._closed = True
        self._file_timer.stop()
        self._queue = []
        self.command.close()
        self.question.close()
        for reader in (self.reader, self.slow_reader):
            reader.close()

    # The record -----------------------------------------------------------------------------------

    @property
    def has_record(self) -> bool:
        """Whether the home has a database yet."""
        return (self.home / DATABASE_NAME).is_file()

    def read(
        self, key: str, job: Read, then: Receive, otherwise: Receive | None = None, *, slow: bool = False
    ) -> None:
        """Read on the reading thread, then receive on the main thread; the newest request of a key wins.

        Parameters
        ----------
        key : str
            Who asks for what, as in ``"risk"`` or ``"market: posts"``.
        job : callable
            Gets a connection for reading; touches no widget. Bind plain values with functools.partial.
        then, otherwise : callable
            Get the result, or the sentence of what went wrong (which the status line says anyway).
        slow : bool
            It may take longer than a tenth of a second: another thread reads, and nobody waits behind it.
        """
        if self._closed:
            return
        self._receivers[key] = (then, otherwise)
        reader = self.slow_reader if slow else self.reader
        if not reader.isRunning():
            reader.start()
        reader.read(key, job)

    def write(self, key: str, job: Read, then: Receive | None = None) -> None:
        """Write a choice with a writing connection, in its turn; then the record has changed."""

        def written(result: object) -> None:
            if then is not None:
                then(result)
            self.reload()

        self._receivers[key] = (written, None)
        self.reader.write(key, job)

    def do(self, key: str, job: Callable[[], object], then: Receive) -> None:
        """Do short work that opens its own files on the reading thread."""
        self._receivers[key] = (then, None)
        self.reader.do(key, job)

    def reload(self) -> None:
        """Tell every page that the record has changed."""
        self._read_overview()
        self.record_changed.emit()

    def _read_overview(self) -> None:
        self._stamp = self._file_stamp()
        if self.has_record:
            settings, now = self.settings, utc_now()
            self.read("overview", lambda db: load_overview(db, settings, now), self._show_overview)

    def _show_overview(self, overview: Overview) -> None:
        self.overview = overview
        if overview.tickers and not self.ticker:
            self.choose_ticker(overview.tickers[0])
        self.overview_changed.emit(overview)

    def _receive(self, key: str, result: object) -> None:
        """The one door for what was read."""
        self._receivers[key][0](result)

    def _receive_failure(self, key: str, problem: str) -> None:
        self.say(f"{key}: {problem}", warning=True)
        otherwise = self._receivers[key][1]
        if otherwise is not None:
            otherwise(problem)

    def _file_stamp(self) -> tuple[int, ...]:
        names = (DATABASE_NAME, f"{DATABASE_NAME}-wal")
        files = [QFileInfo(str(self.home / name)) for name in names]
        return tuple(
            number
            for file in files
            for number in (file.lastModified().toMSecsSinceEpoch() if file.exists() else 0, file.size())
        )

    def _look_at_file(self) -> None:
        if not self.command.running and self._file_stamp() != self._stamp:
            self.reload()

    # What is chosen -------------------------------------------------------------------------------

    def choose_ticker(self, ticker: str) -> None:
        """Let every page that follows the ticker show this one."""
        if ticker != self.ticker:
            self.ticker = ticker
            self.ticker_changed.emit(ticker)

    def go_to(self, page: str, ticker: str = "", session: str = "") -> None:
        """Open a page, at a ticker and a session where they are given."""
        if ticker:
            self.choose_ticker(ticker)
        self.place_wanted.emit(page, session)

    def change_settings(self, settings: Settings) -> None:
        """Keep other settings, in the home and on screen; a refusal is said and changes nothing."""
        try:
            save_settings(self.home, settings)
        except CollectorError as error:
            self.say(str(error), warning=True)
            return
        self.settings = settings
        self.settings_changed.emit(settings)
        self.follow_system()

    def follow_system(self) -> None:
        """Take the theme of the settings, or the desktop's own."""
        theme = theme_named(self.settings.theme)
        if theme != self.theme:
            self.theme = theme
            self.theme_changed.emit(theme)

    # Work -----------------------------------------------------------------------------------------

    def start(self, *commands: Sequence[str]) -> bool:
        """Run `barograph` commands one after another, each in a process: ``start(("train",), ("refresh",))``.

        Each takes ``--progress json``. False where one is running already: a second wish waits for the
        person. Afterwards the record has changed. A window that closes begins nothing.
        """
        if self._closed:
            return False
        if self.command.running:
            self.say(
                tr("{work_name} is still running; wait for it, or cancel it", work_name=self._work_name),
                warning=True,
            )
            return False
        self._queue = [tuple(command) for command in commands]
        self._start_next()
        return True

    def ask(self, command: Sequence[str], then: Receive, otherwise: Receive) -> bool:
        """Run a command that only looks, beside whatever works, and receive its result or what went wrong.

        False where another question is under way: its asker waits for the answer.
        """
        if self._closed or self.question.running:
            return False
        self._asked = (then, otherwise)
        self.question.start(*command)
        return True

    def cancel(self) -> None:
        """Cancel what is running, and what would follow."""
        self._queue = []
        self.command.cancel()

    def say(self, text: str, *, warning: bool = False) -> None:
        """Say a sentence in the status line."""
        self.said.emit(text, warning)

    def _start_next(self) -> None:
        command, *self._queue = self._queue
        self._work_name = command[0].capitalize()
        self.say(f"{self._work_name} …")
        self._keep_log(["begun"])
        self.work_progressed.emit(0, 0)
        self.command.start(*command)
        self.work_changed.emit(True)

    def _tell_progress(self, stage: str, done: int, total: int, message: str) -> None:
        self.work_progressed.emit(done, max(total, 0))
        self.say(" – ".join(part for part in (self._work_name, stage, message) if part))

    def _answer(self, place: int, answer: object) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not self._closed:
            asked[place](answer)

    def _keep_log(self, lines: Sequence[str]) -> None:
        stamp = utc_now()[11:19]
        told = [f"{stamp}  {self._work_name}  {line}" for line in lines]
        self.log.extend(told)
        self.logged.emit(told)

    def _work_done(self, _result: object) -> None:
        if self._queue:
            self._start_next()
        else:
            self._end_work(tr("{work_name}: done", work_name=self._work_name))

    def _work_failed(self, problem: str) -> None:
        self._end_work(
            tr("{work_name} did not work: {problem}", work_name=self._work_name, problem=problem),
            warning=True,
        )

    def _work_cancelled(self) -> None:
        self._end_work(
            tr("{work_name} was cancelled; what was saved before stands", work_name=self._work_name)
        )

    def _end_work(self, sentence: str, *, warning: bool = False) -> None:
        self._queue = []
        self.work_changed.emit(False)
        self._keep_log([sentence])
        self.say(sentence, warning=warning)
        self.reload()
