"""The doctor tells which sources do not answer, and a clock that disagrees with theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.reach import Reply
from desktop_app.reach import complaints_of, examine_sources
from tests.collectors.loopback import Loopback


def test_sources_that_answer_on_time_are_not_mentioned() -> None:
    assert complaints_of([Reply("Yahoo", "", 0.4), Reply("FRED", "", -59.0), Reply("Reddit", "", None)]) == []
    assert complaints_of([]) == []


def test_a_silent_source_is_named_and_a_lost_network_told_once() -> None:
    (one,) = complaints_of([Reply("Yahoo", "", 0.0), Reply("the SEC's EDGAR", "timed out", None)])
    assert (one.sentence, one.mend) == (
        "The SEC's EDGAR cannot be reached: timed out.",
        "wait, and then barograph collect earnings",
    )
    (none,) = complaints_of([Reply("Yahoo", "no route", None), Reply("FRED", "no name", None)])
    assert none.sentence == "No source can be reached (Yahoo: no route; FRED: no name)."


def test_a_wrong_clock_is_told_by_what_most_say() -> None:
    replies = [Reply("Yahoo", "", 7325.0), Reply("FRED", "", 7324.0), Reply("Reddit", "", -1.0)]
    (complaint,) = complaints_of(replies)
    assert complaint.sentence.startswith(
        "This computer's clock is 2:02:04 ahead of that of Yahoo, FRED, Reddit (hours, minutes, seconds)"
    )
    (complaint,) = complaints_of([Reply("Yahoo", "", -86461.0)])
    assert "1 day, 0:01:01 behind that of Yahoo" in complaint.sentence


def test_only_sources_that_a_home_uses_are_asked(
    web: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.delenv("REDDIT_CLIENT_ID", raising=False)
    monkeypatch.setenv("FRED_API_KEY", "a-key")
    names = ("Yahoo", "FRED", "Reddit", "the SEC's EDGAR")
    monkeypatch.setattr("collectors.reach.ADDRESSES", {name: f"{web.url}/{name[0]}" for name in names})
    assert examine_sources(tmp_path) == []
    assert sorted(web.paths()) == ["/F", "/Y"]
    (tmp_path / "settings.json").write_text('{"contact": "someone@example.com"}')
    monkeypatch.setenv("REDDIT_CLIENT_ID", "an-id")
    examine_sources(tmp_path)
    assert sorted(web.paths()[2:]) == ["/F", "/R", "/Y", "/t"]
