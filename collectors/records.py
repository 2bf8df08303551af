"""Rows of facts: frozen dataclasses whose field names are column names.

Dates travel as ISO text, as they stand in the database: ``session`` (a trading date) and ``*_on`` as
``YYYY-MM-DD``, ``*_at`` as a UTC instant ``YYYY-MM-DDTHH:MM:SSZ``. Both sort as they read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PriceBar:
    """One session of one ticker as traded that day, in USD; volume in shares."""

    ticker: str
    session: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    source: str
    available_at: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A price of the session under way, in USD as traded now: of the last trade at ``quoted_at``.

    ``available_at`` is when it was read here. Kept apart from daily bars, and never in a panel.
    """

    ticker: str
    price: float
    quoted_at: str
    source: str
    available_at: str


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split (new shares per old share) or a cash dividend (USD per share held after that day's split)."""

    ticker: str
    session: str
    kind: str
    ratio_or_amount: float
    source: str
    available_at: str


@dataclass(frozen=True, slots=True)
class PriceFlag:
    """A doubt about what a source said of a session, or (``resolution`` not empty) what dispelled it.

    ``holds`` names what is kept out of panels meanwhile: the bar, the split, the dividend, or nothing
    (empty). ``flagged_at`` is when it was recorded here; ``available_at`` when it could be known: a doubt
    follows from the bars themselves, so it counts from the close of the last of them.
    """

    ticker: str
    session: str
    kind: str
    holds: str
    detail: str
    source: str
    resolution: str
    flagged_at: str
    available_at: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post or comment, without its author.

    ``score`` and ``comment_count`` are what the source counted when it was read, later than
    ``available_at``: they are shown, and never reach a feature.
    """

    post_id: str
    source: str
    community: str
    title: str
    body: str
    score: int
    comment_count: int
    created_at: str
    available_at: str


@dataclass(frozen=True, slots=True)
class PostMention:
    """A post speaks of a ticker."""

    post_id: str
    ticker: str


@dataclass(frozen=True, slots=True)
class PostText:
    """The hash of a post's normalised text; removed and empty posts have none."""

    post_id: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class PostSentiment:
    """Probabilities (sum 1) that a scorer gave a post; ``scorer`` names the model and its revision."""

    post_id: str
    scorer: str
    positive: float
    neutral: float
    negative: float
    scored_at: str


@dataclass(frozen=True, slots=True)
class MacroObservation:
    """One value of one series in one vintage; ``released_on`` is the vintage's first day."""

    series_id: str
    observed_on: str
    value: float
    released_on: str
    available_at: str


@dataclass(frozen=True, slots=True)
class EarningsAnnouncement:
    """When a company reports: ``time_of_day`` is pre, post or unknown; a moved date is a new row."""

    ticker: str
    announced_on: str
    time_of_day: str
    source: str
    available_at: str


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of one job; outcome: done, retry, skipped, failed."""

    job: str
    started_at: str
    finished_at: str
    outcome: str
    rows: int
    message: str
