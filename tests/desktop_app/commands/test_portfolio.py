"""`barograph portfolio`: what it says of holdings and suggestions, in words, JSON and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collectors.store import save_price_bars
from desktop_app import store
from desktop_app.cli import run
from tests.builders import bars

NOW = "2020-01-02T22:00:00Z"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def barograph(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["--home", str(home), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# Commands -----------------------------------------------------------------------------------------


def test_commands_state_list_and_remove(
    barograph: Callable[..., tuple[int, str, str]], home: Path, tmp_path: Path
) -> None:
    with closing(store.open_home(home)) as db:
        save_price_bars(db, bars("KO", [40.0, 50.0]), NOW)
    assert barograph("portfolio", "holdings", "set", "ko", "1,000", "--cost", "$40")[:2] == (
        0,
        "KO: 1,000 shares at 40 USD a share\n",
    )
    assert barograph("portfolio", "holdings", "set", "KO", "10")[1] == "KO: 10 shares at 40 USD a share\n"
    code, out, _ = barograph("portfolio", "holdings", "set", "XYZ", "3")
    assert (code, "no price is stored" in out) == (0, True)
    out_file = tmp_path / "holdings.csv"
    listed = json.loads(barograph("--json", "portfolio", "holdings", "list", "--csv", str(out_file))[1])
    assert [(row["ticker"], row["value"]) for row in listed["holdings"]] == [("KO", 500.0), ("XYZ", None)]
    with out_file.open(newline="") as file:
        assert [(row["ticker"], row["shares"], row["cost"]) for row in csv.DictReader(file)] == [
            ("KO", "10", "40.0000"),
            ("XYZ", "3", ""),
        ]
    assert barograph("portfolio", "holdings", "remove", "XYZ")[0] == 0
    assert barograph("portfolio", "holdings", "remove", "XYZ")[0] == 4
    assert len(json.loads(barograph("--json", "portfolio", "holdings", "history")[1])["changes"]) == 4


def test_what_is_listed_as_csv_is_imported_again(
    barograph: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    barograph("portfolio", "holdings", "set", "KO", "10.25", "--cost", "40")
    out = str(tmp_path / "holdings.csv")
    barograph("portfolio", "holdings", "list", "--csv", out)
    code, said, _ = barograph("portfolio", "holdings", "import", out, "--replace")
    assert (code, said.splitlines()[0]) == (0, "1 holdings read, 0 new or changed, 0 taken out")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "NO TICKER", "1"), "is no ticker; expected something like AAPL"),
        (("set", "KO", "none"), "the number of shares is 'none'; expected a number above 0"),
        (("set", "KO", "0"), "expected a number above 0"),
        (("set", "KO", "1", "--cost", "-2"), "the cost a share is '-2'; expected a number of 0 or more"),
    ],
)
def test_what_cannot_be_stated_is_told(
    barograph: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = barograph("portfolio", "holdings", *arguments)
    assert code == 4
    assert said in err
