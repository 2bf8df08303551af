"""Boosted trees for the volatility: what LightGBM says of it, from the newest row of the price features.

For each horizon a model of its own, fitted by the likelihood that the networks have: Student-t, of returns in
units of the anchor. It has no memory, errs in other places than a network, and is heard beside it.

Shapes: N tickers, T sessions, F features, H horizons, P rows of training.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fusion_model.dataset.features import Float32Array
from fusion_model.dataset.panel import BoolArray, FloatArray
from fusion_model.dataset.windows import NetworkInput
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import HORIZONS
from fusion_model.forecasting.boosted_trees import FEATURE_DECIMALS, load_lightgbm

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

FREEDOM = 5.0  # degrees of freedom of the Student-t
LEARNING_RATE = 0.05
SHARE = 0.5  # of the features and of the rows, drawn anew for each tree
# Outcomes of neighbouring sessions overlap: rows are thinned, and leaves larger, the further the horizon.
STRIDES = dict(zip(HORIZONS, (1, 2, 4), strict=True))
ROWS_IN_LEAF = dict(zip(HORIZONS, (500, 1000, 2000), strict=True))  # at least
LEAF_SHARE = 8  # a short history is parted all the same: into leaves of an eighth at least
MIN_ROWS = 800


@dataclass(frozen=True)
class TreeScale:
    """A fitted model per horizon, in the order of HORIZONS."""

    boosters: tuple[Booster, ...]

    def predict(self, price: Float32Array) -> FloatArray:
        """Return the log of the scale against the anchor, (P, H), of scaled features (P, F)."""
        rows = np.round(price, FEATURE_DECIMALS)
        said = [np.asarray(booster.predict(rows, num_threads=1)) for booster in self.boosters]
        return np.stack(said, axis=1)

    def texts(self) -> tuple[str, ...]:
        """Return what is kept of the models: LightGBM's own text format."""
        return tuple(str(booster.model_to_string()) for booster in self.boosters)

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> TreeScale:
        """Read what ``texts`` returned.

        Raises
        ------
        ConfigurationError
            LightGBM cannot be loaded.
        """
        lightgbm = load_lightgbm()
        return cls(tuple(lightgbm.Booster(model_str=text) for text in texts))


def fit_tree_scale(
    data: NetworkInput, targets: Float32Array, tickers: Sequence[str], *, trees: int, leaves: int, seed: int
) -> TreeScale:
    """Grow the trees of each horizon, on one thread: the same data and seed give the same model.

    Parameters
    ----------
    targets : ndarray (N, T, H)
        Returns in units of the anchor, NaN where they are not known yet.
    tickers : sequence of N str

    Raises
    ------
    ConfigurationError
        LightGBM cannot be loaded.
    NotEnoughHistory
        There are fewer than MIN_ROWS rows for a horizon.
    """
    lightgbm = load_lightgbm()
    boosters = []
    for k, horizon in enumerate(HORIZONS):
        kept = _thinned(np.isfinite(targets[:, :, k]) & data.ready[:, : targets.shape[1]], tickers, horizon)
        if kept.sum() < MIN_ROWS:
            raise NotEnoughHistory(f"boosted trees need {MIN_ROWS} outcomes to grow on, not {kept.sum()}")
        parameters = {
            "objective": _student_t,
            "num_leaves": leaves,
            "learning_rate": LEARNING_RATE,
            "min_data_in_leaf": min(ROWS_IN_LEAF[horizon], int(kept.sum()) // LEAF_SHARE),
            "feature_fraction": SHARE,
            "bagging_fraction": SHARE,
            "bagging_freq": 1,
            "feature_pre_filter": False,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        rows = np.round(data.price[:, : targets.shape[1]][kept], FEATURE_DECIMALS)
        outcomes = lightgbm.Dataset(rows, targets[:, :, k][kept], params={"verbosity": -1})
        boosters.append(lightgbm.train(parameters, outcomes, num_boost_round=trees))
    return TreeScale(tuple(boosters))


def _thinned(usable: BoolArray, tickers: Sequence[str], horizon: int) -> BoolArray:
    """Keep every k-th usable row of each ticker (N, T), staggered: all in step would be the same sessions."""
    stride, kept = STRIDES[horizon], np.zeros_like(usable)
    for n, ticker in enumerate(tickers):
        kept[n, np.flatnonzero(usable[n])[zlib.crc32(ticker.encode()) % stride :: stride]] = True
    return kept


def _student_t(log_scale: FloatArray, data: Dataset) -> tuple[FloatArray, FloatArray]:
    """Return slope of the negative log likelihood in the log scale, and the curvature expected of it."""
    squares = np.asarray(data.get_label(), dtype=np.float64) ** 2 * np.exp(-2.0 * log_scale) / FREEDOM
    slope = 1.0 - (FREEDOM + 1.0) * squares / (1.0 + squares)
    return slope, np.full_like(slope, 2.0 * FREEDOM / (FREEDOM + 3.0))
