"""Ranking figures against answers by hand, and a leak that only its reader finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.published import rsr
from benchmarks.published.rsr_market import Market, read_market
from benchmarks.published.rsr_models import panel_of
from fusion_model.dataset.features import build_features


def market_of(returns: np.ndarray, first: int) -> Market:
    closes = np.exp(np.cumsum(returns, axis=1))
    days = tuple(f"day {t}" for t in range(returns.shape[1]))
    return Market(closes, days, first, returns.shape[1])


def test_the_top_pick_gives_its_true_rank_and_return() -> None:
    came = np.array([0.01, 0.03, -0.02, 0.02])
    assert rsr.top_pick(np.array([0.9, 0.1, 0.2, 0.3]), came) == (1 / 3, 0.01)
    assert rsr.top_pick(np.array([np.nan, 0.1, 0.2, np.nan]), came) == (1 / 2, -0.02)


def test_equal_scores_share_the_pick() -> None:
    reciprocal_rank, earned = rsr.top_pick(np.zeros(4), np.array([0.01, 0.03, -0.02, 0.02]))
    assert reciprocal_rank == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert earned == pytest.approx(0.01)


def test_a_ranking_row_by_hand() -> None:
    scores = np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0]])
    came = np.array([[0.03, 0.03], [0.02, 0.02], [0.01, 0.01]])
    row = rsr.ranking_row(scores, came, seed=1)
    assert (row["MRR"], row["IRR"], row["RankIC"]) == pytest.approx(((1 + 1 / 3) / 2, 0.04, 0.0))


def test_random_rankings_have_the_means_of_chance() -> None:
    came = np.random.default_rng(1).normal(0.001, 0.01, (50, 40))
    row = rsr.luck(came, seed=1)
    assert row["MRR"] == pytest.approx(np.mean(1 / np.arange(1, 51)), rel=0.05)
    assert row["IRR"] == pytest.approx(came.mean(axis=0).sum(), abs=0.01)
    assert row["RankIC"] == pytest.approx(0.0, abs=0.002)


def test_the_past_speaks_at_the_close_before_its_target() -> None:
    market = market_of(np.array([[0.0, 0.1, 0.2, 0.3]]), first=2)
    np.testing.assert_allclose(market.came, np.expm1([[0.2, 0.3]]))
    np.testing.assert_allclose(market.known(market.returns), np.expm1([[0.1, 0.2]]))


def test_only_a_reader_of_levels_finds_the_division_by_the_future_maximum() -> None:
    market = market_of(np.random.default_rng(1).normal(0.0, 0.02, (200, 400)), first=300)
    divided = Market(market.closes / market.closes.max(axis=1, keepdims=True), market.days, 300, 400)
    honest = rsr.ranking_row(market.known(-market.returns), market.came, seed=1)
    leak = rsr.ranking_row(divided.known(rsr.room_to_the_top(divided.closes)), divided.came, seed=1)
    undivided = rsr.ranking_row(market.known(rsr.room_to_the_top(market.closes)), market.came, seed=1)
    assert leak["RankIC 95 %"][0] > 0.06
    assert abs(honest["RankIC"]) < 0.03
    assert abs(undivided["RankIC"]) < 0.03


def test_what_the_network_reads_is_blind_to_the_unit_of_the_closes() -> None:
    market = market_of(np.random.default_rng(1).normal(0.0, 0.02, (3, 120)), first=100)
    scaled = Market(market.closes * np.array([[0.25], [4.0], [64.0]]), market.days, 100, 120)
    one, other = (build_features(panel_of(each)).price for each in (market, scaled))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_market_is_read_in_its_layout(tmp_path: Path) -> None:
    features = np.full((2, 4, 5), 7.0, dtype=np.float32)
    features[:, :, 4] = [[1.0, 2.0, 4.0, 8.0], [1.0, -1234.0, 3.0, 6.0]]
    np.savez(tmp_path / "panel.npz", features=features, tickers=np.array(["A", "B"]))
    days = ["2016-12-30 16:00:00", *(f"2017-01-0{day} 16:00:00" for day in (3, 4, 5, 6))]
    (tmp_path / "dates.csv").write_text("\n".join(days) + "\n")
    market = read_market(tmp_path / "panel.npz", tmp_path / "dates.csv", "2017-01-05", "2017-01-06")
    assert market.days == ("2017-01-03", "2017-01-04", "2017-01-05", "2017-01-06")
    np.testing.assert_allclose(market.came, [[1.0, 1.0], [np.nan, 1.0]])


def test_past_volatility_forgets_after_its_sessions() -> None:
    returns = np.array([[np.nan, 0.3, *[0.1] * 20]])
    volatility = rsr.past_volatility(returns)[0]
    np.testing.assert_allclose(volatility[[1, 2, 21]], [0.3, np.sqrt(0.05), 0.1])
