"""The long scorecard as text: a table for each question, under a line that says how to read it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion_model.evaluation.scorecard_detail import (
    CRASH_VOLATILITY,
    REGIME_SESSIONS,
    Detail,
    ShapeRow,
    SpanRow,
    TailRow,
    TickerRow,
)

WORDS = ("model", "against", "span")  # columns that stand to the left
SHAPE_HEADER = (
    "ahead",
    "model",
    "CRPS %",
    "QLIKE",
    "rank IC",
    "95 % interval",
    "its median",
    "95 % interval",
)
PIT_HEADER = ("ahead", "model", *(f"{tenth}-{tenth + 10}" for tenth in range(0, 100, 10)))
TAIL_HEADER = ("level", "model", "beyond %", "tickers", "Kupiec", "independence", "both")
TICKER_HEADER = ("ahead", "against", "tickers", "lower loss", "surely better", "surely worse")
SPAN_HEADER = (
    *("ahead", "span", "model", "forecasts", "sessions", "pinball %", "skill %", "DM t"),
    *("50 %", "80 %", "90 %", "95 %"),
)


def detail_text(detail: Detail) -> str:
    """Return the tables of the long scorecard; one without rows is left out, with its line."""
    tables = (
        (
            "Shape and ranking: CRPS in %, QLIKE of the implied deviation, rank IC of mean forecasts",
            _lines(SHAPE_HEADER, [_shape_cells(row) for row in detail.shapes]),
        ),
        (
            "Outcomes in each tenth of the distribution, % (10 each when calibrated)",
            _lines(PIT_HEADER, [_pit_cells(row) for row in detail.shapes]),
        ),
        (
            "Losses beyond a quantile, one session ahead: share of forecasts, and share of tickers that pass "
            "at 5 % (a perfect model: 95 %)",
            _lines(TAIL_HEADER, [_tail_cells(row) for row in detail.tails]),
        ),
        (
            "Single tickers: Diebold-Mariano, at most 5 % of the sure ones by chance (Benjamini-Hochberg)",
            _lines(TICKER_HEADER, [_ticker_cells(row) for row in detail.tickers]),
        ),
        ("By calendar year", _lines(SPAN_HEADER, [_span_cells(row) for row in detail.years])),
        (
            f"By regime: crash where the equal-weighted market's volatility over the {REGIME_SESSIONS} "
            f"sessions before was {CRASH_VOLATILITY:.0%} a year or more, else calm",
            _lines(SPAN_HEADER, [_span_cells(row) for row in detail.regimes]),
        ),
    )
    return "\n\n".join(f"{title}\n{lines}" for title, lines in tables if lines)


def _shape_cells(row: ShapeRow) -> tuple[str, ...]:
    return (
        str(row.horizon),
        row.model,
        f"{row.crps:.5f}",
        _figure(row.qlike, ".4f"),
        _figure(row.rank_ic),
        _between(row.rank_ic_low, row.rank_ic_high),
        _figure(row.rank_ic_median),
        _between(row.rank_ic_median_low, row.rank_ic_median_high),
    )


def _pit_cells(row: ShapeRow) -> tuple[str, ...]:
    return str(row.horizon), row.model, *(_share(share) for share in row.pit)


def _tail_cells(row: TailRow) -> tuple[str, ...]:
    passes = (row.kupiec_pass, row.independence_pass, row.conditional_pass)
    beyond = f"{100 * row.exceptions:.2f}"
    return f"{row.level:.0%}", row.model, beyond, str(row.tickers), *(_share(share) for share in passes)


def _ticker_cells(row: TickerRow) -> tuple[str, ...]:
    counts = (row.tickers, row.lower_loss, row.better, row.worse)
    return str(row.horizon), row.baseline, *(str(count) for count in counts)


def _span_cells(row: SpanRow) -> tuple[str, ...]:
    held = (row.coverage_50, row.coverage_80, row.coverage_90, row.coverage_95)
    return (
        str(row.horizon),
        row.span,
        row.model,
        f"{row.forecasts:,}",
        f"{row.sessions:,}",
        f"{row.pinball:.5f}",
        "-" if row.skill == 0 else _figure(100 * row.skill, "+.2f"),
        _figure(row.dm_t, "+.1f"),
        *(_share(share) for share in held),
    )


def _figure(value: float, form: str = "+.4f") -> str:
    return "-" if np.isnan(value) else format(value, form)


def _share(value: float) -> str:
    return _figure(100 * value, ".1f")


def _between(low: float, high: float) -> str:
    return "-" if np.isnan(low) else f"{low:+.4f} to {high:+.4f}"


def _lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out columns, words to the left and figures to the right; nothing without rows."""
    if not rows:
        return ""
    laid = [header, *rows]
    widths = [max(len(line[i]) for line in laid) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in WORDS else cell.rjust(width)
            for name, cell, width in zip(header, line, widths, strict=True)
        ).rstrip()
        for line in laid
    )
