"""Whether each source takes the key that is kept for it: it is asked for the least that needs one."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request

from collectors.retry import open_url
from desktop_app.complaint import Complaint
from desktop_app.secrets import BROKER_SECRETS, SECRET_NAMES, SERVICE, hide_keys, load_secret

ADDRESSES = {
    "FRED": "https://api.stlouisfed.org/fred/series",
    "Reddit": "https://www.reddit.com/api/v1/access_token",
    "Alpaca": "https://paper-api.alpaca.markets/v2/account",
}
ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
REFUSALS = {"FRED": (400, 401, 403), "Reddit": (400, 401), "Alpaca": (401, 403)}  # what a wrong key gets
TIMEOUT_S = 10.0
USER_AGENT = "desktop:barograph:0.1 (personal forecaster)"


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What a source said to its keys: accepted, refused, or unknown where it did not come to it; and why."""

    source: str
    names: tuple[str, ...]
    state: str
    reason: str = ""


def check_keys(timeout_s: float = TIMEOUT_S) -> list[KeyAnswer]:
    """Ask each source that a key is kept for, all at the same time."""
    asked = list(_requests())
    if not asked:
        return []
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda one: _ask(*one, timeout_s=timeout_s), asked))


def complaints_of_keys(answers: list[KeyAnswer]) -> list[Complaint]:
    """Say which keys are refused, and which source did not tell."""
    found = []
    for answer in answers:
        names = " and ".join(answer.names)
        if answer.state == REFUSED:
            origin = (SECRET_NAMES | BROKER_SECRETS)[answer.names[0]]
            found.append(
                Complaint(
                    "keys",
                    f"{answer.source} does not accept {names}: {answer.reason}. Look it up at {origin}.",
                    f"keyring set {SERVICE} {answer.names[0]}",
                )
            )
        elif answer.state == UNKNOWN:
            found.append(
                Complaint(
                    "network",
                    f"{answer.source} did not tell whether it accepts {names}: {answer.reason}.",
                    "ask again later",
                )
            )
    return found


def _requests() -> Iterator[tuple[str, tuple[str, ...], Request]]:
    """Return what to ask of each source that has a key."""
    if key := load_secret("FRED_API_KEY"):
        query = urlencode({"series_id": "GNPCA", "file_type": "json", "api_key": key})
        yield "FRED", ("FRED_API_KEY",), _request("FRED", query=query)
    if client_id := load_secret("REDDIT_CLIENT_ID"):
        secret, token = load_secret("REDDIT_CLIENT_SECRET"), load_secret("REDDIT_REFRESH_TOKEN")
        grant = (
            {"grant_type": "refresh_token", "refresh_token": token}
            if token
            else {"grant_type": "client_credentials"}
        )
        basic = b64encode(f"{client_id}:{secret or ''}".encode()).decode()
        names = ("REDDIT_CLIENT_ID", *(["REDDIT_CLIENT_SECRET"] if secret else []))
        yield "Reddit", names, _request("Reddit", {"Authorization": f"Basic {basic}"}, urlencode(grant))
    alpaca = {name: load_secret(name) for name in BROKER_SECRETS}
    if all(alpaca.values()):
        headers = {
            "APCA-API-KEY-ID": alpaca["ALPACA_API_KEY"] or "",
            "APCA-API-SECRET-KEY": alpaca["ALPACA_SECRET_KEY"] or "",
        }
        yield "Alpaca", tuple(alpaca), _request("Alpaca", headers)


def _request(source: str, headers: dict[str, str] | None = None, body: str = "", query: str = "") -> Request:
    url = ADDRESSES[source] + (f"?{query}" if query else "")
    return Request(  # noqa: S310 - open_url refuses what is no HTTPS
        url, data=body.encode() or None, headers={"User-Agent": USER_AGENT, **(headers or {})}
    )


def _ask(source: str, names: tuple[str, ...], request: Request, *, timeout_s: float) -> KeyAnswer:
    try:
        with open_url(request, timeout_s):
            return KeyAnswer(source, names, ACCEPTED)
    except HTTPError as error:
        with error:
            state = REFUSED if error.code in REFUSALS[source] else UNKNOWN
            return KeyAnswer(source, names, state, hide_keys(_reason(error)))
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        return KeyAnswer(source, names, UNKNOWN, hide_keys(str(reason) or type(reason).__name__))


def _reason(error: HTTPError) -> str:
    """Return what an answer says in its own words, else its status."""
    try:
        said = json.loads(error.read(10_000))
        words = next(said[name] for name in ("error_message", "message", "error") if said.get(name))
    except (ValueError, OSError, AttributeError, StopIteration, KeyError):
        return f"HTTP {error.code}"
    return str(words).strip().rstrip(".")
