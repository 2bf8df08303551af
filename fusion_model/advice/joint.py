"""Many probabilities as one, many tickers without false discoveries, and a budget of alerts.

Numpy alone: the window reads the alerts through it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

LARGEST_P = 0.99  # in a combination: one measure near 1 must not outweigh what the others saw
LEAST_P = 1e-12
MONTH = 30.4375  # days
STEP = 10.0  # by which each alert makes the next one harder


def cauchy_combination(p_values: ArrayLike) -> FloatArray:
    """Return one p-value per row of (n, K), whatever the dependence of the K tests; NaN are left out.

    Each p becomes a Cauchy variate; the mean of Cauchy variates, dependent ones too, has a Cauchy tail. A row
    without any p is NaN.

    References
    ----------
    Liu & Xie (2020), Cauchy combination test, JASA 115.
    """
    given = np.clip(np.asarray(p_values, dtype=float), LEAST_P, LARGEST_P)
    known = np.isfinite(given)
    angle = np.where(known, (0.5 - given) * np.pi, 0.0)
    variate = np.where(known, 1.0 / np.tan(np.pi / 2.0 - angle), 0.0)
    number = known.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = variate.sum(axis=-1) / number
        combined = np.arctan2(1.0, mean) / np.pi
    return np.where(number > 0, np.clip(combined, LEAST_P, 1.0), np.nan)


def false_discovery_rate(
    p_values: ArrayLike, tests: int | None = None, *, any_dependence: bool = False
) -> FloatArray:
    """Return p-values (n,) adjusted for their number: those up to q hold at most a share q of false alarms.

    Parameters
    ----------
    p_values : ndarray (n,)
        NaN stays NaN and does not count.
    tests : int, optional
        How many were made, where only the smallest were kept; default: as many as are given.
    any_dependence : bool
        Benjamini & Yekutieli's factor on top. Without it the bound holds for tests that are independent or
        depend positively, as those of stocks that share a market do.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57; Benjamini & Yekutieli (2001), Annals of Statistics 29.
    """
    given = np.asarray(p_values, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(given[known], kind="stable")]
    number = max(tests or 0, len(order))
    factor = np.sum(1.0 / np.arange(1, number + 1)) if any_dependence else 1.0
    scaled = given[order] * number * factor / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def within_budget(
    days: Sequence[int], p_values: Sequence[float], per_month: float, ceiling: float
) -> list[bool]:
    """Tell which sessions of one ticker are alerts, oldest first, each without a look at later ones.

    The threshold begins at ``ceiling``. Each alert makes it STEP times stricter, and each month gives back
    ``per_month`` steps, bit by bit, never beyond the ceiling. So over m months there are at most
    m x per_month alerts, and those few more that the way from the ceiling down to LEAST_P lets pass; in a
    month of storms the most improbable days come through, and in a quiet one there may be none.

    Parameters
    ----------
    days : sequence of int
        Day numbers of the sessions (``date.toordinal``), rising; what is left out counts as ordinary.
    per_month : float
        0: none at all.
    """
    alerts: list[bool] = []
    steps, last = 0.0, days[0] if days else 0
    for day, p_value in zip(days, p_values, strict=True):
        steps = max(0.0, steps - (day - last) * per_month / MONTH)
        last = day
        fires = per_month > 0 and p_value <= ceiling * STEP**-steps
        alerts.append(fires)
        steps += fires
    return alerts
