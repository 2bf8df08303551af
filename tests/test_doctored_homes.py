"""What the command `doctor` says of a healthy home, of one without keys, and of a damaged one."""

from __future__ import annotations

from pathlib import Path

from collectors.market_calendar import utc_now
from tests.doctored_homes import show


def test_the_doctor_praises_finds_and_mends(tmp_path: Path) -> None:
    healthy, without_keys, damaged, repaired = (said for _, said in show(tmp_path, utc_now()))
    assert healthy == "Nothing to mend."
    assert [line.split()[3] for line in without_keys.splitlines() if line.startswith("    keyring set")] == [
        "FRED_API_KEY",
        "REDDIT_CLIENT_ID",
    ]
    sentence, mend = damaged.splitlines()
    assert sentence.startswith("HOME/barograph.db is damaged")
    assert mend == "    `barograph doctor --repair` sets it aside and restores the newest backup"
    assert "has taken its place." in repaired.splitlines()[1]
    assert repaired.endswith("Nothing to mend.")
