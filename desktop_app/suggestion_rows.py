"""Suggested portfolios beside what is held, as plain rows for the window, the command line and CSV."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from desktop_app.portfolio_rows import HoldingRow, load_holding_rows, worth_in_words
from desktop_app.words import day, money, percent
from fusion_model.portfolio_findings import (
    EQUAL_WEIGHT,
    METHOD_NAMES,
    TRADING,
    FrontierPoint,
    PortfolioFindings,
    PortfolioRun,
    PortfolioSuggestion,
    SuggestedWeight,
    WalkScore,
)
from fusion_model.store import last_forecast_session
from fusion_model.store_portfolio import load_portfolio
from resources.language import tr

METHOD_HEADER = (
    tr("method"),
    tr("worst 1 in 20"),
    tr("volatility"),
    tr("names"),
    tr("exchanged"),
    tr("costs"),
    tr("moves by"),
    tr("beat 1/N"),
)
WEIGHT_HEADER = (tr("ticker"), tr("now"), tr("suggested"), tr("change"), tr("between"))
WALK_HEADER = (
    tr("strategy"),
    tr("a year"),
    tr("volatility"),
    tr("Sharpe"),
    tr("less 1/N"),
    tr("deflated"),
    tr("fall"),
    tr("worst days"),
    tr("traded"),
)
FRONTIER_HEADER = (tr("exchanged"), tr("worst 1 in 20"), tr("volatility"), tr("names"))
METHOD_NOTE = tr(
    "Worst 1 in 20 (CVaR): the mean loss of the worst twentieth of scenarios over the horizon. Names: so "
    "many equal weights would be as well spread. Moves by: how far the suggestion would move with other "
    "draws of the scenarios and volatilities a tenth off. Beat 1/N (the same weight in each): in the past, "
    "beyond doubt, after costs."
)
WALK_NOTE = tr(
    "Sharpe: return a year over volatility. Less 1/N: 95 % of the difference of Sharpe ratios. Deflated: the "
    "probability that the Sharpe ratio is above what the best of as many worthless trials would show. Fall: "
    "the deepest. Worst days: mean loss of the worst twentieth of days. Traded: exchanged a year."
)
MEAN_NOTE = tr(
    "Expected returns are taken as equal, since no forecast of direction has shown skill: what differs "
    "between portfolios is risk, and what getting there costs."
)


@dataclass(frozen=True, slots=True)
class MethodView:
    """One method's suggestion, in words and cells."""

    method: str
    name: str
    sentence: str
    weights: tuple[SuggestedWeight, ...]
    cells: tuple[tuple[str, ...], ...]  # as WEIGHT_HEADER


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """A run of suggestions, ready to show. ``stale``: empty, or that newer forecasts exist."""

    findings: PortfolioFindings
    found_at: str
    title: str
    limits: str
    stale: str
    methods: tuple[MethodView, ...]
    method_cells: tuple[tuple[str, ...], ...]  # as METHOD_HEADER
    walk_title: str
    walk_cells: tuple[tuple[str, ...], ...]  # as WALK_HEADER
    frontier_cells: tuple[tuple[str, ...], ...]  # as FRONTIER_HEADER

    def of(self, method: str) -> MethodView | None:
        """Return a method's suggestion, None where the run has none."""
        return next((view for view in self.methods if view.method == method), None)


@dataclass(frozen=True, slots=True)
class PortfolioPageRows:
    """All that the page shows: holdings, what they are worth, and the newest suggestions."""

    holdings: tuple[HoldingRow, ...]
    worth: str
    view: PortfolioView | None


def load_portfolio_page(db: sqlite3.Connection) -> PortfolioPageRows:
    """Return what is held, and the newest suggestions beside it."""
    holdings = load_holding_rows(db)
    return PortfolioPageRows(tuple(holdings), worth_in_words(holdings), load_portfolio_view(db))


def load_portfolio_view(db: sqlite3.Connection, session: str | None = None) -> PortfolioView | None:
    """Return the newest run of suggestions, of a session or at all; None without one."""
    stored = load_portfolio(db, session)
    if stored is None:
        return None
    found, found_at = stored
    newest = last_forecast_session(db) or ""
    stale = ""
    if session is None and newest > found.run.as_of_session:
        stale = tr(
            "Forecasts of {newest} are newer than these suggestions: suggest again.", newest=day(newest)
        )
    return in_words(found, found_at, stale)


def in_words(found: PortfolioFindings, found_at: str, stale: str = "") -> PortfolioView:
    """Return a run as a person reads it."""
    run = found.run
    start = tr("from cash")
    if any(row.current > 0 for row in found.weights):
        start = tr("from holdings worth {worth}", worth=money(run.value))
    until = tr(
        "for {horizon} sessions until {target_session}",
        horizon=run.horizon,
        target_session=day(run.target_session),
    )
    return PortfolioView(
        findings=found,
        found_at=found_at,
        title=tr(
            "As of {as_of_session}, {until}, {start}",
            as_of_session=day(run.as_of_session),
            until=until,
            start=start,
        ),
        limits=_limits(run),
        stale=stale,
        methods=tuple(_method(suggestion, found.weights) for suggestion in found.suggestions),
        method_cells=tuple(_method_cells(suggestion) for suggestion in found.suggestions),
        walk_title=_walk_title(found),
        walk_cells=tuple(_walk_cells(score) for score in found.walk),
        frontier_cells=tuple(_frontier_cells(point) for point in found.frontier if point.kind == TRADING),
    )


def _limits(run: PortfolioRun) -> str:
    """Say which limits hold; one of the whole is none."""
    most = [
        f"{percent(limit, 0)} {of}"
        for limit, of in (
            (run.max_weight, tr("of one ticker")), (run.max_sector, tr("of one sector")),
            (run.max_turnover, "exchanged"),
        )
        if limit < 1.0
    ]  # fmt: skip
    within = tr("At most {most}. ", most=", ".join(most)) if most else ""
    return tr(
        "{within}Costs of {cost} bp (hundredths of a percent) a side; changes "
        "below {min_trade} are left undone. Nothing is sold short.",
        within=within,
        cost=f"{run.cost * 10000.0:g}",
        min_trade=percent(run.min_trade),
    )


def _method(suggestion: PortfolioSuggestion, weights: Sequence[SuggestedWeight]) -> MethodView:
    mine = sorted((row for row in weights if row.method == suggestion.method), key=lambda row: -row.weight)
    shown = [row for row in mine if row.weight > 0 or row.current > 0]
    return MethodView(
        method=suggestion.method,
        name=tr(METHOD_NAMES[suggestion.method]),
        sentence=suggestion.sentence,
        weights=tuple(mine),
        cells=tuple(
            (
                row.ticker,
                percent(row.current),
                percent(row.weight),
                percent(row.weight - row.current, signed=True),
                f"{percent(row.low)} – {percent(row.high)}",
            )
            for row in shown
        ),
    )


def _method_cells(suggestion: PortfolioSuggestion) -> tuple[str, ...]:
    beats = {None: tr("not seen"), True: tr("yes"), False: tr("no")}[suggestion.beats_equal_weight]
    return (
        tr(METHOD_NAMES[suggestion.method]),
        percent(suggestion.cvar),
        percent(suggestion.volatility),
        f"{suggestion.names:.1f}",
        percent(suggestion.turnover, 0),
        percent(suggestion.cost, 2),
        percent(suggestion.moved),
        "–" if suggestion.method == EQUAL_WEIGHT else beats,
    )


def _walk_title(found: PortfolioFindings) -> str:
    run = found.run
    if not found.walk:
        return tr("The past was not walked: {walk_note}.", walk_note=run.walk_note)
    title = tr(
        "Walked from {walk_first} to {walk_last}, {walk_decisions} decisions, each "
        "traded at the next close, after {cost} bp a side. These stocks are those that are "
        "left today: all figures are flattered by that, 1/N as well.",
        walk_first=day(run.walk_first),
        walk_last=day(run.walk_last),
        walk_decisions=run.walk_decisions,
        cost=f"{run.cost * 10000.0:g}",
    )
    if run.overfitting is not None:
        title += tr(
            " Of all ways to split that time in two, the best of one half was among the worse in the "
            "other in {overfitting}.",
            overfitting=percent(run.overfitting, 0),
        )
    return title


def _walk_cells(score: WalkScore) -> tuple[str, ...]:
    apart = "–"
    if math.isfinite(score.sharpe_low):
        apart = tr("{low} to {high}", low=_signed(score.sharpe_low), high=_signed(score.sharpe_high))
    return (
        tr(METHOD_NAMES[score.strategy]),
        percent(score.yearly_return, signed=True),
        percent(score.volatility),
        f"{score.sharpe:.2f}",
        apart,
        percent(score.deflated_sharpe, 0),
        percent(score.drawdown, 0),
        percent(score.cvar),
        percent(score.turnover, 0),
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _frontier_cells(point: FrontierPoint) -> tuple[str, ...]:
    return (
        percent(point.turnover, 0),
        percent(point.cvar),
        percent(point.volatility),
        f"{point.names:.1f}",
    )
