"""A year left to itself, with sleep, absence, a lost network, kills and clocks that jump: nothing is lost."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from desktop_app.settings import Settings, save_settings
from tests.simulated_year import account, live_through, simulated_jobs, year_of_trouble


def test_every_session_is_collected_once_and_every_missed_time_is_explained(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    save_settings(tmp_path, Settings(posts_every_minutes=1440))  # the benchmark has every quarter of an hour
    world = year_of_trouble()
    record = live_through(tmp_path, world)
    told = account(record, world, simulated_jobs(tmp_path, world))
    assert (told.sessions, told.stored_once, told.doubles, told.unexplained) == (252, 252, 0, ())
    assert told.own_run + told.caught_up == 252
    assert (told.posts_lost, world.deaths > 0) == (0, True)
    assert [run.message[:38] for run in told.clock] == [
        "the clock was set back from 2024-04-09",
        "the clock was set back from 2030-06-12",
    ]
    weeks = [run.message for run in told.skips if run.job == "prices"]
    assert len(weeks) == 5
    assert "5 sessions (2024-09-16 to 2024-09-20)" in weeks[3]
    assert "passed while it did not work, tried " in weeks[3]
