"""Words: which post speaks for the others, and how often something was expected."""

from __future__ import annotations

import pytest

from fusion_model.advice.reasons import how_often, most_telling


def test_the_post_that_says_what_most_say_is_quoted() -> None:
    posts = [
        "Buy $QQQ $KO $PEP $SPY now, trust this list of stocks",
        "Walmart cuts its profit guidance through 2017 and shares fall hard",
        "My aunt bought lovely yellow curtains yesterday afternoon",
        "RT Walmart shares fall after profit guidance cut",
        "wow",
        *["RT @user: trade alerts #stocks #alerts #trade #market lovely yellow http"] * 9,
    ]
    assert most_telling(posts) == posts[1]
    assert most_telling(["$KO up", "$KO"]) == "$KO up"
    assert most_telling([]) == ""


@pytest.mark.parametrize(
    ("p_value", "said"),
    [
        (0.01, "was expected once in 100 sessions"),
        (1 / 252, "was expected once in 1 year"),
        (1e-4, "was expected once in 40 years"),
        (1e-6, "was thought next to impossible"),
    ],
)
def test_a_probability_is_said_as_a_person_would(p_value: float, said: str) -> None:
    assert how_often(p_value) == said
