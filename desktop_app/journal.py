"""The journal: alerts, decisions, rules, switches and notes, what came after, and whether it helped."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from collectors.store import load_actions, load_bars
from desktop_app.account import note_on
from desktop_app.order_rows import STATUS_NAMES
from desktop_app.prices_now import latest_prices
from desktop_app.settings import Settings
from desktop_app.store_journal import (
    ALERT,
    NOTE,
    OVERRIDE,
    PERSON,
    REJECTED,
    JournalEntry,
    RuleChange,
    load_cash_movements,
    load_decisions,
    load_entries,
    load_rule_changes,
    load_switches,
)
from desktop_app.words import count, money, percent, side_in_words
from fusion_model.evaluation.decisions import Decided, Followed, Tally, follow, tally
from fusion_model.findings import HORIZONS, Fill, Order
from fusion_model.store_orders import load_fills, load_orders
from resources.language import tr

KINDS = {
    "alert": tr("Alert"),
    "acknowledgement": tr("Seen"),
    "approval": tr("Approved"),
    "rejection": tr("Rejected"),
    "override": tr("Overridden"),
    "note": tr("Note"),
    "rule": tr("Rule"),
    "switch": tr("Switch"),
    "deposit": tr("Deposit"),
}
EMPTY = tr("Nothing yet: alerts, decisions and notes enter here, and stay.")
GROUPS = (
    tr("Proposals you rejected"),
    tr("Proposals you approved"),
    tr("Approved by rule or automatic"),
    tr("Decisions you turned around"),
    tr("Orders of your own"),
)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One line of the journal; ``returns`` and ``gains`` stand at HORIZONS, None where there is none yet."""

    entry: JournalEntry
    kind_name: str
    what: str
    order: Order | None
    entry_session: str
    returns: tuple[float | None, ...]
    gains: tuple[float | None, ...]
    later: str


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal, newest first, with how decisions did."""

    rows: tuple[JournalRow, ...]
    tallies: tuple[Tally, ...]
    headline: str


def load_journal(db: sqlite3.Connection, settings: Settings, now: str, ticker: str | None = None) -> Journal:
    """Return the journal as known at an instant; of one ticker, or whole."""
    entries = [entry for entry in load_entries(db, ticker=ticker) if entry.recorded_at <= now]
    orders = {order.order_id: order for order in load_orders(db)}
    fills = {fill.order_id: fill for fill in load_fills(db) if fill.filled_at <= now}
    decisions = load_decisions(db)
    cost = (settings.paper_half_spread_bp + settings.paper_fee_bp) * 1e-4
    wanted = [_decided(entry, orders.get(entry.subject), fills.get(entry.subject), cost) for entry in entries]
    followed = _follow_all(db, wanted, now)
    rows = [
        _row(entry, orders.get(entry.subject), after) for entry, after in zip(entries, followed, strict=True)
    ]
    groups: dict[str, list[Followed]] = defaultdict(list)
    for entry, after in zip(entries, followed, strict=True):
        newest = decisions.get(entry.subject)
        if after is not None and entry.decision and newest == entry:
            for group in _groups(entry, orders.get(entry.subject)):
                groups[group].append(after)
    tallies = [row for group in GROUPS for row in tally(group, groups[group])]
    if ticker is None:
        rows += [_row(entry, None, None) for entry in _account_choices(db) if entry.recorded_at <= now]
    rows.sort(key=lambda row: row.entry.recorded_at, reverse=True)
    return Journal(tuple(rows), tuple(tallies), _headline(tallies) if rows else EMPTY)


def _decided(entry: JournalEntry, order: Order | None, fill: Fill | None, cost: float) -> Decided | None:
    """What of an entry can be followed: decisions on orders, alerts and notes with a ticker."""
    if order is not None and entry.decision:
        own = (fill.session, fill.market_price) if fill else None
        paid = (
            (fill.fee / fill.shares + abs(fill.price - fill.market_price)) / fill.market_price
            if fill
            else cost
        )
        acted = entry.decision != REJECTED
        return Decided(entry.subject, entry.ticker, order.side, acted, entry.recorded_at, own, paid)
    if entry.kind in (ALERT, NOTE) and entry.ticker:
        return Decided(entry.subject, entry.ticker, "", False, entry.recorded_at, None, 0.0)
    return None


def _follow_all(db: sqlite3.Connection, wanted: Iterable[Decided | None], now: str) -> list[Followed | None]:
    asked = list(wanted)
    tickers = sorted({one.ticker for one in asked if one is not None})
    first = min((one.decided_at[:10] for one in asked if one is not None), default="9999")
    bars: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for ticker, session, open_, _, _, close, _ in load_bars(db, now, tickers, first):
        bars[ticker].append((session, open_, close))
    actions: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for ticker, session, kind, amount in load_actions(db, now, tickers):
        actions[ticker].append((session, kind, amount))
    return [None if one is None else follow(one, bars[one.ticker], actions[one.ticker]) for one in asked]


def _groups(entry: JournalEntry, order: Order | None) -> list[str]:
    groups = []
    if order is not None and order.strategy == "own":
        groups.append(GROUPS[4])
    elif entry.decided_by != PERSON:
        groups.append(GROUPS[2])
    else:
        groups.append(GROUPS[0] if entry.decision == REJECTED else GROUPS[1])
    if entry.kind == OVERRIDE:
        groups.append(GROUPS[3])
    return groups


def _row(entry: JournalEntry, order: Order | None, after: Followed | None) -> JournalRow:
    none = (None,) * len(HORIZONS)
    return JournalRow(
        entry=entry,
        kind_name=KINDS[entry.kind],
        what=_what(entry, order),
        order=order,
        entry_session=after.entry_session if after else "",
        returns=after.returns if after else none,
        gains=after.gains if after else none,
        later=_later(after) if after else "",
    )


def _what(entry: JournalEntry, order: Order | None) -> str:
    if entry.kind == NOTE:
        return "" if entry.price is None else tr("while it stood at {price}", price=money(entry.price))
    if order is None:
        return entry.reason
    by = "" if entry.decided_by == PERSON else tr(" by {decided_by}", decided_by=entry.decided_by)
    return tr(
        "{decision}{by}: {side} {shares} {ticker} at about {price}",
        decision=STATUS_NAMES.get(entry.decision, entry.decision),
        by=by,
        side=side_in_words(order.side),
        shares=f"{order.shares:,.4g}",
        ticker=order.ticker,
        price=money(order.price),
    )


def _later(after: Followed) -> str:
    """Return what came after in words: ``1 session −2.1 %, 5 sessions +0.4 %``."""
    told = [
        tr("{sessions} {change}", sessions=count(horizon, "session"), change=percent(value, signed=True))
        for horizon, value in zip(HORIZONS, after.returns, strict=True)
        if value is not None
    ]
    return ", ".join(told) or tr("not known yet")


def _rule_in_words(change: RuleChange) -> str:
    rule, most = change.rule, money(change.rule.most_usd)
    side = side_in_words(rule.side) if rule.side else ""
    which = " ".join(part for part in (rule.strategy, side) if part) or tr("all")
    if change.active:
        return tr("set: approve {which} orders up to {most}", which=which, most=most)
    return tr("removed: approve {which} orders up to {most}", which=which, most=most)


def _account_choices(db: sqlite3.Connection) -> list[JournalEntry]:
    """Rules, switches and payments as entries of the journal."""

    def entry(kind: str, subject: str, reason: str, note: str, at: str) -> JournalEntry:
        return JournalEntry(kind, "", subject, "", PERSON, None, None, None, reason, note, at)

    entries = [
        entry(
            "rule",
            change.rule.name,
            _rule_in_words(change),
            "",
            change.set_at,
        )
        for change in load_rule_changes(db)
    ]
    entries += [
        entry(
            "switch",
            turn.account,
            tr("{switch} switch turned on", switch=turn.switch)
            if turn.turned_on
            else tr("{switch} switch turned off", switch=turn.switch),
            turn.note,
            turn.switched_at,
        )
        for turn in load_switches(db)
    ]
    return entries + [
        entry(
            "deposit",
            paid.account,
            tr("{amount} paid in", amount=money(paid.amount)),
            paid.note,
            paid.moved_at,
        )
        for paid in load_cash_movements(db)
    ]


def _headline(tallies: Iterable[Tally]) -> str:
    """Say whether overriding helped, at five sessions: as much as may be said."""
    for row in tallies:
        if row.group == GROUPS[0] and row.horizon == 5:
            if not row.decisions:
                return tr("You have rejected no proposal whose outcome is known.")
            mean = percent(row.mean, 2, signed=True)
            return tr(
                "{decisions} rejected proposals, 5 sessions later: {mean} on average against carrying "
                "them out; {verdict}.",
                decisions=row.decisions,
                mean=mean,
                verdict=row.verdict,
            )
    return ""


def note_now(db: sqlite3.Connection, ticker: str, text: str, now: str) -> None:
    """Keep a note of the person on a ticker, with its price of this moment."""
    note_on(db, ticker, ticker, text, now, latest_prices(db, {ticker}, now).get(ticker))


def return_at(place: int, row: JournalRow) -> str:
    """Return what the price did to one of HORIZONS, empty while that is in the future."""
    value = row.returns[place]
    return "" if value is None else percent(value, signed=True)


def gain_at(place: int, row: JournalRow) -> str:
    """Return what a decision brought against its opposite, in words; empty where there is none."""
    value = row.gains[place]
    return (
        ""
        if value is None
        else tr("{gain} against the opposite decision", gain=percent(value, 2, signed=True))
    )


def interval_of(row: Tally) -> str:
    """Return the 95 % interval of a mean gain, empty where there are too few decisions for one."""
    if math.isnan(row.low):
        return ""
    return tr("{low} to {high}", low=percent(row.low, 2, signed=True), high=percent(row.high, 2, signed=True))
