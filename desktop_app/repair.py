"""A damaged database set aside, its newest sound backup in its place, and what is missing since then."""

from __future__ import annotations

from pathlib import Path

from collectors.backups import damage_of, day_of, restore
from collectors.locks import COLLECTOR, SCHEDULE, holding
from desktop_app.store import DATABASE_NAME
from desktop_app.words import day


def repair_home(home: Path, *, now: str) -> list[str]:
    """Restore the newest backup of a home whose database is damaged; return what was done, in sentences.

    Raises
    ------
    AlreadyRunning
        The schedule or a collection is at work; nothing was changed.
    StorageError
        No backup is sound, or the files cannot be moved.
    """
    path = home / DATABASE_NAME
    if not (damage := damage_of(path)):
        return [f"{path} is sound; there is nothing to repair."]
    command = "barograph doctor --repair"
    with holding(home, SCHEDULE, command), holding(home, COLLECTOR, command):
        done = restore(path, now)
    since = day(day_of(done.restored))
    return [
        f"{path} was damaged: {damage}.",
        f"It is in {done.set_aside} now, and the backup of {since} has taken its place.",
        *(f"{backup.name} was passed over: it is damaged too." for backup in done.passed_over),
        "What was recorded since that backup is missing: `barograph collect` brings prices, macro figures "
        "and earnings dates again, and posts as far as Reddit still lists them; then `barograph refresh`.",
    ]
