"""The page of settings: kept at once where usable, told where not; keys go to the keyring alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

import desktop_app.gui.settings_page as settings_page
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.settings_page import ChoicesEditor, SettingsPage
from desktop_app.settings import Settings, load_settings
from tests.desktop_app.gui.at_window import script

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    kept: dict[str, str] = {}
    monkeypatch.setattr(settings_page, "where_kept", lambda name: "the keyring" if name in kept else "")
    monkeypatch.setattr(settings_page, "save_secret", kept.__setitem__)
    monkeypatch.setattr(settings_page, "delete_secret", lambda name: kept.pop(name, None) is not None)
    return kept


def opened(window: MainWindow) -> SettingsPage:
    window.open_page("settings")
    page = window.page("settings")
    assert isinstance(page, SettingsPage)
    return page


@pytest.mark.usefixtures("keyring")
def test_a_usable_entry_is_kept_at_once(open_window: OpenWindow, tmp_path: Path) -> None:
    page = opened(open_window(tmp_path))
    line = page.editors["moving_averages"]
    assert isinstance(line, QLineEdit)
    line.setText("10, 30")
    line.editingFinished.emit()
    assert load_settings(tmp_path).moving_averages == (10, 30)
    assert page.desk.settings.moving_averages == (10, 30)


@pytest.mark.usefixtures("keyring")
def test_an_unusable_entry_changes_nothing_and_says_what_was_expected(
    open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(open_window(tmp_path))
    line = page.editors["alert_p_value"]
    assert isinstance(line, QLineEdit)
    line.setText("7")
    line.editingFinished.emit()
    assert page.problems["alert_p_value"].text() == "expected a number between 0 and 1"
    assert not (tmp_path / "settings.json").exists()


@pytest.mark.usefixtures("keyring")
def test_several_choices_are_ticked(open_window: OpenWindow, tmp_path: Path) -> None:
    page = opened(open_window(tmp_path))
    editor = page.editors["model_parts"]
    assert isinstance(editor, ChoicesEditor)
    editor._boxes["macro"].click()
    assert load_settings(tmp_path).model_parts == ("macro",)


@pytest.mark.usefixtures("keyring")
def test_a_choice_is_told_in_words_and_kept_by_its_name(open_window: OpenWindow, tmp_path: Path) -> None:
    page = opened(open_window(tmp_path))
    box = page.editors["paper_weights"]
    assert isinstance(box, QComboBox)
    assert box.currentText() == "Equal weights (1/N)"
    box.setCurrentText("Minimum CVaR")
    assert load_settings(tmp_path).paper_weights == "min_cvar"


@pytest.mark.usefixtures("keyring")
def test_languages_of_the_home_are_offered_by_their_own_names(
    open_window: OpenWindow, tmp_path: Path
) -> None:
    translation = tmp_path / "locale" / "de" / "LC_MESSAGES" / "barograph.mo"
    translation.parent.mkdir(parents=True)
    translation.write_bytes(b"")
    page = opened(open_window(tmp_path, settings=Settings(language="fr")))
    box = page.editors["language"]
    assert isinstance(box, QComboBox)
    offered = [box.itemText(at) for at in range(box.count())]
    assert offered == ["English", "Deutsch", "fr (missing)"]
    assert box.currentData() == "fr"
    box.setCurrentText("Deutsch")
    assert load_settings(tmp_path).language == "de"


def test_a_key_is_kept_and_removed_and_never_shown(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, keyring: dict[str, str]
) -> None:
    row = opened(open_window(tmp_path)).keys["FRED_API_KEY"]
    qtbot.waitUntil(lambda: row.state.text().startswith("missing"))
    row.line.setText("0123456789abcdef")
    row.keep.click()
    qtbot.waitUntil(lambda: row.state.text() == "from the keyring")
    assert (keyring, row.line.text()) == ({"FRED_API_KEY": "0123456789abcdef"}, "")
    row.remove.click()
    qtbot.waitUntil(lambda: row.state.text().startswith("missing"))
    assert keyring == {}


@pytest.mark.usefixtures("keyring")
def test_the_doctor_tells_of_keys_and_sources(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    program = script(
        tmp_path,
        'print(json.dumps({"result": {"complaints": [{"subject": "keys", "sentence": "FRED is missing."}, '
        '{"subject": "prices", "sentence": "old"}]}}))\n',
    )
    page = opened(open_window(tmp_path / "home", program))
    page.test.click()
    qtbot.waitUntil(lambda: page.tested.text() == "FRED is missing.")


def test_each_key_is_told_to_be_accepted_or_refused(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, keyring: dict[str, str]
) -> None:
    keyring.update(FRED_API_KEY="f" * 32, REDDIT_CLIENT_ID="client")
    program = script(
        tmp_path,
        'keys = [{"source": "FRED", "names": ["FRED_API_KEY"], "state": "accepted", "reason": ""}, '
        '{"source": "Reddit", "names": ["REDDIT_CLIENT_ID"], "state": "refused", "reason": "Unauthorized"}]\n'
        'print(json.dumps({"result": {"complaints": [], "keys": keys}}))\n',
    )
    page = opened(open_window(tmp_path / "home", program))
    qtbot.waitUntil(lambda: page.keys["REDDIT_CLIENT_ID"].state.text() == "from the keyring")
    page.test.click()
    qtbot.waitUntil(lambda: "refused by Reddit" in page.keys["REDDIT_CLIENT_ID"].state.text())
    fred = page.keys["FRED_API_KEY"].state
    qtbot.waitUntil(lambda: fred.text() == "from the keyring · ✓ accepted by FRED")
    assert page.keys["REDDIT_CLIENT_ID"].state.property("role") == "warning"
