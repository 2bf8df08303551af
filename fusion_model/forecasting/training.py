"""Fit one fusion network: segments, a Student-t likelihood, early stopping on later sessions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from collectors.progress import Progress
from fusion_model.dataset.features import Float32Array
from fusion_model.dataset.stock_graph import Related
from fusion_model.dataset.windows import (
    MIN_SEGMENT,
    NetworkInput,
    Split,
    WindowBatch,
    aligned_batches,
    training_batches,
)
from fusion_model.errors import NotEnoughHistory, TrainingFailed
from fusion_model.forecasting.fusion_network import FusionConfig, FusionNetwork, Neighbours

logger = logging.getLogger(__name__)

WARM_UP = 0.15  # share of the steps in which the learning rate rises
LOSS, EPOCHS = "fitted.loss", "fitted.epochs"  # beside the weights of a kept network


@dataclass(frozen=True)
class FittedNetwork:
    """A network at its best epoch, and how it got there.

    Without validation sessions the last epoch is kept, and ``loss`` is the mean of that epoch's batches.
    """

    network: FusionNetwork
    loss: float
    epochs: int


def keep_network(fitted: FittedNetwork, file: Path) -> None:
    """Write a finished network, whole or not at all, so that training that was stopped can go on after it."""
    weights = {name: value.numpy() for name, value in fitted.network.state_dict().items()}
    weights[LOSS], weights[EPOCHS] = np.array([fitted.loss]), np.array([fitted.epochs])
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".new")
    save_file(weights, aside)
    aside.replace(file)


def kept_network(file: Path, network: FusionNetwork) -> FittedNetwork | None:
    """Return what keep_network wrote, read into a network of its shape; None without anything usable."""
    if not file.exists():
        return None
    try:
        weights = load_file(file)
        loss, epochs = weights.pop(LOSS), weights.pop(EPOCHS)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        logger.warning("%s cannot be read (%s): its network is trained again", file, error)
        return None
    network.eval()
    return FittedNetwork(network=network, loss=float(loss[0]), epochs=int(epochs[0]))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: small matrices gain nothing from more, and sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def network_for(data: NetworkInput, config: FusionConfig) -> FusionNetwork:
    """Return an untrained network that reads what is given."""
    return FusionNetwork(config, data.price.shape[2], data.sentiment.shape[2], data.macro.shape[1])


def device() -> torch.device:
    """Return where networks are trained: on CUDA where there is any. Forecasts are made on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def as_neighbours(related: Related | None, target: torch.device | None = None) -> Neighbours | None:
    """Return relations as a network reads them."""
    if related is None:
        return None
    return Neighbours(
        torch.from_numpy(related.neighbours).to(target), torch.from_numpy(related.edges).to(target)
    )


def fit_network(
    data: NetworkInput,
    fit_targets: Float32Array,
    validation_targets: Float32Array,
    split: Split,
    config: FusionConfig,
    seed: int,
    progress: Progress,
    stage: str,
    start: FusionNetwork | None = None,
) -> FittedNetwork:
    """Train on the rows before ``split.fit`` and keep the epoch that did best on the validation rows.

    Without validation rows every epoch is run, and the last one kept.

    Parameters
    ----------
    data : NetworkInput
    fit_targets, validation_targets : ndarray (N, T, H)
        Complete before the end of their own part (see windows.standardised_targets).
    seed : int
        Fixes weights, segments and dropout: the same seed and data give the same network.
    start : FusionNetwork, optional
        Begin at its weights instead of a draw, and keep them where no epoch does better on validation rows.

    Raises
    ------
    NotEnoughHistory
        No ticker is long enough for a single segment.
    TrainingFailed
        No epoch came to a finite loss.
    """
    where = device()
    torch.backends.cudnn.allow_tf32 = False  # float32 as on the CPU
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = network_for(data, config)
    if start is not None:
        network.load_state_dict(start.state_dict())
    network.to(where)  # the draw of the weights is the CPU's
    decayed = [p for p in network.parameters() if p.dim() > 1]
    free = [p for p in network.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": free, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
    )
    steps = _steps(data, split, config)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=config.learning_rate,
        total_steps=steps * config.epochs,
        pct_start=WARM_UP,
    )
    stops_early = split.validation_stop > split.validation
    best_loss, best_state, best_epoch = float("inf"), network.state_dict(), 0
    if start is not None and stops_early:
        best_loss, best_epoch = validation_loss(network, data, validation_targets, split, config.lookback), -1
        best_state = {name: value.clone() for name, value in best_state.items()}
    batches = 0
    for epoch in range(config.epochs):
        network.train()
        losses: list[float] = []
        for batch in _one_pass(data, fit_targets, split, config, random):
            losses.append(_step(network, batch, optimiser, config))
            if batches + len(losses) < steps * config.epochs:
                schedule.step()
        batches += len(losses)
        if stops_early:
            loss = validation_loss(network, data, validation_targets, split, config.lookback)
        else:
            loss = float(np.mean(losses)) if losses else float("nan")
        progress(stage, epoch + 1, config.epochs, f"loss {loss:.4f}")
        if loss < best_loss or (np.isfinite(loss) and not stops_early):
            best_loss, best_epoch = loss, epoch
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
        elif epoch - best_epoch >= config.patience:
            break
    if batches == 0:
        raise NotEnoughHistory(
            f"no ticker has {MIN_SEGMENT} sessions with features before the end of training: "
            "import or collect a longer history"
        )
    if not np.isfinite(best_loss):
        raise TrainingFailed(
            f"in none of {config.epochs} epochs did the loss come to a figure; "
            "`barograph doctor` tells of prices that look wrong, and a lower learning rate may help"
        )
    progress(stage, config.epochs, config.epochs, f"done after {best_epoch + 1} epochs")
    network.load_state_dict(best_state)
    network.cpu()
    network.eval()
    logger.info("Fitted seed %d: loss %.4f after %d epochs", seed, best_loss, best_epoch + 1)
    return FittedNetwork(network=network, loss=best_loss, epochs=best_epoch + 1)


def _step(
    network: FusionNetwork, batch: WindowBatch, optimiser: torch.optim.Optimizer, config: FusionConfig
) -> float:
    """Take one step down the loss of a batch; return that loss."""
    where = next(network.parameters()).device
    price = torch.from_numpy(batch.price).to(where)
    if config.input_noise:
        price = price + config.input_noise * torch.randn_like(price)
    forecast = network(
        price,
        torch.from_numpy(batch.sentiment).to(where),
        torch.from_numpy(batch.macro).to(where),
        as_neighbours(batch.related, where),
    )
    loss = network.loss(forecast, torch.from_numpy(batch.target).to(where))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip or float("inf"))
    optimiser.step()
    return float(loss.detach())


def _one_pass(
    data: NetworkInput,
    targets: Float32Array,
    split: Split,
    config: FusionConfig,
    random: np.random.Generator,
) -> Iterator[WindowBatch]:
    if config.use_graph:
        return aligned_batches(
            data,
            targets,
            stop=split.fit,
            burn_in=config.lookback,
            segment=config.graph_segment,
            random=random,
        )
    return training_batches(
        data,
        targets,
        stop=split.fit,
        burn_in=config.lookback,
        segment=config.segment,
        batch=config.batch,
        random=random,
    )


def _steps(data: NetworkInput, split: Split, config: FusionConfig) -> int:
    """Return how many batches a pass has at most, or nearly so."""
    if config.use_graph:
        return split.fit // config.graph_segment + 2
    rows = int(data.ready[:, : split.fit].sum())
    return max(1, rows // (config.segment * config.batch)) + 2


def validation_loss(
    network: FusionNetwork, data: NetworkInput, targets: Float32Array, split: Split, lookback: int
) -> float:
    """Mean loss over the validation rows, after a burn-in on the rows before them."""
    network.eval()
    where = next(network.parameters()).device
    stop = split.validation_stop
    rows = slice(max(0, split.validation - lookback), stop)
    target = targets[:, rows].copy()
    target[:, : split.validation - rows.start] = np.nan
    macro = torch.from_numpy(data.macro[rows]).to(where)
    related = None
    if data.graph is not None:
        everyone = np.arange(len(data.ready))
        related = data.graph.related(range(split.validation, stop), everyone, data.ready)
        target = target[:, split.validation - rows.start :]
    with torch.no_grad():
        forecast = network(
            torch.from_numpy(data.price[:, rows]).to(where),
            torch.from_numpy(data.sentiment[:, rows]).to(where),
            macro.expand(len(data.price), *macro.shape),
            as_neighbours(related, where),
        )
        return float(network.loss(forecast, torch.from_numpy(target).to(where)))
