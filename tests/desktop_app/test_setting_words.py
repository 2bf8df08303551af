"""Every setting can be changed by hand, and what a person types is checked as the file is."""

from __future__ import annotations

import pytest

from desktop_app.setting_words import GROUPS, all_settings, text_of, told, value_of
from desktop_app.settings import Settings


def test_every_setting_stands_in_a_group() -> None:
    assert told() == all_settings()


def test_every_default_survives_being_typed() -> None:
    defaults = Settings()
    for words in (one for group in GROUPS.values() for one in group):
        assert value_of(words.name, text_of(getattr(defaults, words.name))) == getattr(defaults, words.name)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("moving_averages", "20, fifty", "expected whole numbers"),
        ("alert_p_value", "2", "expected a number between 0 and 1"),
        ("paper_cash", "much", "expected a number"),
        ("posts_every_minutes", "1", "expected a whole number of minutes from 5 to 1440"),
        ("contact", "me", "expected an e-mail address, or empty"),
        ("macro_times", "9:00", "expected a list of times of day in New York"),
    ],
)
def test_what_is_unusable_is_told(name: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        value_of(name, text)
