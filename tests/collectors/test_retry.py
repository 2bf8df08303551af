"""Pace, retry and error mapping, without sleeping."""

from __future__ import annotations

from urllib.error import URLError

import pytest

from collectors.errors import ConfigurationError, DatabaseBusy, RetryLater, SourceChanged
from collectors.retry import (
    Pace,
    RetryPolicy,
    call_with_retry,
    open_url,
    raise_for_busy,
    raise_for_refusal,
    retry_after_s,
)
from tests.collectors.loopback import Answer, Loopback


class Work:
    """Raises what it is given, one error a call, then returns 7."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7


@pytest.mark.usefixtures("no_waiting")
def test_a_busy_source_is_asked_again() -> None:
    work = Work(RetryLater("busy"), RetryLater("busy", after_s=3))
    assert call_with_retry(work) == 7
    assert work.calls == 3


@pytest.mark.usefixtures("no_waiting")
def test_patience_ends() -> None:
    work = Work(*[RetryLater(f"busy {n}") for n in range(9)])
    with pytest.raises(RetryLater, match="busy 2"):
        call_with_retry(work, RetryPolicy(attempts=3))
    assert work.calls == 3


@pytest.mark.parametrize(
    "error",
    [SourceChanged("no JSON"), RetryLater("come back tomorrow", after_s=3600), DatabaseBusy("locked")],
)
@pytest.mark.usefixtures("no_waiting")
def test_what_a_second_try_cannot_mend_is_raised_at_once(error: Exception) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        call_with_retry(work)
    assert work.calls == 1


def test_the_wait_a_source_names_is_kept() -> None:
    import time

    work = Work(RetryLater("busy", after_s=0.2))
    began = time.monotonic()
    assert call_with_retry(work, RetryPolicy(first_wait_s=9, longest_wait_s=9)) == 7
    assert 0.2 <= time.monotonic() - began < 9  # and not its own first wait


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": "0.5"}, 0.5),
        (
            {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:29 GMT"},
            30.0,
        ),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_each_spelling(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_statuses_become_errors_by_what_to_do_next() -> None:
    with pytest.raises(RetryLater, match="HTTP 429") as caught:
        raise_for_busy("Yahoo", 429, {"Retry-After": "5"})
    assert caught.value.after_s == 5
    with pytest.raises(RetryLater, match="HTTP 503"):
        raise_for_busy("Yahoo", 503, {})
    with pytest.raises(ConfigurationError, match="get a key"):
        raise_for_refusal("FRED", 403, "get a key")
    raise_for_busy("Yahoo", 404, {})
    raise_for_refusal("FRED", 200, "get a key")


def test_requests_keep_their_distance() -> None:
    now = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(0.6, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        pace.wait()
        now[0] += 0.1
    assert slept == pytest.approx([0.5, 0.5])


# HTTPS alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://api.example/?key=1", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_no_address_but_https_is_opened(url: str) -> None:
    with pytest.raises(URLError, match="is not HTTPS, so nothing was sent there"):
        open_url(url, 1)


def test_a_redirect_to_plain_http_is_not_followed(web: Loopback) -> None:
    web.on("/here", Answer(status=302, headers={"Location": "http://elsewhere.example/?key=1"}))
    web.on("/there", Answer("found"))
    with pytest.raises(URLError, match=r"http://elsewhere\.example is not HTTPS"):
        open_url(f"{web.url}/here", 1)
    with open_url(f"{web.url}/there", 1) as answer:
        assert answer.read() == b"found"
