"""A paper account follows from its fills: splits and dividends as of their session, and no figure drifts."""

from __future__ import annotations

import numpy as np
import pytest

from fusion_model.advice.paper_account import Account, derive_account, paid_by, with_fill
from fusion_model.findings import Fill


def fill(
    side: str, shares: float, price: float, session: str, *, fee: float = 0.0, ticker: str = "KO"
) -> Fill:
    name, at = f"{side} {session} {ticker} {shares}", f"{session}T14:30:00Z"
    return Fill(name, "paper", ticker, side, shares, price, price, fee, session, at, "open")


def derived(
    fills: list[Fill], actions: list[tuple[str, str, str, float]], session: str, price: float
) -> Account:
    paid_in = [("2020-01-01T00:00:00Z", 1000.0)]
    return derive_account(
        "paper", paid_in=paid_in, fills=fills, actions=actions, prices={"KO": price}, session=session
    )


def test_average_cost_and_realised_profit_are_after_fees() -> None:
    fills = [
        fill("buy", 10, 20.0, "2020-01-02", fee=1.0),
        fill("buy", 10, 30.0, "2020-01-03", fee=1.0),
        fill("sell", 5, 40.0, "2020-01-06", fee=0.5),
    ]
    account = derived(fills, [], "2020-01-06", 40.0)
    assert account.positions["KO"].average_cost == pytest.approx(502 / 20)
    assert account.realised == pytest.approx(5 * 40 - 0.5 - 5 * 25.1)
    assert account.cash == pytest.approx(1000 - 201 - 301 + 199.5)
    assert account.costs == 2.5
    assert account.unrealised == pytest.approx(15 * (40 - 25.1))
    assert account.profit == pytest.approx(account.realised + account.unrealised)


def test_money_of_a_weekend_belongs_to_the_session_before_it() -> None:
    paid_in = [("2020-01-03T02:00:00Z", 1.0), ("2020-01-04T12:00:00Z", 10.0), ("2020-01-06T01:00:00Z", 100.0)]
    assert [paid_by(paid_in, day) for day in ("2020-01-02", "2020-01-03", "2020-01-06")] == [0, 11, 111]


def test_a_split_multiplies_shares_and_leaves_the_worth() -> None:
    held = [fill("buy", 10, 20.0, "2020-01-02")]
    before = derived(held, [("KO", "2020-01-06", "split", 4.0)], "2020-01-03", 20.0)
    after = derived(held, [("KO", "2020-01-06", "split", 4.0)], "2020-01-06", 5.0)
    assert (before.positions["KO"].shares, after.positions["KO"].shares) == (10, 40)
    assert after.positions["KO"].average_cost == 5.0
    assert before.equity == after.equity == 1000.0


def test_shares_bought_on_the_split_day_are_new_ones() -> None:
    fills = [fill("buy", 10, 20.0, "2020-01-02"), fill("buy", 10, 5.0, "2020-01-06")]
    account = derived(fills, [("KO", "2020-01-06", "split", 4.0)], "2020-01-06", 5.0)
    assert account.positions["KO"].shares == 50


def test_a_dividend_is_paid_on_what_was_held_before_its_session_after_the_split() -> None:
    fills = [fill("buy", 10, 20.0, "2020-01-02"), fill("buy", 10, 10.0, "2020-01-06")]
    actions = [("KO", "2020-01-06", "dividend", 0.5), ("KO", "2020-01-06", "split", 2.0)]
    account = derived(fills, actions, "2020-01-06", 10.0)
    assert account.dividends == 20 * 0.5
    assert account.cash == 1000 - 200 - 100 + 10


def test_what_happens_later_changes_nothing_earlier() -> None:
    fills = [fill("buy", 10, 20.0, "2020-01-02"), fill("sell", 10, 99.0, "2020-01-08")]
    actions = [("KO", "2020-01-07", "split", 2.0), ("KO", "2020-01-07", "dividend", 9.0)]
    assert derived(fills, actions, "2020-01-06", 20.0) == derived(fills[:1], [], "2020-01-06", 20.0)


def test_worth_is_what_was_paid_in_and_gained_whatever_was_traded() -> None:
    random = np.random.default_rng(3)
    sessions = [f"2020-02-{day:02d}" for day in range(1, 29)]
    fills, held = [], 0.0
    for session in sessions:
        buy = held < 1 or random.random() < 0.6
        shares = float(random.integers(1, 9)) if buy else float(random.integers(1, int(held) + 1))
        held += shares if buy else -shares
        price = float(random.uniform(5, 15))
        fills.append(fill("buy" if buy else "sell", shares, price, session, fee=random.uniform(0, 1)))
    account = derived(fills, [("KO", "2020-02-10", "dividend", 0.3)], sessions[-1], 11.0)
    gained = account.realised + account.unrealised + account.dividends
    assert account.equity == pytest.approx(1000.0 + gained, abs=1e-9)
    assert account.positions["KO"].shares == pytest.approx(held)


def test_one_more_fill_comes_to_what_a_replay_does() -> None:
    fills = [
        fill("buy", 10, 20.0, "2020-01-02", fee=1.0),
        fill("buy", 5, 22.0, "2020-01-03", fee=0.5),
        fill("sell", 15, 30.0, "2020-01-03", fee=2.0, ticker="PEP"),
    ]
    before = derived([*fills[:1], fill("buy", 20, 25.0, "2020-01-02", ticker="PEP")], [], "2020-01-03", 21.0)
    bought = [*fills[:1], fill("buy", 20, 25.0, "2020-01-02", ticker="PEP"), *fills[1:]]
    assert with_fill(with_fill(before, fills[1]), fills[2]) == derived(bought, [], "2020-01-03", 21.0)
    gone = with_fill(before, fill("sell", 10, 30.0, "2020-01-03"))
    assert "KO" not in gone.positions


def test_a_position_sold_whole_is_gone() -> None:
    account = derived(
        [fill("buy", 3, 20.0, "2020-01-02"), fill("sell", 3, 21.0, "2020-01-03")], [], "2020-01-03", 1
    )
    assert account.positions == {}
    assert account.equity == account.cash == 1003.0
