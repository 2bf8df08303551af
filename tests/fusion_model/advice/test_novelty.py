"""Claims about what a model has never seen."""

from __future__ import annotations

import numpy as np

from fusion_model.advice.novelty import WORDS, unseen_inputs
from fusion_model.dataset.features import PRICE_FEATURES
from fusion_model.dataset.windows import SeenRange

FEATURES = ("log_volatility", "market_volatility_22", "beta")


def seen(values: list[list[float]]) -> SeenRange:
    return SeenRange(
        features=FEATURES,
        tickers=("AAA", "BBB"),
        values=np.array(values),
        low=np.array([-1.0, -0.5, 0.0]),
        high=np.array([1.0, 0.5, 2.0]),
        trained_through="2019-12-31",
    )


def test_inputs_inside_the_training_are_no_news() -> None:
    assert unseen_inputs(seen([[1.0, 0.5, 0.0], [-1.0, -0.5, 2.0]]), "2020-03-16", "fusion-1") == []


def test_an_input_beyond_the_training_is_told_in_a_sentence() -> None:
    """exp(1.5 - 4.2) = 6.72 % a session; exp(1.0 - 4.2) = 4.08 %."""
    (found,) = unseen_inputs(seen([[1.5, 0.0, 1.0], [0.0, 0.0, 1.0]]), "2020-03-16", "fusion-1")
    assert (found.ticker, found.feature, found.value, found.high) == ("AAA", "log_volatility", 1.5, 1.0)
    assert found.sentence == (
        "AAA: this model has never seen three months' volatility so high: 6.72 % a session; in its training, "
        "through 2019-12-31, the highest was 4.08 % a session. Its forecasts are extrapolated here."
    )


def test_what_is_the_same_for_all_stocks_is_told_once() -> None:
    (found,) = unseen_inputs(seen([[0.0, 0.9, 1.0], [0.0, 0.9, 1.0]]), "2020-03-16", "fusion-1")
    assert (found.ticker, found.feature) == ("", "market_volatility_22")
    assert found.sentence.startswith(
        "The market: this model has never seen the market's volatility of a month"
    )


def test_a_stock_without_features_is_passed_over_and_low_is_told_as_low() -> None:
    (found,) = unseen_inputs(seen([[np.nan] * 3, [0.0, 0.0, -0.5]]), "2020-03-16", "fusion-1")
    assert (found.ticker, found.feature) == ("BBB", "beta")
    assert "so low: -0.50" in found.sentence


def test_every_feature_that_can_leave_its_range_has_words() -> None:
    bounded = {"stochastic"} | {
        name for name in PRICE_FEATURES if name.startswith("reaction") and name != "reaction_size"
    }
    assert set(PRICE_FEATURES) - bounded == set(WORDS)
