"""What has happened before: named crashes replayed, the worst weeks, the deepest fall below a peak.

Shapes: T sessions, N holdings.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources as package_resources

import numpy as np

from fusion_model.advice.drawdown import drawdown
from fusion_model.dataset.panel import FloatArray, IntArray, Panel
from fusion_model.risk_findings import RiskEpisode

WORST_WEEKS = 3
MIN_WEEK_SESSIONS = 3  # a week cut by the record's beginning is none


@dataclass(frozen=True, slots=True)
class Episode:
    """A named span of the past, from the close of one session to that of another; ``source`` says whose."""

    name: str
    first_session: str
    last_session: str
    source: str


def load_episodes() -> tuple[Episode, ...]:
    """Return the named episodes, oldest first."""
    text = package_resources.files("resources").joinpath("episodes.csv").read_text("utf-8")
    return tuple(Episode(**row) for row in csv.DictReader(text.splitlines()))


def replay(
    panel: Panel, subject: str, tickers: Sequence[str], weights: Sequence[float], episodes: Sequence[Episode]
) -> list[RiskEpisode]:
    """Return what holdings, bought at today's weights at an episode's start and held, did in each.

    A holding without a price at the start is left out, and the others are scaled up to its weight. An
    episode that the record does not hold whole, or that no holding was there for, is left out. What the
    weights leave is cash. Losses of today's names in a past crash flatter: they survived it.
    """
    told = []
    place = {ticker: n for n, ticker in enumerate(panel.tickers)}
    total = float(sum(weights))
    for episode in episodes:
        if not panel.sessions[0] <= episode.first_session < episode.last_session <= panel.sessions[-1]:
            continue
        rows = slice(panel.position(episode.first_session), panel.position(episode.last_session) + 1)
        there = [
            (place[ticker], weight)
            for ticker, weight in zip(tickers, weights, strict=True)
            if ticker in place and panel.present[rows.start, place[ticker]]
        ]
        covered = sum(weight for _, weight in there) / total
        if not there:
            continue
        columns, held = np.array([column for column, _ in there]), np.array([weight for _, weight in there])
        wealth = wealth_of(panel.log_returns[rows, :][:, columns], held / covered)
        told.append(
            RiskEpisode(
                subject=subject,
                as_of_session=panel.sessions[-1],
                kind="episode",
                name=episode.name,
                first_session=episode.first_session,
                last_session=episode.last_session,
                change=float(wealth[-1] / wealth[0] - 1.0),
                drawdown=drawdown(wealth).deepest,
                covered=float(min(covered, 1.0)),
            )
        )
    return told


def wealth_of(log_returns: FloatArray, weights: FloatArray) -> FloatArray:
    """Return (T,) the wealth of holdings bought at the first row, whose returns (T, N) do not count."""
    steps = np.nan_to_num(log_returns)
    steps[0] = 0.0
    return np.asarray(1.0 - weights.sum() + np.exp(np.cumsum(steps, axis=0)) @ weights)


def worst_weeks(panel: Panel, ticker: str, count: int = WORST_WEEKS) -> list[RiskEpisode]:
    """Return a stock's calendar weeks of the largest loss, from the last close before to the last of it."""
    column = panel.tickers.index(ticker)
    rows = np.flatnonzero(panel.present[:, column])
    if len(rows) < 2:
        return []
    index = np.cumsum(np.nan_to_num(panel.log_returns[rows, column]))
    week = _weeks(panel.sessions)[rows]
    ends = np.flatnonzero(np.diff(week, append=-1))  # the last bar of each week
    starts = ends[:-1]
    moved = index[ends[1:]] - index[starts]
    whole = np.diff(ends) >= MIN_WEEK_SESSIONS
    falls = np.flatnonzero(whole & (moved < 0))
    told = []
    for rank, n in enumerate(falls[np.argsort(moved[falls], kind="stable")][:count], start=1):
        inside = np.exp(index[starts[n] : ends[n + 1] + 1])
        told.append(
            RiskEpisode(
                subject=ticker,
                as_of_session=panel.sessions[-1],
                kind="worst_week",
                name=str(rank),
                first_session=panel.sessions[rows[starts[n]]],
                last_session=panel.sessions[rows[ends[n + 1]]],
                change=float(np.expm1(moved[n])),
                drawdown=drawdown(inside).deepest,
                covered=1.0,
            )
        )
    return told


@lru_cache(maxsize=1)
def _weeks(sessions: tuple[str, ...]) -> IntArray:
    """Return the calendar week of each session, as a number (T,)."""
    return np.array([date.fromisoformat(session).toordinal() // 7 for session in sessions], dtype=np.int64)


def deepest_drawdown(panel: Panel, subject: str, returns: FloatArray) -> list[RiskEpisode]:
    """Return the deepest fall below a peak of daily log returns (T,), from its peak to its trough."""
    rows = np.flatnonzero(np.isfinite(returns))
    if not len(rows):
        return []
    rows = np.concatenate([[max(rows[0] - 1, 0)], rows])
    wealth = np.exp(np.cumsum(np.concatenate([[0.0], returns[rows[1:]]])))
    fall = drawdown(wealth)
    if fall.deepest <= 0:
        return []
    return [
        RiskEpisode(
            subject=subject,
            as_of_session=panel.sessions[-1],
            kind="deepest_drawdown",
            name="",
            first_session=panel.sessions[rows[fall.peak]],
            last_session=panel.sessions[rows[fall.trough]],
            change=-fall.deepest,
            drawdown=fall.deepest,
            covered=1.0,
        )
    ]


def constant_mix(panel: Panel, tickers: Sequence[str], weights: Sequence[float]) -> FloatArray:
    """Return (T,) daily log returns of weights kept the same each day; NaN where a holding has none."""
    columns = [panel.tickers.index(ticker) for ticker in tickers]
    return np.asarray(np.log1p(np.expm1(panel.log_returns[:, columns]) @ np.array(weights)))
