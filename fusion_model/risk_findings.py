"""Rows of findings on risk: frozen dataclasses whose field names are column names.

A ``subject`` is a ticker, or ``portfolio-`` and a hash of its weights. Losses and drawdowns are positive
fractions of wealth, returns simple and total.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RiskReport:
    """What a subject may lose over one horizon.

    ``value`` is the wealth in USD, 0 where it is not known. ``volatility`` is the standard deviation of the
    return over the whole horizon. ``var_95`` is the loss that 5 % of outcomes exceed, ``es_95`` the mean of
    these outcomes; 99 likewise; ``var_999`` one in 1,000 exceeds, on a generalised Pareto tail of
    ``tail_shape``. ``drawdown_95``: 5 % of paths fall deeper below a peak on the way (None for a ticker).
    """

    subject: str
    as_of_session: str
    horizon: int
    target_session: str
    value: float
    volatility: float
    var_95: float
    es_95: float
    var_99: float
    es_99: float
    var_999: float
    tail_shape: float
    drawdown_95: float | None
    model_version: str


@dataclass(frozen=True, slots=True)
class RiskComponent:
    """One holding's part in a portfolio's risk: parts sum to the whole; by weight they are marginal.

    ``tail_return`` is what the holding itself does, on average, in the portfolio's worst 1 % of scenarios.
    """

    subject: str
    as_of_session: str
    horizon: int
    ticker: str
    weight: float
    volatility_part: float
    es_95_part: float
    es_99_part: float
    tail_return: float


@dataclass(frozen=True, slots=True)
class TailSession:
    """Past sessions whose pattern is behind a portfolio's worst 1 % of scenarios.

    ``change`` is the mean return of the portfolio in those of them that were drawn from it.
    """

    subject: str
    as_of_session: str
    horizon: int
    first_session: str
    last_session: str
    change: float


@dataclass(frozen=True, slots=True)
class RiskFactor:
    """How a subject's return goes along with a factor: per unit of it, with the market held still.

    ``factor`` is SPY, ``market`` (the mean stock of the record, where SPY is not stored) or a macro series,
    whose unit is one percentage point. ``standard_error`` allows for overlapping sessions.
    """

    subject: str
    as_of_session: str
    factor: str
    beta: float
    standard_error: float
    sessions: int


@dataclass(frozen=True, slots=True)
class RiskEpisode:
    """What a subject did, or as weighted today would have done, in a span that is past.

    ``kind`` is episode (named in resources/episodes.csv), worst_week or deepest_drawdown. ``change`` is
    from the close of ``first_session`` to that of ``last_session``, ``drawdown`` the deepest on the way,
    and ``covered`` the share of the holdings' weight that had prices (the rest was scaled up to the whole).
    """

    subject: str
    as_of_session: str
    kind: str
    name: str
    first_session: str
    last_session: str
    change: float
    drawdown: float
    covered: float


@dataclass(frozen=True, slots=True)
class UnseenInput:
    """An input of a forecast that lies outside all that its model was trained on.

    ``ticker`` is empty for what is the same for all stocks; ``low`` and ``high`` are the range in training,
    in the feature's own unit; ``sentence`` says it to a person.
    """

    as_of_session: str
    ticker: str
    feature: str
    value: float
    low: float
    high: float
    model_version: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RiskTest:
    """Whether losses beyond a model's value at risk came as often, as scattered and as deep as it said.

    ``share`` is .05 or .01; the p-values are Kupiec's (how often), Christoffersen's (one after another, and
    both together), and Acerbi and Szekely's Z1 (how deep, given they came) and Z2 (how often and how deep
    together), one-sided towards too little risk; None where too few came to tell.
    """

    model: str
    subject: str
    horizon: int
    share: float
    first_session: str
    last_session: str
    sessions: int
    exceptions: int
    mean_var: float
    mean_es: float
    kupiec_p: float
    independence_p: float
    conditional_p: float
    z1: float | None
    z1_p: float | None
    z2: float
    z2_p: float
