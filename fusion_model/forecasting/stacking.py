"""How much of boosted trees and of GJR-GARCH to mix into the networks' volatility, learned out of sample.

Volatilities are mixed as logs, by horizon, before calibration: so one set of residuals calibrates the
mix, and the weights say in plain numbers who is heard. All sides know the earnings calendar: what the
anchor widens for a report, GJR-GARCH is widened for too.

Shapes: T sessions, N tickers, H horizons, R sessions that weights are learned on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from fusion_model.dataset.features import Features
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS
from fusion_model.forecasting.garch import GarchFit, filter_garch, log_volatility
from fusion_model.forecasting.tree_scale import TreeScale

LEVELS = np.array(QUANTILE_LEVELS)
TENTHS = tuple(tenth / 10 for tenth in range(11))
MIN_OUTCOMES = 1000  # below that a weight would be read out of noise
TREES_UNLEARNED = 0.5  # the trees' share before anything is learned: equal parts are hard to beat


@dataclass(frozen=True)
class Stack:
    """Who is heard beside the networks, and the shares in the log of the volatility by horizon.

    The networks have the rest: no weight is negative, and they sum to 1. ``trees`` is None where they were
    switched off, could not be loaded, or had too little to grow on; their shares are 0 then.
    """

    garch: GarchFit
    trees: TreeScale | None
    garch_shares: tuple[float, ...]  # (H,)
    tree_shares: tuple[float, ...]

    @property
    def network_shares(self) -> tuple[float, ...]:
        """What is left to the networks, (H,)."""
        pairs = zip(self.garch_shares, self.tree_shares, strict=True)
        return tuple(round(1.0 - garch - trees, 10) for garch, trees in pairs)


def garch_log_scale(panel: Panel, features: Features, fit: GarchFit) -> FloatArray:
    """Return the log of GJR-GARCH's volatility against the anchor's without a calendar, (T, N, H)."""
    filtered = filter_garch(panel, fit)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack(
            [
                log_volatility(filtered, horizon) - np.log(features.scale * np.sqrt(horizon))
                for horizon in HORIZONS
            ],
            axis=2,
        )


def mixed(networks: FloatArray, *others: tuple[FloatArray, float]) -> FloatArray:
    """Return the mix of log scales; who has none leaves its share to the networks.

    Parameters
    ----------
    networks : ndarray
    *others : pairs of a log scale of that shape, NaN where it is unknown, and its share
    """
    total = networks
    for theirs, share in others:
        if share:
            total = total + np.where(np.isfinite(theirs), share * (theirs - networks), 0.0)
    return total


def learned_shares(
    networks: FloatArray,
    trees: FloatArray | None,
    garch: FloatArray,
    anchor: FloatArray,
    came: FloatArray,
    trust: float,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the shares of GJR-GARCH and of the trees by horizon.

    Those tenths that have the least pinball loss are believed by ``trust``; for the rest the trees have
    TREES_UNLEARNED and GJR-GARCH nothing. The models that weights are learned with stop ``stacking_sessions``
    earlier than those that are shipped, and were that much older than these will be: hence less than the
    whole is believed.

    Parameters
    ----------
    networks, trees, garch : ndarray (R, N, H)
        Log scales against the anchor, from models that knew nothing of these sessions; without trees, None.
    anchor : ndarray (R, N, H)
    came : ndarray (R, N, H)
        Log returns over each horizon; NaN where they are not known yet.
    """
    unlearned = (0.0, 0.0 if trees is None else TREES_UNLEARNED)
    best = []
    for k in range(came.shape[2]):
        sides = [side[:, :, k] for side in (networks, garch, networks if trees is None else trees)]
        known = np.isfinite(came[:, :, k]) & np.isfinite(sides).all(axis=0)
        if known.sum() < MIN_OUTCOMES:
            best.append(unlearned)
            continue
        ours, theirs, grown = (side[known] for side in sides)
        unit, outcome = anchor[:, :, k][known], came[:, :, k][known]
        offered = [
            (garch_share, tree_share)
            for garch_share, tree_share in product(TENTHS, (0.0,) if trees is None else TENTHS)
            if garch_share + tree_share <= 1.0
        ]
        losses = [
            _pinball(outcome, unit * np.exp(mixed(ours, (theirs, shares[0]), (grown, shares[1]))))
            for shares in offered
        ]
        best.append(offered[int(np.argmin(losses))])
    believed = [
        tuple(
            round(trust * learned + (1.0 - trust) * before, 4)
            for learned, before in zip(pair, unlearned, strict=True)
        )
        for pair in best
    ]
    return tuple(pair[0] for pair in believed), tuple(pair[1] for pair in believed)


def _pinball(came: FloatArray, scale: FloatArray) -> float:
    """Return the mean pinball loss of scales (P,) that all take the shape of their own residuals."""
    residuals = came / scale
    loss = 0.0
    for level, quantile in zip(LEVELS, np.quantile(residuals, LEVELS), strict=True):
        error = residuals - quantile
        loss += float((np.maximum(level * error, (level - 1.0) * error) * scale).mean())
    return loss
