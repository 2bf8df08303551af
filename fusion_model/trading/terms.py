"""What comes down to a paper account from the person, and what goes back up."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusion_model.advice import orders as strategies
from fusion_model.advice.fills import Costs
from fusion_model.advice.order_limits import OrderLimits
from fusion_model.advice.orders import PAPER, Breach
from fusion_model.findings import Order, UnusualQuote


@dataclass(frozen=True, slots=True)
class Terms:
    """What the person decided about an account; see advice.order_limits and advice.orders for the figures.

    ``paid_in`` are (instant, USD); empty: no account was opened. ``kills`` are when the kill switch was
    turned on: each cancels all that was proposed by then, for good. ``unusual_p_value`` is from where on a
    session is unusual, ``quotes_false_share`` how many alerts on its prices may be chance, ``band``
    how far a holding may stray from its target.
    """

    account: str = PAPER
    paid_in: tuple[tuple[str, float], ...] = ()
    strategies: tuple[str, ...] = (strategies.REBALANCE, strategies.RISK, strategies.PROTECTIVE)
    limits: OrderLimits = field(default_factory=OrderLimits)
    costs: Costs = field(default_factory=Costs)
    most_risk: float = 0.02
    band: float = 0.02
    unusual_p_value: float = 0.001
    quotes_false_share: float = 0.2
    killed: bool = False
    kills: tuple[str, ...] = ()

    @property
    def killed_at(self) -> str:
        """When the kill switch was last turned on; empty where it never was."""
        return max(self.kills, default="")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the person, or a rule of theirs, said to an order, and when."""

    approved: bool
    at: str


@dataclass(frozen=True, slots=True)
class Proposals:
    """Orders proposed now, those held back with the limit that did so, and why nothing was, if so."""

    orders: tuple[Order, ...] = ()
    held_back: tuple[tuple[Order, str], ...] = ()
    why_none: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What quotes led to: prices outside of today's range, improbable ones, and proposals."""

    breaches: tuple[Breach, ...] = ()
    unusual: tuple[UnusualQuote, ...] = ()
    proposals: Proposals = field(default_factory=Proposals)
