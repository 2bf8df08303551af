"""fredapi itself, against a server on this machine that answers as FRED does, with recorded GDP."""

from __future__ import annotations

import gzip
import json
import logging
import sqlite3
from datetime import date, timedelta
from xml.sax.saxutils import quoteattr

import pytest

from collectors.errors import ConfigurationError, RetryLater, SkipItem, SourceChanged
from collectors.fred import FredClient, collect_macro, fetch_series, open_fred
from collectors.market_calendar import vintage_available_at
from collectors.records import MacroObservation
from collectors.store import load_macro
from tests.collectors.loopback import HANG, HTML, Answer, Loopback, Request
from tests.collectors.recorded import (
    FOLDER,
    GDP,
    OBSERVATIONS_PATH,
    VINTAGES_PATH,
    gdp_observations,
    observations_answer,
    play_fred,
)

KEY = "abcdef0123456789abcdef0123456789"
NOW = "2024-01-01T00:00:00Z"


def error(message: str, status: int = 400) -> Answer:
    return Answer(f'<error code="{status}" message={quoteattr(message)}/>', status, "text/xml")


@pytest.fixture
def source(web: Loopback, no_waiting: None) -> Loopback:
    play_fred(web)
    return web


def opened(source: Loopback, timeout_s: float = 5) -> FredClient:
    return open_fred(KEY, root_url=source.url, timeout_s=timeout_s, seconds_between=0)


def test_every_vintage_is_a_row_known_since_the_end_of_its_day(source: Loopback) -> None:
    values = fetch_series(opened(source), "GDP")
    recorded = [row for row in GDP["observations"] if row["value"] != "."]
    assert len(values) == len(recorded) == 50
    assert values[0] == MacroObservation("GDP", "1946-01-01", 199.7, "1992-12-22", "1992-12-22T23:59:59Z")
    assert {(v.observed_on, v.released_on, v.value) for v in values} == {
        (row["date"], row["realtime_start"], float(row["value"])) for row in recorded
    }
    assert vintage_available_at("1992-12-22") == values[0].available_at


def test_small_windows_lose_and_double_nothing(source: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fetch_series(opened(source), "GDP")
    source.requests.clear()
    monkeypatch.setattr("collectors.fred.VINTAGES_AT_ONCE", 7)
    assert fetch_series(opened(source), "GDP") == whole
    windows = [
        (asked.query["realtime_start"], asked.query["realtime_end"])
        for asked in source.requests
        if asked.path == OBSERVATIONS_PATH
    ]
    inside = [sum(first <= day <= last for day in GDP["vintage_dates"]) for first, last in windows]
    assert max(inside) <= 7
    assert sum(inside) == len(GDP["vintage_dates"])


def test_an_answer_that_was_cut_off_is_asked_in_halves(
    source: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fetch_series(opened(source), "GDP")
    monkeypatch.setattr("collectors.fred.ROWS_AT_ONCE", 25)
    assert fetch_series(opened(source), "GDP") == whole
    monkeypatch.setattr("collectors.fred.ROWS_AT_ONCE", 2)
    with pytest.raises(SkipItem, match="more values than FRED gives"):
        fetch_series(opened(source), "GDP")


def whole_gdp() -> list[dict[str, str]]:
    with gzip.open(FOLDER / "fred_gdp_whole.json.gz", "rt") as file:
        rows: list[dict[str, str]] = json.load(file)["observations"]
    return rows


def play(source: Loopback, rows: list[dict[str, str]]) -> None:
    """Answer as FRED does, which refuses a window of more than 2,000 vintages."""
    days = sorted({row["realtime_start"] for row in rows})
    listed = "".join(f"<vintage_date>{day}</vintage_date>" for day in days)
    source.on(VINTAGES_PATH, Answer(f"<vintage_dates>{listed}</vintage_dates>", content_type="text/xml"))

    def answer(request: Request) -> Answer:
        first, last = request.query["realtime_start"], request.query["realtime_end"]
        if sum(first <= day <= last for day in days) > 2000:
            return error("Bad Request.  The number of vintage dates exceeds the maximum of 2000.")
        return observations_answer(rows, first, last)

    source.on(OBSERVATIONS_PATH, answer)


@pytest.mark.parametrize("at_once", [1900, 100, 13])
def test_all_3199_values_of_gdp_come_through_windows_of_any_size(
    source: Loopback, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """As many values as pyfredapi recorded, less 245 that FRED withdrew (".")."""
    rows = whole_gdp()
    play(source, rows)
    monkeypatch.setattr("collectors.fred.VINTAGES_AT_ONCE", at_once)
    values = fetch_series(opened(source), "GDP")
    assert len(rows) == 3199
    assert {(v.observed_on, v.released_on, v.value) for v in values} == {
        (row["date"], row["realtime_start"], float(row["value"])) for row in rows if row["value"] != "."
    }
    assert len(values) == 2954


def test_a_series_with_more_than_2000_vintages_is_whole(source: Loopback) -> None:
    start = date(2010, 1, 1)
    days = [(start + timedelta(days=n)).isoformat() for n in range(2101)]
    rows = [
        {"realtime_start": day, "realtime_end": "9999-12-31", "date": day, "value": str(n)}
        for n, day in enumerate(days)
    ]
    play(source, rows)
    values = fetch_series(opened(source), "DGS10")
    assert [(v.observed_on, v.released_on, v.value) for v in values] == [
        (day, day, float(n)) for n, day in enumerate(days)
    ]


def test_a_series_that_lost_its_beginning_is_told_and_keeps_it(
    source: Loopback, db: sqlite3.Connection
) -> None:
    """FRED gives three years of BAMLH0A0HYM2, and gave all since 1996."""
    collect_macro(db, opened(source), ["GDP"], now=NOW)
    whole = collect_macro(db, opened(source), ["GDP"], now=NOW)
    assert whole.messages == ()  # though the values of 1946 were withdrawn
    kept = [row for row in GDP["observations"] if row["date"] >= "2007-01-01"]
    play(source, kept)
    report = collect_macro(db, opened(source), ["GDP"], now=NOW)
    assert report.messages == (
        "FRED now gives GDP from 2007-10-01 on, and what is stored since 1946-01-01 stays",
    )
    assert len(load_macro(db, NOW)) == 50


def test_only_newer_vintages_are_asked_and_values_that_still_hold_are_not_news(source: Loopback) -> None:
    values = fetch_series(opened(source), "GDP", since_vintage="2018-07-27")
    assert {value.released_on for value in values} == {"2018-07-27", "2021-07-29"}
    assert len(values) == 8
    assert source.requests[-1].query["realtime_start"] == "2018-07-26"
    assert fetch_series(opened(source), "GDP", since_vintage="2099-01-01") == []


def test_a_rerun_adds_nothing_and_a_revision_is_invisible_before_its_release(
    source: Loopback, db: sqlite3.Connection
) -> None:
    first = collect_macro(db, opened(source), ["GDP"], now=NOW)
    again = collect_macro(db, opened(source), ["GDP"], now=NOW)
    assert (first.rows, again.rows) == (50, 0)
    known = load_macro(db, "2008-02-28T12:00:00Z")
    assert [row[2] for row in known if row[1] == "2007-10-01"] == [14080.8]


def test_an_unknown_series_is_named_and_the_others_go_on(source: Loopback, db: sqlite3.Connection) -> None:
    vintages = source.answers[VINTAGES_PATH][0]
    source.on(VINTAGES_PATH, error("Bad Request.  The series does not exist."), vintages)
    report = collect_macro(db, opened(source), ["NOPE", "GDP", "A&B"], now=NOW)
    assert (report.rows, report.skipped) == (50, ("NOPE", "A&B"))
    assert "does not know this series" in report.messages[0]


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_says_how_to_get_one(key: str | None) -> None:
    with pytest.raises(ConfigurationError, match="FRED gives free keys"):
        open_fred(key)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("Bad Request.  The value for variable api_key is not registered."), ConfigurationError),
        (error("Forbidden", 403), ConfigurationError),
        (error("Bad Request.  Variable realtime_start is not a date."), SourceChanged),
        (error("Internal Server Error", 500), RetryLater),
        (error("Too Many Requests.  Exceeded Rate Limit", 429), RetryLater),
        (HTML, SourceChanged),
        (Answer('{"vintage_dates": []}'), SourceChanged),
        (Answer("<vintage_dates><vintage_date>soon</vintage_date></vintage_dates>"), SourceChanged),
    ],
)
def test_errors_say_what_to_do_and_never_the_key(
    source: Loopback, answer: Answer, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source.on(VINTAGES_PATH, answer)
    with pytest.raises(kind) as caught:
        fetch_series(opened(source), "GDP")
    assert source.requests[0].query["api_key"] == KEY
    assert KEY not in str(caught.getrepr(chain=True)) + caplog.text


def test_hiccups_and_silence_are_asked_again(source: Loopback) -> None:
    source.on(OBSERVATIONS_PATH, error("", 503), HANG, gdp_observations)
    assert len(fetch_series(opened(source, timeout_s=0.1), "GDP")) == 50


def test_nobody_there_is_a_matter_of_the_network(no_waiting: None) -> None:
    client = open_fred(KEY, root_url="http://127.0.0.1:1", seconds_between=0)
    with pytest.raises(RetryLater, match="cannot be reached") as caught:
        fetch_series(client, "GDP")
    assert KEY not in str(caught.getrepr(chain=True))
