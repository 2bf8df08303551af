"""Features: ratios of what was known at a row, each indicator against a small answer worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.dataset.features import (
    MIN_BARS,
    PRICE_FEATURES,
    SENTIMENT_FEATURES,
    Features,
    bollinger,
    build_features,
    ewm,
    last_features,
    last_sentiment_features,
    market_of,
    relative_strength_index,
    rogers_satchell,
    rolling_mean,
    stochastic,
)
from fusion_model.dataset.panel import VOLUME, Panel
from tests.builders import (
    lively_panel,
    panel_of,
    with_bars_only_from,
    with_future_corrupted,
    with_prices_scaled,
    with_tickers,
)

NAN = float("nan")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return with_bars_only_from(lively_panel(300, 5), column=2, row=100)


@pytest.fixture(scope="module")
def features(panel: Panel) -> Features:
    return build_features(panel)


def row_bytes(features: Features, stop: int) -> list[bytes]:
    arrays = (features.price, features.sentiment, features.macro, features.scale)
    return [array[:stop].tobytes() for array in arrays]


def test_the_last_rows_alone_are_those_of_the_whole_but_for_rounding() -> None:
    whole = with_bars_only_from(lively_panel(1700, 3), column=2, row=1500)
    whole = replace(whole, earnings=np.repeat(np.eye(1700, 4)[:, None] + 0.1, 3, axis=1))
    features, rows = build_features(whole), slice(1640, 1699)
    last = last_features(whole, rows, market_of(whole), features.scale)
    relative = PRICE_FEATURES.index("volatility_to_cross_section")
    known = [place for place in range(len(PRICE_FEATURES)) if place != relative]
    np.testing.assert_allclose(last.price[:, :, known], features.price[rows][:, :, known], atol=2e-6)
    np.testing.assert_allclose(last.scale, features.scale[rows], rtol=1e-6)
    np.testing.assert_allclose(last.anchor, features.anchor[rows], rtol=1e-6)


def test_the_last_posts_alone_are_read_as_beside_all_before() -> None:
    count = np.random.default_rng(3).poisson(2.0, (700, 2, 1))
    told = lively_panel(700, 2)
    sentiment = np.where([True, True, False, True, True], 0.3 * np.minimum(count, 1), count)
    told = replace(told, sentiment=sentiment.astype(np.float64))
    rows = slice(650, 690)
    whole = build_features(told).sentiment[rows]
    np.testing.assert_allclose(last_sentiment_features(told, rows), whole, atol=1e-6)


# What holds for all of them -----------------------------------------------------------------------


@pytest.mark.parametrize("row", [MIN_BARS, 99, 180, 298])
def test_cutting_a_panel_changes_no_byte_of_earlier_rows(panel: Panel, features: Features, row: int) -> None:
    cut = panel.until(panel.sessions[row])
    listed = [panel.tickers.index(ticker) for ticker in cut.tickers]
    whole = replace(
        features,
        price=features.price[:, listed],
        sentiment=features.sentiment[:, listed],
        scale=features.scale[:, listed],
    )
    assert row_bytes(build_features(cut), row + 1) == row_bytes(whole, row + 1)


def test_a_ticker_listed_later_changes_no_byte_of_the_market_before(panel: Panel) -> None:
    """Once, numpy rounded a sum over nine tickers otherwise than the same sum with a tenth of none."""
    nine = lively_panel(200, 9)
    ten = with_bars_only_from(with_tickers(nine, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), column=1, row=199)
    kept = [0, *range(2, 10)]
    assert build_features(ten).price[:199, kept].tobytes() == build_features(nine).price[:199].tobytes()


def test_a_bar_without_volume_knows_no_unit_of_prices(panel: Panel) -> None:
    """Once, such a bar counted as one dollar traded, whatever a dollar was."""
    quiet = replace(panel, ohlcv=panel.ohlcv.copy())
    quiet.ohlcv[200, 0, VOLUME] = 0.0
    now, there = build_features(quiet), build_features(with_prices_scaled(quiet, [128.0, 1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(there.price[:, 0], now.price[:, 0], atol=1e-6)


def test_corrupting_the_future_changes_no_earlier_byte(panel: Panel, features: Features) -> None:
    corrupted = build_features(with_future_corrupted(panel, panel.sessions[180]))
    assert row_bytes(corrupted, 181) == row_bytes(features, 181)
    assert corrupted.price[181:].tobytes() != features.price[181:].tobytes()


def test_scaling_the_prices_of_a_ticker_leaves_its_features(panel: Panel, features: Features) -> None:
    scaled = build_features(with_prices_scaled(panel, [0.01, 3.0, 7.0, 1000.0, 1.0]))
    np.testing.assert_allclose(scaled.price, features.price, atol=2e-5)
    np.testing.assert_allclose(scaled.scale, features.scale, rtol=1e-9)


def test_permuting_tickers_permutes_features(panel: Panel, features: Features) -> None:
    order = [3, 0, 4, 1, 2]
    permuted = build_features(with_tickers(panel, order))
    np.testing.assert_allclose(permuted.price, features.price[:, order], atol=1e-6)
    np.testing.assert_array_equal(permuted.scale, features.scale[:, order])
    np.testing.assert_array_equal(permuted.sentiment, features.sentiment[:, order])


def test_a_ticker_has_features_from_its_67th_bar_on(features: Features) -> None:
    first = [int(np.flatnonzero(np.isfinite(features.scale[:, n]))[0]) for n in (0, 2)]
    assert first == [MIN_BARS, 100 + MIN_BARS]
    ready = np.isfinite(features.price).all(axis=2)
    np.testing.assert_array_equal(ready, np.isfinite(features.scale))
    assert features.price.shape[2] == len(PRICE_FEATURES)


def test_a_day_without_a_bar_has_no_features_and_the_next_one_has(panel: Panel) -> None:
    ohlcv = panel.ohlcv.copy()
    ohlcv[200, 0] = NAN
    price = build_features(replace(panel, ohlcv=ohlcv)).price[199:202, 0]
    assert np.isfinite(price).all(axis=1).tolist() == [True, False, True]


def test_the_anchor_of_steady_moves_is_their_size() -> None:
    moves = np.tile([[0.01], [-0.01]], (100, 1))
    scale = build_features(panel_of(moves)).scale
    np.testing.assert_allclose(scale[MIN_BARS:], 0.01, rtol=1e-3)  # its first bar has no return


def test_a_ticker_of_one_volatility_stands_at_no_gap_to_the_cross_section() -> None:
    moves = np.tile([[0.01, 0.02], [-0.01, -0.02]], (100, 1))
    gap = build_features(panel_of(moves)).price[-1, :, PRICE_FEATURES.index("volatility_to_cross_section")]
    np.testing.assert_allclose(gap, [-np.log(2.0) / 2.0, np.log(2.0) / 2.0], atol=1e-5)


# Posts and macro figures --------------------------------------------------------------------------


def test_missing_posts_are_told_by_the_mask() -> None:
    panel = panel_of(np.zeros((3, 1)))
    quiet = [NAN, NAN, 0.0, 0.0, NAN]
    sentiment = np.array([quiet, [0.5, 0.2, 3.0, 0.7, 0.25], quiet])[:, None]
    told = build_features(replace(panel, sentiment=sentiment)).sentiment[:, 0]
    named = {name: told[:, place].tolist() for place, name in enumerate(SENTIMENT_FEATURES)}
    assert named["posts_missing"] == [1.0, 0.0, 1.0]
    assert named["tone"] == [0.0, 0.5, 0.0]
    assert named["tone_spread"] == pytest.approx([0.0, 0.2, 0.0])
    assert named["bull_bear"] == pytest.approx([0.0, 0.7, 0.0])
    assert named["novelty"] == [0.0, 0.25, 0.0]
    assert named["post_count"] == pytest.approx([0.0, np.log(4.0) / 3.0, 0.0])
    assert 0.0 < named["tone_5"][2] < named["tone_5"][1] < 0.5


def test_a_rate_counts_by_level_and_change_and_an_index_by_growth() -> None:
    panel = panel_of(np.zeros((2, 1)))
    macro = np.array([[[NAN, NAN], [NAN, NAN]], [[2.5, 2.25], [103.0, 100.0]]])
    told = build_features(replace(panel, macro=macro, macro_series=("DGS10", "INDPRO")))
    assert told.macro_names == ("DGS10_level", "DGS10_change", "INDPRO_growth")
    np.testing.assert_allclose(told.macro, [[NAN] * 3, [2.5, 0.25, np.log(1.03)]], rtol=1e-6)


def test_an_index_that_is_not_positive_has_no_growth() -> None:
    macro = np.array([[[-1.0, 100.0]], [[100.0, 0.0]]])
    told = build_features(replace(panel_of(np.zeros((2, 1))), macro=macro, macro_series=("X",)))
    assert np.isnan(told.macro).all()


# Indicators, by hand ------------------------------------------------------------------------------


def test_rolling_mean_takes_what_is_there_at_the_start() -> None:
    assert rolling_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1.0, 2.0, 4.0, 6.0]


def test_ewm_weights_the_observed_rows_alone() -> None:
    """Span 3 halves a weight with each row: (4 + 2 / 2 + 1 / 4) / (1 + 1 / 2 + 1 / 4)."""
    np.testing.assert_allclose(ewm(np.array([1.0, 2.0, 4.0]), 3), [1.0, 2.5 / 1.5, 5.25 / 1.75])


def test_relative_strength_is_the_share_of_gains() -> None:
    """Span 1 sees the last move alone; of span 2 the last two weigh 1 and 1/2: 1 / (1 + 3 / 2)."""
    assert relative_strength_index(np.array([0.01, -0.01]), 1) == pytest.approx([100.0, 0.0], abs=1e-6)
    assert relative_strength_index(np.array([-0.03, 0.01]), 2)[1] == pytest.approx(40.0, abs=1e-6)


def test_rogers_satchell_of_one_bar() -> None:
    """(.03 - .01)(.03 - 0) + (-.02 - .01)(-.02 - 0) = .0006 + .0006."""
    one = [np.array([value]) for value in (0.0, 0.03, -0.02, 0.01)]
    assert rogers_satchell(*one) == pytest.approx([0.0012])


def test_bollinger_is_in_standard_deviations_of_the_last_levels() -> None:
    """Levels 0, 2: mean 1, deviation 1, so the last stands one deviation above; a flat line at none."""
    assert bollinger(np.array([5.0, 0.0, 2.0]), 2)[2] == pytest.approx(1.0, abs=1e-6)
    assert bollinger(np.full(5, 3.0)).tolist() == [0.0] * 5


@pytest.mark.parametrize("span", [3, 4])
def test_stochastic_looks_at_the_last_closes_alone(span: int) -> None:
    levels = np.random.default_rng(0).normal(size=30)
    found = stochastic(levels, span)
    for row in range(30):
        seen = levels[max(0, row - span + 1) : row + 1]
        reach = max(seen.max() - seen.min(), 1e-9)
        assert found[row] == pytest.approx((levels[row] - seen.min()) / reach)
