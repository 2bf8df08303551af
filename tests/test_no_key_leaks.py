"""Keys planted like canaries reach the sources, and nothing that Barograph writes or says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from collectors.fred import open_fred
from collectors.reddit import open_reddit
from desktop_app.cli import run
from tests.collectors.faults import FAULTS, POLICY, SOURCES, TIMEOUT_S, misbehave, three_sources
from tests.collectors.loopback import Loopback

CANARIES = {
    "FRED_API_KEY": "canary0fred0key0canary0fred0key0",
    "REDDIT_CLIENT_ID": "canary-reddit-id",
    "REDDIT_CLIENT_SECRET": "canary-reddit-secret",
}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, no_waiting: None) -> Iterator[Loopback]:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.setattr("prawcore.sessions.RetryStrategy.sleep", lambda _: None)
    patience = {"timeout_s": TIMEOUT_S, "policy": POLICY, "seconds_between": 0}
    root = logging.getLogger()
    before = root.handlers[:]
    with three_sources() as web:
        fred, reddit = {"root_url": web.url}, {"oauth_url": web.url, "reddit_url": web.url}
        monkeypatch.setattr("collectors.fred.open_fred", partial(open_fred, **fred, **patience))
        monkeypatch.setattr("collectors.reddit.open_reddit", partial(open_reddit, **reddit, **patience))
        yield web
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers[:] = before


def written(home: Path, capfd: pytest.CaptureFixture[str]) -> bytes:
    """Return everything that was said, and every byte of the home."""
    said = "".join(capfd.readouterr())
    return said.encode() + b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_no_key_is_written_or_said_whatever_the_sources_answer(
    web: Loopback, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    turn: list[str] = []
    for name in ("fred", "reddit"):
        misbehave(web, SOURCES[name], lambda: turn[-1])
    for fault in FAULTS:
        turn.append(fault)
        run(["--home", str(tmp_path), "--json", "-v", "collect", "macro", "posts"])
    run(["--home", str(tmp_path), "--json", "status"])
    run(["--home", str(tmp_path), "status"])
    run(["--home", str(tmp_path), "doctor"])
    everything = written(tmp_path, capfd)
    assert len(everything) > 10_000
    assert CANARIES["FRED_API_KEY"] in {request.query.get("api_key") for request in web.requests}
    assert [name for name, value in CANARIES.items() if value.encode() in everything] == []


def test_a_defect_that_speaks_of_a_key_does_not_tell_it(
    web: Loopback, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot use {CANARIES['FRED_API_KEY']}")

    monkeypatch.setattr("collectors.fred.collect_macro", broken)
    run(["--home", str(tmp_path), "-v", "collect", "macro"])
    everything = written(tmp_path, capfd)
    assert b"cannot use ***" in everything
    assert CANARIES["FRED_API_KEY"].encode() not in everything
