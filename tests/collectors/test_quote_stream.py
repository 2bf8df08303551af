"""The stream of quotes, against a server on this machine that sends what Yahoo sends."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from urllib.error import URLError

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from yfinance.pricing_pb2 import PricingData  # here, since it takes a second: longer than the tests wait

from collectors.errors import RetryLater, SourceChanged
from collectors.quote_stream import QuoteStream
from collectors.records import Quote

NOW = "2022-02-23T17:00:05Z"
AAPL = Quote("AAPL", 160.07, "2022-02-23T17:00:00Z", "yahoo_stream", NOW)


def pricing(symbol: str, price: float, at_ms: int = 1645635600250) -> str:
    """Return a message as Yahoo encodes it."""
    data = PricingData(id=symbol, price=price, time=at_ms, exchange="NMS", market_hours=1)
    return json.dumps({"type": "pricing", "message": base64.b64encode(data.SerializeToString()).decode()})


@contextmanager
def streaming(
    talk: Callable[[ServerConnection], None],
    refuse: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[str]:
    """Run a server that talks to whoever connects; yield its address."""
    with serve(talk, "127.0.0.1", 0, process_request=refuse) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def listening(url: str) -> Iterator[QuoteStream]:
    stream = QuoteStream(url, clock=lambda: NOW)
    try:
        yield stream
    finally:
        stream.close()


def test_what_is_sent_after_subscribing_are_quotes() -> None:
    asked = []

    def talk(connection: ServerConnection) -> None:
        asked.append(json.loads(connection.recv()))
        for message in (pricing("AAPL", 160.07), pricing("XXXX", 1.0), '{"type": "ping"}'):
            connection.send(message)
        connection.send(pricing("BRK-B", 310.5))
        asked.extend(json.loads(message) for message in connection)

    with streaming(talk) as url, listening(url) as stream:
        quotes = stream.receive(["AAPL", "BRK.B"], 0.3)
        assert quotes == [AAPL, Quote("BRK.B", 310.5, AAPL.quoted_at, "yahoo_stream", NOW)]
        stream.receive(["AAPL"], 0.1)
    assert asked == [{"subscribe": ["AAPL", "BRK-B"]}, {"unsubscribe": ["BRK-B"]}]


@pytest.mark.parametrize("code", [1000, 1011])  # in good order, and after an error
def test_a_socket_that_was_closed_is_opened_again_by_the_next_call(code: int) -> None:
    """yfinance's own loop turns in circles for ever on a socket that was closed in good order."""
    calls = []

    def talk(connection: ServerConnection) -> None:
        calls.append(connection.recv())
        connection.send(pricing("AAPL", 160.07))
        if len(calls) == 1:
            connection.close(code)
        else:
            connection.recv(timeout=1)

    with streaming(talk) as url, listening(url) as stream:
        assert stream.receive(["AAPL"], 0.3) == [AAPL]
        with pytest.raises(RetryLater, match="stream of quotes cannot be reached"):
            stream.receive(["AAPL"], 1)
        assert stream.receive(["AAPL"], 0.3) == [AAPL]
    assert len(calls) == 2


def test_a_refused_and_an_unreachable_stream_are_for_later() -> None:
    def busy(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(429, "Too Many Requests")
        response.headers["Retry-After"] = "90"
        return response

    with streaming(lambda connection: None, busy) as url, listening(url) as stream:
        with pytest.raises(RetryLater, match="HTTP 429") as raised:
            stream.receive(["AAPL"], 0.2)
        assert raised.value.after_s == 90
    with listening(url) as stream, pytest.raises(RetryLater, match="ConnectionRefusedError"):
        stream.receive(["AAPL"], 0.2)


@pytest.mark.parametrize("message", ["<html>", '["AAPL"]', '{"message": "bm90IGEgcHJpY2U="}'])
def test_another_language_is_a_changed_source(message: str) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(message)

    with (
        streaming(talk) as url,
        listening(url) as stream,
        pytest.raises(SourceChanged, match="not as we know it") as raised,
    ):
        stream.receive(["AAPL"], 1)
    assert raised.value.answer == message


def test_nothing_goes_to_another_machine_in_the_clear() -> None:
    with pytest.raises(URLError, match="is not HTTPS"):
        QuoteStream("ws://streamer.finance.yahoo.com/")
