"""`barograph orders`: what is proposed, and what the person says to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app.context import NEGATIVE_NUMBERS, Context, csv_option, long_command
from desktop_app.settings import STRATEGIES, load_settings
from desktop_app.terminal import table
from desktop_app.words import money

if TYPE_CHECKING:
    from collectors.progress import Progress
    from desktop_app.order_rows import OrderRow

FILLED_NEXT = "; it is filled at the next price that comes"
SENT_NEXT = "; the next pass sends it (`barograph orders run` makes one now)"
ID_SHOWN = 11  # characters of an order's id that tell it apart


@click.group(invoke_without_command=True)
@click.pass_context
def orders(context: click.Context) -> None:
    """Proposed orders of the paper account: list, approve, reject, place, rules, export."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@orders.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Also those filled, ended or decided.")
@csv_option
@click.pass_obj
def list_(context: Context, everything: bool = False, out: Path | None = None) -> None:
    """What waits for a decision or for its price."""
    from desktop_app.export_orders import write_orders
    from desktop_app.order_rows import load_order_rows

    with context.database() as db:
        rows = load_order_rows(db, load_settings(context.home), utc_now(), open_only=not everything)
    if not rows:
        context.voice.say(
            "No orders." if everything else "No order waits; `barograph orders list --all` shows earlier ones"
        )
    else:
        context.voice.say(_orders_table(rows))
        for row in rows if not everything else ():
            context.voice.say(f"\n{row.order.order_id[:ID_SHOWN]}  {row.order.reason}")
    if out is not None:
        context.voice.say(f"{write_orders(out, rows):,} rows: {out}")
    context.voice.finish({"orders": [flat(row) for row in rows]})


def _orders_table(rows: list[OrderRow]) -> str:
    header = ("id", "status", "order", "strategy", "triggered", "now", "what becomes of it")
    lines = [
        (
            row.order.order_id[:ID_SHOWN],
            row.status,
            f"{row.order.side} {row.order.shares:,.4g} {row.order.ticker}",
            row.order.strategy,
            money(row.order.price),
            "" if row.price_now is None else money(row.price_now),
            row.outcome,
        )
        for row in rows
    ]
    return table(header, lines, left=7)


def flat(row: OrderRow) -> dict[str, Any]:
    """Return a row with the order's fields beside its own, as JSON and CSV have it."""
    from dataclasses import asdict

    fields = asdict(row)
    return {**fields.pop("order"), **fields}


@orders.command()
@click.argument("order_ids", nargs=-1, required=True, metavar="ID...")
@click.option("--note", default="", help="Why, for the journal.")
@click.pass_obj
def approve(context: Context, order_ids: tuple[str, ...], note: str) -> None:
    """Let orders be filled at the next price; beginnings of ids will do."""
    _decide(context, order_ids, note, approve=True)


@orders.command()
@click.argument("order_ids", nargs=-1, required=True, metavar="ID...")
@click.option("--note", default="", help="Why, for the journal.")
@click.pass_obj
def reject(context: Context, order_ids: tuple[str, ...], note: str) -> None:
    """Say no to orders; beginnings of ids will do."""
    _decide(context, order_ids, note, approve=False)


def _decide(context: Context, order_ids: tuple[str, ...], note: str, *, approve: bool) -> None:
    from desktop_app.account import decide, find_orders
    from desktop_app.prices_now import latest_prices

    with context.database() as db:
        now, named = utc_now(), find_orders(db, order_ids)
        prices = latest_prices(db, {order.ticker for order in named}, now)
        entries = decide(db, named, approve=approve, note=note, now=now, prices=prices)
    for order, entry in zip(named, entries, strict=True):
        then = FILLED_NEXT if approve and order.account == "paper" else SENT_NEXT if approve else ""
        context.voice.say(f"{entry.decision}: {order.side} {order.shares:,.4g} {order.ticker}{then}")
    context.voice.finish({"decisions": entries})


@orders.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("ticker")
@click.argument("shares", type=float)
@click.option("--note", default="", help="Why, for the journal.")
@click.pass_obj
def place(context: Context, side: str, ticker: str, shares: float, note: str) -> None:
    """Place an order of your own; the same limits hold, and placing it approves it."""
    from desktop_app.account import decide, terms_of
    from fusion_model.trading.propose import propose_own

    if not 0 < shares < 1e9:
        raise BadInput(f"{shares:g} shares cannot be traded; expected a number above 0")
    with context.database() as db:
        now, terms = utc_now(), terms_of(db, load_settings(context.home))
        reason = f"An order of your own{': ' + note if note else '.'}"
        order = propose_own(db, terms, now, ticker=ticker.upper(), side=side, shares=shares, reason=reason)
        decide(db, [order], approve=True, note=note, now=now)
    context.voice.say(
        f"placed: {side} {shares:,.4g} {order.ticker}; it is filled at the next price that comes"
    )
    context.voice.finish({"order": order})


@orders.command(name="run")
@long_command
def run_(context: Context, tell: Progress) -> dict[str, Any]:
    """One pass now, as the schedule makes it: fill what was approved, propose from the last close."""
    from desktop_app.daily import pass_over_account

    tell("orders", 0, 1)
    with context.database() as db:
        done = pass_over_account(db, context.home, utc_now())
    tell("orders", 1, 1)
    for fill in done.outcomes.fills:
        context.voice.say(f"filled: {fill.side} {fill.shares:,.4g} {fill.ticker} at {money(fill.price)}")
    for end in done.outcomes.ends:
        context.voice.say(f"{end.outcome}: {end.order_id[:ID_SHOWN]}, {end.reason}")
    for order in done.proposals.orders:
        context.voice.say(f"proposed: {order.reason}")
    for order, reason in done.proposals.held_back:
        context.voice.say(f"held back: {order.side} {order.shares:,.4g} {order.ticker}, {reason}")
    for order in done.approved:
        context.voice.say(f"approved without asking: {order.side} {order.shares:,.4g} {order.ticker}")
    if done.proposals.why_none:
        context.voice.say(f"Nothing is proposed: {done.proposals.why_none}")
    return {
        "fills": done.outcomes.fills,
        "ends": done.outcomes.ends,
        "proposed": done.proposals.orders,
        "held_back": [{"order": order, "reason": reason} for order, reason in done.proposals.held_back],
        "approved": [order.order_id for order in done.approved],
        "why_none": done.proposals.why_none,
    }


@orders.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="CSV to write.")
@click.option("--excel", is_flag=True, help="Begin with a byte-order mark, so that Excel reads UTF-8.")
@click.pass_obj
def export(context: Context, out: Path, excel: bool) -> None:
    """Write every order, with its decision and fill, as CSV."""
    from desktop_app.export_orders import export_orders

    with context.database() as db:
        rows = export_orders(db, out, load_settings(context.home), utc_now(), excel=excel)
    context.voice.say(f"{rows:,} rows: {out}")
    context.voice.finish({"rows": rows, "csv": str(out)})


@orders.group(invoke_without_command=True)
@click.pass_context
def rules(context: click.Context) -> None:
    """Rules that approve orders without asking."""
    if context.invoked_subcommand is None:
        context.invoke(rules_list)


@rules.command(name="list")
@click.pass_obj
def rules_list(context: Context) -> None:
    """The rules that count."""
    from desktop_app.store_journal import load_rules

    with context.database() as db:
        standing = load_rules(db)
    for rule in standing:
        what = " ".join(part for part in (rule.strategy, rule.side) if part) or "all"
        context.voice.say(f"{rule.name}: approve {what} orders up to {money(rule.most_usd)}")
    if not standing:
        context.voice.say("No rules: every order waits for you")
    context.voice.finish({"rules": standing})


@rules.command(name="add")
@click.argument("name")
@click.option("--strategy", type=click.Choice([*STRATEGIES]), help="Orders of one strategy alone.")
@click.option("--side", type=click.Choice(["buy", "sell"]), help="Purchases or sales alone.")
@click.option("--below", type=float, required=True, metavar="USD", help="Largest worth of an order.")
@click.pass_obj
def rules_add(context: Context, name: str, strategy: str | None, side: str | None, below: float) -> None:
    """Approve orders up to a worth without asking; one of the same name before it goes."""
    from desktop_app.store_journal import ApprovalRule, load_rules, save_rule

    if not 0 < below < 1e12:
        raise BadInput(f"--below takes an amount of USD above 0, not {below:g}")
    with context.database() as db:
        save_rule(db, ApprovalRule(name, strategy or "", side or "", below), utc_now())
        standing = load_rules(db)
    context.voice.say(f"{name} approves from now on; `barograph orders rules remove {name}` ends it")
    context.voice.finish({"rules": standing})


@rules.command(name="remove")
@click.argument("name")
@click.pass_obj
def rules_remove(context: Context, name: str) -> None:
    """Let a rule no longer count."""
    from desktop_app.store_journal import load_rules, remove_rule

    with context.database() as db:
        if not remove_rule(db, name, utc_now()):
            raise BadInput(f"there is no rule '{name}'; `barograph orders rules` shows them")
        standing = load_rules(db)
    context.voice.say(f"{name} no longer approves")
    context.voice.finish({"rules": standing})
