"""praw itself, against a server on this machine that answers as Reddit did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from collectors.errors import ConfigurationError, RetryLater, SourceChanged
from collectors.records import Post
from collectors.reddit import RedditCredentials, collect_posts, fetch_posts, open_reddit
from collectors.retry import Pace
from collectors.store import load_posts, save_posts
from collectors.universe import Company
from tests.collectors.loopback import HANG, HTML, Answer, Loopback, Request
from tests.collectors.recorded import COMMENTS_PATH, INFO_PATH, NEW, NEW_PATH, TOKEN_PATH, play_reddit

CREDENTIALS = RedditCredentials("id", "secret", "barograph tests")
UNIVERSE = {
    "DIS": Company("DIS", "Walt Disney", "", ("The Simpsons",)),
    "AMD": Company("AMD", "Advanced Micro Devices", "", ()),
}
NOW = "2017-01-01T00:00:00Z"


@pytest.fixture
def source(web: Loopback, no_waiting: None) -> Loopback:
    play_reddit(web)
    return web


def opened(source: Loopback, timeout_s: float = 5) -> AbstractContextManager[Any]:
    return open_reddit(
        CREDENTIALS, oauth_url=source.url, reddit_url=source.url, timeout_s=timeout_s, seconds_between=0
    )


@pytest.fixture
def reddit(source: Loopback) -> Iterator[Any]:
    with opened(source) as client:
        yield client


def changed(listing: str, **fields: object) -> Answer:
    """A recorded listing whose first item has other fields."""
    answer = json.loads(listing)
    answer["data"]["children"][0]["data"].update(fields)
    return Answer(json.dumps(answer))


def test_submissions_and_comments_become_posts_without_author(source: Loopback, reddit: Any) -> None:
    posts = list(fetch_posts(reddit, "stocks", newer_than=None))
    assert len(posts) == 8
    assert posts[0] == Post(
        post_id="t3_48fbao",
        source="reddit",
        community="stocks",
        title="Looking for a new home. what do you look for?",
        body="",
        score=4,
        comment_count=11,
        created_at="2016-03-01T08:34:02Z",
        available_at="2016-03-01T08:34:02Z",
    )
    assert posts[6].post_id == "t1_dbhn0zk"
    assert (posts[6].title, posts[6].body) == ("", "Hey, me too! Best of luck.")
    assert source.paths() == [TOKEN_PATH, NEW_PATH, COMMENTS_PATH]  # and none for each post


def test_only_what_is_newer_is_read(reddit: Any) -> None:
    posts = fetch_posts(reddit, "stocks", newer_than="2016-03-01T08:33:50Z")
    assert [post.post_id for post in posts][:2] == ["t3_48fbao", "t1_dbhn118"]


def test_a_listing_too_short_for_what_is_new_is_told(reddit: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert len(list(fetch_posts(reddit, "stocks", newer_than="2016-01-01T00:00:00Z", limit=4))) == 8
    assert (
        "older posts of r/stocks between 2016-01-01T00:00:00Z and 2016-03-01T08:32:24Z could not be reached"
        in caplog.text
    )
    caplog.clear()
    assert len(list(fetch_posts(reddit, "stocks", newer_than="2016-01-01T00:00:00Z", limit=5))) == 8
    assert caplog.text == ""


@pytest.mark.parametrize(
    "fields", [{"selftext": "[removed]"}, {"title": "  "}, {"removed_by_category": "moderator"}]
)
def test_removed_and_empty_ones_are_left_out(
    source: Loopback, reddit: Any, fields: dict[str, object]
) -> None:
    source.on(NEW_PATH, changed(NEW, **fields))
    assert "t3_48fbao" not in [post.post_id for post in fetch_posts(reddit, "stocks", newer_than=None)]


def test_tickers_are_found_and_a_rerun_adds_nothing(
    source: Loopback, reddit: Any, db: sqlite3.Connection
) -> None:
    first = collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW)
    again = collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW)
    assert (first.rows, again.rows) == (8, 0)
    assert [post.post_id for post in load_posts(db, "DIS", NOW)] == ["t3_48fb54"]
    assert [post.post_id for post in load_posts(db, "AMD", NOW)] == ["t1_dbhn0za"]


def test_a_gap_in_what_could_be_reached_is_recorded(
    source: Loopback, reddit: Any, db: sqlite3.Connection
) -> None:
    old = Post("t3_old", "reddit", "stocks", "old", "", 1, 0, "2016-01-01T00:00:00Z", "2016-01-01T00:00:00Z")
    save_posts(db, [old], [])
    report = collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW, limit=4)
    assert report.messages[0].startswith(
        "older posts of r/stocks between 2015-12-31T23:00:00Z and 2016-03-01"
    )
    assert len(report.messages) == 2  # submissions, and comments


def test_a_post_deleted_later_loses_its_text_and_keeps_the_rest(
    source: Loopback, reddit: Any, db: sqlite3.Connection
) -> None:
    collect_posts(db, reddit, ["stocks"], UNIVERSE, now="2016-03-02T00:00:00Z")
    gone = json.loads(NEW)
    gone["data"]["children"] = gone["data"]["children"][:1]
    gone["data"]["children"][0]["data"].update(selftext="[deleted]", author="[deleted]")
    source.on(INFO_PATH, Answer(json.dumps(gone)))
    source.requests.clear()
    report = collect_posts(db, reddit, ["stocks"], UNIVERSE, now="2016-03-02T00:15:00Z")
    assert report.messages == ("the text of 1 deleted posts was removed",)
    assert "t3_48fbao" in source.requests[-1].query["id"]
    row = db.execute("SELECT title, body, score, created_at FROM post WHERE post_id = 't3_48fbao'").fetchone()
    assert row == ("", "", 4, "2016-03-01T08:34:02Z")


def test_a_post_that_the_list_shows_as_removed_loses_its_text(
    source: Loopback, reddit: Any, db: sqlite3.Connection
) -> None:
    collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW)
    source.on(NEW_PATH, changed(NEW, removed_by_category="moderator", created_utc=1482373040))
    report = collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW)
    assert report.messages == ("the text of 1 deleted posts was removed",)


@pytest.mark.parametrize(
    ("credentials", "grant"),
    [
        (RedditCredentials("id", "secret"), "grant_type=client_credentials"),
        (RedditCredentials("id", "secret", "token"), "grant_type=refresh_token&refresh_token=token"),
        (RedditCredentials("id", None, "token"), "grant_type=refresh_token&refresh_token=token"),
        (RedditCredentials("id"), "installed_client"),
    ],
)
def test_apps_of_each_kind_are_let_in(source: Loopback, credentials: RedditCredentials, grant: str) -> None:
    with open_reddit(credentials, oauth_url=source.url, reddit_url=source.url, seconds_between=0) as reddit:
        assert len(list(fetch_posts(reddit, "stocks", newer_than=None))) == 8
    assert source.requests[0].path == TOKEN_PATH
    assert grant in source.requests[0].body
    assert "secret" not in repr(credentials).replace("client_secret", "")
    assert "token'" not in repr(credentials)


def test_a_spent_allowance_is_handed_on_and_not_slept_through(source: Loopback, reddit: Any) -> None:
    spent = {"x-ratelimit-remaining": "0.0", "x-ratelimit-used": "100", "x-ratelimit-reset": "420"}
    source.on(NEW_PATH, Answer(NEW, headers=spent))
    with pytest.raises(RetryLater, match="allows no more requests") as caught:
        list(fetch_posts(reddit, "stocks", newer_than=None))
    assert 400 < (caught.value.after_s or 0) <= 420
    assert source.paths() == [TOKEN_PATH, NEW_PATH]


def test_an_allowance_that_is_soon_renewed_is_waited_for(
    source: Loopback, reddit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("prawcore.rate_limit.time.sleep", waits.append)
    spent = {"x-ratelimit-remaining": "0.0", "x-ratelimit-used": "100", "x-ratelimit-reset": "30"}
    source.on(NEW_PATH, Answer(NEW, headers=spent))
    assert len(list(fetch_posts(reddit, "stocks", newer_than=None))) == 8
    assert [round(wait) for wait in waits] == [30]  # between the posts and the comments


def paged(
    like: str, items: int, a_page: int, asked: Callable[[], None] = lambda: None
) -> Callable[[Request], Answer]:
    """Answer as Reddit does: a page of a list of so many items, and where the next one begins."""
    child = json.loads(like)["data"]["children"][0]

    def answer(request: Request) -> Answer:
        asked()
        first = int(request.query.get("after", "t3_0").partition("_")[2])
        numbers = range(first, min(first + a_page, items))
        children = [
            {**child, "data": {**child["data"], "id": str(n), "name": f"{child['kind']}_{n}",
                               "created_utc": 1_480_000_000 - n}}
            for n in numbers
        ]  # fmt: skip
        after = f"t3_{numbers.stop}" if numbers.stop < items else None
        return Answer(json.dumps({"kind": "Listing", "data": {"children": children, "after": after}}))

    return answer


def test_a_list_is_read_to_its_end_at_a_thousand_and_the_rest_is_told(source: Loopback, reddit: Any) -> None:
    source.on(NEW_PATH, paged(NEW, items=1000, a_page=100))
    gaps: list[str] = []
    posts = list(fetch_posts(reddit, "stocks", newer_than="2016-01-01T00:00:00Z", on_gap=gaps.append))
    assert (len(posts), source.paths().count(NEW_PATH)) == (1004, 10)
    assert gaps == [
        "older posts of r/stocks between 2016-01-01T00:00:00Z and 2016-11-24T14:50:01Z could not be reached: "
        "collect more often, or import an archive"
    ]


def test_never_more_than_a_hundred_requests_a_minute(
    source: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    at: list[float] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("collectors.reddit.Pace", lambda interval: Pace(interval, lambda: now[0], sleep))
    pages = paged(NEW, items=250, a_page=1, asked=lambda: at.append(now[0]))
    source.on(NEW_PATH, pages)
    with open_reddit(CREDENTIALS, oauth_url=source.url, reddit_url=source.url) as reddit:
        assert len(list(fetch_posts(reddit, "stocks", newer_than=None))) == 254
    assert len(at) == 250
    assert max(sum(begun <= one < begun + 59.99 for one in at) for begun in at) == 100


def test_an_edit_changes_nothing(source: Loopback, reddit: Any, db: sqlite3.Connection) -> None:
    collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW)
    source.on(NEW_PATH, changed(NEW, selftext="edit: buy The Simpsons"))
    assert collect_posts(db, reddit, ["stocks"], UNIVERSE, now=NOW).rows == 0
    assert len(load_posts(db, "DIS", NOW)) == 1


def test_a_community_that_is_not_there_is_named(reddit: Any, db: sqlite3.Connection) -> None:
    report = collect_posts(db, reddit, ["nope", "stocks"], UNIVERSE, now=NOW)
    assert (report.rows, report.skipped) == (8, ("nope",))
    assert "no community r/nope" in report.messages[0]


def test_a_private_community_is_named(source: Loopback, reddit: Any, db: sqlite3.Connection) -> None:
    source.on("/r/club/new", Answer('{"reason": "private", "message": "Forbidden", "error": 403}', 403))
    assert collect_posts(db, reddit, ["club"], UNIVERSE, now=NOW).skipped == ("club",)


def test_no_credentials_say_how_to_get_them() -> None:
    with pytest.raises(ConfigurationError, match="prefs/apps"), open_reddit(None):
        pass


@pytest.mark.parametrize(
    ("path", "status"), [(TOKEN_PATH, 401), (TOKEN_PATH, 403), (NEW_PATH, 401), (NEW_PATH, 403)]
)
def test_refused_credentials_say_how_to_get_others(
    source: Loopback, reddit: Any, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prawcore.sessions.time.sleep", lambda seconds: None)  # it asks for a new token first
    source.on(path, Answer(json.dumps({"message": "Unauthorized", "error": status}), status))
    with pytest.raises(ConfigurationError, match="prefs/apps") as caught:
        list(fetch_posts(reddit, "stocks", newer_than=None))
    assert "secret'" not in str(caught.value)


def test_a_wish_for_a_pause_is_handed_on(source: Loopback, reddit: Any) -> None:
    source.on(NEW_PATH, Answer("Too Many Requests", 429, "text/html", {"Retry-After": "600"}))
    with pytest.raises(RetryLater, match="HTTP 429") as caught:
        list(fetch_posts(reddit, "stocks", newer_than=None))
    assert caught.value.after_s == 600
    assert source.paths() == [TOKEN_PATH, NEW_PATH]


def test_a_hiccup_is_asked_again(source: Loopback, reddit: Any) -> None:
    source.on(NEW_PATH, Answer("", 503), Answer("", 500), Answer(NEW))
    assert len(list(fetch_posts(reddit, "stocks", newer_than=None))) == 8


def test_lasting_trouble_is_for_later(source: Loopback, reddit: Any) -> None:
    source.on(NEW_PATH, Answer("", 503))
    with pytest.raises(RetryLater, match="HTTP 503"):
        list(fetch_posts(reddit, "stocks", newer_than=None))
    assert source.paths().count(NEW_PATH) == 4


def test_silence_is_not_waited_for(source: Loopback) -> None:
    source.on(NEW_PATH, HANG, Answer(NEW))
    with opened(source, timeout_s=0.1) as reddit:
        assert len(list(fetch_posts(reddit, "stocks", newer_than=None))) == 8


@pytest.mark.parametrize("answer", [HTML, Answer("[]"), Answer("{}"), changed(NEW, created_utc="noon")])
def test_another_shape_stops_the_job(source: Loopback, reddit: Any, answer: Answer) -> None:
    source.on(NEW_PATH, answer)
    with pytest.raises(SourceChanged, match="update praw"):
        list(fetch_posts(reddit, "stocks", newer_than=None))
