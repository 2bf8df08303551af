"""The track record counts each first word once, tells live from afterwards, and says how sure it is."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from desktop_app.store import open_home
from desktop_app.track_figures import Outcomes, cut, load_outcomes, load_track_figures, skills
from fusion_model.findings import QUANTILE_LEVELS
from fusion_model.store import save_forecasts
from tests.desktop_app.facts import SESSIONS, fill_home, forecast, score


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_home(fill_home(tmp_path))) as opened:
        yield opened


def uniform(sessions: int, tickers: int, horizon: int = 1, seed: int = 0) -> Outcomes:
    """Outcomes of a calibrated forecaster: the probability of each is uniform."""
    pit = np.random.default_rng(seed).uniform(size=(sessions, tickers)).ravel()
    return Outcomes(
        ticker=np.tile([f"T{i}" for i in range(tickers)], sessions),
        session=np.repeat([f"{2000 + i // 250}-{1 + i % 12:02d}-{i:05d}" for i in range(sessions)], tickers),
        horizon=np.full(sessions * tickers, horizon),
        live=np.zeros(sessions * tickers, dtype=bool),
        below=pit[:, None] < np.array(QUANTILE_LEVELS),
    )


def test_only_forecasts_that_have_met_their_day_count(db: sqlite3.Connection) -> None:
    outcomes, newest = load_outcomes(db)
    assert (outcomes.session.tolist(), outcomes.horizon.tolist()) == ([SESSIONS[-3]], [1])
    assert newest == SESSIONS[-1]
    fell = QUANTILE_LEVELS.index(0.70)  # ln(60 / 59) lies between the quantiles of 60 and 70 %
    assert outcomes.below[0].tolist() == [i >= fell for i in range(len(QUANTILE_LEVELS))]


def test_the_first_word_counts(db: sqlite3.Connection) -> None:
    shifted = tuple(q + 0.5 for q in forecast().quantiles)
    again = replace(forecast(session=SESSIONS[-3]), quantiles=shifted, model_version="v2")
    before = load_outcomes(db)[0].below.tolist()
    save_forecasts(db, [again], "2022-01-01T00:00:00Z")
    assert load_outcomes(db)[0].below.tolist() == before


def test_live_forecasts_are_told_from_those_made_afterwards(db: sqlite3.Connection) -> None:
    save_forecasts(db, [forecast(session=SESSIONS[-2])], f"{SESSIONS[-2]}T21:20:00Z")
    figures = load_track_figures(db)
    assert figures.counts == {"live": 1, "afterwards": 1, "all": 2}
    assert figures.headline.startswith(
        "Of forecasts made live, the ranges that promise nine in ten held 100 %"
    )


def test_a_calibrated_forecaster_lies_on_the_line_within_its_interval() -> None:
    found = cut(uniform(500, 10), "all", 1)
    off = [abs(one.came - one.promised) <= 1.6 * one.unsure for one in found.reliability]
    assert all(off)
    assert found.pit == pytest.approx([0.1] * 10, abs=0.015)
    assert "which fits the promise" in found.sentence


def test_stocks_that_move_together_make_a_share_less_sure() -> None:
    alone = uniform(400, 1)
    together = Outcomes(
        np.tile([f"T{i}" for i in range(10)], 400),
        np.repeat(alone.session, 10), np.repeat(alone.horizon, 10), np.repeat(alone.live, 10),
        np.repeat(alone.below, 10, axis=0),
    )  # fmt: skip
    one, ten = cut(alone, "all", 1).reliability[8], cut(together, "all", 1).reliability[8]
    assert ten.unsure == pytest.approx(one.unsure)


def test_too_few_sessions_claim_no_certainty() -> None:
    found = cut(uniform(20, 30), "all", 1)
    assert math.isnan(found.reliability[0].unsure)
    assert "Too few sessions (under 30)" in found.sentence


def test_no_forecast_that_met_its_day_draws_nothing() -> None:
    found = cut(uniform(1, 1).where(np.array([False])), "live", 5)
    assert (found.reliability, found.pit, found.by_ticker) == ((), (), ())
    assert found.sentence == "No such forecast has met its day yet."


def test_tables_tell_the_worst_ticker_first_and_the_side_of_the_misses() -> None:
    rows = uniform(100, 2)
    wide = np.where(rows.ticker[:, None] == "T0", True, rows.below)  # T0 fell below every quantile
    found = cut(replace(rows, below=wide), "all", 1)
    worst = found.by_ticker[0]
    assert (worst.name, worst.held, worst.below, worst.above) == ("T0", (0.0,) * 4, 1.0, 0.0)


def test_the_interval_of_a_skill_is_that_of_its_t() -> None:
    (one,) = skills([score(skill=0.02, dm_t=-4.0)])
    assert (one.baseline, one.low, one.high) == ("GJR-GARCH-t", pytest.approx(0.0102), pytest.approx(0.0298))
    assert math.isnan(skills([score(dm_t=math.nan)])[0].low)


def test_periods_are_quarters_and_with_years_of_record_years() -> None:
    assert [row.name for row in cut(uniform(240, 1), "all", 1).by_period] == [
        "2000 Q1", "2000 Q2", "2000 Q3", "2000 Q4",
    ]  # fmt: skip
    assert [row.name for row in cut(uniform(1000, 1), "all", 1).by_period] == ["2000", "2001", "2002", "2003"]
