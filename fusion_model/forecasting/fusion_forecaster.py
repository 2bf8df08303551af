"""The shipped forecaster: a few fusion networks, their residuals, and levels that adapt to misses.

A forecast of session ``t`` is computed from the ``lookback`` sessions that end at ``t``, for all tickers
of that session at once and whatever else the panel holds, so that today's refresh and a later
backtest give the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from collectors.errors import ConfigurationError, StorageError
from collectors.progress import Progress, silent
from fusion_model.dataset.features import (
    PRICE_FEATURES,
    SENTIMENT_FEATURES,
    Features,
    Float32Array,
    build_features,
)
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.dataset.stock_graph import EDGE_FEATURES, StockGraph
from fusion_model.dataset.windows import (
    NetworkInput,
    Scaling,
    SeenRange,
    Split,
    fit_scaling,
    path_targets,
    purged_split,
    scale_features,
    seen_range,
    standardised_targets,
)
from fusion_model.distribution import as_forecasts, probability_of_rise
from fusion_model.errors import CheckpointError, NoModel, NotEnoughHistory
from fusion_model.findings import FUSION_MODEL, HORIZONS, Forecast
from fusion_model.forecasting.calibration import LEVELS, adapted_levels, residual_quantiles
from fusion_model.forecasting.fusion_network import FusionConfig, FusionNetwork, Neighbours
from fusion_model.forecasting.garch import GarchFit, GarchParameters, fit_garch
from fusion_model.forecasting.stacking import Stack, garch_log_scale, learned_shares, mixed
from fusion_model.forecasting.training import (
    FittedNetwork,
    as_neighbours,
    fit_network,
    keep_network,
    kept_network,
    network_for,
    one_thread,
)
from fusion_model.forecasting.tree_scale import TreeScale, fit_tree_scale

logger = logging.getLogger(__name__)

FORMAT = 6
WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "model.json"
SHAPE = (  # fields of the configuration that weights hang on
    "hidden",
    "encoder_hidden",
    "members",
    "use_sentiment",
    "use_macro",
    "use_graph",
    "graph_heads",
    "forecast_mean",
)
TREES_AT_ONCE = 256  # sessions that boosted trees are asked for together: a call costs more than a row
STACKING_STEP = 5  # sessions between those that weights are learned on: neighbouring ones say the same
DECIMALS = 8  # of log returns, everywhere they are written


@dataclass(frozen=True)
class FittedState:
    """What training leaves behind, and all that a checkpoint holds."""

    config: FusionConfig
    networks: tuple[FusionNetwork, ...]
    scaling: Scaling
    macro_names: tuple[str, ...]
    scorer: str
    as_of_session: str
    fit_sessions: tuple[str, str]
    loss: tuple[float, ...]
    history_sessions: tuple[str, ...]
    history_tickers: tuple[str, ...]
    history: Float32Array  # (K, N, 2, H): what networks said of the calibration sessions, NaN where absent
    stack: Stack | None


class FusionForecaster:
    """``fit`` and ``predict`` as every forecaster; ``save`` and ``load`` a checkpoint that stands alone."""

    model = FUSION_MODEL

    def __init__(
        self,
        config: FusionConfig | None = None,
        progress: Progress = silent,
        keep: Path | None = None,
        start: FittedState | None = None,
    ) -> None:
        """Make an untrained forecaster.

        ``keep`` is a folder for finished networks while others are trained: a fit that was stopped goes on
        after the last of them. It belongs to one panel and configuration, and is the caller's to remove.
        ``start`` is an earlier model of the same shape: its networks and scaling are where a fit begins.
        """
        self.config = config or FusionConfig()
        self._keep = keep
        self._start = start
        settings = json.dumps(asdict(self.config), sort_keys=True).encode()
        self.model_version = f"untrained-{hashlib.sha256(settings).hexdigest()[:12]}"
        self._progress = progress
        self._state: FittedState | None = None
        self._prepared: Prepared | None = None

    @property
    def state(self) -> FittedState:
        """What was fitted or loaded.

        Raises
        ------
        NoModel
            Neither has happened.
        """
        if self._state is None:
            raise NoModel("nothing has been trained yet; run `barograph train` first")
        return self._state

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        """Train on what was known at the last of ``sessions``, and keep forecasts to calibrate on.

        These are of all sessions that tell a shape: the last ``held_out_sessions`` of them were seen
        by no network, the ones before are those it was fitted on. Sessions that come after are seen by none,
        and take their place as time goes on.

        Raises
        ------
        NotEnoughHistory
            The panel is too short for the parts that config asks for.
        CheckpointError
            The model to start from is of another shape, or knows what comes later.
        """
        panel = panel.until(sessions[-1])
        config = self.config
        T = len(panel.sessions)
        split = purged_split(T, config.validation_sessions, config.held_out_sessions)
        self._progress("features", 0, 1)
        features = build_features(panel)
        start = self._start
        if start is None:
            scaling = fit_scaling(features, split.fit)
        else:
            _check_start(start, config, panel)
            features, scaling = with_macro_of(features, start.macro_names), start.scaling
        data = scale_features(features, scaling, _graph(panel, features, config))
        purge = max(HORIZONS)
        fit_targets = all_targets(panel, features, split.fit + purge)
        validation_targets = all_targets(panel, features, split.validation_stop + purge)
        self._progress("features", 1, 1)
        with one_thread():
            fitted = [
                self._fit_member(member, data, fit_targets, validation_targets, split)
                for member in range(config.members)
            ]
            stack = self._stack(panel, features, data, split)
        networks = tuple(result.network for result in fitted)
        first = max(0, T - config.shape_sessions(max(HORIZONS)) - purge)
        history = np.empty((T - first, len(panel.tickers), 2, len(HORIZONS)), dtype=np.float32)
        for row in range(first, T):
            history[row - first] = forecast_shape(networks, data, row, config.lookback)
            self._progress("calibration", row - first + 1, T - first)
        self._adopt(
            FittedState(
                config=config,
                networks=networks,
                scaling=scaling,
                macro_names=features.macro_names,
                scorer=panel.scorer,
                as_of_session=panel.sessions[-1],
                fit_sessions=(panel.sessions[0], panel.sessions[split.fit - 1]),
                loss=tuple(result.loss for result in fitted),
                history_sessions=panel.sessions[first:],
                history_tickers=panel.tickers,
                history=history,
                stack=stack,
            )
        )

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        """Forecast every ticker with a bar and enough history at a session, by ticker and horizon.

        Raises
        ------
        NoModel
            Nothing was trained.
        NotEnoughHistory
            The panel does not hold the session, or too few earlier forecasts have come true.
        """
        state = self.state
        prepared = self._prepare(panel)
        t = panel.position(session)
        columns = np.flatnonzero(prepared.data.ready[:, t])
        forecasts: list[Forecast] = []
        for k, horizon in enumerate(HORIZONS):
            residuals = prepared.residuals(state, t, k)
            levels = LEVELS
            if state.config.adaptation_rate:
                levels = adapted_levels(
                    residuals, state.config.adaptation_sessions, state.config.adaptation_rate
                )
            quantiles, mean, deviation = residual_quantiles(
                residuals, levels, state.config.own_share, state.config.calibration_sessions
            )
            sigma, location = prepared.shape(state, t, k)
            quantiles += location[:, None]
            rounded = np.round(quantiles[columns] * sigma[columns, None], DECIMALS)
            forecasts += as_forecasts(
                panel,
                session,
                columns,
                horizon,
                rounded,
                mean=np.round((mean + location)[columns] * sigma[columns], DECIMALS),
                prob_up=np.round(probability_of_rise(rounded), DECIMALS),
                volatility=np.round(deviation[columns] * sigma[columns], DECIMALS),
                model=self.model,
                model_version=self.model_version,
            )
        return sorted(forecasts, key=lambda forecast: (forecast.ticker, forecast.horizon))

    def prepared(self, panel: Panel) -> Prepared:
        """Return a panel as the fitted model reads it, for whoever asks what moved a forecast.

        Raises
        ------
        NoModel
            Nothing was trained.
        """
        return self._prepare(panel)

    def seen_range(self, panel: Panel, session: str) -> SeenRange:
        """Return the price features of a session beside the range of all that the model was trained on.

        Raises
        ------
        NoModel, NotEnoughHistory
            As ``predict``.
        """
        state = self.state
        data = self._prepare(panel).data
        return seen_range(data, state.scaling, panel, session, state.history_tickers, state.as_of_session)

    def related_stocks(self, panel: Panel, session: str) -> dict[str, tuple[tuple[str, float], ...]]:
        """Return each ticker's neighbours at a session and how strongly they are read, strongest first.

        The weights of a ticker's neighbours are positive and sum to 1. They tell where the model looks, not
        what it found there. A model without the graph has none for anybody: an empty answer.
        """
        state, prepared = self.state, self._prepare(panel)
        graph, row = prepared.data.graph, panel.position(session)
        if graph is None:
            return {}
        window = _window(prepared.data, row, state.config.lookback)
        assert window.neighbours is not None  # noqa: S101  there is a graph
        with torch.no_grad(), one_thread():
            read = [
                network.related.attention(network.price_state(window.price)[:, -1:], window.neighbours)[0]
                for network in state.networks
                if network.related is not None
            ]
        weights, places = torch.stack(read).mean(dim=0).numpy(), window.neighbours.places[0].numpy()
        names = [panel.tickers[n] for n in window.ready]
        return {
            name: tuple(
                sorted(
                    (
                        (names[place], float(weight))
                        for place, weight in zip(own, how, strict=True)
                        if place >= 0
                    ),
                    key=lambda neighbour: (-neighbour[1], neighbour[0]),
                )
            )
            for name, own, how in zip(names, places, weights, strict=True)
        }

    def save(self, folder: Path) -> Path:
        """Write the checkpoint (safetensors and JSON) into a new folder named by its version; return it.

        Raises
        ------
        StorageError
            The folder cannot be written, or the disk is full; no checkpoint is left then.
        """
        weights, description = _to_files(self.state)
        target = folder / self.model_version
        if target.exists():
            return target
        aside = folder / f"{self.model_version}.part"
        described = {**description, "model_version": self.model_version}
        with _storing(folder):
            aside.mkdir(parents=True, exist_ok=True)
            save_file(weights, aside / WEIGHTS_FILE)
            (aside / CONFIG_FILE).write_text(json.dumps(described, indent=1, sort_keys=True), "utf-8")
            return aside.rename(target)

    @classmethod
    def load(cls, folder: Path) -> FusionForecaster:
        """Read a checkpoint.

        Raises
        ------
        CheckpointError
            A file is missing, damaged, or of another format or set of features.
        """
        forecaster = cls()
        try:
            description = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
            forecaster._adopt(_from_files(load_file(folder / WEIGHTS_FILE), description))
            if forecaster.model_version != description["model_version"]:
                raise ValueError("its content is not what was saved")
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(
                f"the model in {folder} cannot be used ({error}); run `barograph train` to make a new one"
            ) from error
        forecaster.config = forecaster.state.config
        return forecaster

    def _fit_member(
        self,
        member: int,
        data: NetworkInput,
        fit_targets: Float32Array,
        validation_targets: Float32Array,
        split: Split,
    ) -> FittedNetwork:
        """Fit one network, or read it where it is kept; targets are those of ``all_targets``."""
        config, file = (
            self.config,
            None if self._keep is None else self._keep / f"network{member}.safetensors",
        )
        stage = f"training network {member + 1} of {config.members}"
        kept = None if file is None else kept_network(file, network_for(data, config))
        if kept is not None:
            self._progress(stage, config.epochs, config.epochs, "kept from before")
            return kept
        start = None if self._start is None else self._start.networks[member]
        if start is not None:
            config = replace(config, epochs=config.warm_epochs, learning_rate=config.warm_learning_rate)
        learned = targets_of(member, config)
        fitted = fit_network(
            data,
            fit_targets[:, :, learned],
            validation_targets[:, :, learned],
            split,
            config,
            seed=config.seed + member,
            progress=self._progress,
            stage=stage,
            start=start,
        )
        if file is not None:
            with _storing(file.parent):
                keep_network(fitted, file)
        return fitted

    def _stack(self, panel: Panel, features: Features, data: NetworkInput, split: Split) -> Stack | None:
        """Fit boosted trees and GJR-GARCH, and learn by earlier ones of all sides how much of each to hear.

        None where that is switched off, or where the history before would be too short to train on.
        """
        config, T = self.config, len(panel.sessions)
        stop = T - config.stacking_sessions
        if not config.stacking_sessions:
            return None
        try:
            earlier_split = purged_split(stop, config.validation_sessions, config.held_out_sessions)
            earlier = fit_garch(panel.until(panel.sessions[stop - 1]))
        except NotEnoughHistory as error:
            logger.info("The networks stand alone, without weights that could be learned: %s", error)
            return None
        scaling = fit_scaling(features, earlier_split.fit)
        aside = scale_features(features, scaling, _graph(panel, features, config))
        purge = max(HORIZONS)
        fitted = fit_network(
            aside,
            standardised_targets(panel, features.anchor, earlier_split.fit + purge),
            standardised_targets(panel, features.anchor, earlier_split.validation_stop + purge),
            earlier_split,
            config,
            seed=config.seed,
            progress=self._progress,
            stage="training a network to weigh with",
        )
        earlier_trees = self._grow(panel, features, aside, earlier_split)
        trees = self._grow(panel, features, data, split)
        rows = list(range(stop, T, STACKING_STEP))
        said = [forecast_shape([fitted.network], aside, row, config.lookback)[:, 0] for row in rows]
        grown = None
        if earlier_trees is not None and trees is not None:
            grown = tree_log_scale(earlier_trees, aside, rows)
        garch_shares, tree_shares = learned_shares(
            np.stack(said).astype(np.float64),
            grown,
            garch_log_scale(panel, features, earlier)[rows],
            features.anchor[rows],
            np.stack([panel.forward_returns(horizon)[rows] for horizon in HORIZONS], axis=2),
            config.stacking_trust,
        )
        return Stack(fit_garch(panel), None if grown is None else trees, garch_shares, tree_shares)

    def _grow(self, panel: Panel, features: Features, data: NetworkInput, split: Split) -> TreeScale | None:
        """Grow the boosted trees of a split; None where they are off, or cannot be had, which is told."""
        config = self.config
        if not config.use_trees:
            return None
        self._progress("growing trees", 0, 1)
        targets = standardised_targets(panel, features.anchor, split.fit + max(HORIZONS))
        try:
            return fit_tree_scale(
                data,
                targets,
                panel.tickers,
                trees=config.trees,
                leaves=config.tree_leaves,
                seed=config.seed,
            )
        except (NotEnoughHistory, ConfigurationError) as error:
            logger.warning("The volatility is forecast without boosted trees: %s", error)
            return None
        finally:
            self._progress("growing trees", 1, 1)

    def _prepare(self, panel: Panel) -> Prepared:
        if self._prepared is None or self._prepared.panel is not panel:
            self._prepared = _prepare(panel, self.state)
        return self._prepared

    def _adopt(self, state: FittedState) -> None:
        weights, description = _to_files(state)
        digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
        for name in sorted(weights):
            digest.update(name.encode() + weights[name].tobytes())
        self._state = state
        self._prepared = None
        self.model_version = f"{self.model}-{state.as_of_session}-{digest.hexdigest()[:12]}"


def _check_start(start: FittedState, config: FusionConfig, panel: Panel) -> None:
    """Refuse to begin where the weights do not fit, or where hindsight would come in."""
    if start.as_of_session > panel.sessions[-1]:
        raise CheckpointError(
            f"the model to start from was trained as of {start.as_of_session}, later than this training's "
            f"{panel.sessions[-1]}: name an earlier one, or train without --warm"
        )
    for name in SHAPE:
        before, now = getattr(start.config, name), getattr(config, name)
        if before != now:
            raise CheckpointError(
                f"the model to start from has another {name}, {before} and not {now}: train without --warm"
            )


@dataclass
class Prepared:
    """One panel as the fitted networks read it; scales are filled as sessions are asked for."""

    panel: Panel
    data: NetworkInput
    scale: FloatArray  # (T, N): the daily EWMA volatility in it
    anchor: FloatArray  # (T, N, H)
    forward: tuple[FloatArray, ...]  # per horizon (T, N)
    forecast: Float32Array  # (T, N, 2, H): log scale, and location in units of it
    filled: np.ndarray[tuple[int], np.dtype[np.bool_]]
    garch: FloatArray | None  # (T, N, H): its log scale, where it has a share
    grown: FloatArray  # (T, N, H): the log scale of boosted trees, filled with TREES_AT_ONCE sessions
    asked: np.ndarray[tuple[int], np.dtype[np.bool_]]  # (T,): of which the trees were asked
    outcome: FloatArray  # (T, N, H): what came, in units of what was forecast
    judged: np.ndarray[tuple[int, int], np.dtype[np.bool_]]  # (T, H): which of these are there

    def shape(self, state: FittedState, t: int, k: int) -> tuple[FloatArray, FloatArray]:
        """Scale of the return over HORIZONS[k] from session ``t``, and its location in units of it, (N,)."""
        if not self.filled[t]:
            self.forecast[t] = forecast_shape(state.networks, self.data, t, state.config.lookback)
            self.filled[t] = True
        log_scale, location = self.forecast[t, :, :, k].astype(np.float64).T
        stack = state.stack
        if stack is not None and self.garch is not None:
            log_scale = mixed(
                log_scale,
                (self.garch[t, :, k], stack.garch_shares[k]),
                (self.trees(state, t)[:, k], stack.tree_shares[k]),
            )
        return self.anchor[t, :, k] * np.exp(log_scale), location

    def trees(self, state: FittedState, t: int) -> FloatArray:
        """What boosted trees say of a session, (N, H); NaN without them or without features."""
        if state.stack is not None and state.stack.trees is not None and not self.asked[t]:
            first = t - t % TREES_AT_ONCE
            rows = range(first, min(first + TREES_AT_ONCE, len(self.asked)))
            self.grown[first : rows.stop] = tree_log_scale(state.stack.trees, self.data, rows)
            self.asked[first : rows.stop] = True
        return np.asarray(self.grown[t])

    def residuals(self, state: FittedState, t: int, k: int) -> FloatArray:
        """Returns that had come true at ``t`` in units of the scale that was forecast for them, (<=K, N)."""
        stop = max(t - HORIZONS[k] + 1, 0)
        start = max(0, stop - state.config.shape_sessions(HORIZONS[k]))
        for row in start + np.flatnonzero(~self.judged[start:stop, k]):
            sigma, location = self.shape(state, int(row), k)
            self.outcome[row, :, k] = self.forward[k][row] / sigma - location
            self.judged[row, k] = True
        return self.outcome[start:stop, :, k]


def _prepare(panel: Panel, state: FittedState) -> Prepared:
    features = with_macro_of(build_features(panel), state.macro_names)
    T, N = features.scale.shape
    forecast = np.full((T, N, 2, len(HORIZONS)), np.nan, dtype=np.float32)
    filled = np.zeros(T, dtype=bool)
    row_of = {session: row for row, session in enumerate(panel.sessions)}
    column_of = {ticker: column for column, ticker in enumerate(panel.tickers)}
    kept = [(place, column_of[name]) for place, name in enumerate(state.history_tickers) if name in column_of]
    for place, session in enumerate(state.history_sessions):
        if session in row_of:
            for source, column in kept:
                forecast[row_of[session], column] = state.history[place, source]
            filled[row_of[session]] = True
    return Prepared(
        panel=panel,
        data=scale_features(features, state.scaling, _graph(panel, features, state.config)),
        scale=features.scale,
        anchor=features.anchor,
        forward=tuple(panel.forward_returns(horizon) for horizon in HORIZONS),
        forecast=forecast,
        filled=filled,
        garch=None if state.stack is None else garch_log_scale(panel, features, state.stack.garch),
        grown=np.full((T, N, len(HORIZONS)), np.nan),
        asked=np.zeros(T, dtype=bool),
        outcome=np.full((T, N, len(HORIZONS)), np.nan),
        judged=np.zeros((T, len(HORIZONS)), dtype=bool),
    )


def all_targets(panel: Panel, features: Features, stop: int) -> Float32Array:
    """Return what networks may learn from, (N, T, 2 H): the returns, and what the paths showed."""
    returns = standardised_targets(panel, features.anchor, stop)
    return np.concatenate([returns, path_targets(panel, features.anchor, stop)], axis=2)


def targets_of(member: int, config: FusionConfig) -> slice:
    """Return which of all_targets a network learns from: every other one from the paths too.

    Networks that were taught differently err differently, and their mean errs less.
    """
    return slice(None if config.path_weight and member % 2 else len(HORIZONS))


def tree_log_scale(trees: TreeScale, data: NetworkInput, rows: Sequence[int]) -> FloatArray:
    """Return the log scale of boosted trees for some sessions, (R, N, H); NaN without features."""
    ready = data.ready[:, rows].T  # (R, N)
    result = np.full((*ready.shape, len(HORIZONS)), np.nan)
    if ready.any():
        result[ready] = trees.predict(data.price[:, rows].transpose(1, 0, 2)[ready])
    return result


def _graph(panel: Panel, features: Features, config: FusionConfig) -> StockGraph | None:
    return StockGraph(panel, features.scale, config.graph_neighbours) if config.use_graph else None


@dataclass(frozen=True)
class _Window:
    """The sessions that end at one, of the tickers that are ready at it, as networks read them."""

    ready: np.ndarray[tuple[int], np.dtype[np.intp]]  # columns, (B,)
    price: torch.Tensor  # (B, L, F)
    sentiment: torch.Tensor
    macro: torch.Tensor
    neighbours: Neighbours | None  # of the last session


def _window(data: NetworkInput, row: int, lookback: int) -> _Window:
    ready = np.flatnonzero(data.ready[:, row])
    first = max(0, row - lookback + 1)
    pad = lookback - (row + 1 - first)
    macro = torch.from_numpy(np.pad(data.macro[first : row + 1], ((pad, 0), (0, 0))))
    own = ((0, 0), (pad, 0), (0, 0))
    related = None if data.graph is None else data.graph.related(range(row, row + 1), ready, data.ready)
    return _Window(
        ready=ready,
        price=torch.from_numpy(np.pad(data.price[ready, first : row + 1], own)),
        sentiment=torch.from_numpy(np.pad(data.sentiment[ready, first : row + 1], own)),
        macro=macro.expand(len(ready), *macro.shape),
        neighbours=as_neighbours(related),
    )


def forecast_shape(
    networks: Sequence[FusionNetwork], data: NetworkInput, row: int, lookback: int
) -> Float32Array:
    """Mean log scale and location over the networks for one session, (N, 2, H); NaN without features.

    The tickers that are ready are forecast together, and nothing is known here of the others: neither a
    ticker that is not ready nor one that is listed later changes a byte.
    """
    result = np.full((len(data.ready), 2, len(HORIZONS)), np.nan, dtype=np.float32)
    window = _window(data, row, lookback)
    if len(window.ready) == 0:
        return result
    with torch.no_grad(), one_thread():
        shapes = [
            torch.stack(
                [
                    part[:, -1]
                    for part in network(window.price, window.sentiment, window.macro, window.neighbours)
                ],
                dim=1,
            )
            for network in networks
        ]
        result[window.ready] = torch.stack(shapes).mean(dim=0).numpy()
    return result


def with_macro_of(features: Features, names: tuple[str, ...]) -> Features:
    """Order the macro columns as in training; a series that is no longer there counts as unknown."""
    if features.macro_names == names:
        return features
    place = {name: column for column, name in enumerate(features.macro_names)}
    missing = [name for name in names if name not in place]
    if missing:
        logger.warning("No observations of %s: the model goes on without them", ", ".join(missing))
    macro = np.full((len(features.macro), len(names)), np.nan, dtype=np.float32)
    for column, name in enumerate(names):
        if name in place:
            macro[:, column] = features.macro[:, place[name]]
    return replace(features, macro=macro, macro_names=names)


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    """The one door through which errors of writing become ours."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"the model could not be written to {folder} ({error}); make room on the disk or check the "
            "folder's permissions, and run `barograph train` again"
        ) from error


# Checkpoints --------------------------------------------------------------------------------------


def _to_files(state: FittedState) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    weights: dict[str, np.ndarray] = {
        f"network{member}.{name}": np.ascontiguousarray(value.numpy())
        for member, network in enumerate(state.networks)
        for name, value in network.state_dict().items()
    }
    for field in fields(Scaling):
        weights[f"scaling.{field.name}"] = getattr(state.scaling, field.name)
    weights["history"] = np.ascontiguousarray(state.history)
    trees = None if state.stack is None else state.stack.trees
    for k, text in enumerate(() if trees is None else trees.texts()):
        weights[f"trees.{k}"] = np.frombuffer(text.encode(), dtype=np.uint8)
    description: dict[str, object] = {
        "format": FORMAT,
        "config": asdict(state.config),
        "price_features": list(PRICE_FEATURES),
        "sentiment_features": list(SENTIMENT_FEATURES),
        "edge_features": list(EDGE_FEATURES),
        "macro_names": list(state.macro_names),
        "horizons": list(HORIZONS),
        "scorer": state.scorer,
        "as_of_session": state.as_of_session,
        "fit_sessions": list(state.fit_sessions),
        "loss": [round(loss, 6) for loss in state.loss],
        "history_sessions": list(state.history_sessions),
        "history_tickers": list(state.history_tickers),
        "stack": None
        if state.stack is None
        else {
            "garch": asdict(state.stack.garch),
            "garch_shares": list(state.stack.garch_shares),
            "tree_shares": list(state.stack.tree_shares),
        },
    }
    return weights, description


def _from_files(weights: dict[str, np.ndarray], description: dict[str, Any]) -> FittedState:
    expected = {
        "format": FORMAT,
        "price_features": list(PRICE_FEATURES),
        "sentiment_features": list(SENTIMENT_FEATURES),
        "edge_features": list(EDGE_FEATURES),
        "horizons": list(HORIZONS),
    }
    for key, value in expected.items():
        if description[key] != value:
            raise ValueError(f"its {key} are not those of this program")
    config = FusionConfig(**description["config"])
    macro_names = tuple(description["macro_names"])
    networks = []
    for member in range(config.members):
        network = FusionNetwork(config, len(PRICE_FEATURES), len(SENTIMENT_FEATURES), len(macro_names))
        prefix = f"network{member}."
        network.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(value)
                for name, value in weights.items()
                if name.startswith(prefix)
            }
        )
        network.eval()
        networks.append(network)
    return FittedState(
        config=config,
        networks=tuple(networks),
        scaling=Scaling(**{field.name: weights[f"scaling.{field.name}"] for field in fields(Scaling)}),
        macro_names=macro_names,
        scorer=str(description["scorer"]),
        as_of_session=str(description["as_of_session"]),
        fit_sessions=tuple(description["fit_sessions"]),
        loss=tuple(description["loss"]),
        history_sessions=tuple(description["history_sessions"]),
        history_tickers=tuple(description["history_tickers"]),
        history=weights["history"],
        stack=_stack_from(description["stack"], weights),
    )


def _stack_from(described: dict[str, Any] | None, weights: dict[str, np.ndarray]) -> Stack | None:
    if described is None:
        return None
    texts = [
        weights[f"trees.{k}"].tobytes().decode() for k in range(len(HORIZONS)) if f"trees.{k}" in weights
    ]
    garch = described["garch"]
    return Stack(
        garch=GarchFit(
            parameters={name: GarchParameters(**values) for name, values in garch["parameters"].items()},
            typical=GarchParameters(**garch["typical"]),
            failed=tuple(garch["failed"]),
        ),
        trees=TreeScale.from_texts(texts) if texts else None,
        garch_shares=tuple(described["garch_shares"]),
        tree_shares=tuple(described["tree_shares"]),
    )
