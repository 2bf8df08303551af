"""What the commands of this folder share: their arguments, a reason to skip, a table as text or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Interval: TypeAlias = tuple[float, float]
Cell: TypeAlias = str | int | float | Interval | None

SKIPPED = 3  # exit code: a source is missing
PUBLISHED = "published"


@dataclass
class Report:
    """A table whose rows may leave columns out, with sentences below it.

    ``columns`` gives the decimals of each column's numbers; an interval is a pair of numbers.
    """

    title: str
    columns: dict[str, int]
    rows: list[dict[str, Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, model: str, cells: Mapping[str, Cell]) -> None:
        """Add a row of cells by column; a column that is not named stays empty."""
        unknown = set(cells) - set(self.columns)
        if unknown:
            raise ValueError(f"{self.title} has no column {', '.join(sorted(unknown))}")
        self.rows.append({"model": model, **cells})

    def text(self) -> str:
        """Return the table in plain text."""
        lines = [["", *self.columns]]
        for row in self.rows:
            cells = [shown(row.get(name), decimals) for name, decimals in self.columns.items()]
            lines.append([str(row["model"]), *cells])
        widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
        ruled = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, "", *ruled, "", *self.notes])


def shown(cell: Cell, decimals: int) -> str:
    """Return a cell as a person reads it: ``.4``, ``[.1, .2]``, a dash where there is none."""
    if cell is None:
        return "-"
    if isinstance(cell, tuple):
        return f"[{', '.join(shown(value, decimals) for value in cell)}]"
    return f"{cell:,.{decimals}f}" if isinstance(cell, float) else str(cell)


def data_argument(doc: str | None, default: str, what: str) -> argparse.ArgumentParser:
    """Return a parser with what every command takes: where the data lie, ``--json`` and ``--seed``."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path(default), help=f"{what} ({default})")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--seed", type=int, default=7, help="of networks, draws and intervals (7)")
    return parser


def require(*paths: Path, hint: str = "name the folder that holds it as the first argument") -> None:
    """Leave, with a sentence and exit code 3, where the data of a benchmark are not here."""
    for path in paths:
        if not path.exists():
            print(f"skipped: {path} is not here; {hint}", file=sys.stderr)
            raise SystemExit(SKIPPED)


def publish(reports: Sequence[Report], as_json: bool) -> None:
    """Print tables, or one JSON document with all of them."""
    if as_json:
        tables = [{"title": one.title, "rows": one.rows, "notes": one.notes} for one in reports]
        print(json.dumps({"tables": tables}, indent=1))
        return
    print("\n\n".join(report.text() for report in reports))


def say(stage: str, done: int, total: int, message: str = "") -> None:
    """Tell on standard error how far a long step has come, at its start and end alone."""
    if done in (0, total):
        print(f"{stage} {done}/{total} {message}".rstrip(), file=sys.stderr, flush=True)
