"""Why a forecast is what it is, from stored reasons: sentences, bars and neighbours as plain rows.

The window and the command line show these rows; nothing is computed by a model here.
"""

from __future__ import annotations

import math
import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from collectors.store import load_actions, load_bars
from desktop_app.export import total_wealth
from desktop_app.track_record import track_record
from desktop_app.words import count, day, horizon_title, money, money_range, percent, weekday
from fusion_model.findings import QUANTILE_LEVELS, Attribution, Counterfactual, ExpectedReport, Forecast
from fusion_model.store import load_expected_report, load_forecasts
from fusion_model.store import load_scores as load_scorecard
from fusion_model.store_reasons import Reasons, load_reasons
from resources.language import tr

LATEST = "9999"  # an instant after every other
CAUSES = {  # in the order they are told, with the noun that a sentence uses
    "price": (tr("Its own moves"), tr("its own moves")),
    "volume": (tr("Trading volume"), tr("trading volume")),
    "indicators": (tr("Chart indicators"), tr("chart indicators")),
    "market": (tr("The whole market"), tr("the whole market")),
    "earnings": (tr("Earnings calendar"), tr("the earnings calendar")),
    "posts": (tr("Posts"), tr("posts")),
    "macro": (tr("Macro figures"), tr("macro figures")),
    "related": (tr("Related stocks"), tr("related stocks")),
    "calibration": (tr("Past misses and shape"), tr("past misses")),
}
PARTS = {
    "anchor": tr("recent volatility"),
    "networks": tr("the networks"),
    "trees": tr("boosted trees"),
    "gjr_garch": tr("GJR-GARCH"),
    "own_shape": tr("the stock's own shape"),
    "recent_misses": tr("recent misses"),
}
OPTIONAL = {"posts": tr("posts"), "macro": tr("macro figures"), "related": tr("related stocks")}
AS_WIDE = 0.02  # of the width: less is called about as wide
WORTH_TELLING = 0.015  # of the width: a cause that moves less is not named in a sentence
MOVE_DAYS = 30  # calendar days in which the bar before a session is looked for
CLOSE_TIE, LOOSE_TIE = 0.4, 0.2  # correlations of returns less the market's
LOW, MEDIAN, HIGH = (QUANTILE_LEVELS.index(level) for level in (0.05, 0.5, 0.95))
HOW_IT_IS_READ = tr(
    "Compared with an ordinary day of the stock: its own averages of the last 1,000 sessions, no report "
    "ahead. Effects multiply, and together they are the whole difference (Shapley values)."
)


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One bar: ``effect`` is how much wider the range is for a cause, as a fraction; ``reach`` -1 to 1.

    ``reach`` is the bar's length and side against the longest of the page.
    """

    cause: str
    label: str
    effect: float
    text: str
    detail: str
    reach: float


@dataclass(frozen=True, slots=True)
class HorizonReasons:
    """One horizon: a sentence, a bar per cause, what the median is, and what the model says otherwise."""

    horizon: int
    title: str
    headline: str
    now: str
    ordinary: str
    rows: tuple[CauseRow, ...]
    median: str
    otherwise: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """A related stock: ``strength`` 0 to 1 is the bar, ``text`` why it counts as related."""

    ticker: str
    strength: float
    text: str


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that is known on why one ticker's forecasts are what they are."""

    ticker: str
    as_of_session: str
    as_of: str
    model_version: str
    horizons: tuple[HorizonReasons, ...]
    not_read: str
    neighbours_heading: str
    neighbours: tuple[NeighbourRow, ...]
    note: str = HOW_IT_IS_READ


def load_why(db: sqlite3.Connection, ticker: str, session: str | None = None) -> Why | None:
    """Return the reasons of a ticker's forecasts at a close (default: the newest with any), or None.

    None also where they belong to another model's forecasts than the ones that are shown.
    """
    reasons = load_reasons(db, ticker, session)
    if reasons is None:
        return None
    forecasts = load_forecasts(db, reasons.as_of_session, tickers=[ticker])
    if not forecasts or forecasts[0].model_version != reasons.model_version:
        return None
    return why(
        reasons,
        forecasts,
        report=load_expected_report(db, ticker, reasons.as_of_session),
        move=_move(db, ticker, reasons.as_of_session),
        shares=_later_splits(db, ticker, reasons.as_of_session),
        skilled=track_record(load_scorecard(db)).skilled,
    )


def why(
    reasons: Reasons,
    forecasts: Sequence[Forecast],
    *,
    report: ExpectedReport | None = None,
    move: float = math.nan,
    shares: float = 1.0,
    skilled: Collection[int] = (),
) -> Why:
    """Say stored reasons in words.

    Parameters
    ----------
    move : float
        Log total return of the session that the forecasts were made at; NaN where there is none.
    shares : float
        How many of today's shares one share of that session became: prices are per today's share.
    skilled : collection of int
        Horizons at which direction was foreseen better than by chance.
    """
    explained = {row.horizon for row in reasons.attributions}
    told = sorted((one for one in forecasts if one.horizon in explained), key=lambda one: one.horizon)
    longest = max(
        (abs(total) for forecast in told for total in _totals(reasons, forecast.horizon).values()),
        default=0.0,
    )
    return Why(
        ticker=reasons.ticker,
        as_of_session=reasons.as_of_session,
        as_of=tr(
            "As of the close of {weekday} {as_of_session}",
            weekday=weekday(reasons.as_of_session),
            as_of_session=day(reasons.as_of_session),
        ),
        model_version=reasons.model_version,
        horizons=tuple(
            _horizon(reasons, forecast, report, move, shares, longest, forecast.horizon in skilled)
            for forecast in told
        ),
        not_read=_not_read(reasons),
        neighbours_heading=_neighbours_heading(reasons),
        neighbours=tuple(_neighbours(reasons)),
    )


def effect_in_words(effect: float) -> str:
    """Return how much wider a range is: ``adds 60 %``, ``takes 11 %``, ``no effect``."""
    if abs(effect) < 0.005:
        return tr("no effect")
    size = percent(abs(effect), 0)
    return tr("adds {size}", size=size) if effect > 0 else tr("takes {size}", size=size)


def _horizon(
    reasons: Reasons,
    forecast: Forecast,
    report: ExpectedReport | None,
    move: float,
    shares: float,
    longest: float,
    skilled: bool,
) -> HorizonReasons:
    totals = _totals(reasons, forecast.horizon)
    expected = report is not None and 0 < report.sessions_ahead <= forecast.horizon
    close = forecast.last_close / shares
    low, high = forecast.quantiles[LOW], forecast.quantiles[HIGH]
    usual = math.exp(-sum(totals.values()))
    return HorizonReasons(
        horizon=forecast.horizon,
        title=horizon_title(forecast.horizon),
        headline=_headline(reasons.ticker, forecast.horizon, totals, report if expected else None),
        now=tr("Nine in ten outcomes: {prices}.", prices=_prices(close, low, high)),
        ordinary=tr(
            "On an ordinary day, from this price: {prices}.", prices=_prices(close, low * usual, high * usual)
        ),
        rows=tuple(
            CauseRow(
                cause=cause,
                label=_label(cause, report if expected else None),
                effect=math.expm1(total),
                text=effect_in_words(math.expm1(total)),
                detail=_detail(reasons, forecast.horizon, cause),
                reach=total / longest if longest else 0.0,
            )
            for cause, total in totals.items()
        ),
        median=_median(reasons, forecast, close, totals, skilled),
        otherwise=tuple(
            _otherwise(one, forecast, close, report, move)
            for one in reasons.counterfactuals
            if one.horizon == forecast.horizon
        ),
    )


def _totals(reasons: Reasons, horizon: int) -> Mapping[str, float]:
    """Return what each cause adds to the log of the width, over all parts, in the order of CAUSES."""
    totals: dict[str, float] = {}
    for row in _rows(reasons, horizon, "width"):
        if row.cause != "usual":
            totals[row.cause] = totals.get(row.cause, 0.0) + row.contribution
    order = list(CAUSES)
    return dict(sorted(totals.items(), key=lambda item: order.index(item[0])))


def _rows(reasons: Reasons, horizon: int, target: str) -> list[Attribution]:
    return [row for row in reasons.attributions if row.horizon == horizon and row.target == target]


def _label(cause: str, report: ExpectedReport | None) -> str:
    if cause == "earnings" and report is not None:
        return tr("Report {expected_on}", expected_on=_expected_on(report))
    return CAUSES[cause][0]


def _expected_on(report: ExpectedReport) -> str:
    when = {"weekday": weekday(report.report_on), "report_on": day(report.report_on, year=False)}
    if report.certainty == "announced":
        return tr("expected on {weekday} {report_on}", **when)
    return tr("expected around {weekday} {report_on}", **when)


def _headline(ticker: str, horizon: int, totals: Mapping[str, float], report: ExpectedReport | None) -> str:
    """Say how wide a range is against an ordinary day, and what makes it so."""
    total = sum(totals.values())
    over = tr("the next session") if horizon == 1 else count(horizon, "session")
    if abs(math.expm1(total)) < AS_WIDE:
        said, sign = tr("is about as wide as on an ordinary day of {ticker}", ticker=ticker), 0.0
    else:
        size = percent(abs(math.expm1(total)), 0)
        said = (
            tr("is {size} wider than on an ordinary day of {ticker}", size=size, ticker=ticker)
            if total > 0
            else tr("is {size} narrower than on an ordinary day of {ticker}", size=size, ticker=ticker)
        )
        sign = math.copysign(1.0, total)

    def named(side: float, most: int) -> list[str]:
        chosen = sorted((value * side, cause) for cause, value in totals.items())[::-1][:most]
        return [
            f"{_noun(cause, report)} ({effect_in_words(math.expm1(value * side))})"
            for value, cause in chosen
            if value > WORTH_TELLING
        ]

    first, against = named(sign or 1.0, 2), named(-(sign or 1.0), 1)
    sentence = tr("The range of {over} {said}", over=over, said=said)
    if sign == 0.0:
        apart = [*first[:1], *against]
        return (
            tr(
                "{sentence}; what pulls at it most: {apart}.",
                sentence=sentence,
                apart=tr(" and ").join(apart),
            )
            if apart
            else f"{sentence}."
        )
    if first:
        sentence += tr(", mainly because of {first}", first=tr(" and ").join(first))
    if against:
        sentence += tr("; against it: {against}", against=against[0])
    return f"{sentence}."


def _noun(cause: str, report: ExpectedReport | None) -> str:
    if cause == "earnings" and report is not None:
        return tr("the report {expected_on}", expected_on=_expected_on(report))
    return CAUSES[cause][1]


def _detail(reasons: Reasons, horizon: int, cause: str) -> str:
    """Say through which parts a cause speaks, strongest first."""
    parts = [row for row in _rows(reasons, horizon, "width") if row.cause == cause]
    parts.sort(key=lambda row: (-abs(row.contribution), row.part))
    names = [PARTS.get(row.part, row.part.replace("_", " ")) for row in parts]
    effects = [percent(math.expm1(row.contribution), signed=True) for row in parts]
    return ", ".join(f"{name} {effect}" for name, effect in zip(names, effects, strict=True))


def _prices(close: float, low: float, high: float) -> str:
    return money_range(close * math.exp(low), close * math.exp(high))


def _median(
    reasons: Reasons, forecast: Forecast, close: float, totals: Mapping[str, float], skilled: bool
) -> str:
    """Say what the median's distance from no change is: past drift, unless a part forecasts a direction."""
    median = forecast.quantiles[MEDIAN]
    said = tr(
        "Half of the outcomes should end above {close} ({change}).",
        close=money(close * math.exp(median)),
        change=percent(math.expm1(median), 2, signed=True),
    )
    drift = sum(
        row.contribution for row in _rows(reasons, forecast.horizon, "median") if row.cause == "drift"
    )
    swing = sum(value for cause, value in totals.items() if cause != "calibration")
    if abs(median - drift * math.exp(swing)) > 1e-5:
        said += tr(" Part of that distance is a direction that the model reads out of the day.")
    else:
        said += tr(
            " That distance from no change is where the outcomes of all stocks lay before, times how far "
            "this one swings: no view on {ticker}.",
            ticker=reasons.ticker,
        )
    return said if skilled else tr("{said} The model has shown no skill in direction.", said=said)


def _otherwise(
    one: Counterfactual, forecast: Forecast, close: float, report: ExpectedReport | None, move: float
) -> str:
    """Say what the range would be where one thing had not happened, and how much wider or narrower."""
    size = "" if math.isnan(move) else f" ({percent(math.expm1(move), signed=True)})"
    on = f"{weekday(forecast.as_of_session)} {day(forecast.as_of_session, year=False)}"
    if one.change == "no_move":
        begin = tr("Had the move of {on}{size} not happened", on=on, size=size)
    elif one.change == "neutral_posts":
        begin = tr("With neutral posts")
    elif report is not None and report.reaction_session:
        begin = tr("Without the report {expected_on}", expected_on=_expected_on(report))
    else:
        begin = tr("Without an expected report")
    ratio = (one.q95 - one.q05) / (forecast.quantiles[HIGH] - forecast.quantiles[LOW]) - 1.0
    over = (
        tr("next session's") if forecast.horizon == 1 else tr("{horizon}-session", horizon=forecast.horizon)
    )
    said = tr(
        "{begin}, the {over} range would be {prices}",
        begin=begin,
        over=over,
        prices=_prices(close, one.q05, one.q95),
    )
    if abs(ratio) < 0.005:
        return tr("{said}: as wide as it is.", said=said)
    size = percent(abs(ratio), 0)
    if ratio > 0:
        return tr("{said}: {size} wider.", said=said, size=size)
    return tr("{said}: {size} narrower.", said=said, size=size)


def _not_read(reasons: Reasons) -> str:
    read = {row.cause for row in reasons.attributions}
    missing = [name for cause, name in OPTIONAL.items() if cause not in read]
    said = ""
    if missing:
        listed = (
            missing[0]
            if len(missing) == 1
            else tr("{missing} or {last}", missing=", ".join(missing[:-1]), last=missing[-1])
        )
        said = tr("The model does not read {listed}: they moved nothing.", listed=listed)
    if "earnings" not in read:
        said = tr("{said} No earnings calendar was stored: reports are left out.", said=said).strip()
    return said


def _neighbours_heading(reasons: Reasons) -> str:
    if not reasons.related:
        return tr("No stored stock moves with {ticker} beyond what the market does.", ticker=reasons.ticker)
    if any(near.attention is not None for near in reasons.related):
        return tr("Related stocks, and how strongly the model reads each")
    return tr("Stocks that move with it beyond the market; the model does not read them")


def _neighbours(reasons: Reasons) -> list[NeighbourRow]:
    rows = []
    for near in reasons.related:
        correlation = f"{near.correlation:.2f}"
        if near.correlation >= CLOSE_TIE:
            facts = [tr("close (correlation {correlation})", correlation=correlation)]
        elif near.correlation >= LOOSE_TIE:
            facts = [tr("loose (correlation {correlation})", correlation=correlation)]
        else:
            facts = [tr("faint (correlation {correlation})", correlation=correlation)]
        facts += [tr("same sector")] if near.same_sector else []
        facts += (
            [tr("{co_mention} of posts name both", co_mention=percent(near.co_mention, 0))]
            if near.co_mention >= 0.005
            else []
        )
        strength = max(near.correlation, 0.0) if near.attention is None else near.attention
        if near.attention is not None:
            facts.insert(0, tr("read with {attention}", attention=percent(near.attention, 0)))
        rows.append(NeighbourRow(near.neighbour, min(strength, 1.0), ", ".join(facts)))
    return rows


def _later_splits(db: sqlite3.Connection, ticker: str, session: str) -> float:
    actions = load_actions(db, LATEST, [ticker])
    return math.prod(
        ratio for _, on, kind, ratio in actions if kind == "split" and on > session and ratio > 0
    )


def _move(db: sqlite3.Connection, ticker: str, session: str) -> float:
    """Return the log total return of a session since the bar before, NaN without one."""
    since = (date.fromisoformat(session) - timedelta(days=MOVE_DAYS)).isoformat()
    bars = [(row[1], row[5]) for row in load_bars(db, LATEST, [ticker], since) if row[1] <= session][-2:]
    if len(bars) < 2 or bars[-1][0] != session:
        return math.nan
    actions = [row[1:] for row in load_actions(db, LATEST, [ticker])]
    between = [action for action in actions if bars[0][0] < action[0] <= session]
    return total_wealth(bars, between)[bisect_left([on for on, _ in bars], session)]
