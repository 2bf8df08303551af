"""What was written and released between two closes: the posts and macro figures beside a forecast."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from collectors.store import load_closing_instants, load_releases
from desktop_app.macro_words import SERIES, figure
from desktop_app.snapshot import POSTS_OF_A_DAY, PostRow, load_posts_between
from desktop_app.words import count, day
from resources.language import tr


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A macro figure that came: what it is, when it is of, its value and the one before."""

    title: str
    series_id: str
    observed: str
    value: str
    before: str


@dataclass(frozen=True, slots=True)
class DayNews:
    """What a close was the first to know beside its price."""

    heading: str
    posts: tuple[PostRow, ...]
    releases_heading: str
    releases: tuple[ReleaseRow, ...]


def load_day_news(db: sqlite3.Connection, ticker: str, session: str) -> DayNews:
    """Return the posts on a ticker and the macro figures between the close before a session and its own.

    Closes are those of the ticker's stored bars: a calendar would load pandas into the window.
    """
    closes = [at for on, at in load_closing_instants(db, ticker) if on <= session][-2:]
    after, until = closes[0] if len(closes) == 2 else "", closes[-1] if closes else ""
    posts = load_posts_between(db, ticker, after, until)
    releases = [_release(*row) for row in load_releases(db, after, until)]
    many = tr("The newest ") if len(posts) == POSTS_OF_A_DAY else ""
    written = f"{many}{count(len(posts), 'post')}" if posts else tr("No posts")
    came = count(len(releases), "macro figure") if releases else tr("No macro figures")
    return DayNews(
        heading=tr(
            "{written} on {ticker} known by the close of {session}",
            written=written,
            ticker=ticker,
            session=day(session),
        ),
        posts=tuple(posts),
        releases_heading=tr("{came} released that day", came=came),
        releases=tuple(releases),
    )


def _release(series_id: str, observed_on: str, value: float, before: float | None) -> ReleaseRow:
    title, unit = SERIES.get(series_id, (series_id, ""))
    return ReleaseRow(
        title=title,
        series_id=series_id,
        observed=day(observed_on),
        value=figure(value, unit),
        before="" if before is None else figure(before, unit),
    )
