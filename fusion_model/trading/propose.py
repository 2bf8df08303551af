"""Orders for an account from the last close, from quotes, or from the person; a repeat adds nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from collectors import store as facts
from collectors.errors import BadInput
from collectors.market_calendar import closes_between, instant, last_closed_session, session_after
from collectors.records import Quote
from fusion_model import store, store_orders
from fusion_model.advice import orders as strategies
from fusion_model.advice.intraday import unusual_quotes
from fusion_model.advice.order_limits import Standing, judge
from fusion_model.advice.orders import SELL, Breach, Occasion, usd
from fusion_model.findings import Forecast, Order, UnusualQuote
from fusion_model.trading.books import Books, load_books, session_at
from fusion_model.trading.terms import Decision, Proposals, Reaction, Terms

COOLING = 5  # sessions
NO_ACCOUNT = "no paper account is open; `barograph account deposit` opens one"


def propose_daily(
    db: sqlite3.Connection,
    terms: Terms,
    decisions: Mapping[str, Decision],
    now: str,
    *,
    targets: Mapping[str, float],
    method: str,
) -> Proposals:
    """Propose orders from the forecasts and unusual sessions of the last close; a repeat adds nothing.

    Parameters
    ----------
    targets : mapping of ticker to share of the account's worth
    method : str
        Whose weights these are, in words.
    """
    session = last_closed_session(now)
    why_none = why_nothing(db, terms, session)
    if why_none:
        return Proposals(why_none=why_none)
    with facts.writing(db):
        forecasts = store.load_forecasts(db, session)
        books = load_books(db, terms, now, {*targets, *(said.ticker for said in forecasts)})
        current, under_way = session_at(now)
        standing = books.standing(current, under_way=under_way)
        prices, account = books.prices(current, under_way=under_way), standing.account
        splits = {said.ticker: books.splits(said.ticker, session, current) for said in forecasts}
        ranges = strategies.day_ranges(forecasts, splits)
        occasion = occasion_at(terms.account, now)
        wanted: list[Order] = []
        if strategies.RISK in terms.strategies:
            wanted += strategies.keep_within(
                occasion, account, prices, forecasts, most_position=terms.limits.most_position,
                most_risk=terms.most_risk, ranges=ranges,
            )  # fmt: skip
        if strategies.UNUSUAL in terms.strategies:
            found = store.load_anomalies(db, first_session=session, last_session=session)
            wanted += strategies.after_unusual(
                occasion, account, prices, found, p_value=terms.unusual_p_value, ranges=ranges
            )
        if strategies.REBALANCE in terms.strategies and targets:
            falls = strategies.five_session_falls(forecasts)
            capped = {
                ticker: min(
                    share,
                    strategies.most_weight(
                        falls.get(ticker, 0.0), terms.limits.most_position, terms.most_risk
                    ),
                )
                for ticker, share in targets.items()
            }
            cooling = _cooling(db, books, session)
            wanted += [
                order
                for order in strategies.rebalance(
                    occasion, account, prices, capped, band=terms.band, method=method, ranges=ranges
                )
                if order.side == SELL or order.ticker not in cooling
            ]
        return save_within(db, terms, decisions, wanted, prices, standing, now)


def _cooling(db: sqlite3.Connection, books: Books, session: str) -> set[str]:
    """Return the tickers of which less was held on purpose lately: rebalancing does not buy them back yet."""
    since = session_after(session, 1 - COOLING)
    sold = {fill.order_id: fill.ticker for fill in books.made if fill.side == SELL and fill.session >= since}
    orders = store_orders.load_orders(db, order_ids=list(sold)) if sold else []
    return {order.ticker for order in orders if order.strategy in (strategies.PROTECTIVE, strategies.UNUSUAL)}


def react(
    db: sqlite3.Connection,
    terms: Terms,
    decisions: Mapping[str, Decision],
    quotes: Sequence[Quote],
    now: str,
) -> Reaction:
    """Compare quotes of the session under way with today's ranges, and propose what protects holdings.

    A range comes from the forecasts of the close before: where there are none of it, nothing is compared.
    """
    session, under_way = session_at(now)
    if not under_way:
        return Reaction()
    closed = last_closed_session(now)
    tickers = sorted({quote.ticker for quote in quotes})
    forecasts = store.load_forecasts(db, closed, tickers=tickers, horizon=1)
    actions = facts.load_actions(db, now, tickers, first_session=session)
    splits = {ticker: ratio for ticker, _, kind, ratio in actions if kind == "split"}
    threshold = quote_threshold(terms, len(tickers))
    unusual = _unusual(db, quotes, forecasts, actions, threshold, closed)
    newest = {quote.ticker: quote for quote in sorted(quotes, key=lambda one: one.quoted_at)}
    left = strategies.breaches(
        [(quote.ticker, quote.price, quote.quoted_at) for quote in newest.values()],
        strategies.day_ranges(forecasts, splits),
    )
    wants = terms.paid_in and not terms.killed and strategies.PROTECTIVE in terms.strategies
    new = _without_order(db, terms.account, left) if wants else []
    if not new:
        return Reaction(tuple(left), unusual, Proposals(why_none=why_nothing(db, terms, closed)))
    with facts.writing(db):
        books = load_books(db, terms, now, quotes=list(newest.values()))
        standing = books.standing(session, under_way=True)
        wanted = strategies.protect(occasion_at(terms.account, now), standing.account, new)
        prices = {ticker: quote.price for ticker, quote in newest.items()}
        return Reaction(
            tuple(left), unusual, save_within(db, terms, decisions, wanted, prices, standing, now)
        )


def _without_order(db: sqlite3.Connection, account: str, left: Sequence[Breach]) -> list[Breach]:
    """Leave out breaches that an order was proposed on before: the same side of the same session."""
    ids = {strategies.protective_id(account, breach): breach for breach in left}
    known = {order.order_id for order in store_orders.load_orders(db, order_ids=list(ids))}
    return [breach for order_id, breach in ids.items() if order_id not in known]


def quote_threshold(terms: Terms, watched: int) -> float:
    """Return how improbable a price must be for an alert: the more are watched, the less probable.

    A session of nothing but chance raises ``quotes_false_share`` alerts at most, on an average.
    """
    return min(terms.unusual_p_value, terms.quotes_false_share / max(watched, 1))


def _unusual(
    db: sqlite3.Connection,
    quotes: Sequence[Quote],
    forecasts: Sequence[Forecast],
    actions: Iterable[tuple[str, str, str, float]],
    p_value: float,
    closed: str,
) -> tuple[UnusualQuote, ...]:
    """Return the quotes no more probable than ``p_value`` under today's forecasts; one a ticker.

    Expected reports are looked up for those alone: they change the words, not which quotes they are.
    """
    known = list(actions)
    paid = {ticker: amount for ticker, _, kind, amount in known if kind == "dividend"}
    split = {ticker: ratio for ticker, _, kind, ratio in known if kind == "split"}
    find = partial(unusual_quotes, quotes, forecasts, reported_p=p_value, dividends=paid, splits=split)
    found = find()
    reports = [store.load_expected_report(db, ticker, closed) for ticker in {one.ticker for one in found}]
    reporting = {said.ticker for said in reports if said is not None and said.sessions_ahead == 1}
    if reporting:
        found = find(reporting=reporting)
    first: dict[str, UnusualQuote] = {}
    for one in found:
        first.setdefault(one.ticker, one)
    return tuple(first.values())


def propose_own(
    db: sqlite3.Connection, terms: Terms, now: str, *, ticker: str, side: str, shares: float, reason: str
) -> Order:
    """Save an order that the person thought of, as a proposal like any other.

    Raises
    ------
    BadInput
        No account is open, no price of the ticker is known, or a limit stands against it.
    """
    if not terms.paid_in:
        raise BadInput(f"nothing can be traded yet: {NO_ACCOUNT}")
    session = last_closed_session(now)
    current, under_way = session_at(now)
    with facts.writing(db):
        books = load_books(db, terms, now, [ticker])
        price = books.prices(current, under_way=under_way).get(ticker)
        if price is None:
            raise BadInput(f"no recent price of {ticker} is stored; `barograph collect prices` gets them")
        said = store.load_forecasts(db, session, tickers=[ticker])
        shown = strategies.day_ranges(said, {ticker: books.splits(ticker, session, current)}).get(ticker)
        order = strategies.propose(
            occasion_at(terms.account, now), strategies.OWN, ticker, side, shares, now, price, reason, shown
        )
        standing = books.standing(current, under_way=under_way)
        verdict = judge(order, shares, price, standing, terms.limits, terms.costs)
        if verdict.shares < shares:
            allowed = f"; {verdict.shares:,.4g} would be within it" if verdict.shares > 0 else ""
            raise BadInput(f"{side} {shares:,.4g} {ticker} at about {usd(price)}: {verdict.reason}{allowed}")
        store_orders.save_orders(db, [order])
    return order


def occasion_at(account: str, now: str) -> Occasion:
    """Return an occasion at an instant: orders have to be decided by the next close."""
    until = instant(datetime.fromisoformat(now).astimezone(UTC) + timedelta(days=14))
    return Occasion(account, last_closed_session(now), now, closes_between(now, until)[0][1])


def why_nothing(db: sqlite3.Connection, terms: Terms, session: str) -> str:
    """Return why no order may be proposed, or an empty text."""
    if not terms.paid_in:
        return NO_ACCOUNT
    if terms.killed:
        return "the kill switch is on; `barograph account resume` turns it off"
    forecast = store.last_forecast_session(db)
    if forecast is None or forecast < session:
        said = f"the newest forecasts are of {forecast}" if forecast else "nothing is forecast yet"
        return f"{said}, and the last session that closed is {session}: no order on what is out of date"
    return ""


def save_within(
    db: sqlite3.Connection,
    terms: Terms,
    decisions: Mapping[str, Decision],
    wanted: Sequence[Order],
    prices: Mapping[str, float],
    standing: Standing,
    now: str,
) -> Proposals:
    """Save what is within the limits, cut where they ask for it; one order a ticker at a time."""
    taken, under_way = store_orders.load_orders(db, terms.account), set[str]()
    for order in store_orders.load_unsettled_orders(db, terms.account):
        said = decisions.get(order.order_id)
        if (said is None and order.valid_until >= now) or (said is not None and said.approved):
            under_way.add(order.ticker)
    known = {order.order_id for order in taken}
    waiting = sum(order.session == last_closed_session(now) for order in taken)
    kept: list[Order] = []
    held_back: list[tuple[Order, str]] = []
    spoken_for = 0.0
    for order in strategies.without_open(
        [order for order in wanted if order.order_id not in known], under_way
    ):
        place = replace(standing, orders_today=waiting + len(kept), spoken_for=spoken_for)
        verdict = judge(order, order.shares, prices[order.ticker], place, terms.limits, terms.costs)
        if verdict.shares <= 0:
            held_back.append((order, verdict.reason))
            continue
        cut = f" Cut from {order.shares:,.4g} shares: {verdict.reason}." if verdict.reason else ""
        order = replace(order, shares=verdict.shares, reason=order.reason + cut)
        kept.append(order)
        spoken_for += order.shares * prices[order.ticker] * (-1 if order.side == SELL else 1)
    return Proposals(tuple(store_orders.save_orders(db, kept)), tuple(held_back))
