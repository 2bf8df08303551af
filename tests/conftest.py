"""What every test may use: Qt without a display, a loopback server, retries that do not wait."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import stamina

from tests.collectors.loopback import Loopback, serving

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def web() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback


@pytest.fixture
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor would ask the sources themselves whether they are there, and take their keys."""
    monkeypatch.setattr("collectors.reach.ADDRESSES", {})
    monkeypatch.setattr("desktop_app.key_check.check_keys", list)
