"""What a model has never seen: inputs of today outside everything it was trained on.

Beyond its training a network only extrapolates, and nothing measured says how well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fusion_model.dataset.windows import SeenRange
from fusion_model.risk_findings import UnseenInput

VOLATILITY_CENTRE = 4.2  # dataset.features takes the log of a stock's volatility relative to exp(-4.2)
MARGIN = 1e-4  # of the range: a rounding is no news


def _times(value: float) -> str:
    return f"{np.exp(value):.2g} times"


def _plain(value: float) -> str:
    return f"{value:+.2f}"


def _a_session(value: float) -> str:
    return f"{100 * np.exp(value - VOLATILITY_CENTRE):.2f} % a session"


WORDS: dict[
    str, tuple[str, Callable[[float], str]]
] = {  # of each feature what it measures, and how to read it
    "return": ("a return of one session, in units of three months' volatility,", _plain),
    "log_size_of_return": ("a move of one session against three months' volatility", _times),
    "overnight": ("an overnight move, in units of three months' volatility,", _plain),
    "size_of_overnight": ("an overnight move against three months' volatility", _times),
    "intraday_range": ("a day's range against three months' volatility", _times),
    "volatility_5_to_22": ("the volatility of a week against that of a month", _times),
    "volatility_22_to_66": ("the volatility of a month against that of three months", _times),
    "volatility_66_to_250": ("the volatility of three months against that of a year", _times),
    "range_volatility_5": ("the daily ranges of a week against three months' volatility", _times),
    "range_volatility_22": ("the daily ranges of a month against three months' volatility", _times),
    "range_volatility_66": ("the daily ranges of three months against their volatility", _times),
    "ewma_to_66": ("the newest volatility against that of three months", _times),
    "leverage": ("the recent falls, in units of three months' volatility,", _plain),
    "volume_surprise": ("a day's trading against that of a month", _times),
    "volume_trend": ("a week's trading against that of three months", _times),
    "gap_to_average_20": ("the distance from the 20-session mean, in units of volatility,", _plain),
    "gap_to_average_50": ("the distance from the 50-session mean, in units of volatility,", _plain),
    "gap_to_average_200": ("the distance from the 200-session mean, in units of volatility,", _plain),
    "relative_strength_index": ("the share of gains in recent moves (-1 to 1)", _plain),
    "macd": ("the gap between fast and slow averages, in units of volatility,", _plain),
    "bollinger": ("the distance from the 20-session mean, in its own deviations,", _plain),
    "volatility_to_cross_section": ("the volatility against that of the other stocks", _times),
    "market_return": ("a return of the whole market, in units of its three months' volatility,", _plain),
    "market_volatility_5": ("the market's volatility of a week against that of a month", _times),
    "market_volatility_22": ("the market's volatility of a month against that of three months", _times),
    "market_volatility_66": ("the market's volatility of three months against its usual one", _times),
    "market_leverage": ("the market's recent falls, in units of its three months' volatility,", _plain),
    "dispersion": ("how far stocks move apart, against the usual", _times),
    "beta": ("the pull of the market on the stock (beta)", _plain),
    "log_volatility": ("three months' volatility", _a_session),
    "reaction_size": ("the usual reaction to a report against other days", _times),
}
COMMON = frozenset(
    {
        "market_return",
        "market_volatility_5",
        "market_volatility_22",
        "market_volatility_66",
        "market_leverage",
        "dispersion",
    }
)  # fmt: skip  the same for every stock


def unseen_inputs(seen: SeenRange, session: str, model_version: str) -> list[UnseenInput]:
    """Return what lies outside the range of the training, the market's own first, then by ticker.

    What is the same for all stocks is told once, with an empty ticker.
    """
    margin = MARGIN * (seen.high - seen.low)
    with np.errstate(invalid="ignore"):
        outside = (seen.values > seen.high + margin) | (seen.values < seen.low - margin)
    told: dict[tuple[str, str], UnseenInput] = {}
    for n, f in zip(*np.nonzero(outside), strict=True):
        name = seen.features[f]
        ticker = "" if name in COMMON else seen.tickers[n]
        if (ticker, name) not in told:
            value, low, high = (float(of) for of in (seen.values[n, f], seen.low[f], seen.high[f]))
            sentence = in_words(name, ticker, value, low, high, seen.trained_through)
            told[ticker, name] = UnseenInput(session, ticker, name, value, low, high, model_version, sentence)
    return [told[key] for key in sorted(told)]


def in_words(feature: str, ticker: str, value: float, low: float, high: float, trained_through: str) -> str:
    """Say it to a person."""
    what, read = WORDS.get(feature, (feature.replace("_", " "), _plain))
    above = value > high
    subject = f"{ticker}: " if ticker else "The market: "
    return (
        f"{subject}this model has never seen {what} so {'high' if above else 'low'}: {read(value)}; in its "
        f"training, through {trained_through}, the {'highest' if above else 'lowest'} was "
        f"{read(high if above else low)}. Its forecasts are extrapolated here."
    )
