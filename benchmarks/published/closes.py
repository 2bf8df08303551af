"""Twenty US stocks' adjusted closes, 1990-2022, as skfolio carries them, in a panel that has nothing else."""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib.util
from pathlib import Path

import numpy as np

from benchmarks.published.panels import panel_of_closes
from benchmarks.published.report import data_argument, require
from fusion_model.dataset.panel import Panel

FIRST, LAST = "2016-12-30", "2022-12-27"  # closes forecast from: the targets are 2017-01-03 .. 2022-12-28
INSIDE = Path("datasets") / "data" / "sp500_dataset.csv.gz"


def closes_argument(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser whose data are skfolio's file, found where skfolio is installed."""
    found = importlib.util.find_spec("skfolio")
    folder = Path(found.origin).parent if found and found.origin else Path("skfolio")
    return data_argument(doc, str(folder / INSIDE), "sp500_dataset.csv.gz of skfolio")


def require_closes(path: Path) -> None:
    """Leave with a reason where the file is not here."""
    require(path, hint="pip install skfolio, or name its sp500_dataset.csv.gz")


def read_closes(path: Path, last: str = "9999") -> Panel:
    """Return the closes up to a session; they are adjusted for splits and dividends."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    rows = [row for row in rows if row[0] <= last]
    closes = np.array([[float(value) for value in row[1:]] for row in rows])
    return panel_of_closes([row[0] for row in rows], header[1:], closes)
