"""Which scorers a folder of models holds, told from their files without loading one."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER, FAST_FOLDER = "finbert", "finbert-fast"  # inside the models folder
CARD_FILE = "fast.json"
# In the fast FinBERT's name, between the reference's and the beginning of the graph's checksum.
FAST_VERSION = "+int8-4."


def has_finbert(models_dir: Path) -> bool:
    """Return whether FinBERT was fetched."""
    return (models_dir / FOLDER).exists()


def fast_scorer_name(models_dir: Path) -> str | None:
    """Return the name of the fast FinBERT without loading it, None where there is none."""
    try:
        name: str = json.loads((models_dir / FAST_FOLDER / CARD_FILE).read_text("utf-8"))["name"]
    except (OSError, ValueError, KeyError):
        return None
    return name


def is_outdated(fast_name: str) -> bool:
    """Return whether an earlier version made the fast FinBERT of this name: nothing reads posts by it."""
    return FAST_VERSION not in fast_name
