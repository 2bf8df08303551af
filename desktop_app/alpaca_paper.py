"""Alpaca's paper account as a broker, over alpaca-py (the extra `alpaca`); any other host is refused.

It lives here because orders and keys are the person's: the trading floor reaches no web client, and the
collectors know no orders (docs/decisions/0006-where-brokers-live.md).
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from collectors.errors import ConfigurationError, SourceChanged
from collectors.market_calendar import instant
from collectors.retry import (
    LOOPBACK,
    PATIENT,
    RetryPolicy,
    call_with_retry,
    raise_for_busy,
    raise_for_refusal,
    unreachable,
)
from fusion_model.advice.brokers import Outcomes, Ticket
from fusion_model.findings import Fill, Order, OrderEnd

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

logger = logging.getLogger(__name__)

NAME = "alpaca"
SOURCE = "Alpaca's paper account"
PAPER_HOST = "paper-api.alpaca.markets"
TIMEOUT_S = 20.0
PAGE = 500  # orders in one answer, the most there are
ENDED = {"canceled": "cancelled", "expired": "expired", "rejected": "refused"}
ACCESS = "check ALPACA_API_KEY and ALPACA_SECRET_KEY: keys of a paper account, not of a live one"
NOT_ALLOWED = 40310000  # its code for too little cash or too few shares; wrong keys have none
NEW_YORK = ZoneInfo("America/New_York")

T = TypeVar("T")


class _NotThere(Exception):
    """Alpaca knows no such order."""


class _Refused(Exception):
    """Alpaca does not want this order; the text says why."""


def open_alpaca(
    key: str, secret: str, base_url: str = f"https://{PAPER_HOST}", policy: RetryPolicy = PATIENT
) -> AlpacaPaper:
    """Open the paper account of two keys; nothing is asked yet.

    Raises
    ------
    ConfigurationError
        The address is not that of Alpaca's paper accounts (a live account is never traded), or alpaca-py is
        not installed.
    """
    refuse_live(base_url)
    try:
        with warnings.catch_warnings():  # its stream, which is not used here, needs an older websockets
            warnings.simplefilter("ignore", DeprecationWarning)
            from alpaca.trading.client import TradingClient
    except ImportError as error:
        raise ConfigurationError(
            "the broker Alpaca needs the extra `alpaca`: pip install 'barograph[alpaca]'"
        ) from error
    client = TradingClient(key, secret, paper=True, url_override=base_url.rstrip("/"))
    client._retry = 0  # we retry ourselves, with one policy for all sources
    _give_up_in_time(client)
    return AlpacaPaper(client, policy)


def refuse_live(base_url: str) -> None:
    """Raise ConfigurationError unless an address is Alpaca's paper host over HTTPS, or this machine."""
    address = urlsplit(base_url)
    paper = address.scheme == "https" and address.hostname == PAPER_HOST and address.port in (None, 443)
    if not paper and not (address.scheme in ("http", "https") and address.hostname in LOOPBACK):
        raise ConfigurationError(
            f"{address.scheme}://{address.hostname} is not Alpaca's paper account (https://{PAPER_HOST}); "
            "live accounts are out of scope, so nothing was sent there"
        )


class AlpacaPaper:
    """The broker behind fusion_model.advice.brokers.Broker; one market order for the day a ticket."""

    name = NAME

    def __init__(self, client: TradingClient, policy: RetryPolicy) -> None:
        self._client, self._policy = client, policy
        self._refused: dict[str, str] = {}

    def submit(self, ticket: Ticket) -> None:
        """Place an order under its own id; where an answer was lost, the next pass finds it there."""
        from alpaca.trading.enums import OrderSide, TimeInForce
        from alpaca.trading.requests import MarketOrderRequest

        order = ticket.order
        if self._find(order.order_id) is not None:
            return
        wanted = MarketOrderRequest(
            symbol=order.ticker.replace("-", "."),
            qty=ticket.shares,
            side=OrderSide(order.side),
            time_in_force=TimeInForce.DAY,
            client_order_id=order.order_id,
        )
        try:
            self._ask(lambda: self._client.submit_order(wanted))
        except _Refused as refusal:
            if "client_order_id" not in str(refusal):  # else an earlier request had come through
                self._refused[order.order_id] = str(refusal)

    def cancel(self, order_id: str) -> None:
        """Take an order back; what is filled meanwhile stays filled."""
        found = self._find(order_id)
        if found is not None and str(found.status.value) not in {"filled", *ENDED}:
            try:
                self._ask(lambda: self._client.cancel_order_by_id(found.id))
            except (_Refused, _NotThere) as error:
                logger.info("%s did not cancel %s: %s", SOURCE, order_id, error)

    def positions(self) -> dict[str, float]:
        """Return the shares held, by Alpaca's symbols."""
        held = self._ask(self._client.get_all_positions)
        return {position.symbol: float(position.qty) for position in held}

    def fills(self, orders: Collection[Order], now: str) -> Outcomes:
        """Return what became of orders, by their own ids."""
        if not orders:
            return Outcomes()
        theirs = self._since(min(order.proposed_at for order in orders))
        fills, ends, under_way = list[Fill](), list[OrderEnd](), set[str]()
        for order in orders:
            found = theirs.get(order.order_id)
            if order.order_id in self._refused:
                reason = f"{SOURCE}: {self._refused[order.order_id]}"
                ends.append(OrderEnd(order.order_id, order.account, "refused", reason, now))
            elif found is None:
                continue
            elif (status := str(found.status.value)) == "filled" or (status in ENDED and _traded(found)):
                fills.append(_fill(order, found))
            elif status in ENDED:
                ends.append(
                    OrderEnd(order.order_id, order.account, ENDED[status], f"{SOURCE}: {status}", now)
                )
            else:
                under_way.add(order.order_id)
        return Outcomes(tuple(fills), tuple(ends), frozenset(under_way))

    def _find(self, order_id: str) -> Any:
        try:
            return self._ask(lambda: self._client.get_order_by_client_id(order_id))
        except _NotThere:
            return None

    def _since(self, proposed_at: str) -> dict[str, Any]:
        """Return every order submitted since, by client id, page by page."""
        from alpaca.common.enums import Sort
        from alpaca.trading.enums import QueryOrderStatus
        from alpaca.trading.requests import GetOrdersRequest

        known: dict[str, Any] = {}
        after = datetime.fromisoformat(proposed_at) - timedelta(minutes=5)  # clocks differ
        while True:
            wanted = GetOrdersRequest(
                status=QueryOrderStatus.ALL, limit=PAGE, after=after, direction=Sort.ASC, nested=False
            )
            page: Any = self._ask(lambda wanted=wanted: self._client.get_orders(wanted))  # type: ignore[misc]
            new = [order for order in page if order.client_order_id not in known]
            known.update({order.client_order_id: order for order in page})
            if len(page) < PAGE or not new:
                return known
            after = page[-1].submitted_at

    def _ask(self, work: Callable[[], T]) -> Any:
        return call_with_retry(lambda: _answered(work), self._policy)


def _answered(work: Callable[[], T]) -> T:
    """The one door through which errors of alpaca-py, requests and pydantic become ours."""
    import requests
    from alpaca.common.exceptions import APIError
    from pydantic import ValidationError

    try:
        return work()
    except APIError as error:
        status, told = int(error.status_code or 0), _told(str(error))
        headers = error.response.headers if error.response is not None else {}
        raise_for_busy(SOURCE, status, headers)
        if status == 404:
            raise _NotThere(told.get("message", "")) from error
        if status == 422 or (status == 403 and told.get("code") == NOT_ALLOWED):
            raise _Refused(str(told.get("message", "no reason given"))) from error
        raise_for_refusal(SOURCE, status, ACCESS)
        raise SourceChanged(f"{SOURCE} answered HTTP {status}, which we do not know", str(error)) from error
    except requests.exceptions.JSONDecodeError as error:
        raise SourceChanged(f"{SOURCE} gave an answer that is no JSON") from error
    except requests.RequestException as error:
        raise unreachable(SOURCE, type(error).__name__) from error
    except (ValidationError, TypeError, KeyError) as error:
        what = type(error).__name__
        raise SourceChanged(f"{SOURCE} gave an answer of another shape than we know ({what})") from error


def _told(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _traded(found: Any) -> bool:
    return float(found.filled_qty or 0) > 0


def _fill(order: Order, found: Any) -> Fill:
    """Return Alpaca's word on a fill; its price has the spread in it, and paper trading has no fee."""
    at = (found.filled_at or found.updated_at).astimezone(UTC)
    shares, price = float(found.filled_qty), float(found.filled_avg_price)
    asked = float(found.qty or shares)
    return Fill(
        order_id=order.order_id,
        account=order.account,
        ticker=order.ticker,
        side=order.side,
        shares=shares,
        market_price=price,
        price=price,
        fee=0.0,
        session=at.astimezone(NEW_YORK).date().isoformat(),
        filled_at=instant(at),
        basis=NAME,
        note=""
        if shares >= asked
        else f"{shares:,.4g} of {asked:,.4g} were filled, then {found.status.value}",
    )


def _give_up_in_time(client: TradingClient) -> None:
    """Let no request wait for ever, and follow no proxy's or redirect's word on where to go."""
    from requests.adapters import HTTPAdapter

    class InTime(HTTPAdapter):
        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
            return super().send(request, **{**options, "timeout": TIMEOUT_S})

    for scheme in ("https://", "http://"):
        client._session.mount(scheme, InTime())
