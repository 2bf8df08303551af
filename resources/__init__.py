"""Data that travel with the program: sample, universe, icons."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources as package_resources
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SamplePaths:
    """The folders of the embedded sample, as the import commands read them."""

    prices: Path
    posts: Path
    macro: Path


def sample_paths() -> SamplePaths:
    """Return where the embedded sample lies; its NOTICE stands beside these folders."""
    sample = Path(str(package_resources.files("resources").joinpath("sample")))
    return SamplePaths(prices=sample / "prices", posts=sample / "posts", macro=sample / "macro")


def icon_path(name: str) -> Path:
    """Return where a drawing of resources/icons lies."""
    return Path(str(package_resources.files("resources").joinpath("icons", f"{name}.svg")))
