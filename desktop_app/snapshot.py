"""Everything known about one ticker, and about the watchlist, at one session: plain rows, ready to draw.

All arithmetic of the window is here and in `words`; no Qt, no pandas, no torch.
"""

from __future__ import annotations

import math
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

from collectors.records import Post, PostSentiment
from collectors.sentiment.scorer import is_uncertain
from collectors.store import (
    load_actions,
    load_bars,
    load_closing_instants,
    load_earnings,
    load_first_releases,
    load_newest_sessions,
    load_posts,
    load_scored_posts,
    load_scores,
)
from collectors.universe import Company, load_universe
from desktop_app.alerts import Alert, load_alerts
from desktop_app.chart_marks import (
    CROWDED,
    MARK_KINDS,
    RELEASES,
    ChartMark,
    ReportMark,
    past_marks,
    report_mark,
)
from desktop_app.freshness import state_of
from desktop_app.order_rows import count_waiting
from desktop_app.overlays import Overlay, load_overlays
from desktop_app.settings import Settings
from desktop_app.store import load_groups, load_holdings, load_watchlist
from desktop_app.todays_share import LATEST, Bar, adjusted, in_currency, later_splits, load_splits
from desktop_app.track_record import TrackRecord, track_record
from desktop_app.words import (
    ForecastWords,
    PriceForecast,
    count,
    forecast_in_words,
    money,
    next_report,
    percent,
)
from desktop_app.words import day as day_in_words
from fusion_model.findings import FUSION_MODEL, MARKET, Forecast
from fusion_model.store import last_forecast_session, load_expected_report, load_forecasts
from fusion_model.store import load_scores as load_scorecard
from resources.language import tr

SPARKLINE_SESSIONS = 60
SPARKLINE_DAYS = 95  # calendar days that hold that many sessions
ALERT_SESSIONS = 5  # how many sessions an unseen alert keeps its dot in the watchlist
ALERT_DAYS = 14  # calendar days that hold that many sessions
MARKET_ALERT_DAYS = 7  # how long an unseen alert on the whole market waits to be told
POSTS_OF_A_DAY = 500
AVERAGE_STROKES = ("——", "– –", "– ·", "· ·")  # as the chart draws its averages


class DaySentiment(NamedTuple):  # no dataclass, as Bar
    """Posts that a close was the first to know; positive, neutral, negative are posts by likeliest label.

    ``position`` is the bar's index; one past the last bar holds the posts since the last close.
    ``mean`` is positive - negative probability over the scored posts, NaN without one.
    """

    position: int
    posts: int
    positive: int
    neutral: int
    negative: int
    mean: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known about one ticker, as of its newest session.

    ``closes`` are the instants of the bars' closes; ``averages`` maps a length to a value per bar (NaN
    before the first); ``sentiment`` maps a scorer to its days (under "" the plain post counts).
    """

    ticker: str
    name: str
    session: str
    move: float
    bars: tuple[Bar, ...]
    closes: tuple[str, ...]
    averages: Mapping[int, tuple[float, ...]]
    sentiment: Mapping[str, tuple[DaySentiment, ...]]
    marks: tuple[ChartMark, ...]
    forecasts: tuple[PriceForecast, ...]
    forecast_position: int
    next_report: ReportMark | None
    words: ForecastWords | None
    track: TrackRecord
    alerts: tuple[Alert, ...]
    overlays: tuple[Overlay, ...] = ()
    cost: float | None = None
    stale: bool = False

    @property
    def scorer(self) -> str:
        """Who speaks in the strip: the forecast's scorer where it scored posts, else the most active."""
        used = self.forecasts[0].scorer if self.forecasts else ""
        if used in self.sentiment:
            return used
        return max(self.sentiment, key=lambda name: (len(self.sentiment[name]), name), default="")

    def last_day_with_posts(self) -> int:
        """Return the newest position that posts belong to; the last bar where there are none."""
        days = self.sentiment.get(self.scorer, ())
        return days[-1].position if days else len(self.bars) - 1

    def target_positions(self) -> dict[int, str]:
        """Return the target session of each forecast by its place on the chart."""
        return {self.forecast_position + said.horizon: said.target_session for said in self.forecasts}

    def position(self, session: str) -> int:
        """Return the bar of a session, or the first one after it."""
        return bisect_left(self.bars, session, key=lambda bar: bar.session)


@dataclass(frozen=True, slots=True)
class Overview:
    """What the window's frame tells: the tickers to choose among, and what waits on which page.

    ``session`` is the newest with a price; ``badges`` counts by the name of a page; ``unseen`` are the recent
    alerts, of watched tickers and of the whole market, that the person has not marked as seen.
    """

    tickers: tuple[str, ...] = ()
    session: str = ""
    badges: Mapping[str, int] = field(default_factory=dict)
    unseen: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchRow:
    """One line of the watchlist; ``move`` is close to close, NaN without a bar before."""

    ticker: str
    name: str
    session: str
    last_close: float
    move: float
    range_low: float
    range_high: float
    range_text: str
    alert: str
    sparkline: tuple[float, ...]
    sector: str = ""
    groups: tuple[str, ...] = ()
    stale: bool = False

    @property
    def relative_width(self) -> float:
        """Return the width of the range as a fraction of the close, NaN without a forecast."""
        return (self.range_high - self.range_low) / self.last_close


@dataclass(frozen=True, slots=True)
class PostRow:
    """A post behind a day, with the scores it was given."""

    post: Post
    text: str
    scores: tuple[PostSentiment, ...]


@cache
def company_name(ticker: str) -> str:
    """Return the name of a company we know, else an empty text."""
    company = _universe().get(ticker)
    return company.name if company else ""


def company_sector(ticker: str) -> str:
    """Return the sector of a company we know, else an empty text."""
    company = _universe().get(ticker)
    return company.sector if company else ""


@cache
def _universe() -> Mapping[str, Company]:
    return load_universe()


def load_overview(db: sqlite3.Connection, settings: Settings, now: str) -> Overview:
    """Return what the window's frame tells of the record."""
    newest = _watched_sessions(db)
    if not newest:
        return Overview()
    last = max(newest.values())
    unseen = _unseen_alerts(db, settings, newest)
    dotted = {alert.ticker for alert in unseen} - {MARKET}
    badges = {"alerts": len(dotted), "orders": count_waiting(db, settings, now)}
    return Overview(tuple(newest), last, {page: many for page, many in badges.items() if many}, unseen)


def _unseen_alerts(
    db: sqlite3.Connection, settings: Settings, newest: Mapping[str, str]
) -> tuple[Alert, ...]:
    """Return the alerts behind the dots of the watchlist, and those of the whole market's last days."""
    since = (date.fromisoformat(min(newest.values())) - timedelta(days=ALERT_DAYS)).isoformat()
    unseen = [
        alert
        for alert in load_alerts(db, settings, first_session=since)
        if (alert.ticker in newest or alert.ticker == MARKET) and not alert.acknowledged
    ]
    dotted = sorted({alert.ticker for alert in unseen} - {MARKET})
    sessions: dict[str, list[str]] = defaultdict(list)
    for ticker, session, *_ in load_bars(db, LATEST, dotted, since) if dotted else ():
        sessions[ticker].append(session)
    lately = (date.fromisoformat(max(newest.values())) - timedelta(days=MARKET_ALERT_DAYS)).isoformat()
    return tuple(
        alert
        for alert in unseen
        if alert.session in sorted(sessions[alert.ticker])[-ALERT_SESSIONS:]
        or (alert.ticker == MARKET and alert.session > lately)
    )


def _watched_sessions(db: sqlite3.Connection) -> dict[str, str]:
    """Return the newest session of each watched ticker with prices, by ticker; all while none is watched."""
    newest = load_newest_sessions(db)
    return {ticker: newest[ticker] for ticker in sorted(load_watchlist(db) or newest) if ticker in newest}


def load_watch_rows(
    db: sqlite3.Connection, settings: Settings | None = None, now: str = ""
) -> list[WatchRow]:
    """Return a row per watched ticker with prices, by ticker; every stored ticker while none is watched.

    ``now`` is the instant at which they may be stale; without it none is.
    """
    settings = settings or Settings()
    newest = _watched_sessions(db)
    if not newest:
        return []
    tickers, first = list(newest), min(newest.values())
    since = (date.fromisoformat(first) - timedelta(days=SPARKLINE_DAYS)).isoformat()
    by_ticker: dict[str, list[tuple[str, float]]] = defaultdict(list)
    splits = load_splits(db, tickers)
    for ticker, session, _, _, _, close, _ in load_bars(db, LATEST, tickers, since):
        by_ticker[ticker].append((session, close))
    forecasts = _newest_forecasts(db, tickers)
    alerts: dict[str, list[Alert]] = defaultdict(list)
    for alert in load_alerts(db, settings, first_session=since):
        alerts[alert.ticker].append(alert)
    groups: dict[str, list[str]] = defaultdict(list)
    for name, members in load_groups(db).items():
        for ticker in members:
            groups[ticker].append(name)
    return [
        _watch_row(
            ticker,
            by_ticker[ticker],
            splits.get(ticker, []),
            forecasts.get(ticker, []),
            alerts[ticker],
            groups[ticker],
            now,
        )
        for ticker in tickers
    ]


def _watch_row(
    ticker: str,
    closes: Sequence[tuple[str, float]],
    splits: Sequence[tuple[str, float]],
    forecasts: Sequence[Forecast],
    alerts: Sequence[Alert],
    groups: Sequence[str],
    now: str,
) -> WatchRow:
    values = [close / later_splits(splits, session) for session, close in closes][-SPARKLINE_SESSIONS:]
    recent = {session for session, _ in closes[-ALERT_SESSIONS:]}
    unseen = [alert for alert in alerts if alert.session in recent and not alert.acknowledged]
    next_session = [
        in_currency(forecast, splits)
        for forecast in forecasts
        if forecast.horizon == 1 and forecast.as_of_session == closes[-1][0]
    ]
    low, high = (
        (next_session[0].price_at(0.05), next_session[0].price_at(0.95)) if next_session else (math.nan,) * 2
    )
    return WatchRow(
        ticker=ticker,
        name=company_name(ticker),
        session=closes[-1][0],
        last_close=closes[-1][1],
        move=values[-1] / values[-2] - 1 if len(values) > 1 else math.nan,
        range_low=low,
        range_high=high,
        range_text="" if math.isnan(low) else f"{money(low)} – {money(high)}",
        alert=unseen[0].sentence if unseen else "",
        sparkline=tuple(values),
        sector=company_sector(ticker),
        groups=tuple(groups),
        stale=_is_stale(closes[-1][0], now),
    )


def load_snapshot(
    db: sqlite3.Connection,
    ticker: str,
    settings: Settings | None = None,
    wanted: Collection[str] = (),
    *,
    as_known: bool = True,
    now: str = "",
) -> Snapshot | None:
    """Return everything known about a ticker, or None where it has no prices.

    ``wanted`` and ``as_known`` choose the overlays (see desktop_app.overlays.load_overlays), and RELEASES the
    marks of macro releases; ``now`` is the instant at which its prices may be stale, without it they are not.
    """
    settings = settings or Settings()
    rows = load_bars(db, LATEST, [ticker])
    if not rows:
        return None
    actions = [row[1:] for row in load_actions(db, LATEST, [ticker])]
    splits = [(session, ratio) for session, kind, ratio in actions if kind == "split"]
    bars = adjusted(rows, splits)
    sessions = [bar.session for bar in bars]
    closes = dict(load_closing_instants(db, ticker))
    instants = tuple(closes[session] for session in sessions)
    stored = _newest_forecasts(db, [ticker]).get(ticker, [])
    forecasts = tuple(in_currency(forecast, splits) for forecast in stored)
    closing = [bar.close for bar in bars]
    alerts = tuple(load_alerts(db, settings, ticker))
    position = bisect_left(sessions, forecasts[0].as_of_session) if forecasts else len(bars) - 1
    track = track_record(load_scorecard(db))
    report = load_expected_report(db, ticker, forecasts[0].as_of_session) if forecasts else None
    return Snapshot(
        ticker=ticker,
        name=company_name(ticker),
        session=sessions[-1],
        move=closing[-1] / closing[-2] - 1 if len(closing) > 1 else math.nan,
        bars=bars,
        closes=instants,
        averages={length: _moving_average(closing, length) for length in settings.moving_averages},
        sentiment=_daily_sentiment(load_scored_posts(db, ticker), instants),
        marks=past_marks(
            sessions,
            instants,
            actions=actions,
            shares={session: later_splits(splits, session) for session, _, _ in actions},
            announcements=load_earnings(db, instants[-1], [ticker]),
            alerts=alerts,
            releases=load_first_releases(db) if RELEASES in wanted else (),
        ),
        forecasts=forecasts,
        forecast_position=position,
        next_report=report_mark(report, position),
        words=forecast_in_words(ticker, forecasts, track.skilled, sessions[-1], next_report(report)),
        track=track,
        alerts=alerts,
        overlays=load_overlays(db, bars, instants, wanted, as_known=as_known) if wanted else (),
        cost=next((held.cost for held in load_holdings(db) if held.ticker == ticker), None),
        stale=_is_stale(sessions[-1], now),
    )


def _is_stale(session: str, now: str) -> bool:
    return bool(now) and state_of("prices", session, now) == "stale"


def load_posts_of_day(db: sqlite3.Connection, snapshot: Snapshot, position: int) -> list[PostRow]:
    """Return the posts that one close was the first to know, newest first.

    ``position`` one past the last bar means the posts since the last close.
    """
    after = snapshot.closes[position - 1] if position > 0 else ""
    until = snapshot.closes[position] if position < len(snapshot.closes) else LATEST
    return load_posts_between(db, snapshot.ticker, after, until)


def load_posts_between(db: sqlite3.Connection, ticker: str, after: str, until: str) -> list[PostRow]:
    """Return a ticker's newest POSTS_OF_A_DAY posts that became known in (after, until], newest first."""
    posts = load_posts(db, ticker, until, after, POSTS_OF_A_DAY)
    scores = load_scores(db, [post.post_id for post in posts])
    return [PostRow(post, _one_text(post), tuple(scores.get(post.post_id, ()))) for post in posts]


def posts_heading(snapshot: Snapshot, position: int, posts: int) -> str:
    """Return what the posts of a position are, in words."""
    many = (
        tr("the newest {posts} posts", posts=posts)
        if posts == POSTS_OF_A_DAY
        else count(posts, "post")
        if posts
        else tr("no posts")
    )
    if position >= len(snapshot.bars):
        return tr("{ticker} since the last close: {many}", ticker=snapshot.ticker, many=many)
    return tr(
        "{ticker} on {day_in_words}: {many} known by the close",
        ticker=snapshot.ticker,
        day_in_words=day_in_words(snapshot.bars[position].session),
        many=many,
    )


def reading(row: PostRow, scorer: str = "") -> str:
    """Return how a scorer (default: a post's first one) read it: ``▲ positive 82 %``, ``? uncertain``."""
    chosen = next((score for score in row.scores if score.scorer == scorer), None)
    score = chosen or (row.scores[0] if row.scores else None)
    if score is None:
        return tr("not read yet")
    chance, said = max(
        (score.neutral, tr("• neutral")),
        (score.positive, tr("▲ positive")),
        (score.negative, tr("▼ negative")),
    )
    if is_uncertain((score.positive, score.neutral, score.negative)):
        return tr("? uncertain")
    return f"{said} {percent(chance, 0)}"


def post_in_full(row: PostRow) -> str:
    """Return a post with where it stood and how each scorer read it."""
    post = row.post
    where = f"r/{post.community}" if post.source == "reddit" else post.community or post.source
    lines = [
        tr(
            "{day_in_words}, {created_at} UTC · {where}",
            day_in_words=day_in_words(post.created_at),
            created_at=post.created_at[11:16],
            where=where,
        )
    ]
    if post.score or post.comment_count:
        lines[0] += f" · {count(post.score, 'point')}, {count(post.comment_count, 'comment')}"
    lines.extend(
        tr(
            "{scorer}: positive {positive}, neutral {neutral}, negative {negative}",
            scorer=score.scorer,
            positive=percent(score.positive, 0),
            neutral=percent(score.neutral, 0),
            negative=percent(score.negative, 0),
        )
        for score in row.scores
    )
    return "\n".join([*lines, "", row.text])


def legend(
    snapshot: Snapshot, bundle: int, averages: Sequence[str], fan: str, mark: str, shown: Collection[str]
) -> str:
    """Return what the chart's lines and shapes mean, as rich text in their colours."""
    parts = [
        tr("Hollow rose, filled fell")
        + ("" if bundle == 1 else tr(" (a candle is {bundle} sessions)", bundle=bundle))
    ]
    means = "&nbsp; ".join(
        f'<span style="color:{averages[i % len(averages)]}">{AVERAGE_STROKES[i % 4]} {length}</span>'
        for i, length in enumerate(sorted(snapshot.averages))
    )
    if means:
        parts.append(tr("mean of {means} sessions", means=means))
    for overlay in dict.fromkeys((one.title, one.scale, one.note) for one in snapshot.overlays):
        title, scale, note = overlay
        how = tr(" from the left edge") if scale == "rebased" else ""
        sign = {"price": "··", "rebased": "—", "own": "—"}[scale]
        colour = f' style="color:{mark}"' if scale == "rebased" else ""
        parts.append(f"<span{colour}>{sign} {note or title + how}</span>")
    if snapshot.forecasts:
        parts.append(tr('<span style="color:{fan}">◢ forecast: median, 50, 80, 95 %</span>', fan=fan))
    if snapshot.next_report is not None:
        announced = snapshot.next_report.announced
        parts.append(
            _unbroken(tr("◆ next report, announced") if announced else tr("◇ next report, expected"))
        )
    there = {one.kind for one in snapshot.marks if one.kind in shown}
    for kind, (sign, name) in MARK_KINDS.items():
        if kind in there:
            text = _unbroken(f"{sign} {name.lower()}")
            if bundle > CROWDED.get(kind, bundle):
                text += _unbroken(tr(" (zoom in)"))
            parts.append(f'<span style="color:{mark}">{text}</span>' if kind == "unusual" else text)
    return " &nbsp;·&nbsp; ".join(parts)


def _unbroken(text: str) -> str:
    return text.replace(" ", "&nbsp;")


def strip_note(snapshot: Snapshot) -> str:
    """Return what the two lower strips show."""
    adjusted = any(mark.kind == "split" for mark in snapshot.marks)
    below = (
        tr("positive up, negative down; click a day to read them.")
        if snapshot.scorer
        else tr("none are stored for this ticker.")
    )
    return tr("Middle: volume.  Below: posts a day, {below}", below=below) + (
        tr("  Splits adjusted, dividends not.") if adjusted else ""
    )


def _one_text(post: Post) -> str:
    return "\n\n".join(part for part in (post.title.strip(), post.body.strip()) if part)


def _moving_average(values: Sequence[float], length: int) -> tuple[float, ...]:
    averages, total = [], 0.0
    for position, value in enumerate(values):
        total += value - (values[position - length] if position >= length else 0.0)
        averages.append(total / length if position >= length - 1 else math.nan)
    return tuple(averages)


def _newest_forecasts(db: sqlite3.Connection, tickers: Sequence[str]) -> dict[str, list[Forecast]]:
    session = last_forecast_session(db, FUSION_MODEL)
    found: dict[str, list[Forecast]] = defaultdict(list)
    if session is not None:
        for forecast in load_forecasts(db, session, FUSION_MODEL, tickers):
            found[forecast.ticker].append(forecast)
    return found


def _daily_sentiment(
    rows: Sequence[tuple[str, str | None, int | None, float | None]], closes: Sequence[str]
) -> dict[str, tuple[DaySentiment, ...]]:
    """Return the days of each scorer; a post belongs to the first close that knew it."""
    days: dict[str, dict[int, list[Any]]] = defaultdict(dict)
    by_date = {close[:10]: position for position, close in enumerate(closes)}
    for at, scorer, label, tone in rows:
        position = by_date.get(at[:10], -1)
        if position < 0:  # on a day without a session
            position = bisect_left(closes, at)
        elif at > closes[position]:
            position += 1
        day = days[scorer or ""]
        tally = day.get(position)
        if tally is None:
            tally = day[position] = [0, 0, 0, 0, 0.0]
        tally[3] += 1
        if label is not None:
            tally[label] += 1
            tally[4] += tone
    return {
        scorer: tuple(
            DaySentiment(position, many, up, flat, down, total / many if scorer else math.nan)
            for position, (up, flat, down, many, total) in sorted(by_day.items())
        )
        for scorer, by_day in days.items()
    }
