"""Yahoo, Reddit and FRED on this machine, and the ways in which they misbehave on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from collectors.errors import CollectorError, RetryLater, SkipItem
from collectors.fred import fetch_series, open_fred
from collectors.prices import fetch_history
from collectors.reddit import RedditCredentials, fetch_posts, open_reddit
from collectors.retry import RetryPolicy
from tests.collectors.loopback import HANG, HTML, Answer, Loopback, Request, serving
from tests.collectors.recorded import (
    CHART_PATH,
    NEW_PATH,
    NOTHING_LISTED,
    VINTAGES_PATH,
    play_fred,
    play_reddit,
    play_yahoo,
    recorded,
)

TIMEOUT_S = 0.2
POLICY = RetryPolicy(attempts=3, first_wait_s=0, jitter_s=0, longest_named_wait_s=1)
CREDENTIALS = RedditCredentials("id", "secret")


@dataclass(frozen=True)
class Source:
    """How a source is asked for its recorded answer, and what it says in two cases of its own."""

    path: str  # of the request that misbehaves
    ask: Callable[[Loopback], int]  # the real client; returns the rows that came
    expired: Answer
    empty: Answer


def _ask_yahoo(web: Loopback) -> int:
    with pytest.MonkeyPatch.context() as patch:
        play_yahoo(web, patch)
        history = fetch_history("AAPL", "2020-01-01", "2020-11-06", timeout_s=TIMEOUT_S, policy=POLICY)
    return len(history.bars)


def _ask_reddit(web: Loopback) -> int:
    options = {"timeout_s": TIMEOUT_S, "policy": POLICY, "seconds_between": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prawcore.sessions.RetryStrategy.sleep", lambda _: None)
        with open_reddit(CREDENTIALS, oauth_url=web.url, reddit_url=web.url, **options) as reddit:  # type: ignore[arg-type]
            return len(list(fetch_posts(reddit, "stocks", newer_than=None)))


def _ask_fred(web: Loopback) -> int:
    client = open_fred("k" * 32, root_url=web.url, timeout_s=TIMEOUT_S, policy=POLICY, seconds_between=0)
    return len(fetch_series(client, "GDP"))


SOURCES = {
    "yahoo": Source(
        f"{CHART_PATH}AAPL",
        _ask_yahoo,
        Answer('{"finance": {"error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}', 401),
        Answer('{"chart": {"result": [], "error": null}}'),
    ),
    "reddit": Source(
        NEW_PATH,
        _ask_reddit,
        Answer('{"message": "Unauthorized", "error": 401}', 401),
        Answer(NOTHING_LISTED),
    ),
    "fred": Source(
        VINTAGES_PATH,
        _ask_fred,
        Answer('<error code="400" message="The value for variable api_key is not registered."/>', 400),
        Answer("<vintage_dates></vintage_dates>", content_type="text/xml"),
    ),
}

BUSY = Answer("Too Many Requests", 429, "text/plain")
FAULTS: dict[str, Callable[[Source, Answer], Answer]] = {
    "none": lambda source, answer: answer,
    "429": lambda source, answer: BUSY,
    "429 with Retry-After": lambda source, answer: replace(BUSY, headers={"Retry-After": "3600"}),
    "500": lambda source, answer: Answer("Internal Server Error", 500, "text/plain"),
    "hang": lambda source, answer: HANG,
    "slow drip": lambda source, answer: replace(answer, drip_s=0.002),
    "reset in the middle": lambda source, answer: replace(answer, reset=True),
    "truncated": lambda source, answer: replace(answer, body=answer.body[: len(answer.body) // 2]),
    "HTML": lambda source, answer: HTML,
    "expired token": lambda source, answer: source.expired,
    "skewed Date": lambda source, answer: replace(answer, headers={"Date": "Mon, 03 Jan 2000 00:00:00 GMT"}),
    "empty": lambda source, answer: source.empty,
}
WRONG_CERTIFICATE = "wrong certificate"


@contextmanager
def three_sources(*, tls: bool = False) -> Iterator[Loopback]:
    """Run a server that speaks as all three sources do."""
    with serving(tls=tls) as web:
        play_reddit(web)
        play_fred(web)
        web.on(f"{CHART_PATH}AAPL", recorded("yahoo_chart_aapl_2020.json"))
        yield web


def misbehave(web: Loopback, source: Source, fault: Callable[[], str]) -> None:
    """Let each request to a source meet the fault that is told when it comes."""
    [answer] = web.answers[source.path]

    def answered(request: Request) -> Answer:
        good = answer if isinstance(answer, Answer) else answer(request)
        return FAULTS[fault()](source, good)

    web.on(source.path, answered)


def outcome(source: Source, web: Loopback) -> str:
    """Ask once and return how it ended: done, empty, retry, or the class of another error of ours."""
    try:
        return "done" if source.ask(web) else "empty"
    except RetryLater:
        return "retry"
    except SkipItem:
        return "empty"
    except CollectorError as error:
        return type(error).__name__


def open_sockets() -> int:
    """Return how many sockets this process holds; 0 where the system does not tell (Linux does)."""
    files = Path("/proc/self/fd")
    return sum("socket:" in os.path.realpath(file) for file in files.iterdir()) if files.is_dir() else 0
