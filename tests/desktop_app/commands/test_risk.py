"""`barograph risk`: what it says, stores and refuses."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest

from collectors import store as facts
from collectors.market_calendar import session_after
from desktop_app.cli import run
from desktop_app.commands.risk import amounts_in
from desktop_app.risk_rows import LOSS_HEADER, load_risk_view, verdict_in_words
from desktop_app.store import open_home, save_holding
from fusion_model import store
from fusion_model.dataset.panel import load_panel
from fusion_model.dataset.windows import SeenRange
from fusion_model.pipeline_risk import find_stock_risk, save_findings
from fusion_model.store_risk import save_risk_tests
from tests.builders import bars, forecast_of
from tests.fusion_model.test_store_risk import TEST

NOW = "2022-01-01T00:00:00Z"
COUNT = 400
LAST = session_after("2020-01-02", COUNT - 1)
NOTHING_NEW = SeenRange(
    ("beta",), ("AAA",), np.array([[1.0]]), np.array([0.5]), np.array([1.5]), "2020-01-02"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stocks of 400 sessions that move together, forecast one session ahead, with their risk."""
    home = tmp_path_factory.mktemp("risk")
    random = np.random.default_rng(0)
    market = random.standard_t(4, COUNT) * 0.01
    with closing(open_home(home)) as db:
        for ticker, sigma in (("AAA", 0.005), ("BBB", 0.01)):
            steps = market + sigma * random.normal(size=COUNT)
            facts.save_price_bars(db, bars(ticker, (50 * np.exp(np.cumsum(steps))).tolist()), NOW)
        made = [
            forecast_of(ticker, LAST, session_after(LAST, 1), sigma=sigma)
            for ticker, sigma in (("AAA", 0.01), ("BBB", 0.02))
        ]
        said = [
            replace(
                one,
                horizon=horizon,
                target_session=session_after(LAST, horizon),
                quantiles=tuple(q * horizon**0.5 for q in one.quantiles),
                volatility=one.volatility * horizon**0.5,
            )
            for horizon in (1, 5, 20)
            for one in made
        ]
        store.save_forecasts(db, said, NOW)
        save_findings(db, find_stock_risk(db, load_panel(db, LAST), said, NOTHING_NEW), NOW)
    return home


def risk(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(["--home", str(home), *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_stocks_risk_is_told_in_a_sentence_and_tables(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 - exp(-0.02 sqrt(5) 1.645) = 7.1 %."""
    code, out, _ = risk(home, capsys, "risk", "bbb")
    assert code == 0
    assert "In one of 20 cases the next 5 sessions cost more than 7.1 %, and then" in out
    assert "the mean stock of the record" in out
    assert "worst week 1" in out


def test_weights_are_judged_together_and_written_as_csv(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "risk.csv"
    code, text, _ = risk(home, capsys, "--json", "risk", "--weights", "AAA=0.5,BBB=0.25", "--csv", str(out))
    assert code == 0
    (found,) = json.loads(text)["risk"]
    assert [one["horizon"] for one in found["reports"]] == [1, 5, 20]
    assert [one["weight"] for one in found["components"][:2]] == [0.5, 0.25]
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["horizon"] for row in rows] == ["1", "5", "20"]
    assert float(rows[0]["es_99"]) == pytest.approx(found["reports"][0]["es_99"])


def test_shares_bring_the_loss_in_dollars(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = risk(home, capsys, "risk", "--shares", "AAA=10,BBB=10")
    assert code == 0
    assert "% ($" in out


def test_what_is_held_is_judged_where_nothing_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = risk(home, capsys, "risk")
    assert (code, "nothing is held yet" in err) == (4, True)
    with closing(open_home(home)) as db:
        save_holding(db, "AAA", 3.0, None, NOW)
        save_holding(db, "BBB", 1.0, None, NOW)
    code, out, _ = risk(home, capsys, "risk")
    assert code == 0
    assert out.lstrip().startswith("2 holdings as of")
    with closing(open_home(home)) as db:
        save_holding(db, "CCC", 1.0, None, NOW)
        view = load_risk_view(db)
        assert view is not None
        assert view.stale == "What you hold has changed since; `barograph risk` finds the risk of it anew."
        assert [len(cells) for cells in view.losses] == [len(LOSS_HEADER)] * 3
    code, _, err = risk(home, capsys, "risk")
    assert (code, "CCC is held and has no price" in err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["XYZ"], 4, "no risk of XYZ is stored"),
        (["--weights", "AAA=0.7,BBB=0.7"], 4, "the weights sum to 1.4000; expected at most 1"),
        (["--weights", "AAA=0.5,XYZ=0.5"], 4, "XYZ has no forecast over 1 sessions"),
        (["--weights", "AAA"], 2, "--weights takes AAPL=0.4,MSFT=0.6, not 'AAA'"),
        (["--shares", "AAA=x"], 2, "--shares takes AAPL=10,MSFT=5, not 'AAA=x'"),
        (["AAA", "--weights", "AAA=1"], 2, "name tickers, or --weights"),
        (
            ["--as-of", "2020-01-03", "--weights", "AAA=1"],
            4,
            "nothing was forecast at the close of 2020-01-03",
        ),
        (["--tested"], 4, "no test of risk is stored"),
    ],
)
def test_bad_input_has_its_own_error(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    got, _, err = risk(home, capsys, "risk", *arguments)
    assert (got, message in err) == (code, True), err


def test_a_ticker_named_twice_is_refused() -> None:
    with pytest.raises(click.UsageError, match="names AAA twice"):
        amounts_in("AAA=0.1,aaa=0.2", "--weights")


def test_the_newest_test_is_shown_in_a_table_and_a_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_home(home)) as db:
        save_risk_tests(db, [TEST], "walk.csv", NOW)
    code, out, _ = risk(home, capsys, "risk", "--tested")
    assert code == 0
    assert out.splitlines()[2].split()[:4] == ["fusion", "1", "stock", "1"]
    assert verdict_in_words("walk.csv", [TEST]) == (
        "Tested one session ahead, 3 Jan 2017 to 31 Dec 2020 (walk.csv): losses beyond the 1 % mark came in "
        "1.20 % of cases; 1 of 1 stocks pass Kupiec's test, 1 Acerbi and Szekely's."
    )
