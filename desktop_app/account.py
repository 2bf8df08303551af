"""A paper account's choices: its terms, decisions by person, rule or switch, and the passes over it.

The one place where what the person decided meets what is proposed: an evening's pass, and one per batch of
quotes. Each reads the choices under the write lock, so that a rejection is never overtaken by a fill.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from collectors.errors import BadInput
from collectors.records import Quote
from collectors.store import writing
from desktop_app.alerts import journal_entry, load_alerts
from desktop_app.prices_now import latest_prices
from desktop_app.settings import Settings
from desktop_app.store import load_watchlist
from desktop_app.store_journal import (
    ALERT,
    APPROVAL,
    APPROVED,
    AUTOMATIC,
    AUTOMATIC_SWITCH,
    KILL_SWITCH,
    NOTE,
    OVERRIDE,
    PERSON,
    PROGRAM,
    REJECTED,
    REJECTION,
    AccountSwitch,
    ApprovalRule,
    CashMovement,
    JournalEntry,
    load_cash_movements,
    load_decisions,
    load_entries,
    load_rules,
    load_switches,
    save_cash_movement,
    save_entries,
    save_switch,
)
from desktop_app.words import day
from fusion_model.advice.brokers import Broker, Outcomes
from fusion_model.advice.fills import Costs
from fusion_model.advice.order_limits import OrderLimits
from fusion_model.findings import Order
from fusion_model.portfolio_findings import METHOD_NAMES
from fusion_model.store import last_forecast_session
from fusion_model.store_orders import load_fills, load_order_ends, load_orders, load_unsettled_orders
from fusion_model.store_portfolio import load_portfolio
from fusion_model.trading.terms import Decision, Proposals, Reaction, Terms

DECISIONS = (APPROVAL, REJECTION, OVERRIDE)
EQUAL_WEIGHTS = "equal weights over your watchlist (1/N)"


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did: proposed, approved without asking, filled or ended."""

    proposals: Proposals
    approved: tuple[Order, ...]
    outcomes: Outcomes
    reaction: Reaction | None = None


# Terms --------------------------------------------------------------------------------------------


def terms_of(db: sqlite3.Connection, settings: Settings) -> Terms:
    """Return what the person decided about the account of their settings."""
    account = settings.broker
    kills = [turn for turn in load_switches(db, account) if turn.switch == KILL_SWITCH]
    return Terms(
        account=account,
        paid_in=tuple((paid.moved_at, paid.amount) for paid in load_cash_movements(db, account)),
        strategies=settings.paper_strategies,
        limits=OrderLimits(
            settings.paper_most_position,
            settings.paper_most_order,
            settings.paper_most_loss,
            settings.paper_most_orders,
        ),
        costs=Costs(settings.paper_half_spread_bp, settings.paper_fee_bp, settings.paper_least_fee),
        most_risk=settings.paper_most_risk,
        band=settings.paper_band,
        unusual_p_value=settings.alert_p_value,
        quotes_false_share=settings.alert_false_share,
        killed=bool(kills) and kills[-1].turned_on,
        kills=tuple(turn.switched_at for turn in kills if turn.turned_on),
    )


def is_automatic(db: sqlite3.Connection, account: str) -> bool:
    """Tell whether the person switched an account to automatic."""
    turns = [turn for turn in load_switches(db, account) if turn.switch == AUTOMATIC_SWITCH]
    return bool(turns) and turns[-1].turned_on


def suggested_weights(db: sqlite3.Connection, settings: Settings) -> tuple[Mapping[str, float], str]:
    """Return the weights that a rebalance aims at, and whose they are, in words; none while none is known."""
    if settings.paper_weights == "equal_weight":
        watched = load_watchlist(db)
        return {ticker: 1.0 / len(watched) for ticker in watched}, EQUAL_WEIGHTS
    found = load_portfolio(db)
    if found is None:
        return {}, ""
    suggested, _ = found
    weights = {row.ticker: row.weight for row in suggested.weights if row.method == settings.paper_weights}
    name = METHOD_NAMES[settings.paper_weights]
    return weights, f"the portfolio “{name}” of {day(suggested.run.as_of_session)}"


def decisions_of(db: sqlite3.Connection) -> dict[str, Decision]:
    """Return what was last said to each order."""
    return {
        order_id: Decision(entry.decision == APPROVED, entry.recorded_at)
        for order_id, entry in load_decisions(db).items()
    }


def every_decision_of(db: sqlite3.Connection) -> dict[str, list[Decision]]:
    """Return all that was ever said to each order, oldest first."""
    said: dict[str, list[Decision]] = defaultdict(list)
    for entry in load_entries(db, DECISIONS):
        said[entry.subject].append(Decision(entry.decision == APPROVED, entry.recorded_at))
    return said


def deposit(db: sqlite3.Connection, settings: Settings, amount: float | None, note: str, now: str) -> float:
    """Pay into the account of the settings; without an amount: open it with the settings' cash.

    Raises
    ------
    BadInput
        The account is open already and no amount is named, or the amount is none.
    """
    with writing(db):
        opened = load_cash_movements(db, settings.broker)
        if amount is None and opened:
            raise BadInput("the account is open already; name an amount to pay in, as `account deposit 5000`")
        paid = settings.paper_cash if amount is None else amount
        if not 0 < paid < 1e12:
            raise BadInput(f"{paid:g} USD cannot be paid in; expected an amount above 0")
        save_cash_movement(db, CashMovement(settings.broker, paid, note, now))
    return paid


def turn(db: sqlite3.Connection, settings: Settings, switch: str, on: bool, note: str, now: str) -> None:
    """Turn the automatic or the kill switch; turning it to where it stands is recorded too."""
    save_switch(db, AccountSwitch(settings.broker, switch, on, note, now))


# Deciding -----------------------------------------------------------------------------------------


def find_orders(db: sqlite3.Connection, order_ids: Sequence[str]) -> list[Order]:
    """Return the orders that ids, or beginnings of ids, name.

    Raises
    ------
    BadInput
        One names no order, or several.
    """
    known, found = load_orders(db), []
    for given in order_ids:
        named = [order for order in known if order.order_id == given or order.order_id.startswith(given)]
        if len(named) != 1:
            what = "no order" if not named else f"{len(named)} orders"
            raise BadInput(f"'{given}' names {what}; `barograph orders list` shows the ids")
        found += named
    return found


def decide(
    db: sqlite3.Connection,
    orders: Sequence[Order],
    *,
    approve: bool,
    note: str,
    now: str,
    by: str = PERSON,
    prices: Mapping[str, float] | None = None,
) -> list[JournalEntry]:
    """Record a decision on orders, all or none, with what was shown; return the entries.

    A decision that turns an earlier one around is recorded as an override. ``prices`` are those
    on the screen.

    Raises
    ------
    BadInput
        An order is filled, ended or past its time, or this was decided before.
    """
    with writing(db):
        before = load_decisions(db)
        filled = {fill.order_id for fill in load_fills(db)}
        ended = load_order_ends(db)
        killed_at = {account: _killed_at(db, account) for account in {order.account for order in orders}}
        entries = []
        for order in orders:
            said = before.get(order.order_id)
            decision = APPROVED if approve else REJECTED
            why_not = (
                "it is filled already"
                if order.order_id in filled
                else f"it was {ended[order.order_id].outcome}: {ended[order.order_id].reason}"
                if order.order_id in ended
                else "the kill switch cancelled it"
                if order.proposed_at <= killed_at[order.account]
                else f"it had to be decided by {order.valid_until}"
                if now > order.valid_until
                else f"it is {decision} already"
                if said is not None and said.decision == decision
                else ""
            )
            if why_not:
                raise BadInput(f"{order.order_id} ({order.side} {order.ticker}) stays as it is: {why_not}")
            kind = OVERRIDE if said is not None else APPROVAL if approve else REJECTION
            entries.append(_entry(order, kind, decision, by, note, now, (prices or {}).get(order.ticker)))
        save_entries(db, entries)
    return entries


def decide_by_rules(db: sqlite3.Connection, terms: Terms, orders: Iterable[Order], now: str) -> list[Order]:
    """Approve what a rule or the automatic switch allows; return those orders."""
    automatic, rules = is_automatic(db, terms.account), load_rules(db)
    decided = load_decisions(db)
    groups: dict[str, list[Order]] = {}
    for order in orders:
        if order.order_id in decided or now > order.valid_until or order.proposed_at <= terms.killed_at:
            continue
        rule = next((rule for rule in rules if allows(rule, order)), None)
        by = AUTOMATIC if automatic else f"rule {rule.name}" if rule else ""
        if by:
            groups.setdefault(by, []).append(order)
    for by, allowed in groups.items():
        decide(db, allowed, approve=True, note="", now=now, by=by)
    return [order for allowed in groups.values() for order in allowed]


def allows(rule: ApprovalRule, order: Order) -> bool:
    """Tell whether a rule approves an order, by the price that triggered it."""
    return (
        rule.strategy in ("", order.strategy)
        and rule.side in ("", order.side)
        and order.shares * order.price <= rule.most_usd
    )


def note_on(
    db: sqlite3.Connection, ticker: str, subject: str, text: str, now: str, price: float | None
) -> None:
    """Write a note of the person into the journal."""
    save_entries(db, [JournalEntry(NOTE, ticker, subject, "", PERSON, price, None, None, "", text, now)])


def _killed_at(db: sqlite3.Connection, account: str) -> str:
    turned = [one for one in load_switches(db, account) if one.switch == KILL_SWITCH and one.turned_on]
    return max((one.switched_at for one in turned), default="")


def _entry(
    order: Order, kind: str, decision: str, by: str, note: str, now: str, price: float | None
) -> JournalEntry:
    return JournalEntry(
        kind=kind,
        ticker=order.ticker,
        subject=order.order_id,
        decision=decision,
        decided_by=by,
        price=order.price if price is None else price,
        range_low=order.range_low,
        range_high=order.range_high,
        reason=order.reason,
        note=note,
        recorded_at=now,
    )


# Passes -------------------------------------------------------------------------------------------


def keep_account(
    db: sqlite3.Connection, settings: Settings, now: str, *, broker: Broker | None = None
) -> Pass:
    """Fill what was approved, propose from the newest forecasts, approve by rule: an evening's pass.

    The alerts of the newest session enter the journal too, once each.
    """
    from fusion_model.trading.propose import propose_daily
    from fusion_model.trading.settle import settle

    with writing(db) if broker is None else nullcontext():
        terms = terms_of(db, settings)
        outcomes = settle(db, terms, every_decision_of(db), now, broker)
        targets, method = suggested_weights(db, settings)
        proposals = propose_daily(db, terms, decisions_of(db), now, targets=targets, method=method)
        approved = decide_by_rules(db, terms, load_unsettled_orders(db, terms.account), now)
        save_entries(db, _raised(db, settings, now))
    return Pass(proposals, tuple(approved), outcomes)


def on_quotes(
    db: sqlite3.Connection,
    settings: Settings,
    quotes: Sequence[Quote],
    now: str,
    *,
    broker: Broker | None = None,
) -> Pass:
    """Fill at prices that have just come, raise alerts, and propose what protects holdings.

    What is proposed on a quote is filled at a later one: filling comes first. A broker beyond this machine is
    asked only where something new goes to it; what became of older orders the next evening's pass asks.
    """
    from fusion_model.trading.propose import react
    from fusion_model.trading.settle import settle

    with writing(db) if broker is None else nullcontext():
        terms = terms_of(db, settings)
        decisions = decisions_of(db)
        outcomes = (
            settle(db, terms, every_decision_of(db), now, None, quotes) if broker is None else Outcomes()
        )
        reaction = react(db, terms, decisions, quotes, now)
        save_entries(db, _alerts(reaction, now))
        approved = decide_by_rules(db, terms, reaction.proposals.orders, now)
        if broker is not None and approved:
            outcomes = settle(db, terms, every_decision_of(db), now, broker)
    return Pass(reaction.proposals, tuple(approved), outcomes, reaction)


def _raised(db: sqlite3.Connection, settings: Settings, now: str) -> list[JournalEntry]:
    """Return an entry per alert of the newest session that was forecast for."""
    newest = last_forecast_session(db)
    if newest is None:
        return []
    alerts = load_alerts(db, settings, first_session=newest)
    prices = latest_prices(db, {alert.ticker for alert in alerts}, now)
    return [
        replace(journal_entry(alert, ALERT, PROGRAM, "", now), price=prices.get(alert.ticker))
        for alert in alerts
    ]


def _alerts(reaction: Reaction, now: str) -> list[JournalEntry]:
    """An entry per ticker that left its range with an order on it, and per price that is improbable."""
    ordered = {order.ticker for order in reaction.proposals.orders}
    entries = {
        breach.ticker: JournalEntry(
            ALERT, breach.ticker, f"{breach.ticker} {breach.range.session} quote", "", PROGRAM, breach.price,
            breach.range.low, breach.range.high, breach.sentence, "", now,
        )
        for breach in reaction.breaches
        if breach.ticker in ordered
    }  # fmt: skip
    for one in reaction.unusual:
        entry = JournalEntry(
            ALERT, one.ticker, f"{one.ticker} {one.session} quote", "", PROGRAM, one.price, None, None,
            one.reason, "", now,
        )  # fmt: skip
        said = entries.get(one.ticker)
        entries[one.ticker] = entry if said is None else replace(said, reason=f"{said.reason} {one.reason}")
    return list(entries.values())
