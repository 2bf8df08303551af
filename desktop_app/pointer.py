"""What the chart says in words: a session's figures, the chance of ending beyond a price, the whole."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from functools import cache
from statistics import NormalDist

from desktop_app.chart_marks import MARK_KINDS
from desktop_app.snapshot import Snapshot
from desktop_app.words import PriceForecast, count, day, money, percent, short_count
from fusion_model.findings import QUANTILE_LEVELS, TAIL_SHAPE
from resources.language import tr

NORMAL = NormalDist()


def describe_bar(snapshot: Snapshot, position: int) -> str:
    """Return a session's figures in one line."""
    if not 0 <= position < len(snapshot.bars):
        return ""
    bar = snapshot.bars[position]
    before = snapshot.bars[position - 1].close if position else math.nan
    move = "" if math.isnan(before) else f" ({percent(bar.close / before - 1, signed=True)})"
    return tr(
        "{session}   open {open}   high {high}   low {low}   close {close}{move}   volume {short_count}",
        session=day(bar.session),
        open=money(bar.open),
        high=money(bar.high),
        low=money(bar.low),
        close=money(bar.close),
        move=move,
        short_count=short_count(bar.volume),
    )


def chart_in_words(snapshot: Snapshot) -> str:
    """Return what the chart shows, for those who hear the screen."""
    parts = [
        tr("{ticker}: {count} through", ticker=snapshot.ticker, count=count(len(snapshot.bars), "session")),
        describe_bar(snapshot, len(snapshot.bars) - 1) + ".",
    ]
    if snapshot.words is not None:
        parts.append(snapshot.words.headline)
    if snapshot.next_report is not None:
        parts.append(snapshot.next_report.text)
    return " ".join(parts)


def describe_price(snapshot: Snapshot, position: int, price: float) -> str:
    """Return the chances of ending below and above a price at the horizon nearest to a place on the fan.

    Empty where there is no forecast for anything later than the last bar, or no price.
    """
    ahead = {
        snapshot.forecast_position + said.horizon: said
        for said in snapshot.forecasts
        if snapshot.forecast_position + said.horizon >= len(snapshot.bars)
    }
    if not ahead or not price > 0:
        return ""
    said = ahead[min(ahead, key=lambda target: (abs(target - position), target))]
    below = chance_below(said, price)
    when = tr(
        "the close of {session} ({count} ahead)",
        session=day(said.target_session),
        count=count(said.horizon, "session"),
    )
    return tr(
        "{price} at {when}: {below} to end below, {above} above",
        price=money(price),
        when=when,
        below=_chance(below),
        above=_chance(1 - below),
    )


def happened_near(snapshot: Snapshot, position: int, reach: int, shown: Collection[str]) -> str:
    """Return what happened within some bars of one, or will on the fan, a line each, of the kinds shown."""
    if position < 0:
        return ""
    lines = [
        f"{MARK_KINDS[mark.kind][0]} {day(snapshot.bars[mark.position].session)}: {mark.text}"
        for mark in snapshot.marks
        if mark.kind in shown and abs(mark.position - position) <= reach
    ]
    report = snapshot.next_report
    if report is not None and abs(report.position - position) <= reach:
        lines.append(report.text)
    return "\n".join(lines)


def chance_below(forecast: PriceForecast, price: float) -> float:
    """Return the probability of ending at or below a price.

    The same distribution as ``fusion_model.distribution.cumulative_probability``, for one price at a time
    and without scipy, which the window's process never loads.
    """
    values = [math.log(one / forecast.last_close) for one in forecast.prices]
    point = math.log(price / forecast.last_close)
    below, through = bisect_left(values, point), bisect_right(values, point)
    scores, last = _normal_scores(), len(values) - 1
    if through > below:
        return NORMAL.cdf((scores[below] + scores[through - 1]) / 2)
    if below == 0:
        return _beyond(values[0] - point, values[1] - values[0], QUANTILE_LEVELS[0], QUANTILE_LEVELS[1])
    if below > last:
        outer, inner = 1 - QUANTILE_LEVELS[-1], 1 - QUANTILE_LEVELS[-2]
        return 1 - _beyond(point - values[-1], values[-1] - values[-2], outer, inner)
    share = (point - values[below - 1]) / (values[below] - values[below - 1])
    return NORMAL.cdf(scores[below - 1] + (scores[below] - scores[below - 1]) * share)


def _beyond(distance: float, spacing: float, outer: float, inner: float) -> float:
    growth = (inner / outer) ** TAIL_SHAPE
    width = spacing * TAIL_SHAPE * growth / (growth - 1)
    return outer * (1 + TAIL_SHAPE * distance / width) ** (-1 / TAIL_SHAPE) if width > 0 else 0.0


@cache
def _normal_scores() -> tuple[float, ...]:
    return tuple(NORMAL.inv_cdf(level) for level in QUANTILE_LEVELS)


def _chance(probability: float) -> str:
    if probability < 0.01:
        return tr("under 1 %")
    return tr("over 99 %") if probability > 0.99 else percent(probability, 0)
