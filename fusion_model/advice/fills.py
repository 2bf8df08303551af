"""What an order is filled at: the next price after the decision, made worse by half the spread, and a fee."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fusion_model.findings import Fill, Order

BASIS_POINT = 1e-4


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs: half the spread and a fee in hundredths of a percent, and the least fee in USD."""

    half_spread_bp: float = 5.0
    fee_bp: float = 5.0
    least_fee: float = 0.0

    def traded_at(self, side: str, price: float) -> float:
        """Return the price a share with half the spread against whoever trades."""
        half = self.half_spread_bp * BASIS_POINT
        return price * (1.0 + half if side == "buy" else 1.0 - half)

    def fee(self, amount: float) -> float:
        """Return the fee of an amount of USD."""
        return max(self.least_fee, amount * self.fee_bp * BASIS_POINT)

    def buying(self, price: float) -> float:
        """Return what one share costs to buy, without the least fee."""
        return self.traded_at("buy", price) * (1.0 + self.fee_bp * BASIS_POINT)


@dataclass(frozen=True, slots=True)
class NextPrice:
    """The first price that could be traded at after an instant; ``basis`` is open or quote."""

    price: float
    at: str
    session: str
    basis: str


def next_price(
    after: str,
    *,
    opens: Iterable[tuple[str, str, float]],
    quotes: Iterable[tuple[str, str, float]],
) -> NextPrice | None:
    """Return the first price after an instant, or None while there is none.

    Parameters
    ----------
    after : str
        The instant of the decision; a price of that very second, as the one that triggered it, is not taken.
    opens : iterable of (session, opened_at, price)
    quotes : iterable of (quoted_at, available_at, price)
        One that was read late does not count from before it was read: both instants must be later.
    """
    known = [NextPrice(price, at, session, "open") for session, at, price in opens if at > after]
    known += [
        NextPrice(price, quoted_at, quoted_at[:10], "quote")
        for quoted_at, available_at, price in quotes
        if quoted_at > after and available_at > after
    ]
    return min(known, key=lambda one: (one.at, one.basis), default=None)


def fill_at(order: Order, shares: float, at: NextPrice, costs: Costs, note: str = "") -> Fill:
    """Return the fill of so many shares at a price."""
    price = costs.traded_at(order.side, at.price)
    return Fill(
        order_id=order.order_id,
        account=order.account,
        ticker=order.ticker,
        side=order.side,
        shares=shares,
        market_price=at.price,
        price=price,
        fee=costs.fee(shares * price),
        session=at.session,
        filled_at=at.at,
        basis=at.basis,
        note=note,
    )
