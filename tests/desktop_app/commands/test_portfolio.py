"""`barograph portfolio`: what it says of holdings and suggestions, in words, JSON and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collectors.market_calendar import session_after
from collectors.store import save_price_bars
from desktop_app import store
from desktop_app.cli import run
from desktop_app.suggestion_rows import load_portfolio_view
from fusion_model.portfolio_findings import METHODS
from fusion_model.store import save_forecasts
from tests.builders import bars, forecast_of

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
        (("set", "KO", "-5"), "the number of shares is '-5'; expected a number above 0"),
        (("set", "KO", "1", "--cost", "-2"), "the cost a share is '-2'; expected a number of 0 or more"),
    ],
)
def test_what_cannot_be_stated_is_told(
    barograph: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = barograph("portfolio", "holdings", *arguments)
    assert code == 4
    assert said in err


# Suggestions --------------------------------------------------------------------------------------

COUNT = 700  # a walk of more than a year after the one that it begins with
FIRST = "2015-01-02"
LAST = session_after(FIRST, COUNT - 1)


@pytest.fixture(scope="module")
def forecast_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four stocks that move together, forecast 20 sessions ahead; the first two are held."""
    home = tmp_path_factory.mktemp("portfolio")
    random = np.random.default_rng(0)
    market = random.standard_t(4, COUNT) * 0.006
    with closing(store.open_home(home)) as db:
        for ticker, sigma in (("AAA", 0.004), ("BBB", 0.01), ("CCC", 0.015), ("DDD", 0.02)):
            steps = market + sigma * random.normal(size=COUNT)
            save_price_bars(db, bars(ticker, (50 * np.exp(np.cumsum(steps))).tolist(), FIRST), NOW)
            wide = float(np.hypot(sigma, 0.008)) * 20**0.5
            said = forecast_of(ticker, LAST, session_after(LAST, 20), sigma=wide)
            save_forecasts(db, [replace(said, horizon=20)], NOW)
        store.save_holding(db, "CCC", 10, None, NOW)
        store.save_holding(db, "DDD", 10, 40.0, NOW)
        store.watch(db, ["AAA", "BBB", "CCC", "DDD"], NOW)
    return home


def said_of(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["--home", str(home), *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_five_methods_are_suggested_beside_what_is_held_with_their_past(
    forecast_home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "weights.csv"
    code, text, err = said_of(
        forecast_home, capsys, "--json", "portfolio", "suggest", "--tickers", "AAA,BBB,CCC,DDD",
        "--max-weight", "0.5", "--csv", str(out),
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(text)["portfolio"]
    assert [row["method"] for row in found["suggestions"]] == list(METHODS)
    for row in found["suggestions"]:
        assert row["cvar"] < row["current_cvar"]
        assert "It says nothing of direction" in row["sentence"]
    assert [score["strategy"] for score in found["walk"]] == [*METHODS, "buy_and_hold"]
    assert "beat 1/N (the same weight in each)" in found["suggestions"][0]["sentence"]
    assert 0.0 <= found["run"]["overfitting"] <= 1.0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    weights = [float(row["weight"]) for row in rows if row["method"] == "min_cvar"]
    assert (sum(weights), max(weights) <= 0.5 + 1e-6) == (pytest.approx(1.0), True)
    code, shown, _ = said_of(forecast_home, capsys, "portfolio", "show", "--method", "equal_risk")
    assert code == 0
    assert "from holdings worth $" in shown
    assert "\nEqual risk\nticker" in shown
    assert "These stocks are those that are left today" in shown


def test_one_method_from_cash_is_what_was_asked_for(
    forecast_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = said_of(
        forecast_home, capsys, "portfolio", "suggest", "--method", "equal_weight", "--from-cash",
        "--tickers", "AAA,BBB",
    )  # fmt: skip
    assert code == 0
    assert "from cash" in text
    assert "This is 1/N, the same weight in each, by which the others are measured" in text
    with closing(store.open_home_reader(forecast_home)) as db:
        view = load_portfolio_view(db)
    assert view is not None
    assert [one.cells for one in view.methods] == [
        (
            ("AAA", "0.0 %", "50.0 %", "+50.0 %", "50.0 % – 50.0 %"),
            ("BBB", "0.0 %", "50.0 %", "+50.0 %", "50.0 % – 50.0 %"),
        )
    ]
    code, _, err = said_of(forecast_home, capsys, "portfolio", "show", "--method", "min_cvar")
    assert (code, "hold none by min_cvar, but by equal_weight" in err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--tickers", "AAA,XYZ"), 4, "XYZ is not forecast over 20 sessions at the close of"),
        (("--tickers", "AAA"), 4, "needs at least two tickers"),
        (("--tickers", "AAA,BBB,CCC", "--max-weight", "0.3"), 4, "allow at least 33.4% of one ticker"),
        (("--max-weight", "25"), 2, "0.0<=x<=1.0"),
        (("--max-turnover", "0.01", "--max-weight", "0.51"), 4, "would have to be exchanged to keep to them"),
        (("--method", "markowitz"), 2, "markowitz"),
        (("--as-of", "2016-06-01"), 4, "not forecast over 20 sessions at the close of 2016-06-01"),
    ],
)
def test_what_cannot_be_suggested_is_told(
    forecast_home: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    found, _, err = said_of(forecast_home, capsys, "portfolio", "suggest", *arguments)
    assert (found, said in err) == (code, True), err


def test_an_empty_home_says_what_to_do_first(
    barograph: Callable[..., tuple[int, str, str]],
) -> None:
    assert "run `barograph train` and `barograph refresh` first" in barograph("portfolio", "suggest")[2]
    assert "run `barograph portfolio suggest`" in barograph("portfolio", "show")[2]
