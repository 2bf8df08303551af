"""Every fault of every source, through the real client: it ends in words of ours and leaves nothing open."""

from __future__ import annotations

import threading

import pytest

from tests.collectors.faults import (
    FAULTS,
    POLICY,
    SOURCES,
    misbehave,
    open_sockets,
    outcome,
    three_sources,
)

ENDS = {  # yahoo, reddit, fred
    "none": ("done", "done", "done"),
    "429": ("retry", "retry", "retry"),
    "429 with Retry-After": ("retry", "retry", "retry"),
    "500": ("retry", "retry", "retry"),
    "hang": ("retry", "retry", "retry"),
    "slow drip": ("done", "done", "done"),
    "reset in the middle": ("retry", "retry", "retry"),
    "truncated": ("SourceChanged", "SourceChanged", "SourceChanged"),
    "HTML": ("SourceChanged", "SourceChanged", "SourceChanged"),
    "expired token": ("retry", "ConfigurationError", "ConfigurationError"),
    "skewed Date": ("done", "done", "done"),
    "empty": ("empty", "done", "empty"),
}


@pytest.mark.parametrize("name", list(SOURCES))
def test_every_fault_ends_in_words_of_ours_and_leaves_nothing_open(name: str, no_waiting: None) -> None:
    source, threads, sockets = SOURCES[name], threading.active_count(), open_sockets()
    ends, asked = {}, {}
    for fault in FAULTS:
        with three_sources() as web:
            misbehave(web, source, lambda fault=fault: fault)  # type: ignore[misc]
            ends[fault] = outcome(source, web)
            asked[fault] = web.paths().count(source.path)
    assert ends == {fault: told[list(SOURCES).index(name)] for fault, told in ENDS.items()}
    assert max(asked.values()) <= 2 * POLICY.attempts
    assert asked["429 with Retry-After"] == 1
    assert (threading.active_count(), open_sockets()) == (threads, sockets)


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_certificate_that_nobody_signed_is_no_source(name: str, no_waiting: None) -> None:
    with three_sources(tls=True) as web:
        assert outcome(SOURCES[name], web) == "retry"
        assert web.requests == []
