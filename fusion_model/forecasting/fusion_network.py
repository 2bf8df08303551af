"""The fusion network in one file: an LSTM over prices, and what posts, macro figures and neighbours add.

Shapes: B windows, L sessions, F price features, S sentiment features, M macro features, D hidden,
H horizons, K neighbours, E features of an edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fusion_model.dataset.features import INDICATORS, PRICE_FEATURES
from fusion_model.dataset.stock_graph import EDGE_FEATURES
from fusion_model.findings import HORIZONS


@dataclass(frozen=True)
class FusionConfig:
    """Everything that shapes a fusion forecaster; saved in its checkpoint.

    The defaults were chosen on forecasts of 2004-2016 (docs/forecasting.md lists the trials).
    """

    # Network
    hidden: int = 32
    encoder_hidden: int = 8
    dropout: float = 0.1
    use_lstm: bool = True
    use_indicators: bool = True
    use_sentiment: bool = False
    use_macro: bool = False
    use_graph: bool = False
    graph_neighbours: int = 8
    graph_heads: int = 2  # of attention; ``encoder_hidden`` is divided among them
    forecast_mean: bool = False
    window_scaling: bool = False  # read inputs against their own last ``lookback`` sessions
    # Windows
    lookback: int = 64  # sessions read before a forecast, and burn-in of a training segment
    segment: int = 186  # sessions of a training segment that bear a loss, after its burn-in
    graph_segment: int = 62  # the same with the graph, whose segments hold every ticker
    # Training
    seed: int = 7
    members: int = 4
    epochs: int = 6
    patience: int = 3  # epochs without a better validation loss; without validation sessions all are run
    batch: int = 48
    learning_rate: float = 4e-3
    warm_epochs: int = 4  # instead, where a network goes on from an earlier one's weights
    warm_learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    gradient_clip: float = 1.0
    input_noise: float = 0.0
    path_weight: float = 1.0  # of what the paths showed, from which every other network learns too; 0: none
    validation_sessions: int = 0  # after the fit: stop early
    held_out_sessions: int = 0  # after the validation: seen by no network
    # Stacking with boosted trees and GJR-GARCH
    stacking_sessions: int = 750  # the last ones, on which weights are learned; 0: networks alone
    stacking_trust: float = 0.5  # how much of a learned weight is believed
    use_trees: bool = False
    trees: int = 150
    tree_leaves: int = 15
    # Calibration
    calibration_sessions: int = 1000
    longest_calibration_sessions: int = 2500  # for the shape at the longest horizon, whose outcomes overlap
    own_share: float = 0.25
    adaptation_rate: float = 0.002
    adaptation_sessions: int = 500

    def shape_sessions(self, horizon: int) -> int:
        """How many sessions of residuals tell the shape of a horizon."""
        longest = self.longest_calibration_sessions if horizon == max(HORIZONS) else 0
        return max(self.calibration_sessions, longest)


def window_scaled(price: Tensor, span: int) -> Tensor:
    """Return windows (B, L, F) less their mean over the last ``span`` rows, in units of the deviation there.

    As reversible instance normalisation (Kim et al., 2022) has it, but each row is scaled by itself and the
    rows before, so that a loss on every row of a window sees nothing later.
    """
    L = price.shape[1]
    rows = torch.arange(1, L + 1, device=price.device).clamp(max=span).view(1, L, 1)

    def mean(values: Tensor) -> Tensor:
        total = torch.nn.functional.pad(values.double().cumsum(dim=1), (0, 0, span, 0))
        return (total[:, span:] - total[:, :L]) / rows

    centre = mean(price)
    spread = (mean(price.square()) - centre.square()).clamp(min=0.0).sqrt()
    return ((price - centre) / (spread + 0.1)).to(price.dtype)


class ScaleForecast(NamedTuple):
    """Corrections to the anchor, by horizon; with neighbours, of the sessions that these are known of."""

    log_scale: Tensor  # (B, L, H): log of volatility against the EWMA anchor
    location: Tensor  # (B, L, H): mean in units of the volatility


class GatedResidual(nn.Module):
    """What another source adds to the price's state: a gate that starts closed."""

    def __init__(self, features: int, hidden: int, encoder_hidden: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(features, encoder_hidden), nn.SiLU(), nn.Linear(encoder_hidden, hidden)
        )
        self.gate = nn.Linear(2 * hidden, hidden)
        self.opening = nn.Parameter(torch.zeros(hidden))

    def forward(self, state: Tensor, source: Tensor) -> Tensor:
        encoded = self.encode(source)  # (B, L, D)
        gate = torch.sigmoid(self.gate(torch.cat([state, encoded], dim=-1)))
        opened: Tensor = self.opening * gate * encoded
        return opened


class Neighbours(NamedTuple):
    """Relations among B windows of the same sessions, in the last L of them."""

    places: Tensor  # (L, B, K) of int64: which of the B, -1 for none
    edges: Tensor  # (L, B, K, E)


class RelatedStocks(nn.Module):
    """What related stocks add to a stock's state: attention over neighbours behind a gate that starts closed.

    GATv2 (Brody, Alon & Yahav, 2022): the score of a neighbour is a' LeakyReLU(W h + V h_neighbour + U edge),
    per head; a softmax over the neighbours weighs V h_neighbour (``width`` numbers). Who has none gets zero.
    """

    def __init__(self, hidden: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.own = nn.Linear(hidden, width)
        self.other = nn.Linear(hidden, width, bias=False)
        self.edge = nn.Linear(len(EDGE_FEATURES), width, bias=False)
        self.score = nn.Parameter(torch.empty(heads, width // heads))
        nn.init.xavier_uniform_(self.score)
        self.decode = nn.Linear(width, hidden, bias=False)
        self.gate = nn.Linear(2 * hidden, hidden)
        self.opening = nn.Parameter(torch.zeros(hidden))

    def forward(self, state: Tensor, neighbours: Neighbours) -> Tensor:
        """Return what is added to states (B, L, D)."""
        weights, others = self._attend(state, neighbours)
        L, B, K, heads = weights.shape
        message = (weights.unsqueeze(-1) * others.view(L, B, K, heads, -1)).sum(dim=2)
        message = self.decode(message.view(L, B, -1)).transpose(0, 1)  # (B, L, D)
        gate = torch.sigmoid(self.gate(torch.cat([state, message], dim=-1)))
        opened: Tensor = self.opening * gate * message
        return opened

    def attention(self, state: Tensor, neighbours: Neighbours) -> Tensor:
        """Return how strongly each neighbour is read, (L, B, K): the mean of the heads, sum 1 or none."""
        return self._attend(state, neighbours)[0].mean(dim=-1)

    def _attend(self, state: Tensor, neighbours: Neighbours) -> tuple[Tensor, Tensor]:
        """Return weights (L, B, K, heads), and of each neighbour what they weigh, (L, B, K, width)."""
        L, B, K = neighbours.places.shape
        known = neighbours.places >= 0
        first = torch.arange(L, device=state.device).view(L, 1, 1) * B
        place = (neighbours.places.clamp(min=0) + first).view(-1)
        own, other = (encode(state).transpose(0, 1) for encode in (self.own, self.other))  # (L, B, width)
        others = other.reshape(L * B, -1).index_select(0, place).view(L, B, K, -1)
        mixed = own.unsqueeze(2) + others + self.edge(neighbours.edges)
        mixed = torch.nn.functional.leaky_relu(mixed, 0.2).view(L, B, K, self.heads, -1)
        score = (mixed * self.score).sum(dim=-1)  # (L, B, K, heads)
        score = score.masked_fill(~known.unsqueeze(-1), -1e9)
        return torch.softmax(score, dim=2) * known.unsqueeze(-1), others


class FusionNetwork(nn.Module):
    """Forecast the scale of returns as a residual on an EWMA anchor; its zero state is the anchor."""

    def __init__(self, config: FusionConfig, price: int, sentiment: int, macro: int) -> None:
        super().__init__()
        self.config = config
        self.unread = [] if config.use_indicators else [PRICE_FEATURES.index(name) for name in INDICATORS]
        D, H = config.hidden, len(HORIZONS)
        self.lstm = nn.LSTM(price, D, batch_first=True) if config.use_lstm else None
        self.join = nn.Linear(D + price if config.use_lstm else price, D)
        self.dropout = nn.Dropout(config.dropout)
        self.sentiment = GatedResidual(sentiment, D, config.encoder_hidden) if config.use_sentiment else None
        self.macro = GatedResidual(macro, D, config.encoder_hidden) if config.use_macro and macro else None
        self.related = (
            RelatedStocks(D, config.encoder_hidden, config.graph_heads) if config.use_graph else None
        )
        self.log_scale = nn.Linear(D, H)
        self.location = nn.Linear(D, H) if config.forecast_mean else None
        self.log_freedom = nn.Parameter(torch.full((H,), 1.0))  # degrees of freedom - 2, as a log
        # What a path shows is not on the scale of its return, by a constant.
        self.path_offset = nn.Parameter(torch.zeros(H))
        for head in (self.log_scale, self.location):
            if head is not None:
                nn.init.zeros_(head.weight)
                nn.init.zeros_(head.bias)

    def forward(
        self, price: Tensor, sentiment: Tensor, macro: Tensor, neighbours: Neighbours | None = None
    ) -> ScaleForecast:
        """Read windows (B, L, F), (B, L, S), (B, L, M); every row sees itself and the rows before.

        With neighbours the B windows are of the same sessions, and the last ones, those that neighbours are
        known of, are forecast.
        """
        state = self.price_state(price)
        if neighbours is not None:
            last = len(neighbours.places)
            state, sentiment, macro = state[:, -last:], sentiment[:, -last:], macro[:, -last:]
        fused = state
        if self.sentiment is not None:
            fused = fused + self.sentiment(state, sentiment)
        if self.macro is not None:
            fused = fused + self.macro(state, macro)
        if self.related is not None and neighbours is not None:
            fused = fused + self.related(state, neighbours)
        fused = self.dropout(fused)
        log_scale = self.log_scale(fused)
        location = torch.zeros_like(log_scale) if self.location is None else self.location(fused)
        return ScaleForecast(log_scale=log_scale, location=location)

    def price_state(self, price: Tensor) -> Tensor:
        """Return what the LSTM and the newest row say, (B, L, D)."""
        if self.unread:
            price = price.index_fill(-1, torch.tensor(self.unread, device=price.device), 0.0)
        joined = price
        if self.lstm is not None:
            sequence = window_scaled(price, self.config.lookback) if self.config.window_scaling else price
            remembered, _ = self.lstm(sequence)  # (B, L, D)
            joined = torch.cat([remembered, price], dim=-1)
        return torch.nn.functional.silu(self.join(joined))

    def loss(self, forecast: ScaleForecast, target: Tensor) -> Tensor:
        """Mean loss of targets (B, L, H) in units of the anchor, or (B, L, 2 H); NaN is left out.

        Student-t negative log likelihood of the returns; and, where they are there, squared error of the log
        scale against what the paths showed, by horizon, ``path_weight`` times.
        """
        H = forecast.log_scale.shape[-1]
        loss = self._return_loss(forecast, target[..., :H])
        if target.shape[-1] == H:
            return loss
        shown = target[..., H:]
        known = torch.isfinite(shown)
        said = forecast.log_scale + self.path_offset
        error = said - torch.where(known, shown, torch.zeros_like(shown))
        by_horizon = (error.square() * known).sum(dim=(0, 1)) / known.sum(dim=(0, 1)).clamp(min=1)
        return loss + self.config.path_weight * by_horizon.sum()

    def _return_loss(self, forecast: ScaleForecast, target: Tensor) -> Tensor:
        freedom = 2.0 + torch.exp(self.log_freedom)
        known = torch.isfinite(target)
        filled = torch.where(known, target, torch.zeros_like(target))
        error = filled * torch.exp(-forecast.log_scale) - forecast.location
        loss = (
            forecast.log_scale
            + 0.5 * (freedom + 1.0) * torch.log1p(error.square() / freedom)
            + 0.5 * torch.log(math.pi * freedom)
            + torch.lgamma(0.5 * freedom)
            - torch.lgamma(0.5 * (freedom + 1.0))
        )
        return (loss * known).sum() / known.sum().clamp(min=1)
