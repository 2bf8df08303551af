"""Reasons in words: what makes a range wide, what would change it, and what the model does not read."""

from __future__ import annotations

import csv
import math
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collectors.errors import BadInput
from desktop_app.export import REASON_COLUMNS, export_reasons
from desktop_app.store import open_home
from desktop_app.why import Why, effect_in_words, load_why, why
from fusion_model.findings import ATTRIBUTION_UNITS, Attribution, Counterfactual, RelatedStock
from fusion_model.store_reasons import Reasons, reasons_by_ticker, save_reasons
from tests.desktop_app.facts import NOW, SESSIONS, fill_home, forecast, report

LAST = SESSIONS[-1]
WIDTH = math.log(0.09)  # of the forecast of the tests, from -0.045 to 0.045
MOVED = {"price": 0.02, "volume": 0.004, "indicators": -0.001, "market": -0.12, "earnings": 0.47}


def row(cause: str, contribution: float, part: str = "networks", target: str = "width") -> Attribution:
    return Attribution("v1", "AAA", LAST, 20, target, cause, part, contribution, ATTRIBUTION_UNITS[target])


def reasons(moved: dict[str, float] = MOVED, *, near: float | None = None, drift: float = 0.0) -> Reasons:
    rows = [row(cause, contribution) for cause, contribution in moved.items()]
    rows += [row("price", 0.01, "anchor"), row("usual", WIDTH - sum(moved.values()) - 0.01, "")]
    rows += [row("drift", drift, "", "median")]
    otherwise = [
        Counterfactual("v1", "AAA", LAST, 20, "no_report", -0.030, 0.0, 0.027),
        Counterfactual("v1", "AAA", LAST, 20, "no_move", -0.045, 0.0, 0.0452),
    ]
    related = [RelatedStock("AAA", LAST, 1, "BBB", 0.5, True, 0.03, near)]
    return reasons_by_ticker("v1", LAST, rows, otherwise, related)[0]


def said(found: Reasons, **given: object) -> Why:
    return why(found, [forecast(horizon=20)], **given)  # type: ignore[arg-type]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(fill_home(tmp_path / "home"))) as db:
        yield db


def test_a_wide_range_is_told_with_its_reason_and_what_pulls_the_other_way() -> None:
    headline = said(reasons(), report=report(ahead=6)).horizons[0].headline
    assert headline == (
        "The range of 20 sessions is 47 % wider than on an ordinary day of AAA, mainly because of the report "
        "expected on Tue 23 Mar (adds 60 %) and its own moves (adds 3 %); against it: the whole market "
        "(takes 11 %)."
    )


def test_a_report_beyond_the_horizon_is_called_the_calendar() -> None:
    rows = said(reasons(), report=report(ahead=30)).horizons[0].rows
    assert [one.label for one in rows if one.cause == "earnings"] == ["Earnings calendar"]


def test_a_range_as_usual_is_called_that() -> None:
    headline = said(reasons({"price": -0.02, "market": 0.001})).horizons[0].headline
    assert headline == "The range of 20 sessions is about as wide as on an ordinary day of AAA."


def test_bars_are_drawn_against_the_longest_of_the_page() -> None:
    rows = said(reasons()).horizons[0].rows
    assert [(one.cause, round(one.reach, 3)) for one in rows] == [
        ("price", 0.064), ("volume", 0.009), ("indicators", -0.002), ("market", -0.255), ("earnings", 1.0),
    ]  # fmt: skip
    assert rows[0].detail == "the networks +2.0 %, recent volatility +1.0 %"
    assert [effect_in_words(effect) for effect in (0.6, -0.11, 0.004)] == [
        "adds 60 %",
        "takes 11 %",
        "no effect",
    ]


def test_the_median_is_no_view_and_says_so() -> None:
    median = said(reasons()).horizons[0].median
    assert "no view on AAA. The model has shown no skill in direction." in median
    assert "no skill" not in said(reasons(), skilled={20}).horizons[0].median
    assert "a direction that the model reads" in said(reasons(drift=0.01)).horizons[0].median


def test_what_would_be_otherwise_stands_in_currency() -> None:
    found = said(reasons(), report=report(), move=math.log(1.01), shares=2.0).horizons[0]
    assert found.otherwise == (
        "Had the move of Tue 16 Mar (+1.0 %) not happened, the 20-session range would be $28.97 to $31.70: "
        "as wide as it is.",
        "Without the report expected on Tue 23 Mar, the 20-session range would be $29.40 to $31.13: 37 % "
        "narrower.",
    )
    assert found.now == "Nine in ten outcomes: $28.97 to $31.69."
    assert found.ordinary == "On an ordinary day, from this price: $29.38 to $31.24."


def test_what_is_not_read_is_told() -> None:
    assert said(reasons()).not_read == (
        "The model does not read posts, macro figures or related stocks: they moved nothing."
    )
    everything = {**MOVED, "posts": 0.0, "macro": 0.0, "related": 0.0}
    assert said(reasons(everything)).not_read == ""
    assert said(reasons({"price": 0.1})).not_read.endswith(
        "No earnings calendar was stored: reports are left out."
    )


def test_neighbours_are_told_with_why_they_count() -> None:
    assert (
        said(reasons()).neighbours[0].text == "close (correlation 0.50), same sector, 3 % of posts name both"
    )
    read = said(reasons(near=0.7))
    assert (read.neighbours[0].strength, read.neighbours[0].text[:14]) == (0.7, "read with 70 %")


def test_stored_reasons_are_shown_with_the_forecasts_they_belong_to(db: sqlite3.Connection) -> None:
    assert load_why(db, "AAA") is None
    save_reasons(db, [reasons()], NOW)
    found = load_why(db, "AAA")
    assert found is not None
    assert [one.horizon for one in found.horizons] == [20]
    assert "Had the move of Tue 16 Mar (+1.0 %) not happened" in found.horizons[0].otherwise[0]
    other = reasons_by_ticker("v2", LAST, reasons().attributions, [], [])
    save_reasons(db, other, NOW)
    assert load_why(db, "AAA") is None


def test_exported_reasons_sum_to_the_width(db: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no reasons to export"):
        export_reasons(db, tmp_path / "r.csv")
    save_reasons(db, [reasons()], NOW)
    with pytest.raises(BadInput, match="no reasons of BBB"):
        export_reasons(db, tmp_path / "r.csv", ticker="BBB")
    assert export_reasons(db, tmp_path / "r.csv") == 10
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == REASON_COLUMNS
    width = sum(float(one["contribution"]) for one in rows if one["target"] == "width")
    assert width == pytest.approx(WIDTH, abs=1e-7)
    assert [(one["cause"], one["price_q05"]) for one in rows if one["kind"] == "counterfactual"] == [
        ("no_move", f"{60.6 * math.exp(-0.045):.4f}"), ("no_report", f"{60.6 * math.exp(-0.03):.4f}"),
    ]  # fmt: skip


def test_what_the_page_reads_loads_no_calendar(tmp_path: Path) -> None:
    """Once a second went by while the window loaded pandas to learn when a session closed."""
    home = fill_home(tmp_path)
    code = (
        "import sys; from pathlib import Path; from desktop_app.store import open_home_reader; "
        "from desktop_app.gui.why_page import load_day_news, load_why; "
        "db = open_home_reader(Path(sys.argv[1])); load_why(db, 'AAA'); "
        f"print(len(load_day_news(db, 'AAA', '{LAST}').posts)); "
        "print([name for name in ('pandas', 'torch', 'exchange_calendars') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(home)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == ["1", "[]"]
