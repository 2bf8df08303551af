"""Sources are asked whether they are there, against a server on this machine."""

from __future__ import annotations

from collectors.reach import Reply, ask_sources
from tests.collectors.loopback import HANG, Answer, Loopback, serving

AT = 1_577_966_400.0  # 2020-01-02 12:00:00 UTC


def dated(date: str, status: int = 200, **headers: str) -> Answer:
    return Answer("", status, headers={"Date": date, **headers})


def test_any_answer_means_that_a_source_is_there_and_tells_its_time(web: Loopback) -> None:
    web.on("/good", dated("Thu, 02 Jan 2020 12:00:00 GMT"))
    web.on("/refuses", dated("Thu, 02 Jan 2020 11:00:00 GMT", status=403))
    web.on("/copy", dated("Thu, 02 Jan 2020 03:00:00 GMT", Age="32400"))
    web.on("/timeless", dated("soon"))
    addresses = {name: f"{web.url}/{name}" for name in ("good", "refuses", "copy", "timeless")}
    assert ask_sources(addresses, clock=lambda: AT) == [
        Reply("good", "", -0.5),
        Reply("refuses", "", 3599.5),
        Reply("copy", "", None),
        Reply("timeless", "", None),
    ]
    assert {request.method for request in web.requests} == {"HEAD"}


def test_what_cannot_be_reached_says_why(web: Loopback) -> None:
    web.on("/hang", HANG)
    with serving(tls=True) as untrusted:
        addresses = {
            "silent": f"{web.url}/hang",
            "strange": untrusted.url,
            "plain": "http://example.com/",
            "nowhere": "http://127.0.0.1:9/",
        }
        replies = {reply.source: reply.problem for reply in ask_sources(addresses, timeout_s=0.2)}
    assert replies["silent"] == "timed out"
    assert "certificate" in replies["strange"]
    assert "is not HTTPS" in replies["plain"]
    assert "refused" in replies["nowhere"]


def test_nobody_is_asked_where_there_is_nobody() -> None:
    assert ask_sources({}) == []
