"""`barograph journal`: what was shown and decided, with what came after; and notes."""

from __future__ import annotations

from dataclasses import asdict

import click

from collectors.errors import BadInput
from collectors.market_calendar import utc_now
from desktop_app.context import Context
from desktop_app.settings import load_settings
from desktop_app.terminal import table
from desktop_app.words import percent

MOST_ROWS = 40  # of the terminal; --json and export have all


@click.group(invoke_without_command=True)
@click.pass_context
def journal(context: click.Context) -> None:
    """Alerts, decisions and notes, and whether decisions helped: list, note."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@journal.command(name="list")
@click.argument("ticker", required=False)
@click.pass_obj
def list_(context: Context, ticker: str | None = None) -> None:
    """The journal, newest first; of one TICKER, or whole."""
    from desktop_app.journal import load_journal

    with context.database() as db:
        found = load_journal(db, load_settings(context.home), utc_now(), ticker and ticker.upper())
    rows = [
        (
            row.entry.recorded_at[:16].replace("T", " "),
            row.kind_name,
            row.entry.ticker,
            _short(row.what),
            _short(row.entry.note, 30),
            row.later,
        )
        for row in found.rows[:MOST_ROWS]
    ]
    header = ("when", "kind", "ticker", "what", "note", "afterwards")
    context.voice.say(table(header, rows, left=6) if rows else "The journal is empty.")
    if len(found.rows) > MOST_ROWS:
        context.voice.say(f"and {len(found.rows) - MOST_ROWS} earlier; `barograph export journal` has all")
    counted = [row for row in found.tallies if row.decisions]
    if counted:
        lines = [
            (
                row.group,
                str(row.horizon),
                str(row.decisions),
                percent(row.mean, 2, signed=True),
                row.verdict,
            )
            for row in counted
        ]
        context.voice.say("\n" + table(("decisions", "sessions", "number", "mean gain", "says"), lines))
    context.voice.finish(
        {
            "rows": [
                {**asdict(row.entry), **{k: v for k, v in asdict(row).items() if k not in ("entry", "order")}}
                for row in found.rows
            ],
            "tallies": [{**asdict(row), "verdict": row.verdict} for row in found.tallies],
            "headline": found.headline,
        }
    )


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


@journal.command()
@click.argument("ticker")
@click.argument("text")
@click.pass_obj
def note(context: Context, ticker: str, text: str) -> None:
    """Write a note on a TICKER, with its price of this moment."""
    from desktop_app.journal import note_now
    from desktop_app.prices_now import latest_prices

    named, now = ticker.upper(), utc_now()
    if not text.strip():
        raise BadInput("the note is empty; say something, as `barograph journal note KO 'too dear for me'`")
    with context.database() as db:
        note_now(db, named, text.strip(), now)
        price = latest_prices(db, {named}, now).get(named)
    context.voice.say(f"noted on {named}")
    context.voice.finish({"ticker": named, "note": text.strip(), "price": price, "recorded_at": now})
