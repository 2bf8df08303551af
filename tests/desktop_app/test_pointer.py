"""The pointer reads a bar's figures, and on the fan the chances that the forecast itself gives."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from desktop_app.pointer import chance_below, describe_bar, describe_price
from desktop_app.snapshot import Snapshot, load_snapshot
from desktop_app.store import open_home_reader
from desktop_app.words import PriceForecast
from fusion_model.distribution import cumulative_probability
from fusion_model.findings import QUANTILE_LEVELS
from tests.desktop_app.facts import fill_home

HEAVY = tuple(math.sinh(6 * (level - 0.5)) / 60 for level in QUANTILE_LEVELS)
TIED = (*HEAVY[:7], *[HEAVY[8]] * 3, *HEAVY[10:])


def snapshot_of(home: Path, ticker: str) -> Snapshot:
    with closing(open_home_reader(fill_home(home))) as db:
        found = load_snapshot(db, ticker)
    assert found is not None
    return found


@pytest.mark.parametrize("quantiles", [HEAVY, TIED])
def test_the_chance_of_a_price_is_that_of_the_forecasts_distribution(quantiles: tuple[float, ...]) -> None:
    prices = tuple(80 * math.exp(quantile) for quantile in quantiles)
    said = PriceForecast(5, "2021-03-16", "2021-03-23", 80.0, prices, 0.5, 0.03, "v1", "")
    asked = [*np.linspace(40, 130, 181), *prices]
    expected = cumulative_probability(
        [[math.log(price / 80) for price in prices]], [math.log(price / 80) for price in asked]
    )
    np.testing.assert_allclose([chance_below(said, price) for price in asked], expected, atol=1e-12)


def test_the_fan_is_read_at_the_horizon_nearest_to_the_pointer(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path, "AAA")
    assert describe_price(snapshot, 12, 57.93) == (
        "$57.93 at the close of 17 Mar 2021 (1 session ahead): 5 % to end below, 95 % above"
    )
    assert describe_price(snapshot, 17, 30.0) == (
        "$30.00 at the close of 23 Mar 2021 (5 sessions ahead): under 1 % to end below, over 99 % above"
    )
    assert describe_price(snapshot, 30, 60.6).endswith("(20 sessions ahead): 50 % to end below, 50 % above")


def test_without_a_forecast_or_a_price_nothing_is_claimed(tmp_path: Path) -> None:
    assert describe_price(snapshot_of(tmp_path / "b", "BBB"), 14, 60.0) == ""
    snapshot = snapshot_of(tmp_path / "a", "AAA")
    assert [describe_price(snapshot, 14, price) for price in (0.0, -1.0, math.nan)] == ["", "", ""]


def test_a_bar_is_described_in_one_line(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path, "AAA")
    assert describe_bar(snapshot, 11) == (
        "16 Mar 2021   open $59.60   high $62.60   low $58.60   close $60.60 (+1.0 %)   volume 1k"
    )
    assert describe_bar(snapshot, 12) == ""
