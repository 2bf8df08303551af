"""The stocks we know by name: ticker, company name, sector and nicknames, read from a small CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources as package_resources


@dataclass(frozen=True, slots=True)
class Company:
    """A listed company or fund: how people call it, and where it belongs."""

    ticker: str
    name: str
    sector: str
    aliases: tuple[str, ...]


def load_universe() -> dict[str, Company]:
    """Return the embedded universe by ticker, in file order."""
    text = package_resources.files("resources").joinpath("universe.csv").read_text("utf-8")
    return {
        row["ticker"]: Company(
            ticker=row["ticker"],
            name=row["name"],
            sector=row["sector"],
            aliases=tuple(alias for alias in row["aliases"].split("|") if alias),
        )
        for row in csv.DictReader(text.splitlines())
    }
