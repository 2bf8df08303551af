"""Files and folders as streams of rows: plain, gzip, zstandard or zip, with the line each row starts on."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

from collectors.errors import BadInput

DATA_SUFFIXES = (".csv", ".txt", ".jsonl", ".ndjson", ".json", ".zst", ".zip", ".gz")
NO_DATA_STEMS = ("readme", "license", "licence", "notice", "copying", "changelog", "authors")
LONGEST_HEADER = 1_000_000  # characters
ZSTD_WINDOW = 2**31  # bytes; the monthly Reddit dumps are packed with --long=31

Item = TypeVar("Item")
Bad = Callable[[int, str], None]


class UnreadableFile(BadInput):
    """One file cannot be read, or has no layout known here; the others go on."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file, or a member of a zip: ``stem`` is its name without folders and data suffixes."""

    name: str
    stem: str
    size: int
    path: Path
    member: str = ""


# Finding ------------------------------------------------------------------------------------------


def find_files(paths: Sequence[Path], bad: Callable[[str, int, str], None]) -> list[ArchiveFile]:
    """Return the files at some paths: folders with everything below them, zips with every member.

    Inside folders and zips, hidden files, licences, notices and other suffixes are passed over.

    Raises
    ------
    BadInput
        A path does not exist, or there is no data file at any of them.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise BadInput(f"there is no file or folder {', '.join(missing)}; nothing was imported")
    found: list[ArchiveFile] = []
    for path in paths:
        inside = sorted(below for below in path.rglob("*") if below.is_file()) if path.is_dir() else [path]
        for file in inside:
            if path.is_dir() and not _is_data(file.relative_to(path).as_posix()):
                continue
            try:
                found += _expand(file)
            except (OSError, zipfile.BadZipFile) as error:
                bad(str(file), 0, f"cannot be read: {error}")
    if not found and not any(path.is_file() for path in paths):
        raise BadInput(
            f"no data file was found at {', '.join(map(str, paths))}; "
            "expected .csv, .jsonl or .ndjson, plain or as .gz, .zst or .zip"
        )
    return found


def _expand(path: Path) -> list[ArchiveFile]:
    """Return a file, or a zip's members."""
    if path.suffix.lower() != ".zip":
        return [ArchiveFile(str(path), stem_of(path.name), path.stat().st_size, path)]
    with zipfile.ZipFile(path) as archive:
        return [
            ArchiveFile(f"{path}/{m.filename}", stem_of(m.filename), m.compress_size, path, m.filename)
            for m in sorted(archive.infolist(), key=lambda m: m.filename)
            if not m.is_dir() and _is_data(m.filename)
        ]


def _is_data(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if any(part.startswith((".", "__MACOSX")) for part in parts):
        return False
    return name.lower().endswith(DATA_SUFFIXES) and stem_of(name).lower() not in NO_DATA_STEMS


def stem_of(name: str) -> str:
    """Return a file's name without folders and data suffixes: ``x/BRK.B.csv.gz`` is ``BRK.B``."""
    stem = PurePosixPath(name.replace("\\", "/")).name
    while stem.lower().endswith(DATA_SUFFIXES):
        stem = stem[: stem.rindex(".")]
    return stem


# Opening ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A stream of text, and how far its file has been read, in bytes as stored."""

    text: io.TextIOWrapper
    position: Callable[[], int]


@contextmanager
def open_text(file: ArchiveFile) -> Iterator[OpenFile]:
    """Open a file as UTF-8 text, unpacking it on the way; bytes that are no UTF-8 become surrogates.

    Raises
    ------
    UnreadableFile
        It cannot be opened, or breaks off or is damaged further on.
    """
    try:
        with ExitStack() as stack:
            raw: IO[bytes] = stack.enter_context(file.path.open("rb"))
            stream: Any = raw
            name = file.name
            if file.member:
                archive = stack.enter_context(zipfile.ZipFile(raw))
                stream, name = stack.enter_context(archive.open(file.member)), file.member
            if name.lower().endswith(".gz"):
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
            elif name.lower().endswith(".zst"):
                stream = stack.enter_context(_zstd_stream(stream))
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
            yield OpenFile(text, raw.tell)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableFile(f"cannot be read or is damaged: {error}") from error
    except RuntimeError as error:
        if "password" not in str(error):
            raise
        raise UnreadableFile("is encrypted; unpack it first") from error


def _zstd_stream(stream: IO[bytes]) -> io.BufferedReader:
    import zstandard

    class Reader(io.RawIOBase):
        """The unpacked bytes; zstandard's own error becomes an OSError, as gzip's is."""

        def __init__(self) -> None:
            unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
            self._inner = unpacker.stream_reader(stream, read_across_frames=True)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            try:
                return self._inner.readinto(buffer)
            except zstandard.ZstdError as error:
                raise OSError(str(error)) from error

    return io.BufferedReader(Reader(), 1 << 20)


# Rows ---------------------------------------------------------------------------------------------


def read_first_line(text: io.TextIOWrapper) -> tuple[int, str]:
    """Return the first line that is not blank, and its number.

    Raises
    ------
    UnreadableFile
        The file is empty, or is no text.
    """
    number = 0
    while True:
        line = text.readline(LONGEST_HEADER)
        number += 1
        if not line:
            raise UnreadableFile("is empty; expected a header or a record in its first line")
        if "\0" in line or not is_utf8(line):
            raise UnreadableFile("is no text in UTF-8; export it as CSV or JSON lines in UTF-8")
        if line.strip():
            return number, line


def is_utf8(text: str) -> bool:
    """Tell whether text that was read with surrogateescape was UTF-8 in the file."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def split_line(line: str) -> list[str]:
    """Return the fields of one CSV line; raises csv.Error where its quotes are broken."""
    line = line.rstrip("\r\n")
    return next(csv.reader([line], strict=True)) if '"' in line else line.split(",")


def table_rows(text: Iterable[str], header: int, width: int, bad: Bad) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of a table whose records never span lines: a stray quote costs one line."""
    for number, line in enumerate(text, header + 1):
        if line.isspace():
            continue
        if not is_utf8(line):
            bad(number, "is no text in UTF-8")
            continue
        try:
            fields = split_line(line)
        except csv.Error as error:
            bad(number, f"broken quotes: {error}")
            continue
        if len(fields) != width:
            bad(number, f"has {len(fields)} columns, the header has {width}")
            continue
        yield number, fields


class _Lines:
    """Lines of a stream, counted; those taken for a record that turned out broken can be given back."""

    def __init__(self, text: Iterator[str], read_so_far: int) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._read = read_so_far

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self._read += 1
        self._taken.append(line)
        return line

    def start_record(self) -> int:
        self._taken.clear()
        return self._read + 1

    def give_back(self) -> None:
        """Read again from the second line of the record on."""
        self._again.extendleft(reversed(self._taken[1:]))
        self._read -= len(self._taken) - 1


def csv_records(text: Iterator[str], header: int, width: int, bad: Bad) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of a CSV whose quoted fields may span lines.

    After an unclosed quote, reading resumes at the line behind it: one bad line, not the whole rest.
    """
    lines = _Lines(text, header)
    reader = csv.reader(lines, strict=True)
    while True:
        start = lines.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.give_back()
            bad(start, f"broken quotes: {error}")
            continue
        if not any(fields):
            continue
        if len(fields) != width:
            lines.give_back()
            bad(start, f"has {len(fields)} columns, the header has {width}")
        elif not all(map(is_utf8, fields)):
            bad(start, "is no text in UTF-8")
        else:
            yield start, fields


def json_records(text: Iterable[str], first: int, bad: Bad) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object) of JSON lines."""
    for number, line in enumerate(text, first):
        if line.isspace():
            continue
        if not is_utf8(line):
            bad(number, "is no text in UTF-8")
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            bad(number, f"is no JSON: {error}")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            bad(number, "is no JSON object")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of up to ``size`` items."""
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
