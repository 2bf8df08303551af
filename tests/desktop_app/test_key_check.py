"""Each source is asked whether it accepts its key, and no key ever stands in an answer."""

from __future__ import annotations

from base64 import b64decode

import pytest

from desktop_app import secrets
from desktop_app.key_check import KeyAnswer, check_keys, complaints_of_keys
from tests.collectors.loopback import Answer, Loopback, Request

KEYS = {
    "FRED_API_KEY": "f" * 32,
    "REDDIT_CLIENT_ID": "our-client",
    "REDDIT_CLIENT_SECRET": "our-secret",
    "ALPACA_API_KEY": "our-alpaca-key",
    "ALPACA_SECRET_KEY": "our-alpaca-secret",
}


@pytest.fixture
def sources(web: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """Three sources that know KEYS and refuse others, as they did in 2026."""
    addresses = {"FRED": "/fred/series", "Reddit": "/api/v1/access_token", "Alpaca": "/v2/account"}
    monkeypatch.setattr(
        "desktop_app.key_check.ADDRESSES", {name: web.url + path for name, path in addresses.items()}
    )

    def fred(request: Request) -> Answer:
        if request.query["api_key"] == KEYS["FRED_API_KEY"]:
            return Answer('{"seriess": []}')
        return Answer('{"error_code": 400, "error_message": "Bad Request. api_key is not registered."}', 400)

    def reddit(request: Request) -> Answer:
        given = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        ours = f"{KEYS['REDDIT_CLIENT_ID']}:{KEYS['REDDIT_CLIENT_SECRET']}"
        known = (request.body, given) == ("grant_type=client_credentials", ours)
        return Answer("{}") if known else Answer('{"message": "Unauthorized", "error": 401}', 401)

    def alpaca(request: Request) -> Answer:
        known = request.headers.get("Apca-Api-Secret-Key") == KEYS["ALPACA_SECRET_KEY"]
        return Answer("{}") if known else Answer('{"message": "forbidden."}', 403)

    for path, answer in zip(addresses.values(), (fred, reddit, alpaca), strict=True):
        web.on(path, answer)
    return web


def keep(monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]) -> None:
    monkeypatch.setattr(secrets, "_from_keyring", keys.get)
    monkeypatch.setattr(secrets, "_from_environment", lambda _name: None)
    monkeypatch.setattr(secrets, "_from_file", lambda _name: None)


@pytest.mark.usefixtures("sources")
def test_keys_that_are_accepted_need_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, KEYS)
    answers = check_keys()
    assert [(one.source, one.state) for one in answers] == [
        ("FRED", "accepted"),
        ("Reddit", "accepted"),
        ("Alpaca", "accepted"),
    ]
    assert complaints_of_keys(answers) == []


@pytest.mark.usefixtures("sources")
def test_keys_that_are_refused_are_told_in_the_words_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, {name: f"wrong-{value}" for name, value in KEYS.items()})
    told = complaints_of_keys(check_keys())
    assert [one.sentence.partition(". Look it up")[0] for one in told] == [
        "FRED does not accept FRED_API_KEY: Bad Request. api_key is not registered",
        "Reddit does not accept REDDIT_CLIENT_ID and REDDIT_CLIENT_SECRET: Unauthorized",
        "Alpaca does not accept ALPACA_API_KEY and ALPACA_SECRET_KEY: forbidden",
    ]
    assert {one.subject for one in told} == {"keys"}


def test_a_source_that_is_out_of_order_says_nothing_about_its_key(
    monkeypatch: pytest.MonkeyPatch, sources: Loopback
) -> None:
    keep(monkeypatch, {"FRED_API_KEY": KEYS["FRED_API_KEY"]})
    sources.on("/fred/series", Answer(f"we saw {KEYS['FRED_API_KEY']}", 503))
    assert check_keys() == [KeyAnswer("FRED", ("FRED_API_KEY",), "unknown", "HTTP 503")]
    sources.on("/fred/series", Answer(f'{{"message": "bad {KEYS["FRED_API_KEY"]}"}}', 400))
    assert check_keys()[0].reason == "bad ***"


def test_who_has_no_key_asks_nobody(monkeypatch: pytest.MonkeyPatch, sources: Loopback) -> None:
    keep(monkeypatch, {})
    assert (check_keys(), sources.requests) == ([], [])
