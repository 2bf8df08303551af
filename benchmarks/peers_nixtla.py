"""One peer of neuralforecast or statsforecast, trained and asked in a process of its own.

    ENVIRONMENT/bin/python benchmarks/peers_nixtla.py PEER SETTING TASK.npz ANSWER.npz

benchmarks/peers.py starts it, in an environment where the product is not installed: nothing of it is imported
here, and the libraries only where a peer needs them. TASK holds daily log total returns, the row that is the
last one known in training, and the rows to forecast from; ANSWER quantiles of the return over each horizon.

Shapes: T sessions, N tickers, O origins, H horizons, Q quantiles, L sessions read before a forecast.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VALIDATION = 250  # sessions before the first forecast, on which training stops early
STEPS = {"lstm": 500, "nhits": 500, "tft": 2000}  # of training at most
CHECK, PATIENCE = 50, 4  # steps between looks at the validation loss; looks without a better one
REFIT = 10  # sessions that a fitted AutoETS or GARCH stands for; it reads every new return all the same
PATHS = 2000  # simulated for GARCH's sums of returns
CENTRAL = (98, 95, 90, 80, 60, 50, 40, 20)  # ranges whose ends, with the median, are the 17 levels

# What was tried on the development span. "own": each stock's returns in units of its own deviation in
# training; "window": these scaled again by the library's robust scaler of each window; "level": the log index
# with that scaler, one network for all horizons; "mixed": "own" for one session, "level" for the others.
NEURAL = {"lstm": "LSTM", "nhits": "NHITS", "tft": "TFT"}
SIZES: dict[str, dict[str, object]] = {
    "lstm": {"encoder_hidden_size": 64, "decoder_hidden_size": 64, "windows_batch_size": 128},
    "nhits": {"mlp_units": 3 * [[128, 128]], "dropout_prob_theta": 0.1, "windows_batch_size": 256},
    "tft": {"hidden_size": 32, "n_head": 4, "windows_batch_size": 128},
}
WINDOWS = {"auto_ets": (250, 500, 1000), "garch": (500, 1000, 1500, 2500)}  # sessions that are fitted
SETTINGS = {
    **dict.fromkeys(NEURAL, ("own", "window", "level", "mixed")),
    **{name: tuple(str(length) for length in lengths) for name, lengths in WINDOWS.items()},
}


@dataclass(frozen=True)
class Task:
    """What a peer is given: returns (T, N) in percent, NaN before a ticker's first; rows; what to answer."""

    returns: Array
    fit_row: int
    origins: NDArray[np.intp]
    levels: Array
    horizons: tuple[int, ...]

    def moved(self, horizon: int) -> Array:
        """Return the return over ``horizon`` sessions that ended in each row (T, N); NaN before the first."""
        total = np.cumsum(np.nan_to_num(self.returns), axis=0)
        moved = np.full(total.shape, np.nan)
        moved[horizon:] = total[horizon:] - total[:-horizon]
        first = np.argmax(np.isfinite(self.returns), axis=0)
        row = np.arange(len(total))[:, None]
        return np.where(row >= first + horizon - 1, moved, np.nan) if horizon > 1 else self.returns


@dataclass
class Answer:
    """Quantiles (O, N, H, Q) in percent, seconds that they took, and validation losses by step."""

    quantiles: Array
    seconds: dict[str, float] = field(
        default_factory=lambda: {"fit_cpu": 0.0, "fit_wall": 0.0, "predict_cpu": 0.0, "predict_wall": 0.0}
    )
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def timed(self, what: str, work: Callable[[], Any]) -> Any:
        """Do some work and count its seconds as fitting or forecasting."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        self.seconds[f"{what}_wall"] += time.perf_counter() - wall
        self.seconds[f"{what}_cpu"] += time.process_time() - cpu
        return result


def main() -> None:
    """Answer one task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("peer", choices=sorted(SETTINGS))
    parser.add_argument("setting")
    parser.add_argument("task", type=Path)
    parser.add_argument("answer", type=Path)
    chosen = parser.parse_args()
    if chosen.setting not in SETTINGS[chosen.peer]:
        parser.error(f"{chosen.peer} has the settings {', '.join(SETTINGS[chosen.peer])}")
    warnings.filterwarnings("ignore")  # of the libraries, about each other
    with np.load(chosen.task) as given:
        task = Task(
            100.0 * given["returns"], int(given["fit_row"]), given["origins"], given["levels"],
            tuple(given["horizons"].tolist()),
        )  # fmt: skip
    answer = Answer(
        np.full((len(task.origins), task.returns.shape[1], len(task.horizons), len(task.levels)), np.nan)
    )
    if chosen.peer in NEURAL:
        ask_network(task, answer, chosen.peer, chosen.setting)
    elif chosen.peer == "auto_ets":
        ask_auto_ets(task, answer, int(chosen.setting))
    else:
        ask_garch(task, answer, int(chosen.setting))
    libraries = ("neuralforecast", "torch") if chosen.peer in NEURAL else ("statsforecast",)
    save_answer(
        chosen.answer, answer.quantiles / 100.0, answer.seconds,
        {"versions": {name: version(name) for name in libraries}, "curves": answer.curves},
    )  # fmt: skip


def save_answer(path: Path, quantiles: Array, seconds: dict[str, float], notes: dict[str, object]) -> None:
    """Write quantiles of log returns, which never decrease, with what they cost; aside first."""
    aside = path.with_name(f"new-{path.name}")
    np.savez_compressed(
        aside,
        quantiles=np.sort(quantiles, axis=-1).astype(np.float64),
        costs=json.dumps({**seconds, "peak_mb": peak_memory_mb()}),
        notes=json.dumps(notes),
    )
    aside.replace(path)


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far.

    Linux's figure is read from /proc: the one of getrusage begins at that of the process that started this
    one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


# neuralforecast -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Series:
    """What one network reads: a target (T, N), columns beside it, and the steps ahead that count.

    ``unit`` (N,) and ``start`` (O, N) turn what it says of the step back: said x unit - start.
    """

    target: Array
    beside: dict[str, Array]
    steps: dict[int, int]  # horizon: step ahead, from 1
    unit: Array
    scaled: bool = False  # each window, by the library
    from_level: bool = False


def series_of(task: Task, setting: str) -> Iterator[Series]:
    """Yield what the networks of a setting learn: one a horizon, or one for all."""
    own = {"level": (), "mixed": task.horizons[:1]}.get(setting, task.horizons)
    daily = np.nanstd(task.returns[: task.fit_row + 1], axis=0)
    beside = {"moved": task.returns / daily, "size": np.abs(task.returns) / daily}
    for horizon in own:
        target = task.moved(horizon)
        unit = np.nanstd(target[: task.fit_row + 1], axis=0)
        yield Series(target / unit, beside, {horizon: horizon}, unit, scaled=setting == "window")
    others = {horizon: horizon for horizon in task.horizons if horizon not in own}
    if others:
        level = np.cumsum(np.nan_to_num(task.returns), axis=0)
        level = np.where(np.isfinite(task.returns), level, np.nan)
        yield Series(level, {}, others, np.ones(level.shape[1]), scaled=True, from_level=True)


def ask_network(task: Task, answer: Answer, peer: str, setting: str) -> None:
    """Train a network on all rows through ``fit_row`` and ask it at every origin.

    A network's quantiles of single days could not be added up. So its target is the return over the whole
    horizon that ended in each session, ``horizon`` steps ahead, and only that step bears a loss. Beside it
    the network reads each day's return and its size.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch
    from neuralforecast import NeuralForecast, models
    from neuralforecast.losses.pytorch import MQLoss

    torch.set_num_threads(1)
    for name in ("pytorch_lightning", "lightning_fabric", "lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for series in series_of(task, setting):
        ahead = max(series.steps.values())
        weight = torch.zeros(ahead)
        weight[[step - 1 for step in series.steps.values()]] = ahead / len(series.steps)
        model = getattr(models, NEURAL[peer])(
            h=ahead,
            input_size=64,
            hist_exog_list=list(series.beside) or None,
            loss=MQLoss(quantiles=task.levels.tolist(), horizon_weight=weight),
            scaler_type="robust" if series.scaled else "identity",
            max_steps=STEPS[peer],
            learning_rate=1e-3,
            num_lr_decays=3,
            val_check_steps=CHECK,
            early_stop_patience_steps=PATIENCE,
            batch_size=8,
            valid_batch_size=8,
            inference_windows_batch_size=1024,
            random_seed=1,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            **SIZES[peer],
        )
        forecast = NeuralForecast(models=[model], freq=1)
        known = long_frame(
            series, np.arange(task.fit_row + 1)[None, :].repeat(1, axis=0), task.returns.shape[1]
        )
        answer.timed("fit", lambda nf=forecast, df=known: nf.fit(df, val_size=VALIDATION))
        curve = [(int(step), float(loss)) for step, loss in forecast.models[0].valid_trajectories]
        answer.curves["/".join(map(str, series.steps))] = curve
        rows = task.origins[:, None] + np.arange(1 - 64, 1)
        asked = long_frame(series, rows, task.returns.shape[1])
        said = answer.timed("predict", lambda nf=forecast, df=asked: nf.predict(df))
        read_network(task, answer, series, said, ahead)


def long_frame(series: Series, rows: NDArray[np.intp], N: int) -> Any:
    """Return rows (P, L) of every ticker below each other, a series for each of P x N; without NaN."""
    import pandas as pd

    P, L = rows.shape
    values = series.target[rows].transpose(0, 2, 1)  # (P, N, L)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(P * N), L),
            "ds": np.tile(np.arange(L), P * N),
            "y": values.reshape(-1),
            **{name: column[rows].transpose(0, 2, 1).reshape(-1) for name, column in series.beside.items()},
        }
    )
    return frame.dropna().reset_index(drop=True)


def read_network(task: Task, answer: Answer, series: Series, said: Any, ahead: int) -> None:
    """Put what a network said of every origin and ticker where it belongs."""
    O, N = len(task.origins), task.returns.shape[1]  # noqa: E741
    said = said.sort_values(["unique_id", "ds"])
    columns = [name for name in said.columns if name not in ("unique_id", "ds")]
    if len(columns) != len(task.levels) or len(said) != O * N * ahead:
        raise SystemExit(f"the network answered {len(said)} rows of {columns}")
    values = said[columns].to_numpy(dtype=np.float64).reshape(O, N, ahead, len(columns))
    start = series.target[task.origins][:, :, None] if series.from_level else 0.0
    for horizon, step in series.steps.items():
        place = task.horizons.index(horizon)
        answer.quantiles[:, :, place] = values[:, :, step - 1] * series.unit[:, None] - start


# statsforecast ------------------------------------------------------------------------------------


def ask_auto_ets(task: Task, answer: Answer, window: int) -> None:
    """Fit AutoETS to the log index of the last ``window`` sessions, anew every REFIT sessions.

    The quantiles of its level some sessions ahead, less today's level, are those of the return.
    """
    from statsforecast.models import AutoETS

    steps = np.array(task.horizons) - 1
    for n in range(task.returns.shape[1]):
        model, fitted_at = AutoETS(season_length=1), -REFIT
        for o, origin in enumerate(task.origins):
            level = np.cumsum(task.returns[max(0, origin + 1 - window) : origin + 1, n])
            level -= level[-1]
            if origin - fitted_at >= REFIT:
                answer.timed("fit", lambda model=model, y=level: model.fit(y))
                fitted_at = origin
            said = answer.timed(
                "predict",
                lambda model=model, y=level: model.forward(y, h=max(task.horizons), level=list(CENTRAL)),
            )
            answer.quantiles[o, n] = central_quantiles(said, steps)


def central_quantiles(said: dict[str, Array], steps: NDArray[np.intp]) -> Array:
    """Return statsforecast's mean and ends of central ranges as quantiles (H, Q) at some steps."""
    low = [np.asarray(said[f"lo-{share}"])[steps] for share in CENTRAL]
    high = [np.asarray(said[f"hi-{share}"])[steps] for share in reversed(CENTRAL)]
    return np.stack([*low, np.asarray(said["mean"])[steps], *high], axis=1)


def ask_garch(task: Task, answer: Answer, window: int) -> None:
    """Fit GARCH(1,1) to the returns of the last ``window`` sessions, anew every REFIT sessions.

    Its own ``predict`` centres the ranges on one simulated path and has none for a sum of returns. So its
    coefficients and its variance of today are taken, and PATHS paths of its own normal innovations
    simulated from there.
    """
    from scipy.special import ndtri
    from statsforecast.garch import garch_sigma2
    from statsforecast.models import GARCH

    shocks = np.random.default_rng(1).standard_normal((PATHS // 2, max(task.horizons)))
    shocks = np.concatenate([shocks, -shocks])
    for n in range(task.returns.shape[1]):
        fitted_at = -REFIT
        for o, origin in enumerate(task.origins):
            y = task.returns[max(0, origin + 1 - window) : origin + 1, n]
            y = y[np.isfinite(y)]
            if origin - fitted_at >= REFIT:
                fitted = answer.timed("fit", lambda y=y: GARCH(1, 1).fit(y).model_["coeff"])
                fitted_at = origin

            def quantiles(y: Array = y, fitted: Array = fitted) -> Array:
                constant, reacts, keeps = fitted
                variance = constant + reacts * y[-1] ** 2 + keeps * garch_sigma2(fitted, y, 1, 1)[-1]
                paths = garch_paths(variance, constant, reacts, keeps, shocks)
                said = [np.quantile(paths[:, horizon - 1], task.levels) for horizon in task.horizons]
                said[0] = np.sqrt(variance) * ndtri(task.levels) if task.horizons[0] == 1 else said[0]
                return np.stack(said)

            answer.quantiles[o, n] = answer.timed("predict", quantiles)


def garch_paths(variance: float, constant: float, reacts: float, keeps: float, shocks: Array) -> Array:
    """Return sums of simulated returns after each step (P, S), from tomorrow's variance and shocks (P, S)."""
    now = np.full(len(shocks), variance)
    returns = np.empty_like(shocks)
    for step in range(shocks.shape[1]):
        returns[:, step] = np.sqrt(now) * shocks[:, step]
        now = constant + reacts * returns[:, step] ** 2 + keeps * now
    return np.cumsum(returns, axis=1)


if __name__ == "__main__":
    main()
