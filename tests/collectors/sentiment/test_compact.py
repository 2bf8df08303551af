"""The compact scorer: words of finance as a reader of finance takes them, calibrated and revisioned."""

from __future__ import annotations

import hashlib
from importlib import resources as package_resources

import numpy as np
import pytest

from collectors.sentiment import compact
from collectors.sentiment.compact import CompactScorer, load_lexicon, probabilities
from collectors.sentiment.scorer import label_of

# The digest of lexicon and constants of each revision: stored scores name the revision alone.
DIGESTS = {1: "3abc4cd27bc47f42"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Apple beats estimates, shares surge to record high", "positive"),
        ("Bank cuts guidance after profit warning", "negative"),
        ("Board meets on Thursday", "neutral"),
        ("this is the short squeeze 🚀🚀🚀", "positive"),
        ("dilution and bankruptcy, puts printing", "negative"),
        ("Company issues shares of common stock", "neutral"),
        ("not bullish at all", "negative"),
    ],
)
def test_label(text: str, label: str) -> None:
    assert label_of(CompactScorer().score([text])[0].tolist()) == label


def test_rows_are_probabilities_and_the_same_each_time() -> None:
    texts = ["moon", "", "bankrupt " * 500, "to be or not to be"] * 3
    scores = CompactScorer().score(texts)
    assert (scores > 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(scores[:4], CompactScorer().score(texts[4:8]))
    assert CompactScorer().score([]).shape == (0, 3)


def test_more_compound_is_more_positive_and_less_negative() -> None:
    scores = probabilities(np.linspace(-1, 1, 201))
    assert (scores > 0).all()
    assert (np.diff(scores[:, 0]) > 0).all()
    assert (np.diff(scores[:, 2]) < 0).all()


def test_long_text_is_the_mean_of_its_pieces() -> None:
    good, bad = " ".join(["surge"] * 40), " ".join(["plunge"] * 40)
    scorer = CompactScorer()
    expected = scorer.score([good, bad]).mean(axis=0)
    np.testing.assert_allclose(scorer.score([f"{good} {bad}"])[0], expected, atol=1e-12)


def test_lexicon_is_on_vaders_scale() -> None:
    lexicon = load_lexicon()
    assert len(lexicon) > 150
    assert all(-4 <= valence <= 4 and phrase == phrase.lower() for phrase, valence in lexicon.items())


def test_scorer_does_not_change_without_a_new_revision() -> None:
    content = package_resources.files("resources").joinpath("finance_lexicon.csv").read_text("utf-8")
    constants = (compact.SLOPE, compact.POSITIVE_FROM, compact.NEGATIVE_FROM, compact.WORDS_PER_PIECE)
    digest = hashlib.sha256(f"{constants}\n{content}".encode()).hexdigest()[:16]
    assert digest == DIGESTS[compact.REVISION], "raise REVISION and note the new digest here"
    assert CompactScorer().name == f"compact-vader-3.3.2+finance-{compact.REVISION}"
