"""Settings survive a round trip, and a wrong value is named with its file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.errors import BadInput
from desktop_app.settings import SETTINGS_NAME, Settings, load_settings, save_settings


def test_a_new_home_has_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    chosen = Settings(
        theme="dark",
        alert_p_value=0.001,
        alert_false_share=0.1,
        alerts_per_month=0.5,
        moving_averages=(10, 30),
        communities=("stocks",),
        contact="me@example.com",
        posts_every_minutes=30,
        macro_times=("10:00",),
        quotes="stream",
    )
    save_settings(tmp_path, chosen)
    assert load_settings(tmp_path) == chosen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"colour": 1}', "unknown key 'colour'"),
        ('{"theme": "pink"}', "'theme' must be one of system, light, dark, not \"pink\""),
        ('{"quotes": "hourly"}', "'quotes' must be one of off, minute, stream, not \"hourly\""),
        ('{"theme": ["dark"]}', "'theme' must be"),
        ('{"alert_p_value": true}', "'alert_p_value' must be a number between 0 and 1, not true"),
        ('{"alert_false_share": 1}', "'alert_false_share' must be a number between 0 and 1, not 1"),
        ('{"alerts_per_month": -1}', "'alerts_per_month' must be a number of alerts of a ticker in a month"),
        (
            '{"model_parts": ["stars"]}',
            "'model_parts' must be a list of sentiment, macro, graph, trees, or empty",
        ),
        ('{"moving_averages": [1]}', "'moving_averages' must be a list of whole numbers"),
        (
            '{"posts_every_minutes": 1}',
            "'posts_every_minutes' must be a whole number of minutes from 5 to 1440",
        ),
        ('{"prices_minutes_after_close": "20"}', "must be a whole number of minutes from 5 to 600"),
        ('{"macro_times": ["24:00"]}', "'macro_times' must be a list of times of day in New York"),
        ('{"earnings_times": "07:30"}', "'earnings_times' must be a list of times of day in New York"),
        ('{"contact": "me"}', "'contact' must be an e-mail address, or empty"),
        ('{"contact": null}', "'contact' must be an e-mail address, or empty"),
        ('{"communities": "stocks"}', "'communities' must be a list of names"),
        ("{", "cannot be read as JSON"),
        ("[]", "must hold one JSON object"),
    ],
)
def test_a_wrong_setting_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / SETTINGS_NAME).write_text(text, "utf-8")
    with pytest.raises(BadInput, match=SETTINGS_NAME.replace(".", r"\.")) as raised:
        load_settings(tmp_path)
    assert said in str(raised.value)


def test_a_bad_value_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="alert_p_value"):
        save_settings(tmp_path, Settings(alert_p_value=2.0))
    assert not (tmp_path / SETTINGS_NAME).exists()
