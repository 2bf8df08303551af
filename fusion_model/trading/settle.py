"""Approved orders become fills: on paper at the next price, or by a broker, within the limits of then."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from collectors import store as facts
from collectors.market_calendar import (
    last_closed_session,
    opens_between,
    session_under_way,
    sessions_between,
)
from collectors.records import Quote
from fusion_model import store_orders
from fusion_model.advice.brokers import Broker, Outcomes, PaperBroker, Ticket
from fusion_model.advice.fills import NextPrice, next_price
from fusion_model.advice.order_limits import Standing, judge
from fusion_model.advice.orders import BUY
from fusion_model.advice.paper_account import with_fill
from fusion_model.findings import Fill, Order, OrderEnd
from fusion_model.trading.books import Books, load_books, session_at
from fusion_model.trading.terms import Decision, Terms

ALWAYS = "9999"  # an instant after every other
PATIENCE = 5  # sessions without a price after which an approved order expires


def settle(
    db: sqlite3.Connection,
    terms: Terms,
    decisions: Mapping[str, Sequence[Decision]],
    now: str,
    broker: Broker | None = None,
    quotes: Sequence[Quote] = (),
) -> Outcomes:
    """Fill approved orders at the next price, or hand them to a broker; end what was stopped or is too old.

    Limits are held against each order once more, at the price at which it would be traded. On paper all of
    it is one transaction; a broker is asked outside of any, and what it says is then saved at once.

    Parameters
    ----------
    decisions : mapping of order_id to every decision on it, oldest first
        A fill belongs to the first price while an order was approved, though a later change of mind is known
        before that price is: who has seen the day may not take the morning back.
    quotes : sequence of Quote
        Those that have just come, beside the stored ones.
    """
    latest = {order_id: said[-1] for order_id, said in decisions.items() if said}
    with facts.writing(db) if broker is None else nullcontext():
        unsettled = store_orders.load_unsettled_orders(db, terms.account)
        decided = [order for order in unsettled if order.order_id in latest]
        stopped = [order for order in unsettled if order.proposed_at <= terms.killed_at]
        gone = {order.order_id for order in stopped}
        live = [order for order in decided if latest[order.order_id].approved and order.order_id not in gone]
        if broker is None:
            outcomes = _fill_on_paper(db, terms, decisions, decided, now, quotes)
        else:
            outcomes = _hand_over(db, terms, broker, decided, live, now)
        settled = {fill.order_id for fill in outcomes.fills} | {end.order_id for end in outcomes.ends}
        settled |= outcomes.under_way
        rest = [order for order in unsettled if order.order_id not in settled]
        ends = [
            *(
                OrderEnd(order.order_id, order.account, "cancelled", "the kill switch was turned on", now)
                for order in rest
                if order.order_id in gone
            ),
            *_undecided(rest, latest, gone, now),
        ]
        outcomes = Outcomes(outcomes.fills, (*outcomes.ends, *ends), outcomes.under_way)
        store_orders.save_outcomes(db, outcomes.fills, outcomes.ends, now)
    return outcomes


def _undecided(
    orders: Iterable[Order], decisions: Mapping[str, Decision], gone: Collection[str], now: str
) -> list[OrderEnd]:
    """End what was rejected, or not decided, by the time it had to be."""
    ends = []
    for order in orders:
        said = decisions.get(order.order_id)
        if order.order_id in gone or now <= order.valid_until or (said is not None and said.approved):
            continue
        outcome, why = (
            ("expired", "nobody decided in time") if said is None else ("rejected", "it was rejected")
        )
        ends.append(OrderEnd(order.order_id, order.account, outcome, why, now))
    return ends


def _fill_on_paper(
    db: sqlite3.Connection,
    terms: Terms,
    decisions: Mapping[str, Sequence[Decision]],
    decided: Sequence[Order],
    now: str,
    arrived: Sequence[Quote],
) -> Outcomes:
    if not decided:
        return Outcomes()
    books = load_books(db, terms, now, [order.ticker for order in decided], arrived)
    nexts: dict[str, NextPrice] = {}
    fills: list[Fill] = []
    ends: list[OrderEnd] = []
    for order in decided:
        spans = approved_spans(decisions[order.order_id], order.proposed_at, terms.kills)
        for after, until in spans:
            at = _next_price(db, books, order.ticker, after, now, arrived)
            if at is not None and at.at < until:
                nexts[order.order_id] = at
                break
        else:
            if spans and spans[-1][1] == ALWAYS and _waited(spans[-1][0], now) > PATIENCE:
                why = f"no price came in {PATIENCE} sessions"
                ends.append(OrderEnd(order.order_id, order.account, "expired", why, now))
    standings: dict[str, Standing] = {}
    ready = [order for order in decided if order.order_id in nexts]
    for order in sorted(ready, key=lambda one: (nexts[one.order_id].at, one.side == BUY, one.order_id)):
        at = nexts[order.order_id]
        shares = order.shares * books.splits(order.ticker, order.session, at.session)
        if at.session not in standings:
            standing = books.standing(at.session, under_way=True)
            standings[at.session] = replace(standing, killed=False)  # what a kill stopped has no span
        standing = standings[at.session]
        verdict = judge(order, shares, at.price, standing, terms.limits, terms.costs)
        if verdict.shares <= 0:
            ends.append(OrderEnd(order.order_id, order.account, "refused", verdict.reason, now))
            continue
        held = {ticker: position.shares for ticker, position in standing.account.positions.items()}
        paper = PaperBroker(terms.account, held, nexts, terms.costs)
        paper.submit(Ticket(order, verdict.shares, verdict.reason))
        made = paper.fills([order], now).fills
        fills += made
        books.made += made
        for fill in made:
            standings[at.session] = replace(
                standing, account=with_fill(standing.account, fill), orders_today=standing.orders_today + 1
            )
    return Outcomes(tuple(fills), tuple(ends))


def approved_spans(said: Sequence[Decision], proposed_at: str, kills: Sequence[str]) -> list[tuple[str, str]]:
    """Return the spans of time, as (after, until), in which an order was approved; the last may be open.

    The first kill after its proposal ends an order for good.
    """
    end = min((at for at in kills if at >= proposed_at), default=ALWAYS)
    spans = []
    for decision, following in zip(said, [*(one.at for one in said[1:]), ALWAYS], strict=True):
        if decision.approved and decision.at < min(following, end):
            spans.append((decision.at, min(following, end)))
    return spans


def _next_price(
    db: sqlite3.Connection, books: Books, ticker: str, after: str, now: str, arrived: Sequence[Quote]
) -> NextPrice | None:
    """Return the first opening or quote within trading hours after a decision, as known now.

    ``arrived`` are quotes that have just come; of a stream's not every one is stored.
    """
    opens = [
        (session, at, books.opens[ticker][session])
        for session, at in opens_between(after, now)
        if session in books.opens.get(ticker, {})
    ]
    quotes = [
        (quote.quoted_at, quote.available_at, quote.price)
        for quote in (*facts.load_quotes(db, ticker, after), *arrived)
        if quote.ticker == ticker and quote.available_at <= now and session_under_way(quote.quoted_at)
    ]
    return next_price(after, opens=opens, quotes=quotes)


def _waited(since: str, now: str) -> int:
    return len(sessions_between(since[:10], last_closed_session(now)))


def _hand_over(
    db: sqlite3.Connection,
    terms: Terms,
    broker: Broker,
    decided: Sequence[Order],
    live: Sequence[Order],
    now: str,
) -> Outcomes:
    """Cancel what was stopped or turned down, submit what is new to the broker, ask what became of all."""
    if not decided:
        return Outcomes()
    before = broker.fills(decided, now)
    known = (
        {fill.order_id for fill in before.fills} | {end.order_id for end in before.ends} | before.under_way
    )
    wanted = {order.order_id for order in live}
    for order_id in sorted(before.under_way - wanted):
        broker.cancel(order_id)
    current, under_way = session_at(now)
    books = load_books(db, terms, now, [order.ticker for order in live])
    prices, standing = (
        books.prices(current, under_way=under_way),
        books.standing(current, under_way=under_way),
    )
    refused: list[OrderEnd] = []
    sent = len(before.under_way)
    for order in live:
        if order.order_id in known or order.ticker not in prices:
            continue
        shares = order.shares * books.splits(order.ticker, order.session, current)
        place = replace(standing, orders_today=standing.orders_today + sent)
        verdict = judge(order, shares, prices[order.ticker], place, terms.limits, terms.costs)
        if verdict.shares <= 0:
            refused.append(OrderEnd(order.order_id, order.account, "refused", verdict.reason, now))
            continue
        broker.submit(Ticket(order, verdict.shares, verdict.reason))
        sent += 1
    after = broker.fills(decided, now)
    return Outcomes(after.fills, (*after.ends, *refused), after.under_way)
