"""What the tests of the collectors share: a database, a loopback server, retries that do not wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from collectors.store import open_database
from tests.collectors.loopback import Loopback, serving


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "facts.db")
    yield connection
    connection.close()


@pytest.fixture
def web() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback


@pytest.fixture
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield
