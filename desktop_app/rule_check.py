"""Looks at sessions and prices with the person's rules, and keeps what they raise."""

from __future__ import annotations

import math
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, timedelta

from collectors.market_calendar import last_closed_session, session_close, session_of
from collectors.records import Quote
from collectors.store import (
    load_actions,
    load_bars,
    load_closing_instants,
    load_sentiment,
    load_tickers,
    preferred_scorer,
)
from desktop_app.alert_rules import RANGES, RuleAlert, SessionFacts, fired
from desktop_app.store import load_watchlist
from desktop_app.store_rules import load_rule_alerts, load_rules, save_rule_alerts
from fusion_model.findings import QUANTILE_LEVELS, Forecast
from fusion_model.store import load_forecasts

LATEST = "9999"
ON_QUOTES = ("price", "return", "range")  # kinds that a price under way can tell
LOOKED_AT = 5  # sessions back that a check still looks at: after days away none is missed
USUAL_VOLUME, USUAL_POSTS = 22, 60  # sessions
DAYS_BACK = 120  # that hold as many sessions


def check_rules(db: sqlite3.Connection, now: str) -> list[RuleAlert]:
    """Save and return what rules newly raise on the last LOOKED_AT sessions; again: nothing new."""
    rules = load_rules(db)
    if not rules:
        return []
    watched = load_watchlist(db) or load_tickers(db)
    tickers = {rule.ticker for rule in rules if rule.ticker}
    if any(not rule.ticker for rule in rules):
        tickers |= set(watched)
    posts = any(rule.kind in ("post_count", "sentiment") for rule in rules)
    found = fired(rules, load_session_facts(db, tickers, now, posts=posts), load_rule_alerts(db))
    save_rule_alerts(db, found, now)
    return found


def check_quotes(db: sqlite3.Connection, quotes: Sequence[Quote], now: str) -> list[RuleAlert]:
    """Save and return what the rules on prices newly raise on prices of the session under way.

    A rule that fired on one is not raised again by the close of that session. What a close alone can tell
    (volume, posts, the next forecast) waits for it.
    """
    rules = [rule for rule in load_rules(db) if rule.kind in ON_QUOTES]
    if not rules or not quotes:
        return []
    watched = set(load_watchlist(db) or load_tickers(db))
    found = fired(
        [rule for rule in rules if rule.ticker],
        facts := quote_facts(db, quotes, now),
        before := load_rule_alerts(db),
    )
    everyone = [one for one in facts if one.ticker in watched]
    found += fired([rule for rule in rules if not rule.ticker], everyone, before)
    save_rule_alerts(db, found, now)
    return found


def quote_facts(db: sqlite3.Connection, quotes: Sequence[Quote], now: str) -> list[SessionFacts]:
    """Return what rules on prices look at, of each quote's ticker with a forecast for the session."""
    before = last_closed_session(now)
    names = sorted({quote.ticker for quote in quotes})
    said = {one.ticker: one for one in load_forecasts(db, before, tickers=names, horizon=1)}
    split: dict[str, float] = defaultdict(lambda: 1.0)
    paid: dict[str, float] = defaultdict(float)
    for ticker, session, kind, amount in load_actions(db, now, names, first_session=before):
        if before < session <= now[:10] and kind == "split":
            split[ticker] *= amount
        elif before < session <= now[:10]:
            paid[ticker] += amount
    found = []
    for quote in quotes:
        evening = said.get(quote.ticker)
        if evening is None or session_of(quote.quoted_at) != evening.target_session or not quote.price > 0:
            continue
        close_before, dividend = evening.last_close / split[quote.ticker], paid[quote.ticker]
        found.append(
            SessionFacts(
                ticker=quote.ticker,
                session=evening.target_session,
                closed_at=quote.quoted_at,
                close=quote.price,
                close_before=close_before,
                move=(quote.price + dividend) / close_before - 1,
                volume=math.nan,
                usual_volume=math.nan,
                posts=math.nan,
                usual_posts=math.nan,
                tone=math.nan,
                usual_tone=math.nan,
                ranges=_ranges(evening, close_before, dividend),
                width=math.nan,
                width_before=math.nan,
            )
        )
    return sorted(found, key=lambda one: one.closed_at)


def load_session_facts(
    db: sqlite3.Connection, tickers: Collection[str], now: str, *, posts: bool = True
) -> list[SessionFacts]:
    """Return what rules look at, of the last LOOKED_AT sessions of each ticker, as known now."""
    names = sorted(tickers)
    since = (date.fromisoformat(now[:10]) - timedelta(days=DAYS_BACK)).isoformat()
    bars: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for ticker, session, _, _, _, close, volume in load_bars(db, LATEST, names, since):
        bars[ticker].append((session, close, volume))
    splits: dict[str, list[tuple[str, float]]] = defaultdict(list)
    paid: dict[tuple[str, str], float] = defaultdict(float)
    for ticker, session, kind, amount in load_actions(db, LATEST, names):
        if kind == "split":
            splits[ticker].append((session, amount))
        elif session >= since:
            paid[ticker, session] += amount
    tones = _tones(db, names, since) if posts else {}
    said: dict[str, dict[str, Forecast]] = {}
    found = []
    for ticker, rows in bars.items():
        sessions = [session for session, _, _ in rows]
        for at in range(max(1, len(rows) - LOOKED_AT), len(rows)):
            for session in (sessions[at], sessions[at - 1]):
                if session not in said:
                    made = load_forecasts(db, session, tickers=names)
                    said[session] = {one.ticker: one for one in made if one.horizon == 1}
            found.append(_facts(ticker, rows, at, splits[ticker], paid, tones.get(ticker, {}), said))
    return found


def _facts(
    ticker: str,
    rows: Sequence[tuple[str, float, float]],
    at: int,
    splits: Sequence[tuple[str, float]],
    paid: dict[tuple[str, str], float],
    own: dict[str, tuple[int, float]],
    said: dict[str, dict[str, Forecast]],
) -> SessionFacts:
    """Return one session's, in shares as they were that day."""
    session, close, volume = rows[at]
    before, close_before, _ = rows[at - 1]
    ratio = _shares(splits, before, session)
    close_before /= ratio
    usual = [shares * _shares(splits, on, session) for on, _, shares in rows[max(0, at - USUAL_VOLUME) : at]]
    dividend = paid.get((ticker, session), 0.0)
    earlier = [on for on, _, _ in rows[max(0, at - USUAL_POSTS) : at]]
    count = sum(own.get(on, (0, 0.0))[0] for on in earlier)
    today = own.get(session, (0, 0.0))
    evening, tonight = said[before].get(ticker), said[session].get(ticker)
    return SessionFacts(
        ticker=ticker,
        session=session,
        closed_at=session_close(session),
        close=close,
        close_before=close_before,
        move=(close + dividend) / close_before - 1,
        volume=volume,
        usual_volume=math.fsum(usual) / len(usual) if len(usual) == USUAL_VOLUME else math.nan,
        posts=float(today[0]),
        usual_posts=count / len(earlier) if earlier else math.nan,
        tone=today[1] / today[0] if today[0] else math.nan,
        usual_tone=sum(own[on][1] for on in earlier if on in own) / count if count else math.nan,
        ranges={} if evening is None else _ranges(evening, close_before, dividend),
        width=math.nan if tonight is None else _width(tonight),
        width_before=math.nan if evening is None else _width(evening),
    )


def _shares(splits: Sequence[tuple[str, float]], after: str, until: str) -> float:
    """Return how many shares of ``until`` one of ``after`` became."""
    return math.prod(ratio for on, ratio in splits if after < on <= until)


def _ranges(said: Forecast, close_before: float, dividend: float) -> dict[float, tuple[float, float]]:
    """Return the prices between which a share of outcomes was expected, without the dividend."""
    found = {}
    for share in RANGES:
        low = QUANTILE_LEVELS.index(round((1 - share / 100) / 2, 4))
        found[share] = (
            close_before * math.exp(said.quantiles[low]) - dividend,
            close_before * math.exp(said.quantiles[-1 - low]) - dividend,
        )
    return found


def _width(said: Forecast) -> float:
    low = QUANTILE_LEVELS.index(0.05)
    return math.exp(said.quantiles[-1 - low]) - math.exp(said.quantiles[low])


def _tones(
    db: sqlite3.Connection, tickers: Sequence[str], since: str
) -> dict[str, dict[str, tuple[int, float]]]:
    """Return, by ticker and session, the number and the summed tone of the posts that a close knew first."""
    scorer = preferred_scorer(db)
    if scorer is None:
        return {}
    closes = {ticker: load_closing_instants(db, ticker) for ticker in tickers}
    instants = {ticker: [closed for _, closed in rows] for ticker, rows in closes.items()}
    found: dict[str, dict[str, tuple[int, float]]] = defaultdict(dict)
    for ticker, at, positive, _, negative in load_sentiment(db, LATEST, scorer, tickers):
        if at < since:
            continue
        place = bisect_left(instants[ticker], at)
        if place < len(closes[ticker]):
            session = closes[ticker][place][0]
            number, tone = found[ticker].get(session, (0, 0.0))
            found[ticker][session] = (number + 1, tone + positive - negative)
    return found
