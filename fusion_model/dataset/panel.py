"""Facts as of a session: the only door from the record to a model, and the one place that holds its time.

Nothing in a panel was known later than the close of its last session. Inside a panel each row again
holds only what was known at that row's own close, so that a panel cut short at an earlier session
equals the panel that would have been loaded then (corrections of old bars aside, which are later news).
"""

from __future__ import annotations

import gc
import sqlite3
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collectors import store
from collectors.market_calendar import session_after, session_close, sessions_between
from collectors.universe import load_universe
from fusion_model.dataset.earnings import BEYOND, REPORT_REACH, expected_reports, reaction_calendar
from fusion_model.dataset.post_features import ReadPost, post_features
from fusion_model.errors import NotEnoughHistory
from fusion_model.findings import ExpectedReport

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.int64]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
SENTIMENT_FIELDS = ("mean", "spread", "count")


@dataclass(frozen=True)
class Panel:
    """What is known of N tickers over T sessions, as of the last one.

    Attributes
    ----------
    sessions : tuple of T str
        Consecutive trading sessions, oldest first.
    tickers : tuple of N str
        Sorted.
    ohlcv : ndarray (T, N, 5)
        Open, high, low, close in USD as traded that day, and volume in shares; NaN without a bar.
    split_ratio, dividend : ndarray (T, N)
        New shares per old share (1 without a split); USD per share after that day's split (0 without).
    sentiment : ndarray (T, N, 5)
        Of the posts that became known after the close before and up to this session's close: mean of
        positive - negative and its standard deviation (a copy of a text counts less), the number of posts,
        bulls against bears, and the share of texts nobody had said before. All but the number and the bulls
        are NaN without a post; see post_features.
    macro : ndarray (T, M, 2)
        Latest observation of each series, and the one before it, as both were known at that close;
        NaN before the first release.
    macro_series : tuple of M str
    scorer : str
        Who scored the posts; empty where nobody did.
    earnings : ndarray (T, N, 4), optional
        Reactions to earnings reports: in that session, and expected among the next 1, 5, 20 sessions as
        known at its close (see dataset.earnings); None where no announcement is stored.
    sectors : tuple of N str
        Where each ticker belongs, by the universe that travels with the program: a label of today, the same
        for every session, and the one thing here without a date. Empty where unknown; () where all are.
    co_mentions : ndarray (E, 4) of int
        Session row, two tickers' columns (the first no later than the second), and how many posts that this
        close was the first to know name both; twice the same column: how many name that ticker. Sorted.
    """

    sessions: tuple[str, ...]
    tickers: tuple[str, ...]
    ohlcv: FloatArray
    split_ratio: FloatArray
    dividend: FloatArray
    sentiment: FloatArray
    macro: FloatArray
    macro_series: tuple[str, ...]
    scorer: str = ""
    earnings: FloatArray | None = None
    sectors: tuple[str, ...] = ()
    co_mentions: IntArray = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int64))

    @cached_property
    def present(self) -> BoolArray:
        """Whether a ticker has a bar (T, N)."""
        return np.isfinite(self.ohlcv[:, :, CLOSE])

    @cached_property
    def log_returns(self) -> FloatArray:
        """Log total return since the ticker's bar before, (T, N); NaN without one.

        What a ticker split and paid on days without a bar counts too.
        """
        returns = np.full(self.present.shape, np.nan)
        close = self.ohlcv[:, :, CLOSE]
        missed = np.where(self.present, 0.0, self.dividend)
        for n in range(len(self.tickers)):
            rows = np.flatnonzero(self.present[:, n])
            if len(rows) < 2:
                continue
            ratio = np.cumprod(self.split_ratio[:, n])
            worth = (close[rows, n] + self.dividend[rows, n]) * ratio[rows]
            before = close[rows, n] * ratio[rows]
            between = np.add.reduceat((missed[:, n] * ratio)[: rows[-1] + 1], rows[:-1] + 1)
            returns[rows[1:], n] = np.log((worth[1:] + between) / before[:-1])
        return returns

    def forward_returns(self, horizon: int) -> FloatArray:
        """Log total return from each close to the close ``horizon`` sessions later, (T, N).

        NaN where either session has no bar or the later one is still in the future.
        """
        wealth = np.nancumsum(np.nan_to_num(self.log_returns), axis=0)
        forward = np.full(wealth.shape, np.nan)
        forward[:-horizon] = wealth[horizon:] - wealth[:-horizon]
        both = np.zeros(wealth.shape, dtype=bool)
        both[:-horizon] = self.present[horizon:] & self.present[:-horizon]
        return np.where(both, forward, np.nan)

    def position(self, session: str) -> int:
        """Return the row of a session.

        Raises
        ------
        NotEnoughHistory
            The panel does not hold the session.
        """
        row = bisect_left(self.sessions, session)
        if row == len(self.sessions) or self.sessions[row] != session:
            raise NotEnoughHistory(
                f"no prices are stored for {session}; the record holds sessions from "
                f"{self.sessions[0]} to {self.sessions[-1]}"
            )
        return row

    def until(self, session: str) -> Panel:
        """Return the panel as of an earlier session, without tickers and series that first spoke later."""
        stop = self.position(session) + 1
        if stop == len(self.sessions):
            return self
        listed = np.flatnonzero(self.present[:stop].any(axis=0))
        spoken = np.flatnonzero(np.isfinite(self.macro[:stop, :, 0]).any(axis=0))
        return replace(
            self,
            sessions=self.sessions[:stop],
            tickers=tuple(self.tickers[n] for n in listed),
            ohlcv=_take(self.ohlcv[:stop], listed),
            split_ratio=_take(self.split_ratio[:stop], listed),
            dividend=_take(self.dividend[:stop], listed),
            sentiment=_take(self.sentiment[:stop], listed),
            macro=_take(self.macro[:stop], spoken),
            macro_series=tuple(self.macro_series[m] for m in spoken),
            earnings=None if self.earnings is None else _unless_empty(_take(self.earnings[:stop], listed)),
            sectors=tuple(self.sectors[n] for n in listed) if self.sectors else (),
            co_mentions=co_mentions_among(self.co_mentions[self.co_mentions[:, 0] < stop], listed),
        )


def co_mentions_among(co_mentions: IntArray, columns: NDArray[np.intp]) -> IntArray:
    """Keep the counts of some columns, in the numbers that these columns have among themselves."""
    if len(co_mentions) == 0:
        return co_mentions
    place = np.full(max(int(co_mentions[:, 2].max()), int(columns.max(initial=0))) + 1, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    pairs = np.sort(place[co_mentions[:, 1:3]], axis=1)
    kept = pairs[:, 0] >= 0
    found = np.column_stack([co_mentions[kept, 0], pairs[kept], co_mentions[kept, 3]])
    return found[np.lexsort((found[:, 2], found[:, 1], found[:, 0]))]


def _unless_empty(calendar: FloatArray) -> FloatArray | None:
    """A calendar in which nothing was known is none."""
    return calendar if calendar.any() else None


def _take(values: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
    """Keep some columns (axis 1); all of them without a copy."""
    return values if len(columns) == values.shape[1] else values[:, columns]


def load_panel(
    db: sqlite3.Connection,
    as_of: str,
    tickers: Sequence[str] | None = None,
    *,
    scorer: str = "",
    first_session: str = "",
) -> Panel:
    """Load everything that was known at the close of a session.

    Parameters
    ----------
    as_of : str
        A trading session; a row counts where ``available_at <= session_close(as_of)``.
    tickers : sequence of str, optional
        Keep to these; default: every ticker with a bar.
    scorer : str
        Whose scores of the posts to read; empty: none.
    first_session : str
        Leave out what lies before it.

    Raises
    ------
    NotEnoughHistory
        No bar was known then.
    BadInput
        ``as_of`` is no trading session.
    """
    known_at = session_close(as_of)
    seen: defaultdict[str, int] = defaultdict(count().__next__)  # sessions, in the order they are met
    bars: list[tuple[str, IntArray, FloatArray]] = []
    with _without_collection():
        for ticker, rows in store.load_bars_by_ticker(db, known_at, tickers, first_session):
            on, *columns = zip(*rows, strict=True)
            days = np.fromiter(map(seen.__getitem__, on), dtype=np.int64, count=len(on))
            bars.append((ticker, days, np.array(columns).T))
    if not bars:
        raise NotEnoughHistory(f"no prices are stored that were known at the close of {as_of}")
    sessions = tuple(sessions_between(min(seen), as_of))
    names = tuple(ticker for ticker, _, _ in bars)
    column_of = {ticker: n for n, ticker in enumerate(names)}
    row_of = {session: t for t, session in enumerate(sessions)}
    row_of_day = np.array([row_of[session] for session in seen])
    T, N = len(sessions), len(names)

    ohlcv = np.full((T, N, 5), np.nan)
    for n, (_, days, prices) in enumerate(bars):
        ohlcv[row_of_day[days], n] = prices

    split_ratio, dividend = np.ones((T, N)), np.zeros((T, N))
    for ticker, session, kind, amount in store.load_actions(db, known_at, names):
        row = bisect_left(sessions, session)  # a weekend's split counts from the next session on
        if row == len(sessions) or session < sessions[0]:
            continue
        if kind == "split":
            split_ratio[row, column_of[ticker]] *= amount
        else:
            dividend[row, column_of[ticker]] += amount

    macro_series, macro = _macro_as_known(db, sessions, known_at)
    universe = load_universe()
    return Panel(
        sessions=sessions,
        tickers=names,
        ohlcv=ohlcv,
        split_ratio=split_ratio,
        dividend=dividend,
        sentiment=_sentiment_by_session(db, sessions, names, known_at, scorer),
        macro=macro,
        macro_series=macro_series,
        scorer=scorer,
        earnings=_earnings_as_known(db, sessions, names, known_at),
        sectors=tuple(universe[name].sector if name in universe else "" for name in names),
        co_mentions=_co_mentions_by_session(db, sessions, names, known_at),
    )


@contextmanager
def _without_collection() -> Iterator[None]:
    """Let no garbage be looked for: among millions of rows that takes a fifth of the time, and finds none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _earnings_as_known(
    db: sqlite3.Connection, sessions: Sequence[str], tickers: Sequence[str], known_at: str
) -> FloatArray | None:
    """Return (T, N, 4) as dataset.earnings has it, or None where no announcement is stored."""
    rows = store.load_earnings(db, known_at, tickers)
    if not rows:
        return None
    last = sessions[-1]
    later = sessions_between(session_after(last, 1), session_after(last, BEYOND))
    reach = [*sessions, *later]
    return _unless_empty(
        reaction_calendar(rows, tickers, reach, [session_close(session) for session in reach])
    )


def load_expected_reports(db: sqlite3.Connection, as_of: str, tickers: Sequence[str]) -> list[ExpectedReport]:
    """Return when each company reports next as known at a close, by ticker; none for one without any date."""
    known_at = session_close(as_of)
    rows = store.load_earnings(db, known_at, tickers)
    if not rows:
        return []
    first = min(as_of, *(announced_on for _, announced_on, _, _ in rows))
    reach = sessions_between(first, session_after(as_of, REPORT_REACH))
    return expected_reports(rows, reach, [session_close(session) for session in reach], as_of)


def load_macro_levels(
    db: sqlite3.Connection, as_of: str, sessions: Sequence[str]
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the series and (T, M): what was known at a close of each session's own figure, else NaN.

    A figure stands at the session it was observed on, not at the one that first knew it: for looking back at
    what moved together, never for a forecast. The newest vintage known then counts.
    """
    values: dict[str, dict[str, float]] = {}
    for series_id, observed_on, value, _ in store.load_macro(db, session_close(as_of)):
        values.setdefault(series_id, {})[observed_on] = value
    levels = [[of.get(session, np.nan) for session in sessions] for of in values.values()]
    return tuple(values), np.array(levels, dtype=np.float64).reshape(len(values), len(sessions)).T


def _sentiment_by_session(
    db: sqlite3.Connection, sessions: Sequence[str], tickers: Sequence[str], known_at: str, scorer: str
) -> FloatArray:
    """Return (T, N, 5) as Panel has it, of the posts that a close was the first to know."""
    closes = [session_close(session) for session in sessions]
    before_first = session_close(session_after(sessions[0], -1))
    rows = store.load_read_posts(db, known_at, scorer, tickers) if scorer else []
    return sentiment_of_posts([row for row in rows if row[1] > before_first], closes, tickers)


def sentiment_of_posts(
    posts: Sequence[ReadPost], closes: Sequence[str], tickers: Sequence[str]
) -> FloatArray:
    """Return (T, N, 5) as Panel has it, of posts as ``post_features`` takes them."""
    features, count = post_features(posts, closes, tickers)
    tone, dispersion, bull_bear, novelty, _ = np.moveaxis(features, 2, 0)
    return np.stack([tone, dispersion, count, bull_bear, novelty], axis=2)


def _co_mentions_by_session(
    db: sqlite3.Connection, sessions: Sequence[str], tickers: Sequence[str], known_at: str
) -> IntArray:
    """Return (E, 4) as Panel has it; a post counts at the first close that knew it, as in sentiment."""
    closes = [session_close(session) for session in sessions]
    column_of = {ticker: n for n, ticker in enumerate(tickers)}
    before_first = session_close(session_after(sessions[0], -1))
    count: Counter[tuple[int, int, int]] = Counter()
    for available_at, one, other, posts in store.load_co_mentions(db, known_at, tickers):
        if available_at > before_first and other in column_of:
            count[bisect_left(closes, available_at), column_of[one], column_of[other]] += posts
    rows = sorted((*key, posts) for key, posts in count.items())
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _macro_as_known(
    db: sqlite3.Connection, sessions: Sequence[str], known_at: str
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the series and (T, M, 2): the newest observation and the one before, as known at each close."""
    closes = [session_close(session) for session in sessions]
    releases: dict[str, list[tuple[str, str, float]]] = {}
    for series_id, observed_on, value, available_at in store.load_macro(db, known_at):
        releases.setdefault(series_id, []).append((available_at, observed_on, value))
    macro = np.full((len(sessions), len(releases), 2), np.nan)
    for m, rows in enumerate(releases.values()):
        values: dict[str, float] = {}
        days: list[str] = []
        upcoming = 0
        for t, close in enumerate(closes):
            while upcoming < len(rows) and rows[upcoming][0] <= close:
                _, observed_on, value = rows[upcoming]
                if observed_on not in values:
                    insort(days, observed_on)
                values[observed_on] = value
                upcoming += 1
            for back in range(min(2, len(days))):
                macro[t, m, back] = values[days[-1 - back]]
    return tuple(releases), macro
