"""Tables of the benchmarks: as text, as JSON, and a reason where the data are missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.published.report import Report, publish, require


def small_report() -> Report:
    report = Report("A table", {"loss": 2, "95 %": 1, "from": 0}, notes=["A note."])
    report.add("zero", {"loss": 1.5, "95 %": (1.0, 2.0)})
    report.add("theirs", {"from": "published"})
    return report


def test_a_table_lines_up_and_leaves_out_what_nobody_measured() -> None:
    assert small_report().text() == (
        "A table\n\n"
        "        loss        95 %       from\n"
        "zero    1.50  [1.0, 2.0]          -\n"
        "theirs     -           -  published\n\n"
        "A note."
    )


def test_json_holds_the_numbers_unrounded(capsys: pytest.CaptureFixture[str]) -> None:
    publish([small_report()], as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "tables": [
            {
                "title": "A table",
                "rows": [
                    {"model": "zero", "loss": 1.5, "95 %": [1.0, 2.0]},
                    {"model": "theirs", "from": "published"},
                ],
                "notes": ["A note."],
            }
        ]
    }


def test_a_column_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="A table has no column gain"):
        small_report().add("zero", {"gain": 1.0})


def test_missing_data_end_a_command_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        require(tmp_path, tmp_path / "prices")
    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        f"skipped: {tmp_path / 'prices'} is not here; name the folder that holds it as the first argument\n"
    )
