"""Cells of files as values: tickers, numbers, dates and instants, or a reason why not."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime

from collectors.market_calendar import instant

TICKER = re.compile(r"\^?[A-Z][A-Z0-9]{0,5}(\.[A-Z]{1,2})?")
SHARE_CLASS = re.compile(r"-([A-Z])$")
DOWNLOAD_NUMBER = re.compile(r" ?\(\d+\)$")
FIRST_EPOCH = 946_684_800  # 2000-01-01; smaller numbers are no seconds since 1970 of any post


class BadValue(ValueError):
    """A cell cannot be used; the text is the reason in the report."""


def ticker_of(text: str) -> str:
    """Return a ticker as it stands in the record: upper case, classes with a dot (BRK.B), no exchange.

    Yahoo and tweets write BRK-B, Stooq brk-b.us.
    """
    ticker = SHARE_CLASS.sub(r".\1", text.strip().upper().removesuffix(".US"))
    if not TICKER.fullmatch(ticker):
        raise BadValue(f"{text[:40]!r} is no ticker")
    return ticker


def ticker_of_file(stem: str) -> str:
    """Return the ticker a file is named after: AAPL, brk-b.us, aapl_us_d, daily_adjusted_AAPL, AAPL (1)."""
    name = DOWNLOAD_NUMBER.sub("", stem).upper()
    name = name.removeprefix("DAILY_ADJUSTED_").removesuffix("_US_D")
    try:
        return ticker_of(name)
    except BadValue:
        raise BadValue(
            f"has no ticker column and no ticker for a name: call it TICKER.csv, not {stem[:40]!r}"
        ) from None


def number_of(text: str, column: str) -> float:
    """Return a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise BadValue(f"{column} is {text[:40]!r}, not a number") from None
    if not math.isfinite(value):
        raise BadValue(f"{column} is {text[:40]!r}, not a finite number")
    return value


def date_of(text: str) -> str:
    """Return a calendar date as ISO text; YYYYMMDD is read too."""
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise BadValue(f"{text[:40]!r} is no date; expected YYYY-MM-DD") from None


def instant_of(value: object) -> str:
    """Return the UTC text of an instant: seconds since 1970 as a number or text, or ISO 8601 with a zone."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise BadValue(f"{value[:40]!r} names no time zone")
            return instant(moment)
        seconds = float(value)  # type: ignore[arg-type]
        if seconds < FIRST_EPOCH:
            raise BadValue(f"{value!r} are no seconds since 1970")
        return instant(datetime.fromtimestamp(seconds, UTC))
    except BadValue:
        raise
    except (TypeError, ValueError, OverflowError, OSError):
        raise BadValue(
            f"{str(value)[:40]!r} is no instant; expected ISO 8601 or seconds since 1970"
        ) from None
