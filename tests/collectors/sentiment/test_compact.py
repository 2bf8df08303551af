"""The compact scorer: words of finance as a reader of finance takes them, calibrated and revisioned."""

from __future__ import annotations

import hashlib
from importlib import resources as package_resources

import numpy as np
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from collectors.sentiment import compact
from collectors.sentiment.compact import CompactScorer, compounds, load_weights
from collectors.sentiment.lexicon import finance_words, load_lexicon
from collectors.sentiment.scorer import FloatArray, is_uncertain, label_of
from collectors.sentiment.tokens import TOKEN, VOCABULARY_LIMIT, Vocabulary, tokens_of

# The digest of lexicon, weights and constants of each revision: stored scores name the revision alone.
DIGESTS = {2: "e754ab27593f68db"}


def compounds_of(*texts: str) -> FloatArray:
    vocabulary = Vocabulary(load_lexicon())
    return compounds(vocabulary.rows([vocabulary.split(text) for text in texts]))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Apple beats estimates, shares surge to record high", "positive"),
        ("Bank cuts guidance after profit warning", "negative"),
        ("Board meets on Thursday", "neutral"),
        ("this is the short squeeze 🚀🚀🚀", "positive"),
        ("dilution and bankruptcy, puts printing", "negative"),
        ("Infosys appoints a new chief financial officer", "neutral"),
        ("not bullish at all", "negative"),
    ],
)
def test_label(text: str, label: str) -> None:
    assert label_of(CompactScorer().score([text])[0].tolist()) == label


def test_rows_are_probabilities_and_the_same_in_any_company() -> None:
    texts = ["moon", "", "bankrupt " * 500, "to be or not to be, but why?!"]
    scores = CompactScorer().score(texts)
    assert (scores > 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-12)
    alone = np.concatenate([CompactScorer().score([text]) for text in texts])
    np.testing.assert_allclose(scores, alone, atol=1e-12)
    np.testing.assert_allclose(scores[::-1], CompactScorer().score(texts[::-1]), atol=1e-12)
    assert CompactScorer().score([]).shape == (0, 3)


def test_vocabulary_that_was_forgotten_changes_no_score() -> None:
    scorer, text = CompactScorer(), "shares surge on record profit"
    before = scorer.score([text])
    scorer.score([" ".join(f"w{number}" for number in range(VOCABULARY_LIMIT + 1))])
    np.testing.assert_array_equal(scorer.score([text]), before)
    assert len(scorer._vocabulary._rows_of_words) == 5


def test_compound_is_vaders_own_where_no_word_of_ours_occurs() -> None:
    texts = [
        "the food is good",
        "not good",
        "a very good and extremely happy day",
        "good food but awful service",
        "I love it!!!",
        "it was slightly sad",
        "you never really hate a happy dog",
        ":) what a day",
        "board meets",
    ]
    vader = SentimentIntensityAnalyzer()
    expected = [vader.polarity_scores(text)["compound"] for text in texts]
    np.testing.assert_allclose(compounds_of(*texts), expected, atol=6e-5)


def test_phrase_counts_instead_of_its_words() -> None:
    assert finance_words()["diamond hands"] > 0 > finance_words()["paper hands"]
    held, sold, apart = compounds_of("diamond hands", "paper hands!", "paper of my hands")
    assert held > 0.3
    assert sold < -0.3
    assert apart == 0


@pytest.mark.parametrize(
    ("word", "tokens"),
    [
        ("Don’t", ["don't"]),
        ("$GME!", ["$ticker", "!"]),
        ("(1,234.5)", ["0"]),
        ("up5%", ["up5", "%"]),
        ("record-high", ["record", "high"]),
        ("Q3", ["q3"]),
        ("🚀🚀", ["🚀", "🚀"]),
        (":)", [":)"]),
        ("...", []),
        ("(squeeze),", ["squeeze"]),
        ("'tis", ["tis"]),
        ("_moon_", ["_moon_"]),
        ("moon?", ["moon", "?"]),
        ("*$gme*", ["$ticker"]),
        ("-5", ["0"]),
    ],
)
def test_tokens(word: str, tokens: list[str]) -> None:
    assert tokens_of(word, load_lexicon()) == tokens


def test_a_word_without_its_punctuation_has_the_tokens_that_the_pattern_finds() -> None:
    lexicon = load_lexicon()
    for mark in map(chr, range(33, 127)):
        for word in (f"{mark}zebra", f"zebra{mark}", f"{mark}zebra{mark}", f"{mark}{mark}été{mark}"):
            if word.lower() not in lexicon.words and not any(map(str.isdigit, word)):
                found = [match.group() for match in TOKEN.finditer(word.lower())]
                assert tokens_of(word, lexicon) == ["$ticker" if t == "$zebra" else t for t in found], word


def test_words_met_later_get_the_scores_that_they_get_at_first() -> None:
    texts = ["shares surge", "a bank cuts its guidance", "shares surge on the guidance of a bank"]
    scorer = CompactScorer()
    one_by_one = np.concatenate([scorer.score([text]) for text in texts])
    np.testing.assert_allclose(one_by_one, CompactScorer().score(texts), atol=1e-12)


def test_long_text_is_the_mean_of_its_pieces() -> None:
    good, bad = " ".join(["surge"] * 40), " ".join(["plunge"] * 40)
    scorer = CompactScorer()
    expected = scorer.score([good, bad]).mean(axis=0)
    np.testing.assert_allclose(scorer.score([f"{good} {bad}"])[0], expected, atol=1e-12)


def test_uncertain_is_a_text_of_which_no_label_is_likelier_than_the_others() -> None:
    assert is_uncertain([0.45, 0.35, 0.2])
    assert not is_uncertain([0.5, 0.3, 0.2])


def test_our_words_are_on_vaders_scale() -> None:
    words = finance_words()
    assert len(words) > 150
    assert all(-4 <= valence <= 4 and phrase == phrase.lower() for phrase, valence in words.items())


def test_scorer_does_not_change_without_a_new_revision() -> None:
    """A change of numpy's compression is none: the arrays count, not the file."""
    weights = load_weights()
    content = package_resources.files("resources").joinpath("finance_lexicon.csv").read_text("utf-8")
    digest = hashlib.sha256(content.encode())
    for array in (weights.hashes, weights.linear, weights.steps, weights.lexical, weights.ordered):
        digest.update(array.tobytes())
    constants = (weights.share, weights.temperature, compact.WORDS_PER_PIECE, compact.NEGATION_FACTOR)
    digest.update(repr(constants).encode())
    assert digest.hexdigest()[:16] == DIGESTS[compact.REVISION], "raise REVISION and note the new digest here"
    assert CompactScorer().name == f"compact-words-{compact.REVISION}"


def test_weights_fit_into_the_program() -> None:
    assert len(package_resources.files("resources").joinpath(compact.WEIGHTS_FILE).read_bytes()) < 150_000
