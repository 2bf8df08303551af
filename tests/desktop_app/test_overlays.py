"""Lines over the prices: indicators by hand, and macro figures as they were known on each day."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import pytest

from collectors.records import MacroObservation
from collectors.store import save_macro, save_price_bars
from desktop_app.gui.charts.axes import round_prices
from desktop_app.overlays import bollinger, known_at, load_overlays, rolling_extreme
from desktop_app.snapshot import load_snapshot
from desktop_app.store import open_home
from tests.desktop_app.facts import NOW, SESSIONS, bars_of, close_of, fill_home

NAN = math.nan


def test_a_bollinger_band_is_two_deviations_about_the_mean() -> None:
    low, high = bollinger([1.0, 3.0] * 10)
    assert math.isnan(low[18])
    assert (low[19], high[19]) == (pytest.approx(0.0), pytest.approx(4.0))


def test_a_rolling_high_forgets_what_is_too_old() -> None:
    found = rolling_extreme([5.0, 1.0, 2.0, 3.0, 2.0], True, length=3)
    assert [one for one in found if not math.isnan(one)] == [5.0, 3.0, 3.0]
    assert rolling_extreme([5.0, 1.0, 2.0, 3.0, 2.0], False, length=3)[2:] == (1.0, 1.0, 2.0)


def test_a_revised_figure_changes_only_from_its_release_on() -> None:
    releases = [
        ("2021-03-02", "2021-02-01", 1.0),
        ("2021-03-04", "2021-02-01", 1.5),
        ("2021-03-05", "2021-01-01", 9.0),
    ]
    found = known_at(releases, ["2021-03-01", "2021-03-02", "2021-03-03", "2021-03-04", "2021-03-06"])
    assert math.isnan(found[0])
    assert found[1:] == (1.0, 1.0, 1.5, 1.5)


def test_a_macro_series_can_be_seen_as_known_or_as_revised(tmp_path: Path) -> None:
    with closing(open_home(fill_home(tmp_path))) as db:
        figures = [
            MacroObservation("GDP", SESSIONS[0], 1.0, SESSIONS[2], close_of(SESSIONS[2])),
            MacroObservation("GDP", SESSIONS[0], 2.0, SESSIONS[6], close_of(SESSIONS[6])),
        ]
        save_macro(db, figures, NOW)
        shown = load_snapshot(db, "AAA", wanted=["macro:GDP"])
        revised = load_snapshot(db, "AAA", wanted=["macro:GDP"], as_known=False)
    assert shown is not None
    assert revised is not None
    known = shown.overlays[0].values
    assert (math.isnan(known[1]), known[2], known[5], known[6]) == (True, 1.0, 1.0, 2.0)
    assert set(revised.overlays[0].values) == {2.0}
    assert "as known on each day" in shown.overlays[0].note


def test_the_comparison_needs_prices_of_its_own(tmp_path: Path) -> None:
    with closing(open_home(fill_home(tmp_path))) as db:
        snapshot = load_snapshot(db, "AAA")
        assert snapshot is not None
        assert load_overlays(db, snapshot.bars, snapshot.closes, ["compare"]) == ()
        save_price_bars(db, bars_of("SPY")[3:], NOW)
        (line,) = load_overlays(db, snapshot.bars, snapshot.closes, ["compare"])
    assert (line.scale, math.isnan(line.values[2]), line.values[3]) == ("rebased", True, 106.0)


def test_prices_on_a_logarithmic_axis_are_round() -> None:
    assert round_prices(98, 141, 6) == [100, 110, 120, 130, 140]
    assert round_prices(4, 450, 7) == [5, 10, 20, 50, 100, 200]
