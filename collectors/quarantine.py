"""Looks at prices once they are saved: flags what is doubted, and releases what a second look bears out."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isclose
from typing import Final

import numpy as np

from collectors import store
from collectors.market_calendar import closes_by_session, sessions_between
from collectors.quality import ACTION_KINDS, BAR_KINDS, LOOKBACK, Bars, Fault, FloatArray, find_faults
from collectors.records import CorporateAction, PriceFlag

CLOSE: Final = 3  # of a SourceWord's prices
VOLUME: Final = 4
BARS_BEFORE = 2 * LOOKBACK  # what a judgement may rest on
TICK = 0.01  # USD; below one dollar a hundredth of it
NEARLY = 0.005  # relative; two vendors' highs and lows differ by that much on most days
MARKETS_DO = frozenset({"bad_tick", "volume_zero"})  # a source that errs otherwise says it again tomorrow
RECONSIDERED = frozenset({"gap", "disagreement"})  # noted, and taken back once they are mended
VENDORS = {"yfinance_csv": "yahoo", "yahoo_csv": "yahoo", "stooq_csv": "stooq"}  # files of a live source


@dataclass(frozen=True)
class SourceWord:
    """What one source last said of a ticker, from some session on, oldest first."""

    sessions: Sequence[str]
    prices: FloatArray  # (5, T): open, high, low, close, volume
    known_at: Sequence[str]
    actions: Mapping[tuple[str, str], CorporateAction]

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each session stands."""
        return {session: at for at, session in enumerate(self.sessions)}

    def bar(self, session: str) -> list[float] | None:
        """Return open, high, low, close, volume of a session, or None."""
        at = self.places.get(session)
        return None if at is None else self.prices[:, at].tolist()


def review(
    db: sqlite3.Connection,
    ticker: str,
    source: str,
    *,
    since: str,
    now: str,
    is_live: bool,
    adjusted_close: Mapping[str, float] | None = None,
    said: SourceWord | None = None,
) -> list[PriceFlag]:
    """Judge what a source said of the sessions from ``since`` on; save and return what is new.

    A doubt is dispelled by a correction or a split that explains it, by another vendor that says the same, by
    the next session where that settles it, and, where markets do such things (``bad_tick``,
    ``volume_zero``), by the source itself, saying the same on another day (``is_live``: asked just now).
    ``said`` is all that is stored of the ticker's prices, where the caller has it at hand.
    """
    first = _bars_before(db, ticker, source, since)
    words = _with_actions(db, ticker, first, {source: said}) if said else _words(db, ticker, first)
    if source not in words:
        return []
    faults = [fault for fault in _faults(source, words, adjusted_close) if fault.session >= since]
    if is_live:
        faults += _disagreements(source, words, since)
    standing = {
        (flag.source, flag.session, flag.kind): flag
        for flag in store.load_flags(db, tickers=[ticker], first=since)
    }
    news = [*_opened(ticker, source, faults, words[source], standing, now)]
    for flag in news:
        standing[flag.source, flag.session, flag.kind] = flag
    found = {(fault.session, fault.kind) for fault in faults}
    for flag in [flag for flag in standing.values() if not flag.resolution]:
        resolved = _resolved(flag, source, found, faults, words, now, is_live)
        if resolved:
            news.append(resolved)
    store.save_flags(db, news)
    return news


def _bars_before(db: sqlite3.Connection, ticker: str, source: str, since: str) -> str:
    row = db.execute(
        "SELECT min(session) FROM (SELECT DISTINCT session FROM price_bar WHERE ticker = ? AND source = ? "
        "AND session < ? ORDER BY session DESC LIMIT ?)",
        (ticker, source, since, BARS_BEFORE),
    ).fetchone()
    return str(row[0] or since)


def _words(db: sqlite3.Connection, ticker: str, first: str) -> dict[str, SourceWord]:
    words = {}
    for source, bars in store.load_every_word(db, ticker, first).items():
        sessions, _, *prices, known_at = zip(*bars.values(), strict=True)
        words[source] = SourceWord(sessions, np.array(prices), known_at, {})
    return _with_actions(db, ticker, first, words)


def _with_actions(
    db: sqlite3.Connection, ticker: str, first: str, words: Mapping[str, SourceWord]
) -> dict[str, SourceWord]:
    actions: dict[str, dict[tuple[str, str], CorporateAction]] = defaultdict(dict)
    for action in store.load_every_action(db, ticker, first):
        actions[action.source][action.session, action.kind] = action
    return {source: replace(word, actions=actions[source]) for source, word in words.items()}


def _faults(
    source: str, words: Mapping[str, SourceWord], adjusted_close: Mapping[str, float] | None
) -> list[Fault]:
    """Judge a source by its own word; a split that only another source told of explains a jump too."""
    word = words[source]
    sessions = tuple(word.sessions)
    splits = {
        session: action.ratio_or_amount
        for said in (*words.values(), word)
        for (session, kind), action in said.actions.items()
        if kind == "split" and action.ratio_or_amount > 0
    }
    dividends = {
        session: action.ratio_or_amount
        for (session, kind), action in word.actions.items()
        if kind == "dividend"
    }
    faults = find_faults(
        Bars(sessions, *word.prices),
        splits,
        dividends,
        calendar=sessions_between(sessions[0], sessions[-1]),
        adjusted_close=adjusted_close,
    )
    return [
        fault for fault in faults if fault.kind != "split_wrong" or (fault.session, "split") in word.actions
    ]


def _opened(
    ticker: str,
    source: str,
    faults: list[Fault],
    word: SourceWord,
    standing: Mapping[tuple[str, str, str], PriceFlag],
    now: str,
) -> Iterator[PriceFlag]:
    """Yield doubts that do not stand yet; one that was dispelled comes back only with another bar."""
    for fault in faults:
        at = _known_at(fault, word)
        before = standing.get((source, fault.session, fault.kind))
        if before and (not before.resolution or at <= before.available_at):
            continue
        holds = "bar" if fault.kind in BAR_KINDS else ACTION_KINDS.get(fault.kind, "")
        yield PriceFlag(ticker, fault.session, fault.kind, holds, fault.detail, source, "", now, at)


def _known_at(fault: Fault, word: SourceWord) -> str:
    """Return the close at which a fault shows, or when the bars that show it were last corrected."""
    instants = [closes_by_session().get(fault.known_on, "")]
    days = [day for day in (fault.session, fault.known_on) if day in word.places]
    instants += [word.known_at[word.places[day]] for day in days]
    action = word.actions.get((fault.session, ACTION_KINDS.get(fault.kind, "")))
    return max([*instants, action.available_at] if action else instants)


def _resolved(
    flag: PriceFlag,
    source: str,
    found: set[tuple[str, str]],
    faults: list[Fault],
    words: Mapping[str, SourceWord],
    now: str,
    is_live: bool,
) -> PriceFlag | None:
    """Return the row that dispels a doubt, if anything does."""
    if flag.holds and (other := _who_says_the_same(flag, words)):
        name, at = other
        return replace(flag, resolution=f"{name} says the same", flagged_at=now, available_at=at)
    if flag.source != source:
        return None
    for fault in faults:
        if (fault.session, fault.kind) == (flag.session, flag.kind) and fault.settled_on:
            at = max(flag.available_at, closes_by_session().get(fault.settled_on, ""))
            return replace(
                flag, resolution=f"{fault.settled_on} stayed there", flagged_at=now, available_at=at
            )
    if (flag.session, flag.kind) not in found and (flag.holds or flag.kind in RECONSIDERED):
        return replace(flag, resolution="corrected or explained", flagged_at=now, available_at=now)
    if is_live and flag.kind in MARKETS_DO and flag.flagged_at[:10] < now[:10]:
        text = f"{source} said the same again"
        return replace(flag, resolution=text, flagged_at=now, available_at=now)
    return None


# Other sources ------------------------------------------------------------------------------------


def _vendor(source: str) -> str:
    return VENDORS.get(source, source)


def _who_says_the_same(flag: PriceFlag, words: Mapping[str, SourceWord]) -> tuple[str, str] | None:
    """Return another vendor that bears out what is doubted, and since when it did."""
    here = words.get(flag.source)
    if here is None:
        return None
    for name, there in words.items():
        if _vendor(name) == _vendor(flag.source):
            continue
        if flag.holds == "bar":
            one, other = here.bar(flag.session), there.bar(flag.session)
            if one and other and _bars_agree(one, other):
                return name, max(flag.available_at, there.known_at[there.places[flag.session]])
        else:
            key = (flag.session, flag.holds)
            ours, theirs = here.actions.get(key), there.actions.get(key)
            if ours and theirs and isclose(ours.ratio_or_amount, theirs.ratio_or_amount, rel_tol=NEARLY):
                return name, max(flag.available_at, theirs.available_at)
    return None


def _bars_agree(one: list[float], other: list[float]) -> bool:
    pairs = zip(one[:VOLUME], other[:VOLUME], strict=True)
    return all(isclose(a, b, rel_tol=NEARLY, abs_tol=tick_of(a)) for a, b in pairs)


def tick_of(price: float) -> float:
    """Return the smallest step of a price, with room for the rounding of 32-bit floats."""
    return (TICK if price >= 1 else TICK / 100) * 1.01


def _disagreements(source: str, words: Mapping[str, SourceWord], since: str) -> Iterator[Fault]:
    """Yield closes on which two live sources differ by more than a tick; both are kept."""
    for name, there in words.items():
        if name == source or name.endswith("csv"):  # an archive's other habits are no news
            continue
        for session, close in zip(words[source].sessions, words[source].prices[CLOSE].tolist(), strict=True):
            other = there.bar(session)
            if session < since or other is None or abs(close - other[CLOSE]) <= tick_of(close):
                continue
            detail = f"close {close:g}, and {other[CLOSE]:g} from {name}"
            yield Fault(session, "disagreement", detail, session)
