"""The page of alerts in words: what is unusual now, how the budget stands, and which alerts are shown."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from desktop_app.alert_rows import AlertsView, alerts_view, in_full, load_alerts_view, name_of
from desktop_app.alerts import Alert, alerts_among
from desktop_app.settings import Settings
from desktop_app.store import open_home_reader
from fusion_model.findings import MARKET, Anomaly
from tests.desktop_app.facts import fill_home

LOOSE = Settings(alert_p_value=0.01, alert_false_share=0.9)


def odd(ticker: str, session: str, measure: str = "joint") -> Anomaly:
    return Anomaly(ticker, session, measure, 3.0, 0.25, 0.001, f"{ticker} was odd.")


def alerts(answers: dict[tuple[str, str, str], str] | None = None) -> list[Alert]:
    found = [odd("KO", "2021-03-16"), odd(MARKET, "2021-03-16", "turbulence"), odd("PEP", "2021-01-05")]
    return alerts_among(found, answers or {}, LOOSE, ["KO", "PEP"])


def test_the_newest_session_is_told_in_a_sentence() -> None:
    view = alerts_view(alerts(), "2021-03-16", LOOSE)
    assert view.headline == "On 16 Mar 2021: KO and the whole market. 3 alerts not seen yet."
    quiet = alerts_view(alerts(), "2021-03-17", LOOSE)
    assert quiet.headline == "On 17 Mar 2021: nothing unusual. 3 alerts not seen yet."


def test_the_budget_is_told_with_what_it_spent() -> None:
    view = alerts_view(alerts(), "2021-03-16", LOOSE)
    assert view.budget.startswith("Budget: 2 alerts of a ticker in a month; ")
    assert view.budget.endswith("In the last 31 days: 2 alerts of 2 tickers, at most 1 (KO).")
    assert alerts_view([], "2021-03-16", LOOSE).budget.endswith("None in the last 31 days.")


def test_what_was_seen_and_what_is_old_can_be_left_out() -> None:
    view = alerts_view(alerts({("KO", "2021-03-16", "joint"): ""}), "2021-03-16", LOOSE)
    assert [name_of(alert) for alert in view.chosen("open")] == ["Whole market", "PEP"]
    assert [name_of(alert) for alert in view.chosen("recent")] == ["KO", "Whole market"]
    assert len(view.chosen("all")) == 3


def test_an_alert_in_full_tells_each_measure_and_the_share_of_chance() -> None:
    ko, market, _ = alerts()
    assert in_full(ko).splitlines()[0] == "KO was odd."
    assert "Of the alerts of that day at least as rare, 0 % should be chance." in in_full(ko)
    assert "Whole market: 1 in 1,000 sessions" in in_full(market)


def test_a_record_without_sessions_says_nothing() -> None:
    assert alerts_view([], "", LOOSE).headline == ""
    assert AlertsView().chosen("recent") == []


def test_the_page_reads_a_home(tmp_path: Path) -> None:
    with closing(open_home_reader(fill_home(tmp_path))) as db:
        view = load_alerts_view(db, Settings())
    assert (view.session, len(view.alerts)) == ("2021-03-16", 1)
    assert view.headline == "On 16 Mar 2021: AAA. 1 alert not seen yet."
