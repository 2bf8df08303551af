"""One at a time: locks of a home folder, who holds them, and that a killed holder's lock is free again."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from collectors.errors import AlreadyRunning, StorageError
from collectors.market_calendar import utc_now

logger = logging.getLogger(__name__)

FOLDER = "locks"  # of a home
SCHEDULE, COLLECTOR = "schedule", "collector"  # whoever runs the schedule; whoever collects right now
TITLES = {SCHEDULE: "the schedule", COLLECTOR: "a collection"}
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock."""

    pid: int
    host: str
    started_at: str
    command: str

    def __str__(self) -> str:
        return f"since {self.started_at} by process {self.pid} on {self.host} ({self.command})"


@contextmanager
def holding(
    home: Path,
    name: str,
    command: str,
    *,
    wait_s: float = 0.0,
    waiting: Callable[[str], None] | None = None,
) -> Iterator[Holder]:
    """Hold a lock for the length of a block.

    The lock itself is the operating system's, on an open file: it ends with its process, however that
    ended. So nothing is ever guessed from a process number, which another process may bear by now. The
    file beside it only tells who holds it.

    Parameters
    ----------
    command : str
        What to tell others is running.
    wait_s : float
        How long to wait for another holder; ``waiting`` is told once whom we wait for.

    Raises
    ------
    AlreadyRunning
        Another process holds it still; the message says who.
    StorageError
        The home cannot be written.
    """
    from filelock import FileLock, Timeout

    lock_path, holder_path = _paths(home, name)
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waiting is not None and wait_s > 0:
                waiting(f"waiting: {_sentence(name, holder_path)}")
            lock.acquire(timeout=wait_s, poll_interval=POLL_S)
    except Timeout:
        raise AlreadyRunning(
            f"{_sentence(name, holder_path)}; wait until it is done, or stop it, and try again"
        ) from None
    except OSError as error:
        raise StorageError(
            f"{lock_path} cannot be written: {error}; check the folder's permissions, or choose another "
            "one with --home"
        ) from error
    try:
        gone = _read(holder_path)
        if gone is not None:
            logger.warning("Took over %s held %s, which is gone", TITLES[name], gone)
        holder = Holder(os.getpid(), socket.gethostname(), utc_now(), command)
        aside = holder_path.with_suffix(".part")
        aside.write_text(json.dumps(asdict(holder)), "utf-8")
        aside.replace(holder_path)
        yield holder
    finally:
        holder_path.unlink(missing_ok=True)
        lock.release()


def holder_of(home: Path, name: str) -> Holder | None:
    """Return who holds a lock now, or None; a moment's try of the lock itself, so never a guess."""
    from filelock import FileLock, Timeout

    lock_path, holder_path = _paths(home, name)
    if not lock_path.exists():
        return None
    lock = FileLock(lock_path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read(holder_path) or Holder(0, "", "", "unknown")
    lock.release()
    return None


def _paths(home: Path, name: str) -> tuple[Path, Path]:
    return home / FOLDER / f"{name}.lock", home / FOLDER / f"{name}.json"


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):  # nobody, or someone who has not said who they are yet
        return None


def _sentence(name: str, holder_path: Path) -> str:
    holder = _read(holder_path)
    return f"{TITLES[name]} is running already{f' {holder}' if holder else ', by another process'}"
