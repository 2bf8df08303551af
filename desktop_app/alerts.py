"""Which unusual sessions are alerts under the person's settings, and what they said to them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from desktop_app.settings import Settings
from desktop_app.store import acknowledge, load_acknowledgements
from desktop_app.words import count, odds, percent
from fusion_model.findings import Anomaly
from fusion_model.store import load_anomalies

MEASURES = {"return": "Price move", "volume": "Volume", "post_count": "Number of posts"}


@dataclass(frozen=True, slots=True)
class Alert:
    """An anomaly improbable enough for this person; ``odds`` says how improbable in words."""

    ticker: str
    session: str
    measure: str
    measure_name: str
    p_value: float
    odds: str
    observed: str
    expected: str
    reason: str
    acknowledged: bool
    note: str


def load_alerts(
    db: sqlite3.Connection, settings: Settings, ticker: str | None = None, first_session: str = ""
) -> list[Alert]:
    """Return the alerts of one ticker or of all, newest and least probable first."""
    anomalies = load_anomalies(db, ticker, first_session)
    return alerts_among(anomalies, load_acknowledgements(db), settings.alert_p_value)


def alerts_among(
    anomalies: Sequence[Anomaly], notes: dict[tuple[str, str, str], str], alert_p_value: float
) -> list[Alert]:
    """Return the anomalies no more probable than the threshold, with what the person said to each."""
    return [_alert(anomaly, notes) for anomaly in anomalies if anomaly.p_value <= alert_p_value]


def acknowledge_alert(db: sqlite3.Connection, alert: Alert, note: str, now: str) -> None:
    """Record that the person saw an alert."""
    acknowledge(db, alert.ticker, alert.session, alert.measure, note, now)


def _alert(anomaly: Anomaly, notes: dict[tuple[str, str, str], str]) -> Alert:
    key = (anomaly.ticker, anomaly.session, anomaly.measure)
    return Alert(
        ticker=anomaly.ticker,
        session=anomaly.session,
        measure=anomaly.measure,
        measure_name=MEASURES.get(anomaly.measure, anomaly.measure),
        p_value=anomaly.p_value,
        odds=odds(anomaly.p_value),
        observed=_amount(anomaly.measure, anomaly.observed),
        expected=_amount(anomaly.measure, anomaly.expected),
        reason=anomaly.reason,
        acknowledged=key in notes,
        note=notes.get(key, ""),
    )


def _amount(measure: str, value: float) -> str:
    if measure == "return":
        return percent(math.expm1(value), signed=True)
    return count(value, "post") if measure == "post_count" else count(value, "share")
