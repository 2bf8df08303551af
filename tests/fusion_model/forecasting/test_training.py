"""Training: one seed gives one network, a planted signal is learned, and it stops where it stops helping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from collectors.progress import silent
from fusion_model.dataset.features import Float32Array, build_features
from fusion_model.dataset.panel import Panel
from fusion_model.dataset.stock_graph import StockGraph
from fusion_model.dataset.windows import (
    NetworkInput,
    Split,
    fit_scaling,
    purged_split,
    scale_features,
    standardised_targets,
)
from fusion_model.errors import NotEnoughHistory, TrainingFailed
from fusion_model.forecasting import training
from fusion_model.forecasting.fusion_forecaster import forecast_shape
from fusion_model.forecasting.fusion_network import FusionConfig, FusionNetwork
from fusion_model.forecasting.training import FittedNetwork, fit_network, one_thread, validation_loss
from tests.builders import lively_panel, panel_of, with_bars_only_from

CONFIG = FusionConfig(
    use_sentiment=True,
    use_macro=True,
    hidden=8,
    encoder_hidden=4,
    lookback=16,
    segment=64,
    batch=8,
    epochs=2,
    validation_sessions=80,
    held_out_sessions=0,
)
Parts = tuple[NetworkInput, Float32Array, Float32Array, Split]


def parts_of(panel: Panel, neighbours: int = 0) -> Parts:
    split = purged_split(len(panel.sessions), CONFIG.validation_sessions, 0)
    features = build_features(panel)
    graph = StockGraph(panel, features.scale, neighbours) if neighbours else None
    data = scale_features(features, fit_scaling(features, split.fit), graph)
    fit = standardised_targets(panel, features.anchor, split.fit + 20)
    return data, fit, standardised_targets(panel, features.anchor, split.validation_stop + 20), split


def fitted(parts: Parts, config: FusionConfig, seed: int = 1) -> FittedNetwork:
    with one_thread():
        return fit_network(*parts, config, seed, silent, "training")


def weight_bytes(network: FusionNetwork) -> list[bytes]:
    return [value.numpy().tobytes() for value in network.state_dict().values()]


@pytest.fixture(scope="module")
def lively() -> Parts:
    return parts_of(lively_panel(560, 3))


def test_the_same_seed_and_data_give_the_same_weights(lively: Parts) -> None:
    first, again, other = (fitted(lively, CONFIG, seed) for seed in (1, 1, 2))
    assert weight_bytes(first.network) == weight_bytes(again.network)
    assert first.loss == again.loss
    assert weight_bytes(first.network) != weight_bytes(other.network)


def test_what_lies_after_the_validation_changes_no_weight(lively: Parts) -> None:
    data, fit, stopping, split = lively
    early = replace(split, fit=split.fit - 60, validation=split.validation - 60)
    early = replace(early, validation_stop=split.validation_stop - 60)
    changed = replace(data, price=data.price.copy(), macro=data.macro.copy())
    changed.price[:, early.validation_stop :] = 5.0
    changed.macro[early.validation_stop :] = 5.0
    late_fit, late_stopping = fit.copy(), stopping.copy()
    late_fit[:, early.fit :] = 5.0
    late_stopping[:, early.validation_stop :] = 5.0
    first = fitted((data, fit, stopping, early), CONFIG)
    again = fitted((changed, late_fit, late_stopping, early), CONFIG)
    assert weight_bytes(first.network) == weight_bytes(again.network)


def busy_days_foretell_wide_ones(T: int = 620, N: int = 6) -> Panel:
    """A day of four times the volume is followed by a return three times as wide; nothing else is known."""
    random = np.random.default_rng(3)
    busy = random.random((T, N)) < 0.5
    width = np.where(np.roll(busy, 1, axis=0), 0.03, 0.01)
    return panel_of(width * random.normal(size=(T, N)), np.where(busy, 4e6, 1e6), seed=3)


def test_a_planted_volatility_signal_is_learned() -> None:
    parts = parts_of(busy_days_foretell_wide_ones())
    data, fit, stopping, split = parts
    next_day = (data, fit.copy(), stopping.copy(), split)
    for targets in next_day[1:3]:
        targets[:, :, 1:] = np.nan  # the signal reaches one session far
    config = replace(CONFIG, epochs=8, learning_rate=0.02, dropout=0.0)
    anchor = FusionNetwork(config, data.price.shape[2], data.sentiment.shape[2], data.macro.shape[1])
    before = validation_loss(anchor, data, next_day[2], split, config.lookback)
    after = fitted(next_day, config).loss
    knowing = np.log(2.0) - np.log(3.0) / 2.0  # nats from always 2 % wide, on an average, to 1 % or 3 %
    assert before - after > 0.5 * knowing


def test_training_stops_once_the_validation_gets_no_better(lively: Parts) -> None:
    data, fit, stopping, split = lively
    told: list[str] = []

    def listen(stage: str, done: int, total: int, message: str = "") -> None:
        told.append(f"{done}/{total} {message}")

    hopeless = replace(CONFIG, epochs=40, patience=2, learning_rate=0.2)
    with one_thread():
        found = fit_network(data, fit, stopping, split, hopeless, 1, listen, "training")
    assert len(told) - 1 == found.epochs + 2 < 40
    assert told[-1] == f"40/40 done after {found.epochs} epochs"
    best = validation_loss(found.network, data, stopping, split, CONFIG.lookback)
    assert found.loss == pytest.approx(best)


def test_without_a_ticker_of_a_segments_length_there_is_no_network() -> None:
    """Once, nothing was trained then, and the untouched network was kept as if it had been."""
    panel = lively_panel(560, 2)
    young = parts_of(with_bars_only_from(with_bars_only_from(panel, 0, 300), 1, 300))
    with pytest.raises(NotEnoughHistory, match="no ticker has 120 sessions with features"):
        fitted(young, CONFIG)


def test_a_loss_that_is_no_figure_is_told(lively: Parts) -> None:
    """Once, a network whose weights had become NaN was kept without a word."""
    data, fit, stopping, split = lively
    broken = replace(data, price=np.full_like(data.price, np.nan))
    with pytest.raises(TrainingFailed, match="in none of 2 epochs did the loss come to a figure"):
        fitted((broken, fit, stopping, split), CONFIG)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("use_graph", [False, True])
def test_cuda_comes_to_the_same_network_within_tolerance(
    use_graph: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(lively_panel(560, 3), 2 if use_graph else 0)
    config = replace(CONFIG, dropout=0.0, use_graph=use_graph)  # dropout draws otherwise there
    there = fitted(parts, config)
    monkeypatch.setattr(training, "device", lambda: torch.device("cpu"))
    here = fitted(parts, config)
    for found, expected in zip(
        forecast_shapes(there, parts[0]), forecast_shapes(here, parts[0]), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-3, equal_nan=True)


def forecast_shapes(network: FittedNetwork, data: NetworkInput) -> list[Float32Array]:
    return [forecast_shape([network.network], data, row, CONFIG.lookback) for row in (450, 559)]


# Neighbours ---------------------------------------------------------------------------------------


def one_leads_the_other(T: int = 700, pairs: int = 4) -> Panel:
    """Of each pair, the second is wild the day after the first was; only their sectors tell who belongs."""
    random = np.random.default_rng(8)
    wild = random.random((T, pairs)) < 0.3
    leader = np.where(wild, 0.05, 0.005) * random.normal(size=(T, pairs))
    follower = np.where(np.roll(wild, 1, axis=0), 0.05, 0.005) * random.normal(size=(T, pairs))
    sectors = tuple(f"pair {n}" for n in range(pairs))
    return replace(panel_of(np.hstack([leader, follower]), seed=3), sectors=sectors * 2)


def test_what_a_neighbour_foretells_is_learned_with_the_graph_alone() -> None:
    panel = one_leads_the_other()
    config = replace(CONFIG, epochs=8, learning_rate=0.02, dropout=0.0, graph_segment=16)
    found = {}
    for neighbours in (0, 1):
        data, *targets, split = parts_of(panel, neighbours)
        for values in targets:
            values[:, :, 1:] = np.nan  # the signal reaches one session far
            values[:4] = np.nan  # and the followers
        found[neighbours] = fitted(
            (data, targets[0], targets[1], split), replace(config, use_graph=bool(neighbours))
        ).loss
    assert found[1] < found[0] - 0.1  # nats


def test_with_the_graph_one_seed_gives_one_network() -> None:
    parts, config = parts_of(lively_panel(560, 3), 2), replace(CONFIG, use_graph=True)
    first, again = fitted(parts, config), fitted(parts, config)
    assert weight_bytes(first.network) == weight_bytes(again.network)
    assert first.network.related is not None
    assert first.network.related.opening.abs().max() > 0.0


def test_without_validation_sessions_every_epoch_is_run_and_the_last_one_kept() -> None:
    config = replace(CONFIG, validation_sessions=0, epochs=3)
    panel = lively_panel(560, 6)
    features = build_features(panel)
    split = purged_split(560, 0, 0)
    data = scale_features(features, fit_scaling(features, split.fit))
    targets = standardised_targets(panel, features.anchor, 560)
    nothing = standardised_targets(panel, features.anchor, 580)
    with one_thread():
        found = fit_network(data, targets, nothing, split, config, 1, silent, "training")
    assert (split.fit, split.validation, split.validation_stop) == (540, 560, 560)
    assert found.epochs == 3
    assert np.isfinite(found.loss)
