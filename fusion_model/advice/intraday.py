"""Which prices of the session under way are improbable under the forecast made at the close before.

A forecast says where the session will end; a price in its middle has come only a part of the way. Its
variance so far is a share of the session's: what nights use to bring at the open, then more with each
minute, most after the open and before the close. How improbable it is at this minute follows from that.

Whoever looks every minute sees the worst minute of the day. What decides is therefore the probability that
the price comes this far at any moment of the session: twice that of ending so far away, since a path that
once was there is as likely to go on as to turn back (Lévy's inequality, for symmetric independent steps).
It holds however often one looks.

Shapes: n quotes, N tickers, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache

import numpy as np

from collectors.market_calendar import opens_between, session_close, session_of
from collectors.records import Quote
from fusion_model.advice.reasons import how_often, percent
from fusion_model.dataset.panel import FloatArray
from fusion_model.distribution import cumulative_probability
from fusion_model.findings import QUANTILE_LEVELS, Forecast, UnusualQuote

REPORTED_P = 0.001
LEAST_P = 1e-12
# Share of the squared move of a session that came overnight, 2012-2016, 107 stocks (benchmarks/anomalies.py).
OVERNIGHT = 0.29
OVERNIGHT_OF_REPORT = 0.75  # where an earnings report was expected for the session
# Density of the variance over the trading day is MIDDAY + EDGES (2 t - 1)^2: a U, as intraday studies since
# Wood, McInish & Ord (1985, Journal of Finance 40) have it. Assumed: no intraday prices are at hand.
MIDDAY, EDGES = 0.7, 0.9
MEDIAN = QUANTILE_LEVELS.index(0.5)
INNER_LOW, INNER_HIGH = QUANTILE_LEVELS.index(0.05), QUANTILE_LEVELS.index(0.95)


def unusual_quotes(
    quotes: Sequence[Quote],
    forecasts: Sequence[Forecast],
    *,
    reported_p: float = REPORTED_P,
    reporting: Collection[str] = (),
    dividends: Mapping[str, float] | None = None,
    splits: Mapping[str, float] | None = None,
) -> list[UnusualQuote]:
    """Compare prices of the session under way with what the close before expected of it.

    Parameters
    ----------
    quotes : sequence of Quote
        In any order; several of a ticker are each judged. One without a forecast for the session it
        belongs to is passed over, and so is one that is no positive number.
    forecasts : sequence of Forecast
        Of any horizon and session; those of one session ahead are read.
    reported_p : float
        Largest probability that is reported.
    reporting : collection of str
        Tickers of which a report was expected for this session: most of its move comes overnight.
    dividends, splits : mapping
        USD per share (after the split) and new shares per old one of tickers that are ex today: a forecast
        is of total returns.

    Returns
    -------
    Least probable first.
    """
    expected = {(said.ticker, said.target_session): said for said in forecasts if said.horizon == 1}
    judged: list[tuple[Quote, Forecast, float]] = []
    for quote in quotes:
        if not (0.0 < quote.price < np.inf):
            continue
        session, elapsed = session_under_way(quote.quoted_at)
        said = expected.get((quote.ticker, session))
        if said is not None and said.last_close > 0.0:
            judged.append((quote, said, elapsed))
    if not judged:
        return []
    worth = np.array(
        [
            (quote.price + (dividends or {}).get(quote.ticker, 0.0)) * (splits or {}).get(quote.ticker, 1.0)
            for quote, _, _ in judged
        ]
    )
    move = np.log(worth / np.array([said.last_close for _, said, _ in judged]))
    quantiles = np.array([said.quantiles for _, said, _ in judged])  # (n, Q)
    share = variance_so_far(
        np.array([elapsed for _, _, elapsed in judged]),
        np.array([quote.ticker in reporting for quote, _, _ in judged]),
    )
    so_far = quantiles_so_far(quantiles, share)
    p_value = np.clip(2.0 * two_sided(quantiles, move), LEAST_P, 1.0)
    found = np.flatnonzero(p_value <= reported_p)
    p_now = np.clip(two_sided(so_far[found], move[found]), LEAST_P, 1.0)
    unusual = [
        _unusual(*judged[at], float(move[at]), so_far[at], float(p_value[at]), float(now))
        for at, now in zip(found, p_now, strict=True)
    ]
    return sorted(unusual, key=lambda one: (one.p_value, one.ticker, one.quoted_at))


def session_under_way(at: str) -> tuple[str, float]:
    """Return the session that an instant belongs to, and the share of its trading hours that has passed.

    Before the open 0; an instant after a close belongs to the session that opens next.
    """
    session = session_of(at)
    opened, closed = _hours(session)
    passed = (datetime.fromisoformat(at) - opened) / (closed - opened)
    return session, min(max(passed, 0.0), 1.0)


@cache
def _hours(session: str) -> tuple[datetime, datetime]:
    """Return when a session opens and closes; half days are short."""
    close = session_close(session)
    ((_, opened),) = opens_between(f"{session}T00:00:00Z", close)
    return datetime.fromisoformat(opened), datetime.fromisoformat(close)


def variance_so_far(elapsed: FloatArray, reports: np.ndarray | bool = False) -> FloatArray:
    """Return the share of a session's variance, since the close before, that has come by then.

    Parameters
    ----------
    elapsed : ndarray (n,)
        Share of the trading hours, 0 to 1.
    reports : ndarray (n,) of bool
        Whether a report was expected.
    """
    overnight = np.where(reports, OVERNIGHT_OF_REPORT, OVERNIGHT)
    trading = MIDDAY * elapsed + EDGES * ((2.0 * elapsed - 1.0) ** 3 + 1.0) / 6.0
    return np.asarray(overnight + (1.0 - overnight) * trading)


def quantiles_so_far(quantiles: FloatArray, share: FloatArray) -> FloatArray:
    """Return quantiles (n, Q) of the move by a moment, given those of the whole session."""
    median = quantiles[:, MEDIAN, None]
    return np.asarray(share[:, None] * median + np.sqrt(share)[:, None] * (quantiles - median))


def two_sided(quantiles: FloatArray, at: FloatArray) -> FloatArray:
    """Return the probability (n,) of something at least as far out on either side; NaN for NaN."""
    below = cumulative_probability(quantiles, at)
    return np.asarray(2.0 * np.minimum(below, 1.0 - below))


def _unusual(
    quote: Quote,
    said: Forecast,
    elapsed: float,
    move: float,
    so_far: FloatArray,
    p_value: float,
    p_now: float,
) -> UnusualQuote:
    low, high = float(so_far[INNER_LOW]), float(so_far[INNER_HIGH])
    by_now = (
        "before the open" if elapsed == 0.0 else f"with {elapsed * 100:.0f} % of the trading hours passed"
    )
    return UnusualQuote(
        ticker=quote.ticker,
        session=said.target_session,
        price=quote.price,
        quoted_at=quote.quoted_at,
        move=move,
        elapsed=elapsed,
        low=low,
        high=high,
        p_value=p_value,
        p_now=p_now,
        reason=(
            f"The price stands at {quote.price:,.2f}, {percent(move)} since the close (dividends included), "
            f"{by_now}. By then nine in ten outcomes were expected between {percent(low)} and "
            f"{percent(high)}; a move this far at any moment of the session {how_often(p_value)}."
        ),
    )
