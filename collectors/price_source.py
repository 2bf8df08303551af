"""What every source of daily bars gives, so that one can stand in for another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from collectors.records import CorporateAction, PriceBar


@dataclass(frozen=True, slots=True)
class History:
    """What a source says of one ticker, oldest first, and its own dividend-adjusted close by session."""

    bars: list[PriceBar]
    actions: list[CorporateAction]
    adjusted_close: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceSource:
    """A name, as it stands in ``source``, and how to ask for a ticker's sessions from first to last.

    ``fetch`` raises SkipItem where the source has nothing, RetryLater where it is slow, busy or out of reach.
    The bars of an ``adjusted`` source are restated for splits that came later, without telling of them.
    """

    name: str
    fetch: Callable[[str, str, str], History]
    adjusted: bool = False
