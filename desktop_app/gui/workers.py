"""Work off the main thread: reads on one thread with its own connection, commands in processes."""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from PySide6.QtCore import QObject, QProcess, QThread, QTimer, Signal

from collectors.errors import CollectorError
from desktop_app.store import open_home, open_home_reader, open_home_writer
from desktop_app.terminal import redact
from resources.language import tr

logger = logging.getLogger(__name__)

Read: TypeAlias = Callable[[sqlite3.Connection], object]

KEPT = 0  # the ticket of work that no newer request replaces
KILL_AFTER_MS = 5000  # how long a cancelled command may take to put things in order
LOG_LINES = 500  # of what a command says are kept
ERROR_TAIL = 2000  # characters of standard error kept for the message


class Reader(QThread):
    """One thread that reads the home's database, a connection per read; the newest request of a key wins.

    Results arrive on the main thread through ``read_finished(key, result)``, a failure through
    ``read_failed(key, sentence)``.
    """

    read_finished = Signal(str, object)
    read_failed = Signal(str, str)
    _arrived = Signal(str, int, object, str)

    def __init__(self, home: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reader")
        self._home = home
        self._requests: queue.SimpleQueue[tuple[str, int, Callable[[], object]] | None] = queue.SimpleQueue()
        self._newest: dict[str, int] = {}
        self._arrived.connect(self._deliver)

    def read(self, key: str, job: Read) -> None:
        """Ask for a read; an answer to an older request of the same key is dropped."""
        self.do(key, lambda: self._read(job))

    def do(self, key: str, job: Callable[[], object], *, kept: bool = False) -> None:
        """Ask for short work that opens its own files (an export); ``kept``: done even if asked again."""
        self._newest[key] = self._newest.get(key, 0) + 1
        self._requests.put((key, KEPT if kept else self._newest[key], job))

    def write(self, key: str, job: Callable[[sqlite3.Connection], object]) -> None:
        """Ask for a choice to be written: in its turn, never dropped for a newer one, nor when closing."""
        self.do(key, lambda: self._write(job), kept=True)

    def close(self) -> None:
        """Finish the read in hand, drop the others, write what was chosen, and end the thread."""
        self._newest.clear()
        if self.isRunning():
            self._requests.put(None)
            self.wait()

    def run(self) -> None:
        """Answer requests until the end of the queue."""
        while (request := self._requests.get()) is not None:
            key, ticket, job = request
            if self._superseded(key, ticket):
                continue
            try:
                self._arrived.emit(key, ticket, job(), "")
            except CollectorError as error:
                self._arrived.emit(key, ticket, None, str(error))
            except Exception as error:
                logger.exception("Reading %s failed", key)
                self._arrived.emit(
                    key,
                    ticket,
                    None,
                    tr("reading failed: {name}: {error}", name=type(error).__name__, error=error),
                )

    def _superseded(self, key: str, ticket: int) -> bool:
        return ticket != KEPT and self._newest.get(key) != ticket

    def _write(self, job: Read) -> object:
        with closing(open_home_writer(self._home)) as db:
            return job(db)

    def _read(self, job: Read) -> object:
        try:
            with closing(open_home_reader(self._home)) as db:
                return job(db)
        except sqlite3.OperationalError as error:
            if "no such" not in str(error):
                raise
            open_home(self._home).close()  # written by an older program: bring the tables up to date
            with closing(open_home_reader(self._home)) as db:
                return job(db)

    def _deliver(self, key: str, ticket: int, result: object, problem: str) -> None:
        if self._superseded(key, ticket):
            return
        if problem:
            self.read_failed.emit(key, problem)
        else:
            self.read_finished.emit(key, result)


class Command(QObject):
    """One `barograph` command in a process of its own, followed by its lines of JSON.

    We alone hold its standard input open: however the window ends, the command sees it end, and stops.
    """

    progressed = Signal(str, int, int, str)
    talked = Signal(list)  # what was said at a stretch, a text a line: the last LOG_LINES of it
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, home: Path, parent: QObject | None = None, program: Sequence[str] = ()) -> None:
        super().__init__(parent)
        self._program = tuple(program) or (sys.executable, "-m", "desktop_app")
        self._home = home
        self._process: QProcess | None = None
        self._partial, self._errors = b"", b""
        self._result: dict[str, Any] | None = None
        self._problem = ""
        self._cancelling = False

    @property
    def running(self) -> bool:
        """Whether a process is under way."""
        return self._process is not None

    def start(self, *arguments: str) -> None:
        """Start a command; its progress, result or error arrive as signals."""
        if self._process is not None:
            raise RuntimeError("a command is already running")
        self._partial, self._errors, self._result, self._problem = b"", b"", None, ""
        self._cancelling = False
        self._process = process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read_output)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._finish)
        process.errorOccurred.connect(self._fail_to_start)
        process.start(
            self._program[0],
            [*self._program[1:], "--home", str(self._home), *arguments, "--progress", "json", "--until-eof"],
        )

    def cancel(self) -> None:
        """Ask the command to stop; end it where it does not."""
        if self._process is None:
            return
        self._cancelling = True
        self._ask_to_stop(self._process)
        QTimer.singleShot(KILL_AFTER_MS, self._process, self._process.kill)

    def close(self) -> None:
        """End a running command and wait for it."""
        if self._process is not None:
            process = self._process
            self._cancelling = True
            self._ask_to_stop(process)
            if not process.waitForFinished(KILL_AFTER_MS):
                process.kill()
                process.waitForFinished(KILL_AFTER_MS)

    def _ask_to_stop(self, process: QProcess) -> None:
        """Interrupt a command; Windows sends no signals, so there the end of its input says so."""
        if sys.platform == "win32":
            process.closeWriteChannel()
        else:
            process.terminate()

    def _read_output(self) -> None:
        if self._process is None:
            return
        self._partial += self._process.readAllStandardOutput().data()
        *lines, self._partial = self._partial.split(b"\n")
        self._read_lines(lines)

    def _read_lines(self, lines: Sequence[bytes]) -> None:
        """Take what was said at a stretch; its newest progress alone is told: no burst keeps the window."""
        said = [progress for line in lines if (progress := self._read_line(line)) is not None]
        if said:
            self.talked.emit([_progress_in_words(one) for one in said[-LOG_LINES:] if _is_worth_a_line(one)])
            newest = said[-1]
            self.progressed.emit(
                str(newest["stage"]),
                int(newest.get("done", 0)),
                int(newest.get("total", 0)),
                str(newest.get("message", "")),
            )

    def _read_line(self, line: bytes) -> dict[str, Any] | None:
        """Keep a result or an error; return a progress."""
        try:
            said = json.loads(line)
        except ValueError:
            logger.warning("A command said something that is no JSON: %.200r", line)
            return None
        if not isinstance(said, dict):
            return None
        if "result" in said:
            self._result = said["result"]
        elif "error" in said:
            self._problem = _sentence(said["error"])
        return said if "stage" in said else None

    def _read_errors(self) -> None:
        if self._process is None:
            return
        said = self._process.readAllStandardError().data()
        self._errors = (self._errors + said)[-ERROR_TAIL:]
        if lines := bytes(said).decode("utf-8", "replace").strip().splitlines():
            self.talked.emit([redact(line) for line in lines[-LOG_LINES:]])

    def _fail_to_start(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._drop()
            self.failed.emit(
                tr("{program} cannot be started; install the program again", program=self._program[0])
            )

    def _finish(self, exit_code: int, status: QProcess.ExitStatus) -> None:
        if self._process is None:
            return
        self._read_output()
        self._read_errors()
        if self._partial.strip():
            self._read_lines([self._partial])
        self._drop()
        if exit_code == 0 and status == QProcess.ExitStatus.NormalExit and not self._problem:
            self.succeeded.emit(self._result or {})
        elif self._cancelling:
            self.cancelled.emit()
        else:
            self.failed.emit(
                self._problem
                or self._last_error_line()
                or tr("it ended with exit code {exit_code}", exit_code=exit_code)
            )

    def _last_error_line(self) -> str:
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _drop(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None


def _is_worth_a_line(said: dict[str, Any]) -> bool:
    """Whether a progress says more than that it goes on: a message, or the beginning or end of a stage."""
    return bool(said.get("message")) or said.get("done") in (0, said.get("total"))


def _progress_in_words(said: dict[str, Any]) -> str:
    """Return a line of progress as the log shows it: ``epoch 3 of 12: loss 0.4``."""
    place = (
        tr(" {done} of {total}", done=f"{said.get('done', 0):,}", total=f"{said['total']:,}")
        if said.get("total")
        else ""
    )
    message = f": {said['message']}" if said.get("message") else ""
    return f"{said['stage']}{place}{message}"


def _sentence(error: object) -> str:
    """Return the sentence of an error line: a text, or an object with a message."""
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
