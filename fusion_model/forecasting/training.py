"""Fit one fusion network: segments, a Student-t likelihood, early stopping on later sessions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from collectors.progress import Progress
from fusion_model.dataset.features import Float32Array
from fusion_model.dataset.windows import MIN_SEGMENT, NetworkInput, Split, training_batches
from fusion_model.errors import NotEnoughHistory
from fusion_model.forecasting.fusion_network import FusionConfig, FusionNetwork

logger = logging.getLogger(__name__)

WARM_UP = 0.15  # share of the steps in which the learning rate rises


@dataclass(frozen=True)
class FittedNetwork:
    """A network at its best epoch, and how it got there."""

    network: FusionNetwork
    validation_loss: float
    epochs: int


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: small matrices gain nothing from more, and sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit_network(
    data: NetworkInput,
    fit_targets: Float32Array,
    validation_targets: Float32Array,
    split: Split,
    config: FusionConfig,
    seed: int,
    progress: Progress,
    stage: str,
) -> FittedNetwork:
    """Train on the rows before ``split.fit`` and keep the epoch that did best on the validation rows.

    Parameters
    ----------
    data : NetworkInput
    fit_targets, validation_targets : ndarray (N, T, H)
        Complete before the end of their own part (see windows.standardised_targets).
    seed : int
        Fixes weights, segments and dropout: the same seed and data give the same network.

    Raises
    ------
    NotEnoughHistory
        No ticker is long enough for a single segment.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = FusionNetwork(config, data.price.shape[2], data.sentiment.shape[2], data.macro.shape[1])
    decayed = [p for p in network.parameters() if p.dim() > 1]
    free = [p for p in network.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": free, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
    )
    rows = int(data.ready[:, : split.fit].sum())
    steps = max(1, rows // (config.segment * config.batch)) + 2
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=config.learning_rate,
        total_steps=steps * config.epochs,
        pct_start=WARM_UP,
    )
    best_loss, best_state, best_epoch, done = float("inf"), network.state_dict(), 0, 0
    for epoch in range(config.epochs):
        network.train()
        batches = training_batches(
            data,
            fit_targets,
            stop=split.fit,
            burn_in=config.lookback,
            segment=config.segment,
            batch=config.batch,
            random=random,
        )
        for batch in batches:
            price = torch.from_numpy(batch.price)
            if config.input_noise:
                price = price + config.input_noise * torch.randn_like(price)
            forecast = network(price, torch.from_numpy(batch.sentiment), torch.from_numpy(batch.macro))
            loss = network.loss(forecast, torch.from_numpy(batch.target))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip)
            optimiser.step()
            if done < steps * config.epochs - 1:
                schedule.step()
            done += 1
        loss_now = validation_loss(network, data, validation_targets, split, config.lookback)
        progress(stage, epoch + 1, config.epochs, f"validation loss {loss_now:.4f}")
        if loss_now < best_loss:
            best_loss, best_epoch = loss_now, epoch
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
        elif epoch - best_epoch >= config.patience:
            break
    if done == 0:
        raise NotEnoughHistory(
            f"no ticker has {MIN_SEGMENT} sessions with features before the end of training: "
            "import or collect a longer history"
        )
    progress(stage, config.epochs, config.epochs, f"best after {best_epoch + 1} epochs")
    network.load_state_dict(best_state)
    network.eval()
    logger.info("Fitted seed %d: validation loss %.4f after %d epochs", seed, best_loss, best_epoch + 1)
    return FittedNetwork(network=network, validation_loss=best_loss, epochs=best_epoch + 1)


def validation_loss(
    network: FusionNetwork, data: NetworkInput, targets: Float32Array, split: Split, lookback: int
) -> float:
    """Mean loss over the validation rows, after a burn-in on the rows before them."""
    network.eval()
    rows = slice(max(0, split.validation - lookback), split.validation_stop)
    target = targets[:, rows].copy()
    target[:, : split.validation - rows.start] = np.nan
    macro = torch.from_numpy(data.macro[rows])
    with torch.no_grad():
        forecast = network(
            torch.from_numpy(data.price[:, rows]),
            torch.from_numpy(data.sentiment[:, rows]),
            macro.expand(len(data.price), *macro.shape),
        )
        return float(network.loss(forecast, torch.from_numpy(target)))
