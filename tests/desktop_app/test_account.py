"""A paper account with the person's choices: approvals, rules, switches, and passes that nothing doubles."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from collectors.errors import BadInput
from collectors.market_calendar import session_close, sessions_between
from collectors.records import PriceBar, Quote
from collectors.store import save_price_bars
from desktop_app.account import (
    decide,
    deposit,
    find_orders,
    keep_account,
    on_quotes,
    terms_of,
    turn,
)
from desktop_app.daily import _followed, react_to_quotes
from desktop_app.doctor import examine
from desktop_app.order_rows import load_account_view, load_order_rows
from desktop_app.settings import Settings, save_settings
from desktop_app.store import open_home, watch
from desktop_app.store_journal import (
    AUTOMATIC_SWITCH,
    KILL_SWITCH,
    ApprovalRule,
    load_decisions,
    load_entries,
    remove_rule,
    save_rule,
)
from fusion_model.findings import Order
from fusion_model.portfolio_findings import PortfolioFindings, PortfolioRun, SuggestedWeight
from fusion_model.store import save_forecasts
from fusion_model.store_orders import load_fills, load_orders, save_orders, save_outcomes
from fusion_model.store_portfolio import save_portfolio
from fusion_model.trading.propose import quote_threshold
from tests.builders import forecast_of

FIRST, SECOND, THIRD = "2020-01-02", "2020-01-03", "2020-01-06"
EVENING, NIGHT, NEXT_EVENING = "2020-01-02T21:30:00Z", "2020-01-02T23:00:00Z", "2020-01-03T21:30:00Z"
SETTINGS = Settings(paper_cash=10_000.0, paper_most_position=0.5, paper_most_order=0.5, paper_most_risk=1.0)


def fill_home(home: Path) -> None:
    with closing(open_home(home)) as db:
        watch(db, ["KO", "PEP"], EVENING)
        save_bars(db, FIRST, 50.0, 50.0)
        save_forecasts(db, [forecast_of(t, FIRST, SECOND) for t in ("KO", "PEP")], EVENING)
        deposit(db, SETTINGS, None, "", "2020-01-02T20:00:00Z")


def save_bars(db: sqlite3.Connection, session: str, open_: float, close: float) -> None:
    at = session_close(session)
    bars = [PriceBar(t, session, open_, open_ + 5, open_ - 5, close, 1e6, "test", at) for t in ("KO", "PEP")]
    save_price_bars(db, bars, at)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    fill_home(tmp_path)
    with closing(open_home(tmp_path)) as connection:
        yield connection


def proposed(db: sqlite3.Connection) -> list[Order]:
    return list(keep_account(db, SETTINGS, EVENING).proposals.orders)


def test_nothing_acts_without_a_recorded_approval(db: sqlite3.Connection) -> None:
    made = proposed(db)
    assert [(order.ticker, order.shares) for order in made] == [("KO", 100), ("PEP", 99)]
    save_bars(db, SECOND, 51.0, 52.0)
    done = keep_account(db, SETTINGS, NEXT_EVENING)
    assert load_fills(db) == []
    assert [end.outcome for end in done.outcomes.ends] == ["expired", "expired"]


def test_an_approval_keeps_what_was_shown_and_is_filled_at_the_next_open(db: sqlite3.Connection) -> None:
    [ko, _] = proposed(db)
    [entry] = decide(db, [ko], approve=True, note="fine", now=NIGHT, prices={"KO": 50.5})
    assert (entry.kind, entry.decided_by, entry.price, entry.note) == ("approval", "person", 50.5, "fine")
    assert (entry.range_low, entry.reason) == (ko.range_low, ko.reason)
    save_bars(db, SECOND, 51.0, 52.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    [fill] = load_fills(db)
    assert (fill.order_id, fill.market_price, fill.shares) == (ko.order_id, 51.0, 98)  # 98 is half of it
    rows = {row.order.ticker: row.status for row in load_order_rows(db, SETTINGS, NEXT_EVENING)}
    assert rows == {"KO": "filled", "PEP": "expired"}


def test_a_decision_turned_around_before_the_fill_is_an_override_and_counts(db: sqlite3.Connection) -> None:
    [ko, _] = proposed(db)
    decide(db, [ko], approve=True, note="", now=NIGHT)
    [entry] = decide(db, [ko], approve=False, note="second thoughts", now="2020-01-03T10:00:00Z")
    assert (entry.kind, entry.decision) == ("override", "rejected")
    save_bars(db, SECOND, 51.0, 52.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    assert load_fills(db) == []


def test_what_is_settled_can_no_longer_be_decided(db: sqlite3.Connection) -> None:
    [ko, pep] = proposed(db)
    decide(db, [ko], approve=True, note="", now=NIGHT)
    with pytest.raises(BadInput, match="approved already"):
        decide(db, [ko], approve=True, note="", now=NIGHT)
    with pytest.raises(BadInput, match="had to be decided by 2020-01-03T21:00:00Z"):
        decide(db, [pep], approve=True, note="", now=NEXT_EVENING)
    save_bars(db, SECOND, 51.0, 52.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    with pytest.raises(BadInput, match="filled already"):
        decide(db, [ko], approve=False, note="", now=NEXT_EVENING)
    assert len(load_entries(db)) == 1


def test_of_two_decisions_at_once_both_or_none_are_kept(db: sqlite3.Connection) -> None:
    [ko, pep] = proposed(db)
    decide(db, [pep], approve=True, note="", now=NIGHT)
    with pytest.raises(BadInput):
        decide(db, [ko, pep], approve=True, note="", now=NIGHT)
    assert set(load_decisions(db)) == {pep.order_id}


def test_a_rule_approves_what_it_names_and_no_more(db: sqlite3.Connection) -> None:
    save_rule(db, ApprovalRule("small", "rebalance", "buy", 4_960.0), NIGHT)
    done = keep_account(db, SETTINGS, EVENING)
    assert [order.ticker for order in done.approved] == ["PEP"]  # 99 at 50; 100 are above it
    [entry] = load_decisions(db).values()
    assert entry.decided_by == "rule small"
    assert remove_rule(db, "small", NIGHT)
    assert not remove_rule(db, "small", NIGHT)


def test_automatic_approves_and_records_each(db: sqlite3.Connection) -> None:
    turn(db, SETTINGS, AUTOMATIC_SWITCH, True, "", EVENING)
    proposed(db)
    assert {entry.decided_by for entry in load_decisions(db).values()} == {"automatic"}
    save_bars(db, SECOND, 51.0, 52.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    assert len(load_fills(db)) == 2


def test_the_kill_switch_stops_everything_and_what_it_cancelled_stays_so(db: sqlite3.Connection) -> None:
    made = proposed(db)
    decide(db, made, approve=True, note="", now=NIGHT)
    turn(db, SETTINGS, KILL_SWITCH, True, "enough", "2020-01-03T01:00:00Z")
    with pytest.raises(BadInput, match="kill switch cancelled"):
        decide(db, made[:1], approve=False, note="", now="2020-01-03T01:01:00Z")
    turn(db, SETTINGS, KILL_SWITCH, False, "", "2020-01-03T02:00:00Z")
    save_bars(db, SECOND, 51.0, 52.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    assert load_fills(db) == []
    assert {row.status for row in load_order_rows(db, SETTINGS, NEXT_EVENING)} == {"cancelled"}


def test_while_killed_neither_evening_nor_quotes_propose(db: sqlite3.Connection) -> None:
    turn(db, SETTINGS, KILL_SWITCH, True, "", EVENING)
    assert "kill switch" in keep_account(db, SETTINGS, NIGHT).proposals.why_none
    quote = Quote("KO", 40.0, "2020-01-03T15:00:00Z", "test", "2020-01-03T15:00:01Z")
    assert on_quotes(db, SETTINGS, [quote], "2020-01-03T15:00:02Z").proposals.orders == ()
    assert load_orders(db) == []


def test_a_protective_order_on_a_quote_is_filled_at_a_later_one(db: sqlite3.Connection) -> None:
    decide(db, proposed(db), approve=True, note="", now=NIGHT)
    save_bars(db, SECOND, 50.0, 50.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    save_forecasts(db, [forecast_of("KO", SECOND, THIRD)], NEXT_EVENING)
    save_rule(db, ApprovalRule("protect", "protective", "sell", 1e6), NEXT_EVENING)

    def arrive(price: float, at: str) -> None:
        on_quotes(db, SETTINGS, [Quote("KO", price, at, "test", at)], at)

    arrive(47.0, "2020-01-06T15:00:00Z")
    arrive(47.0, "2020-01-06T15:00:00Z")
    assert len(load_fills(db)) == 2  # the two purchases
    arrive(46.5, "2020-01-06T15:01:00Z")
    arrive(46.0, "2020-01-06T15:02:00Z")
    sale = load_fills(db)[-1]
    assert (sale.side, sale.market_price, sale.basis) == ("sell", 46.5, "quote")
    alerts = load_entries(db, kinds=["alert"])
    assert [entry.price for entry in alerts] == [47.0]
    assert "below today's range" in alerts[0].reason


def test_the_view_tells_cash_positions_and_profit_after_costs(db: sqlite3.Connection) -> None:
    [ko, _] = proposed(db)
    decide(db, [ko], approve=True, note="", now=NIGHT)
    save_bars(db, SECOND, 50.0, 55.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    view = load_account_view(db, SETTINGS, NEXT_EVENING)
    [position] = view.positions
    paid = 100 * 50.0 * 1.0005
    assert view.cash == pytest.approx(10_000 - paid * 1.0005)
    assert position.value == 100 * 55.0
    assert view.profit == pytest.approx(100 * 55.0 - paid * 1.0005)
    assert view.costs == pytest.approx(100 * 50 * 0.0005 + paid * 0.0005)


def test_an_account_is_opened_once_with_the_settings_cash(db: sqlite3.Connection) -> None:
    with pytest.raises(BadInput, match="open already"):
        deposit(db, SETTINGS, None, "", NIGHT)
    with pytest.raises(BadInput, match="above 0"):
        deposit(db, SETTINGS, -5.0, "", NIGHT)
    deposit(db, SETTINGS, 500.0, "", NIGHT)
    later = replace(SETTINGS, paper_cash=1.0)  # a setting changed later leaves the account as it is
    assert sum(amount for _, amount in terms_of(db, later).paid_in) == 10_500.0


def test_beginnings_of_ids_name_orders_unless_they_name_several(db: sqlite3.Connection) -> None:
    [ko, _] = proposed(db)
    assert find_orders(db, [ko.order_id[:12]]) == [ko]
    with pytest.raises(BadInput, match="names 2 orders"):
        find_orders(db, ["bg-"])
    with pytest.raises(BadInput, match="names no order"):
        find_orders(db, ["xx"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed that was forked")
@pytest.mark.parametrize("dies_before", ["save_outcomes", "save_orders", "save_entries", "nothing"])
def test_a_pass_that_is_killed_and_started_again_doubles_no_order(tmp_path: Path, dies_before: str) -> None:
    """Kill the process between filling, proposing and approving; the next pass comes to the same record."""
    fill_home(tmp_path)
    with closing(open_home(tmp_path)) as db:
        turn(db, SETTINGS, AUTOMATIC_SWITCH, True, "", EVENING)
        keep_account(db, SETTINGS, EVENING)
        save_bars(db, SECOND, 51.0, 52.0)
        said = [replace(forecast_of(t, SECOND, THIRD), horizon=5) for t in ("KO", "PEP")]
        save_forecasts(db, said, NEXT_EVENING)
    tight = replace(SETTINGS, paper_most_risk=0.001)  # proposes sales on top of the fills
    if (child := os.fork()) == 0:
        try:
            _die_before(dies_before)
            with closing(open_home(tmp_path)) as db:
                keep_account(db, tight, NEXT_EVENING)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) == (dies_before != "nothing")
    with closing(open_home(tmp_path)) as db:
        for _ in range(2):
            keep_account(db, tight, NEXT_EVENING)
        fills, orders = load_fills(db), load_orders(db)
    assert sorted(fill.ticker for fill in fills) == ["KO", "PEP"]
    assert len({order.order_id for order in orders}) == len(orders) == 4
    assert {(order.ticker, order.side, order.session) for order in orders} == {
        ("KO", "buy", FIRST), ("PEP", "buy", FIRST), ("KO", "sell", SECOND), ("PEP", "sell", SECOND),
    }  # fmt: skip


def _die_before(name: str) -> None:
    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    import desktop_app.account
    import fusion_model.store_orders

    if name == "save_entries":
        desktop_app.account.save_entries = die  # type: ignore[assignment]
    elif name != "nothing":
        setattr(fusion_model.store_orders, name, die)


def test_the_more_prices_are_watched_the_less_probable_one_must_be_for_an_alert(
    db: sqlite3.Connection,
) -> None:
    terms = terms_of(db, Settings(alert_p_value=0.01, alert_false_share=0.2))
    assert [quote_threshold(terms, watched) for watched in (0, 5, 500)] == [0.01, 0.01, 0.2 / 500]


def test_the_doctor_reconciles_the_account(db: sqlite3.Connection, tmp_path: Path) -> None:
    [ko, pep] = proposed(db)
    decide(db, [ko], approve=True, note="", now=NIGHT)
    save_bars(db, SECOND, 51.0, 52.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    assert [one for one in examine(tmp_path, now=NEXT_EVENING) if one.subject == "account"] == []
    [bought] = load_fills(db)
    later = "2020-01-06T14:30:00Z"
    own = replace(pep, order_id="bg-unasked", occasion="never asked")
    save_orders(db, [own])
    save_outcomes(
        db, [replace(bought, order_id="bg-unasked", ticker="PEP", session=THIRD, filled_at=later)], [], later
    )
    [complaint] = [one for one in examine(tmp_path, now="2020-01-06T22:00:00Z") if one.subject == "account"]
    assert "filled without an approval" in complaint.sentence
    assert complaint.mend.startswith("barograph account kill")


def test_the_doctor_asks_for_alpacas_keys_only_where_it_is_the_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.delenv("ALPACA_API_KEY", raising=False)

    def missing() -> bool:
        return any("ALPACA_API_KEY" in one.sentence for one in examine(tmp_path, now=NIGHT))

    assert not missing()
    save_settings(tmp_path, Settings(broker="alpaca"))
    assert missing()


def test_rebalancing_aims_at_the_newest_portfolio_of_the_chosen_method(db: sqlite3.Connection) -> None:
    chosen = replace(SETTINGS, paper_weights="min_cvar")
    assert keep_account(db, chosen, EVENING).proposals.orders == ()  # nothing was suggested yet
    run = PortfolioRun(
        FIRST, 5, THIRD, "v1", 1000, 0.0, 1.0, 1.0, 1.0, 0.001, 0.0, "", "", 0, None, "too short"
    )
    weights = (
        SuggestedWeight("min_cvar", "KO", 0.0, 0.3, 0.2, 0.4),
        SuggestedWeight("equal_risk", "PEP", 0.0, 0.4, 0.2, 0.4),
    )
    save_portfolio(db, PortfolioFindings(run, (), weights, (), ()), EVENING)
    [order] = keep_account(db, chosen, EVENING).proposals.orders
    assert (order.ticker, order.shares) == ("KO", 60)
    assert "by the portfolio “Minimum CVaR” of 2 Jan 2020 it would be 30.0 %" in order.reason


def test_quotes_of_the_watch_reach_the_account(db: sqlite3.Connection, tmp_path: Path) -> None:
    """What serve hands to the watch: the present moment decides, so quotes of 2020 find no session."""
    save_settings(tmp_path, SETTINGS)
    quote = Quote("KO", 40.0, "2020-01-03T15:00:00Z", "test", "2020-01-03T15:00:01Z")
    react_to_quotes(tmp_path)(db, [quote])
    assert load_orders(db) == []
    assert _followed(db) == ["KO", "PEP"]


def test_what_was_just_sold_to_protect_is_not_bought_back_at_once(db: sqlite3.Connection) -> None:
    """Once, the evening's rebalancing bought back what the day's protective order had sold."""
    turn(db, SETTINGS, AUTOMATIC_SWITCH, True, "", EVENING)
    keep_account(db, SETTINGS, EVENING)
    save_bars(db, SECOND, 50.0, 50.0)
    keep_account(db, SETTINGS, NEXT_EVENING)
    save_forecasts(db, [forecast_of(t, SECOND, THIRD) for t in ("KO", "PEP")], NEXT_EVENING)
    for at in ("2020-01-06T15:00:00Z", "2020-01-06T15:01:00Z"):
        on_quotes(db, SETTINGS, [Quote("KO", 47.0, at, "test", at)], at)
    assert [fill.side for fill in load_fills(db)] == ["buy", "buy", "sell"]
    sessions = sessions_between(THIRD, "2020-01-13")
    bought = []
    for session, following in pairwise(sessions):
        save_bars(db, session, 48.0, 48.0)
        evening = f"{session}T21:30:00Z"
        save_forecasts(db, [forecast_of(t, session, following) for t in ("KO", "PEP")], evening)
        orders = keep_account(db, SETTINGS, evening).proposals.orders
        bought.append(any((order.ticker, order.side) == ("KO", "buy") for order in orders))
    assert bought == [False, False, False, False, False]
    save_bars(db, sessions[-1], 48.0, 48.0)
    save_forecasts(db, [forecast_of(t, sessions[-1], "2020-01-14") for t in ("KO", "PEP")], EVENING)
    orders = keep_account(db, SETTINGS, "2020-01-13T21:30:00Z").proposals.orders
    assert [(order.ticker, order.side) for order in orders] == [("KO", "buy")]
