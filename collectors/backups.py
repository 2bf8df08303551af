"""Backups of the record: a tested copy a day, kept for seven days and four weeks, and the way back to one."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from collectors.errors import DamagedDatabase, StorageError
from collectors.store import copy_tested, open_reader, quick_check

logger = logging.getLogger(__name__)

FOLDER = "backups"  # beside the database
DAYS_KEPT, WEEKS_KEPT = 7, 4
WAL_SUFFIXES = ("-wal", "-shm")


def back_up_daily(db: sqlite3.Connection, path: Path, now: str) -> Path | None:
    """Make the day's first backup and let go of old ones; return it, or None where the day has one.

    A disk without room for it is told to the log and not in the way of a collection.

    Raises
    ------
    DamagedDatabase
        SQLite finds a fault in the database: a copy of it would push out good ones.
    """
    target = path.parent / FOLDER / f"{path.stem}-{now[:10]}.db"
    if target.exists():
        return None
    try:
        target.parent.mkdir(exist_ok=True)
        free, needed = shutil.disk_usage(target.parent).free, path.stat().st_size
        if free < 2 * needed:
            raise StorageError(f"{free / 1e6:,.0f} MB are free, and it takes {needed / 1e6:,.0f} MB")
        copy_tested(db, target)
    except DamagedDatabase:
        raise
    except (OSError, StorageError) as error:
        logger.warning("No backup was made at %s: %s", target, error)
        return None
    for old in _past_their_time(backups_of(path)):
        old.unlink()
    logger.info("Made the backup %s", target)
    return target


def backups_of(path: Path) -> list[Path]:
    """Return a database's daily backups, newest first."""
    return sorted((path.parent / FOLDER).glob(f"{path.stem}-????-??-??.db"), reverse=True)


def day_of(backup: Path) -> str:
    """Return the day a backup was made."""
    return backup.stem[-10:]


def _past_their_time(backups: list[Path]) -> list[Path]:
    """Return those that are neither of the newest days nor the newest of a week before them."""
    weeks: dict[tuple[int, int], Path] = {}
    for backup in backups[DAYS_KEPT:]:
        weeks.setdefault(date.fromisoformat(day_of(backup)).isocalendar()[:2], backup)
    kept = {*backups[:DAYS_KEPT], *list(weeks.values())[:WEEKS_KEPT]}
    return [backup for backup in backups if backup not in kept]


def damage_of(path: Path) -> str:
    """Return what is wrong with a database file in SQLite's words; empty where it is sound or not there."""
    if not path.is_file():
        return ""
    try:
        with closing(open_reader(path)) as db:
            return "; ".join(quick_check(db)[:1])
    except DamagedDatabase as error:
        return str(error.__cause__ or error)


@dataclass(frozen=True, slots=True)
class Repair:
    """What was put where: the damaged file's folder, the backup that took its place, and worse ones."""

    set_aside: Path
    restored: Path
    passed_over: tuple[Path, ...]


def restore(path: Path, now: str) -> Repair:
    """Set a database aside with its write-ahead log, and put its newest sound backup in its place.

    Raises
    ------
    StorageError
        No backup is sound; nothing was changed.
    """
    passed_over = []
    for backup in backups_of(path):
        if not damage_of(backup):
            break
        passed_over.append(backup)
    else:
        raise StorageError(
            f"there is no sound backup of {path} in {path.parent / FOLDER}, so it was left as it is; move it "
            "away with the files beside it that begin with its name, then import and collect anew"
        )
    copy = path.with_suffix(".part")
    aside = path.parent / f"damaged-{now.replace(':', '')}"
    try:
        shutil.copyfile(backup, copy)
        aside.mkdir()
        for name in (path.name + suffix for suffix in WAL_SUFFIXES):  # first: they belong to no other file
            if path.with_name(name).exists():
                path.with_name(name).rename(aside / name)
        if path.exists():
            _also_at(path, aside / path.name)
        copy.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be replaced by {backup}: {error}; close what uses it, make room on the disk"
        ) from error
    return Repair(aside, backup, tuple(passed_over))


def _also_at(path: Path, other: Path) -> None:
    """Give a file a second name, so that its first one is never without a file; else move it."""
    try:
        os.link(path, other)
    except OSError:  # a file system without hard links
        path.rename(other)
