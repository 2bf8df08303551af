"""How much of GJR-GARCH to mix into the networks' volatility, learned on sessions that neither was fitted on.

Volatilities are mixed as logs, by horizon, before calibration: so one set of residuals calibrates the
mix, and the weights say in plain numbers who is heard. Both sides know the earnings calendar: what the
anchor widens for a report, GJR-GARCH is widened for too.

Shapes: T sessions, N tickers, H horizons, R sessions that weights are learned on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_model.dataset.features import Features
from fusion_model.dataset.panel import FloatArray, Panel
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS
from fusion_model.forecasting.garch import GarchFit, filter_garch, log_volatility

LEVELS = np.array(QUANTILE_LEVELS)
SHARES = tuple(tenth / 10 for tenth in range(11))
MIN_OUTCOMES = 1000  # below that a weight would be read out of noise


@dataclass(frozen=True)
class Stack:
    """GJR-GARCH as fitted beside the networks, and its share in the log of the volatility by horizon.

    The networks have the rest: no weight is negative, and they sum to 1.
    """

    garch: GarchFit
    shares: tuple[float, ...]  # (H,)


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


def mixed(networks: FloatArray, garch: FloatArray, share: float) -> FloatArray:
    """Return the mix of two log scales; the networks' alone where GJR-GARCH has none."""
    return np.where(np.isfinite(garch), (1.0 - share) * networks + share * garch, networks)


def learned_shares(
    networks: FloatArray, garch: FloatArray, anchor: FloatArray, came: FloatArray, trust: float
) -> tuple[float, ...]:
    """Return GJR-GARCH's share by horizon: the tenth with the least pinball loss, times ``trust``.

    The networks that weights are learned with stop ``stacking_sessions`` earlier than those that are
    shipped, and were that much older than these will be: hence less than the whole is believed.

    Parameters
    ----------
    networks, garch : ndarray (R, N, H)
        Log scales against the anchor, from models that knew nothing of these sessions.
    anchor : ndarray (R, N, H)
    came : ndarray (R, N, H)
        Log returns over each horizon; NaN where they are not known yet.
    """
    shares = []
    for k in range(came.shape[2]):
        known = np.isfinite(networks[:, :, k]) & np.isfinite(garch[:, :, k]) & np.isfinite(came[:, :, k])
        if known.sum() < MIN_OUTCOMES:
            shares.append(0.0)
            continue
        ours, theirs, unit, outcome = (values[:, :, k][known] for values in (networks, garch, anchor, came))
        losses = [_pinball(outcome, unit * np.exp(mixed(ours, theirs, share))) for share in SHARES]
        shares.append(trust * SHARES[int(np.argmin(losses))])
    return tuple(shares)


def _pinball(came: FloatArray, scale: FloatArray) -> float:
    """Return the mean pinball loss of scales (P,) that all take the shape of their own residuals."""
    residuals = came / scale
    loss = 0.0
    for level, quantile in zip(LEVELS, np.quantile(residuals, LEVELS), strict=True):
        error = residuals - quantile
        loss += float((np.maximum(level * error, (level - 1.0) * error) * scale).mean())
    return loss
