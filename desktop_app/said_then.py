"""What earlier forecasts of a ticker said, and what came: hits and misses alike, plain rows ready to draw."""

from __future__ import annotations

import math
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo

from collectors.store import load_actions, load_bars
from desktop_app.export import total_wealth
from desktop_app.pointer import chance_below
from desktop_app.snapshot import company_name
from desktop_app.todays_share import LATEST, Bar, adjusted, in_currency
from desktop_app.words import PriceForecast, count, day, money, money_range, percent, weekday
from fusion_model.findings import HORIZONS, Forecast
from fusion_model.store import load_forecast_history
from resources.language import tr

OPENING = time(9, 30, tzinfo=ZoneInfo("America/New_York"))
RANGES = ((0.25, 0.75, "50 %"), (0.10, 0.90, "80 %"), (0.05, 0.95, "90 %"), (0.025, 0.975, "95 %"))
HIT_LOW, HIT_HIGH = 0.05, 0.95  # the range of nine in ten: what ends in it counts as held


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one forecast.

    ``position`` is the target's bar, -1 while it lies ahead; then ``price`` and ``pit`` are NaN. ``price`` is
    the last close grown by the total return, per today's share; ``pit`` the probability that the forecast
    gave to ending at or below it.
    """

    horizon: int
    target_session: str
    position: int
    price: float
    pit: float
    verdict: str

    @property
    def known(self) -> bool:
        """Whether the target has come."""
        return self.position >= 0

    @property
    def held(self) -> bool:
        """Whether it ended inside the range of nine in ten."""
        return HIT_LOW <= self.pit <= HIT_HIGH


@dataclass(frozen=True, slots=True)
class SaidThen:
    """The forecasts of one session; ``live``: made before the next session opened."""

    session: str
    position: int
    made_at: str
    live: bool
    forecasts: tuple[PriceForecast, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def missed(self) -> bool:
        """Whether one of its outcomes ended outside the range of nine in ten."""
        return any(one.known and not one.held for one in self.outcomes)

    def outcome(self, horizon: int) -> Outcome | None:
        """Return what came of one horizon; None where there was no forecast for it."""
        return next((one for one in self.outcomes if one.horizon == horizon), None)


@dataclass(frozen=True, slots=True)
class Past:
    """All that was said of a ticker, oldest first, over its bars; ``summaries`` is a sentence a horizon."""

    ticker: str = ""
    name: str = ""
    bars: tuple[Bar, ...] = ()
    said: tuple[SaidThen, ...] = ()
    summaries: Mapping[int, str] = field(default_factory=dict)
    made: str = ""

    def position(self, session: str) -> int:
        """Return the bar of a session, or the first one after it."""
        return bisect_left(self.bars, session, key=lambda bar: bar.session)

    def newest_known(self) -> int:
        """Return the index of the newest of which all has come; the last one where none has."""
        known = [i for i, then in enumerate(self.said) if all(one.known for one in then.outcomes)]
        return known[-1] if known else len(self.said) - 1

    def nearest(self, position: float) -> int:
        """Return the index of what was said nearest to a bar."""
        at = bisect_left(self.said, position, key=lambda one: one.position)
        near = [i for i in (at - 1, at) if 0 <= i < len(self.said)]
        return min(near, key=lambda i: abs(self.said[i].position - position))

    def miss(self, index: int, step: int) -> int | None:
        """Return the next index in a direction (1, -1) where something ended outside nine in ten."""
        index += step
        while 0 <= index < len(self.said):
            if self.said[index].missed:
                return index
            index += step
        return None


def load_past(db: sqlite3.Connection, ticker: str) -> Past:
    """Return what was said of a ticker; where a session was forecast repeatedly, the first word counts."""
    rows = load_bars(db, LATEST, [ticker])
    actions = [row[1:] for row in load_actions(db, LATEST, [ticker])]
    splits = [(session, ratio) for session, kind, ratio in actions if kind == "split"]
    wealth = total_wealth([(row[1], row[5]) for row in rows], actions)
    sessions = [row[1] for row in rows]
    at = {session: position for position, session in enumerate(sessions)}
    first: dict[str, dict[int, tuple[Forecast, str]]] = defaultdict(dict)
    for horizon in HORIZONS:
        for forecast, made_at in load_forecast_history(db, ticker, horizon):
            if forecast.as_of_session in at:
                first[forecast.as_of_session].setdefault(horizon, (forecast, made_at))
    said = tuple(
        _said_then(session, at, [first[session][h] for h in sorted(first[session])], splits, wealth)
        for session in sorted(first)
    )
    return Past(
        ticker=ticker,
        name=company_name(ticker),
        bars=adjusted(rows, splits),
        said=said,
        summaries={horizon: summary(said, horizon) for horizon in HORIZONS},
        made=how_made(said),
    )


def is_live(made_at: str, first_target: str) -> bool:
    """Return whether a forecast was made before the first session that it speaks of opened."""
    return made_at < _opening(first_target)


@cache
def _opening(session: str) -> str:
    opening = datetime.combine(date.fromisoformat(session), OPENING).astimezone(UTC)
    return opening.strftime("%Y-%m-%dT%H:%M:%SZ")


def _said_then(
    session: str,
    at: dict[str, int],
    made: Sequence[tuple[Forecast, str]],
    splits: Sequence[tuple[str, float]],
    wealth: Sequence[float],
) -> SaidThen:
    position, made_at = at[session], max(instant for _, instant in made)
    forecasts = tuple(in_currency(forecast, splits) for forecast, _ in made)
    return SaidThen(
        session=session,
        position=position,
        made_at=made_at,
        live=is_live(made_at, made[0][0].target_session),
        forecasts=forecasts,
        outcomes=tuple(_outcome(one, position, at.get(one.target_session, -1), wealth) for one in forecasts),
    )


def _outcome(said: PriceForecast, start: int, end: int, wealth: Sequence[float]) -> Outcome:
    if end < 0:
        return Outcome(said.horizon, said.target_session, -1, math.nan, math.nan, tr("not known yet"))
    price = said.last_close * math.exp(wealth[end] - wealth[start])
    return Outcome(
        said.horizon, said.target_session, end, price, chance_below(said, price), _verdict(said, price)
    )


def _verdict(said: PriceForecast, price: float) -> str:
    for low, high, name in RANGES:
        if said.price_at(low) <= price <= said.price_at(high):
            return tr("inside the {name} range", name=name)
    return tr("{place} the 95 % range", place="below" if price < said.price_at(0.5) else "above")


# Words --------------------------------------------------------------------------------------------


def summary(said: Sequence[SaidThen], horizon: int) -> str:
    """Say how often the range of nine in ten held at one horizon, and on which side it was left."""
    known = [one for then in said if (one := then.outcome(horizon)) is not None and one.known]
    if not known:
        return tr("None of these forecasts has come true or failed yet.")
    held = sum(one.held for one in known)
    below = sum(one.pit < HIT_LOW for one in known)
    above = len(known) - held - below
    text = tr(
        "{held} of {count} ended inside the range of nine in ten: "
        "{share}, promised 90 %. {below} ended below it, {above} above.",
        held=held,
        count=count(len(known), "forecast"),
        share=percent(held / len(known), 0),
        below=below,
        above=above,
    )
    if horizon > 1 and len(known) > horizon:
        text += tr(" They overlap: about {known} tell something of their own.", known=len(known) // horizon)
    return text


def how_made(said: Sequence[SaidThen]) -> str:
    """Say how many sessions were forecast live, and how the others were made."""
    live = sum(one.live for one in said)
    after = len(said) - live
    if not said:
        return ""
    if not after:
        return tr("All {count} were forecast live, before the next one opened.", count=count(live, "session"))
    first = (
        tr("{count} forecast live", count=count(live, "session")) if live else tr("None was forecast live")
    )
    return tr(
        "{first}; {number} {were} made afterwards, by a model that knew "
        "nothing later than their close. Only live ones could not have been tuned on what came.",
        first=first,
        number=after,
        were=tr("was") if after == 1 else tr("were"),
    )


def day_in_words(then: SaidThen) -> str:
    """Say of one session when its forecast was made, and whether that was before anything came of it."""
    made = tr("{day}, {time} UTC", day=day(then.made_at), time=then.made_at[11:16])
    how = tr("Live: made") if then.live else tr("Made afterwards,")
    return tr(
        "{how} {made}, from what was known at the close of {weekday} {session}.",
        how=how,
        made=made,
        weekday=weekday(then.session),
        session=day(then.session),
    )


def outcome_in_words(said: PriceForecast, outcome: Outcome) -> tuple[str, str, str]:
    """Return the promise of one horizon, what came, and the verdict."""
    promise = money_range(said.price_at(0.05), said.price_at(0.95))
    if not outcome.known:
        return promise, "–", outcome.verdict
    sign = "●" if outcome.held else "✕"
    return promise, money(outcome.price), f"{sign} {outcome.verdict}"
