"""What no order may exceed: limits of position, loss and rate, and the kill switch, before any trade."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fusion_model.advice.fills import Costs
from fusion_model.advice.orders import BUY, percent_of, usd
from fusion_model.advice.paper_account import Account
from fusion_model.findings import Order


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """The person's limits.

    ``most_position`` and ``most_order`` are shares of the account's worth in one ticker and in one purchase;
    ``most_loss`` is the loss since the close before, as a share of the worth then, from which nothing is
    bought; ``most_orders`` are filled or sent in one session.
    """

    most_position: float = 0.20
    most_order: float = 0.20
    most_loss: float = 0.05
    most_orders: int = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """What limits are held against: the account now, its worth at the close before, orders of this session.

    ``worth_before`` counts what was paid in since, so that a deposit is no gain. ``spoken_for`` is cash that
    orders before this one take (negative: sales bring it).
    """

    account: Account
    worth_before: float
    orders_today: int
    killed: bool = False
    spoken_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many shares may be traded, none where it is refused, and why fewer than asked."""

    shares: float
    reason: str = ""


def judge(
    order: Order, shares: float, price: float, standing: Standing, limits: OrderLimits, costs: Costs
) -> Verdict:
    """Return what of an order is within the limits at a price.

    ``shares`` are those of now (an order from before a split has others). A purchase is cut to what limits
    and cash allow; a sale to what is held, and no loss limit stands in its way, since it takes risk off.
    """
    if standing.killed:
        return Verdict(0.0, "the kill switch is on")
    if standing.orders_today >= limits.most_orders:
        return Verdict(0.0, f"{limits.most_orders} orders were traded this session, which is your limit")
    account = standing.account
    position = account.positions.get(order.ticker)
    held = position.shares if position else 0.0
    if order.side != BUY:
        if held <= 0:
            return Verdict(0.0, f"no shares of {order.ticker} are held")
        return Verdict(shares) if shares <= held else Verdict(held, f"only {held:,.4g} shares are held")
    lost = 1.0 - account.equity / standing.worth_before if standing.worth_before > 0 else 0.0
    if lost >= limits.most_loss:
        return Verdict(
            0.0,
            f"the account lost {percent_of(lost)} since the close before, and nothing is bought from "
            f"{percent_of(limits.most_loss)} on",
        )
    cash, pay = account.cash - standing.spoken_for, costs.buying(price)
    room = [
        (
            (limits.most_position * account.equity - held * price) / price,
            f"your limit for one position is {percent_of(limits.most_position)} of the account",
        ),
        (
            limits.most_order * account.equity / price,
            f"your limit for one order is {percent_of(limits.most_order)} of the account",
        ),
        ((cash - costs.least_fee) / pay, f"there are {usd(cash)} in cash"),
    ]
    most, reason = min(room)
    return Verdict(shares) if shares <= most else Verdict(float(max(0, math.floor(most))), reason)
