"""What the tests of the fusion model share: a database with the tables of facts and findings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import fusion_model.schema
from collectors.store import open_database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "record.db", fusion_model.schema.migrations)
    yield connection
    connection.close()
