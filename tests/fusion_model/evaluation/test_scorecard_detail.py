"""Claims of the long scorecard: each table finds what was planted for it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from collectors.errors import BadInput
from collectors.market_calendar import sessions_between
from fusion_model.dataset.panel import FloatArray
from fusion_model.distribution import NORMAL_SCORES
from fusion_model.evaluation.metrics import scored_pinball
from fusion_model.evaluation.scorecard import BacktestTable
from fusion_model.evaluation.scorecard_detail import (
    CRASH_VOLATILITY,
    Detail,
    market_regimes,
    score_in_detail,
)
from fusion_model.evaluation.scorecard_tables import detail_text

SESSIONS = tuple(sessions_between("2015-07-01", "2017-07-05"))
N = 30


def told(
    came: FloatArray,
    *,
    spread: FloatArray | float = 0.01,
    mean: FloatArray | float = 0.0,
    model: str = "fusion",
    horizon: int = 1,
) -> BacktestTable:
    """Return normal forecasts of one model for returns (S, N) over a horizon, from the first session on."""
    S, width = came.shape
    middle, deviation = (np.broadcast_to(values, came.shape).reshape(-1) for values in (mean, spread))
    return BacktestTable(
        model=np.full(came.size, model, dtype=object),
        ticker=np.tile(np.array([f"T{n:02d}" for n in range(width)], dtype=object), S),
        as_of_session=np.repeat(np.array(SESSIONS[:S], dtype=object), width),
        horizon=np.full(came.size, horizon, dtype=np.int64),
        target_session=np.repeat(np.array(SESSIONS[horizon : S + horizon], dtype=object), width),
        last_close=np.full(came.size, 100.0),
        quantiles=middle[:, None] + deviation[:, None] * NORMAL_SCORES,
        mean=middle.copy(),
        prob_up=np.full(came.size, 0.5),
        realised=came.reshape(-1).copy(),
    )


def together(*tables: BacktestTable) -> BacktestTable:
    names = BacktestTable.__dataclass_fields__
    return BacktestTable(**{name: np.concatenate([getattr(one, name) for one in tables]) for name in names})


@pytest.fixture(scope="module")
def came() -> FloatArray:
    return np.random.default_rng(1).normal(0, 0.01, (500, N))


@pytest.fixture(scope="module")
def found(came: FloatArray) -> Detail:
    """The truth beside a model that is too narrow by a fifth."""
    return score_in_detail(together(told(came), told(came, spread=0.008, model="narrow")))


def test_the_truth_has_a_flat_pit_and_the_least_crps_and_qlike(found: Detail) -> None:
    truth, narrow = found.shapes
    assert (truth.model, narrow.model) == ("fusion", "narrow")
    assert truth.pit == pytest.approx([0.1] * 10, abs=0.01)
    assert sum(narrow.pit) == pytest.approx(1.0)
    assert min(narrow.pit[0], narrow.pit[9]) > 0.13  # too narrow: outcomes fall into the outer tenths
    assert truth.crps == pytest.approx(100 * 0.01 / np.sqrt(np.pi), rel=0.02)  # of a normal, Gneiting 2007
    assert truth.qlike == pytest.approx(np.log(0.01**2) + 1, abs=0.03)
    assert truth.crps < narrow.crps
    assert truth.qlike < narrow.qlike


def test_tails_of_the_truth_pass_and_too_narrow_ones_do_not(found: Detail) -> None:
    rows = {(row.model, row.level): row for row in found.tails}
    assert rows["fusion", 0.05].exceptions == pytest.approx(0.05, abs=0.005)
    assert rows["fusion", 0.05].tickers == N
    for level in (0.01, 0.05):
        truth, narrow = rows["fusion", level], rows["narrow", level]
        assert min(truth.kupiec_pass, truth.independence_pass, truth.conditional_pass) > 0.8
        assert narrow.kupiec_pass < 0.5
        assert narrow.conditional_pass < 0.6


def test_exceptions_that_come_in_clusters_pass_kupiec_and_fail_independence() -> None:
    rng = np.random.default_rng(2)
    wild = np.repeat(rng.random((50, N)) < 0.1, 10, axis=0)  # ten sessions in a row, one time in ten
    came = np.where(wild & (rng.random((500, N)) < 0.5), -0.05, 0.01 * rng.random((500, N)))
    row = next(row for row in score_in_detail(told(came)).tails if row.level == 0.05)
    assert row.exceptions == pytest.approx(0.05, abs=0.01)
    assert row.independence_pass < 0.2
    assert row.kupiec_pass > row.independence_pass + 0.2


def test_tickers_with_little_history_have_no_tail_test(came: FloatArray) -> None:
    row = score_in_detail(told(came[:249])).tails[0]
    assert row.tickers == 0
    assert np.isnan([row.kupiec_pass, row.independence_pass, row.conditional_pass]).all()


def test_single_tickers_are_counted_after_correction(came: FloatArray) -> None:
    # The rival is hopeless on the first six tickers, and no different from the truth on the others.
    spread = np.where(np.arange(N) < 6, 0.03, 0.01)
    one, other = 1 + 0.02 * np.random.default_rng(3).normal(size=(2, *came.shape))
    table = together(told(came, spread=0.01 * one), told(came, spread=spread * other, model="rival"))
    row = score_in_detail(table).tickers[0]
    assert (row.tickers, row.better, row.worse) == (N, 6, 0)
    mirrored = score_in_detail(table, "rival").tickers[0]
    assert (mirrored.better, mirrored.worse) == (0, 6)
    assert mirrored.lower_loss == N - row.lower_loss


def test_a_planted_order_is_found_and_a_model_that_ranks_nothing_has_none(came: FloatArray) -> None:
    hint = 0.3 * came + np.random.default_rng(4).normal(0, 0.01, came.shape)
    truth, still = score_in_detail(together(told(came, mean=hint), told(came, model="still"))).shapes
    expected = 6 / np.pi * np.arcsin(0.3 / np.sqrt(1.09) / 2)  # Spearman of a bivariate normal
    assert truth.rank_ic == pytest.approx(expected, abs=0.02)
    assert truth.rank_ic_low < truth.rank_ic < truth.rank_ic_high
    assert truth.rank_ic_median_low < truth.rank_ic_median < truth.rank_ic_median_high
    assert np.isnan([still.rank_ic, still.rank_ic_low, still.rank_ic_median]).all()


def test_on_noise_the_interval_of_the_rank_correlation_holds_zero(came: FloatArray) -> None:
    guess = np.random.default_rng(5).normal(0, 0.01, came.shape)
    row = score_in_detail(told(came, mean=guess)).shapes[0]
    assert row.rank_ic_low < 0 < row.rank_ic_high
    assert row.rank_ic_high - row.rank_ic_low == pytest.approx(2 * 1.96 / np.sqrt(29 * 500), rel=0.2)


def test_years_part_the_forecasts_by_the_session_they_were_made(came: FloatArray, found: Detail) -> None:
    own = [row for row in found.years if row.model == "fusion"]
    assert [row.span for row in own] == ["2015", "2016", "2017"]
    assert sum(row.forecasts for row in own) == came.size
    year = np.array([session[:4] for session in SESSIONS[:500]]) == "2016"
    loss = scored_pinball(came[year], np.broadcast_to(0.01 * NORMAL_SCORES, (*came[year].shape, 17)))
    assert own[1].pinball == pytest.approx(loss.mean())
    assert own[1].sessions == year.sum()
    assert own[1].coverage_90 == pytest.approx(np.mean(np.abs(came[year]) < 0.01 * NORMAL_SCORES[-3]))
    assert np.isnan(own[1].dm_t)
    narrow = next(row for row in found.years if (row.model, row.span) == ("narrow", "2016"))
    assert narrow.skill == pytest.approx(1 - own[1].pinball / narrow.pinball)
    assert narrow.dm_t < -3


def test_a_crash_is_where_the_market_was_wild_and_not_a_day_before() -> None:
    rng = np.random.default_rng(6)
    market = rng.normal(0, 0.005, 500)
    market[200:240] = rng.choice([-0.04, 0.04], 40)
    table = told(market[:, None] + rng.normal(0, 0.01, (500, N)))
    regimes = market_regimes(table, "fusion")
    assert sorted(regimes) == list(SESSIONS[21:501])  # the first month has none
    # The return said at session 200 is known at session 201.
    assert {regimes[session] for session in SESSIONS[21:201]} == {"calm"}
    assert {regimes[session] for session in SESSIONS[215:240]} == {"crash"}
    assert {regimes[session] for session in SESSIONS[262:500]} == {"calm"}
    volatility = np.std(table.realised.reshape(500, N).mean(axis=1)[189:210], ddof=1) * np.sqrt(252)
    assert regimes[SESSIONS[210]] == ("crash" if volatility >= CRASH_VOLATILITY else "calm")


def test_later_sessions_change_no_regime(came: FloatArray) -> None:
    wild = came * np.where(np.arange(500) < 300, 1.0, 40.0)[:, None]
    before, after = market_regimes(told(came), "fusion"), market_regimes(told(wild), "fusion")
    assert [before[s] for s in SESSIONS[21:301]] == [after[s] for s in SESSIONS[21:301]]
    assert "crash" in after.values()


def test_a_file_without_one_session_forecasts_has_no_tails_and_no_regimes(came: FloatArray) -> None:
    found = score_in_detail(told(came, horizon=5))
    assert (found.tails, found.regimes, found.tickers) == ((), (), ())
    assert [row.horizon for row in found.shapes] == [5]
    assert "By regime" not in detail_text(found)


def test_the_order_of_the_rows_in_the_file_changes_no_figure(came: FloatArray, found: Detail) -> None:
    table = together(told(came), told(came, spread=0.008, model="narrow"))
    order = np.random.default_rng(7).permutation(len(table.model))
    names = BacktestTable.__dataclass_fields__
    shuffled = replace(table, **{name: getattr(table, name)[order] for name in names})
    assert detail_text(score_in_detail(shuffled)) == detail_text(found)


def test_every_table_stands_in_the_text_with_every_model(found: Detail) -> None:
    tables = detail_text(found).split("\n\n")
    assert [table.splitlines()[0].split(":")[0].split(",")[0] for table in tables] == [
        "Shape and ranking",
        "Outcomes in each tenth of the distribution",
        "Losses beyond a quantile",
        "Single tickers",
        "By calendar year",
        "By regime",
    ]
    for table in tables:
        title, header, *lines = table.splitlines()
        assert "narrow" in table
        assert len({len(line) for line in lines}) <= 2  # columns stand below one another
        assert not title.startswith(" ")
        assert "model" in header or "against" in header


def test_details_of_a_model_that_made_no_forecast_are_refused(came: FloatArray) -> None:
    with pytest.raises(BadInput, match="no forecasts of graph"):
        score_in_detail(told(came), "graph")
