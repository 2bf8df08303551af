"""`barograph risk`: what may be lost, who bears it, what has happened before, and how such figures fared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app.context import Context, as_of_option, chosen_session, long_command, names_in
from desktop_app.terminal import table

if TYPE_CHECKING:
    import sqlite3

    from collectors.progress import Progress
    from desktop_app.risk_rows import RiskFound, RiskView

MOST_PARTS = 12  # holdings shown; all of them stand in --json and --csv
SHOWN_HORIZON = 5


@click.command()
@click.argument("tickers", nargs=-1)
@click.option("--weights", help="Weights of wealth, as AAPL=0.4,MSFT=0.6; what they leave is cash.")
@click.option("--shares", help="Numbers of shares, as AAPL=10,MSFT=5; instead of --weights.")
@as_of_option
@click.option("--csv", "out", type=click.Path(path_type=Path, dir_okay=False), help="CSV to write.")
@click.option(
    "--backtest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Test the risk of a backtest's CSV as a regulator would, and keep the result.",
)
@click.option("--tested", is_flag=True, help="Show the newest such test.")
@long_command
def risk(
    context: Context,
    tell: Progress,
    tickers: tuple[str, ...],
    weights: str | None,
    shares: str | None,
    as_of: Any,
    out: Path | None,
    backtest: Path | None,
    tested: bool,
) -> dict[str, Any]:
    """What may be lost: of the tickers, of --weights or --shares, or of what you hold."""
    if sum(map(bool, (tickers, weights, shares, backtest, tested))) > 1:
        raise click.UsageError("name tickers, or --weights, or --shares, or --backtest, or --tested")
    session = chosen_session(as_of)
    with context.database() as db:
        if backtest or tested:
            return _tests(context, db, backtest, out, tell)
        if tickers:
            found = [_stored(db, ticker.upper(), session) for ticker in tickers]
        else:
            found = [_portfolio(db, weights, shares, session, tell)]
        views = [_view(db, one) for one in found]
    for view in views:
        _say(context, view)
    rows = [report for one in found for report in one.reports]
    if out is not None:
        from desktop_app.export import export_rows

        context.voice.say(f"{export_rows(out, rows)} rows: {out}")
    return {"risk": found, **({"csv": out} if out else {})}


def _stored(db: sqlite3.Connection, subject: str, session: str | None) -> RiskFound:
    from desktop_app.risk_rows import load_risk_found

    found = load_risk_found(db, subject, session)
    if found is None:
        when = f" up to {session}" if session else ""
        raise BadInput(
            f"no risk of {subject} is stored{when}: it needs a year of prices and `barograph refresh`; "
            "`barograph status` tells what is stored"
        )
    return found


def _portfolio(
    db: sqlite3.Connection, weights: str | None, shares: str | None, session: str | None, tell: Progress
) -> RiskFound:
    """Find the risk of holdings anew, and return it as it is stored."""
    from desktop_app.portfolio_rows import load_holding_rows, total_value
    from fusion_model import store as findings
    from fusion_model.advice.risk import holdings_from_weights
    from fusion_model.pipeline_risk import judge_portfolio

    close = session or findings.last_forecast_session(db)
    if close is None:
        raise BadInput("nothing is forecast yet; run `barograph train` and `barograph refresh` first")
    holdings, numbers = None, None
    if weights:
        holdings = holdings_from_weights(amounts_in(weights, "--weights"))
    elif shares:
        numbers = amounts_in(shares, "--shares")
    else:
        held = load_holding_rows(db, close)
        if not held:
            raise BadInput(
                "nothing is held yet: name tickers, or give --weights AAPL=0.4,MSFT=0.6, or tell what you "
                "hold with `barograph portfolio holdings`"
            )
        unpriced = [row.ticker for row in held if row.weight != row.weight]
        if unpriced:
            raise BadInput(f"{unpriced[0]} is held and has no price: import or collect its prices first")
        holdings = holdings_from_weights({row.ticker: row.weight for row in held}, total_value(held))
    tell("drawing scenarios", 0, 1)
    holdings, _ = judge_portfolio(db, session=close, now=utc_now(), holdings=holdings, shares=numbers)
    tell("drawing scenarios", 1, 1)
    return _stored(db, holdings.subject, close)


def amounts_in(text: str, option: str) -> dict[str, float]:
    """Return the numbers by ticker of ``AAPL=0.4,MSFT=0.6``.

    Raises
    ------
    click.UsageError
        Something in it is no ticker with a number, or a ticker is named twice.
    """
    amounts: dict[str, float] = {}
    for part in names_in(text):
        ticker, _, number = part.partition("=")
        try:
            amount = float(number)
        except ValueError:
            example = "AAPL=10,MSFT=5" if option == "--shares" else "AAPL=0.4,MSFT=0.6"
            raise click.UsageError(f"{option} takes {example}, not {part!r}") from None
        name = ticker.strip().upper()
        if not name or name in amounts:
            raise click.UsageError(
                f"{option} names {name or 'no ticker'} {'twice' if name else 'in ' + part}"
            )
        amounts[name] = amount
    return amounts


def _view(db: sqlite3.Connection, found: RiskFound) -> RiskView:
    from desktop_app.risk_rows import in_words
    from desktop_app.store import load_holdings
    from fusion_model.store_risk import load_risk_tests

    held = [holding.ticker for holding in load_holdings(db)]
    return in_words(found, held, *load_risk_tests(db))


def _say(context: Context, view: RiskView) -> None:
    from desktop_app.risk_rows import FACTOR_HEADER, LOSS_HEADER, LOSS_NOTE, PART_HEADER, PAST_HEADER

    say = context.voice.say
    say(f"\n{view.title}\n{view.headline}")
    for sentence in (*view.unseen, view.stale):
        if sentence:
            say(sentence)
    say(f"\n{table(LOSS_HEADER, view.losses)}\n{LOSS_NOTE}")
    for horizon in [SHOWN_HORIZON] if SHOWN_HORIZON in view.parts else list(view.parts)[:1]:
        parts = view.parts[horizon]
        say(f"\nWho bears it, over {horizon} sessions\n" + table(PART_HEADER, parts[:MOST_PARTS]))
        if len(parts) > MOST_PARTS:
            say(f"and {len(parts) - MOST_PARTS} more")
        say(view.tail.get(horizon, ""))
    if view.factors:
        say("\n" + table(FACTOR_HEADER, view.factors))
    if view.past:
        say("\n" + table(PAST_HEADER, view.past))
    if view.tests:
        say(f"\n{view.tests}")


def _tests(
    context: Context, db: sqlite3.Connection, backtest: Path | None, out: Path | None, tell: Progress
) -> dict[str, Any]:
    """Test a backtest's CSV, or show the newest test."""
    from desktop_app.export import export_rows
    from desktop_app.risk_rows import TEST_HEADER, tested_rows, verdict_in_words
    from fusion_model.store_risk import load_risk_tests

    if backtest is not None:
        from fusion_model.pipeline_risk import backtest_risk

        backtest_risk(db, backtest, now=utc_now(), progress=tell)
    run, tests = load_risk_tests(db)
    if not tests:
        raise BadInput(
            "no test of risk is stored; run `barograph backtest --out FILE.csv`, then "
            "`barograph risk --backtest FILE.csv`"
        )
    context.voice.say(table(TEST_HEADER, tested_rows(tests), left=2))
    if verdict := verdict_in_words(run, tests):
        context.voice.say(verdict)
    if out is not None:
        context.voice.say(f"{export_rows(out, tests)} rows: {out}")
    return {"run": run, "tests": tests, **({"csv": out} if out else {})}
