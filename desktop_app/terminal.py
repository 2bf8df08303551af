"""How a command speaks: progress, tables or one JSON document, and errors as a sentence and an exit code."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO

from collectors.errors import (
    AlreadyRunning,
    BadInput,
    CollectorError,
    ConfigurationError,
    DatabaseBusy,
    RetryLater,
    SourceChanged,
)
from collectors.progress import Progress, silent
from desktop_app.secrets import hide_keys
from fusion_model.errors import FusionModelError, NotEnoughHistory

MESSAGE_WIDTH = 22  # beside a bar, so that a line fits into 80 columns
DEFECT, USAGE, MISSING, BAD_INPUT, BUSY, INTERRUPTED = 1, 2, 3, 4, 5, 130

# What must never stand in a log or a message: values of parameters that carry keys.
SECRET_PATTERN = re.compile(
    r"(?i)((?:api_key|client_secret|access_token|password)[\"']?\s*[=:]\s*[\"']?)[^\s&\"']+"
)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of the architecture for an error."""
    codes: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], int], ...] = (
        (KeyboardInterrupt, INTERRUPTED),
        ((DatabaseBusy, AlreadyRunning), BUSY),
        ((BadInput, NotEnoughHistory), BAD_INPUT),
        ((ConfigurationError, RetryLater, SourceChanged, FusionModelError), MISSING),
        (CollectorError, BAD_INPUT),
    )
    return next((code for kinds, code in codes if isinstance(error, kinds)), DEFECT)


def sentence_of(error: BaseException) -> str:
    """Return what to tell the person, without keys."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped; what was finished is kept"
    if exit_code_of(error) == DEFECT:
        return redact(
            f"a defect of Barograph ({type(error).__name__}: {error}); run again with -v for details"
        )
    return redact(str(error))


def redact(text: str) -> str:
    """Blank out keys: those that were read, and whatever stands where a key would."""
    return SECRET_PATTERN.sub(r"\1***", hide_keys(text))


class RedactingFormatter(logging.Formatter):
    """A formatter that keeps keys out of every record, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class Voice:
    """One command's way to speak: to a person, to a program (``--json``), or line by line."""

    def __init__(self, *, as_json: bool, progress_json: bool, out: TextIO | None = None) -> None:
        self.as_json = as_json
        self.progress_json = progress_json
        self._out = out or sys.stdout

    def say(self, text: str = "") -> None:
        """Print a line for a person; nothing where a program listens."""
        if not (self.as_json or self.progress_json):
            self._print(redact(text))

    def tell(self, text: str) -> None:
        """Tell what goes on beside the result: on standard error, or as a line of progress."""
        if self.progress_json:
            self._line({"stage": "", "done": 0, "total": 0, "message": text})
        else:
            print(f"barograph: {redact(text)}", file=sys.stderr, flush=True)

    def finish(self, result: Any) -> None:
        """Print the one document of ``--json``, or the last line of ``--progress json``."""
        if self.progress_json:
            self._line({"result": plain(result)})
        elif self.as_json:
            self._print(redact(json.dumps(plain(result), indent=1)))

    def fail(self, error: BaseException) -> None:
        """Tell an error: on standard error, and where a program listens also as JSON."""
        sentence, code = sentence_of(error), exit_code_of(error)
        if self.progress_json:
            self._print(redact(json.dumps({"error": sentence, "exit_code": code})))
        elif self.as_json:
            self._print(json.dumps({"error": sentence, "exit_code": code}))
        with suppress(BrokenPipeError):  # a window that is gone
            print(f"barograph: {sentence}", file=sys.stderr, flush=True)

    def _print(self, text: str) -> None:
        """Print, until whoever reads has seen enough (as `| head` does): the work then ends in silence."""
        try:
            print(text, file=self._out, flush=True)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno())  # also for the last flush of the process
            os.close(nowhere)

    def _line(self, value: dict[str, Any]) -> None:
        """Print a line for a program; where it is gone, nobody waits for the work: an interruption."""
        try:
            print(redact(json.dumps(value)), file=self._out, flush=True)
        except BrokenPipeError:
            raise KeyboardInterrupt from None

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Report long work: JSON lines, a bar a stage on a terminal's standard error, else a line a stage."""
        if self.progress_json:

            def tell(stage: str, done: int, total: int, message: str = "") -> None:
                self._line({"stage": stage, "done": done, "total": total, "message": message})

            yield tell
        elif self.as_json:
            yield silent
        elif sys.stderr.isatty():
            with _bars() as bars:
                yield bars
        else:
            yield _lines()


def plain(value: Any) -> Any:
    """Return a result as JSON can hold it: reports as objects, paths as text, an undefined figure as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<26}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}"),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int, message: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=max(total, 1), message=message)
            end = message if len(message) <= MESSAGE_WIDTH else f"…{message[1 - MESSAGE_WIDTH :]}"
            bars.update(tasks[stage], completed=done, total=max(total, 1), message=end)

        yield tell


def _lines() -> Progress:
    """Tell each stage once, when it is done; a stage that begins anew is told again."""
    finished: set[str] = set()

    def tell(stage: str, done: int, total: int, message: str = "") -> None:
        if done < total:
            finished.discard(stage)
        elif stage not in finished:
            finished.add(stage)
            print(f"{stage}: done{', ' + message if message else ''}", file=sys.stderr, flush=True)

    return tell


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Lay out text columns: the first ``left`` aligned left, the others right."""
    widths = [max(len(str(line[i])) for line in (header, *rows)) for i in range(len(header))]
    lines = []
    for line in (header, *rows):
        cells = [
            str(cell).ljust(width) if i < left else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
