"""The one door to Yahoo: the web session that yfinance speaks through, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import local
from typing import Any

from collectors.errors import RetryLater, SkipItem, SourceChanged
from collectors.retry import raise_for_busy, unreachable

DATA_PATHS = (
    "/v8/finance/chart/",
    "/v10/finance/quoteSummary/",
    "/v7/finance/quote",
)  # anything else is a cookie


def symbol_of(ticker: str) -> str:
    """Return a ticker as Yahoo writes it: BRK.B is BRK-B there."""
    return ticker.replace(".", "-")


@contextmanager
def yahoo_errors(ticker: str, key: str, kind: str, session: Any) -> Iterator[None]:
    """Turn the errors of yfinance and its web client into ours.

    Parameters
    ----------
    key : str
        What every good answer holds; without it, the answer has another shape.
    kind : str
        What was asked for, in words: ``"price history"``.
    """
    from yfinance.config import YfConfig
    from yfinance.exceptions import YFDataException, YFRateLimitError, YFTickerMissingError

    YfConfig.debug.hide_exceptions = False  # it would log them and return an empty table
    session.last.status, session.last.text = 0, ""
    try:
        yield
    except (RetryLater, SkipItem):
        raise
    except YFRateLimitError as error:
        raise RetryLater("Yahoo asks for fewer requests (HTTP 429); the next run tries again") from error
    except YFDataException as error:
        raise RetryLater(f"Yahoo is down ({error}); the next run tries again") from error
    except Exception as error:
        if session.last.status == 0:  # no answer: nothing but the network can be at fault
            raise unreachable("Yahoo", type(error).__name__) from error
        if session.last.status >= 400:
            raise RetryLater(
                f"Yahoo refused the request (HTTP {session.last.status}); the next run tries again"
            ) from error
        if isinstance(error, YFTickerMissingError) and f'"{key}"' in session.last.text:
            raise SkipItem(f"Yahoo has no {kind} of {ticker}: {error.rationale}") from error
        raise SourceChanged(
            f"Yahoo's answer for {ticker} is no {kind} as we know it "
            f"({type(error).__name__}: {error}); update yfinance, or report the answer",
            session.last.text,
        ) from error


@cache
def yahoo_session() -> Any:
    """Return this process's one web session with Yahoo, which keeps its cookies and says what went wrong."""
    from curl_cffi import requests

    class CheckedSession(requests.Session[Any]):
        """Tells busy from unknown before yfinance folds both into "possibly delisted"."""

        last = local()  # the schedule and the watch on quotes ask at the same time

        def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
            if not any(path in url for path in DATA_PATHS):  # a cookie; yfinance goes on without it
                return super().request(method, url, *args, **kwargs)
            try:
                response = super().request(method, url, *args, **kwargs)
            except requests.exceptions.RequestException as error:
                raise unreachable("Yahoo", type(error).__name__) from error
            self.last.status, self.last.text = response.status_code, response.text
            raise_for_busy("Yahoo", response.status_code, dict(response.headers))
            if response.status_code == 404:
                symbol = url.rpartition("/")[2]
                raise SkipItem(f"Yahoo does not know {symbol}; it may be delisted or misspelt")
            return response

    return CheckedSession(impersonate="chrome")
