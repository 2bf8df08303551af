"""`barograph alerts`: what was unusual and what was said to it, and the person's own rules."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any

import click

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app.alert_rules import ARMED, EITHER, KINDS, REMOVED, SIDES, SNOOZED
from desktop_app.context import Context, csv_option
from desktop_app.settings import load_settings
from desktop_app.terminal import table

MOST_ROWS = 40  # of the terminal; --json and --csv have all


@click.group(invoke_without_command=True)
@csv_option
@click.pass_context
def alerts(context: click.Context, out: Path | None) -> None:
    """Unusual sessions, what you said to them, and rules of your own."""
    if context.invoked_subcommand is None:
        context.invoke(list_, out=out)
    elif out is not None:
        raise click.UsageError("--csv stands behind `alerts list`, or alone")


@alerts.command(name="list")
@click.option("--open", "only_open", is_flag=True, help="Only those not seen yet.")
@csv_option
@click.pass_obj
def list_(context: Context, only_open: bool = False, out: Path | None = None) -> None:
    """The alerts, newest first, with the budget."""
    from desktop_app.alert_rows import load_alerts_view, name_of
    from desktop_app.export import export_alerts

    with context.database() as db:
        view = load_alerts_view(db, load_settings(context.home))
    found = view.chosen("open" if only_open else "all")
    rows = [
        (alert.session, name_of(alert), alert.odds or "your rule", alert.note or _seen(alert.acknowledged),
         alert.reason if len(alert.reason) <= 90 else f"{alert.reason[:89]}…")
        for alert in found[:MOST_ROWS]
    ]  # fmt: skip
    if view.headline:
        context.voice.say(f"{view.headline}\n{view.budget}")
    else:
        context.voice.say(
            "No prices are stored yet, so nothing was judged; `barograph refresh` judges a close"
        )
    if rows:
        context.voice.say(table(("session", "ticker", "as rare as", "state", "what happened"), rows, left=5))
    if len(found) > MOST_ROWS:
        context.voice.say(f"and {len(found) - MOST_ROWS} earlier; --json and --csv have all")
    if out is not None:
        context.voice.say(f"{export_alerts(out, found):,} rows: {out}")
    context.voice.finish(
        {
            "headline": view.headline,
            "budget": view.budget,
            "alerts": [{key: _plain(value) for key, value in asdict(alert).items()} for alert in found],
        }
    )


def _seen(acknowledged: bool) -> str:
    return "seen" if acknowledged else "not seen"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and isnan(value) else value


@alerts.command()
@click.argument("ticker")
@click.argument("session")
@click.argument("note", default="")
@click.pass_obj
def seen(context: Context, ticker: str, session: str, note: str) -> None:
    """Mark the alerts of a TICKER (or MARKET) and SESSION as seen, with a NOTE."""
    from desktop_app.alerts import acknowledge_alert, load_alerts

    with context.database() as db:
        found = [
            alert
            for alert in load_alerts(db, load_settings(context.home), ticker.upper(), session)
            if alert.session == session
        ]
        if not found:
            raise BadInput(
                f"there is no alert of {ticker.upper()} on {session}; `barograph alerts` lists them"
            )
        for alert in found:
            acknowledge_alert(db, alert, note, utc_now())
    context.voice.say(f"{ticker.upper()}, {session}: seen")
    context.voice.finish({"ticker": ticker.upper(), "session": session, "alerts": len(found), "note": note})


@alerts.command()
@click.pass_obj
def rules(context: Context) -> None:
    """Your rules, and when each fired last."""
    from desktop_app.alert_rows import load_alerts_view

    with context.database() as db:
        found = load_alerts_view(db, load_settings(context.home)).rules
    rows = [
        (
            str(row.rule.rule_id),
            row.rule.ticker or "all watched",
            row.rule.sentence,
            row.quiet,
            row.state,
            row.last,
        )
        for row in found
    ]
    header = ("rule", "ticker", "tell me when", "then quiet for", "state", "fired last")
    context.voice.say(
        table(header, rows, left=6) if rows else "There are no rules; `barograph alerts add` sets one."
    )
    context.voice.finish(
        {"rules": [{**asdict(row.rule), "state": row.state, "last": row.last} for row in found]}
    )


@alerts.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("threshold", type=float)
@click.option("--ticker", default="", help="Default: every watched ticker.")
@click.option("--side", type=click.Choice(list(SIDES)), default=EITHER, show_default=True)
@click.option("--quiet", default=5, show_default=True, help="Days without another alert after it fired.")
@click.pass_obj
def add(context: Context, kind: str, threshold: float, ticker: str, side: str, quiet: int) -> None:
    """Set a rule of a KIND: return and forecast in %, volume and posts in times the usual, price in USD."""
    from desktop_app.store_rules import add_rule

    with context.database() as db:
        number = add_rule(
            db, kind=kind, threshold=threshold, now=utc_now(), ticker=ticker.upper(), side=side,
            cool_down_days=quiet,
        )  # fmt: skip
    context.voice.say(f"Rule {number} is armed; it looks at the sessions that close from now on")
    context.voice.finish({"rule_id": number})


@alerts.command()
@click.argument("rule_id", type=int)
@click.argument("until", type=click.DateTime(["%Y-%m-%d"]))
@click.pass_obj
def snooze(context: Context, rule_id: int, until: Any) -> None:
    """Let a rule say nothing up to and including a day."""
    _change(context, rule_id, SNOOZED, until.date().isoformat())


@alerts.command()
@click.argument("rule_id", type=int)
@click.pass_obj
def arm(context: Context, rule_id: int) -> None:
    """Let a snoozed or quiet rule listen at once."""
    _change(context, rule_id, ARMED)


@alerts.command()
@click.argument("rule_id", type=int)
@click.pass_obj
def remove(context: Context, rule_id: int) -> None:
    """Take a rule away; what it raised stays."""
    _change(context, rule_id, REMOVED)


def _change(context: Context, rule_id: int, state: str, until: str = "") -> None:
    from desktop_app.store_rules import set_rule_state

    with context.database() as db:
        set_rule_state(db, rule_id, state, utc_now(), until)
    context.voice.say(f"Rule {rule_id}: {state}{f' until {until}' if until else ''}")
    context.voice.finish({"rule_id": rule_id, "state": state, "until": until})
