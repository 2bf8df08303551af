"""What an import did: rows read and saved, and each bad line with file, line and reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from collectors.archives.files import ArchiveFile, UnreadableFile, find_files
from collectors.errors import BadInput
from collectors.progress import Progress

logger = logging.getLogger(__name__)

EXAMPLES_KEPT = 20


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record that was left out: the physical line it starts on (0: the whole file), and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    ``rows_read`` counts data rows of every fate: used, passed over (exact duplicates, removed posts,
    missing values) and bad. ``rows_saved`` counts what was new to the record, so a second import of
    the same files has 0. ``actions_saved`` (prices alone) counts new splits and dividends.
    ``examples`` are the first 20 bad lines.
    """

    files: int
    rows_read: int
    rows_saved: int
    actions_saved: int
    passed_over: int
    bad_lines: int
    examples: tuple[BadLine, ...]


class Tally:
    """Counts of one import while it runs."""

    def __init__(self) -> None:
        self.files = 0
        self.used = 0
        self.passed_over = 0
        self.bad_rows = 0
        self.bad_files = 0
        self.rows_saved = 0
        self.actions_saved = 0
        self.examples: list[BadLine] = []

    def bad(self, file: str, line: int, reason: str) -> None:
        """Count a bad line, or with line 0 a file that cannot be read."""
        if line:
            self.bad_rows += 1
        else:
            self.bad_files += 1
        if len(self.examples) < EXAMPLES_KEPT:
            self.examples.append(BadLine(file, line, reason))
        logger.debug("%s, line %d: %s", file, line, reason)

    def bad_of(self, file: ArchiveFile) -> Callable[[int, str], None]:
        """Return ``bad`` for the lines of one file."""
        return lambda line, reason: self.bad(file.name, line, reason)

    def report(self) -> ImportReport:
        """Return the counts, or refuse an import in which nothing at all was usable.

        Raises
        ------
        BadInput
            No file could be read, or every line was bad.
        """
        if self.used + self.passed_over == 0 and self.examples:
            first = self.examples[0]
            if self.bad_rows == 0 and self.bad_files == 1:
                raise BadInput(f"{first.file}: {first.reason}")
            if self.bad_rows == 0:
                raise BadInput(
                    f"none of {self.bad_files} files could be read; the first, {first.file}: {first.reason}"
                )
            raise BadInput(
                f"none of {self.bad_rows} lines could be used; the first, {first.file}, "
                f"line {first.line}: {first.reason}"
            )
        return ImportReport(
            files=self.files,
            rows_read=self.used + self.passed_over + self.bad_rows,
            rows_saved=self.rows_saved,
            actions_saved=self.actions_saved,
            passed_over=self.passed_over,
            bad_lines=self.bad_rows + self.bad_files,
            examples=tuple(self.examples),
        )


ImportOne = Callable[[ArchiveFile, Tally, Callable[[int], None]], None]


def import_files(
    paths: Sequence[Path], stage: str, import_one: ImportOne, progress: Progress
) -> ImportReport:
    """Import file by file, in sorted order; a file that cannot be read does not stop the others.

    ``import_one`` gets the file, the tally, and a function to call with the bytes read so far;
    progress is told in bytes.

    Raises
    ------
    BadInput
        A path does not exist, or nothing at all was usable.
    """
    tally = Tally()
    files = find_files(paths, tally.bad)
    total = sum(file.size for file in files)
    done = 0
    for file in files:

        def step(position: int, file: ArchiveFile = file, before: int = done) -> None:
            progress(stage, before + min(position, file.size), total, file.name)

        step(0)
        try:
            import_one(file, tally, step)
            tally.files += 1
        except UnreadableFile as error:
            tally.bad(file.name, 0, str(error))
        done += file.size
    progress(stage, total, total, "")
    report = tally.report()
    logger.info(
        "%s: %d files, %d rows read, %d saved, %d passed over, %d bad",
        stage,
        report.files,
        report.rows_read,
        report.rows_saved,
        report.passed_over,
        report.bad_lines,
    )
    return report
