"""How a CSV file is written (RFC 4180): whole or not at all, with nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from collectors.errors import ConfigurationError

Cell: TypeAlias = str | int | float | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what follows


def fixed(value: float | None, decimals: int) -> str:
    """Return a number with fixed decimals, empty where there is none, and no negative zero."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def write(out: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]], excel: bool) -> int:
    """Write aside and rename, so that a reader sees the old file or the whole new one; return the rows.

    Raises
    ------
    ConfigurationError
        The file cannot be written.
    """
    aside = out.with_name(f"{out.name}.part")
    written = 0
    try:
        with aside.open("w", encoding="utf-8-sig" if excel else "utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow(row)
                written += 1
        aside.replace(out)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{out} cannot be written: {error.strerror or error}; check that its folder exists, "
            "that there is room, and that no other program holds the file"
        ) from error
    return written
