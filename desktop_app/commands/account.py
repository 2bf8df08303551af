"""`barograph account`: the paper account, its switches, and what it is worth."""

from __future__ import annotations

from pathlib import Path

import click

from collectors.market_calendar import utc_now
from desktop_app.context import Context, csv_option
from desktop_app.settings import load_settings
from desktop_app.terminal import BAD_INPUT, table
from desktop_app.words import money, percent


@click.group(invoke_without_command=True)
@csv_option
@click.pass_context
def account(context: click.Context, out: Path | None) -> None:
    """The paper account: show, deposit, automatic, kill, resume, reconcile."""
    if context.invoked_subcommand is None:
        context.invoke(show, out=out)
    elif out is not None:
        raise click.UsageError("--csv stands behind `account show`, or alone")


@account.command()
@csv_option
@click.pass_obj
def show(context: Context, out: Path | None = None) -> None:
    """Cash, positions and profit, derived from the fills."""
    from desktop_app.export_orders import export_positions
    from desktop_app.order_rows import gain, load_account_view

    with context.database() as db:
        view = load_account_view(db, load_settings(context.home), utc_now())
    context.voice.say(view.headline)
    if view.killed:
        context.voice.say("The kill switch is on: nothing is proposed, filled or sent.")
    if view.automatic:
        context.voice.say("Automatic: orders are approved without asking you.")
    if view.opened:
        context.voice.say(
            f"Cash {money(view.cash)} · realised {gain(view.realised)} · unrealised "
            f"{gain(view.unrealised)} · dividends {money(view.dividends)} · "
            f"spreads and fees paid {money(view.costs)}"
        )
    if view.positions:
        rows = [
            (
                row.ticker,
                f"{row.shares:,.4g}",
                money(row.average_cost),
                money(row.price),
                money(row.value),
                percent(row.weight),
                gain(row.unrealised),
            )
            for row in view.positions
        ]
        header = ("ticker", "shares", "average cost", "price", "worth", "share", "unrealised")
        context.voice.say(table(header, rows))
    if not view.opened:
        context.voice.say("`barograph account deposit` opens one")
    elif view.waiting:
        context.voice.say(f"{view.waiting} orders wait for you: `barograph orders list`")
    if out is not None:
        context.voice.say(f"{export_positions(out, view)} rows: {out}")
    context.voice.finish({"account": view})


@account.command()
@click.pass_obj
def reconcile(context: Context) -> None:
    """Whether the record agrees with itself, with its decisions and prices, and with the broker."""
    from desktop_app.account import every_decision_of, terms_of
    from desktop_app.daily import open_broker
    from fusion_model.trading.books import load_account
    from fusion_model.trading.reconcile import differences, find_discrepancies

    settings, now = load_settings(context.home), utc_now()
    broker = open_broker(settings)
    with context.database() as db:
        terms = terms_of(db, settings)
        found = find_discrepancies(db, terms, every_decision_of(db), now)
        if broker is not None:
            found += differences(load_account(db, terms, now), broker.positions())
    context.voice.say("\n".join(found) or "The record agrees.")
    context.voice.finish({"discrepancies": found})
    if found:
        raise click.exceptions.Exit(BAD_INPUT)


@account.command()
@click.argument("amount", type=float, required=False)
@click.option("--note", default="", help="For the journal.")
@click.pass_obj
def deposit(context: Context, amount: float | None, note: str) -> None:
    """Open the account with the settings' cash, or pay an AMOUNT of USD into it."""
    from desktop_app.account import deposit as pay_in

    with context.database() as db:
        paid = pay_in(db, load_settings(context.home), amount, note, utc_now())
    context.voice.say(f"{money(paid)} paid in, on paper")
    context.voice.finish({"paid_in": paid})


@account.command()
@click.argument("state", type=click.Choice(["on", "off"]))
@click.option("--note", default="", help="Why, for the journal.")
@click.pass_obj
def automatic(context: Context, state: str, note: str) -> None:
    """Approve every order within the limits without asking, or ask again."""
    from desktop_app.store_journal import AUTOMATIC_SWITCH

    _turn(context, AUTOMATIC_SWITCH, state == "on", note)
    context.voice.say(
        "From now on orders within your limits are approved without asking; each approval is recorded"
        if state == "on"
        else "From now on every order waits for you, or for a rule of yours"
    )
    context.voice.finish({"switch": AUTOMATIC_SWITCH, "on": state == "on"})


@account.command()
@click.option("--note", default="", help="Why, for the journal.")
@click.pass_obj
def kill(context: Context, note: str) -> None:
    """Stop at once: nothing is proposed, filled or sent, and what waits is cancelled for good."""
    from desktop_app.daily import pass_over_account
    from desktop_app.store_journal import KILL_SWITCH

    _turn(context, KILL_SWITCH, on=True, note=note)
    context.voice.say("The kill switch is on; `barograph account resume` turns it off")
    with context.database() as db:
        ended = pass_over_account(db, context.home, utc_now()).outcomes.ends
    context.voice.say(f"{len(ended)} orders were cancelled or had ended")
    context.voice.finish({"switch": KILL_SWITCH, "on": True, "ended": ended})


@account.command()
@click.option("--note", default="", help="Why, for the journal.")
@click.pass_obj
def resume(context: Context, note: str) -> None:
    """Turn the kill switch off; what it cancelled stays cancelled."""
    from desktop_app.store_journal import KILL_SWITCH

    _turn(context, KILL_SWITCH, on=False, note=note)
    context.voice.say("The kill switch is off; orders are proposed again from now on")
    context.voice.finish({"switch": KILL_SWITCH, "on": False})


def _turn(context: Context, switch: str, on: bool, note: str) -> None:
    from desktop_app.account import turn

    with context.database() as db:
        turn(db, load_settings(context.home), switch, on, note, utc_now())
