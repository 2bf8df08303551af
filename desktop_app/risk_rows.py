"""What may be lost, as rows of words for the window and the command line; read from stored findings alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desktop_app.store import load_holdings
from desktop_app.words import count, day, money, percent
from fusion_model.risk_findings import (
    RiskComponent,
    RiskEpisode,
    RiskFactor,
    RiskReport,
    RiskTest,
    TailSession,
    UnseenInput,
)
from fusion_model.store_risk import last_portfolio, last_risk_session, load_risk, load_risk_tests
from resources.language import tr

FACTOR_WORDS = {  # of each factor its name, and what one unit of it is
    "SPY": (tr("the S&P 500 (SPY)"), tr("per 1 %")),
    "market": (tr("the mean stock of the record"), tr("per 1 %")),
    "DGS2": (tr("the two-year rate"), tr("per percentage point")),
    "DGS10": (tr("the ten-year rate"), tr("per percentage point")),
    "T10Y2Y": (tr("ten-year less two-year rate"), tr("per percentage point")),
    "FEDFUNDS": (tr("the Fed's rate"), tr("per percentage point")),
    "BAMLH0A0HYM2": (tr("the spread of junk bonds"), tr("per percentage point")),
    "VIXCLS": (tr("the VIX"), tr("per point")),
}
MARKETS = ("SPY", "market")
SURE = 2.0  # standard errors from which a beta is called more than chance
KIND_ORDER = ("episode", "worst_week", "deepest_drawdown")
PASSED = 0.05  # a p-value above this passes


@dataclass(frozen=True, slots=True)
class RiskFound:
    """The stored findings on one subject at one session, as they stand in the database."""

    subject: str
    session: str
    reports: tuple[RiskReport, ...]
    components: tuple[RiskComponent, ...]
    tail_sessions: tuple[TailSession, ...]
    factors: tuple[RiskFactor, ...]
    episodes: tuple[RiskEpisode, ...]
    unseen: tuple[UnseenInput, ...]

    @property
    def is_portfolio(self) -> bool:
        """Whether the subject is holdings rather than a ticker."""
        return self.subject.startswith("portfolio-")


@dataclass(frozen=True, slots=True)
class RiskView:
    """A subject's risk in words: headers and cells of each table, ready to show.

    ``parts`` and ``tail`` are by horizon. ``stale`` is empty, or says that the holdings have changed since.
    """

    subject: str
    title: str
    headline: str
    stale: str
    losses: tuple[tuple[str, ...], ...]
    parts: Mapping[int, tuple[tuple[str, ...], ...]]
    tail: Mapping[int, str]
    factors: tuple[tuple[str, ...], ...]
    past: tuple[tuple[str, ...], ...]
    unseen: tuple[str, ...]
    tests: str


LOSS_HEADER = (
    tr("until"),
    tr("volatility"),
    tr("1 in 20"),
    tr("mean then"),
    tr("1 in 100"),
    tr("mean then"),
    tr("1 in 1,000"),
    tr("fall, 1 in 20"),
)
LOSS_NOTE = tr(
    "Losses that 1 in 20, 100 or 1,000 cases exceed, and what these cases cost on average; last, how far "
    "1 in 20 paths fall below a peak on the way."
)
PART_HEADER = (
    tr("holding"),
    tr("weight"),
    tr("of volatility"),
    tr("of the worst 5 %"),
    tr("of the worst 1 %"),
    tr("in the worst 1 % it does"),
)
FACTOR_HEADER = (tr("moves with"), tr("by"), tr("unit"), tr("standard error"), tr("more than chance"))
TEST_HEADER = (
    tr("model"),
    tr("what"),
    tr("ahead"),
    tr("share"),
    tr("came"),
    tr("Kupiec"),
    tr("apart"),
    tr("both"),
    tr("deep (Z1)"),
    tr("deep and often (Z2)"),
)
PAST_HEADER = (tr("what was"), tr("from"), tr("to"), tr("change"), tr("deepest fall"), tr("weight held then"))


def load_risk_found(
    db: sqlite3.Connection, subject: str | None = None, as_of: str | None = None
) -> RiskFound | None:
    """Return the newest findings on a ticker or on holdings (default: the newest holdings), or None."""
    through = as_of or "9999"
    if subject is None:
        newest = last_portfolio(db, through)
        if newest is None:
            return None
        subject, session = newest
    else:
        found = last_risk_session(db, subject, through)
        if found is None:
            return None
        session = found
    of = [subject]
    components = load_risk(db, RiskComponent, session, of)
    named = sorted({one.ticker for one in components}) or of
    return RiskFound(
        subject=subject,
        session=session,
        reports=tuple(sorted(load_risk(db, RiskReport, session, of), key=lambda row: row.horizon)),
        components=tuple(components),
        tail_sessions=tuple(load_risk(db, TailSession, session, of)),
        factors=tuple(load_risk(db, RiskFactor, session, of)),
        episodes=tuple(load_risk(db, RiskEpisode, session, of)),
        unseen=tuple(load_risk(db, UnseenInput, session, ["", *named])),
    )


def load_risk_view(
    db: sqlite3.Connection, subject: str | None = None, as_of: str | None = None
) -> RiskView | None:
    """Return the same in words, or None."""
    found = load_risk_found(db, subject, as_of)
    if found is None:
        return None
    run, tests = load_risk_tests(db)
    return in_words(found, [holding.ticker for holding in load_holdings(db)], run, tests)


def in_words(
    found: RiskFound, held: Sequence[str] = (), run: str = "", tests: Sequence[RiskTest] = ()
) -> RiskView:
    """Put findings into words; ``held`` are the tickers that the person holds now."""
    named = sorted({one.ticker for one in found.components})
    horizons = sorted({report.horizon for report in found.reports})
    return RiskView(
        subject=found.subject,
        title=tr("{count} as of {session}", count=count(len(named), "holding"), session=day(found.session))
        if found.is_portfolio
        else tr("{subject} as of {session}", subject=found.subject, session=day(found.session)),
        headline=_headline(found),
        stale=_stale(found, named, held),
        losses=tuple(_loss_cells(report) for report in found.reports),
        parts={
            horizon: tuple(
                _part_cells(one, whole)
                for one in sorted(
                    (one for one in found.components if one.horizon == horizon),
                    key=lambda one: (-one.es_99_part, one.ticker),
                )
            )
            for horizon in horizons
            for whole in [report for report in found.reports if report.horizon == horizon]
            if found.components
        },
        tail={horizon: _tail_sentence(found, horizon) for horizon in horizons if found.tail_sessions},
        factors=tuple(_factor_cells(factor) for factor in found.factors),
        past=tuple(
            _past_cells(episode)
            for episode in sorted(
                found.episodes,
                key=lambda one: (
                    KIND_ORDER.index(one.kind),
                    one.first_session if one.kind == "episode" else one.name,
                ),
            )
        ),
        unseen=tuple(one.sentence for one in found.unseen),
        tests=verdict_in_words(run, tests),
    )


def _headline(found: RiskFound) -> str:
    """Say the loss of a week in one sentence, in USD where the wealth is known."""
    if not found.reports:
        return ""
    report = min(found.reports, key=lambda one: abs(one.horizon - 5))
    span = (
        tr("the next session")
        if report.horizon == 1
        else tr("the next {horizon} sessions", horizon=report.horizon)
    )

    def loss(share: float) -> str:
        amount = f" ({money(share * report.value)})" if report.value else ""
        return f"{percent(share)}{amount}"

    return tr(
        "In one of 20 cases {span} cost more than {loss}, and then {mean} on "
        "average; in one of 100 more than {loss_100}.",
        span=span,
        loss=loss(report.var_95),
        mean=loss(report.es_95),
        loss_100=loss(report.var_99),
    )


def _stale(found: RiskFound, named: Sequence[str], held: Sequence[str]) -> str:
    if not found.is_portfolio or not held or sorted(held) == list(named):
        return ""
    return tr("What you hold has changed since; `barograph risk` finds the risk of it anew.")


def _loss_cells(report: RiskReport) -> tuple[str, ...]:
    span = count(report.horizon, "session")
    fall = "" if report.drawdown_95 is None else percent(report.drawdown_95)
    return (
        f"{day(report.target_session, year=False)} ({span})",
        *(
            percent(figure)
            for figure in (
                report.volatility, report.var_95, report.es_95, report.var_99, report.es_99, report.var_999,
            )
        ),
        fall,
    )  # fmt: skip


def _part_cells(one: RiskComponent, whole: RiskReport) -> tuple[str, ...]:
    def share(part: float, of: float) -> str:
        return percent(part / of) if of > 0 else ""

    return (
        one.ticker,
        percent(one.weight),
        share(one.volatility_part, whole.volatility),
        share(one.es_95_part, whole.es_95),
        share(one.es_99_part, whole.es_99),
        percent(one.tail_return, signed=True),
    )


def _tail_sentence(found: RiskFound, horizon: int) -> str:
    """Name the past that the worst scenarios repeat."""
    own = [one for one in found.tail_sessions if one.horizon == horizon]
    spans = [
        f"{day(one.last_session)} ({percent(one.change, signed=True)})"
        if one.horizon == 1
        else tr(
            "{first_session} to {last_session} ({change})",
            first_session=day(one.first_session),
            last_session=day(one.last_session),
            change=percent(one.change, signed=True),
        )
        for one in sorted(own, key=lambda one: one.change)
    ]
    return (
        tr("The worst 1 % of scenarios go together as stocks did on {spans}.", spans="; ".join(spans))
        if spans
        else ""
    )


def _factor_cells(factor: RiskFactor) -> tuple[str, ...]:
    name, unit = FACTOR_WORDS.get(factor.factor, (factor.factor, tr("per percentage point")))
    if factor.factor in MARKETS:
        by, error = f"{factor.beta:+.2f} %", f"{factor.standard_error:.2f} %"
    else:
        by, error = percent(factor.beta, 2, signed=True), percent(factor.standard_error, 2)
    sure = tr("yes") if abs(factor.beta) > SURE * factor.standard_error else tr("no")
    return name, by, unit, error, sure


def _past_cells(episode: RiskEpisode) -> tuple[str, ...]:
    what = {
        "episode": episode.name,
        "worst_week": tr("worst week {name}", name=episode.name),
        "deepest_drawdown": tr("deepest fall below a peak"),
    }[episode.kind]
    return (
        what,
        day(episode.first_session),
        day(episode.last_session),
        percent(episode.change, signed=True),
        percent(episode.drawdown),
        percent(episode.covered, 0),
    )


def tested_rows(tests: Sequence[RiskTest]) -> list[tuple[str, ...]]:
    """Return a row per model, horizon and share: stocks together, and each portfolio."""
    told = []
    keys = dict.fromkeys((one.horizon, one.share, one.model) for one in tests)
    for horizon, share, model in sorted(keys, key=lambda key: (key[0], -key[1])):
        of = [one for one in tests if (one.horizon, one.share, one.model) == (horizon, share, model)]
        stocks = [one for one in of if not one.subject.startswith("portfolio")]
        if stocks:
            told.append(
                (
                    model,
                    count(len(stocks), "stock"),
                    f"{horizon}",
                    percent(share, 0),
                    percent(sum(one.exceptions for one in stocks) / sum(one.sessions for one in stocks), 2),
                    *(
                        percent(sum(p > PASSED for p in ps) / len(ps), 0) if ps else ""
                        for ps in (
                            [one.kupiec_p for one in stocks],
                            [one.independence_p for one in stocks],
                            [one.conditional_p for one in stocks],
                            [one.z1_p for one in stocks if one.z1_p is not None],
                            [one.z2_p for one in stocks],
                        )
                    ),
                )
            )
        told += [_test_cells(one) for one in of if one.subject.startswith("portfolio")]
    return told


def _test_cells(one: RiskTest) -> tuple[str, ...]:
    ps = (one.kupiec_p, one.independence_p, one.conditional_p, one.z1_p, one.z2_p)
    return (
        one.model,
        one.subject,
        f"{one.horizon}",
        percent(one.share, 0),
        percent(one.exceptions / one.sessions, 2),
        *("" if p is None else f"p {p:.3f}" for p in ps),
    )


def verdict_in_words(run: str, tests: Sequence[RiskTest]) -> str:
    """Return how a backtest of the model's own value at risk ended; empty without one."""
    own = [one for one in tests if one.model == "fusion" and one.horizon == 1]
    stocks = [one for one in own if not one.subject.startswith("portfolio")]
    parts = []
    for share in sorted({one.share for one in stocks}, reverse=True):
        of = [one for one in stocks if one.share == share]
        passed = sum(one.kupiec_p > PASSED for one in of)
        depth = sum(one.z2_p > PASSED for one in of)
        came = sum(one.exceptions for one in of) / sum(one.sessions for one in of)
        parts.append(
            tr(
                "losses beyond the {share} mark came in {came} of cases; {passed} of "
                "{of} stocks pass Kupiec's test, {depth} Acerbi and Szekely's",
                share=percent(share, 0),
                came=percent(came, 2),
                passed=passed,
                of=len(of),
                depth=depth,
            )
        )
    if not parts:
        return ""
    first, last = min(one.first_session for one in own), max(one.last_session for one in own)
    return tr(
        "Tested one session ahead, {first} to {last} ({run}): {parts}.",
        first=day(first),
        last=day(last),
        run=run,
        parts=". ".join(parts),
    )


@dataclass(frozen=True, slots=True)
class RiskPageRows:
    """What the page of risk shows: of the newest holdings and of one ticker, each where there is any."""

    portfolio: RiskView | None
    ticker: str
    stock: RiskView | None


def load_risk_page(db: sqlite3.Connection, ticker: str) -> RiskPageRows:
    """Read both; the holdings' as of their newest close."""
    return RiskPageRows(
        portfolio=load_risk_view(db), ticker=ticker, stock=load_risk_view(db, ticker) if ticker else None
    )
