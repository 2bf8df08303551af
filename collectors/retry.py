"""One policy of pace, retry and error mapping, whichever client library speaks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPMessage
from typing import IO, Any, TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import stamina

from collectors.errors import ConfigurationError, DatabaseBusy, RetryLater

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient we are with one request.

    A wait doubles from ``first_wait_s`` to ``longest_wait_s``, with up to ``jitter_s`` added. A source
    that names a wait of its own gets exactly that, unless it is longer than ``longest_named_wait_s``:
    then the schedule comes back, not this process.
    """

    attempts: int = 4
    total_s: float = 180.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 20.0
    jitter_s: float = 1.0
    longest_named_wait_s: float = 60.0


PATIENT = RetryPolicy()


def call_with_retry(work: Callable[[], T], policy: RetryPolicy = PATIENT) -> T:
    """Call ``work`` until it does not raise RetryLater, as often as the policy allows.

    Raises
    ------
    RetryLater
        The last attempt's, where none succeeded.
    """

    def again(error: Exception) -> bool | float:
        if not isinstance(error, RetryLater) or isinstance(error, DatabaseBusy):
            return False
        if error.after_s is None:
            return True
        return error.after_s if error.after_s <= policy.longest_named_wait_s else False

    for attempt in stamina.retry_context(
        on=again,
        attempts=policy.attempts,
        timeout=policy.total_s,
        wait_initial=policy.first_wait_s,
        wait_max=policy.longest_wait_s,
        wait_jitter=policy.jitter_s,
    ):
        with attempt:
            return work()
    raise AssertionError("retry_context ends by returning or raising")


class Pace:
    """Keeps requests at least ``interval_s`` apart, as a source's terms ask."""

    def __init__(
        self,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.interval_s = interval_s
        self._clock = clock
        self._sleep = sleep
        self._next_at = clock()

    def wait(self) -> None:
        """Sleep until the next request may go out."""
        wait_s = self._next_at - self._clock()
        if wait_s > 0:
            self._sleep(wait_s)
        self._next_at = self._clock() + self.interval_s


def raise_for_busy(source: str, status: int, headers: Mapping[str, str]) -> None:
    """Raise RetryLater for the HTTP statuses that mean "not now": 408, 429 and 5xx."""
    if status == 429:
        raise RetryLater(
            f"{source} asks for fewer requests (HTTP 429); the next run tries again",
            retry_after_s(headers),
        )
    if status == 408 or status >= 500:
        raise RetryLater(
            f"{source} has trouble of its own (HTTP {status}); the next run tries again",
            retry_after_s(headers),
        )


def raise_for_refusal(source: str, status: int, access: str) -> None:
    """Raise ConfigurationError for the HTTP statuses that mean "not you"; ``access`` says how to get in."""
    if status in (401, 403):
        raise ConfigurationError(f"{source} refused the request (HTTP {status}); {access}")


def unreachable(source: str, reason: object) -> RetryLater:
    """Return the error for a request without an answer: no network, a timeout, a broken connection."""
    return RetryLater(f"{source} cannot be reached ({reason}); check the network, the next run tries again")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for, counted from the answer's own Date."""
    by_name = {name.lower(): value for name, value in headers.items()}
    wish = by_name.get("retry-after", "").strip()
    if not wish:
        return None
    try:
        return max(0.0, float(wish))
    except ValueError:
        until, answered = _date(wish), _date(by_name.get("date", ""))
        return max(0.0, (until - answered).total_seconds()) if until and answered else None


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


# HTTPS alone ------------------------------------------------------------------------------------------

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def open_url(request: str | Request, timeout_s: float) -> Any:
    """Open an address, and whatever it redirects to, over HTTPS alone (plain HTTP only on this machine).

    Keys stand in addresses and headers: over plain HTTP everyone on the way could read them.

    Raises
    ------
    URLError
        An address is no HTTPS, or could not be opened; the message does not hold it.
    """
    refuse_plain(request if isinstance(request, str) else request.full_url)
    return build_opener(_SafeRedirects).open(request, timeout=timeout_s)


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        refuse_plain(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def refuse_plain(url: str) -> None:
    """Raise URLError for an address that is neither encrypted nor on this machine."""
    address = urlsplit(url)
    if address.scheme in ("https", "wss"):
        return
    if address.scheme not in ("http", "ws") or address.hostname not in LOOPBACK:
        raise URLError(f"{address.scheme}://{address.hostname} is not HTTPS, so nothing was sent there")
