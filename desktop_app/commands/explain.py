"""`barograph explain`: why a ticker's forecasts are what they are, and what would change them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collectors.market_calendar import utc_now
from desktop_app.context import Context, as_of_option, chosen_session, long_command
from desktop_app.terminal import table
from desktop_app.words import count

if TYPE_CHECKING:
    from collectors.progress import Progress
    from desktop_app.why import Why


@click.command()
@click.argument("ticker")
@as_of_option
@click.option("--csv", "out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rows.")
@long_command
def explain(context: Context, tell: Progress, ticker: str, as_of: Any, out: Path | None) -> dict[str, Any]:
    """Why a ticker's forecasts are what they are, and what would change them."""
    from desktop_app.export import export_reasons
    from desktop_app.why import load_why
    from fusion_model import pipeline

    named = ticker.upper()
    with context.database() as db:
        found = pipeline.explain_ticker(
            db, context.models, named, as_of=chosen_session(as_of), now=utc_now(), progress=tell
        )
        said = load_why(db, named, found.as_of_session)
        written = None if out is None else export_reasons(db, out, as_of=found.as_of_session, ticker=named)
    assert said is not None  # noqa: S101  found and stored above
    context.voice.say(why_in_lines(said))
    if out is not None:
        context.voice.say(f"\n{written:,} rows: {out}")
    return {
        "ticker": named,
        "as_of_session": found.as_of_session,
        "model_version": found.model_version,
        "sentences": [horizon.headline for horizon in said.horizons],
        "why": said,
        "attributions": found.attributions,
        "counterfactuals": found.counterfactuals,
        "related": found.related,
        **({} if out is None else {"csv": str(out), "rows": written}),
    }


def why_in_lines(said: Why) -> str:
    """Lay reasons out for a terminal: a sentence a horizon, the causes as a table, and what follows."""
    lines = [f"{said.ticker}. {said.as_of}, model {said.model_version}", ""]
    for horizon in said.horizons:
        lines += [horizon.headline, f"  {horizon.now} {horizon.ordinary}"]
    causes = {row.cause: row.label for horizon in said.horizons for row in horizon.rows}
    texts = {(row.cause, horizon.horizon): row.text for horizon in said.horizons for row in horizon.rows}
    header = ("what moved the range", *(count(horizon.horizon, "session") for horizon in said.horizons))
    rows = [
        (label, *(texts.get((cause, horizon.horizon), "no effect") for horizon in said.horizons))
        for cause, label in causes.items()
    ]
    lines += ["", table(header, rows, left=1), "", said.note, said.not_read, ""]
    for horizon in said.horizons:
        lines += [f"{horizon.title}: {horizon.median}", *(f"  {one}" for one in horizon.otherwise)]
    lines += ["", said.neighbours_heading]
    lines += [f"  {near.ticker}: {near.text}" for near in said.neighbours]
    return "\n".join(lines)
