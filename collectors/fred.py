"""FRED series with every vintage: what a macro figure was, and when it was published."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from xml.etree import ElementTree

from collectors.errors import CollectorError, ConfigurationError, SkipItem, SourceChanged
from collectors.market_calendar import vintage_available_at
from collectors.progress import CollectReport, Progress, silent
from collectors.records import MacroObservation
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
from collectors.store import first_observation_of, last_vintage_of, save_macro

logger = logging.getLogger(__name__)

DEFAULT_SERIES = (
    "FEDFUNDS", "DGS2", "DGS10", "T10Y2Y", "CPIAUCSL", "UNRATE", "PAYEMS", "INDPRO", "ICSA", "M2SL",
    "VIXCLS", "BAMLH0A0HYM2",
)  # fmt: skip
TIMEOUT_S = 30.0
SECONDS_BETWEEN_REQUESTS = 0.6  # FRED allows 120 a minute
VINTAGES_AT_ONCE = 1900  # FRED refuses a window that holds more than 2,000
ROWS_AT_ONCE = 100_000  # and cuts an answer off there, without a word
VINTAGES_LISTED = 10_000
SHORTENED = "FRED now gives"  # begins the message on a series that lost its beginning
EARLIEST, LATEST = "1776-07-04", "9999-12-31"
ACCESS = (
    "FRED gives free keys: get one at https://fred.stlouisfed.org/docs/api/api_key.html, "
    "and enter it in the settings or as the environment variable FRED_API_KEY"
)


class FredClient(Protocol):
    """The part of fredapi.Fred that we use."""

    def get_series_vintage_dates(self, series_id: str) -> Any:
        """Return the days on which values of a series were released or revised."""

    def get_series_all_releases(
        self, series_id: str, realtime_start: str | None = None, realtime_end: str | None = None
    ) -> Any:
        """Return a table of date, realtime_start and value, as far as they were valid in a window."""


def open_fred(
    api_key: str | None,
    *,
    root_url: str | None = None,
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
    seconds_between: float = SECONDS_BETWEEN_REQUESTS,
) -> FredClient:
    """Return fredapi's client with what it lacks: a timeout, a pace, retries, and our errors.

    Raises
    ------
    ConfigurationError
        There is no key.
    """
    if not api_key:
        raise ConfigurationError(f"no key for FRED is set up: {ACCESS}")
    from fredapi import Fred

    pace = Pace(seconds_between)

    class PatientFred(Fred):  # type: ignore[misc]
        """Sends every request of fredapi through our door: the one method that its others call."""

        def _Fred__fetch_data(self, url: str) -> ElementTree.Element:  # noqa: N802 - fredapi's own name
            def ask() -> ElementTree.Element:
                pace.wait()
                return _read(f"{url}&api_key={api_key}", timeout_s)

            return call_with_retry(ask, policy)

    client = PatientFred(api_key=api_key)
    if root_url is not None:
        client.root_url = root_url
    return client


def collect_macro(
    db: sqlite3.Connection,
    client: FredClient,
    series_ids: Sequence[str] = DEFAULT_SERIES,
    *,
    now: str,
    progress: Progress = silent,
) -> CollectReport:
    """Save every vintage of each series that was published since the last one saved.

    A series that FRED does not know is named in the report, and so is one of which FRED no longer gives the
    beginning: that stays stored.

    Raises
    ------
    RetryLater
        FRED cannot be reached or asks for a pause; the series before are saved.
    ConfigurationError
        FRED does not accept the key.
    SourceChanged
        An answer does not have the shape we know.
    """
    rows, skipped, shortened = 0, {}, []
    for done, series_id in enumerate(series_ids):
        progress("macro", done, len(series_ids), series_id)
        since = last_vintage_of(db, series_id)
        try:
            answer = fetch_releases(client, series_id, since_vintage=since)
        except SkipItem as error:
            skipped[series_id] = str(error)
            continue
        ours = first_observation_of(db, series_id)
        if ours and answer.first_observed_on and answer.first_observed_on > ours:
            shortened.append(
                f"{SHORTENED} {series_id} from {answer.first_observed_on} on, "
                f"and what is stored since {ours} stays"
            )
        rows += save_macro(db, answer.observations, now)
        logger.info("Read %d values of %s released since %s", len(answer.observations), series_id, since)
    progress("macro", len(series_ids), len(series_ids))
    return CollectReport(rows, tuple(skipped), (*skipped.values(), *shortened))


# Vintages, joined from windows --------------------------------------------------------------------

Release = tuple[str, str, float | None]  # released_on, observed_on, value (None where withdrawn)


@dataclass(frozen=True, slots=True)
class Releases:
    """Values in the order of their release, and the first day that FRED still lists (empty: unknown)."""

    observations: list[MacroObservation]
    first_observed_on: str = ""


def fetch_series(
    client: FredClient, series_id: str, *, since_vintage: str | None = None
) -> list[MacroObservation]:
    """Return the values of a series as they were released; as fetch_releases, and raises alike."""
    return fetch_releases(client, series_id, since_vintage=since_vintage).observations


def fetch_releases(client: FredClient, series_id: str, *, since_vintage: str | None = None) -> Releases:
    """Return the values of a series as they were released, in the order of their release.

    Parameters
    ----------
    since_vintage : str or None
        Only what was released on this day or later; None for every vintage. The day itself is asked
        again, since more may have been released after we last asked.

    Raises
    ------
    SkipItem
        FRED does not know the series, or cannot list it.
    RetryLater, ConfigurationError, SourceChanged
        As for collect_macro.
    """
    if not re.fullmatch(r"\w+", series_id):
        raise SkipItem(f"{series_id!r} is no name of a FRED series; expected letters, digits and underscores")
    days = [day.strftime("%Y-%m-%d") for day in _ask(client.get_series_vintage_dates, series_id)]
    if len(days) >= VINTAGES_LISTED:
        raise SkipItem(f"{series_id} has more vintages than FRED lists at once ({VINTAGES_LISTED:,})")
    vintages = [day for day in days if since_vintage is None or day >= since_vintage]
    if not vintages:
        return Releases([])
    first = EARLIEST if since_vintage is None else _day_before(since_vintage)
    current: dict[str, float | None] = {}  # what each observation was when last heard of
    observations = []
    for window_first, releases in _windows(client, series_id, vintages, first, LATEST):
        for released_on, observed_on, value in sorted(releases, key=lambda release: release[:2]):
            # FRED dates what is older than a window to the window's first day: that is no release.
            is_older = since_vintage is not None and window_first == first == released_on
            is_news = observed_on not in current or current[observed_on] != value
            current[observed_on] = value
            if is_news and not is_older and value is not None:
                at = vintage_available_at(released_on)
                observations.append(MacroObservation(series_id, observed_on, value, released_on, at))
    # A value that was withdrawn (".") is still listed: GDP of 1946 is, since 1999.
    return Releases(observations, min(current, default=""))


def _windows(
    client: FredClient, series_id: str, vintages: list[str], first: str, last: str
) -> list[tuple[str, list[Release]]]:
    """Return the releases in windows small enough for FRED, each with the first day of its window."""
    if len(vintages) <= VINTAGES_AT_ONCE:
        releases = _releases(_ask(client.get_series_all_releases, series_id, first, last))
        if len(releases) < ROWS_AT_ONCE:
            return [(first, releases)]
        if len(vintages) < 2:
            raise SkipItem(f"{series_id} has more values than FRED gives at once ({ROWS_AT_ONCE:,})")
    middle = len(vintages) // 2
    return [
        *_windows(client, series_id, vintages[:middle], first, _day_before(vintages[middle])),
        *_windows(client, series_id, vintages[middle:], vintages[middle], last),
    ]


def _releases(frame: Any) -> list[Release]:
    if frame.empty:
        return []
    withdrawn = frame["value"].isna()  # "." to FRED, NaN or NaT to fredapi
    columns = (frame["realtime_start"], frame["date"], frame["value"], withdrawn)
    return [
        (released.strftime("%Y-%m-%d"), observed.strftime("%Y-%m-%d"), None if gone else float(value))
        for released, observed, value, gone in zip(*columns, strict=True)
    ]


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


# The door to fredapi ------------------------------------------------------------------------------


def _ask(method: Any, series_id: str, *window: str) -> Any:
    try:
        return method(series_id, *window)
    except CollectorError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise SourceChanged(
            f"FRED's answer for {series_id} holds no releases as we know them "
            f"({type(error).__name__}: {error}); update fredapi, or report it"
        ) from error


def _read(url: str, timeout_s: float) -> ElementTree.Element:
    """Ask once; no error holds the address, because the key is in it."""
    try:
        with open_url(url, timeout_s) as response:
            body = response.read()
    except HTTPError as error:
        with error:
            raise _refusal(error.code, dict(error.headers), error.read().decode("utf-8", "replace")) from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else type(error).__name__
        raise unreachable("FRED", reason) from None
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat itself limits entities
    except ElementTree.ParseError:
        root = None
    if root is None or root.tag not in ("observations", "vintage_dates"):
        raise SourceChanged(
            "FRED's answer is no list of observations or vintages; update fredapi, or report the answer",
            body.decode("utf-8", "replace"),
        )
    return root


def _refusal(status: int, headers: dict[str, str], answer: str) -> CollectorError:
    """Return what an HTTP error of FRED means."""
    try:
        raise_for_busy("FRED", status, headers)
        raise_for_refusal("FRED", status, ACCESS)
    except CollectorError as error:
        return error
    if "api_key" in answer:  # 400: the key is not registered, or is not 32 letters and digits
        return ConfigurationError(f"FRED does not accept the key (HTTP {status}); {ACCESS}")
    if "does not exist" in answer:
        return SkipItem(f"FRED does not know this series (HTTP {status}); check its name")
    return SourceChanged(f"FRED refused a request as we know it (HTTP {status}); report the answer", answer)
