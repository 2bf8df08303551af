"""The embedded default scorer: VADER's rules with a finance lexicon of ours, as calibrated probabilities.

Small, fast and deterministic; it reads words, not sentences. What it reaches stands in docs/sentiment.md.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from importlib import resources as package_resources
from typing import Any

import numpy as np

from collectors.sentiment.scorer import FloatArray

# Part of every stored score's name: raised with any change of the lexicon, the constants or the rule.
REVISION = 1

# An ordered logit in VADER's compound score (-1 .. 1): P(positive) = s(SLOPE * c - POSITIVE_FROM) and
# P(negative) = s(-SLOPE * c - NEGATIVE_FROM), s the logistic function; neutral is what is left.
# Maximum likelihood on sentfin_headlines.csv by scripts/fit_compact_scorer.py.
SLOPE = 5.399
POSITIVE_FROM = 1.346
NEGATIVE_FROM = 1.056

# VADER adds up valences, so that every long post would be certain; a headline has about ten words.
WORDS_PER_PIECE = 40


class CompactScorer:
    """VADER with a finance lexicon; probabilities fitted on labelled headlines."""

    def __init__(self) -> None:
        self._vader, self._phrases = _analyser()

    @property
    def name(self) -> str:
        return f"compact-vader-{metadata.version('vaderSentiment')}+finance-{REVISION}"

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, 3) positive, neutral, negative; a long text is the mean of its pieces by words."""
        if not texts:
            return np.empty((0, 3))
        pieces = [self.compounds(text) for text in texts]
        starts = np.cumsum([0, *(len(compounds) for compounds, _ in pieces[:-1])])
        weights = np.concatenate([weights for _, weights in pieces])[:, None]
        scores = probabilities(np.concatenate([compounds for compounds, _ in pieces]))
        mean: FloatArray = np.add.reduceat(scores * weights, starts) / np.add.reduceat(weights, starts)
        return mean

    def compounds(self, text: str) -> tuple[FloatArray, FloatArray]:
        """Return VADER's compound score of each piece of a text, and the pieces' words as weights."""
        words = self._join_phrases(text).split()
        count = max(1, -(-len(words) // WORDS_PER_PIECE))
        size = max(1, -(-len(words) // count))
        pieces = [words[start : start + size] for start in range(0, len(words), size)] or [[""]]
        compounds = [self._vader.polarity_scores(" ".join(piece))["compound"] for piece in pieces]
        return np.array(compounds, float), np.array([len(piece) for piece in pieces], float)

    def _join_phrases(self, text: str) -> str:
        """VADER knows single words only: "short squeeze" is looked up as short_squeeze."""
        return self._phrases.sub(lambda match: "_".join(match.group().lower().split()), text)


def probabilities(compound: FloatArray) -> FloatArray:
    """Return (n, 3) positive, neutral, negative for compound scores (n,)."""
    return ordered_logit(compound, SLOPE, POSITIVE_FROM, NEGATIVE_FROM)


def ordered_logit(
    compound: FloatArray, slope: float, positive_from: float, negative_from: float
) -> FloatArray:
    """Return (n, 3) positive, neutral, negative; ``positive_from + negative_from`` must be positive."""
    positive = 1 / (1 + np.exp(positive_from - slope * compound))
    negative = 1 / (1 + np.exp(negative_from + slope * compound))
    return np.stack([positive, 1 - positive - negative, negative], axis=-1)


def load_lexicon() -> dict[str, float]:
    """Return our finance words and phrases with their valences on VADER's scale, -4 .. 4."""
    text = package_resources.files("resources").joinpath("finance_lexicon.csv").read_text("utf-8")
    return {row["phrase"]: float(row["valence"]) for row in csv.DictReader(text.splitlines())}


@cache
def _analyser() -> tuple[Any, re.Pattern[str]]:
    """Read the lexicons once per process: VADER's own takes 20 ms."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    vader = SentimentIntensityAnalyzer()
    lexicon = load_lexicon()
    vader.lexicon.update({"_".join(phrase.split()): valence for phrase, valence in lexicon.items()})
    phrases = sorted((phrase for phrase in lexicon if " " in phrase), key=len, reverse=True)
    pattern = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return vader, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
