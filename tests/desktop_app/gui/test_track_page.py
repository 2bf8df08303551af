"""The page of the track record: kinds and horizons to choose, diagrams that also speak in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.track_page import TrackPage
from tests.desktop_app.facts import fill_home

OpenWindow = Callable[..., MainWindow]


def opened(qtbot: QtBot, window: MainWindow) -> TrackPage:
    page = window.page("track")
    assert isinstance(page, TrackPage)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("track")
    return page


def test_the_page_opens_on_what_there_is_and_says_that_none_was_live(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path)))
    assert (page.kind, page.kind_buttons["afterwards"].text()) == ("afterwards", "Made afterwards (1)")
    assert "None was live yet" in page.headline.text()
    assert page.sentence.text().startswith("1 forecast 1 session ahead, made at 1 close")
    assert [row.name for row in page.by_ticker.rows] == ["AAA"]
    assert page.as_of.text() == "Prices through 16 Mar 2021"


def test_a_choice_without_forecasts_draws_and_says_none(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path)))
    page.kind_buttons["live"].click()
    assert page.sentence.text() == "No such forecast has met its day yet."
    assert page.reliability.accessibleDescription() == "None yet"
    page.grab()


def test_diagrams_speak_in_words(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path)))
    page.horizons.button(5).click()
    assert page.skill.accessibleDescription() == "GJR-GARCH-t: +2.0 %, between +0.7 % and +3.3 %"
    page.horizons.button(1).click()
    assert page.pit.accessibleDescription().startswith("From the lowest tenth to the highest: 0.0 %, 0.0 %")


@pytest.mark.parametrize("scores", [False])
def test_a_record_without_any_outcome_says_what_would_make_one(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, scores: bool
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path, forecasts=False, scores=scores)))
    assert page.empty.title.text() == "No forecast has met its day yet"
