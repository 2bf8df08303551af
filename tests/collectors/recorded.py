"""Recorded answers of Yahoo, Reddit and FRED, played by the loopback server to the real client libraries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.collectors.loopback import Answer, Loopback, Request

FOLDER = Path(__file__).parents[1] / "resources" / "recorded"
CHART_PATH = "/v8/finance/chart/"
TOKEN_PATH, NEW_PATH, COMMENTS_PATH = "/api/v1/access_token", "/r/stocks/new", "/r/stocks/comments/"
INFO_PATH = "/api/info/"
OBSERVATIONS_PATH, VINTAGES_PATH = "/series/observations", "/series/vintagedates"
TOKEN = Answer('{"access_token": "token", "token_type": "bearer", "expires_in": 3600, "scope": "*"}')
NEW = (FOLDER / "reddit_new.json").read_text()
NOTHING_LISTED = '{"kind": "Listing", "data": {"children": [], "after": null}}'
COMMENTS = (FOLDER / "reddit_comments.json").read_text()
GDP = json.loads((FOLDER / "fred_gdp.json").read_text())


def recorded(name: str) -> Answer:
    """Return a recorded answer as it was."""
    return Answer((FOLDER / name).read_text())


def play_yahoo(web: Loopback, monkeypatch: pytest.MonkeyPatch, **charts: Answer) -> None:
    """Send yfinance to this machine; its cookie and crumb, which charts do not need, are there already."""
    from yfinance.data import YfData

    from collectors.yahoo import yahoo_session

    monkeypatch.setattr("yfinance.scrapers.history._BASE_URL_", web.url)
    shared = YfData(session=yahoo_session())
    monkeypatch.setattr(shared, "_cookie", True)
    monkeypatch.setattr(shared, "_crumb", "crumb")
    for symbol, chart in charts.items():
        web.on(CHART_PATH + symbol, chart)


def play_reddit(web: Loopback) -> None:
    """Answer praw with a token and the recorded listings of r/stocks."""
    web.on(TOKEN_PATH, TOKEN)
    web.on(NEW_PATH, Answer(NEW))
    web.on(COMMENTS_PATH, Answer(COMMENTS))
    web.on(INFO_PATH, Answer(NOTHING_LISTED))


def play_fred(web: Loopback) -> None:
    """Answer fredapi with the recorded vintages of GDP."""
    days = "".join(f"<vintage_date>{day}</vintage_date>" for day in GDP["vintage_dates"])
    web.on(VINTAGES_PATH, Answer(f"<vintage_dates>{days}</vintage_dates>", content_type="text/xml"))
    web.on(OBSERVATIONS_PATH, gdp_observations)


def gdp_observations(request: Request) -> Answer:
    """Answer as FRED does: what was valid in the window, each row cut to the window."""
    return observations_answer(
        GDP["observations"], request.query["realtime_start"], request.query["realtime_end"]
    )


def observations_answer(observations: list[dict[str, str]], first: str, last: str) -> Answer:
    """Return what was valid in a window, each row cut to the window."""
    rows = "".join(
        f'<observation realtime_start="{max(row["realtime_start"], first)}" '
        f'realtime_end="{min(row["realtime_end"], last)}" date="{row["date"]}" value="{row["value"]}"/>'
        for row in observations
        if row["realtime_start"] <= last and row["realtime_end"] >= first
    )
    return Answer(f"<observations>{rows}</observations>", content_type="text/xml")
