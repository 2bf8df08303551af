"""The network: it starts at the anchor, sees the past alone, and is scored by a Student-t likelihood."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import t as student_t
from torch import Tensor

from fusion_model.dataset.features import INDICATORS, PRICE_FEATURES
from fusion_model.findings import HORIZONS
from fusion_model.forecasting.fusion_network import (
    FusionConfig,
    FusionNetwork,
    Neighbours,
    ScaleForecast,
    window_scaled,
)

CONFIG = FusionConfig(
    use_sentiment=True, use_macro=True, hidden=8, encoder_hidden=4, dropout=0.0, forecast_mean=True
)


def network(config: FusionConfig = CONFIG, *, awake: bool = False) -> FusionNetwork:
    """Return a network for 5, 3 and 2 features; ``awake`` gives heads and gates weights of their own."""
    torch.manual_seed(0)
    made = FusionNetwork(config, price=5, sentiment=3, macro=2)
    if awake:
        for values in made.parameters():
            torch.nn.init.normal_(values, std=0.5)
    return made.eval()


def windows(B: int = 2, L: int = 6) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(B, L, width) for width in (5, 3, 2)]


def test_the_zero_state_is_the_anchor() -> None:
    forecast = network()(*windows())
    assert forecast.log_scale.shape == forecast.location.shape == (2, 6, len(HORIZONS))
    assert not forecast.log_scale.any()
    assert not forecast.location.any()


@pytest.mark.parametrize("source", [1, 2])
def test_posts_and_macro_figures_change_nothing_until_their_gate_opens(source: int) -> None:
    fused, inputs = network(awake=True), windows()
    changed = [values + 3.0 if place == source else values for place, values in enumerate(inputs)]
    gate = (fused.sentiment, fused.macro)[source - 1]
    assert gate is not None
    opened = fused(*inputs).log_scale, fused(*changed).log_scale
    assert not torch.equal(*opened)
    torch.nn.init.zeros_(gate.opening)
    closed = fused(*inputs).log_scale, fused(*changed).log_scale
    assert torch.equal(*closed)


def test_a_network_without_posts_and_macro_figures_does_not_read_them() -> None:
    prices_alone = network(FusionConfig(hidden=8, use_sentiment=False, use_macro=False), awake=True)
    price, sentiment, macro = windows()
    with_noise = prices_alone(price, sentiment + 5.0, macro + 5.0)
    assert torch.equal(prices_alone(price, sentiment, macro).log_scale, with_noise.log_scale)
    assert not with_noise.location.any()


def test_changing_later_rows_leaves_earlier_outputs() -> None:
    awake, inputs = network(awake=True), windows()
    changed = [values.clone() for values in inputs]
    for values in changed:
        values[:, 4:] = 9.0
    before, after = awake(*inputs), awake(*changed)
    assert torch.equal(before.log_scale[:, :4], after.log_scale[:, :4])
    assert torch.equal(before.location[:, :4], after.location[:, :4])
    assert not torch.equal(before.log_scale[:, 4:], after.log_scale[:, 4:])


def test_the_loss_is_the_negative_log_density_of_student_t() -> None:
    scored = network()
    with torch.no_grad():
        scored.log_freedom.copy_(torch.tensor([0.0, 1.0, 2.0]))
    torch.manual_seed(2)
    shape = ScaleForecast(log_scale=0.3 * torch.randn(2, 4, 3), location=0.2 * torch.randn(2, 4, 3))
    target = torch.randn(2, 4, 3)
    sigma = np.exp(shape.log_scale.numpy())
    density = student_t.logpdf(
        target.numpy(), df=2.0 + np.exp([0.0, 1.0, 2.0]), loc=shape.location.numpy() * sigma, scale=sigma
    )
    assert float(scored.loss(shape, target).detach()) == pytest.approx(-density.mean(), rel=1e-5)


def test_an_unknown_target_bears_no_loss_and_no_gradient() -> None:
    scored = network()
    log_scale = torch.zeros(1, 2, 3, requires_grad=True)
    target = torch.tensor([[[2.0, 2.0, 2.0], [math.nan, math.nan, math.nan]]])
    loss = scored.loss(ScaleForecast(log_scale, torch.zeros(1, 2, 3)), target)
    loss.backward()
    first = scored.loss(ScaleForecast(log_scale[:, :1], torch.zeros(1, 1, 3)), target[:, :1])
    assert float(loss.detach()) == pytest.approx(float(first.detach()))
    assert log_scale.grad is not None
    assert log_scale.grad[0, 0].abs().min() > 0.0
    assert log_scale.grad[0, 1].tolist() == [0.0, 0.0, 0.0]


# Neighbours ---------------------------------------------------------------------------------------

WITH_GRAPH = replace(CONFIG, use_graph=True)


def related(places: list[list[int]], L: int = 1) -> Neighbours:
    """Return the same neighbours in L sessions, joined by edges of 0.5."""
    indices = torch.tensor([places] * L)
    return Neighbours(indices, torch.full((*indices.shape, 3), 0.5))


def test_before_its_gate_opens_a_graph_changes_nothing() -> None:
    joined, inputs = network(WITH_GRAPH, awake=True), windows()
    assert joined.related is not None
    neighbours = related([[1], [0]], L=6)
    with_graph, without = joined(*inputs, neighbours), joined(*inputs)
    assert not torch.equal(with_graph.log_scale, without.log_scale)
    torch.nn.init.zeros_(joined.related.opening)
    assert torch.equal(joined(*inputs, neighbours).log_scale, without.log_scale)


def test_only_the_sessions_whose_neighbours_are_known_are_forecast() -> None:
    joined, inputs = network(WITH_GRAPH, awake=True), windows()
    last = joined(*inputs, related([[1], [0]], L=2)).log_scale
    whole = joined(*inputs, related([[1], [0]], L=6)).log_scale
    assert last.shape == (2, 2, len(HORIZONS))
    torch.testing.assert_close(last, whole[:, -2:], rtol=1e-5, atol=1e-6)  # other shapes round otherwise


def test_permuting_tickers_permutes_forecasts() -> None:
    joined, inputs = network(WITH_GRAPH, awake=True), windows(B=4)
    order = torch.tensor([2, 0, 3, 1])
    turned = [values[order] for values in inputs]
    before = joined(*inputs, related([[1, 2], [0, -1], [3, 0], [-1, -1]])).log_scale
    after = joined(*turned, related([[2, 1], [3, 0], [-1, -1], [1, -1]]))
    np.testing.assert_allclose(after.log_scale.detach(), before[order].detach(), atol=1e-6)


def test_a_stock_hears_its_neighbours_and_nobody_else() -> None:
    joined, inputs = network(WITH_GRAPH, awake=True), windows(B=4)
    neighbours = related([[1, -1], [0, -1], [3, 0], [-1, -1]])
    before = joined(*inputs, neighbours).log_scale
    inputs[0][0] += 1.0
    changed = (joined(*inputs, neighbours).log_scale != before).any(dim=2).flatten()
    assert changed.tolist() == [True, True, True, False]


def test_a_stock_without_neighbours_gets_what_it_gets_without_a_graph() -> None:
    joined, inputs = network(WITH_GRAPH, awake=True), windows(B=3)
    alone = joined(*inputs, related([[-1, -1], [0, 2], [1, -1]])).log_scale
    np.testing.assert_allclose(alone[0].detach(), joined(*inputs).log_scale[0, -1:].detach(), atol=1e-6)


def test_attention_is_a_share_of_each_neighbour() -> None:
    joined, (price, *_) = network(WITH_GRAPH, awake=True), windows(B=3)
    assert joined.related is not None
    neighbours = related([[1, 2], [0, -1], [-1, -1]])
    weights = joined.related.attention(joined.price_state(price)[:, -1:], neighbours)[0]
    np.testing.assert_allclose(weights.sum(dim=1).detach(), [1.0, 1.0, 0.0], atol=1e-6)
    assert weights[1].tolist() == [1.0, 0.0]
    assert weights[0].min() > 0.0


# Switches -----------------------------------------------------------------------------------------


def test_a_row_is_scaled_by_itself_and_the_rows_before() -> None:
    windows = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(1))
    scaled = window_scaled(windows, 16)
    last = windows[:, 24:40]
    expected = (windows[:, 39] - last.mean(dim=1)) / (last.std(dim=1, correction=0) + 0.1)
    assert torch.allclose(scaled[:, 39], expected, atol=1e-5)
    changed = windows.clone()
    changed[:, 30:] += 5.0
    assert torch.equal(window_scaled(changed, 16)[:, :30], scaled[:, :30])


def test_without_indicators_they_are_not_read() -> None:
    network = FusionNetwork(replace(CONFIG, use_indicators=False), len(PRICE_FEATURES), 2, 2).eval()
    price = torch.randn(3, 8, len(PRICE_FEATURES))
    other = price.clone()
    other[:, :, [PRICE_FEATURES.index(name) for name in INDICATORS]] += 3.0
    assert torch.equal(network.price_state(price), network.price_state(other))


def test_without_lstm_only_the_newest_row_is_read() -> None:
    network = FusionNetwork(replace(CONFIG, use_lstm=False), 5, 2, 2)
    price = torch.randn(3, 8, 5)
    alone = network.price_state(price[:, -1:])
    assert torch.allclose(network.price_state(price)[:, -1:], alone)


def test_what_paths_showed_bears_a_loss_beside_the_returns() -> None:
    made = network(replace(CONFIG, path_weight=2.0))
    forecast = made(*windows())
    returns = torch.randn(2, 6, 3)
    shown = torch.tensor([0.1, 0.2, 0.3]).expand(2, 6, 3).clone()
    shown[0, 0] = math.nan
    shown[:, :, 2] = math.nan  # nothing is known of the longest
    alone = made.loss(forecast, returns)
    both = made.loss(forecast, torch.cat([returns, shown], dim=-1))
    assert (both - alone).item() == pytest.approx(2.0 * (0.1**2 + 0.2**2), rel=1e-4)
    both.backward()
    assert made.path_offset.grad is not None
    assert made.path_offset.grad.tolist() == pytest.approx([-0.4, -0.8, 0.0], abs=1e-5)
