"""Windows: parts that do not leak into each other, scaling from the fit alone, rows that count once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion_model.dataset.features import PRICE_FEATURES, Features, build_features
from fusion_model.dataset.panel import Panel
from fusion_model.dataset.stock_graph import StockGraph
from fusion_model.dataset.windows import (
    MIN_FIT_SESSIONS,
    NetworkInput,
    Scaling,
    Split,
    WindowBatch,
    aligned_batches,
    fit_scaling,
    path_targets,
    purged_split,
    scale_features,
    standardised_targets,
    training_batches,
)
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS
from tests.builders import lively_panel, panel_of, with_bars_only_from, with_tickers


@pytest.fixture(scope="module")
def panel() -> Panel:
    return lively_panel(700, 3)


@pytest.fixture(scope="module")
def features(panel: Panel) -> Features:
    return build_features(panel)


# Splits -------------------------------------------------------------------------------------------


def test_the_parts_of_a_split_lie_a_purge_apart() -> None:
    assert purged_split(1000, 126, 100) == Split(
        fit=734, validation=754, validation_stop=880, calibration=900
    )
    assert purged_split(1000, 126, 0) == Split(
        fit=854, validation=874, validation_stop=1000, calibration=1000
    )


@pytest.mark.parametrize("held_out", [0, 60])
def test_purge_leaves_no_target_inside_the_next_part(panel: Panel, features: Features, held_out: int) -> None:
    split = purged_split(700, 60, held_out)
    purge = max(HORIZONS)
    fit = standardised_targets(panel, features.anchor, split.fit + purge)[:, : split.fit]
    stopping = standardised_targets(panel, features.anchor, split.validation_stop + purge)
    stopping = stopping[:, split.validation : split.validation_stop]
    for k, horizon in enumerate(HORIZONS):
        last_fit = np.flatnonzero(np.isfinite(fit[0, :, k]))[-1] + horizon
        last_stopping = split.validation + np.flatnonzero(np.isfinite(stopping[0, :, k]))[-1] + horizon
        assert last_fit < split.validation
        assert last_stopping < (split.calibration if held_out else 700)


def test_a_short_history_is_refused_with_the_numbers() -> None:
    assert purged_split(566, 126, 0).fit == 420
    with pytest.raises(
        NotEnoughHistory, match="545 sessions are stored, and training needs at least 546: import"
    ):
        purged_split(545, 126, 0)
    assert purged_split(546, 126, 0).fit == MIN_FIT_SESSIONS


def test_targets_are_forward_returns_in_units_of_the_anchor() -> None:
    panel = panel_of(np.full((30, 1), 0.02))
    targets = standardised_targets(panel, np.tile(0.01 * np.sqrt(HORIZONS), (30, 1, 1)), stop=26)
    assert targets.shape == (1, 30, 3)
    np.testing.assert_allclose(targets[0, 0], [2.0, 2.0 * np.sqrt(5.0), 2.0 * np.sqrt(20.0)], rtol=1e-6)
    known = [int(np.isfinite(targets[0, :, k]).sum()) for k in range(3)]
    assert known == [25, 21, 6]  # complete before row 26


# Scaling ------------------------------------------------------------------------------------------


def test_what_a_path_showed_is_the_volatility_of_its_ranges_and_overnight_moves() -> None:
    """Each session moves .01 overnight and .02 until the close, without turning: no range is added."""
    panel = panel_of(np.full((60, 2), 0.03))
    bars = panel.ohlcv.copy()
    bars[:, :, 1] = np.maximum(bars[:, :, 0], bars[:, :, 3])
    bars[:, :, 2] = np.minimum(bars[:, :, 0], bars[:, :, 3])
    targets = path_targets(replace(panel, ohlcv=bars), np.full((60, 2, 3), 0.02), stop=50)
    assert targets.shape == (2, 60, len(HORIZONS))
    for k, horizon in enumerate(HORIZONS):
        expected = np.log(0.01 * np.sqrt(horizon) / 0.02)
        np.testing.assert_allclose(targets[:, : 50 - horizon, k], expected, atol=1e-4)
        assert np.isnan(targets[:, 50 - horizon :, k]).all()


def test_a_path_with_a_session_missing_shows_nothing() -> None:
    panel = lively_panel(80, 2)
    whole = path_targets(panel, np.full((80, 2, 3), 0.02), stop=80)
    bars = panel.ohlcv.copy()
    bars[40, 0] = np.nan
    broken = path_targets(replace(panel, ohlcv=bars), np.full((80, 2, 3), 0.02), stop=80)
    for k, horizon in enumerate(HORIZONS):
        assert np.isnan(broken[0, 40 - horizon : 40, k]).all()
        np.testing.assert_allclose(broken[0, : 40 - horizon, k], whole[0, : 40 - horizon, k])
    np.testing.assert_array_equal(broken[1], whole[1])


def scaling_bytes(scaling: Scaling) -> list[bytes]:
    return [getattr(scaling, name).tobytes() for name in Scaling.__dataclass_fields__]


def test_scaling_reads_the_rows_of_the_fit_alone(features: Features) -> None:
    price, macro = features.price.copy(), features.macro.copy()
    price[400:], macro[400:] = 1e6, -1e6
    corrupted = replace(features, price=price, macro=macro)
    assert scaling_bytes(fit_scaling(corrupted, 400)) == scaling_bytes(fit_scaling(features, 400))


def test_scaled_features_of_the_fit_have_mean_0_and_deviation_1(features: Features) -> None:
    data = scale_features(features, fit_scaling(features, 400))
    moving = [name for name in PRICE_FEATURES if not name.startswith("reaction")]  # no calendar is stored
    columns = [PRICE_FEATURES.index(name) for name in moving]
    fitted = data.price[:, :400][data.ready[:, :400]][:, columns]
    np.testing.assert_allclose(fitted.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(fitted.std(axis=0), 1.0, atol=1e-3)
    assert not data.price[~data.ready].any()


def test_a_feature_that_did_not_move_in_training_is_not_blown_up_later(panel: Panel) -> None:
    """Once, one ticker alone had no dispersion, and a second one later made it a million."""
    alone = fit_scaling(build_features(with_tickers(panel, [0])), 400)
    data = scale_features(build_features(panel), alone)
    assert np.abs(data.price).max() < 100.0


def test_a_series_that_never_spoke_counts_as_zero(features: Features) -> None:
    silent = replace(features, macro=np.full_like(features.macro, np.nan))
    data = scale_features(silent, fit_scaling(silent, 400))
    assert not data.macro.any()


def test_without_a_ticker_of_sufficient_history_there_is_no_scaling(features: Features) -> None:
    with pytest.raises(NotEnoughHistory, match="no ticker has enough sessions"):
        fit_scaling(features, 60)


# Batches ------------------------------------------------------------------------------------------


def numbered(panel: Panel) -> tuple[NetworkInput, np.ndarray]:
    """Inputs whose first price feature is the row's number, and targets that are ticker * 1000 + row."""
    features = build_features(panel)
    data = scale_features(features, fit_scaling(features, len(panel.sessions)))
    T, N = panel.present.shape
    data.price[:, :, 0] = np.arange(T)[None, :]
    targets = np.arange(T)[None, :, None] + 1000.0 * np.arange(N)[:, None, None] + np.zeros(len(HORIZONS))
    return data, np.where(data.ready[:, :, None], targets, np.nan).astype(np.float32)


def passes(panel: Panel, *, burn_in: int, segment: int, seed: int = 0) -> list[WindowBatch]:
    data, targets = numbered(panel)
    random = np.random.default_rng(seed)
    return list(
        training_batches(data, targets, stop=600, burn_in=burn_in, segment=segment, batch=4, random=random)
    )


@pytest.mark.parametrize(("burn_in", "segment"), [(16, 64), (64, 186), (200, 100)])
def test_a_row_bears_a_loss_at_most_once_a_pass(panel: Panel, burn_in: int, segment: int) -> None:
    """Once, a burn-in longer than a segment let a young ticker's rows count twice."""
    young = with_bars_only_from(panel, column=1, row=200)
    for seed in range(10):
        batches = passes(young, burn_in=burn_in, segment=segment, seed=seed)
        seen = np.concatenate([batch.target[:, :, 0].ravel() for batch in batches])
        seen = seen[np.isfinite(seen)]
        assert len(np.unique(seen)) == len(seen) > 600
        assert (seen % 1000).max() < 600


def test_a_loss_belongs_to_the_row_it_stands_on(panel: Panel) -> None:
    for batch in passes(panel, burn_in=16, segment=64):
        known = np.isfinite(batch.target[:, :, 0])
        np.testing.assert_array_equal(batch.target[:, :, 0][known] % 1000, batch.price[:, :, 0][known])


def test_burn_in_and_padding_bear_no_loss(panel: Panel) -> None:
    young = with_bars_only_from(panel, column=1, row=300)
    batches = passes(young, burn_in=64, segment=186)
    lengths = []
    for batch in batches:
        for price, target in zip(batch.price, batch.target, strict=True):
            padded = int(np.argmax(np.abs(price[:, 1:]).any(axis=1)))
            warm = int(np.argmax(np.isfinite(target[:, 0]))) - padded
            lengths.append((padded == 0, warm))
    assert all(warm >= (64 if whole else 30) for whole, warm in lengths)
    assert {whole for whole, _ in lengths} == {True, False}


def test_the_order_of_a_pass_follows_its_seed(panel: Panel) -> None:
    first, again, other = (passes(panel, burn_in=16, segment=64, seed=seed) for seed in (1, 1, 2))
    assert [batch.target.tobytes() for batch in first] == [batch.target.tobytes() for batch in again]
    assert [batch.target.tobytes() for batch in first] != [batch.target.tobytes() for batch in other]


def aligned(panel: Panel, *, seed: int = 0) -> list[WindowBatch]:
    data, targets = numbered(panel)
    data = replace(data, graph=StockGraph(panel, build_features(panel).scale, 2))
    random = np.random.default_rng(seed)
    return list(aligned_batches(data, targets, stop=600, burn_in=64, segment=50, random=random))


def test_aligned_segments_hold_every_ticker_over_the_same_sessions(panel: Panel) -> None:
    young = with_bars_only_from(panel, column=1, row=300)
    seen = []
    for batch in aligned(young):
        B, L, _ = batch.price.shape
        assert batch.related is not None
        assert batch.related.neighbours.shape == (50, B, 2)
        rows = batch.price[:, :, 0]
        np.testing.assert_array_equal(rows, np.tile(np.arange(rows[0, 0], rows[0, 0] + L), (B, 1)))
        known = np.isfinite(batch.target[:, :, 0])
        np.testing.assert_array_equal(batch.target[:, :, 0][known] % 1000, rows[:, -50:][known])
        seen.append(batch.target[:, :, 0][known])
    rows = np.concatenate(seen)
    assert len(np.unique(rows)) == len(rows)
    assert rows.max() % 1000 < 600
    first = {ticker: rows[rows // 1000 == ticker].min() % 1000 for ticker in range(3)}
    assert first == {0: 126, 1: 426, 2: 126}  # 66 bars to have features, 60 more to warm up
    assert sum(len(batch.price) == 2 for batch in aligned(young)) >= 4  # before the young one is ready
