"""`barograph alerts`: alerts and rules in words and JSON, and what a wrong wish is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from desktop_app.cli import run
from tests.desktop_app.facts import fill_home

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def barograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    fill_home(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["--home", str(tmp_path), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_alerts_are_listed_and_marked_as_seen(barograph: Call) -> None:
    code, said, _ = barograph("alerts")
    assert (code, said.splitlines()[0]) == (0, "On 16 Mar 2021: AAA. 1 alert not seen yet.")
    assert "AAA traded nine times as much." in said
    assert barograph("alerts", "seen", "aaa", "2021-03-16", "a report")[0] == 0
    found = json.loads(barograph("--json", "alerts", "list")[1])["alerts"]
    assert [(one["ticker"], one["acknowledged"], one["note"]) for one in found] == [("AAA", True, "a report")]
    assert json.loads(barograph("--json", "alerts", "list", "--open")[1])["alerts"] == []


def test_alerts_are_written_as_csv(barograph: Call, tmp_path: Path) -> None:
    out = tmp_path / "alerts.csv"
    assert "1 rows: " in barograph("alerts", "--csv", str(out))[1]
    head, row = out.read_text("utf-8").splitlines()
    assert head.startswith("ticker,session,measure,p_value,odds,false_share,observed,expected,reason")
    assert row.startswith('AAA,2021-03-16,volume,0.0006,"1 in 1,700"')


def test_an_empty_home_says_that_nothing_was_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once it said nothing at all."""
    assert run(["--home", str(tmp_path / "new"), "alerts"]) == 0
    assert capsys.readouterr().out.startswith("No prices are stored yet, so nothing was judged")


def test_rules_are_set_snoozed_armed_and_removed(barograph: Call) -> None:
    assert "There are no rules" in barograph("alerts", "rules")[1]
    added = barograph("--json", "alerts", "add", "price", "61.5", "--ticker", "bbb", "--side", "up")
    assert json.loads(added[1]) == {"rule_id": 1}
    assert "The close crosses $61.50, up" in barograph("alerts", "rules")[1]
    assert barograph("alerts", "snooze", "1", "1999-01-01")[0] == 4  # once taken, without effect
    barograph("alerts", "snooze", "1", "2999-01-01")
    (row,) = json.loads(barograph("--json", "alerts", "rules")[1])["rules"]
    assert (row["ticker"], row["state"], row["last"]) == ("BBB", "snoozed until 1 Jan 2999", "never")
    barograph("alerts", "arm", "1")
    assert json.loads(barograph("--json", "alerts", "rules")[1])["rules"][0]["state"] == "armed"
    barograph("alerts", "remove", "1")
    assert json.loads(barograph("--json", "alerts", "rules")[1])["rules"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("seen", "AAA", "2021-03-12"), "there is no alert of AAA on 2021-03-12"),
        (("add", "range", "85"), "there is no stored range of 85 %"),
        (("add", "price", "50", "--ticker", "ZZZ"), "there are no prices of ZZZ"),
        (("remove", "9"), "there is no rule 9"),
    ],
)
def test_what_cannot_be_done_is_told(barograph: Call, arguments: tuple[str, ...], said: str) -> None:
    code, _, problem = barograph("alerts", *arguments)
    assert code == 4
    assert said in problem
