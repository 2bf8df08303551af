"""Quotes of the session under way as Yahoo's socket sends them, in yfinance's encoding of prices."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collectors.errors import CollectorError, SourceChanged
from collectors.market_calendar import instant, utc_now
from collectors.records import Quote
from collectors.retry import raise_for_busy, refuse_plain, unreachable
from collectors.yahoo import symbol_of

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

SOURCE = "yahoo_stream"
URL = "wss://streamer.finance.yahoo.com/?version=2"
TIMEOUT_S = 10.0
SUBSCRIBE_EVERY_S = 15.0  # as yfinance does: Yahoo forgets who does not repeat himself
PRICE_DECIMALS = 4


class QuoteStream:
    """A socket that is opened when it is first asked, and again after it broke.

    It speaks as yfinance's WebSocket does and reads its messages. That class itself cannot be left alone for
    a day: ``listen`` has no timeout, turns in circles on a socket that was closed in good order, and opens it
    in a way that websockets 17 is giving up.
    """

    def __init__(self, url: str = URL, *, clock: Callable[[], str] = utc_now) -> None:
        refuse_plain(url)
        self._url, self._clock = url, clock
        self._socket: ClientConnection | None = None
        self._opened = ExitStack()
        self._error: CollectorError | None = None
        self._subscribed: set[str] = set()
        self._subscribe_at = 0.0

    def receive(self, tickers: Sequence[str], wait_s: float) -> list[Quote]:
        """Return what Yahoo sends of some tickers within ``wait_s``, in the order of its arrival.

        Raises
        ------
        RetryLater
            The socket could not be opened, or broke; the next call opens another.
        SourceChanged
            A message does not have the shape we know.
        """
        if error := self._error:
            self._error = None
            raise error
        quotes: list[Quote] = []
        try:
            with _stream_errors():
                self._receive(quotes, {symbol_of(ticker): ticker for ticker in tickers}, wait_s)
        except CollectorError as error:
            self.close()
            if not quotes:
                raise
            self._error = error  # what came before it counts; the next call tells of it
        return quotes

    def _receive(self, quotes: list[Quote], by_symbol: dict[str, str], wait_s: float) -> None:
        until = time.monotonic() + wait_s
        socket = self._subscribe(set(by_symbol))
        while (left := until - time.monotonic()) > 0:
            try:
                message = socket.recv(timeout=left)
            except TimeoutError:
                return
            quote = _read(message, by_symbol, self._clock)
            quotes += [quote] if quote else []

    def close(self) -> None:
        """Close the socket, if it is open."""
        self._socket, self._subscribed = None, set()
        self._opened.close()

    def _subscribe(self, symbols: set[str]) -> ClientConnection:
        """Return the socket, open and told what is wanted."""
        from websockets.sync.client import connect

        socket = self._socket
        if socket is None:
            socket = self._opened.enter_context(
                connect(self._url, open_timeout=TIMEOUT_S, close_timeout=TIMEOUT_S)
            )
            self._socket, self._subscribe_at = socket, 0.0
        if gone := self._subscribed - symbols:
            socket.send(json.dumps({"unsubscribe": sorted(gone)}))
        if symbols - self._subscribed or time.monotonic() >= self._subscribe_at:
            socket.send(json.dumps({"subscribe": sorted(symbols)}))
            self._subscribe_at = time.monotonic() + SUBSCRIBE_EVERY_S
        self._subscribed = symbols
        return socket


def _read(message: str | bytes, by_symbol: dict[str, str], clock: Callable[[], str]) -> Quote | None:
    """Return the quote of a message, or None where it tells of no trade that was asked for."""
    from yfinance.pricing_pb2 import PricingData

    told = PricingData()
    try:
        told.ParseFromString(b64decode(json.loads(message).get("message", "")))
        ticker = by_symbol.get(told.id)
        if ticker is None or not told.price > 0:
            return None
        at = instant(datetime.fromtimestamp(told.time / 1000, UTC))
    except Exception as error:
        raise SourceChanged(
            f"Yahoo's stream of quotes is not as we know it ({type(error).__name__}: {error}); "
            "update yfinance, or report the message",
            message if isinstance(message, str) else message.decode("utf-8", "replace"),
        ) from error
    return Quote(ticker, round(told.price, PRICE_DECIMALS), at, SOURCE, max(clock(), at))


@contextmanager
def _stream_errors() -> Iterator[None]:
    """The one door through which the socket's errors become ours."""
    from websockets.exceptions import InvalidStatus, WebSocketException

    try:
        yield
    except InvalidStatus as error:
        status = error.response.status_code
        raise_for_busy("Yahoo's stream of quotes", status, dict(error.response.headers))
        raise unreachable("Yahoo's stream of quotes", f"HTTP {status}") from error
    except (WebSocketException, OSError, EOFError) as error:
        raise unreachable("Yahoo's stream of quotes", type(error).__name__) from error
