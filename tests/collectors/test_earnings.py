"""EDGAR and yfinance itself, against a server on this machine that answers as they do."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from collectors.earnings import (
    NEW_YORK,
    EdgarClient,
    collect_earnings,
    fetch_announcements,
    fetch_next_date,
    open_edgar,
)
from collectors.errors import ConfigurationError, RetryLater, SkipItem, SourceChanged
from collectors.records import EarningsAnnouncement
from collectors.store import last_announcement_of
from tests.collectors.loopback import HANG, HTML, Answer, Loopback
from tests.collectors.recorded import play_yahoo, recorded

CONTACT = "someone@example.com"
NOW = "2021-05-01T12:00:00Z"
APPLE = 320193
TICKERS, AAPL, OLDER = (
    "/files/company_tickers.json",
    "/submissions/CIK0000320193.json",
    "/submissions/CIK0000320193-submissions-001.json",
)
BERKSHIRE = "/submissions/CIK0001067983.json"
SUMMARY = "/v10/finance/quoteSummary/"
BUSY = Answer("Request Rate Threshold Exceeded", 429, "text/html", {"Retry-After": "600"})
BROKEN = Answer("Internal Server Error", 500, "text/plain")
EVENING = 1627590600  # 2021-07-29 16:30 in New York


@pytest.fixture
def source(web: Loopback, monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> Loopback:
    play_yahoo(web, monkeypatch)
    monkeypatch.setattr("yfinance.scrapers.quote._QUOTE_SUMMARY_URL_", web.url + SUMMARY.rstrip("/"))
    web.on(TICKERS, recorded("edgar_company_tickers.json"))
    web.on(AAPL, recorded("edgar_aapl.json"))
    web.on(OLDER, recorded("edgar_aapl_older.json"))
    web.on(SUMMARY + "AAPL", recorded("yahoo_calendar_aapl_2021.json"))
    return web


def opened(source: Loopback, timeout_s: float = 5) -> EdgarClient:
    return open_edgar(
        CONTACT, data_url=source.url, files_url=source.url, timeout_s=timeout_s, seconds_between=0
    )


def past(source: Loopback, now: str = NOW, since: str | None = None) -> list[EarningsAnnouncement]:
    return fetch_announcements(opened(source), "AAPL", APPLE, now=now, since=since)


def filings(*rows: tuple[str, str, str, str]) -> Answer:
    """Return a list of filings of (form, items, filingDate, acceptanceDateTime)."""
    names = ("form", "items", "filingDate", "acceptanceDateTime")
    recent = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return Answer(json.dumps({"filings": {"recent": recent, "files": []}}))


def calendar(**earnings: Any) -> Answer:
    return Answer(
        json.dumps({"quoteSummary": {"result": [{"calendarEvents": {"earnings": earnings}}], "error": None}})
    )


def rows(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute(
        "SELECT ticker, announced_on, time_of_day, source, available_at "
        "FROM earnings_announcement ORDER BY id"
    ).fetchall()


# The past -------------------------------------------------------------------------------------------


def test_results_are_known_since_they_were_accepted(source: Loopback) -> None:
    found = past(source)
    assert found[-1] == EarningsAnnouncement("AAPL", "2021-04-28", "post", "edgar", "2021-04-28T20:31:00Z")
    assert [(row.announced_on, row.available_at[11:16]) for row in found] == [
        ("2020-04-30", "20:31"),
        ("2020-07-30", "20:31"),
        ("2020-10-29", "20:31"),
        ("2021-01-27", "21:31"),  # winter
        ("2021-04-28", "20:31"),
    ]


def test_only_lists_that_reach_into_the_time_wanted_are_asked(source: Loopback) -> None:
    assert [row.announced_on for row in past(source, since="2021-01-27")] == ["2021-01-27", "2021-04-28"]
    assert source.paths() == [AAPL]


def test_whoever_asks_says_whom_to_write_to(source: Loopback) -> None:
    past(source)
    assert {request.user_agent for request in source.requests} == {f"Barograph {CONTACT}"}


@pytest.mark.parametrize("contact", ["", "me", "a@b", "a@b.c\r\nX: y", "ä@b.de"])
def test_without_a_contact_nothing_is_asked(contact: str) -> None:
    with pytest.raises(ConfigurationError, match=r'"contact" in settings\.json'):
        open_edgar(contact)


@pytest.mark.parametrize(
    ("filed_on", "accepted", "told"),
    [
        ("2021-02-02", "2021-02-02T12:00:00.000Z", ("2021-02-02", "pre", "2021-02-02T12:00:00Z")),
        ("2021-02-02", "2021-02-02T17:00:00.000Z", ("2021-02-02", "unknown", "2021-02-02T17:00:00Z")),
        ("2021-02-02", "2021-02-02T21:00:00.000Z", ("2021-02-02", "post", "2021-02-02T21:00:00Z")),
        ("2021-02-03", "2021-02-03T01:00:00.000Z", ("2021-02-02", "post", "2021-02-03T01:00:00Z")),
        ("2020-11-27", "2020-11-27T18:30:00.000Z", ("2020-11-27", "post", "2020-11-27T18:30:00Z")),
        ("2021-04-02", "2021-04-02T12:00:00.000Z", ("2021-04-02", "unknown", "2021-04-02T12:00:00Z")),
    ],
    ids=["before the bell", "noon", "at the close", "in the night", "half a day", "Good Friday"],
)
def test_the_hour_is_that_of_the_exchange(
    source: Loopback, filed_on: str, accepted: str, told: tuple[str, str, str]
) -> None:
    telling = ("10-Q", "", "2020-11-05", "2020-11-05T21:30:00.000Z")  # 16:30 in New York, or after hours
    source.on(AAPL, filings(("8-K", "2.02,9.01", filed_on, accepted), telling))
    (row,) = past(source)
    assert (row.announced_on, row.time_of_day, row.available_at) == told


def test_a_z_behind_the_clock_of_new_york_is_seen_through(source: Loopback) -> None:
    """U.S. Steel on 2025-05-01 and Hess on 2025-04-30, as EDGAR gives them: its Z is not always UTC."""
    steel = ("8-K", "2.02", "2025-05-01", "2025-05-01T16:21:59.000Z")
    hess = ("8-K", "2.02", "2025-04-30", "2025-04-30T07:30:32.000Z")  # as UTC, EDGAR was closed
    source.on(AAPL, filings(steel, hess))
    told = [(row.time_of_day, row.available_at) for row in past(source, now="2026-01-01T00:00:00Z")]
    assert told == [("pre", "2025-04-30T11:30:32Z"), ("post", "2025-05-01T20:21:59Z")]


def test_a_clock_that_nothing_tells_is_read_late_and_leaves_the_hour_open(source: Loopback) -> None:
    source.on(AAPL, filings(("8-K", "2.02", "2025-05-01", "2025-05-01T16:21:59.000Z")))
    (row,) = past(source, now="2026-01-01T00:00:00Z")
    assert (row.time_of_day, row.available_at) == ("unknown", "2025-05-01T20:21:59Z")
    (row,) = past(source, now="2025-05-01T16:30:00Z")  # what is not over yet was not accepted
    assert row.available_at == "2025-05-01T16:21:59Z"


def test_a_filing_without_an_hour_is_known_when_its_day_is_over(source: Loopback) -> None:
    source.on(AAPL, filings(("8-K", "2.02", "2005-01-12", "2005-01-12T00:00:00.000Z")))
    (row,) = past(source)
    assert (row.announced_on, row.time_of_day, row.available_at) == (
        "2005-01-12",
        "unknown",
        "2005-01-12T23:59:59Z",
    )


def test_amendments_and_other_news_are_no_announcements(source: Loopback) -> None:
    source.on(
        AAPL,
        filings(
            ("8-K/A", "2.02", "2021-02-02", "2021-02-02T21:30:00.000Z"),
            ("8-K", "5.02,9.01", "2021-02-03", "2021-02-03T21:30:00.000Z"),
            ("8-K", "2.02", "2021-02-04", "2021-02-04T21:40:00.000Z"),
            ("8-K", "2.02", "2021-02-04", "2021-02-04T21:30:00.000Z"),
        ),
    )
    assert [row.available_at for row in past(source)] == ["2021-02-04T21:30:00Z"]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Answer("<h1>Undeclared Automated Tool</h1>", 403, "text/html"), ConfigurationError, "contact"),
        (BUSY, RetryLater, "HTTP 429"),
        (BROKEN, RetryLater, "HTTP 500"),
        (Answer("", 404), SkipItem, "EDGAR has no CIK0000320193.json"),
        (Answer("", 400), SourceChanged, "HTTP 400"),
        (HTML, SourceChanged, "not as we know it"),
        (Answer("[]"), SourceChanged, "not as we know it"),
        (Answer('{"filings": {"recent": {"form": []}, "files": []}}'), SourceChanged, "KeyError"),
        (filings(("8-K", "2.02", "soon", "2021-02-02T21:30:00.000Z")), SourceChanged, "ValueError"),
        (filings(("8-K", "2.02", "2021-02-02", "20210202213000")), SourceChanged, "ValueError"),
    ],
)
def test_errors_say_what_to_do(source: Loopback, answer: Answer, kind: type[Exception], says: str) -> None:
    source.on(AAPL, answer)
    with pytest.raises(kind, match=says) as caught:
        past(source)
    assert CONTACT not in str(caught.value)


def test_columns_of_unequal_length_and_foreign_files_are_another_shape(source: Loopback) -> None:
    answer = json.loads(recorded("edgar_aapl.json").body)
    answer["filings"]["recent"]["items"].pop()
    source.on(AAPL, Answer(json.dumps(answer)))
    with pytest.raises(SourceChanged, match="ValueError"):
        past(source)
    answer = json.loads(recorded("edgar_aapl.json").body)
    answer["filings"]["files"][0]["name"] = "../../etc/passwd"
    source.on(AAPL, Answer(json.dumps(answer)))
    with pytest.raises(SourceChanged, match="passwd"):
        past(source)


def test_hiccups_and_silence_are_asked_again(source: Loopback) -> None:
    source.on(AAPL, BROKEN, HANG, recorded("edgar_aapl.json"))
    assert len(fetch_announcements(opened(source, 0.2), "AAPL", APPLE, now=NOW)) == 5


def test_nobody_there_is_a_matter_of_the_network(no_waiting: None) -> None:
    nowhere = open_edgar(CONTACT, data_url="http://127.0.0.1:1", seconds_between=0)
    with pytest.raises(RetryLater, match="cannot be reached"):
        fetch_announcements(nowhere, "AAPL", APPLE, now=NOW)


# What comes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (calendar(earningsDate=[EVENING], isEarningsDateEstimate=False), ("2021-07-29", "post")),
        (calendar(earningsDate=[EVENING]), ("2021-07-29", "post")),
        (calendar(earningsDate=[1627516800]), ("2021-07-29", "unknown")),  # midnight UTC: a day alone
        (calendar(earningsDate=[1627558200]), ("2021-07-29", "pre")),
        (calendar(earningsDate=[1619913600]), ("2021-05-02", "unknown")),
        (calendar(earningsDate=[EVENING], isEarningsDateEstimate=True), None),
        (calendar(earningsDate=[1611779400]), None),  # over
        (calendar(earningsDate=[]), None),
        (recorded("yahoo_calendar_aapl_2021.json"), None),  # a range
        (recorded("yahoo_calendar_amzn.json"), None),  # a range, marked as an estimate
        (Answer(recorded("yahoo_calendar_none.json").body, 404), None),
    ],
)
def test_only_an_announced_date_is_told(
    source: Loopback, answer: Answer, told: tuple[str, str] | None
) -> None:
    source.on(SUMMARY + "AAPL", answer)
    expected = None if told is None else EarningsAnnouncement("AAPL", *told, "yahoo", NOW)
    assert fetch_next_date("AAPL", now=NOW) == expected


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (BUSY, RetryLater, "HTTP 429"),
        (BROKEN, RetryLater, "HTTP 500"),
        (Answer('{"quoteSummary": {"result": null}}', 404), SkipItem, "does not know AAPL"),
        (HTML, SourceChanged, "no calendar as we know it"),
        (Answer('{"quoteSummary": {"result": []}}'), SourceChanged, "IndexError"),
        (calendar(earningsDate=["2021-07-29"]), SourceChanged, "TypeError"),
    ],
)
def test_errors_of_yahoo_say_what_to_do(
    source: Loopback, answer: Answer, kind: type[Exception], says: str
) -> None:
    source.on(SUMMARY + "AAPL", answer)
    with pytest.raises(kind, match=says):
        fetch_next_date("AAPL", now=NOW)


# Collecting -----------------------------------------------------------------------------------------


def test_a_rerun_adds_nothing_and_asks_no_older_list(source: Loopback, db: sqlite3.Connection) -> None:
    source.on(SUMMARY + "AAPL", calendar(earningsDate=[EVENING]))
    first = collect_earnings(db, opened(source), ["AAPL"], now=NOW)
    asked = len(source.requests)
    again = collect_earnings(db, opened(source), ["AAPL"], now="2021-05-02T12:00:00Z")
    assert (first.rows, again.rows) == (6, 0)
    assert OLDER not in source.paths()[asked:]
    assert rows(db)[-1] == ("AAPL", "2021-07-29", "post", "yahoo", NOW)


def test_a_moved_date_is_a_row_known_since_it_moved(source: Loopback, db: sqlite3.Connection) -> None:
    source.on(SUMMARY + "AAPL", *(calendar(earningsDate=[EVENING + days * 86400]) for days in (0, 1, 1, 0)))
    for day in ("01", "02", "03", "04"):
        collect_earnings(db, opened(source), ["AAPL"], now=f"2021-05-{day}T12:00:00Z")
    told = [(row[1], row[4][:10]) for row in rows(db) if row[3] == "yahoo"]
    assert told == [("2021-07-29", "2021-05-01"), ("2021-07-30", "2021-05-02"), ("2021-07-29", "2021-05-04")]
    last = last_announcement_of(db, "AAPL", "yahoo")
    assert last is not None
    assert last.announced_on == "2021-07-29"


def test_an_unknown_ticker_is_named_and_the_others_go_on(source: Loopback, db: sqlite3.Connection) -> None:
    source.on(BERKSHIRE, filings(("8-K", "2.02", "2021-05-01", "2021-05-01T12:00:00.000Z")))
    source.on(SUMMARY + "BRK-B", calendar())
    report = collect_earnings(db, opened(source), ["NOPE", "BRK.B", "AAPL"], now=NOW)
    assert (report.rows, report.skipped) == (6, ("NOPE",))
    assert "EDGAR lists no company with the ticker NOPE" in report.messages[0]
    assert "Yahoo does not know NOPE" in report.messages[0]
    assert rows(db)[0][:2] == ("BRK.B", "2021-05-01")


def test_a_wish_for_a_pause_ends_the_collection_and_keeps_what_came(
    source: Loopback, db: sqlite3.Connection
) -> None:
    source.on(BERKSHIRE, BUSY)
    with pytest.raises(RetryLater, match="HTTP 429") as caught:
        collect_earnings(db, opened(source), ["AAPL", "BRK.B"], now=NOW)
    assert caught.value.after_s == 600
    assert len(rows(db)) == 5


def test_a_list_of_companies_in_another_shape_stops_the_job(source: Loopback, db: sqlite3.Connection) -> None:
    source.on(TICKERS, Answer('{"fields": ["cik"], "data": [[1]]}'))
    with pytest.raises(SourceChanged, match="list of companies"):
        collect_earnings(db, opened(source), ["AAPL"], now=NOW)


def test_edgar_is_asked_at_most_ten_times_a_second(
    source: Loopback, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("collectors.earnings.Pace.wait", lambda pace: waits.append(pace.interval_s))
    edgar = open_edgar(CONTACT, data_url=source.url, files_url=source.url)
    collect_earnings(db, edgar, ["AAPL"], now=NOW)
    assert len(waits) == 3
    assert min(waits) >= 0.1


@pytest.mark.parametrize("day", ["2024-01-16", "2024-07-16"], ids=["winter", "summer"])
@pytest.mark.parametrize("clock", [UTC, NEW_YORK], ids=["UTC", "New York"])
def test_no_filing_within_the_hours_of_edgar_is_read_on_the_wrong_clock(
    source: Loopback, day: str, clock: tzinfo
) -> None:
    """Whenever it came, beside a report in the evening that tells the company's clock."""

    def filed(form: str, minute: int) -> tuple[str, str, str, str]:
        at = datetime.fromisoformat(day).replace(hour=minute // 60, minute=minute % 60, tzinfo=NEW_YORK)
        filed_on = (at + timedelta(days=minute > 17 * 60 + 30)).date().isoformat()
        return form, "2.02", filed_on, f"{at.astimezone(clock):%Y-%m-%dT%H:%M:%S}.000Z"

    for minute in range(6 * 60 + 7, 22 * 60, 30):
        source.on(AAPL, filings(filed("8-K", minute), filed("10-Q", 19 * 60 + 7)))
        (row,) = past(source, now="2026-01-01T00:00:00Z")
        told = datetime.fromisoformat(row.available_at).astimezone(NEW_YORK)
        assert (row.announced_on, told.hour * 60 + told.minute) == (day, minute)


def test_an_hour_that_edgar_mends_later_is_a_row_of_its_own(source: Loopback, db: sqlite3.Connection) -> None:
    """EDGAR's newest filing may stand on New York's clock for some days, and on UTC's from then on."""
    before = ("8-K", "2.02", "2021-01-27", "2021-01-27T21:30:00.000Z")
    for accepted in ("2021-04-28T16:30:00.000Z", "2021-04-28T20:30:00.000Z", "2021-04-28T20:30:00.000Z"):
        source.on(AAPL, filings(("8-K", "2.02", "2021-04-28", accepted), before))
        collect_earnings(db, opened(source), ["AAPL"], now=NOW)
    assert [row[1:3] for row in rows(db)] == [
        ("2021-01-27", "post"),
        ("2021-04-28", "unknown"),
        ("2021-04-28", "post"),
    ]
