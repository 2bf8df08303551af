"""The finder against 300 real posts, of which a person wrote down whom they speak of."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from collectors.mentions import find_mentions
from collectors.universe import load_universe

ANSWERS = Path(__file__).parents[1] / "resources" / "mentions_answers.csv"
# The finder's errors were looked at in the first half alone; docs/sentiment.md has the figures.
HALF = 150


def precision_and_recall(rows: list[dict[str, str]]) -> tuple[float, float]:
    universe = load_universe()
    found = [find_mentions(row["text"], universe) for row in rows]
    expected = [set(row["tickers"].split()) for row in rows]
    right = sum(len(told & true) for told, true in zip(found, expected, strict=True))
    return right / sum(map(len, found)), right / sum(map(len, expected))


@pytest.mark.parametrize(
    ("part", "precision", "recall"),
    [(slice(None), 0.95, 0.97), (slice(HALF), 0.97, 0.96), (slice(HALF, None), 0.93, 0.98)],
    ids=["all", "seen", "unseen"],
)
def test_finder_reads_posts_as_a_person_does(part: slice, precision: float, recall: float) -> None:
    with ANSWERS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    measured = precision_and_recall(rows[part])
    assert measured[0] >= precision
    assert measured[1] >= recall
