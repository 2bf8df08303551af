"""Keys come from the keyring first, from the environment where there is none, and never reach a log."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import PasswordDeleteError

from collectors.errors import ConfigurationError
from desktop_app.secrets import delete_secret, load_secret, require_secret, save_secret, where_kept


class MemoryKeyring(KeyringBackend):  # type: ignore[misc]
    """A keyring that forgets."""

    priority = 1.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture(params=[MemoryKeyring, NoKeyring])
def backend(request: pytest.FixtureRequest) -> Iterator[KeyringBackend]:
    before = keyring.get_keyring()
    keyring.set_keyring(request.param())
    yield keyring.get_keyring()
    keyring.set_keyring(before)


def test_a_key_in_the_keyring_goes_before_the_environment(
    backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRED_API_KEY", "from-environment")
    assert load_secret("FRED_API_KEY") == "from-environment"
    if isinstance(backend, NoKeyring):
        with pytest.raises(ConfigurationError, match="environment variable FRED_API_KEY"):
            save_secret("FRED_API_KEY", "kept")
        assert not delete_secret("FRED_API_KEY")
    else:
        save_secret("FRED_API_KEY", "kept")
        assert load_secret("FRED_API_KEY") == "kept"
        assert delete_secret("FRED_API_KEY")
        assert not delete_secret("FRED_API_KEY")


def test_a_missing_key_says_where_to_get_it(backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="fredaccount"):
        require_secret("FRED_API_KEY")


def test_a_key_is_never_logged(
    backend: KeyringBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FRED_API_KEY", "very-secret")
    with caplog.at_level(logging.DEBUG):
        load_secret("FRED_API_KEY")
    assert "very-secret" not in caplog.text


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key file of a machine without a keyring."""
    monkeypatch.setattr("desktop_app.secrets.key_file", lambda: tmp_path / "keys.json")
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    path = tmp_path / "keys.json"
    path.write_text('{"FRED_API_KEY": "from-the-file"}')
    path.chmod(0o600)
    return path


def test_without_a_keyring_a_private_file_serves_and_this_is_said(keys: Path) -> None:
    assert load_secret("FRED_API_KEY") == "from-the-file"
    assert load_secret("REDDIT_REFRESH_TOKEN") is None
    assert where_kept("FRED_API_KEY") == f"the file {keys}, which is not encrypted"


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_key_file_that_others_can_read_is_refused(keys: Path) -> None:
    keys.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_secret("FRED_API_KEY")


def test_a_broken_key_file_is_told_without_what_stands_in_it(keys: Path) -> None:
    keys.write_text("FRED_API_KEY=from-the-file")
    with pytest.raises(ConfigurationError, match="expected an object") as told:
        load_secret("FRED_API_KEY")
    assert "from-the-file" not in str(told.value)
