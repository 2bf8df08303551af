"""The embedded default scorer: hashed words and pairs of words in a linear model, averaged with a lexicon.

Small, fast and deterministic. The linear model knows what labelled headlines taught it, the lexicon knows
words that were in no headline; the average is tempered. What it reaches stands in docs/sentiment.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources as package_resources

import numpy as np
from numpy.typing import NDArray

from collectors.sentiment.lexicon import load_lexicon
from collectors.sentiment.scorer import FloatArray
from collectors.sentiment.tokens import Hashes, TokenRows, Vocabulary, pair_hash, token_hash, tokens_of

# Part of every stored score's name: raised with any change of lexicon, weights or rule.
REVISION = 2

WEIGHTS_FILE = "compact_weights.npz"

# Both parts add words up, so that every long post would be certain; a headline has about ten words.
WORDS_PER_PIECE = 40

# Of VADER (Hutto & Gilbert, 2014): a negation among the three words before turns a valence round, a degree
# word there adds to it, less the farther it stands; "but" makes what was said before count half and what
# follows by half more.
NEGATION_FACTOR = -0.74
BOOSTER_FADE = (1.0, 0.95, 0.9)
BEFORE_BUT, AFTER_BUT = 0.5, 1.5
EXCLAMATION, MOST_EXCLAMATIONS = 0.292, 4
COMPOUND_SOFTNESS = 15.0

LONGEST_PHRASE = 4


@dataclass(frozen=True, slots=True)
class Weights:
    """What scripts/fit_compact_scorer.py learned; K features, columns positive, neutral, negative."""

    hashes: Hashes  # (K,) ascending
    linear: NDArray[np.int8]  # (K, 3), in units of steps
    steps: FloatArray  # (3,)
    lexical: FloatArray  # (4, 3) of lexical_features in the linear model
    ordered: FloatArray  # (3,) slope, positive from, negative from: the lexicon's own ordered logit
    share: float  # of the linear model in the average
    temperature: float  # above 1 makes the average less certain


class CompactScorer:
    """Probabilities of a linear model and of a lexicon, averaged; calibrated on labelled headlines."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights or load_weights()
        self._vocabulary = Vocabulary(load_lexicon())

    @property
    def name(self) -> str:
        return f"compact-words-{REVISION}"

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, 3) positive, neutral, negative; a long text is the mean of its pieces by words."""
        if not texts:
            return np.empty((0, 3))
        self._vocabulary.make_room()
        pieces, counts = _cut([self._vocabulary.split(text) for text in texts])
        rows = self._vocabulary.rows(pieces)
        scores = mix(*both_parts(rows, self._weights), self._weights.share, self._weights.temperature)
        words = np.fromiter((max(1, len(piece)) for piece in pieces), float, len(pieces))[:, None]
        starts = np.cumsum(counts) - counts
        mean: FloatArray = np.add.reduceat(scores * words, starts) / np.add.reduceat(words, starts)
        return mean


def _cut(texts: Sequence[list[int]]) -> tuple[list[list[int]], NDArray[np.int64]]:
    """Return pieces of equal length of at most WORDS_PER_PIECE tokens, and how many each text has."""
    pieces: list[list[int]] = []
    counts = np.ones(len(texts), np.int64)
    for number, text in enumerate(texts):
        if len(text) <= WORDS_PER_PIECE:
            pieces.append(text)
            continue
        counts[number] = count = -(-len(text) // WORDS_PER_PIECE)
        pieces += [text[k * len(text) // count : (k + 1) * len(text) // count] for k in range(count)]
    return pieces, counts


def both_parts(rows: TokenRows, weights: Weights) -> tuple[FloatArray, FloatArray]:
    """Return the probabilities of the linear model and of the lexicon, (n, 3) each."""
    compound = compounds(rows)
    logits = lexical_features(compound) @ weights.lexical
    logits += np.add.reduceat(_feature_weights(rows, weights), rows.starts)
    return softmax(logits), ordered_logit(compound, *weights.ordered)


def _feature_weights(rows: TokenRows, weights: Weights) -> FloatArray:
    """Return what each token and the pair that begins with it add to its text, (W, 3)."""
    found = np.zeros((len(rows.hashes), 3))
    likely = np.zeros(1 << 16, bool)  # the upper halves of known hashes: one hash in six needs a search
    likely[weights.hashes >> 16] = True
    for hashes in (rows.hashes, pair_hashes(rows)):
        (asked,) = np.nonzero(likely[hashes >> 16])
        places = np.searchsorted(weights.hashes, hashes[asked])
        places[places == len(weights.hashes)] = 0
        known = weights.hashes[places] == hashes[asked]
        found[asked[known]] += weights.linear[places[known]]
    return found * weights.steps


def pair_hashes(rows: TokenRows) -> Hashes:
    """Return for each token the hash of it and its neighbour, the edges among them, (W,)."""
    return pair_hash(rows.hashes, np.append(rows.hashes[1:], rows.hashes[:1]))


def mix(linear: FloatArray, lexical: FloatArray, share: float, temperature: float) -> FloatArray:
    """Return the weighted mean of two sets of probabilities, tempered; rows sum to 1."""
    return softmax(np.log(share * linear + (1 - share) * lexical) / temperature)


def compounds(rows: TokenRows) -> FloatArray:
    """Return VADER's compound score, -1 .. 1, of each text, (n,)."""
    valence = _phrased(rows)
    for back, fade in enumerate(BOOSTER_FADE, start=1):
        same = rows.text[back:] == rows.text[:-back]
        step = np.where(same, rows.booster[:-back], 0.0) * fade
        valence[back:] += np.sign(valence[back:]) * step
    for back in range(1, len(BOOSTER_FADE) + 1):
        turned = (rows.text[back:] == rows.text[:-back]) & rows.is_negation[:-back]
        valence[back:][turned] *= NEGATION_FACTOR
    total = np.add.reduceat(_weighed_by_but(valence, rows), rows.starts)
    cries = np.minimum(np.add.reduceat(rows.is_exclamation.astype(float), rows.starts), MOST_EXCLAMATIONS)
    total += np.sign(total) * cries * EXCLAMATION
    score: FloatArray = total / np.sqrt(total**2 + COMPOUND_SOFTNESS)
    return score


def _phrased(rows: TokenRows) -> FloatArray:
    """Return the valences, those of a phrase on its first word and none on its others."""
    valence = rows.valence.copy()
    free = np.ones(len(valence), bool)
    sequence, found = rows.hashes, []
    for length in range(2, LONGEST_PHRASE + 1):
        sequence = pair_hash(sequence[:-1], rows.hashes[length - 1 :])
        known, values = _phrase_table(length)
        (places,) = np.nonzero(np.isin(sequence, known))
        found.append((length, places, values[np.searchsorted(known, sequence[places])]))
    for length, places, values in reversed(found):
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            if free[place : place + length].all():
                free[place : place + length] = False
                valence[place : place + length] = 0.0
                valence[place] = value
    return valence


@cache
def _phrase_table(length: int) -> tuple[Hashes, FloatArray]:
    """Return the hashes, ascending, and the valences of the lexicon's phrases of so many tokens."""
    lexicon = load_lexicon()
    table = {}
    for phrase, valence in lexicon.phrases.items():
        tokens = [token for word in phrase.split() for token in tokens_of(word, lexicon)]
        if len(tokens) == length:
            sequence = np.array([token_hash(tokens[0])], np.uint32)
            for token in tokens[1:]:
                sequence = pair_hash(sequence, np.array([token_hash(token)], np.uint32))
            table[int(sequence[0])] = valence
    ordered = sorted(table)
    return np.array(ordered, np.uint32), np.array([table[key] for key in ordered], float)


def _weighed_by_but(valence: FloatArray, rows: TokenRows) -> FloatArray:
    """Return valences less before the first "but" of a text, and more behind it."""
    if not rows.is_but.any():
        return valence
    seen = np.cumsum(rows.is_but)
    behind = seen > seen[rows.starts][rows.text.clip(max=len(rows.starts) - 1)]
    with_but = np.add.reduceat(rows.is_but, rows.starts)[rows.text.clip(max=len(rows.starts) - 1)] > 0
    return np.where(with_but, np.where(behind, AFTER_BUT, BEFORE_BUT), 1.0) * valence


def lexical_features(compound: FloatArray) -> FloatArray:
    """Return what the linear model sees of the lexicon, (n, 4): a constant, the compound, its signs."""
    return np.stack(
        [np.ones_like(compound), compound, (compound > 0).astype(float), (compound < 0).astype(float)], 1
    )


def ordered_logit(
    compound: FloatArray, slope: float, positive_from: float, negative_from: float
) -> FloatArray:
    """Return (n, 3) positive, neutral, negative; ``positive_from + negative_from`` must be positive."""
    positive = 1 / (1 + np.exp(positive_from - slope * compound))
    negative = 1 / (1 + np.exp(negative_from + slope * compound))
    return np.stack([positive, 1 - positive - negative, negative], axis=-1)


def softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return shares


@cache
def load_weights() -> Weights:
    """Return the weights that the program carries, read once per process."""
    with (
        package_resources.files("resources").joinpath(WEIGHTS_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        parts = (stored[name] for name in ("hashes", "linear", "steps", "lexical", "ordered"))
        return Weights(*parts, *stored["mixture"].tolist())
