"""What a person allows a portfolio to be, and the nearest portfolio that keeps to it.

Shapes: N tickers. Weights are fractions of the portfolio's worth, long only, and sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collectors.errors import BadInput
from fusion_model.dataset.panel import FloatArray

NAME_CAP = 0.25  # of one ticker where the person set none, and never under twice an equal share
TOLERANCE = 1e-6  # of a weight; what a solver leaves below it is nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """What the person allows.

    ``max_weight``: most of one ticker (None: NAME_CAP, or twice an equal share where that is more).
    ``max_sector``: most of one sector; a ticker whose sector is not known counts in none. ``max_turnover``:
    most that is sold and bought anew, as a fraction of the portfolio; a first purchase from cash is not
    limited. ``cost`` a side, as a fraction of what is traded. ``min_trade``: changes of a weight below it are
    left undone.
    """

    max_weight: float | None = None
    max_sector: float = 1.0
    max_turnover: float = 1.0
    cost: float = 0.001
    min_trade: float = 0.005

    def __post_init__(self) -> None:
        """Refuse what is no limit.

        Raises
        ------
        BadInput
            A fraction outside its range.
        """
        for value, name, least in (
            (1.0 if self.max_weight is None else self.max_weight, "the most of one ticker", 0.0),
            (self.max_sector, "the most of one sector", 0.0),
            (self.max_turnover, "the turnover", -1.0),
        ):
            if not least < value <= 1.0:
                raise BadInput(f"{name} must be a fraction up to 1 (25 % is 0.25), not {value:g}")
        if not 0.0 <= self.cost < 0.1:
            raise BadInput(f"costs a side must lie between 0 and 1000 basis points, not {self.cost * 1e4:g}")
        if not 0.0 <= self.min_trade < 0.5:
            raise BadInput(f"the smallest trade must lie between 0 and 0.5, not {self.min_trade:g}")

    def name_cap(self, count: int) -> float:
        """Return the most of one ticker among so many."""
        return min(1.0, max(NAME_CAP, 2.0 / count)) if self.max_weight is None else self.max_weight


def sector_rows(sectors: Sequence[str]) -> FloatArray:
    """Return (G, N), 1 where a ticker is of a sector; unknown sectors have no row."""
    known = sorted({sector for sector in sectors if sector})
    rows = [[float(sector == group) for sector in sectors] for group in known]
    return np.array(rows).reshape(len(known), len(sectors))


def check_possible(tickers: Sequence[str], sectors: Sequence[str], limits: Limits) -> None:
    """See that some portfolio keeps to the caps.

    Raises
    ------
    BadInput
        None does; the message names the cap and what would do.
    """
    N = len(tickers)
    cap = limits.name_cap(N)
    if N * cap < 1.0 - TOLERANCE:
        raise BadInput(
            f"{N} tickers with at most {cap:.1%} each hold {N * cap:.0%} of a portfolio; allow at least "
            f"{np.ceil(1000 / N) / 1000:.1%} of one ticker, or name more of them"
        )
    room = float(sum(sector == "" for sector in sectors)) * cap
    held = sector_rows(sectors).sum(axis=1)
    room += float(np.minimum(held * cap, limits.max_sector).sum())
    if room < 1.0 - TOLERANCE:
        raise BadInput(
            f"the {N} tickers are of {len(held)} sectors, and with at most {limits.max_sector:.0%} of "
            f"one sector and {cap:.1%} of one ticker they hold {room:.0%} of a portfolio; allow more of a "
            "sector, or name tickers of other sectors"
        )


def keeps_to(weights: FloatArray, sectors: Sequence[str], limits: Limits, current: FloatArray | None) -> bool:
    """Tell whether weights (N,) keep to caps and turnover."""
    caps = bool(weights.max() <= limits.name_cap(len(weights)) + TOLERANCE)
    groups = sector_rows(sectors) @ weights
    sold = 0.0 if current is None else turnover(current, weights)
    within = not len(groups) or bool(groups.max() <= limits.max_sector + TOLERANCE)
    return caps and within and sold <= limits.max_turnover + TOLERANCE


def turnover(before: FloatArray, after: FloatArray) -> float:
    """Return half of all changes of weight: what is exchanged; from cash, half of what is bought."""
    return float(np.abs(after - before).sum() / 2.0)


def nearest_within(
    target: FloatArray, sectors: Sequence[str], limits: Limits, current: FloatArray | None
) -> FloatArray:
    """Return the weights (N,) within the limits that lie nearest to a target, by squared distance.

    Parameters
    ----------
    current : ndarray (N,), optional
        What is held; None: nothing yet, and turnover is free.

    Raises
    ------
    BadInput
        The turnover does not reach from what is held into the caps; the message says what would.
    """
    if keeps_to(target, sectors, limits, current):
        return target
    import cvxpy as cp

    weights = cp.Variable(len(target), nonneg=True)
    caps = [cp.sum(weights) == 1, weights <= limits.name_cap(len(target))]
    if len(groups := sector_rows(sectors)):
        caps.append(groups @ weights <= limits.max_sector)
    within = list(caps)
    if current is not None:
        within.append(cp.norm(weights - current, 1) <= 2.0 * limits.max_turnover)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(weights - target)), within)
    problem.solve(solver=cp.CLARABEL)
    if weights.value is None and current is not None:
        least = cp.Problem(cp.Minimize(cp.norm(weights - current, 1) / 2.0), caps)
        least.solve(solver=cp.CLARABEL)
        raise BadInput(
            f"what is held lies outside the caps, and {float(least.value):.1%} of the portfolio would have "
            f"to be exchanged to keep to them; the turnover allows {limits.max_turnover:.1%}"
        )
    if weights.value is None:
        raise BadInput("no portfolio keeps to the caps on tickers and sectors; allow more of one of them")
    return cleaned(np.asarray(weights.value, dtype=float))


def without_small_trades(
    weights: FloatArray, sectors: Sequence[str], limits: Limits, current: FloatArray | None
) -> FloatArray:
    """Return the weights (N,) with changes below the smallest trade left undone, the others filling up.

    A change that only the caps ask for is done however small it is. Without holdings, positions below it
    are not opened.
    """
    before = np.zeros(len(weights)) if current is None else current
    change = weights - before
    small = (np.abs(change) < limits.min_trade) & (np.abs(change) > TOLERANCE)
    if not small.any() or small.all():
        return weights
    kept = np.where(small, before, weights)
    rest = kept[~small].sum()
    if rest <= TOLERANCE:
        return weights
    kept[~small] *= (1.0 - kept[small].sum()) / rest
    return kept if keeps_to(kept, sectors, limits, current) else weights


def cleaned(weights: FloatArray) -> FloatArray:
    """Return a solver's weights without its dust: none below TOLERANCE, and a sum of 1."""
    kept = np.where(weights < TOLERANCE, 0.0, weights)
    return np.asarray(kept / kept.sum())
