"""`barograph portfolio`: what the person holds, and what a sober spread of it would be."""

from __future__ import annotations

import math
from pathlib import Path

import click

from collectors.market_calendar import utc_now
from desktop_app import store as choices
from desktop_app.context import Context
from desktop_app.terminal import table


@click.group()
def portfolio() -> None:
    """What you hold, and how its risk could be spread."""


@portfolio.group()
def holdings() -> None:
    """State what you hold; every statement is kept."""


csv_option = click.option(
    "--csv", "out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rows as CSV."
)


@holdings.command(name="list")
@csv_option
@click.pass_obj
def list_(context: Context, out: Path | None) -> None:
    """What you hold, and what it is worth at the newest close."""
    from desktop_app.export import export_holdings
    from desktop_app.portfolio_rows import load_holding_rows, total_value
    from desktop_app.words import money, percent

    with context.database() as db:
        rows = load_holding_rows(db)
    if not rows:
        context.voice.say(
            "No holdings are stated; `barograph portfolio holdings set AAPL 10 --cost 120` states one"
        )

    def known(value: float, text: str) -> str:
        return text if math.isfinite(value) else "unknown"

    cells = [
        (
            row.ticker,
            f"{row.shares:,.10g}",
            known(row.cost, money(row.cost)),
            known(row.last_close, money(row.last_close)),
            row.session,
            known(row.value, money(row.value)),
            known(row.weight, percent(row.weight)),
            known(row.gain, percent(row.gain, signed=True)),
        )
        for row in rows
    ]
    if rows:
        header = ("ticker", "shares", "cost", "close", "session", "value", "weight", "gain")
        context.voice.say(table(header, cells))
        context.voice.say(f"\nWorth {money(total_value(rows))} in all.")
    for row in rows:
        if not row.session:
            context.voice.say(_without_price(row.ticker))
    if out is not None:
        context.voice.say(f"{export_holdings(rows, out):,} rows: {out}")
    context.voice.finish({"holdings": rows, "value": total_value(rows), "csv": out})


@holdings.command(name="set")
@click.argument("ticker")
@click.argument("shares")
@click.option("--cost", help="USD a share, or unknown; without it, what was stated before stands.")
@click.pass_obj
def set_(context: Context, ticker: str, shares: str, cost: str | None) -> None:
    """State how many shares of a ticker you hold, and what one cost you."""
    from collectors.store import has_bars
    from desktop_app.portfolio_rows import checked_number, checked_ticker

    name = checked_ticker(ticker)
    number = checked_number(shares, "the number of shares", least_is_allowed=False)
    with context.database() as db:
        before = {held.ticker: held.cost for held in choices.load_holdings(db)}.get(name)
        if cost is not None:
            unknown = cost.strip().lower() == "unknown"
            before = None if unknown else checked_number(cost, "the cost a share", least_is_allowed=True)
        new = choices.save_holding(db, name, number, before, utc_now())
        priced = has_bars(db, name)
        held = next(holding for holding in choices.load_holdings(db) if holding.ticker == name)
    at = "at an unknown cost" if held.cost is None else f"at {held.cost:,.10g} USD a share"
    context.voice.say(f"{name}: {held.shares:,.10g} shares {at}{'' if new else ', as stated before'}")
    if not priced:
        context.voice.say(_without_price(name))
    context.voice.finish({"holding": held, "new": new, "has_prices": priced})


@holdings.command()
@click.argument("ticker")
@click.pass_obj
def remove(context: Context, ticker: str) -> None:
    """State that you no longer hold a ticker; what was stated stays in the history."""
    from collectors.errors import BadInput
    from desktop_app.portfolio_rows import checked_ticker

    name = checked_ticker(ticker)
    with context.database() as db:
        if not choices.remove_holding(db, name, utc_now()):
            held = ", ".join(holding.ticker for holding in choices.load_holdings(db))
            raise BadInput(f"{name} is not among the holdings ({held or 'there are none'})")
    context.voice.say(f"{name} is no longer held")
    context.voice.finish({"removed": name})


@holdings.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Take out what is held and not in the file.")
@click.pass_obj
def import_(context: Context, file: Path, replace: bool) -> None:
    """Read a CSV with ticker, shares and cost, or a broker's list of positions."""
    from collectors.store import has_bars
    from desktop_app.holdings_file import read_holdings
    from desktop_app.portfolio_rows import save_stated

    read = read_holdings(file)
    with context.database() as db:
        news, gone = save_stated(db, read.holdings, utc_now(), replace=replace)
        unpriced = [held.ticker for held in read.holdings if not has_bars(db, held.ticker)]
    context.voice.say(
        f"{len(read.holdings)} holdings read, {len(news)} new or changed, {len(gone)} taken out"
    )
    for held in read.holdings:
        if held.lots > 1:
            context.voice.say(f"{held.ticker}: {held.lots} lines added together, {held.shares:,.10g} shares")
    if read.bad_lines:
        context.voice.say(f"{len(read.bad_lines)} bad lines left out:")
    for bad in read.bad_lines:
        context.voice.say(f"  {bad.file}:{bad.line}: {bad.reason}")
    for ticker in unpriced:
        context.voice.say(_without_price(ticker))
    context.voice.finish(
        {
            "holdings": read.holdings,
            "changed": news,
            "removed": gone,
            "bad_lines": read.bad_lines,
            "without_prices": unpriced,
        }
    )


@holdings.command()
@click.pass_obj
def history(context: Context) -> None:
    """Every statement as it was made, oldest first."""
    with context.database() as db:
        changes = choices.load_holding_changes(db)
    rows = [
        (
            change.changed_at,
            change.ticker,
            f"{change.shares:,.10g}",
            "" if change.cost is None else f"{change.cost:,.10g}",
        )
        for change in changes
    ]
    context.voice.say(
        table(("stated at", "ticker", "shares", "cost"), rows, left=2) if rows else "Nothing was stated."
    )
    context.voice.finish({"changes": changes})


def _without_price(ticker: str) -> str:
    fetch = f"`barograph watch add {ticker}` and `barograph collect prices` fetch it"
    return f"{ticker}: no price is stored; {fetch}"
