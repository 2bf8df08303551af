"""What to propose to a paper account: from target weights, forecasts, unusual sessions and quotes to orders.

No strategy here knows where a price goes next, and none says so: direction showed no skill
(docs/forecasting.md). They answer another question, how much is at risk, and each says why in plain words.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fusion_model.advice.paper_account import Account
from fusion_model.findings import QUANTILE_LEVELS, Anomaly, Forecast, Order

PAPER = "paper"  # the embedded account
BUY, SELL = "buy", "sell"
REBALANCE, RISK, PROTECTIVE, UNUSUAL, OWN = "rebalance", "risk", "protective", "unusual", "own"
STRATEGIES = {
    REBALANCE: "towards the suggested weights, where a holding strays from them",
    RISK: "less of a position whose forecast loss or share of the account is above your limits",
    PROTECTIVE: "half of a position whose price left today's 95 % forecast range",
    UNUSUAL: "a quarter less of a position after a very unusual session",
}
LOW, HIGH = QUANTILE_LEVELS.index(0.025), QUANTILE_LEVELS.index(0.975)
RISK_LEVEL, RISK_HORIZON = QUANTILE_LEVELS.index(0.05), 5
SLACK = 0.1  # of a limit; what is above it by less is left, since each trade costs
SPLIT_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0)
SPLIT_NEAR = 0.12  # relative; a day's own move beside a split's
# Measured on 2012-2016, 107 stocks (benchmarks/protective.py); docs/decisions-support.md has the table.
PROTECTIVE_RECORD = (
    "It takes risk off and gains nothing: in 2012-2016 prices moved more after such sessions, and selling "
    "then lost money on average."
)
NO_DIRECTION = "This says nothing about where the price goes next."


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and for whom orders are proposed; ``session`` is the last one closed at ``at``."""

    account: str
    session: str
    at: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class DayRange:
    """The central 95 % of a ticker's close of ``session``, forecast at the close before, in USD of now."""

    ticker: str
    session: str
    last_close: float
    low: float
    high: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Breach:
    """A quote outside of today's range; ``distance`` counts half widths of the range beyond its edge.

    ``looks_like_split``: the price stands at a split's ratio to the last close, so nothing is proposed on it.
    """

    ticker: str
    price: float
    quoted_at: str
    range: DayRange
    distance: float
    looks_like_split: bool

    @property
    def side(self) -> str:
        """Below or above."""
        return "below" if self.price < self.range.low else "above"

    @property
    def occasion(self) -> str:
        """What makes two quotes the same: session and side."""
        return f"{self.range.session} {self.side}"

    @property
    def sentence(self) -> str:
        """What happened, in plain words."""
        told = (
            f"{self.ticker} stands at {usd(self.price)}, {self.side} today's range of "
            f"{usd(self.range.low)} to {usd(self.range.high)}, which 19 of 20 sessions should end in."
        )
        if self.looks_like_split:
            return f"{told} It looks like a split that is not recorded yet, so nothing is proposed on it."
        return told


def day_ranges(forecasts: Iterable[Forecast], splits: Mapping[str, float]) -> dict[str, DayRange]:
    """Return today's 95 % range by ticker, from the one-session forecasts among those given.

    ``splits`` gives how many of today's shares one share of the forecast's session became, where not one.
    """
    ranges = {}
    for said in forecasts:
        if said.horizon != 1:
            continue
        close = said.last_close / splits.get(said.ticker, 1.0)
        ranges[said.ticker] = DayRange(
            said.ticker,
            said.target_session,
            close,
            close * math.exp(said.quantiles[LOW]),
            close * math.exp(said.quantiles[HIGH]),
            said.quantiles,
        )
    return ranges


def breaches(prices: Iterable[tuple[str, float, str]], ranges: Mapping[str, DayRange]) -> list[Breach]:
    """Return the quotes (ticker, price, quoted_at) of a range's own session outside of it, furthest first."""
    found = []
    for ticker, price, quoted_at in prices:
        today = ranges.get(ticker)
        if today is None or quoted_at[:10] != today.session or today.low <= price <= today.high:
            continue
        edge = today.low if price < today.low else today.high
        half = math.log(today.high / today.low) / 2
        found.append(
            Breach(
                ticker,
                price,
                quoted_at,
                today,
                abs(math.log(price / edge)) / half if half > 0 else math.inf,
                _near_a_split(price / today.last_close),
            )
        )
    return sorted(found, key=lambda breach: (-breach.distance, breach.ticker))


def protect(occasion: Occasion, account: Account, left: Sequence[Breach]) -> list[Order]:
    """Propose to halve each position whose price left today's range, on either side, once a session."""
    proposed = []
    for breach in left:
        position = account.positions.get(breach.ticker)
        if position is None or breach.looks_like_split:
            continue
        shares = _part(position.shares, 0.5)
        reason = (
            f"{breach.sentence} Moves are larger than the position was sized for, so half of it is proposed "
            f"for sale: {_shares(shares)} of {_shares(position.shares)}. {PROTECTIVE_RECORD}"
        )
        proposed.append(
            propose(
                occasion, PROTECTIVE, breach.ticker, SELL, shares, breach.occasion,
                breach.price, reason, breach.range,
            )
        )  # fmt: skip
    return proposed


def rebalance(
    occasion: Occasion,
    account: Account,
    prices: Mapping[str, float],
    targets: Mapping[str, float],
    *,
    band: float,
    method: str,
    ranges: Mapping[str, DayRange],
) -> list[Order]:
    """Propose what brings each holding to its target, where it strays by more than ``band``; sales first.

    Parameters
    ----------
    targets : mapping of ticker to share of the account's worth
        Not above 1 in all; what is left stays in cash. A holding without a target is sold.
    band : float
        In shares of the account's worth, so that small drifts cause no trading.
    method : str
        Whose weights these are, in words.
    """
    proposed = []
    for ticker in sorted({*targets, *account.positions}):
        price, target = prices.get(ticker), targets.get(ticker, 0.0)
        held = account.positions[ticker].shares if ticker in account.positions else 0.0
        if price is None or account.equity <= 0:
            continue
        weight = held * price / account.equity
        gone = target == 0.0 and held > 0
        if abs(weight - target) <= band and not gone:
            continue
        wanted = target * account.equity / price - held
        side, shares = (BUY, math.floor(wanted)) if wanted > 0 else (SELL, math.floor(-wanted))
        shares_ = held if gone else float(shares)
        if shares_ <= 0:
            continue
        reason = (
            f"{ticker} is {percent_of(weight)} of the account; by {method} it would be {percent_of(target)}: "
            f"{side} {_shares(shares_)} at about {usd(price)}. {NO_DIRECTION}"
        )
        proposed.append(
            propose(
                occasion,
                REBALANCE,
                ticker,
                side,
                shares_,
                occasion.session,
                price,
                reason,
                ranges.get(ticker),
            )
        )
    return sorted(proposed, key=lambda order: (order.side == BUY, order.ticker))


def keep_within(
    occasion: Occasion,
    account: Account,
    prices: Mapping[str, float],
    forecasts: Iterable[Forecast],
    *,
    most_position: float,
    most_risk: float,
    ranges: Mapping[str, DayRange],
) -> list[Order]:
    """Propose to cut positions that are above the person's limits by SLACK or more, the largest excess first.

    Parameters
    ----------
    most_position : float
        Share of the account's worth in one ticker.
    most_risk : float
        Share of the account's worth that one position may lose over 5 sessions, in 19 of 20 cases.
    """
    falls = five_session_falls(forecasts)
    found: list[tuple[float, Order]] = []
    for ticker, position in account.positions.items():
        price = prices.get(ticker)
        if price is None or account.equity <= 0:
            continue
        weight, fall = position.shares * price / account.equity, falls.get(ticker, 0.0)
        allowed = most_weight(fall, most_position, most_risk)
        if weight <= allowed * (1 + SLACK):
            continue
        shares = min(position.shares, float(math.ceil(position.shares * (1 - allowed / weight))))
        why = (
            f"over 5 sessions it may cost {percent_of(weight * fall)} of it or more in one case of twenty, "
            f"and your limit is {percent_of(most_risk)}"
            if allowed < most_position
            else f"your limit for one position is {percent_of(most_position)}"
        )
        reason = (
            f"{ticker} is {percent_of(weight)} of the account: {why}; sell {_shares(shares)} at about "
            f"{usd(price)}. {NO_DIRECTION}"
        )
        order = propose(
            occasion, RISK, ticker, SELL, shares, occasion.session, price, reason, ranges.get(ticker)
        )
        found.append((weight / allowed, order))
    return [order for _, order in sorted(found, key=lambda pair: (-pair[0], pair[1].ticker))]


def five_session_falls(forecasts: Iterable[Forecast]) -> dict[str, float]:
    """Return by ticker the share of its price that it loses over 5 sessions in one case of 20, or more."""
    return {
        said.ticker: max(0.0, -math.expm1(said.quantiles[RISK_LEVEL]))
        for said in forecasts
        if said.horizon == RISK_HORIZON
    }


def most_weight(fall: float, most_position: float, most_risk: float) -> float:
    """Return the largest share of an account that limits allow a ticker with such a fall."""
    return min(most_position, most_risk / fall if fall > 0 else math.inf)


def after_unusual(
    occasion: Occasion,
    account: Account,
    prices: Mapping[str, float],
    anomalies: Iterable[Anomaly],
    *,
    p_value: float,
    ranges: Mapping[str, DayRange],
) -> list[Order]:
    """Propose to sell a quarter of each position whose last session was no more probable than ``p_value``.

    A session is judged by all its measures together; by its least probable one where that is not stored.
    """
    of_session = [found for found in anomalies if found.session == occasion.session]
    whole = {found.ticker: found for found in of_session if found.measure == "joint"}
    least: dict[str, Anomaly] = {}
    for found in of_session:
        judged = whole.get(found.ticker, found)
        if judged.p_value <= p_value:
            before = least.get(found.ticker)
            least[found.ticker] = judged if before is None or judged.p_value < before.p_value else before
    proposed = []
    for ticker, found in sorted(least.items(), key=lambda item: (item[1].p_value, item[0])):
        position, price = account.positions.get(ticker), prices.get(ticker)
        if position is None or price is None:
            continue
        shares = _part(position.shares, 0.25)
        reason = (
            f"{found.reason} Unusual sessions of {ticker} often come together, so a quarter of the position "
            f"is proposed for sale: {_shares(shares)} of {_shares(position.shares)}. {NO_DIRECTION}"
        )
        proposed.append(
            propose(
                occasion, UNUSUAL, ticker, SELL, shares, occasion.session, price, reason, ranges.get(ticker)
            )
        )
    return proposed


def propose(
    occasion: Occasion,
    strategy: str,
    ticker: str,
    side: str,
    shares: float,
    why_now: str,
    price: float,
    reason: str,
    shown: DayRange | None,
) -> Order:
    """Return an order whose id follows from what triggered it: account, strategy, ticker, side, occasion."""
    return Order(
        order_id=order_id_of(occasion.account, strategy, ticker, side, why_now),
        account=occasion.account,
        strategy=strategy,
        ticker=ticker,
        side=side,
        shares=shares,
        occasion=why_now,
        session=occasion.session,
        price=price,
        range_low=shown.low if shown else None,
        range_high=shown.high if shown else None,
        reason=reason,
        proposed_at=occasion.at,
        valid_until=occasion.valid_until,
    )


def order_id_of(account: str, strategy: str, ticker: str, side: str, occasion: str) -> str:
    """Return the client order id of an occasion; brokers refuse a second order under the same one."""
    said = "|".join((account, strategy, ticker, side, occasion))
    return f"bg-{hashlib.sha256(said.encode()).hexdigest()[:24]}"


def protective_id(account: str, breach: Breach) -> str:
    """Return the id of the order that a breach leads to."""
    return order_id_of(account, PROTECTIVE, breach.ticker, SELL, breach.occasion)


def without_open(orders: Iterable[Order], open_tickers: Collection[str]) -> list[Order]:
    """Leave out orders in tickers that have one under way, and all but the first of each ticker."""
    taken, kept = set(open_tickers), []
    for order in orders:
        if order.ticker not in taken:
            taken.add(order.ticker)
            kept.append(order)
    return kept


def usd(amount: float) -> str:
    """Return an amount of USD with cents."""
    return f"${amount:,.2f}"


def _near_a_split(ratio: float) -> bool:
    """Tell whether a price stands to the last close as after a split, or a reverse split."""
    return any(
        abs(math.log(ratio * split)) < SPLIT_NEAR * math.log(split)
        or abs(math.log(ratio / split)) < SPLIT_NEAR * math.log(split)
        for split in SPLIT_RATIOS
    )


def _part(held: float, part: float) -> float:
    """Return a part of a holding in whole shares, at least one, at most all."""
    return min(held, float(max(1, math.ceil(held * part))))


def _shares(number: float) -> str:
    return (
        f"{number:,.4g} share{'' if number == 1 else 's'}"
        if number % 1
        else (f"{number:,.0f} share{'' if number == 1 else 's'}")
    )


def percent_of(fraction: float) -> str:
    """Return a fraction as percent."""
    return f"{fraction * 100:.1f} %"
