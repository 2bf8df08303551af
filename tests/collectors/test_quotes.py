"""yfinance itself, asked for quotes of many tickers at once, against a server on this machine."""

from __future__ import annotations

import pytest

from collectors.errors import CollectorError, RetryLater, SourceChanged
from collectors.quotes import TICKERS_A_REQUEST, fetch_quotes
from collectors.records import Quote
from tests.collectors.loopback import HANG, HTML, Answer, Loopback
from tests.collectors.recorded import play_yahoo, recorded

PATH = "/v7/finance/quote"
NOW = "2022-02-23T17:00:05Z"


@pytest.fixture
def yahoo(web: Loopback, monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> Loopback:
    play_yahoo(web, monkeypatch)
    monkeypatch.setattr("yfinance.const._QUERY1_URL_", web.url)
    web.on(PATH, recorded("yahoo_quotes.json"))
    return web


def test_many_tickers_are_asked_at_once_and_the_unknown_are_left_out(yahoo: Loopback) -> None:
    assert fetch_quotes(["AAPL", "BRK.B", "LLOY-L", "GONE", "XXXX"], now=NOW) == [
        Quote("AAPL", 160.07, "2022-02-23T17:00:00Z", "yahoo", NOW),
        Quote("BRK.B", 310.1235, "2022-02-23T16:59:50Z", "yahoo", NOW),
    ]
    (request,) = yahoo.requests
    assert request.query["symbols"] == "AAPL,BRK-B,LLOY-L,GONE,XXXX"


def test_a_long_watchlist_takes_few_requests(yahoo: Loopback) -> None:
    tickers = [f"T{number}" for number in range(2 * TICKERS_A_REQUEST + 1)]
    assert fetch_quotes(tickers, now=NOW, seconds_between=0) == []
    assert [len(request.query["symbols"].split(",")) for request in yahoo.requests] == [200, 200, 1]


def test_no_quote_was_read_before_it_was_made(yahoo: Loopback) -> None:
    """A clock of this machine that is slow does not say that the future was known."""
    (quote, _) = fetch_quotes(["AAPL", "BRK.B"], now="2022-02-23T16:59:55Z")
    assert quote.available_at == quote.quoted_at == "2022-02-23T17:00:00Z"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer("Too Many Requests", 429, "text/plain", {"Retry-After": "600"}), RetryLater),
        (Answer("Internal Server Error", 500, "text/plain"), RetryLater),
        (HANG, RetryLater),
        (HTML, SourceChanged),
        (Answer('{"quoteResponse": {"result": null, "error": {"code": "Bad Request"}}}'), SourceChanged),
        (Answer('{"quoteResponse": {"result": [{"regularMarketPrice": 1, "regularMarketTime": 2}]}}'),
         SourceChanged),
        (Answer('{"quoteResponse": {"res'), SourceChanged),
    ],
)  # fmt: skip
def test_every_fault_is_a_later_try_or_a_clear_error(
    yahoo: Loopback, answer: Answer, kind: type[CollectorError]
) -> None:
    yahoo.on(PATH, answer)
    with pytest.raises(kind) as raised:
        fetch_quotes(["AAPL"], now=NOW, timeout_s=0.2)
    assert getattr(raised.value, "after_s", None) == (600 if "Retry-After" in answer.headers else None)
