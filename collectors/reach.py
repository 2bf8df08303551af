"""Whether each source answers at all, and what time it is there; nothing is told to it but that we ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request

from collectors.retry import open_url

ADDRESSES = {
    "Yahoo": "https://query1.finance.yahoo.com/",
    "FRED": "https://api.stlouisfed.org/",
    "Reddit": "https://www.reddit.com/",
    "the SEC's EDGAR": "https://data.sec.gov/",
}
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """How a source took being asked: why it could not be reached (empty where it answered, whatever it said),
    and by how many seconds this machine's clock is ahead of its; None where it does not tell.
    """

    source: str
    problem: str
    ahead_s: float | None


def ask_sources(
    addresses: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
    clock: Callable[[], float] = time.time,
) -> list[Reply]:
    """Ask each address once, all at the same time; ``clock`` gives the seconds since 1970."""
    if not addresses:
        return []
    with ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(lambda item: _ask(item[0], item[1], timeout_s, clock), addresses.items()))


def _ask(source: str, url: str, timeout_s: float, clock: Callable[[], float]) -> Reply:
    begun = clock()
    try:
        with open_url(Request(url, method="HEAD"), timeout_s) as response:  # noqa: S310
            headers = dict(response.headers)
    except HTTPError as error:  # an answer, if no friendly one
        with error:
            headers = dict(error.headers)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        return Reply(source, str(reason) or type(reason).__name__, None)
    return Reply(
        source, "", _ahead_s({name.lower(): value for name, value in headers.items()}, begun, clock())
    )


def _ahead_s(headers: Mapping[str, str], begun: float, ended: float) -> float | None:
    """Return by how much our clock is ahead of an answer's Date, in the middle of the time that it took."""
    if "date" not in headers or headers.get("age", "0") != "0":  # the date of a copy is that of its making
        return None
    try:
        theirs = parsedate_to_datetime(headers["date"]).timestamp() + 0.5  # a Date has no parts of a second
    except ValueError:
        return None
    return (begun + ended) / 2 - theirs
