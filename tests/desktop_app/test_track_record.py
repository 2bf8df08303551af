"""The track record is said so that a person without statistics can hold us to it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from desktop_app.track_record import BASELINE_NAMES, TrackRow, track_record
from fusion_model.forecasting.baselines import baselines
from tests.desktop_app.facts import score


def test_each_horizon_stands_with_what_it_promised_and_held() -> None:
    track = track_record([score(1), score(5)])
    assert track.span.startswith("Up to 500 forecasts a horizon, of 2 Jan 2020 to 31 Dec 2020, were checked")
    assert track.rows == (
        TrackRow("1 session", ("50 %", "80 %", "89 %", "95 %")),
        TrackRow("5 sessions", ("50 %", "80 %", "89 %", "95 %")),
    )


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ((0.88, 0.92), "kept their promise to within two in a hundred"),
        ((0.91, 0.94), "held more often than promised: they were somewhat too wide"),
        ((0.85, 0.90), "held less often than promised: they were too narrow, so allow for more"),
        ((0.85, 0.95), "too wide at some horizons and too narrow at others"),
    ],
)
def test_ranges_too_wide_or_too_narrow_are_called_so(held: tuple[float, float], said: str) -> None:
    rows = [replace(score(h), coverage_90=share) for h, share in zip((1, 5), held, strict=True)]
    assert said in track_record(rows).kept


@pytest.mark.parametrize(
    ("skill", "dm_t", "verdict"),
    [
        (
            0.02,
            -3.0,
            "1 session ahead: 2.0 % less error than the best simpler method (GJR-GARCH-t). "
            "Odds that luck alone does as much: 1 in 370.",
        ),
        (
            -0.05,
            4.0,
            "1 session ahead: 5.0 % more error than the best simpler method (GJR-GARCH-t). "
            "Odds that luck alone does as much: 1 in 16,000.",
        ),
        (0.02, -1.0, "1 session ahead: no clear difference from the best simpler method."),
        (math.nan, -1.0, "They have not been compared with simpler methods yet."),
    ],
)
def test_ranges_are_judged_against_the_best_baseline(skill: float, dm_t: float, verdict: str) -> None:
    weak = replace(score(skill=0.5), baseline="persistence_ewma")
    rows = [score(skill=skill, dm_t=dm_t)] + ([] if math.isnan(skill) else [weak])
    assert track_record(rows).rivals == (verdict,)


def test_the_same_verdict_at_several_horizons_is_said_once() -> None:
    assert track_record([score(h, dm_t=-1.0) for h in (1, 5, 20)]).rivals == (
        "1, 5 and 20 sessions ahead: no clear difference from the best simpler method.",
    )


def test_no_directional_skill_is_said_where_that_is_the_truth() -> None:
    for rows in ([score(1), score(5)], [score(1, mcc_low=math.nan)]):
        track = track_record(rows)
        assert track.direction.startswith("No directional skill shown so far")
        assert track.skilled == frozenset()


def test_skill_at_one_horizon_is_not_claimed_for_the_others() -> None:
    track = track_record([score(1), score(5, mcc_low=0.01)])
    assert track.direction == (
        "Direction: some skill shown at 5 sessions (51 % of signs right). None at the other horizons."
    )
    assert track.skilled == {5}


def test_what_was_never_measured_is_called_so() -> None:
    track = track_record([])
    assert "has not been measured yet" in track.direction
    assert (track.span, track.rows) == ("How good its ranges were has not been measured yet.", ())


def test_every_baseline_has_a_name_for_people() -> None:
    assert set(BASELINE_NAMES) == set(baselines())
