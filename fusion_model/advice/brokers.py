"""What a broker is to us, one small interface; and the embedded one, which fills on paper."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fusion_model.advice.fills import Costs, NextPrice, fill_at
from fusion_model.findings import Fill, Order, OrderEnd


@dataclass(frozen=True, slots=True)
class Ticket:
    """An approved order within the limits, on its way to a broker: how many shares of now, and why fewer."""

    order: Order
    shares: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of orders: filled, ended without, or under way at the broker; the rest it does not know."""

    fills: tuple[Fill, ...] = ()
    ends: tuple[OrderEnd, ...] = ()
    under_way: frozenset[str] = frozenset()


class Broker(Protocol):
    """Where approved orders go; ``name`` is that of the account.

    Errors are those of the collectors: RetryLater where it cannot be reached, ConfigurationError where keys
    are missing or refused, SourceChanged where its answer has another shape.
    """

    name: str

    def submit(self, ticket: Ticket) -> None:
        """Place an order once: the same ``order_id`` again changes nothing."""

    def cancel(self, order_id: str) -> None:
        """Take an order back where it is not filled yet; one that is unknown changes nothing."""

    def positions(self) -> dict[str, float]:
        """Return the shares held, by ticker."""

    def fills(self, orders: Collection[Order], now: str) -> Outcomes:
        """Return what became of these orders by now."""


@dataclass(slots=True)
class PaperBroker:
    """The embedded paper account: an order is filled, whole, at the next price known for it."""

    name: str
    held: Mapping[str, float]
    next_prices: Mapping[str, NextPrice]  # by order_id, as of the decision on it
    costs: Costs
    _tickets: dict[str, Ticket] = field(default_factory=dict)

    def submit(self, ticket: Ticket) -> None:
        """Keep the order until its fills are asked for."""
        self._tickets.setdefault(ticket.order.order_id, ticket)

    def cancel(self, order_id: str) -> None:
        """Forget the order."""
        self._tickets.pop(order_id, None)

    def positions(self) -> dict[str, float]:
        """Return what was held before."""
        return dict(self.held)

    def fills(self, orders: Collection[Order], now: str) -> Outcomes:
        """Fill each order that was submitted and has a next price by now."""
        made, under_way = [], set()
        for order in orders:
            ticket, at = self._tickets.get(order.order_id), self.next_prices.get(order.order_id)
            if ticket is not None and at is not None and at.at <= now:
                made.append(fill_at(order, ticket.shares, at, self.costs, ticket.note))
            elif ticket is not None:
                under_way.add(order.order_id)
        return Outcomes(tuple(made), under_way=frozenset(under_way))
