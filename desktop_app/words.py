"""How numbers, days and forecasts are said to a person: plain sentences, with their honesty in them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from fusion_model.findings import QUANTILE_LEVELS, ExpectedReport
from resources.language import mark, tr, tr_many

MONTHS = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"),
    mark("Jul"), mark("Aug"), mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip
WEEKDAYS = (
    mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceForecast:
    """A stored forecast as prices in USD per today's share: ``prices`` stand at QUANTILE_LEVELS."""

    horizon: int
    as_of_session: str
    target_session: str
    last_close: float
    prices: tuple[float, ...]
    prob_up: float
    volatility: float
    model_version: str
    scorer: str

    def price_at(self, level: float) -> float:
        """Return the price at one of QUANTILE_LEVELS."""
        return self.prices[QUANTILE_LEVELS.index(level)]


@dataclass(frozen=True, slots=True)
class HorizonWords:
    """One horizon of a forecast, as the forecast panel shows it."""

    horizon: int
    title: str
    until: str
    median: str
    range_50: str
    range_90: str
    rise: str
    rise_means_something: bool


@dataclass(frozen=True, slots=True)
class ForecastWords:
    """A forecast in words: one sentence on top, a row per horizon, and what to know about it."""

    headline: str
    as_of: str
    stale: bool
    report: str
    rows: tuple[HorizonWords, ...]
    notes: tuple[str, ...]


def money(amount: float) -> str:
    """Return an amount of USD: cents below 1,000, whole dollars from there on."""
    return f"${amount:,.2f}" if abs(amount) < 1000 else f"${amount:,.0f}"


def money_range(low: float, high: float) -> str:
    """Return two amounts with the word between them."""
    return tr("{low} to {high}", low=money(low), high=money(high))


def percent(fraction: float, digits: int = 1, *, signed: bool = False) -> str:
    """Return a fraction as percent, with a true minus sign."""
    text = f"{abs(fraction) * 100:.{digits}f} %"
    if float(f"{fraction * 100:.{digits}f}") == 0:
        return text
    return f"−{text}" if fraction < 0 else f"+{text}" if signed else text


def month(on: str) -> str:
    """Return the short name of an ISO date's month."""
    return tr(MONTHS[int(on[5:7]) - 1])


def day(on: str, *, year: bool = True) -> str:
    """Return an ISO date or instant as ``20 Apr 2021``."""
    text = f"{int(on[8:10])} {month(on)}"
    return f"{text} {on[:4]}" if year else text


def moment(at: str) -> str:
    """Return an instant as ``17 Mar 2021, 20:00 UTC``; empty for none."""
    return tr("{day}, {time} UTC", day=day(at), time=at[11:16]) if at else ""


def weekday(on: str) -> str:
    """Return the short name of an ISO date's weekday."""
    return tr(WEEKDAYS[date.fromisoformat(on[:10]).weekday()])


def count(number: float, noun: str, plural: str = "") -> str:
    """Return ``1 post`` or ``1,204 posts``."""
    return f"{number:,.0f} {tr_many(noun, plural or noun + 's', number)}"


def short_count(number: float) -> str:
    """Return a large count as people write it on charts: 950, 12.3k, 4.1M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.1f}".removesuffix(".0") + letter
    return f"{number:.0f}"


def side_in_words(side: str) -> str:
    """Return which way an order goes: ``buy`` or ``sell``."""
    return tr("buy") if side == "buy" else tr("sell")


def horizon_title(horizon: int) -> str:
    """Return what a block on a horizon is headed with: ``Next session``, ``5 sessions ahead``."""
    return tr("Next session") if horizon == 1 else tr("{horizon} sessions ahead", horizon=horizon)


def odds(p_value: float) -> str:
    """Return how improbable a session was: ``1 in 4,000``."""
    if p_value <= 0:
        return tr("never seen before")
    times = 1 / p_value
    if times > 1e6:
        return tr("below 1 in a million")
    digits = 10 ** max(0, math.floor(math.log10(times)) - 1)
    return tr("1 in {times}", times=f"{round(times / digits) * digits:,.0f}")


def age(then: str, now: str) -> str:
    """Return how long ago an ISO date or instant was, in the unit a person would use."""
    days = (date.fromisoformat(now[:10]) - date.fromisoformat(then[:10])).days
    if days <= 0:
        return tr("today")
    if days < 60:
        return tr("yesterday") if days == 1 else tr("{days} days ago", days=days)
    return (
        tr("{days} months ago", days=days // 30) if days < 730 else tr("{days} years ago", days=days // 365)
    )


def forecast_in_words(
    ticker: str,
    forecasts: Sequence[PriceForecast],
    skilled: Collection[int] = (),
    last_session: str = "",
    report: str = "",
) -> ForecastWords | None:
    """Say a ticker's forecast and how far it may be trusted; None without a forecast.

    Parameters
    ----------
    forecasts : sequence of PriceForecast
        One per horizon, of one session.
    skilled : collection of int
        The horizons at which direction was foreseen better than by chance (see track_record).
    last_session : str
        The newest session with a price: a forecast older than it says so.
    report : str
        What is known of the next earnings report (see next_report); empty where nothing is.
    """
    if not forecasts:
        return None
    first = min(forecasts, key=lambda forecast: forecast.horizon)
    return ForecastWords(
        headline=(
            tr(
                "At the close of {weekday}, {session}, "
                "{ticker} should stand between {low} and "
                "{high}, nine times out of ten.",
                weekday=weekday(first.target_session),
                session=day(first.target_session, year=False),
                ticker=ticker,
                low=money(first.price_at(0.05)),
                high=money(first.price_at(0.95)),
            )
        ),
        as_of=_as_of(first, last_session),
        stale=last_session > first.as_of_session,
        report=report,
        rows=tuple(
            _horizon(forecast, skilled) for forecast in sorted(forecasts, key=lambda said: said.horizon)
        ),
        notes=_notes(first),
    )


def next_report(report: ExpectedReport | None) -> str:
    """Say when a company reports next, as its forecasts knew it; empty where no calendar was stored then."""
    if report is None:
        return ""
    if report.certainty == "unknown":
        return tr("When the next earnings report comes is not known: ranges leave it out.")
    if report.certainty == "expected":
        return tr(
            "The next earnings report is expected around {report_on} (a quarter after the last "
            "one); its date was not announced yet.",
            report_on=day(report.report_on),
        )
    return tr(
        "Earnings report announced for {report_day}.",
        report_day=report_day(report.report_on, report.time_of_day),
    )


def report_day(report_on: str, time_of_day: str) -> str:
    """Return the date of a report with its place in the trading day, as far as that is told."""
    return day(report_on) + {"pre": tr(", before the open"), "post": tr(", after the close")}.get(
        time_of_day, ""
    )


def _as_of(forecast: PriceForecast, last_session: str) -> str:
    said = tr(
        "Made from what was known at the close of {as_of_session}", as_of_session=day(forecast.as_of_session)
    )
    if last_session > forecast.as_of_session:
        return tr(
            "{said}. Newer prices are stored (through {last_session}): press Refresh.",
            said=said,
            last_session=day(last_session),
        )
    return f"{said} ({money(forecast.last_close)})."


def _horizon(forecast: PriceForecast, skilled: Collection[int]) -> HorizonWords:
    move = forecast.price_at(0.50) / forecast.last_close - 1
    return HorizonWords(
        horizon=forecast.horizon,
        title=horizon_title(forecast.horizon),
        until=f"{weekday(forecast.target_session)} {day(forecast.target_session)}",
        median=f"{money(forecast.price_at(0.50))}  ({percent(move, signed=True)})",
        range_50=money_range(forecast.price_at(0.25), forecast.price_at(0.75)),
        range_90=money_range(forecast.price_at(0.05), forecast.price_at(0.95)),
        rise=percent(forecast.prob_up, 0),
        rise_means_something=forecast.horizon in skilled,
    )


def _notes(forecast: PriceForecast) -> tuple[str, ...]:
    posts = (
        tr("Posts were read by {scorer}.", scorer=forecast.scorer)
        if forecast.scorer
        else tr("No posts were read for it.")
    )
    return (
        tr("Ranges include dividends paid until then. They are chances, not advice."),
        tr("{posts} Model {model_version}.", posts=posts, model_version=forecast.model_version),
    )
