"""A paper account, derived from what was paid in and filled: nothing is stored that could drift.

Splits and dividends count as of their session: before the first trade of it, on the shares held from the day
before. A dividend is credited on its ex-date, since no payment date is recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collectors.market_calendar import last_session_on_or_before, session_after
from fusion_model.findings import Fill

LEAST_SHARES = 1e-9  # what is left of a position by rounding alone


@dataclass(frozen=True, slots=True)
class Position:
    """Shares of today and what they cost on average, fees of buying included, in USD."""

    ticker: str
    shares: float
    average_cost: float
    price: float

    @property
    def worth(self) -> float:
        """USD at the last known price."""
        return self.shares * self.price

    @property
    def unrealised(self) -> float:
        """USD gained since bought, were it sold at the last known price without costs."""
        return self.shares * (self.price - self.average_cost)


@dataclass(frozen=True, slots=True)
class Account:
    """A paper account at the end of ``session``, in USD.

    ``realised`` is after fees and spreads; ``dividends`` come on top. ``costs`` are fees and spreads paid so
    far, already within the other figures.
    """

    name: str
    session: str
    paid_in: float
    cash: float
    realised: float
    dividends: float
    costs: float
    positions: Mapping[str, Position] = field(default_factory=dict)

    @property
    def unrealised(self) -> float:
        """USD gained on what is held."""
        return sum(position.unrealised for position in self.positions.values())

    @property
    def equity(self) -> float:
        """What the account is worth."""
        return self.cash + sum(position.worth for position in self.positions.values())

    @property
    def profit(self) -> float:
        """All that was gained, dividends included, after costs."""
        return self.equity - self.paid_in


def derive_account(
    name: str,
    *,
    paid_in: Iterable[tuple[str, float]],
    fills: Sequence[Fill],
    actions: Iterable[tuple[str, str, str, float]],
    prices: Mapping[str, float],
    session: str,
) -> Account:
    """Replay what was paid in and filled through a session.

    Parameters
    ----------
    paid_in : iterable of (instant, USD)
    fills : sequence of Fill
        Any order; those after ``session`` are passed over.
    actions : iterable of (ticker, session, kind, ratio or USD a share)
        Splits and dividends, as known at the time for which the account is asked.
    prices : mapping of ticker to USD a share of ``session``
        A holding without a price is valued at what it cost.
    """
    counted = [fill for fill in fills if fill.session <= session]
    tickers = {fill.ticker for fill in counted}
    acted: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    for ticker, on, kind, amount in actions:
        if ticker in tickers and on <= session:
            acted[on].append((ticker, kind, amount))
    filled: dict[str, list[Fill]] = defaultdict(list)
    for fill in counted:
        filled[fill.session].append(fill)
    ledger = _Ledger()
    for on in sorted({*acted, *filled}):
        for ticker, kind, amount in sorted(acted[on], key=lambda one: one[1] != "split"):
            ledger.act(ticker, kind, amount)
        for fill in sorted(filled[on], key=lambda one: (one.filled_at, one.order_id)):
            ledger.trade(fill)
    paid = paid_by(paid_in, session)
    held = {
        ticker: Position(ticker, shares, average := ledger.cost[ticker] / shares, prices.get(ticker, average))
        for ticker, shares in sorted(ledger.shares.items())
        if abs(shares) > LEAST_SHARES
    }  # fmt: skip
    return Account(
        name, session, paid, paid + ledger.cash, ledger.realised, ledger.dividends, ledger.costs, held
    )


def paid_by(paid_in: Iterable[tuple[str, float]], on: str) -> float:
    """Return the USD paid in through a day, and through the days without a session that follow it."""
    following = session_after(last_session_on_or_before(on), 1)
    return sum(amount for at, amount in paid_in if at[:10] < following)


class _Ledger:
    """Shares and what they cost, by ticker; cash gained since nothing."""

    def __init__(self) -> None:
        self.shares: dict[str, float] = defaultdict(float)
        self.cost: dict[str, float] = defaultdict(float)
        self.cash = self.realised = self.dividends = self.costs = 0.0

    def act(self, ticker: str, kind: str, amount: float) -> None:
        held = self.shares.get(ticker, 0.0)
        if abs(held) <= LEAST_SHARES:
            return
        if kind == "split":
            self.shares[ticker] = held * amount  # the cost stays: each share has cost less
        else:
            self.cash += held * amount
            self.dividends += held * amount

    def trade(self, fill: Fill) -> None:
        amount = fill.shares * fill.price
        self.costs += fill.fee + fill.shares * abs(fill.price - fill.market_price)
        if fill.side == "buy":
            self.cash -= amount + fill.fee
            self.shares[fill.ticker] += fill.shares
            self.cost[fill.ticker] += amount + fill.fee
            return
        held = self.shares[fill.ticker]
        given = self.cost[fill.ticker] * (fill.shares / held if held else 0.0)
        self.cash += amount - fill.fee
        self.realised += amount - fill.fee - given
        self.shares[fill.ticker] = held - fill.shares
        self.cost[fill.ticker] -= given


def with_fill(account: Account, fill: Fill) -> Account:
    """Return an account after one more fill of its session, as a replay of all of them would have it."""
    held = account.positions.get(fill.ticker)
    ledger = _Ledger()
    if held is not None:
        ledger.shares[fill.ticker], ledger.cost[fill.ticker] = held.shares, held.shares * held.average_cost
    ledger.trade(fill)
    positions = {ticker: position for ticker, position in account.positions.items() if ticker != fill.ticker}
    shares, cost = ledger.shares[fill.ticker], ledger.cost[fill.ticker]
    if abs(shares) > LEAST_SHARES:
        price = held.price if held is not None else fill.market_price
        positions[fill.ticker] = Position(fill.ticker, shares, cost / shares, price)
    return replace(
        account,
        cash=account.cash + ledger.cash,
        realised=account.realised + ledger.realised,
        costs=account.costs + ledger.costs,
        positions=positions,
    )
