"""A market in RSR's layout: closes in any unit, of which ratios alone are read, and the days to foretell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion_model.dataset.panel import FloatArray

MISSING = -1234.0


@dataclass(frozen=True)
class Market:
    """Closes of N stocks on T days in any unit, NaN where missing; the test's S days are targets."""

    closes: FloatArray  # (N, T)
    days: tuple[str, ...]
    first: int  # row of the first target
    stop: int  # row after the last one

    @property
    def returns(self) -> FloatArray:
        """Simple return of each day, (N, T)."""
        moved = np.full(self.closes.shape, np.nan)
        moved[:, 1:] = self.closes[:, 1:] / self.closes[:, :-1] - 1.0
        return moved

    @property
    def came(self) -> FloatArray:
        """The returns that are to be foretold, (N, S)."""
        return self.returns[:, self.first : self.stop]

    def known(self, values: FloatArray) -> FloatArray:
        """Return (N, S): what stood there at the close before each target, of values (N, T)."""
        return values[:, self.first - 1 : self.stop - 1]


def read_market(panel: Path, dates: Path, first: str, last: str) -> Market:
    """Read a market; the test runs over the days from ``first`` to ``last``."""
    with np.load(panel, allow_pickle=False) as held:
        closes = held["features"][:, :, -1].astype(float)
    closes[closes == MISSING] = np.nan
    days = [line[:10] for line in dates.read_text("utf-8").split("\n") if line.strip()]
    if len(days) < closes.shape[1]:
        raise SystemExit(f"{dates} holds {len(days)} days, and {panel} {closes.shape[1]}")
    days = days[len(days) - closes.shape[1] :]
    targets = [row for row, day in enumerate(days) if first <= day <= last]
    if not targets or targets[0] < 2:
        raise SystemExit(f"{dates} holds no test days with days before them between {first} and {last}")
    return Market(closes, tuple(days), targets[0], targets[-1] + 1)
