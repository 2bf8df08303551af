"""Daily bars from Stooq's CSV download: a second word on recent sessions, and a stand-in where Yahoo fails.

Stooq restates its history for later splits and tells of none, so a bar of it is as traded only where no split
lies between that session and today. Which ones these are, collectors.prices finds by comparing.
"""

from __future__ import annotations

import csv
import io
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request

from collectors.errors import ConfigurationError, RetryLater, SkipItem, SourceChanged
from collectors.market_calendar import closes_by_session
from collectors.price_source import History, PriceSource
from collectors.records import PriceBar
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

SOURCE = "stooq"
URL = "https://stooq.com/q/d/l/"
TIMEOUT_S = 20.0
SECONDS_BETWEEN_REQUESTS = 0.5  # Stooq tells no rate, only a number a day
HEADER = ["Date", "Open", "High", "Low", "Close", "Volume"]
LIMIT = "Exceeded the daily hits limit"  # with status 200
NOTHING = "No data"
A_DAY_S = 24 * 3600.0
ACCESS = (
    "Stooq gives a free key behind a captcha: open https://stooq.com/q/d/?s=spy.us&get_apikey, and set it as "
    "the environment variable STOOQ_API_KEY or in the keyring"
)


def open_stooq(
    api_key: str,
    *,
    url: str = URL,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
    seconds_between: float = SECONDS_BETWEEN_REQUESTS,
) -> PriceSource:
    """Return Stooq as a source of prices."""
    pace = Pace(seconds_between)

    def fetch(ticker: str, first: str, last: str) -> History:
        asked = {
            "s": symbol_of(ticker),
            "d1": first.replace("-", ""),
            "d2": last.replace("-", ""),
            "i": "d",
            "apikey": api_key,
        }

        def ask() -> str:
            pace.wait()
            return _read(f"{url}?{urlencode(asked)}", timeout_s)

        bars = _bars(ticker, call_with_retry(ask, policy))
        return History([bar for bar in bars if first <= bar.session <= last], [])

    return PriceSource(SOURCE, fetch, adjusted=True)


def symbol_of(ticker: str) -> str:
    """Return a ticker as Stooq writes it: BRK.B is brk-b.us there."""
    return ticker.replace(".", "-").lower() + ".us"


def _bars(ticker: str, answer: str) -> list[PriceBar]:
    """Read the table, oldest first; a row that is no session of the exchange is left out."""
    if answer.strip() in (NOTHING, ""):
        raise SkipItem(f"Stooq has no prices of {ticker}; it may be delisted or misspelt")
    header, *rows = csv.reader(io.StringIO(answer))
    closes = closes_by_session()
    try:
        if header != HEADER:
            raise ValueError(f"the header is {header}")
        return [_bar(ticker, row, closes[row[0]]) for row in rows if row and row[0] in closes]
    except (ValueError, IndexError, TypeError) as error:
        raise SourceChanged(
            f"Stooq's answer for {ticker} is no table of prices as we know it ({error}); report the answer",
            answer,
        ) from error


def _bar(ticker: str, row: list[str], available_at: str) -> PriceBar:
    opened, high, low, close, volume = map(float, row[1:])
    return PriceBar(ticker, row[0], opened, high, low, close, volume, SOURCE, available_at)


def _read(url: str, timeout_s: float) -> str:
    """Ask once; no error holds the address, because the key is in it."""
    request = Request(url, headers={"User-Agent": "barograph"})  # noqa: S310 - Stooq's address, or a test's
    try:
        with open_url(request, timeout_s) as response:
            answer: str = response.read().decode("utf-8", "replace")
    except HTTPError as error:
        with error:
            raise_for_busy("Stooq", error.code, dict(error.headers))
            raise_for_refusal("Stooq", error.code, ACCESS)
            raise SourceChanged(
                f"Stooq refused a request as we know it (HTTP {error.code}); report the answer",
                error.read().decode("utf-8", "replace"),
            ) from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else type(error).__name__
        raise unreachable("Stooq", reason) from None
    if LIMIT in answer:
        raise RetryLater("Stooq gives no more today (its daily limit is reached); tomorrow it does", A_DAY_S)
    if "apikey" in answer.lower():
        raise ConfigurationError(f"Stooq does not accept the key; {ACCESS}")
    return answer
