"""What words are worth: VADER's lexicon with finance words of ours, and the words that turn others round.

Of the package vaderSentiment (MIT; Hutto & Gilbert, 2014) only the lists are read. Its own code walks through
every word in Python and took about six times as long as the table lookups of ``tokens`` and ``compact``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources as package_resources


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Valences on VADER's scale, -4 .. 4, by word or emoji, and by phrase of several words."""

    words: dict[str, float]
    phrases: dict[str, float]
    emoji: dict[str, float]
    boosters: dict[str, float]  # "very" .293, "slightly" -.293: added in the direction of a word that follows
    negations: frozenset[str]


def finance_words() -> dict[str, float]:
    """Return our finance words and phrases with their valences."""
    text = package_resources.files("resources").joinpath("finance_lexicon.csv").read_text("utf-8")
    return {row["phrase"]: float(row["valence"]) for row in csv.DictReader(text.splitlines())}


@cache
def load_lexicon() -> Lexicon:
    """Return all lists, read once per process; where ours and VADER's both have a word, ours counts."""
    from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES

    both = {word: float(valence) for word, valence in _vader_list("vader_lexicon.txt").items()}
    both |= SPECIAL_CASES | finance_words()
    words = {word: valence for word, valence in both.items() if " " not in word}
    phrases = {phrase: valence for phrase, valence in both.items() if " " in phrase}
    emoji = {
        sign: phrases.get(name) or sum(words.get(word, 0.0) for word in name.split())
        for sign, name in _vader_list("emoji_utf8_lexicon.txt").items()
    }
    boosters = {word: float(step) for word, step in BOOSTER_DICT.items() if " " not in word}
    return Lexicon(words, phrases, emoji, boosters, frozenset([*NEGATE, "no"]))


def _vader_list(name: str) -> dict[str, str]:
    """Return the first two columns of one of VADER's files."""
    text = package_resources.files("vaderSentiment").joinpath(name).read_text("utf-8")
    return dict(line.split("\t")[:2] for line in text.splitlines() if "\t" in line)
