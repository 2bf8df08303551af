"""Stooq, played by a server on this machine: a second word, and a stand-in where Yahoo fails."""

from __future__ import annotations

import logging
import sqlite3

import pytest

from collectors.errors import CollectorError, ConfigurationError, RetryLater, SkipItem, SourceChanged
from collectors.price_source import PriceSource
from collectors.prices import collect_prices
from collectors.records import PriceBar
from collectors.stooq import open_stooq
from collectors.store import load_bars, load_flags
from tests.collectors.loopback import HTML, Answer, Loopback
from tests.collectors.recorded import CHART_PATH, play_yahoo, recorded

AAPL = recorded("yahoo_chart_aapl_2020.json")
BUSY = Answer("Too Many Requests", 429, "text/plain", {"Retry-After": "3600"})
BROKEN = Answer("", 500)
PATH, KEY = "/q/d/l/", "canary-key"
NOW = "2020-11-07T12:00:00Z"  # a Saturday
MONDAY = "2020-11-09T22:00:00Z"


def table(*rows: str) -> Answer:
    return Answer("\r\n".join(["Date,Open,High,Low,Close,Volume", *rows, ""]), content_type="text/csv")


FRIDAY_ROW = "2020-11-06,118.32,119.2,116.13,118.69,114457922"
MONDAY_ROW = "2020-11-09,120.5,121.99,116.05,116.32,154515315"


@pytest.fixture
def stooq(web: Loopback, monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> Loopback:
    play_yahoo(web, monkeypatch, AAPL=AAPL)
    web.on(PATH, table(FRIDAY_ROW, MONDAY_ROW))
    return web


def opened(web: Loopback) -> PriceSource:
    return open_stooq(KEY, url=web.url + PATH, timeout_s=2, seconds_between=0)


def test_bars_are_read_as_given(stooq: Loopback) -> None:
    history = opened(stooq).fetch("BRK.B", "2020-11-02", "2020-11-06")
    assert history.bars == [
        PriceBar(
            "BRK.B", "2020-11-06", 118.32, 119.2, 116.13, 118.69, 114457922.0, "stooq", "2020-11-06T21:00:00Z"
        )
    ]
    assert stooq.requests[0].query == {
        "s": "brk-b.us",
        "d1": "20201102",
        "d2": "20201106",
        "i": "d",
        "apikey": KEY,
    }


def test_stooq_takes_over_when_yahoo_asks_for_a_pause(stooq: Loopback, db: sqlite3.Connection) -> None:
    collect_prices(db, ["AAPL"], now=NOW)
    stooq.on(CHART_PATH + "AAPL", BUSY)
    report = collect_prices(db, ["AAPL"], now=MONDAY, second=opened(stooq))
    assert report.messages == ("stooq stood in for 1 tickers",)
    assert report.skipped == ()
    assert load_bars(db, MONDAY)[-1][1:] == ("2020-11-09", 120.5, 121.99, 116.05, 116.32, 154515315.0)
    said = db.execute("SELECT source FROM price_bar WHERE session >= '2020-11-06' ORDER BY id").fetchall()
    assert said == [("yahoo",), ("stooq",), ("stooq",)]


def test_bars_that_a_later_split_restated_are_left_out(stooq: Loopback, db: sqlite3.Connection) -> None:
    collect_prices(db, ["AAPL"], now=NOW)
    stooq.on(CHART_PATH + "AAPL", BROKEN)
    stooq.on(PATH, table("2020-11-06,59.16,59.6,58.065,59.345,228915844", MONDAY_ROW))
    stooq.on(CHART_PATH + "MSFT", BROKEN)
    with pytest.raises(RetryLater, match="HTTP 500"):  # nobody gave anything: for the schedule to try again
        collect_prices(db, ["AAPL", "MSFT"], now=MONDAY, second=opened(stooq))
    assert load_bars(db, MONDAY)[-1][1] == "2020-11-06"


def test_a_second_word_that_is_of_no_use_leaves_no_ticker_out(
    stooq: Loopback, db: sqlite3.Connection
) -> None:
    stooq.on(CHART_PATH + "AAPL", Answer(AAPL.body.replace("118.69", "1186900")))
    stooq.on(PATH, Answer("No data"))
    report = collect_prices(db, ["AAPL"], now=NOW, second=opened(stooq))
    assert (report.skipped, report.messages) == ((), ())
    assert PATH in stooq.paths()


def test_a_second_word_is_asked_on_a_bar_that_looks_wrong(stooq: Loopback, db: sqlite3.Connection) -> None:
    collect_prices(db, ["AAPL"], now="2020-11-06T12:00:00Z")
    off = AAPL.body.replace("118.69", "1186900")
    assert off != AAPL.body
    stooq.on(CHART_PATH + "AAPL", Answer(off))
    stooq.on(PATH, table("2020-11-05,117.95,119.62,116.87,119.03,126387074", FRIDAY_ROW))
    collect_prices(db, ["AAPL"], now=NOW, second=opened(stooq))
    doubts = [flag for flag in load_flags(db) if flag.holds]
    assert {(flag.source, flag.session) for flag in doubts} == {("yahoo", "2020-11-06")}
    assert load_bars(db, NOW)[-1][5] == 118.69  # Stooq's


def test_when_neither_can_be_had_the_run_is_for_later(stooq: Loopback, db: sqlite3.Connection) -> None:
    stooq.on(CHART_PATH + "AAPL", BUSY)
    stooq.on(PATH, Answer("Exceeded the daily hits limit"))
    with pytest.raises(RetryLater, match="daily limit is reached"):
        collect_prices(db, ["AAPL"], now=NOW, second=opened(stooq))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer("No data"), SkipItem),
        (Answer(""), SkipItem),
        (Answer("Exceeded the daily hits limit"), RetryLater),
        (Answer("Get your apikey: ..."), ConfigurationError),
        (Answer("", 401), ConfigurationError),
        (Answer("", 503), RetryLater),
        (HTML, SourceChanged),
        (table("2020-11-06,118.32,119.2"), SourceChanged),
        (table("2020-11-06,a,b,c,d,e"), SourceChanged),
    ],
)
def test_errors_say_what_to_do_and_never_the_key(
    stooq: Loopback, answer: Answer, kind: type[CollectorError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stooq.on(PATH, answer)
    with pytest.raises(kind) as caught:
        opened(stooq).fetch("AAPL", "2020-11-06", "2020-11-06")
    assert KEY not in str(caught.getrepr(chain=True)) + caplog.text


def test_a_key_that_is_refused_leaves_what_yahoo_gave(stooq: Loopback, db: sqlite3.Connection) -> None:
    stooq.on(CHART_PATH + "MSFT", BROKEN)
    stooq.on(PATH, Answer("Get your apikey: ..."))
    report = collect_prices(db, ["AAPL", "MSFT"], now=NOW, second=opened(stooq))
    assert (report.rows, report.skipped) == (9, ("MSFT",))
    assert "does not accept the key" in report.messages[-1]
