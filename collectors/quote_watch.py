"""The watch on quotes while the exchange is open: asked each minute or streamed, saved, and told on."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from collectors.errors import CollectorError, RetryLater
from collectors.market_calendar import instant, session_under_way, utc_now
from collectors.quote_stream import QuoteStream
from collectors.quotes import fetch_quotes
from collectors.records import JobRun, Quote
from collectors.schedule import outcome_of
from collectors.store import save_job_run, save_quotes, thin_quotes

logger = logging.getLogger(__name__)

JOB = "quotes"  # under which a watch is recorded
OFF, MINUTE, STREAM = "off", "minute", "stream"
MODES = (OFF, MINUTE, STREAM)
LOOK_EVERY_S = 20.0  # whether the exchange has opened
ASK_EVERY_S = 60.0
LISTEN_S = 1.0  # how long quotes of a stream are gathered before they are told
SAVE_EVERY_S = 10.0  # of each ticker; a stream may send many a second
LONGEST_PAUSE_S = {
    MINUTE: 900.0,
    STREAM: 60.0,
}  # after failures, which double it from ASK_EVERY_S, or from 1 s
WHOLE_DAYS, KEPT_DAYS = 1, 7  # every saved quote, then one a minute, then none

OnQuotes = Callable[[sqlite3.Connection, Sequence[Quote]], None]


def nobody(db: sqlite3.Connection, quotes: Sequence[Quote]) -> None:
    """Nobody listens."""


class Stream(Protocol):
    """What sends quotes by itself: QuoteStream."""

    def receive(self, tickers: Sequence[str], wait_s: float) -> list[Quote]:
        """Return what arrives within ``wait_s``; raises as QuoteStream.receive."""
        ...

    def close(self) -> None:
        """End it; the next call begins anew."""
        ...


class QuoteWatch:
    """Watches quotes for as long as the exchange is open and a person wants it.

    Parameters
    ----------
    mode : callable
        Returns one of MODES; asked every minute, so that a changed setting counts.
    tickers : callable
        Returns what is to be watched, given the record.
    on_quotes : callable
        Called in this watch's thread with the record and the quotes that are new: newer than all before of
        their ticker, in regular hours of today. A stream's are told within LISTEN_S of their arrival, all of
        them; saved before is one of each ticker in SAVE_EVERY_S. What it raises is logged and stops nothing.
    clock, tick, wait : callable
        The wall clock, the seconds of a clock that nobody sets, and how to let seconds pass.
    """

    def __init__(
        self,
        mode: Callable[[], str],
        tickers: Callable[[sqlite3.Connection], Sequence[str]],
        open_db: Callable[[], sqlite3.Connection],
        *,
        on_quotes: OnQuotes = nobody,
        clock: Callable[[], str] = utc_now,
        tick: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
        fetch: Callable[..., list[Quote]] = fetch_quotes,
        stream: Stream | None = None,
    ) -> None:
        self._mode, self._tickers, self._open_db, self._on_quotes = mode, tickers, open_db, on_quotes
        self._clock, self._tick, self._fetch = clock, tick, fetch
        self._stream: Stream = stream or QuoteStream(clock=clock)
        self.stop = threading.Event()
        self._wait = wait or self.stop.wait

    def run(self) -> None:
        """Watch every session until told to stop; nothing that happens meanwhile ends it."""
        while not self.stop.is_set():
            try:
                self.look()
            except CollectorError as error:
                logger.warning("Quotes could not be watched, the next look tries again: %s", error)
            except Exception:
                logger.exception("The watch on quotes met a defect of ours; the next look tries again")
            self._wait(LOOK_EVERY_S)

    def look(self) -> None:
        """Watch the session under way to its end, if there is one and it is wanted."""
        if session_under_way(self._clock()) is None or self._mode() == OFF:
            return
        with closing(self._open_db()) as db:
            _Watching(self, db).to_the_end()


class _Watching:
    """One session being watched."""

    def __init__(self, watch: QuoteWatch, db: sqlite3.Connection) -> None:
        self._watch, self._db = watch, db
        self._mode, self._tickers = OFF, list[str]()
        self._newest: dict[str, Quote] = {}
        self._heard_at: dict[str, float] = {}  # of the stream
        self._saved_at: dict[str, float] = {}
        self._asks_at = self._listens_at = 0.0
        self._failures = {MINUTE: 0, STREAM: 0}
        self._rows, self._told_of_failure = 0, False
        self._started_at = watch._clock()

    def to_the_end(self) -> None:
        self._thin()
        try:
            while not self._watch.stop.is_set() and self._step():
                pass
        finally:
            self._watch._stream.close()
            names = f"{len(self._newest)} of {len(self._tickers)} tickers"
            self._record("done" if self._newest else "skipped", f"quotes of {names}")

    def _step(self) -> bool:
        """Ask where a minute is over, listen for a moment; return whether to go on."""
        session = session_under_way(self._watch._clock())
        if session is None:
            return False
        _, opened, closes = session
        if self._watch._tick() >= self._asks_at:
            if not self._read_wishes():
                return False
            self._ask(opened, closes)
        if self._mode == STREAM and self._tickers and self._watch._tick() >= self._listens_at:
            listen = partial(self._watch._stream.receive, self._tickers, LISTEN_S)
            self._attempt(STREAM, listen, opened, closes)
        else:
            self._watch._wait(LISTEN_S)
        return True

    def _read_wishes(self) -> bool:
        self._mode, self._tickers = self._watch._mode(), list(self._watch._tickers(self._db))
        if self._mode != STREAM:
            self._watch._stream.close()
        return self._mode != OFF

    def _ask(self, opened: str, closes: str) -> None:
        """Ask for all tickers, or for those of which the stream sent nothing for a minute."""
        since = self._watch._tick() - ASK_EVERY_S
        silent = [
            ticker
            for ticker in self._tickers
            if self._mode == MINUTE or self._heard_at.get(ticker, float("-inf")) < since
        ]
        self._asks_at = self._watch._tick() + ASK_EVERY_S
        if silent:
            fetch = partial(self._watch._fetch, silent, now=self._watch._clock())
            self._attempt(MINUTE, fetch, opened, closes)

    def _attempt(self, way: str, work: Callable[[], list[Quote]], opened: str, closes: str) -> None:
        """Take what a source gives, or wait longer after each failure in a row."""
        try:
            quotes = work()
        except CollectorError as error:
            self._failures[way] += 1
            first_s = ASK_EVERY_S if way == MINUTE else 1.0
            pause_s = min(first_s * 2 ** min(self._failures[way] - 1, 20), LONGEST_PAUSE_S[way])
            if isinstance(error, RetryLater) and error.after_s:
                pause_s = max(pause_s, error.after_s)
            if way == MINUTE:
                self._asks_at = self._watch._tick() + pause_s
            else:
                self._listens_at = self._watch._tick() + pause_s
            logger.warning("No quotes for %.0f s: %s", pause_s, error)
            self._tell_of_failure(error)
            return
        if quotes:  # a socket that opens and says nothing is no success
            self._failures[way] = 0
        if way == STREAM:
            self._heard_at.update({quote.ticker: self._watch._tick() for quote in quotes})
        self._take([quote for quote in quotes if opened <= quote.quoted_at <= closes])

    def _take(self, quotes: Sequence[Quote]) -> None:
        """Save and tell what is new."""
        new = []
        for quote in quotes:
            before = self._newest.get(quote.ticker)
            said = (quote.quoted_at, quote.price)
            if before is None or (
                before.quoted_at <= quote.quoted_at and (before.quoted_at, before.price) != said
            ):
                self._newest[quote.ticker] = quote
                new.append(quote)
        if not new:
            return
        try:
            self._save(new)
        except CollectorError as error:  # busy, or a full disk: whoever listens hears of them all the same
            logger.warning("%d quotes were not saved: %s", len(new), error)
        try:
            self._watch._on_quotes(self._db, new)
        except Exception:
            logger.exception("What was to happen on %d quotes did not", len(new))

    def _save(self, quotes: Sequence[Quote]) -> None:
        now = self._watch._tick()
        due = {
            quote.ticker: quote
            for quote in quotes
            if now - self._saved_at.get(quote.ticker, float("-inf")) >= SAVE_EVERY_S
        }
        self._rows += save_quotes(self._db, due.values())
        self._saved_at.update(dict.fromkeys(due, now))

    def _tell_of_failure(self, error: CollectorError) -> None:
        """Record the first failure of each session; the log has them all."""
        if not self._told_of_failure:
            self._told_of_failure = True
            self._record(outcome_of(error), str(error))

    def _record(self, outcome: str, message: str) -> None:
        run = JobRun(JOB, self._started_at, self._watch._clock(), outcome, self._rows, message)
        save_job_run(self._db, run)

    def _thin(self) -> None:
        now = datetime.fromisoformat(self._started_at)
        whole, kept = (instant(now - timedelta(days=days)) for days in (WHOLE_DAYS, KEPT_DAYS))
        if gone := thin_quotes(self._db, whole_since=whole, since=kept):
            logger.info("Removed %d quotes that were a day old or more", gone)


@contextmanager
def watching(watch: QuoteWatch) -> Iterator[None]:
    """Let a watch run in a thread of its own for as long as the block lasts."""
    thread = threading.Thread(target=watch.run, name=JOB, daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.stop.set()
        thread.join(timeout=30.0)
