"""`barograph portfolio`: what the person holds, and what a sober spread of it would be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app import store as choices
from desktop_app.context import (
    NEGATIVE_NUMBERS,
    Context,
    as_of_option,
    chosen_session,
    csv_option,
    long_command,
    names_in,
)
from desktop_app.settings import Settings, load_settings
from desktop_app.terminal import table
from fusion_model.portfolio_findings import METHODS, MIN_CVAR

if TYPE_CHECKING:
    import sqlite3

    from collectors.progress import Progress
    from desktop_app.suggestion_rows import PortfolioView
    from fusion_model.advice.portfolio_limits import Limits


@click.group()
def portfolio() -> None:
    """What you hold, and how its risk could be spread."""


@portfolio.group()
def holdings() -> None:
    """State what you hold; every statement is kept."""


fraction = click.FloatRange(0.0, 1.0)


@portfolio.command(name="suggest")
@click.option("--method", "methods", type=click.Choice(METHODS), multiple=True, help="Default: all five.")
@click.option("--tickers", help="Comma-separated; default: what is held, else the watchlist.")
@click.option("--from-cash", is_flag=True, help="As if nothing were held.")
@click.option("--max-weight", type=fraction, help="Most of one ticker, as 0.25.")
@click.option("--max-sector", type=fraction, help="Most of one sector, as 0.4.")
@click.option("--max-turnover", type=fraction, help="Most that is exchanged, as 0.2.")
@click.option("--min-trade", type=fraction, help="Changes of a weight below it are left undone, as 0.005.")
@click.option("--costs-bp", type=float, help="Costs a side in hundredths of a percent.")
@as_of_option
@csv_option
@long_command
def suggest(
    context: Context,
    tell: Progress,
    methods: tuple[str, ...],
    tickers: str | None,
    from_cash: bool,
    max_weight: float | None,
    max_sector: float | None,
    max_turnover: float | None,
    min_trade: float | None,
    costs_bp: float | None,
    as_of: Any,
    out: Path | None,
) -> dict[str, Any]:
    """Spread a portfolio by five methods on the stored forecasts, with what the past says of each."""
    from desktop_app.portfolio_rows import checked_ticker, load_holding_rows
    from desktop_app.suggestion_rows import load_portfolio_view
    from fusion_model import store as findings
    from fusion_model.pipeline_portfolio import suggest_portfolio

    with context.database() as db:
        session = chosen_session(as_of) or findings.last_forecast_session(db)
        if session is None:
            raise BadInput("nothing is forecast yet; run `barograph train` and `barograph refresh` first")
        held = {} if from_cash else {row.ticker: row.value for row in load_holding_rows(db, session)}
        unpriced = [ticker for ticker, value in held.items() if not math.isfinite(value)]
        if unpriced and tickers is None:
            raise BadInput(f"{_without_price(unpriced[0])}; or name the tickers with --tickers")
        names = [checked_ticker(name) for name in names_in(tickers)] or list(held) or _watched(db)
        mine = {ticker: value for ticker, value in held.items() if ticker in names and math.isfinite(value)}
        settings = load_settings(context.home)
        suggest_portfolio(
            db,
            session=session,
            tickers=names,
            now=utc_now(),
            limits=_limits(settings, len(names), max_weight, max_sector, max_turnover, min_trade, costs_bp),
            held=mine,
            value=math.fsum(mine.values()),
            methods=methods or METHODS,
            progress=tell,
        )
        view = load_portfolio_view(db, session)
    if view is None:  # it was saved a moment ago
        raise RuntimeError("a run of suggestions was saved and is not stored")
    beside = sorted(set(held) - set(names))
    if beside:
        context.voice.say(f"Held beside these and left as they are: {', '.join(beside)}")
    _say_view(context, view, methods[0] if methods else MIN_CVAR)
    return _written(context, view, out)


def _watched(db: sqlite3.Connection) -> list[str]:
    watched = choices.load_watchlist(db)
    if not watched:
        raise BadInput(
            "nothing is held and nothing watched: state holdings with `barograph portfolio holdings set`, "
            "or name "
            "tickers with --tickers"
        )
    return watched


def _limits(
    settings: Settings,
    count: int,
    max_weight: float | None,
    max_sector: float | None,
    max_turnover: float | None,
    min_trade: float | None,
    costs_bp: float | None,
) -> Limits:
    """Return what was asked for, else what the settings say; their cap gives way to twice an equal share."""
    from fusion_model.advice.portfolio_limits import Limits

    usual = min(1.0, max(settings.portfolio_max_weight, 2.0 / max(count, 1)))
    return Limits(
        max_weight=usual if max_weight is None else max_weight,
        max_sector=settings.portfolio_max_sector if max_sector is None else max_sector,
        max_turnover=settings.portfolio_max_turnover if max_turnover is None else max_turnover,
        min_trade=settings.portfolio_min_trade if min_trade is None else min_trade,
        cost=(settings.portfolio_cost_bp if costs_bp is None else costs_bp) / 1e4,
    )


@portfolio.command()
@click.option("--method", type=click.Choice(METHODS), help="Whose weights to show.")
@as_of_option
@csv_option
@click.pass_obj
def show(context: Context, method: str | None, as_of: Any, out: Path | None) -> None:
    """The newest suggestions that are stored."""
    from desktop_app.suggestion_rows import load_portfolio_view

    session = chosen_session(as_of)
    with context.database() as db:
        view = load_portfolio_view(db, session)
    if view is None:
        when = f" as of {session}" if session else ""
        raise BadInput(f"no portfolio was suggested{when} yet; run `barograph portfolio suggest`")
    if method and view.of(method) is None:
        stored = ", ".join(known.method for known in view.methods)
        raise BadInput(f"the newest suggestions hold none by {method}, but by {stored}")
    _say_view(context, view, method or MIN_CVAR)
    context.voice.finish(_written(context, view, out))


def _say_view(context: Context, view: PortfolioView, method: str) -> None:
    from desktop_app.suggestion_rows import (
        FRONTIER_HEADER,
        MEAN_NOTE,
        METHOD_HEADER,
        METHOD_NOTE,
        WALK_HEADER,
        WALK_NOTE,
        WEIGHT_HEADER,
    )

    say = context.voice.say
    shown = view.of(method) or view.methods[0]
    say(f"{view.title}\n{view.limits}")
    if view.stale:
        say(view.stale)
    say(f"\n{table(METHOD_HEADER, view.method_cells)}\n{METHOD_NOTE}\n{MEAN_NOTE}")
    say(f"\n{shown.name}\n{table(WEIGHT_HEADER, shown.cells)}\n{shown.sentence}")
    if view.frontier_cells:
        say("\nThe least risk for so much exchanged\n" + table(FRONTIER_HEADER, view.frontier_cells))
    say(f"\n{view.walk_title}")
    if view.walk_cells:
        say(f"{table(WALK_HEADER, view.walk_cells)}\n{WALK_NOTE}")


def _written(context: Context, view: PortfolioView, out: Path | None) -> dict[str, Any]:
    """Write the weights where a file was named, and return the findings as the command's result."""
    from desktop_app.export import export_rows

    if out is not None:
        context.voice.say(f"{export_rows(out, view.findings.weights)} rows: {out}")
    return {"portfolio": view.findings, "found_at": view.found_at, "csv": out}


@holdings.command(name="list")
@csv_option
@click.pass_obj
def list_(context: Context, out: Path | None) -> None:
    """What you hold, and what it is worth at the newest close."""
    from desktop_app.export import export_holdings
    from desktop_app.portfolio_rows import HOLDING_HEADER, holding_cells, load_holding_rows, total_value
    from desktop_app.words import money

    with context.database() as db:
        rows = load_holding_rows(db)
    if not rows:
        context.voice.say(
            "No holdings are stated; `barograph portfolio holdings set AAPL 10 --cost 120` states one"
        )

    if rows:
        context.voice.say(table(HOLDING_HEADER, [holding_cells(row) for row in rows]))
        context.voice.say(f"\nWorth {money(total_value(rows))} in all.")
    for row in rows:
        if not row.session:
            context.voice.say(_without_price(row.ticker))
    if out is not None:
        context.voice.say(f"{export_holdings(rows, out):,} rows: {out}")
    context.voice.finish({"holdings": rows, "value": total_value(rows), "csv": out})


@holdings.command(name="set", context_settings=NEGATIVE_NUMBERS)
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
