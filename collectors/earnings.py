"""When companies report, and since when that was known: SEC EDGAR for the past, Yahoo for what comes."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request
from zoneinfo import ZoneInfo

from collectors.errors import CollectorError, ConfigurationError, SkipItem, SourceChanged
from collectors.market_calendar import instant, is_session, session_close, vintage_available_at
from collectors.progress import CollectReport, Progress, silent
from collectors.records import EarningsAnnouncement
from collectors.retry import (
    PATIENT,
    Pace,
    RetryPolicy,
    call_with_retry,
    open_url,
    raise_for_busy,
    raise_for_refusal,
    unreachable,
)
from collectors.store import last_announcement_of, save_earnings
from collectors.yahoo import symbol_of, yahoo_errors, yahoo_session

logger = logging.getLogger(__name__)

EDGAR, YAHOO = "edgar", "yahoo"
DATA_URL, FILES_URL = "https://data.sec.gov", "https://www.sec.gov"
TICKERS_PATH = "/files/company_tickers.json"
TIMEOUT_S = 30.0
SECONDS_BETWEEN_REQUESTS = 0.12  # the SEC allows ten a second
RESULTS_ITEM = "2.02"  # of form 8-K: Results of Operations and Financial Condition
CONTACT_PATTERN = r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+"  # printable ASCII: it travels in a header
ACCESS = (
    'the SEC wants to know whom to write to: enter your e-mail address as "contact" in settings.json; '
    "after too many requests it refuses everybody for ten minutes"
)
NEW_YORK = ZoneInfo("America/New_York")
OPENING_BELL = time(9, 30)


@dataclass(frozen=True, slots=True)
class EdgarClient:
    """How EDGAR is asked: with a contact, at its pace; ``ask`` returns the JSON of an address."""

    ask: Callable[[str], Any]
    data_url: str
    files_url: str


def open_edgar(
    contact: str,
    *,
    data_url: str = DATA_URL,
    files_url: str = FILES_URL,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
    seconds_between: float = SECONDS_BETWEEN_REQUESTS,
) -> EdgarClient:
    """Return a client of the SEC's EDGAR, which needs no key but the e-mail address of whoever asks.

    Raises
    ------
    ConfigurationError
        There is no contact, or it is no e-mail address.
    """
    if not re.fullmatch(CONTACT_PATTERN, contact):
        raise ConfigurationError(f"no contact for the SEC's EDGAR is set up: {ACCESS}")
    pace = Pace(seconds_between)

    def ask(url: str) -> Any:
        def once() -> Any:
            pace.wait()
            return _read(url, f"Barograph {contact}", timeout_s)

        return call_with_retry(once, policy)

    return EdgarClient(ask, data_url, files_url)


def collect_earnings(
    db: sqlite3.Connection,
    edgar: EdgarClient,
    tickers: Sequence[str],
    *,
    now: str,
    progress: Progress = silent,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
) -> CollectReport:
    """Save each ticker's announcements since the last one saved, and its next date where it is announced.

    A next date is saved when it differs from the one that Yahoo named before: a moved date is a new row.
    A ticker that a source does not know is named in the report; the others go on.

    Raises
    ------
    RetryLater
        A source cannot be reached or asks for a pause; what came before is saved.
    ConfigurationError
        EDGAR does not accept the contact.
    SourceChanged
        An answer does not have the shape we know.
    """
    ciks = fetch_ciks(edgar)
    rows, messages = 0, {}
    for done, ticker in enumerate(tickers):
        progress("earnings", done, 2 * len(tickers), f"{ticker}, past")
        try:
            rows += _collect_past(db, edgar, ciks, ticker, now)
        except SkipItem as error:
            messages[ticker] = str(error)
    for done, ticker in enumerate(tickers, start=len(tickers)):
        progress("earnings", done, 2 * len(tickers), f"{ticker}, next")
        try:
            rows += _collect_next(db, ticker, now, timeout_s, policy)
        except SkipItem as error:
            messages[ticker] = "; ".join(filter(None, (messages.get(ticker), str(error))))
    progress("earnings", 2 * len(tickers), 2 * len(tickers))
    return CollectReport(rows, tuple(messages), tuple(messages.values()))


def _collect_past(
    db: sqlite3.Connection, edgar: EdgarClient, ciks: dict[str, int], ticker: str, now: str
) -> int:
    cik = ciks.get(symbol_of(ticker))
    if cik is None:
        raise SkipItem(f"EDGAR lists no company with the ticker {ticker}; it may be delisted or a fund")
    last = last_announcement_of(db, ticker, EDGAR)
    since = None if last is None else last.announced_on
    found = fetch_announcements(edgar, ticker, cik, now=now, since=since)
    known = None if last is None else (last.announced_on, last.time_of_day)
    logger.info("Read %d announcements of %s since %s", len(found), ticker, since)
    return save_earnings(db, [row for row in found if (row.announced_on, row.time_of_day) != known])


def _collect_next(
    db: sqlite3.Connection, ticker: str, now: str, timeout_s: float, policy: RetryPolicy
) -> int:
    coming = fetch_next_date(ticker, now=now, timeout_s=timeout_s, policy=policy)
    last = last_announcement_of(db, ticker, YAHOO)
    known = None if last is None else (last.announced_on, last.time_of_day)
    if coming is None or (coming.announced_on, coming.time_of_day) == known:
        return 0
    return save_earnings(db, [coming])


def _time_of_day(at: datetime) -> str:
    """Return pre before the opening bell, post from the close on, else unknown."""
    local = at.astimezone(NEW_YORK)
    on = local.date().isoformat()
    if not is_session(on):
        return "unknown"
    if local.time() < OPENING_BELL:
        return "pre"
    return "post" if instant(at) >= session_close(on) else "unknown"


# The past: reports of results, as EDGAR accepted them -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Filing:
    """One line of EDGAR's list; ``stamp`` is its acceptance as written, on a clock that is not said.

    It is None where EDGAR gives no hour, as of some old filings.
    """

    form: str
    items: str
    filed_on: str
    stamp: datetime | None


def fetch_ciks(edgar: EdgarClient) -> dict[str, int]:
    """Return the SEC's number of every company by its ticker, spelled with a hyphen (BRK-B).

    Raises
    ------
    RetryLater, ConfigurationError, SourceChanged
        As for collect_earnings.
    """
    answer = edgar.ask(edgar.files_url + TICKERS_PATH)
    try:
        return {str(row["ticker"]).upper(): int(row["cik_str"]) for row in answer.values()}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _changed("list of companies", error, answer) from error


def fetch_announcements(
    edgar: EdgarClient, ticker: str, cik: int, *, now: str, since: str | None = None
) -> list[EarningsAnnouncement]:
    """Return a company's announcements of results from a day on, oldest first, one a day.

    An announcement is form 8-K with item 2.02, known since EDGAR accepted it; its day is that of New York.

    Parameters
    ----------
    since : str or None
        The first day wanted; None for all that EDGAR has, which goes back to 2004.

    Raises
    ------
    SkipItem
        EDGAR has no list of filings for the company.
    RetryLater, ConfigurationError, SourceChanged
        As for collect_earnings.
    """
    filings = _filings(edgar, f"CIK{cik:010d}", since)
    habit = _habit(filings, now)
    rows: dict[str, EarningsAnnouncement] = {}
    reports = [f for f in filings if f.form == "8-K" and RESULTS_ITEM in f.items.split(",")]
    found = [_announcement(ticker, filing, habit, now) for filing in reports]
    for row in sorted(found, key=lambda row: row.available_at):
        if since is None or row.announced_on >= since:
            rows.setdefault(row.announced_on, row)
    return list(rows.values())


def _filings(edgar: EdgarClient, company: str, since: str | None) -> list[Filing]:
    """Return the filings of the newest list, and of the older lists that reach into the time wanted."""
    answer = edgar.ask(f"{edgar.data_url}/submissions/{company}.json")
    try:
        filings = _table(answer["filings"]["recent"])
        older = [
            str(file["name"])
            for file in answer["filings"]["files"]
            if since is None or str(file["filingTo"]) >= since
        ]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _changed(f"list of filings of {company}", error, answer) from error
    for name in older:
        if not re.fullmatch(rf"{company}-submissions-\d+\.json", name):
            raise _changed(f"list of filings of {company}", ValueError(f"file {name}"), answer)
        page = edgar.ask(f"{edgar.data_url}/submissions/{name}")
        try:
            filings += _table(page)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise _changed(f"older list of filings {name}", error, page) from error
    return filings


REPORTS = {"8-K", "8-K/A", "10-K", "10-K/A", "10-Q", "10-Q/A"}  # the forms whose times are looked at


def _table(columns: dict[str, list[str]]) -> list[Filing]:
    """Return the reports of a table of filings that is given as columns of one length."""
    names = ("form", "items", "filingDate", "acceptanceDateTime")
    return [
        Filing(form, items, date.fromisoformat(filed_on).isoformat(), _stamp(accepted))
        for form, items, filed_on, accepted in zip(*(columns[name] for name in names), strict=True)
        if form in REPORTS
    ]


def _stamp(text: str) -> datetime | None:
    stamp = datetime.fromisoformat(text.removesuffix("Z")).replace(microsecond=0) if text else None
    return None if stamp is None or stamp.time() == time(0) else stamp


# EDGAR ends every acceptance time with Z, but for some companies it is the clock of New York (measured by
# others: 181 of 808 of the S&P 500, github.com/theOGognf/finagg/issues/64; a company keeps to one of them).
# EDGAR accepts from 6:00 to 22:00 in New York, and what comes after 17:30 is filed the next business day:
# that tells the clocks apart, for most filings on their own, else by the company's other filings.
CLOCKS: tuple[tzinfo, ...] = (UTC, NEW_YORK)
ACCEPTS_FROM, SAME_DAY_UNTIL, NEXT_DAY_FROM, ACCEPTS_UNTIL = time(6), time(17, 30), time(18), time(22, 1)


def _fits(filing: Filing, stamp: datetime, clock: tzinfo, now: str) -> bool:
    """Tell whether EDGAR can have accepted a filing at its stamp, read on a clock."""
    at = stamp.replace(tzinfo=clock)
    local = at.astimezone(NEW_YORK)
    if not ACCEPTS_FROM <= local.time() <= ACCEPTS_UNTIL or instant(at) > now:
        return False
    on, at_time = local.date().isoformat(), local.time()
    if filing.filed_on == on:
        return at_time < NEXT_DAY_FROM  # what began to arrive before 17:30 may be accepted a little later
    return filing.filed_on > on and at_time > SAME_DAY_UNTIL


def _clock_of(filing: Filing, now: str) -> tzinfo | None:
    """Return the only clock on which a filing's stamp is possible, or None where it does not tell."""
    stamp = filing.stamp
    fitting = [] if stamp is None else [clock for clock in CLOCKS if _fits(filing, stamp, clock, now)]
    return fitting[0] if len(fitting) == 1 else None


def _habit(filings: Sequence[Filing], now: str) -> tzinfo | None:
    """Return the clock that most of a company's telling filings are on, or None where they do not tell."""
    votes = Counter(clock for filing in filings if (clock := _clock_of(filing, now)) is not None)
    ranked = votes.most_common()
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def _announcement(ticker: str, filing: Filing, habit: tzinfo | None, now: str) -> EarningsAnnouncement:
    stamp = filing.stamp
    if stamp is None:
        known_at = vintage_available_at(filing.filed_on)
        return EarningsAnnouncement(ticker, filing.filed_on, "unknown", EDGAR, known_at)
    clock = _clock_of(filing, now) or habit
    if clock is None:  # the later of the two instants: nobody is told to have known it too early
        at = stamp.replace(tzinfo=NEW_YORK)
        readings = {_time_of_day(stamp.replace(tzinfo=each)) for each in CLOCKS}
        time_of_day = readings.pop() if len(readings) == 1 else "unknown"
    else:
        at = stamp.replace(tzinfo=clock)
        time_of_day = _time_of_day(at)
    on = at.astimezone(NEW_YORK).date().isoformat()
    return EarningsAnnouncement(ticker, on, time_of_day, EDGAR, instant(at))


# What comes: the next date, as Yahoo names it ---------------------------------------------------------


def fetch_next_date(
    ticker: str, *, now: str, timeout_s: float = TIMEOUT_S, policy: RetryPolicy = PATIENT
) -> EarningsAnnouncement | None:
    """Return the next announced date of a ticker, known since ``now``; None where none is announced.

    A range of days, or a date that Yahoo marks as its own estimate, is not announced.

    Raises
    ------
    SkipItem
        Yahoo does not know the ticker.
    RetryLater, SourceChanged
        As for collect_earnings.
    """
    events = call_with_retry(_calendar_reader(ticker, timeout_s), policy)
    dates = events.get("earningsDate") or []
    if len(dates) != 1 or events.get("isEarningsDateEstimate"):
        return None
    at = datetime.fromtimestamp(dates[0], UTC)
    if at.time() == time(0):  # a day without an hour
        on, time_of_day = at.date().isoformat(), "unknown"
    else:
        on, time_of_day = at.astimezone(NEW_YORK).date().isoformat(), _time_of_day(at)
    today = datetime.fromisoformat(now).astimezone(NEW_YORK).date().isoformat()
    return EarningsAnnouncement(ticker, on, time_of_day, YAHOO, now) if on >= today else None


def _calendar_reader(ticker: str, timeout_s: float) -> Callable[[], dict[str, Any]]:
    """Return a call that asks Yahoo once for what it knows of a ticker's next report."""
    from yfinance.data import YfData
    from yfinance.scrapers.quote import Quote

    class PromptData:
        """yfinance's own web access, with our timeout: Quote does not pass one on."""

        def get_raw_json(self, url: str, params: dict[str, str]) -> Any:
            return YfData(session=yahoo_session()).get_raw_json(url, params=params, timeout=timeout_s)

    def read() -> dict[str, Any]:
        session = yahoo_session()
        try:
            with yahoo_errors(ticker, "quoteSummary", "calendar", session):
                # Quote.calendar drops the mark of an estimate, and reads days on this computer's clock.
                answer = Quote(PromptData(), symbol_of(ticker))._fetch(["calendarEvents"])
                return _events(answer)
        except SkipItem:
            if "No fundamentals data found" in session.last.text:  # a fund: it never reports
                return {}
            raise

    return read


def _events(answer: Any) -> dict[str, Any]:
    events: dict[str, Any] = answer["quoteSummary"]["result"][0]["calendarEvents"].get("earnings", {})
    for stamp in events.get("earningsDate") or []:
        datetime.fromtimestamp(stamp, UTC)
    return events


# The door to EDGAR ------------------------------------------------------------------------------------


def _read(url: str, user_agent: str, timeout_s: float) -> Any:
    """Ask once; the address names no person, the contact travels in a header alone."""
    request = Request(url, headers={"User-Agent": user_agent, "Accept": "application/json"})  # noqa: S310
    try:
        with open_url(request, timeout_s) as response:
            body = response.read()
    except HTTPError as error:
        with error:
            answer = error.read().decode("utf-8", "replace")
            raise _refusal(url, error.code, dict(error.headers), answer) from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else type(error).__name__
        raise unreachable("EDGAR", reason) from None
    try:
        return json.loads(body)
    except ValueError as error:
        raise _changed("answer", error, body.decode("utf-8", "replace")) from error


def _refusal(url: str, status: int, headers: dict[str, str], answer: str) -> CollectorError:
    """Return what an HTTP error of EDGAR means."""
    try:
        raise_for_busy("EDGAR", status, headers)
        raise_for_refusal("EDGAR", status, ACCESS)
    except CollectorError as error:
        return error
    name = url.rpartition("/")[2]
    if status == 404 and not url.endswith(TICKERS_PATH):
        return SkipItem(f"EDGAR has no {name} (HTTP 404)")
    return SourceChanged(f"EDGAR refused to give {name} (HTTP {status}); report the answer", answer)


def _changed(what: str, error: Exception, answer: Any) -> SourceChanged:
    return SourceChanged(
        f"EDGAR's {what} is not as we know it ({type(error).__name__}: {error}); report the answer",
        answer if isinstance(answer, str) else json.dumps(answer),
    )
