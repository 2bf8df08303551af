"""Chronos-2 small, a foundation model that was trained on other series, asked as it is (extra `foundation`).

The model gives quantiles of each later step on its own. From returns one session each, those of a return over
20 sessions could only be guessed, since nothing says how the steps hang together. So it reads the log of the
total-return index instead: a quantile of its level 20 bars ahead, less the level of today, is the quantile
of the return. The context is short, because the model scales it by its own spread: against the
ups and downs of ten years, one session's move would be a hair's breadth.

Others trained it, on what its card names as chronos_datasets, GiftEvalPretrain and made-up series. Whether
prices of the years that it is scored on were among them was not looked into: a good score is weaker
evidence than that of a model which a backtest fitted itself.

Shapes: n tickers, C bars of context, P levels of the model, Q ours, S steps ahead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from collectors.errors import BadInput, ConfigurationError
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.distribution import (
    NORMAL_SCORES,
    as_forecasts,
    moments_from_quantiles,
    probability_of_rise,
)
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Forecast
from fusion_model.forecasting.return_history import ReturnHistory

MODEL = "chronos2"
FOLDER = "chronos-2-small"  # inside the models folder
# Apache-2.0, 28 million parameters, 112 MB; what the hub listed, not checked against it.
REPOSITORY, REVISION = "autogluon/chronos-2-small", "ddec01313e50b6bc58ebaa92ede81bc24a3d9f9a"
CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
CONTEXT_BARS = 512


class Chronos2:
    """``fit`` and ``predict`` as every forecaster, with a model in a local folder; the web is never asked.

    Raises
    ------
    ConfigurationError
        The extra is not installed, or the folder does not hold the model's two files.
    BadInput
        The files are damaged, or of a model that cannot say what is asked.
    """

    model = MODEL

    def __init__(self, folder: Path, context_bars: int = CONTEXT_BARS) -> None:
        self._pipeline = _load(folder)
        self._context_bars = context_bars
        with (folder / WEIGHTS_FILE).open("rb") as weights:
            digest = hashlib.file_digest(weights, "sha256").hexdigest()
        self.model_version = f"{digest[:12]}-{context_bars}"
        self._history: ReturnHistory | None = None

    def fit(self, panel: Panel, sessions: Sequence[str]) -> None:
        """Learn nothing: the model goes by the context that ``predict`` shows it.

        Raises
        ------
        NotEnoughHistory
            ``sessions`` is empty, or its last one is not in the panel.
        """
        if not sessions:
            raise NotEnoughHistory(f"{self.model} needs sessions before the first one it forecasts")
        panel.position(sessions[-1])

    def predict(self, panel: Panel, session: str) -> list[Forecast]:
        """Forecast every ticker with a bar and a year of returns up to ``session``."""
        if self._history is None or self._history.panel is not panel:
            self._history = ReturnHistory(panel)
        row = panel.position(session)
        columns = self._history.ready(row)
        if not len(columns):
            return []
        steps = self._ask(_context(self._history, row, columns, self._context_bars))
        forecasts: list[Forecast] = []
        for horizon in HORIZONS:
            quantiles = steps[:, :, horizon - 1]
            mean, deviation = moments_from_quantiles(quantiles)
            forecasts += as_forecasts(
                panel, session, columns, horizon, quantiles,
                mean=mean, prob_up=probability_of_rise(quantiles), volatility=deviation,
                model=self.model, model_version=self.model_version,
            )  # fmt: skip
        return sorted(forecasts, key=lambda forecast: (forecast.ticker, forecast.horizon))

    def _ask(self, context: FloatArray) -> FloatArray:
        """Return quantiles of the level at each step after contexts (n, C), as (n, Q, S)."""
        import torch

        from fusion_model.forecasting.training import one_thread

        with one_thread():
            said = self._pipeline.predict(
                torch.from_numpy(context.astype(np.float32))[:, None, :],  # each series on its own
                prediction_length=max(HORIZONS),
                batch_size=len(context),
            )
        levels: FloatArray = np.stack([series[0].numpy() for series in said]).astype(np.float64)  # (n, P, S)
        return at_our_levels(np.sort(levels, axis=1), self._pipeline.quantiles)


def at_our_levels(quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Return quantiles (n, P, S) at a model's levels as (n, Q, S) at ours.

    Chronos-2 was trained at 21 levels: .01, .05 and on in steps of .05 to .95, .99. It has all of ours
    but .025 and .975. Between two of its levels the normal score is linear in the return, as everywhere
    in the product; beyond the outer ones nothing is made up, which is why ``_load`` asks for .01 and .99.
    """
    place = np.interp(NORMAL_SCORES, ndtri(np.asarray(levels)), np.arange(len(levels)))
    left = np.minimum(place.astype(np.intp), len(levels) - 2)
    share = (place - left)[None, :, None]
    return np.asarray(quantiles[:, left] * (1.0 - share) + quantiles[:, left + 1] * share)


def _context(history: ReturnHistory, row: int, columns: NDArray[np.intp], bars: int) -> FloatArray:
    """Return the log index at the last ``bars`` own bars less that of the newest, (n, C); NaN before them.

    Always of the same length, so that a ticker's forecast does not hang on how long the others are listed.
    """
    newest = history.count[row, columns][:, None]  # (n, 1)
    place = newest + np.arange(1 - bars, 1)
    level = history.wealth[np.maximum(place, 0), columns[:, None]] - history.wealth[newest, columns[:, None]]
    return np.where(place >= 0, level, np.nan)


def _load(folder: Path) -> Any:
    """The one door to the library: read a local folder, and nothing but weights without code."""
    try:
        import torch
        from chronos import BaseChronosPipeline, Chronos2Pipeline
        from safetensors import safe_open
    except ImportError as error:
        raise ConfigurationError(
            f"{MODEL} needs the extra `foundation` ({error}); run `pip install 'chronos-forecasting>=2.3,<3'`"
        ) from error
    missing = [name for name in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"{MODEL} needs {' and '.join(missing)} in {folder}; get them (112 MB) with `hf download "
            f"{REPOSITORY} --revision {REVISION} --local-dir {folder}`"
        )
    try:
        pipeline = BaseChronosPipeline.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
        with safe_open(folder / WEIGHTS_FILE, "pt") as weights:
            unset = pipeline.inner_model.state_dict().keys() - weights.keys()
        if unset:  # transformers draws such weights by lot
            raise ValueError(f"it lacks {min(unset)}")
    except Exception as error:  # whatever a damaged file makes transformers, safetensors or chronos raise
        raise BadInput(
            f"the model in {folder} cannot be read ({type(error).__name__}: {error}); remove the folder and "
            f"get {REPOSITORY} again"
        ) from error
    outer = (min(QUANTILE_LEVELS), max(QUANTILE_LEVELS))
    if not isinstance(pipeline, Chronos2Pipeline) or (pipeline.quantiles[0], pipeline.quantiles[-1]) != outer:
        raise BadInput(
            f"the model in {folder} is no Chronos-2 with quantiles from {outer[0]} to {outer[1]}; expected "
            f"{REPOSITORY}"
        )
    return pipeline
