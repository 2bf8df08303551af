"""New posts and comments of chosen communities, through praw, and which tickers they mention."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from collectors.errors import CollectorError, ConfigurationError, RetryLater, SkipItem, SourceChanged
from collectors.market_calendar import instant
from collectors.mentions import find_mentions
from collectors.progress import CollectReport, Progress, silent
from collectors.records import Post, PostMention
from collectors.retry import (
    PATIENT,
    Pace,
    RetryPolicy,
    call_with_retry,
    raise_for_busy,
    raise_for_refusal,
    unreachable,
)
from collectors.store import blank_posts, last_post_at, load_posts_in_turn, save_posts
from collectors.universe import Company

if TYPE_CHECKING:
    from praw import Reddit

logger = logging.getLogger(__name__)

SOURCE = "reddit"
TIMEOUT_S = 20.0
LISTING_LIMIT = 1000  # Reddit shows no more of a listing
LISTING_END = 900  # and sometimes a little less, where posts of it were removed
ASKED_AGAIN = timedelta(hours=1)  # moderators release held posts late, under their old time
REMOVED = frozenset({"[removed]", "[deleted]"})
CLOSED_COMMUNITY = frozenset({"private", "banned", "quarantined", "gold_only"})
CHECKED_AT_ONCE = 1000  # posts in ten requests, to see whether they were deleted
CHECKED_FOR = timedelta(days=30)  # Reddit gives 48 hours; most deletions come sooner
TURN_S = 15 * 60  # between two runs
OUT_OF_REACH = "could not be reached"  # in the message of a run whose list ended too early
SECONDS_BETWEEN_REQUESTS = 0.6  # Reddit allows 100 a minute
ACCESS = (
    "since November 2025 Reddit approves each new access: read "
    "https://support.reddithelp.com/hc/articles/42728983564564, ask for it there, create an app of type "
    "script or installed at https://www.reddit.com/prefs/apps, and enter its id (and secret, or refresh "
    "token) in the keyring; without it, archives of posts can be imported, and everything else works"
)


@dataclass(frozen=True, slots=True)
class RedditCredentials:
    """What Reddit gave the person for their own app; secrets are never shown.

    An app of type script has a secret, an installed one has none. A refresh token lets either read in the
    name of the person who gave it; without one, as nobody.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    user_agent: str = "desktop:barograph:0.1 (personal forecaster)"


@contextmanager
def open_reddit(
    credentials: RedditCredentials | None,
    *,
    oauth_url: str = "https://oauth.reddit.com",
    reddit_url: str = "https://www.reddit.com",
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
    seconds_between: float = SECONDS_BETWEEN_REQUESTS,
) -> Iterator[Reddit]:
    """Open a read-only client; its connections are closed at the end.

    Raises
    ------
    ConfigurationError
        There are no credentials.
    """
    if credentials is None or not credentials.client_id:
        raise ConfigurationError(f"no access to Reddit is set up: {ACCESS}")
    import praw
    import requests

    with requests.Session() as session:
        yield praw.Reddit(
            client_id=credentials.client_id,
            client_secret=credentials.client_secret or None,
            refresh_token=credentials.refresh_token or None,
            user_agent=credentials.user_agent,
            oauth_url=oauth_url,
            reddit_url=reddit_url,
            check_for_updates=False,
            requestor_class=_patient_requestor(policy, Pace(seconds_between)),
            requestor_kwargs={"session": session, "timeout": timeout_s},
        )


def collect_posts(
    db: sqlite3.Connection,
    reddit: Reddit,
    communities: Sequence[str],
    universe: Mapping[str, Company],
    *,
    now: str,
    progress: Progress = silent,
    limit: int = LISTING_LIMIT,
) -> CollectReport:
    """Save each community's posts and comments since its last one, and which tickers they mention.

    The last hour before that is asked again; posts written after ``now`` are left for the next run. A
    community that does not exist or is closed is named in the report, and so is a span that Reddit no longer
    lists; the others go on. Some posts of the last month are looked at again: the text of those that were
    deleted is removed here.

    Raises
    ------
    RetryLater
        Reddit cannot be reached or asks for a pause; the communities before are saved.
    ConfigurationError
        Reddit does not accept the credentials.
    SourceChanged
        An answer does not have the shape we know.
    """
    rows, skipped = 0, {}
    gaps: list[str] = []
    gone: list[str] = []
    for done, community in enumerate(communities):
        progress("posts", done, len(communities), f"r/{community}")
        try:
            newer_than = _asked_from(last_post_at(db, SOURCE, community))
            found = fetch_posts(
                reddit, community, newer_than=newer_than, limit=limit, on_gap=gaps.append, on_gone=gone.append
            )
            posts = [post for post in found if post.created_at <= now]
        except SkipItem as error:
            skipped[community] = str(error)
            continue
        rows += save_posts(db, posts, _mentions(posts, universe))
        logger.info("Read %d posts of r/%s since %s", len(posts), community, newer_than)
    progress("posts", len(communities), len(communities))
    gone += fetch_gone(reddit, _posts_in_turn(db, now))
    if blanked := blank_posts(db, gone):
        gaps.append(f"the text of {blanked} deleted posts was removed")
    return CollectReport(rows, tuple(skipped), (*skipped.values(), *gaps))


def _posts_in_turn(db: sqlite3.Connection, now: str) -> list[str]:
    moment = datetime.fromisoformat(now)
    turn = int(moment.timestamp()) // TURN_S
    return load_posts_in_turn(db, SOURCE, instant(moment - CHECKED_FOR), turn, CHECKED_AT_ONCE)


def _asked_from(last_at: str | None) -> str | None:
    return last_at and instant(datetime.fromisoformat(last_at) - ASKED_AGAIN)


def _mentions(posts: Iterable[Post], universe: Mapping[str, Company]) -> list[PostMention]:
    return [
        PostMention(post.post_id, ticker)
        for post in posts
        for ticker in sorted(find_mentions(f"{post.title}\n{post.body}", universe))
    ]


def fetch_posts(
    reddit: Reddit,
    community: str,
    *,
    newer_than: str | None,
    limit: int = LISTING_LIMIT,
    on_gap: Callable[[str], object] = logger.warning,
    on_gone: Callable[[str], object] = logger.debug,
) -> Iterator[Post]:
    """Yield a community's submissions and comments written after an instant, each newest first.

    Comments come from the community's own list of them, a hundred a request, whatever they answer to.
    Removed, deleted and empty ones are left out, the former named to ``on_gone``; no author is read. Where
    Reddit's list ends before it reaches ``newer_than``, ``on_gap`` is told what could not be reached.
    """
    with _reddit_errors(community):
        subreddit = reddit.subreddit(community)
        for listing in (subreddit.new(limit=limit), subreddit.comments(limit=limit)):
            count, oldest = 0, ""
            for count, item in enumerate(listing, start=1):  # noqa: B007
                post = _post(vars(item), item.fullname, community)
                if newer_than is not None and post.created_at <= newer_than:
                    break
                oldest = post.created_at
                if _is_gone(vars(item)):
                    on_gone(post.post_id)
                elif (post.title + post.body).strip():
                    yield post
            else:
                if newer_than is not None and count >= min(limit, LISTING_END):
                    on_gap(
                        f"older posts of r/{community} between {newer_than} and {oldest} {OUT_OF_REACH}: "
                        "collect more often, or import an archive"
                    )


def fetch_gone(reddit: Reddit, post_ids: Sequence[str]) -> list[str]:
    """Return those of some posts that were deleted or removed since, a hundred a request."""
    if not post_ids:
        return []
    with _reddit_errors("all"):
        return [item.fullname for item in reddit.info(fullnames=list(post_ids)) if _is_gone(vars(item))]


def _post(fields: dict[str, Any], fullname: str, community: str) -> Post:
    """Read what the listing said; asking praw's object for more would send a request for each post."""
    created_at = instant(datetime.fromtimestamp(int(fields["created_utc"]), UTC))
    is_comment = fullname.startswith("t1_")
    return Post(
        post_id=fullname,
        source=SOURCE,
        community=community,
        title="" if is_comment else str(fields["title"]),
        body=str(fields["body"] if is_comment else fields["selftext"]),
        score=int(fields["score"]),
        comment_count=0 if is_comment else int(fields["num_comments"]),
        created_at=created_at,
        available_at=created_at,
    )


def _is_gone(fields: Mapping[str, Any]) -> bool:
    texts = {fields.get("title"), fields.get("selftext"), fields.get("body")}
    return bool(texts & REMOVED or fields.get("removed_by_category"))


# The door to praw ---------------------------------------------------------------------------------


def _patient_requestor(policy: RetryPolicy, pace: Pace) -> type[Any]:
    """Return a requestor that waits and retries by our policy; prawcore's own retries never see a failure.

    prawcore sleeps as Reddit's x-ratelimit headers ask, for ten minutes if need be. A wait longer than the
    policy allows is not slept through: the next request is refused, for the schedule to come back.
    """
    import prawcore

    class PatientRequestor(prawcore.Requestor):
        refused_until = 0.0

        def request(self, *args: Any, **kwargs: Any) -> Any:
            kwargs["timeout"] = self.timeout  # prawcore hands on a constant of its own

            def ask() -> Any:
                pace.wait()
                try:
                    response = super(PatientRequestor, self).request(*args, **kwargs)
                except prawcore.RequestException as error:
                    raise unreachable("Reddit", type(error.original_exception).__name__) from error
                raise_for_busy("Reddit", response.status_code, response.headers)
                return response

            wait_s = self.refused_until - time.monotonic()
            if wait_s > 0:
                raise RetryLater(f"Reddit allows no more requests for {wait_s:.0f} s", wait_s)
            response = call_with_retry(ask, policy)
            self._note_allowance(response.headers)
            return response

        def _note_allowance(self, headers: Any) -> None:
            try:
                left = float(headers.get("x-ratelimit-remaining", 1))
                reset_s = float(headers.get("x-ratelimit-reset", 0))
            except ValueError:
                return
            if left < 1 and reset_s > policy.longest_named_wait_s:
                self.refused_until = time.monotonic() + reset_s
                # prawcore then goes on at once, into our refusal.
                headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"] = "1", "0"

    return PatientRequestor


@contextmanager
def _reddit_errors(community: str) -> Iterator[None]:
    """The one door through which the errors of praw and prawcore become ours."""
    import praw.exceptions
    import prawcore

    try:
        yield
    except CollectorError:
        raise
    except (prawcore.NotFound, prawcore.Redirect) as error:
        raise SkipItem(f"there is no community r/{community} on Reddit; check its spelling") from error
    except prawcore.OAuthException as error:
        raise ConfigurationError(f"Reddit does not accept the credentials ({error}); {ACCESS}") from error
    except prawcore.ResponseException as error:
        answer = error.response.text
        if any(f'"{reason}"' in answer for reason in CLOSED_COMMUNITY):
            raise SkipItem(f"r/{community} is closed to the public; leave it out") from error
        raise_for_refusal("Reddit", error.response.status_code, ACCESS)
        raise _changed(community, error, answer) from error
    except (
        prawcore.PrawcoreException,
        praw.exceptions.PRAWException,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        if error.args == (401,):  # prawcore looks its error up by status, and has none for a bare 401
            raise_for_refusal("Reddit", 401, ACCESS)
        raise _changed(community, error, "") from error


def _changed(community: str, error: Exception, answer: str) -> SourceChanged:
    return SourceChanged(
        f"Reddit's answer for r/{community} is no listing as we know it "
        f"({type(error).__name__}: {error}); update praw, or report the answer",
        answer,
    )
