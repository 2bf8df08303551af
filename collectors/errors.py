"""Errors of the collectors, named by what the caller does next.

CollectorError
├── RetryLater           the source is slow or busy: the schedule tries again
│   ├── DatabaseBusy     another process writes: wait for it, or stop it
│   └── AlreadyRunning   another process does this work: wait for it, or stop it
├── SkipItem             one post, line or ticker is unusable: record it, go on
├── SourceChanged        the answer no longer has our shape: stop this job, keep the answer
├── BadInput             a file or an argument is unusable: tell the person what was expected
└── ConfigurationError   a key, a path or room on the disk is missing: tell the person how to mend it
    └── StorageError     the database cannot be opened or written
        └── DamagedDatabase   it has to be set aside, and a backup restored
"""

from __future__ import annotations


class CollectorError(Exception):
    """Base of everything a collector raises on purpose."""


class RetryLater(CollectorError):
    """The source is slow or busy; ``after_s`` is its own wish, where it named one."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class DatabaseBusy(RetryLater):
    """Another process held the database's write lock longer than we wait."""


class AlreadyRunning(RetryLater):
    """Another process holds the lock of this work; the message says which."""


class SkipItem(CollectorError):
    """One item is unusable; the rest goes on."""


class SourceChanged(CollectorError):
    """The answer no longer has the shape we know; ``answer`` keeps its beginning for the report."""

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer[:2000]


class BadInput(CollectorError):
    """A file or an argument cannot be used as it is."""


class ConfigurationError(CollectorError):
    """Something the person has to provide is missing; the message says how."""


class StorageError(ConfigurationError):
    """The database cannot be opened or written: read-only, full, damaged or newer than the program."""


class DamagedDatabase(StorageError):
    """SQLite finds a fault in the file, or it is no database."""
