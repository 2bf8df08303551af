"""The choice of a horizon: a pressed button is told, and what a window kept is believed only if it is one."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from desktop_app.gui.horizon_choice import HorizonChoice, kept_horizon


def test_a_pressed_button_is_told_and_the_only_one_down(qtbot: QtBot) -> None:
    choice = HorizonChoice("Sessions ahead:", "Reasons for {} ahead", 5)
    qtbot.addWidget(choice)
    heard: list[int] = []
    choice.chosen.connect(heard.append)
    assert [one for one in (1, 5, 20) if choice.button(one).isChecked()] == [5]
    choice.button(20).click()
    choice.choose(1)
    assert heard == [20]
    assert [one for one in (1, 5, 20) if choice.button(one).isChecked()] == [1]
    assert choice.button(1).accessibleName() == "Reasons for 1 session ahead"


@pytest.mark.parametrize(("value", "horizon"), [("20", 20), (1, 1), (None, 5), ("7", 5), ("much", 5)])
def test_kept_state_is_a_horizon_or_nothing(value: object, horizon: int) -> None:
    assert kept_horizon(value, 5) == horizon
