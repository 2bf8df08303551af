"""What came after a decision on an order: what acting brought against not acting, and if that says much.

A sale that is carried out gains what the price then loses, a purchase what it gains; either costs one trade.
A rejection is judged by the same figure with the other sign: what acting would have done. Decisions of the
same days share their news, so what counts is not how many there are, but over how many spans of sessions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from collectors.market_calendar import instant
from fusion_model.findings import HORIZONS

LEAST_SPANS = 20  # below that, "too few to tell": an interval of a mean would be guessed from too little
LEVEL = 0.95
OPENING = time(9, 30, tzinfo=ZoneInfo("America/New_York"))


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision to follow: ``acted`` if the order was carried out, at ``entry`` (session, price) if known.

    ``cost`` is what the trade costs, as a share of its amount. ``side`` is empty for what is followed without
    a decision on it, as an alert.
    """

    subject: str
    ticker: str
    side: str
    acted: bool
    decided_at: str
    entry: tuple[str, float] | None
    cost: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What came after, per horizon of HORIZONS; None while it is in the future.

    ``returns`` are simple total returns from the price of ``entry_session`` to the close of the h-th session,
    that one counted. ``gains`` are what the decision brought against its opposite, as a share of the amount.
    """

    subject: str
    entry_session: str
    entry_price: float
    returns: tuple[float | None, ...]
    gains: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How decisions of one kind did at one horizon: mean gain with its 95 % interval, NaN where too few."""

    group: str
    horizon: int
    decisions: int
    spans: int
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What may be said of it."""
        if self.spans < LEAST_SPANS:
            return f"too few to tell ({self.spans} of {LEAST_SPANS} spans)"
        if self.low > 0:
            return "helped"
        return "hurt" if self.high < 0 else "no difference can be told"


def follow(
    decided: Decided,
    bars: Sequence[tuple[str, float, float]],
    actions: Iterable[tuple[str, str, float]],
    horizons: Sequence[int] = HORIZONS,
) -> Followed | None:
    """Return what came after a decision, or None before its first price.

    Parameters
    ----------
    bars : sequence of (session, open, close)
        As traded, oldest first, as far as they are known.
    actions : iterable of (session, kind, ratio or USD a share)
    """
    first = decided.entry[0] if decided.entry else ""
    at = next(
        (
            t
            for t, (session, _, _) in enumerate(bars)
            if (session >= first if first else opening_of(session) > decided.decided_at)
        ),
        None,
    )
    if at is None:
        return None
    price = decided.entry[1] if decided.entry else bars[at][1]
    worth = _worth(bars[at:], list(actions))
    returns = tuple(worth[h - 1] / price - 1.0 if h <= len(worth) else None for h in horizons)
    sign = {"buy": 1.0, "sell": -1.0}.get(decided.side)
    gains: tuple[float | None, ...] = (None,) * len(horizons)
    if sign is not None:
        acting = [None if one is None else sign * one - decided.cost for one in returns]
        gains = tuple(None if one is None else one if decided.acted else -one for one in acting)
    return Followed(decided.subject, bars[at][0], price, returns, gains)


def tally(group: str, followed: Iterable[Followed], horizons: Sequence[int] = HORIZONS) -> list[Tally]:
    """Return how a group of decisions did at each horizon, by spans of that many sessions.

    All decisions of a span count as one, since they share its news; the interval is Student's over the spans.
    """
    known = list(followed)
    rows = []
    for place, horizon in enumerate(horizons):
        spans: dict[int, list[float]] = defaultdict(list)
        for one in known:
            gain = one.gains[place]
            if gain is not None:
                spans[_weekdays(one.entry_session) // horizon].append(gain)
        means = np.array([np.mean(gains) for gains in spans.values()])
        low, high = _interval(means)
        count = sum(map(len, spans.values()))
        mean = float(means.mean()) if len(means) else math.nan
        rows.append(Tally(group, horizon, count, len(means), mean, low, high))
    return rows


def opening_of(session: str) -> str:
    """Return the instant at which a session opens; without the exchange's calendar, which loads pandas."""
    return instant(datetime.combine(date.fromisoformat(session), OPENING).astimezone(UTC))


def _worth(
    bars: Sequence[tuple[str, float, float]], actions: Sequence[tuple[str, str, float]]
) -> list[float]:
    """Return what one share of the first session is worth at each close, with dividends since."""
    shares, paid, worth = 1.0, 0.0, []
    by_session: Mapping[str, list[tuple[str, float]]] = _by_session(actions)
    for t, (session, _, close) in enumerate(bars):
        for kind, amount in by_session.get(session, []) if t > 0 else []:
            if kind == "split":
                shares *= amount
            else:
                paid += shares * amount
        worth.append(shares * close + paid)
    return worth


def _by_session(actions: Sequence[tuple[str, str, float]]) -> dict[str, list[tuple[str, float]]]:
    grouped: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for session, kind, amount in sorted(actions, key=lambda one: one[1] != "split"):
        grouped[session].append((kind, amount))
    return grouped


def _weekdays(session: str) -> int:
    """Count weekdays since a Monday long ago: sessions, but for holidays."""
    days = date.fromisoformat(session).toordinal() - 1
    return days // 7 * 5 + min(days % 7, 4)


def _interval(means: np.ndarray) -> tuple[float, float]:
    if len(means) < LEAST_SPANS:
        return math.nan, math.nan
    from scipy.special import stdtrit

    half = float(stdtrit(len(means) - 1, (1 + LEVEL) / 2) * means.std(ddof=1) / math.sqrt(len(means)))
    return float(means.mean()) - half, float(means.mean()) + half
