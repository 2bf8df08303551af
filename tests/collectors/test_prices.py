"""yfinance itself, against a server on this machine that answers as Yahoo did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from collectors.errors import RetryLater, SourceChanged
from collectors.prices import collect_prices, fetch_prices
from collectors.records import CorporateAction
from collectors.store import load_bars
from tests.collectors.loopback import HANG, HTML, Answer, Loopback
from tests.collectors.recorded import CHART_PATH, play_yahoo, recorded

AAPL = recorded("yahoo_chart_aapl_2020.json")
UNKNOWN = Answer(
    '{"chart":{"result":null,"error":{"code":"Not Found",'
    '"description":"No data found, symbol may be delisted"}}}',
    status=404,
)
BUSY = Answer("Too Many Requests", status=429, content_type="text/plain", headers={"Retry-After": "3600"})
BROKEN = Answer("Internal Server Error", status=500, content_type="text/plain")
NOW = "2020-11-07T12:00:00Z"


@pytest.fixture
def yahoo(web: Loopback, monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> Iterator[Loopback]:
    play_yahoo(web, monkeypatch, AAPL=AAPL)
    yield web
    assert set(web.paths()) <= {
        CHART_PATH + symbol for symbol in ("AAPL", "BRK-B", "NOPE", "MSFT", "KO", "T")
    }


def test_prices_before_a_split_are_those_of_the_day(yahoo: Loopback) -> None:
    """Traded at 300.35 on 2020-01-02, before 4:1; Yahoo says 75.0875, and 135,480,400 shares."""
    bars, _ = fetch_prices(["AAPL"], "2020-01-01", "2020-11-06")
    by_session = {bar.session: bar for bar in bars}
    before, after = by_session["2020-01-02"], by_session["2020-08-31"]
    assert (before.open, before.high, before.low, before.close) == (296.24, 300.6, 295.19, 300.35)
    assert before.volume == 33_870_100
    assert (after.open, after.high, after.low, after.close) == (127.58, 131.0, 126.0, 129.04)
    assert after.available_at == "2020-08-31T20:00:00Z"
    assert {bar.source for bar in bars} == {"yahoo"}


def test_splits_after_the_last_session_asked_for_count_too(yahoo: Loopback) -> None:
    bars, actions = fetch_prices(["AAPL"], "2020-01-01", "2020-01-02")
    assert [(bar.session, bar.close) for bar in bars] == [("2020-01-02", 300.35)]
    assert actions == []
    assert "period2" in yahoo.requests[0].query


def test_splits_and_dividends_are_actions(yahoo: Loopback) -> None:
    _, actions = fetch_prices(["AAPL"], "2020-01-01", "2020-11-06")
    assert actions == [
        CorporateAction("AAPL", "2020-08-31", "split", 4.0, "yahoo", "2020-08-31T20:00:00Z"),
        CorporateAction("AAPL", "2020-11-06", "dividend", 0.205, "yahoo", "2020-11-06T21:00:00Z"),
    ]


def test_a_dividend_before_a_split_is_what_was_paid_per_share_then(yahoo: Loopback) -> None:
    answer = json.loads(AAPL.body)
    events: dict[str, Any] = answer["chart"]["result"][0]["events"]
    events["dividends"]["1577975400"] = {"amount": 0.1925, "date": 1577975400}
    yahoo.on(CHART_PATH + "AAPL", Answer(json.dumps(answer)))
    _, actions = fetch_prices(["AAPL"], "2020-01-01", "2020-01-31")
    assert [(action.kind, action.ratio_or_amount) for action in actions] == [("dividend", 0.77)]


def test_a_rerun_adds_nothing_and_asks_ten_sessions_again(yahoo: Loopback, db: sqlite3.Connection) -> None:
    first = collect_prices(db, ["AAPL"], now=NOW, first="2020-01-02")
    again = collect_prices(db, ["AAPL"], now=NOW, first="2020-01-02")
    assert (first.rows, again.rows) == (9, 0)  # 7 bars, a split and a dividend
    asked = [int(request.query["period1"]) for request in yahoo.requests]
    assert asked == [1577941200, 1603684800]  # midnight in New York of 2020-01-02 and of 2020-10-26


def test_a_correction_is_a_row_known_since_it_came(yahoo: Loopback, db: sqlite3.Connection) -> None:
    collect_prices(db, ["AAPL"], now=NOW)
    answer = json.loads(AAPL.body)
    answer["chart"]["result"][0]["indicators"]["quote"][0]["close"][-1] = 118.7
    yahoo.on(CHART_PATH + "AAPL", Answer(json.dumps(answer)))
    assert collect_prices(db, ["AAPL"], now="2020-11-09T12:00:00Z").rows == 1
    assert load_bars(db, NOW)[-1][5] == 118.69
    assert load_bars(db, "2020-11-09T12:00:00Z")[-1][5] == 118.7


def test_a_session_that_has_not_closed_is_left_for_later(yahoo: Loopback, db: sqlite3.Connection) -> None:
    collect_prices(db, ["AAPL"], now="2020-11-06T20:59:59Z")
    assert load_bars(db, "9999")[-1][1] == "2020-11-05"


def test_an_incomplete_bar_is_left_out(yahoo: Loopback) -> None:
    answer = json.loads(AAPL.body)
    answer["chart"]["result"][0]["indicators"]["quote"][0]["low"][-1] = None
    yahoo.on(CHART_PATH + "AAPL", Answer(json.dumps(answer)))
    bars, _ = fetch_prices(["AAPL"], "2020-01-01", "2020-11-06")
    assert bars[-1].session == "2020-11-05"


def test_an_unknown_ticker_is_named_and_the_others_go_on(yahoo: Loopback, db: sqlite3.Connection) -> None:
    yahoo.on(CHART_PATH + "NOPE", UNKNOWN)
    report = collect_prices(db, ["NOPE", "AAPL"], now=NOW)
    assert report.rows == 9
    assert report.skipped == ("NOPE",)
    assert "does not know NOPE" in report.messages[0]


def test_a_share_class_has_a_hyphen_at_yahoo(yahoo: Loopback) -> None:
    yahoo.on(CHART_PATH + "BRK-B", AAPL)
    bars, _ = fetch_prices(["BRK.B"], "2020-11-06", "2020-11-06")
    assert bars[0].ticker == "BRK.B"


def test_a_hiccup_is_asked_again(yahoo: Loopback) -> None:
    yahoo.on(CHART_PATH + "AAPL", BROKEN, BROKEN, AAPL)
    assert len(fetch_prices(["AAPL"], "2020-01-01", "2020-11-06")[0]) == 7
    assert len(yahoo.requests) == 3


def test_a_wish_for_a_pause_ends_the_collection(yahoo: Loopback, db: sqlite3.Connection) -> None:
    yahoo.on(CHART_PATH + "MSFT", BUSY)
    with pytest.raises(RetryLater, match="HTTP 429") as caught:
        collect_prices(db, ["AAPL", "MSFT", "NOPE"], now=NOW)
    assert caught.value.after_s == 3600
    assert yahoo.paths() == [CHART_PATH + "AAPL", CHART_PATH + "MSFT"]
    assert len(load_bars(db, "9999")) == 7


def test_silence_is_not_waited_for(yahoo: Loopback) -> None:
    yahoo.on(CHART_PATH + "AAPL", HANG, AAPL)
    assert len(fetch_prices(["AAPL"], "2020-01-01", "2020-11-06", timeout_s=0.2)[0]) == 7


def test_one_ticker_in_trouble_is_named_and_three_in_a_row_end_it(
    yahoo: Loopback, db: sqlite3.Connection
) -> None:
    for symbol in ("MSFT", "KO", "T"):
        yahoo.on(CHART_PATH + symbol, BROKEN)
    report = collect_prices(db, ["MSFT", "AAPL"], now=NOW)
    assert (report.rows, report.skipped) == (9, ("MSFT",))
    with pytest.raises(RetryLater, match="HTTP 500"):
        collect_prices(db, ["MSFT", "KO", "T", "AAPL"], now=NOW)
    with pytest.raises(RetryLater, match="HTTP 500"):
        collect_prices(db, ["MSFT"], now=NOW)


def test_a_run_broken_off_goes_on_where_it_stopped(yahoo: Loopback, db: sqlite3.Connection) -> None:
    for symbol in ("KO", "T"):
        yahoo.on(CHART_PATH + symbol, AAPL)
    yahoo.on(CHART_PATH + "MSFT", BUSY, AAPL)
    with pytest.raises(RetryLater):
        collect_prices(db, ["AAPL", "KO", "MSFT", "T"], now=NOW)
    yahoo.requests.clear()
    collect_prices(db, ["AAPL", "KO", "MSFT", "T"], now=NOW)
    asked = [path.removeprefix(CHART_PATH) for path in yahoo.paths()]
    assert asked == ["MSFT", "T", "AAPL", "KO"]


def test_a_price_100_times_off_is_held_back_until_it_is_corrected(
    yahoo: Loopback, db: sqlite3.Connection
) -> None:
    answer = json.loads(AAPL.body)
    quote = answer["chart"]["result"][0]["indicators"]["quote"][0]
    for name in ("open", "high", "low", "close"):
        quote[name][-1] *= 100
    yahoo.on(CHART_PATH + "AAPL", Answer(json.dumps(answer)), AAPL)
    collect_prices(db, ["AAPL"], now=NOW)
    assert load_bars(db, NOW)[-1][1] == "2020-11-05"
    collect_prices(db, ["AAPL"], now="2020-11-09T12:00:00Z")
    assert load_bars(db, NOW)[-1][1] == "2020-11-05"
    assert load_bars(db, "2020-11-09T12:00:00Z")[-1][1:] == (
        "2020-11-06",
        118.32,
        119.2,
        116.13,
        118.69,
        114457900.0,
    )


def test_nobody_there_is_a_matter_of_the_network(yahoo: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yfinance.scrapers.history._BASE_URL_", "http://127.0.0.1:1")
    with pytest.raises(RetryLater, match="cannot be reached"):
        fetch_prices(["AAPL"], "2020-01-01", "2020-11-06")


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        Answer("[]"),
        Answer('{"chart":{"result":[{"meta":{},"timestamp":[1],"indicators":{"quote":[{"x":1}]}}]}}'),
    ],
)
def test_another_shape_is_kept_for_the_report(yahoo: Loopback, answer: Answer) -> None:
    yahoo.on(CHART_PATH + "AAPL", answer)
    with pytest.raises(SourceChanged, match="update yfinance") as caught:
        fetch_prices(["AAPL"], "2020-01-01", "2020-11-06")
    assert caught.value.answer == answer.body
