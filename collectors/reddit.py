"""New posts and comments of chosen communities, through praw, and which tickers they mention."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from collectors.errors import CollectorError, ConfigurationError, SkipItem, SourceChanged
from collectors.market_calendar import instant
from collectors.mentions import find_mentions
from collectors.progress import CollectReport, Progress, silent
from collectors.records import Post, PostMention
from collectors.retry import (
    PATIENT,
    RetryPolicy,
    call_with_retry,
    raise_for_busy,
    raise_for_refusal,
    unreachable,
)
from collectors.store import last_post_at, save_posts
from collectors.universe import Company

if TYPE_CHECKING:
    from praw import Reddit

logger = logging.getLogger(__name__)

SOURCE = "reddit"
TIMEOUT_S = 20.0
LISTING_LIMIT = 1000  # Reddit shows no more of a listing
ASKED_AGAIN = timedelta(hours=1)  # moderators release held posts late, under their old time
REMOVED = frozenset({"[removed]", "[deleted]"})
CLOSED_COMMUNITY = frozenset({"private", "banned", "quarantined", "gold_only"})
ACCESS = (
    "Reddit gives free access for personal use: create an app of type script at "
    "https://www.reddit.com/prefs/apps, and enter its id and secret in the settings"
)


@dataclass(frozen=True, slots=True)
class RedditCredentials:
    """What Reddit gave the person for their own app; the secret is never shown."""

    client_id: str
    client_secret: str = field(repr=False)
    user_agent: str = "desktop:barograph:0.1 (personal forecaster)"


@contextmanager
def open_reddit(
    credentials: RedditCredentials | None,
    *,
    oauth_url: str = "https://oauth.reddit.com",
    reddit_url: str = "https://www.reddit.com",
    timeout_s: float = TIMEOUT_S,
    policy: RetryPolicy = PATIENT,
) -> Iterator[Reddit]:
    """Open a read-only client; its connections are closed at the end.

    Raises
    ------
    ConfigurationError
        There are no credentials.
    """
    if credentials is None or not credentials.client_id or not credentials.client_secret:
        raise ConfigurationError(f"no access to Reddit is set up: {ACCESS}")
    import praw
    import requests

    with requests.Session() as session:
        yield praw.Reddit(
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            user_agent=credentials.user_agent,
            oauth_url=oauth_url,
            reddit_url=reddit_url,
            check_for_updates=False,
            requestor_class=_patient_requestor(policy),
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
    community that does not exist or is closed is named in the report; the others go on.

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
    for done, community in enumerate(communities):
        progress("posts", done, len(communities), f"r/{community}")
        try:
            newer_than = _asked_from(last_post_at(db, SOURCE, community))
            found = fetch_posts(reddit, community, newer_than=newer_than, limit=limit)
            posts = [post for post in found if post.created_at <= now]
        except SkipItem as error:
            skipped[community] = str(error)
            continue
        rows += save_posts(db, posts, _mentions(posts, universe))
        logger.info("Read %d posts of r/%s since %s", len(posts), community, newer_than)
    progress("posts", len(communities), len(communities))
    return CollectReport(rows, tuple(skipped), tuple(skipped.values()))


def _asked_from(last_at: str | None) -> str | None:
    return last_at and instant(datetime.fromisoformat(last_at) - ASKED_AGAIN)


def _mentions(posts: Iterable[Post], universe: Mapping[str, Company]) -> list[PostMention]:
    return [
        PostMention(post.post_id, ticker)
        for post in posts
        for ticker in sorted(find_mentions(f"{post.title}\n{post.body}", universe))
    ]


def fetch_posts(
    reddit: Reddit, community: str, *, newer_than: str | None, limit: int = LISTING_LIMIT
) -> Iterator[Post]:
    """Yield a community's submissions and comments written after an instant, each newest first.

    Comments come from the community's own list of them, a hundred a request, whatever they answer to.
    Removed, deleted and empty ones are left out; no author is read.
    """
    with _reddit_errors(community):
        subreddit = reddit.subreddit(community)
        for listing in (subreddit.new(limit=limit), subreddit.comments(limit=limit)):
            for count, item in enumerate(listing, start=1):
                post = _post(vars(item), item.fullname, community)
                if newer_than is not None and post.created_at <= newer_than:
                    break
                if _is_readable(post) and not vars(item).get("removed_by_category"):
                    yield post
                if newer_than is not None and count == limit:
                    logger.warning(
                        "r/%s had more than %d new ones; the oldest are lost: collect more often",
                        community,
                        limit,
                    )


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


def _is_readable(post: Post) -> bool:
    return bool((post.title + post.body).strip()) and not {post.title, post.body} & REMOVED


# The door to praw ---------------------------------------------------------------------------------


def _patient_requestor(policy: RetryPolicy) -> type[Any]:
    """Return a requestor that waits and retries by our policy; prawcore's own retries never see a failure."""
    import prawcore

    class PatientRequestor(prawcore.Requestor):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            kwargs["timeout"] = self.timeout  # prawcore hands on a constant of its own

            def ask() -> Any:
                try:
                    response = super(PatientRequestor, self).request(*args, **kwargs)
                except prawcore.RequestException as error:
                    raise unreachable("Reddit", type(error.original_exception).__name__) from error
                raise_for_busy("Reddit", response.status_code, response.headers)
                return response

            return call_with_retry(ask, policy)

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
