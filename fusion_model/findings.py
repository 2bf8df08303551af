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
TAIL_SHAPE = 0.2  # of the generalised Pareto beyond the outer levels; docs/forecasting.md, "Beyond 1 %"
HORIZONS = (1, 5, 20)
FUSION_MODEL = "fusion"  # the model whose forecasts the window shows


@dataclass(frozen=True, slots=True)
class Forecast:
    """The distribution of the log total return from one close to the close ``horizon`` sessions later.

    ``quantiles`` stand at QUANTILE_LEVELS, never decreasing. ``volatility`` is the standard deviation
    of the return over the whole horizon, not annualised. ``last_close`` is the close of
    ``as_of_session`` as traded, in USD. ``scorer`` names who read the posts (empty: nobody).
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
    scorer: str = ""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A checkpoint on disk: ``folder`` below the home's models, ``summary`` a JSON object of figures."""

    model_version: str
    model: str
    as_of_session: str
    trained_at: str
    folder: str
    summary: str


MEASURES = (
    "return", "range", "volume", "spread", "post_count", "sentiment", "turbulence", "joint",
)  # fmt: skip
MARKET = "MARKET"  # stands for all stored stocks where a ticker is named


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One measure of one session that was improbable under what was expected of it.

    ``measure`` is one of MEASURES; ``p_value`` is two-sided for return, spread and sentiment, upper for
    the others; ``observed`` and ``expected`` are in the unit of the measure: log return (return, spread),
    log of high over low (range), shares (volume), posts (post_count), mean of positive - negative
    (sentiment), squared Mahalanobis distance a stock (turbulence, of the ticker MARKET: its p-value counts
    the mean move too), measures below 5 % (joint: all of a ticker together). ``reason`` is a sentence for a
    person.
    """

    ticker: str
    session: str
    measure: str
    observed: float
    expected: float
    p_value: float
    reason: str


@dataclass(frozen=True, slots=True)
class UnusualQuote:
    """A price of the session under way that was improbable under the forecast of the close before.

    ``move``, ``low`` and ``high`` are log total returns since that close: what happened, and where nine in
    ten outcomes were expected by ``quoted_at``, when the share ``elapsed`` of the trading hours had passed.
    ``p_value`` is the probability of coming this far at any moment of the session, however often one
    looks; ``p_now`` that of being this far out at this very moment.
    """

    ticker: str
    session: str
    price: float
    quoted_at: str
    move: float
    elapsed: float
    low: float
    high: float
    p_value: float
    p_now: float
    reason: str


@dataclass(frozen=True, slots=True)
class ExpectedReport:
    """When a company reports next, as it was known at the close that its forecasts were made at.

    ``certainty`` is announced, expected (the last report plus 91 days) or unknown: then the other fields
    are empty. ``time_of_day`` is pre, post or unknown; ``reaction_session`` is the first that trades on the
    report, ``sessions_ahead`` of ``as_of_session``.
    """

    ticker: str
    as_of_session: str
    certainty: str
    report_on: str = ""
    time_of_day: str = "unknown"
    reaction_session: str = ""
    sessions_ahead: int = 0


ATTRIBUTION_UNITS = {"width": "log of the 90 % width", "median": "log return"}


@dataclass(frozen=True, slots=True)
class Attribution:
    """What one cause adds to the width (q95 - q05) or to the median of one forecast, through one part of it.

    ``cause`` is what was read: price, volume, indicators, market, earnings, posts, macro, related; or usual
    (the width of an ordinary day), calibration (past misses) and drift (where past outcomes lay), which read
    nothing of the day. ``part`` is who says it: anchor, networks, gjr_garch, ...; of calibration own_shape or
    recent_misses; of related stocks the neighbour's ticker; empty for the median, whose parts act together.
    All rows of one forecast and ``target`` sum to it, in ``unit``.
    """

    model_version: str
    ticker: str
    as_of_session: str
    horizon: int
    target: str
    cause: str
    part: str
    contribution: float
    unit: str


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What the model says where one thing had not happened: quantiles of the log total return.

    ``change`` is no_move (the session's price had stood still), no_report (none were expected) or
    neutral_posts (as many, all neutral). Calibration is held.
    """

    model_version: str
    ticker: str
    as_of_session: str
    horizon: int
    change: str
    q05: float
    q50: float
    q95: float


@dataclass(frozen=True, slots=True)
class RelatedStock:
    """One neighbour of a ticker in the graph of stocks at a close; ``place`` 1 is the closest.

    ``correlation`` is that of returns less the market's, ``co_mention`` the share of posts that name both;
    ``attention`` is how strongly the model reads it (a ticker's sum to 1), None where no part does.
    """

    ticker: str
    as_of_session: str
    place: int
    neighbour: str
    correlation: float
    same_sector: bool
    co_mention: float
    attention: float | None


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """How one model did at one horizon on forecasts that have come true, beside one baseline.

    ``pinball`` is the mean pinball loss of log returns in percent over SCORED_LEVELS; ``skill`` is
    1 - pinball / the baseline's pinball on the same forecasts; ``dm_t`` the Diebold-Mariano t of the
    difference on session means (negative: the model is better; NaN against itself). Coverages are the
    shares of realised returns inside the central ranges. ``direction_hits`` is the share of signs
    foretold right by ``prob_up > 0.5``; ``direction_mcc`` is Matthews' correlation with its 95 %
    session-block bootstrap interval: direction has skill where the interval lies above zero.
    """

    model: str
    baseline: str
    horizon: int
    first_session: str
    last_session: str
    forecasts: int
    sessions: int
    pinball: float
    skill: float
    dm_t: float
    coverage_50: float
    coverage_80: float
    coverage_90: float
    coverage_95: float
    direction_hits: float
    direction_mcc: float
    direction_mcc_low: float
    direction_mcc_high: float


@dataclass(frozen=True, slots=True)
class Order:
    """A proposed order: what to trade, on what occasion, and why in plain words.

    ``order_id`` follows from account, strategy, ticker, side and ``occasion`` alone: the same occasion never
    makes two. ``shares`` are those of ``session``, the last one closed by then; ``price`` is what triggered
    the order, in USD, and never what it is filled at. ``range_low`` and ``range_high`` are the 95 % forecast
    range shown with it, None where there was none. It has to be decided by ``valid_until``.
    """

    order_id: str
    account: str
    strategy: str
    ticker: str
    side: str
    shares: float
    occasion: str
    session: str
    price: float
    range_low: float | None
    range_high: float | None
    reason: str
    proposed_at: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class Fill:
    """What an order was filled at, in USD: ``price`` a share with half the spread in it, and ``fee`` on top.

    ``shares`` are those of ``session``. ``market_price`` is what came next on the market, without the spread,
    and ``basis`` what that was: the open of the session, a quote, or a broker's own word. ``note`` tells why
    fewer shares than proposed were traded, if so.
    """

    order_id: str
    account: str
    ticker: str
    side: str
    shares: float
    market_price: float
    price: float
    fee: float
    session: str
    filled_at: str
    basis: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderEnd:
    """An order that ended without a fill: refused (by a limit or a broker), cancelled, expired, rejected."""

    order_id: str
    account: str
    outcome: str
    reason: str
    ended_at: str
