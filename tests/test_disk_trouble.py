"""A full, read-only or failing disk costs no row, and each says what to do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desktop_app.facts import fill_home
from tests.disk_trouble import COMMANDS, overwrite_at_random, run_out_of_room, try_without_rights

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process of its own gives up its rights")


def test_a_record_without_room_keeps_what_it_has_and_goes_on_once_there_is_room(
    tmp_path: Path, no_waiting: None
) -> None:
    assert run_out_of_room(tmp_path, times=2, seed=1) == {
        "times": 2, "clear": 2, "lost": 0, "half": 0, "damaged": 0, "wanting": 0,
    }  # fmt: skip


def test_overwritten_pages_are_found_and_the_gap_is_collected_again(tmp_path: Path, no_waiting: None) -> None:
    told = overwrite_at_random(tmp_path, times=2, seed=1)
    assert told.pop("pages") >= 2
    assert told == {"times": 2, "found": 2, "restored": 2, "wanting": 0}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everyone may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@forks
def test_a_home_that_cannot_be_written_is_named_with_what_to_do(open_folder: Path) -> None:
    told = try_without_rights(fill_home(open_folder / "home"))
    assert [command for command, _, _ in told] == [" ".join(command) for command in COMMANDS]
    assert {code for _, code, _ in told} == {3}
    assert all("cannot be written" in said and "with --home" in said for _, _, said in told)
