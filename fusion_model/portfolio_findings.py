"""Rows of findings on portfolios: frozen dataclasses whose field names are column names.

A run looks at some tickers at one close under some limits; it suggests one portfolio per method, and says
what the same methods did in the past. Weights, losses, costs and turnover are fractions of its worth.
"""

from __future__ import annotations

from dataclasses import dataclass

from resources.language import mark

MIN_CVAR, HRP, EQUAL_RISK, MAX_DIVERSIFICATION, EQUAL_WEIGHT = METHODS = (
    "min_cvar", "hierarchical_risk_parity", "equal_risk", "max_diversification", "equal_weight",
)  # fmt: skip
HOLD = "buy_and_hold"  # a strategy of walks alone
METHOD_NAMES = {
    MIN_CVAR: mark("Minimum CVaR"),
    HRP: mark("Hierarchical risk parity"),
    EQUAL_RISK: mark("Equal risk"),
    MAX_DIVERSIFICATION: mark("Maximum diversification"),
    EQUAL_WEIGHT: mark("Equal weights (1/N)"),
    HOLD: mark("Buy and hold"),
}
TRADING, ASSUMED = "trading", "assumed"  # kinds of frontier


@dataclass(frozen=True, slots=True)
class PortfolioRun:
    """What was asked, and how far the past could be walked.

    ``value``: what is held in USD, 0 where nothing is. ``overfitting``: how often the best method of one half
    of the walk was among the worse half in the other, None without a walk; ``walk_first`` is then empty and
    ``walk_note`` says why.
    """

    as_of_session: str
    horizon: int
    target_session: str
    model_version: str
    scenarios: int
    value: float
    max_weight: float
    max_sector: float
    max_turnover: float
    cost: float
    min_trade: float
    walk_first: str
    walk_last: str
    walk_decisions: int
    overfitting: float | None
    walk_note: str


@dataclass(frozen=True, slots=True)
class PortfolioSuggestion:
    """What one method suggests: ``cvar`` is the mean loss of the worst twentieth of scenarios at the horizon.

    ``names``: effective number of them. ``current_*``: of what is held, None where nothing is. ``cost`` of
    getting there. ``moved``: mean turnover from the suggestion to what other draws and volatilities a tenth
    off would have suggested. ``beats_equal_weight``: whether its Sharpe ratio over the walk lies above that
    of 1/N beyond doubt; None without a walk, and for 1/N itself. ``sentence``: all that in words.
    """

    method: str
    cvar: float
    volatility: float
    names: float
    current_cvar: float | None
    current_volatility: float | None
    turnover: float
    cost: float
    moved: float
    beats_equal_weight: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class SuggestedWeight:
    """A ticker's weight: what is held, what is suggested, and the range of the repetitions."""

    method: str
    ticker: str
    current: float
    weight: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One portfolio of a frontier, over the horizon.

    ``kind`` trading: the least CVaR after exchanging at most so much. assumed: the classical one, where every
    stock earned the same ``reward`` (a year) for its volatility; None where nothing was assumed.
    """

    kind: str
    place: int
    turnover: float
    cvar: float
    volatility: float
    names: float
    reward: float | None


@dataclass(frozen=True, slots=True)
class WalkScore:
    """One strategy over a walk, after costs.

    ``yearly_return`` is compounded, ``volatility`` a year; ``sharpe`` is mean over standard deviation, a
    year, with a 95 % block-bootstrap interval. ``cvar`` is the mean loss of the worst twentieth of sessions,
    ``drawdown`` the deepest fall from a peak, both as positive fractions. ``turnover`` is what is exchanged
    a year, as a fraction of the portfolio. Against 1/N: ``mean_t`` is the t of the difference of means and
    ``risk_t`` that of the squared deviations (negative: calmer), with HAC errors; ``sharpe_low`` ..
    ``sharpe_high`` the 95 % interval of the difference of Sharpe ratios; NaN for 1/N itself.
    ``deflated_sharpe``: the probability that the Sharpe ratio lies above what the best of as many worthless
    trials would show.
    """

    strategy: str
    yearly_return: float
    volatility: float
    sharpe: float
    sharpe_from: float
    sharpe_to: float
    drawdown: float
    cvar: float
    turnover: float
    mean_t: float
    risk_t: float
    sharpe_low: float
    sharpe_high: float
    deflated_sharpe: float


@dataclass(frozen=True, slots=True)
class PortfolioFindings:
    """A run with everything it found."""

    run: PortfolioRun
    suggestions: tuple[PortfolioSuggestion, ...]
    weights: tuple[SuggestedWeight, ...]
    frontier: tuple[FrontierPoint, ...]
    walk: tuple[WalkScore, ...]
