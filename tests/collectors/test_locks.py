"""One holder at a time, told by name; a lock that a killed process left is free."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.errors import AlreadyRunning, StorageError
from collectors.locks import COLLECTOR, FOLDER, SCHEDULE, holder_of, holding

HOLD = """
import sys
from pathlib import Path
from collectors.locks import holding
with holding(Path(sys.argv[1]), sys.argv[2], "barograph serve"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process(home: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """Hold a lock in a process of its own; it lets go at the end of the block."""
    command = [sys.executable, "-c", HOLD, str(home), name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "held\n"
        yield process


def test_the_second_is_told_who_is_first(tmp_path: Path) -> None:
    with another_process(tmp_path, SCHEDULE) as process:
        with (
            pytest.raises(AlreadyRunning, match=rf"by process {process.pid} on .*\(barograph serve\); wait"),
            holding(tmp_path, SCHEDULE, "barograph serve"),
        ):
            raise AssertionError("two hold it")
        holder = holder_of(tmp_path, SCHEDULE)
        assert holder is not None
        assert (holder.pid, holder.command) == (process.pid, "barograph serve")
        assert holder_of(tmp_path, COLLECTOR) is None
    assert holder_of(tmp_path, SCHEDULE) is None


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    with another_process(tmp_path, SCHEDULE) as process:
        process.kill()
        process.wait()
        assert json.loads((tmp_path / FOLDER / "schedule.json").read_text())["pid"] == process.pid
        assert holder_of(tmp_path, SCHEDULE) is None
        with holding(tmp_path, SCHEDULE, "barograph serve") as holder:
            assert holder.pid == os.getpid()
            assert holder_of(tmp_path, SCHEDULE) == holder


def test_a_process_that_bears_the_number_of_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    left = {"pid": os.getppid(), "host": "here", "started_at": "2024-01-01T00:00:00Z", "command": "x"}
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "collector.lock").touch()
    (tmp_path / FOLDER / "collector.json").write_text(json.dumps(left))
    assert holder_of(tmp_path, COLLECTOR) is None
    with holding(tmp_path, COLLECTOR, "barograph collect") as holder:
        assert holder_of(tmp_path, COLLECTOR) == holder


def test_a_collection_waits_for_its_turn_and_says_for_whom(tmp_path: Path) -> None:
    told: list[str] = []
    with another_process(tmp_path, COLLECTOR) as process:

        def let_go(text: str) -> None:
            told.append(text)
            process.communicate("\n")

        with holding(tmp_path, COLLECTOR, "barograph collect", wait_s=30, waiting=let_go):
            assert len(told) == 1
    assert told[0].startswith("waiting: a collection is running already since ")


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file stands where the folder should be")
    with pytest.raises(StorageError, match="cannot be written"), holding(tmp_path, SCHEDULE, "x"):
        pass
