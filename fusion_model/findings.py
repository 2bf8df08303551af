"""Rows of findings: frozen dataclasses whose field names are column names."""

from __future__ import annotations

from dataclasses import dataclass

QUANTILE_LEVELS = (
    0.01, 0.025, 0.05, 0.10, 0.20, 0.25, 0.30, 0.40, 0.50,
    0.60, 0.70, 0.75, 0.80, 0.90, 0.95, 0.975, 0.99,
)  # fmt: skip
QUANTILE_NAMES = (
    "q01", "q025", "q05", "q10", "q20", "q25", "q30", "q40", "q50",
    "q60", "q70", "q75", "q80", "q90", "q95", "q975", "q99",
)  # fmt: skip
HORIZONS = (1, 5, 20)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The distribution of the log total return from one close to the close ``horizon`` sessions later.

    ``quantiles`` stand at QUANTILE_LEVELS, never decreasing. ``volatility`` is the standard deviation
    of the return over the whole horizon, not annualised. ``last_close`` is the close of
    ``as_of_session`` as traded, in USD.
    """

    model: str
    model_version: str
    ticker: str
    as_of_session: str
    horizon: int
    target_session: str
    last_close: float
    quantiles: tuple[float, ...]
    mean: float
    prob_up: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One measure of one session that was improbable under what was forecast for it.

    ``measure`` is return, volume or post_count; ``p_value`` is two-sided for returns, upper for
    counts and volumes; ``observed`` and ``expected`` are in the unit of the measure (log return,
    shares, posts); ``reason`` is a sentence for a person.
    """

    ticker: str
    session: str
    measure: str
    observed: float
    expected: float
    p_value: float
    reason: str


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """How one model did at one horizon on forecasts that have come true.

    ``pinball`` is the mean pinball loss in percent of price over the 15 levels of docs/forecasting.md;
    ``skill`` is 1 - pinball / baseline's pinball; ``dm_t`` the Diebold-Mariano t of the difference
    (negative: the model is better); coverages are shares of realised returns inside the central range.
    ``baseline`` is the model compared with.
    """

    model: str
    baseline: str
    horizon: int
    forecasts: int
    sessions: int
    pinball: float
    skill: float
    dm_t: float
    coverage_50: float
    coverage_80: float
    coverage_90: float
    coverage_95: float
