"""Which unusual sessions are alerts under the person's settings, and what they said to them.

An alert is one session of one ticker, or of the market, with everything that was unusual in it. It must pass
three gates, none of which looks ahead: it was improbable enough; of the alerts of its day, over the
watchlist, only a share should be chance (Benjamini & Hochberg); and the ticker's budget lets it.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collectors.store import load_tickers, writing
from desktop_app.alert_rules import RuleAlert
from desktop_app.settings import Settings
from desktop_app.store import acknowledge, load_acknowledgements, load_watchlist
from desktop_app.store_journal import ACKNOWLEDGEMENT, PERSON, JournalEntry, save_entries
from desktop_app.store_rules import load_rule_alerts
from desktop_app.words import count, odds, percent
from fusion_model.advice.joint import false_discovery_rate, within_budget
from fusion_model.findings import MARKET, Anomaly
from fusion_model.store import load_anomalies
from resources.language import mark, tr

MEASURES = {
    "return": mark("Price move"),
    "range": mark("Range of the day"),
    "volume": mark("Volume"),
    "spread": mark("Apart from related stocks"),
    "post_count": mark("Number of posts"),
    "sentiment": mark("Tone of posts"),
    "turbulence": mark("Whole market"),
    "joint": mark("Together"),
    "rule": mark("Your rule"),
}
RULE = "rule"
TOGETHER = ("joint", "turbulence")  # measures that speak for a whole session
OLDER_MEASURES = 3  # of the sessions that were judged before a joint probability was kept
Answers = Mapping[tuple[str, str, str], str]


@dataclass(frozen=True, slots=True)
class Alert:
    """A session improbable enough for this person; ``odds`` says how improbable in words.

    ``p_value`` is that of all measures together; ``measure`` is the least probable one, with what was
    observed and expected; ``measures`` names each unusual one with its odds; ``false_share`` is the share of
    chance to expect among all alerts of the day that are at least as improbable. An alert of the person's own
    rules has no probability: NaN, and no odds.
    """

    ticker: str
    session: str
    measure: str
    measure_name: str
    p_value: float
    odds: str
    false_share: float
    observed: str
    expected: str
    measures: tuple[str, ...]
    reason: str
    acknowledged: bool
    note: str

    @property
    def key(self) -> str:
        """Return what tells it from every other one."""
        return f"{self.ticker} {self.session} {self.measure}"

    @property
    def sentence(self) -> str:
        """Return what happened, with its odds where there are any."""
        return f"{self.reason} ({self.odds})" if self.odds else self.reason


@dataclass(frozen=True, slots=True)
class _Event:
    """All that was unusual in one session of one ticker, least probable first."""

    ticker: str
    session: str
    p_value: float
    found: tuple[Anomaly, ...]


def load_alerts(
    db: sqlite3.Connection, settings: Settings, ticker: str | None = None, first_session: str = ""
) -> list[Alert]:
    """Return the alerts of one ticker or of all, newest and least probable first."""
    answers, anomalies = load_acknowledgements(db), load_anomalies(db)
    if ticker is not None:  # others count only where they were judged on the same days
        days = {anomaly.session for anomaly in anomalies if anomaly.ticker == ticker}
        anomalies = [anomaly for anomaly in anomalies if anomaly.session in days]
    alerts = [
        *alerts_among(anomalies, answers, settings, load_watchlist(db), load_tickers(db)),
        *alerts_of_rules(load_rule_alerts(db), answers),
    ]
    alerts.sort(key=lambda one: one.session, reverse=True)
    return [alert for alert in alerts if ticker in (None, alert.ticker) and alert.session >= first_session]


def alerts_among(
    anomalies: Sequence[Anomaly],
    answers: Answers,
    settings: Settings,
    watched: Collection[str] = (),
    stored: Collection[str] = (),
) -> list[Alert]:
    """Return the sessions that are alerts, with what the person said to each, newest first.

    A session that the person answered stays one under whatever settings.

    Parameters
    ----------
    anomalies : sequence of Anomaly
        All of them: what was found before decides how much of a budget is left.
    watched, stored : collection of str
        The watchlist, and every ticker with prices: so many tickers are tested together each day.
    """
    events = _events(anomalies)
    shares = _false_shares(events, set(watched), len(watched) or len(stored), len(stored))
    allowed = _allowed(events, shares, settings)
    answered = {key[:2]: note for key, note in sorted(answers.items()) if key[2] != RULE}
    kept = [
        _alert(event, shares[event.ticker, event.session], answered)
        for event in events
        if (key := (event.ticker, event.session)) in allowed or key in answered
    ]
    kept.sort(key=lambda one: (one.p_value, one.ticker))
    kept.sort(key=lambda one: one.session, reverse=True)
    return kept


def alerts_of_rules(raised: Sequence[RuleAlert], answers: Answers) -> list[Alert]:
    """Return what the person's own rules raised: one alert a ticker and session, however many rules fired."""
    grouped: dict[tuple[str, str], list[RuleAlert]] = defaultdict(list)
    for one in raised:
        grouped[one.ticker, one.session].append(one)
    return [
        Alert(
            ticker=ticker,
            session=session,
            measure=RULE,
            measure_name=tr(MEASURES[RULE]),
            p_value=math.nan,
            odds="",
            false_share=math.nan,
            observed="",
            expected="",
            measures=tuple(one.reason for one in found),
            reason=" ".join(one.reason for one in found),
            acknowledged=(ticker, session, RULE) in answers,
            note=answers.get((ticker, session, RULE), ""),
        )
        for (ticker, session), found in sorted(grouped.items())
    ]


def acknowledge_alert(db: sqlite3.Connection, alert: Alert, note: str, now: str) -> None:
    """Record that the person saw an alert; each time is kept in the journal, the last note stands."""
    with writing(db):
        acknowledge(db, alert.ticker, alert.session, alert.measure, note, now)
        save_entries(db, [journal_entry(alert, ACKNOWLEDGEMENT, PERSON, note, now)])


def journal_entry(alert: Alert, kind: str, by: str, note: str, now: str) -> JournalEntry:
    """Return what the journal keeps of an alert, raised or acknowledged."""
    return JournalEntry(kind, alert.ticker, alert.key, "", by, None, None, None, alert.reason, note, now)


def _events(anomalies: Sequence[Anomaly]) -> list[_Event]:
    """Group by ticker and session, oldest first."""
    grouped: dict[tuple[str, str], list[Anomaly]] = defaultdict(list)
    for anomaly in anomalies:
        grouped[anomaly.session, anomaly.ticker].append(anomaly)
    return [
        _Event(ticker, session, _together(found), tuple(sorted(found, key=lambda one: one.p_value)))
        for (session, ticker), found in sorted(grouped.items())
    ]


def _together(found: Sequence[Anomaly]) -> float:
    """Return the probability of a whole session: the stored one, or Bonferroni's where none is."""
    for anomaly in found:
        if anomaly.measure in TOGETHER:
            return anomaly.p_value
    return min(1.0, OLDER_MEASURES * min(anomaly.p_value for anomaly in found))


def _false_shares(
    events: Sequence[_Event], watched: set[str], tests: int, all_tests: int
) -> dict[tuple[str, str], float]:
    """Return each session's adjusted probability; watched tickers are tested together, others with all."""
    days: dict[tuple[str, bool], list[_Event]] = defaultdict(list)
    for event in events:
        if event.ticker != MARKET:
            days[event.session, event.ticker in watched].append(event)
    shares = {(event.ticker, event.session): event.p_value for event in events}
    for (_, among), day in days.items():
        adjusted = false_discovery_rate([event.p_value for event in day], tests if among else all_tests)
        shares.update(
            {(event.ticker, event.session): float(q) for event, q in zip(day, adjusted, strict=True)}
        )
    return shares


def _allowed(
    events: Sequence[_Event], shares: Mapping[tuple[str, str], float], settings: Settings
) -> set[tuple[str, str]]:
    """Return the sessions that pass every gate."""
    by_ticker: dict[str, list[_Event]] = defaultdict(list)
    for event in events:
        if shares[event.ticker, event.session] <= settings.alert_false_share:
            by_ticker[event.ticker].append(event)
    allowed = set()
    for ticker, own in by_ticker.items():
        alerts = within_budget(
            [date.fromisoformat(event.session).toordinal() for event in own],
            [event.p_value for event in own],
            settings.alerts_per_month,
            settings.alert_p_value,
        )
        allowed |= {(ticker, event.session) for event, fires in zip(own, alerts, strict=True) if fires}
    return allowed


def _alert(event: _Event, false_share: float, answered: Mapping[tuple[str, str], str]) -> Alert:
    key = (event.ticker, event.session)
    whole = next((one for one in event.found if one.measure in TOGETHER), event.found[0])
    single = next((one for one in event.found if one.measure != "joint"), whole)
    return Alert(
        ticker=event.ticker,
        session=event.session,
        measure=whole.measure,
        measure_name=tr(MEASURES[single.measure]),
        p_value=event.p_value,
        odds=odds(event.p_value),
        false_share=false_share,
        observed=_amount(single.measure, single.observed),
        expected=_amount(single.measure, single.expected),
        measures=tuple(
            f"{tr(MEASURES[one.measure])}: {odds(one.p_value)}"
            for one in event.found
            if one.measure != "joint"
        ),
        reason=whole.reason,
        acknowledged=key in answered,
        note=answered.get(key, ""),
    )


def _amount(measure: str, value: float) -> str:
    match measure:
        case "return" | "spread":
            return percent(math.expm1(value), signed=True)
        case "range":
            return percent(math.expm1(value))
        case "volume":
            return count(value, "share")
        case "post_count":
            return count(value, "post")
        case "joint":
            return count(value, "measure")
    return f"{value:+.2f}" if measure == "sentiment" else f"{value:.1f} times the usual distance"
