"""What every scorer of texts looks like, and how its answers are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LABELS = ("positive", "neutral", "negative")
# Another batch moves a model's float32 answer by about 1e-7: four decimals are what is stable.
STORED_DECIMALS = 4
# "Uncertain" is an answer: no label is likelier than the two others together.
UNCERTAIN_BELOW = 0.5


class Scorer(Protocol):
    """Text to probabilities; the same text always gets the same ones."""

    @property
    def name(self) -> str:
        """Model and revision, for instance ``finbert-ProsusAI@4556d1301521``."""
        ...

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, 3) positive, neutral, negative; rows sum to 1."""
        ...


def stored_probabilities(probabilities: FloatArray) -> FloatArray:
    """Round to the stored precision; rows (n, 3) still sum to 1, the largest takes up the difference."""
    scale = 10**STORED_DECIMALS
    units = np.rint(probabilities * scale)
    rows = np.arange(len(units))
    units[rows, units.argmax(axis=1)] += scale - units.sum(axis=1)
    rounded: FloatArray = units / scale
    return rounded


def label_of(probabilities: Sequence[float]) -> str:
    """Return the most probable label of positive, neutral, negative; neutral where two are equal."""
    positive, neutral, negative = probabilities
    if positive > max(neutral, negative):
        return "positive"
    return "negative" if negative > max(neutral, positive) else "neutral"


def is_uncertain(probabilities: Sequence[float]) -> bool:
    """Return whether the likeliest label (``label_of``) is too weak to be said without a question mark."""
    return max(probabilities) < UNCERTAIN_BELOW
