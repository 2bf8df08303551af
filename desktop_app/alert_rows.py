"""What the page of alerts shows: the alerts, what they have in common in words, and how the budget stands."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from collectors.store import load_newest_sessions
from desktop_app.alert_rules import AlertRule, RuleAlert, state_in_words
from desktop_app.alerts import RULE, Alert, load_alerts
from desktop_app.complaint import some
from desktop_app.settings import Settings
from desktop_app.store_rules import load_rule_alerts, load_rules
from desktop_app.words import count, day, percent
from fusion_model.findings import MARKET
from resources.language import tr

RECENT_DAYS = 31
SHOWN = {
    "open": tr("Not seen"),
    "recent": tr("Last {days} days", days=RECENT_DAYS),
    "all": tr("All"),
}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule of the person with how it stands, in words."""

    rule: AlertRule
    quiet: str
    state: str
    last: str


@dataclass(frozen=True, slots=True)
class AlertsView:
    """The alerts newest first, a sentence on the newest session, one on the budget, and own rules."""

    alerts: tuple[Alert, ...] = ()
    session: str = ""
    headline: str = ""
    budget: str = ""
    rules: tuple[RuleRow, ...] = ()

    def chosen(self, which: str) -> list[Alert]:
        """Return the alerts of one of SHOWN."""
        if which == "open":
            return [alert for alert in self.alerts if not alert.acknowledged]
        if which == "recent":
            since = _days_before(self.session, RECENT_DAYS)
            return [alert for alert in self.alerts if alert.session > since]
        return list(self.alerts)


def load_alerts_view(db: sqlite3.Connection, settings: Settings) -> AlertsView:
    """Return everything that the page shows."""
    newest = max(load_newest_sessions(db).values(), default="")
    view = alerts_view(load_alerts(db, settings), newest, settings)
    return replace(view, rules=tuple(rule_rows(load_rules(db), load_rule_alerts(db), newest)))


def rule_rows(rules: Sequence[AlertRule], raised: Sequence[RuleAlert], session: str) -> list[RuleRow]:
    """Return the rules as rows, each with the session it fired on last."""
    last = {alert.rule_id: alert for alert in sorted(raised, key=lambda one: one.session)}
    return [
        RuleRow(
            rule,
            count(rule.cool_down_days, "day"),
            state_in_words(rule, session),
            f"{last[rule.rule_id].ticker}, {day(last[rule.rule_id].session)}"
            if rule.rule_id in last
            else tr("never"),
        )
        for rule in rules
    ]


def alerts_view(alerts: Sequence[Alert], session: str, settings: Settings) -> AlertsView:
    """Put into words what alerts up to a session have in common."""
    return AlertsView(tuple(alerts), session, _headline(alerts, session), _budget(alerts, session, settings))


def name_of(alert: Alert) -> str:
    """Return the ticker, or that it is about all stocks."""
    return tr("Whole market") if alert.ticker == MARKET else alert.ticker


def in_short(alerts: Sequence[Alert]) -> str:
    """Return new alerts as one notification says them: one as it is, several by their names."""
    if len(alerts) == 1:
        return f"{name_of(alerts[0])}: {alerts[0].sentence}"
    return f"{count(len(alerts), 'new alert')}: {some(list(dict.fromkeys(map(name_of, alerts))))}"


def in_full(alert: Alert) -> str:
    """Say an alert with each of its measures and the share of chance among such alerts."""
    if not alert.odds:
        return "\n".join([tr("A rule of yours fired."), "", *alert.measures])
    chance = (
        tr(
            "Of the alerts of that day at least as rare, {false_share} should be chance.",
            false_share=percent(alert.false_share, 0),
        )
        if alert.ticker != MARKET
        else tr("One test a day: no other is counted beside it.")
    )
    together = tr("All measures together: {odds} sessions. {chance}", odds=alert.odds, chance=chance)
    return "\n".join(
        [
            alert.reason,
            "",
            together,
            *(tr("{measure} sessions", measure=measure) for measure in alert.measures),
        ]
    )


def _headline(alerts: Sequence[Alert], session: str) -> str:
    if not session:
        return ""
    today = [alert for alert in alerts if alert.session == session]
    stocks = sorted({alert.ticker for alert in today if alert.ticker != MARKET})
    parts = [
        ", ".join(stocks[:8]) + (tr(" and {stocks} more", stocks=len(stocks) - 8) if len(stocks) > 8 else "")
    ]
    if any(alert.ticker == MARKET for alert in today):
        parts.append(tr("the whole market"))
    said = tr(" and ").join(part for part in parts if part)
    waiting = sum(not alert.acknowledged for alert in alerts)
    seen = (
        tr(" {count} not seen yet.", count=count(waiting, "alert"))
        if waiting
        else tr(" Nothing waits to be seen.")
    )
    return tr(
        "On {session}: {what}.{seen}", session=day(session), what=said or tr("nothing unusual"), seen=seen
    )


def _budget(alerts: Sequence[Alert], session: str, settings: Settings) -> str:
    """Say the budget, and what of it the last days used."""
    since = _days_before(session, RECENT_DAYS) if session else ""
    recent = Counter(alert.ticker for alert in alerts if alert.session > since and alert.measure != RULE)
    said = tr(
        "Budget: {alerts_per_month} alerts of a ticker in a month; each alert makes its next one "
        "ten times harder, until the month has given it back.",
        alerts_per_month=f"{settings.alerts_per_month:g}",
    )
    if not recent:
        return tr("{said} None in the last {days} days.", said=said, days=RECENT_DAYS)
    fullest, most = recent.most_common(1)[0]
    whole = tr("the whole market") if fullest == MARKET else fullest
    return tr(
        "{said} In the last {days} days: {alerts} of {tickers}, at most {most} ({whole}).",
        said=said,
        days=RECENT_DAYS,
        alerts=count(recent.total(), "alert"),
        tickers=count(len(recent), "ticker"),
        most=most,
        whole=whole,
    )


def _days_before(session: str, days: int) -> str:
    return (date.fromisoformat(session) - timedelta(days=days)).isoformat() if session else ""
