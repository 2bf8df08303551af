"""What is wrong with a bar, a split or a dividend of one source, judged by its own history up to that day.

A fault is known at the close of ``known_on`` and not before: nothing here looks at later bars, but for the
two kinds that say so (a spike is known once the price is back, a gap once the feed goes on).

Thresholds were set on 541,683 bars of large US companies, 1999 to 2021; docs/reliability.md has what they
find and what they cost. A crash comes with trading: a price that jumped while no more was traded than usual
is doubted, one that fell by half on ten times the volume is not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, isinf, isnan, log
from statistics import median

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BAR_KINDS = frozenset(
    {"impossible_range", "wrong_scale", "split_missing", "bad_tick", "spike", "stale", "volume_zero"}
)
ACTION_KINDS = {"split_wrong": "split", "dividend_size": "dividend", "dividend_twice": "dividend"}
NOTED_KINDS = frozenset({"gap", "dividend_small", "dividend_adjustment", "disagreement"})
KINDS = (*sorted(BAR_KINDS), *sorted(ACTION_KINDS), *sorted(NOTED_KINDS))

LOOKBACK = 60  # bars that say what is usual for a ticker
FEWEST = 5  # bars below which nothing is usual yet
MAD_TO_SIGMA = 0.6745  # median |x| of a normal distribution, in standard deviations
UNKNOWN_SIGMA = 0.03  # a day's standard deviation where too few bars tell it
LEAST_SIGMA = 0.002
ROUNDING = 1e-4  # relative; high and low of one bar may be rounded apart this much
GROSS = 0.005  # relative; official opening and closing prints can lie this far outside a vendor's range
SUSPECT = log(1.2)  # a smaller move is never doubted
JUMP, JUMP_SIGMAS = log(1.3), 8.0
SPLIT_SIGMAS = 12.0  # below this, a volatile stock falls by a third of its own
HUGE = log(3)  # doubted whatever was traded
OFF_SCALE = log(20)  # no listed company moved so far in a day; pence for pounds is a hundred
BUSY = 2.5  # times the usual turnover, from which trading speaks for a jump
WICK, WICK_RANGES = log(1.4), 10.0  # a high or low alone outside, and times the usual range
HELD_SESSIONS = 5  # a new level that lasts longer is believed: a history is never held back whole
SPLIT_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0)
LARGE_DIVIDEND = 0.05  # of the price; the price must have followed at least by a quarter
VERY_LARGE_DIVIDEND = 0.1  # then by half
SMALL_DIVIDEND = 0.02  # of the ticker's median dividend
LEAST_DIVIDEND = 0.002  # of the price; what a smaller one takes off an adjusted close is lost in its rounding
TWICE_WITHIN = 5  # bars
RARELY = 0.05  # of a source's bars; what is commoner is its habit with this ticker, and holds nothing back


@dataclass(frozen=True, slots=True)
class Bars:
    """One source's bars of one ticker, as traded, oldest first; arrays of shape (T,)."""

    sessions: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


@dataclass(frozen=True, slots=True)
class Fault:
    """A doubt about one session; ``settled_on`` names the later session that dispelled it, or is empty."""

    session: str
    kind: str
    detail: str
    known_on: str
    settled_on: str = ""


def find_faults(
    bars: Bars,
    splits: Mapping[str, float],
    dividends: Mapping[str, float],
    *,
    calendar: Sequence[str] = (),
    adjusted_close: Mapping[str, float] | None = None,
) -> list[Fault]:
    """Return what is wrong, by session.

    Parameters
    ----------
    splits, dividends : mapping of session to ratio (new shares per old) and to USD a share after the split
    calendar : sequence of str
        The exchange's sessions; those inside the bars' span without a bar are gaps.
    adjusted_close : mapping of session to float, optional
        The source's own dividend-adjusted close, to see whether it took account of its dividends.
    """
    if not bars.sessions:
        return []
    history = _History(bars, splits, dividends)
    faults = [
        *_impossible(history),
        *_jumps(history),
        *_wicks(history),
        *_standstill(bars),
        *_gaps(bars.sessions, calendar),
        *_wrong_splits(history),
        *_dividends(history, adjusted_close or {}),
    ]
    return sorted(faults, key=lambda fault: (fault.session, fault.kind))


class _History:
    """Bars with what makes them comparable over time."""

    def __init__(self, bars: Bars, splits: Mapping[str, float], dividends: Mapping[str, float]) -> None:
        self.bars = bars
        told = _placed(splits, bars.sessions, 1.0)
        raw = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
        followed = np.abs(raw) >= np.abs(raw + np.log(told)) / 3
        self.wrong_splits = (np.abs(np.log(told)) >= SUSPECT) & ~followed
        self.wrong_splits[0] = False
        self.told = told
        self.split = np.where(self.wrong_splits, 1.0, told)
        self.dividend = _placed(dividends, bars.sessions, 0.0)
        self.shares = np.cumprod(self.split)  # that one share of the first day has become
        self.log_worth = np.log(bars.close * self.shares)
        self.turnover = bars.close * bars.volume
        self.spread = np.log(np.maximum(bars.high, bars.low) / np.minimum(bars.high, bars.low))
        move = np.diff(self.log_worth, prepend=self.log_worth[0])
        paid = np.log1p(self.dividend / bars.close)
        # A dividend explains a fall; one that is too large itself must not make a rise.
        self.move = np.where(np.abs(move + paid) < np.abs(move), move + paid, move)

    def sigma(self, t: int) -> float:
        """A day's standard deviation, by the bars before t."""
        before = np.abs(self.move[max(1, t - LOOKBACK) : t])
        if len(before) < FEWEST:
            return UNKNOWN_SIGMA
        return max(float(np.median(before)) / MAD_TO_SIGMA, LEAST_SIGMA)

    def is_quiet(self, t: int) -> bool:
        """Whether no more was traded than usual (or nothing is known of what is usual)."""
        usual = float(np.median(self.turnover[max(0, t - LOOKBACK) : t]))
        return usual == 0 or float(self.turnover[t]) < BUSY * usual

    def usual_spread(self, t: int) -> float | None:
        before = self.spread[max(0, t - LOOKBACK) : t]
        return float(np.median(before)) if len(before) >= FEWEST else None


def _placed(values: Mapping[str, float], sessions: Sequence[str], otherwise: float) -> FloatArray:
    """Return an array (T,) of what is told of some sessions."""
    column = np.full(len(sessions), otherwise)
    for session, value in values.items():
        at = bisect_left(sessions, session)
        if at < len(sessions) and sessions[at] == session:
            column[at] = value
    return column


# Prices -------------------------------------------------------------------------------------------


def _impossible(history: _History) -> Iterator[Fault]:
    """Yield bars that contradict themselves by more than half a percent and more than a usual day's move."""
    bars = history.bars
    first, last = np.minimum(bars.open, bars.close), np.maximum(bars.open, bars.close)
    outside = np.maximum(np.log(bars.low / first), np.log(last / bars.high))
    upside_down = np.log(bars.low / bars.high) > ROUNDING
    wrong = (outside > GROSS) | upside_down
    for t in np.flatnonzero(wrong).tolist():
        if (upside_down[t] or outside[t] > history.sigma(t)) and _is_rare(wrong, t):
            prices = (
                f"open {bars.open[t]:g}, high {bars.high[t]:g}, low {bars.low[t]:g}, close {bars.close[t]:g}"
            )
            yield Fault(bars.sessions[t], "impossible_range", prices, bars.sessions[t])


def _jumps(history: _History) -> Iterator[Fault]:
    """Yield bars whose close left the level before it, as long as the new level is not believed."""
    level, sessions = history.log_worth, history.bars.sessions
    believed = 0  # bars up to here need no second judgement
    for t in np.flatnonzero(np.abs(history.move) >= SUSPECT).tolist():
        if t <= believed:
            continue
        kind, detail = _kind_of_jump(history, t)
        returns = t + 1 < len(level) and abs(level[t + 1] - level[t - 1]) < abs(level[t + 1] - level[t])
        if kind in ("wrong_scale", "split_missing"):
            end = _end_of_level(level, t)
            yield from (Fault(sessions[at], kind, detail, sessions[at]) for at in range(t, end))
            believed = end
            continue
        if kind == "bad_tick":
            settled_on = sessions[t + 1] if t + 1 < len(level) and not returns else ""
            yield Fault(sessions[t], kind, detail, sessions[t], settled_on)
        if returns and (kind or _is_spike(history, t)):
            detail = f"the close moved by a factor of {exp(history.move[t]):.3g} and was back a session later"
            yield Fault(sessions[t], "spike", detail, sessions[t + 1])
            believed = t + 1


def _kind_of_jump(history: _History, t: int) -> tuple[str, str]:
    """Return a kind and what was seen; an empty kind where trading or habit explains it."""
    move, sigma = float(history.move[t]), history.sigma(t)
    factor = f"the close moved by a factor of {exp(move):.4g}"
    if abs(move) >= OFF_SCALE:
        return "wrong_scale", factor
    quiet = history.is_quiet(t)
    if quiet and (ratio := _ratio_of(history, t, sigma)):
        return "split_missing", f"{factor}, as a split of {ratio} would, and no such split is known"
    if (quiet and abs(move) >= JUMP and abs(move) >= JUMP_SIGMAS * sigma) or abs(move) >= HUGE:
        busy = "no more was traded than usual" if quiet else "no dividend or split explains it"
        return "bad_tick", f"{factor}, and {busy}"
    return "", ""


def _ratio_of(history: _History, t: int, sigma: float) -> str:
    """Return the split that would explain a jump overnight followed by an ordinary day, in words."""
    usual, bars = history.usual_spread(t), history.bars
    if usual is not None and history.spread[t] > 3 * usual + 0.02:
        return ""
    overnight = log(bars.open[t] * history.shares[t]) - history.log_worth[t - 1]
    near_open, near_close = min(max(0.03, 2.5 * sigma), 0.1), min(max(0.06, 4 * sigma), 0.15)
    for ratio in SPLIT_RATIOS:
        if log(ratio) < SPLIT_SIGMAS * sigma:
            continue
        for signed, name in ((-log(ratio), f"{ratio:g}:1"), (log(ratio), f"1:{ratio:g}")):
            if abs(overnight - signed) < near_open and abs(history.move[t] - signed) < near_close:
                return name
    return ""


def _end_of_level(level: FloatArray, t: int) -> int:
    """Return the first bar after t that is nearer to the old level, or whose level has lasted long enough."""
    for at in range(t + 1, min(t + HELD_SESSIONS, len(level))):
        if abs(level[at] - level[t - 1]) < abs(level[at] - level[t]):
            return at
    return min(t + HELD_SESSIONS, len(level))


def _is_spike(history: _History, t: int) -> bool:
    there, back = float(history.move[t]), float(history.move[t + 1])
    return abs(there) >= JUMP_SIGMAS * history.sigma(t) and abs(there + back) < abs(there) / 4


def _wicks(history: _History) -> Iterator[Fault]:
    """Yield bars whose high or low lies far outside of where they opened and closed."""
    bars = history.bars
    above = np.log(bars.high / np.maximum(bars.open, bars.close))
    below = np.log(np.minimum(bars.open, bars.close) / bars.low)
    for t in np.flatnonzero(np.maximum(above, below) > WICK).tolist():
        usual = history.usual_spread(t)
        if usual is None or history.spread[t] > max(WICK_RANGES * usual, WICK):
            side, price = ("high", bars.high[t]) if above[t] > below[t] else ("low", bars.low[t])
            detail = f"{side} {price:g} with open {bars.open[t]:g} and close {bars.close[t]:g}"
            yield Fault(bars.sessions[t], "bad_tick", detail, bars.sessions[t])


def _is_rare(wrong: NDArray[np.bool_], t: int) -> bool:
    """Whether few of the bars before t were wrong in the same way."""
    return int(wrong[max(0, t - LOOKBACK) : t].sum()) <= RARELY * LOOKBACK


# A feed that stands still -------------------------------------------------------------------------


def _standstill(bars: Bars) -> Iterator[Fault]:
    """Yield bars that repeat the one before to the last share, and days without trade."""
    fields = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume])
    same = np.zeros(len(bars.sessions), dtype=bool)
    same[1:] = (fields[:, 1:] == fields[:, :-1]).all(axis=0)
    repeats = same & (bars.volume > 0)
    for t in np.flatnonzero(repeats).tolist():
        if _is_rare(repeats, t):
            detail = f"the bar of {bars.sessions[t - 1]} again, all {bars.volume[t]:,.0f} shares of it"
            yield Fault(bars.sessions[t], "stale", detail, bars.sessions[t])
    idle = bars.volume == 0
    for t in np.flatnonzero(idle).tolist():
        usual = float(np.median(bars.volume[max(0, t - LOOKBACK) : t])) if t >= FEWEST else 0.0
        if usual > 0 and _is_rare(idle, t):
            detail = f"nothing was traded, and {usual:,.0f} shares are usual"
            yield Fault(bars.sessions[t], "volume_zero", detail, bars.sessions[t])


def _gaps(sessions: Sequence[str], calendar: Sequence[str]) -> Iterator[Fault]:
    """Yield the first session of each run without a bar, known once the feed goes on."""
    absent = set(calendar).difference(sessions)
    missing = sorted(day for day in absent if sessions[0] < day < sessions[-1])
    for after, days in groupby(missing, key=lambda day: sessions[bisect_right(sessions, day)]):
        first, *rest = days
        yield Fault(first, "gap", f"no bar of {1 + len(rest)} sessions, and the next is of {after}", after)


# Splits and dividends -----------------------------------------------------------------------------


def _wrong_splits(history: _History) -> Iterator[Fault]:
    """Yield splits that the price did not follow: they would turn an ordinary day into a leap."""
    bars = history.bars
    for t in np.flatnonzero(history.wrong_splits).tolist():
        detail = f"a split of {history.told[t]:g}, and the close went from {bars.close[t - 1]:g} to "
        yield Fault(bars.sessions[t], "split_wrong", f"{detail}{bars.close[t]:g}", bars.sessions[t])


def _dividends(history: _History, adjusted: Mapping[str, float]) -> Iterator[Fault]:
    bars = history.bars
    earlier: list[tuple[int, float]] = []
    for t in np.flatnonzero(history.dividend > 0).tolist():
        if t == 0:
            continue
        session, amount = bars.sessions[t], float(history.dividend[t])
        a_share = float(history.shares[t])
        before = float(bars.close[t - 1] / history.split[t])
        usual = median([paid for _, paid in earlier[-8:]]) / a_share if len(earlier) > 1 else 0.0
        recent = [(bars.sessions[at], paid / a_share) for at, paid in earlier if t - at <= TWICE_WITHIN]
        for kind, detail in (
            ("dividend_size", _too_large(amount, before, float(bars.close[t]))),
            ("dividend_twice", _twice(amount, recent)),
            ("dividend_small", _too_small(amount, usual)),
            ("dividend_adjustment", _not_adjusted(amount / before, bars, t, history.split[t], adjusted)),
        ):
            if detail:
                yield Fault(session, kind, detail, session)
        earlier.append((t, amount * a_share))


def _too_large(amount: float, before: float, close: float) -> str:
    share = amount / before
    followed = share / 2 if share >= VERY_LARGE_DIVIDEND else share / 4
    if share <= LARGE_DIVIDEND or close < before * (1 - followed):
        return ""
    return f"a dividend of {amount:g}, {share:.0%} of the price, which went from {before:g} to {close:g}"


def _twice(amount: float, recent: Iterable[tuple[str, float]]) -> str:
    for session, paid in recent:
        if abs(amount / paid - 1) < 0.1:
            return f"a dividend of {amount:g}, and one of {paid:g} on {session}"
    return ""


def _too_small(amount: float, usual: float) -> str:
    return f"a dividend of {amount:g}, where {usual:g} is usual" if amount < SMALL_DIVIDEND * usual else ""


def _not_adjusted(share: float, bars: Bars, t: int, split: float, adjusted: Mapping[str, float]) -> str:
    """Compare a dividend's share of the price with the step in the source's own adjusted close."""
    here, before = adjusted.get(bars.sessions[t]), adjusted.get(bars.sessions[t - 1])
    if here is None or before is None or isnan(here) or isnan(before) or share < LEAST_DIVIDEND:
        return ""
    if min(here, before) <= 0 or isinf(here):
        return f"the source's adjusted close is {before:g} before a dividend and {here:g} after"
    # Adjusted closes carry all later splits: their ratio is that of one share held through.
    step = 1 - (before / here) * float(bars.close[t] * split / bars.close[t - 1])
    if abs(step - share) <= max(0.2 * share, LEAST_DIVIDEND):
        return ""
    return f"a dividend of {share:.2%} of the price, and the source's adjusted close allows for {step:.2%}"
