"""The watch on quotes: while the exchange is open, once a minute or streamed, through every failure."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from websockets.sync.server import ServerConnection

from collectors.errors import RetryLater, SourceChanged, StorageError
from collectors.market_calendar import instant
from collectors.quote_stream import QuoteStream
from collectors.quote_watch import QuoteWatch, watching
from collectors.records import JobRun, Quote
from collectors.store import load_job_runs, load_latest_quotes, load_quotes, open_database, save_quotes
from tests.collectors.test_quote_stream import pricing, streaming

OPENING, CLOSE = "2020-11-27T14:30:00Z", "2020-11-27T18:00:00Z"  # half a day
AWAY = RetryLater("Yahoo cannot be reached")


@dataclass
class World:
    """A clock that only waiting moves, and sources whose answers are told by instant."""

    path: Path
    now: datetime
    mode: str = "minute"
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    told: list[Quote] = field(default_factory=list)
    answer: Callable[[str], list[Quote] | Exception] = lambda at: []
    sends: Callable[[str], list[Quote] | Exception] = lambda at: []
    connects: int = 0
    on_quotes: Callable[[sqlite3.Connection, Sequence[Quote]], None] | None = None

    def clock(self) -> str:
        return instant(self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def fetch(self, tickers: Sequence[str], *, now: str) -> list[Quote]:
        self.asked.append((now, tuple(tickers)))
        return self._given(self.answer(now))

    def receive(self, tickers: Sequence[str], wait_s: float) -> list[Quote]:
        self.connects += 1
        self.wait(wait_s)
        return self._given(self.sends(self.clock()))

    def close(self) -> None:
        """Nothing is open."""

    def watch(self) -> QuoteWatch:
        return QuoteWatch(
            lambda: self.mode,
            lambda db: ["KO", "PEP"],
            lambda: open_database(self.path),
            on_quotes=self.on_quotes or (lambda db, quotes: self.told.extend(quotes)),
            clock=self.clock,
            tick=lambda: self.now.timestamp(),
            wait=self.wait,
            fetch=self.fetch,
            stream=self,
        )

    @staticmethod
    def _given(answer: list[Quote] | Exception) -> list[Quote]:
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def world(tmp_path: Path, db: sqlite3.Connection) -> World:
    return World(tmp_path / "facts.db", datetime.fromisoformat(OPENING))


def quote(at: str, price: float = 50.0, ticker: str = "KO") -> Quote:
    return Quote(ticker, price, at, "test", at)


def runs(db: sqlite3.Connection) -> list[tuple[str, int, str]]:
    return [(run.outcome, run.rows, run.message) for run in reversed(load_job_runs(db, "quotes"))]


def test_quotes_are_asked_each_minute_from_the_opening_to_the_close(
    world: World, db: sqlite3.Connection
) -> None:
    world.answer = lambda at: [quote(at)]
    world.watch().look()
    assert [at for at, _ in world.asked[:3]] == [OPENING, "2020-11-27T14:31:00Z", "2020-11-27T14:32:00Z"]
    assert (len(world.asked), world.clock()) == (210, CLOSE)
    assert len(load_quotes(db, "KO", "")) == len(world.told) == 210
    assert runs(db) == [("done", 210, "quotes of 1 of 2 tickers")]


@pytest.mark.parametrize("at", ["2020-11-27T14:29:59Z", CLOSE, "2020-11-26T15:00:00Z"])
def test_nothing_is_asked_while_the_exchange_is_closed(world: World, db: sqlite3.Connection, at: str) -> None:
    world.now = datetime.fromisoformat(at)
    world.watch().look()
    assert (world.asked, runs(db)) == ([], [])


def test_nothing_is_asked_where_nobody_wants_it(world: World, db: sqlite3.Connection) -> None:
    world.mode = "off"
    world.watch().look()
    assert (world.asked, runs(db)) == ([], [])


def test_a_changed_setting_counts_within_a_minute(world: World) -> None:
    def answer(at: str) -> list[Quote]:
        world.mode = "off"
        return [quote(at)]

    world.answer = answer
    world.watch().look()
    assert (len(world.asked), world.clock()) == (1, "2020-11-27T14:31:00Z")


def test_only_what_is_new_is_saved_and_told(world: World, db: sqlite3.Connection) -> None:
    """Not yesterday's close before the first trade, not the same trade again, none older than the last."""
    world.answer = lambda at: {
        "14:30": [quote("2020-11-25T21:00:00Z", 49.0)],
        "14:31": [quote("2020-11-27T14:30:50Z", 50.0)],
        "14:32": [quote("2020-11-27T14:30:50Z", 50.0), quote("2020-11-27T14:30:10Z", 48.0)],
        "14:33": [quote("2020-11-27T14:32:59Z", 51.0)],
    }.get(at[11:16], [])
    world.watch().look()
    assert [(one.quoted_at[11:19], one.price) for one in world.told] == [
        ("14:30:50", 50.0),
        ("14:32:59", 51.0),
    ]
    assert load_quotes(db, "KO", "") == world.told


def test_after_failures_the_pauses_grow_and_the_first_one_is_recorded(
    world: World, db: sqlite3.Connection
) -> None:
    world.answer = lambda at: AWAY if at < "2020-11-27T15:00" else [quote(at)]
    world.watch().look()
    assert [at[11:16] for at, _ in world.asked[:7]] == [
        "14:30", "14:31", "14:33", "14:37", "14:45", "15:00", "15:01",
    ]  # fmt: skip
    assert runs(db)[0] == ("retry", 0, "Yahoo cannot be reached")
    assert [outcome for outcome, _, _ in runs(db)] == ["retry", "done"]


def test_a_pause_that_yahoo_asks_for_is_kept(world: World) -> None:
    world.answer = lambda at: RetryLater("busy", 1200.0) if at == OPENING else [quote(at)]
    world.watch().look()
    assert [at[11:16] for at, _ in world.asked[:2]] == ["14:30", "14:50"]


def test_a_stream_is_told_at_once_and_saved_every_ten_seconds(world: World, db: sqlite3.Connection) -> None:
    world.mode = "stream"
    world.sends = lambda at: [quote(at, 50.0 + int(at[17:19]) / 100)]
    world.watch().look()
    assert len(world.told) == 3.5 * 3600
    assert len(load_quotes(db, "KO", "")) == 3.5 * 360
    assert {tickers for at, tickers in world.asked[1:]} == {("PEP",)}  # of which the stream says nothing


def test_a_broken_stream_is_opened_again_and_asking_stands_in(world: World, db: sqlite3.Connection) -> None:
    world.mode = "stream"
    tries = []

    def sends(at: str) -> list[Quote] | Exception:
        if not "2020-11-27T15:00:00Z" <= at < "2020-11-27T15:30:00Z":
            return [quote(at)]
        tries.append(at[11:19])
        return AWAY

    world.sends, world.answer = sends, lambda at: [quote(at)]
    world.watch().look()
    assert tries[:5] == ["15:00:00", "15:00:02", "15:00:05", "15:00:10", "15:00:19"]
    assert len(tries) == 35  # then once a minute
    asked = [at[11:16] for at, tickers in world.asked if "KO" in tickers and at > OPENING]
    assert asked == [f"15:{minute:02d}" for minute in range(1, 31)]
    assert world.told[-1].quoted_at == CLOSE
    assert [outcome for outcome, _, _ in runs(db)] == ["retry", "done"]


def test_what_the_listener_raises_stops_nothing(world: World, db: sqlite3.Connection) -> None:
    def refuse(db: sqlite3.Connection, quotes: Sequence[Quote]) -> None:
        raise ZeroDivisionError

    world.on_quotes, world.answer = refuse, lambda at: [quote(at)]
    world.watch().look()
    assert len(load_quotes(db, "KO", "")) == 210


def test_quotes_that_cannot_be_saved_are_told_all_the_same(
    world: World, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(db: sqlite3.Connection, quotes: Iterable[Quote]) -> int:
        if world.clock() < "2020-11-27T14:35":
            raise StorageError("there is no room left")
        return save_quotes(db, quotes)

    monkeypatch.setattr("collectors.quote_watch.save_quotes", save)
    world.answer = lambda at: [quote(at)]
    world.watch().look()
    assert (len(world.told), len(load_quotes(db, "KO", ""))) == (210, 205)


def test_the_listener_reads_the_record_that_has_the_quote(world: World) -> None:
    seen = []

    def listen(db: sqlite3.Connection, quotes: Sequence[Quote]) -> None:
        seen.append(load_latest_quotes(db, ["KO"])["KO"] == quotes[-1])

    world.on_quotes, world.answer = listen, lambda at: [quote(at)]
    world.watch().look()
    assert seen == [True] * 210


def test_a_session_without_a_quote_is_told(world: World, db: sqlite3.Connection) -> None:
    world.answer = lambda at: SourceChanged("Yahoo's answer is no list of quotes")
    world.watch().look()
    assert runs(db) == [
        ("failed", 0, "Yahoo's answer is no list of quotes"),
        ("skipped", 0, "quotes of 0 of 2 tickers"),
    ]


def test_old_quotes_go_when_a_session_begins(world: World, db: sqlite3.Connection) -> None:
    old = [quote("2020-11-18T15:00:00Z"), quote("2020-11-24T15:00:05Z"), quote("2020-11-24T15:00:25Z")]
    save_quotes(db, [*old, quote("2020-11-25T20:59:59Z")])
    world.watch().look()
    assert [one.quoted_at for one in load_quotes(db, "KO", "")] == [
        "2020-11-24T15:00:25Z",
        "2020-11-25T20:59:59Z",
    ]


def test_a_price_that_is_streamed_reaches_the_listener_in_another_thread(
    tmp_path: Path, db: sqlite3.Connection
) -> None:
    """The whole of it with the real socket, on a clock that stands still within a session."""
    told, heard = list[Quote](), Event()

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(pricing("KO", 53.25, at_ms=1606489199000))
        for _ in connection:  # until the other end closes it
            pass

    def listen(db: sqlite3.Connection, quotes: Sequence[Quote]) -> None:
        told.extend(quotes)
        heard.set()

    now = "2020-11-27T15:00:00Z"
    with streaming(talk) as url:
        watch = QuoteWatch(
            lambda: "stream",
            lambda db: ["KO"],
            lambda: open_database(tmp_path / "facts.db"),
            on_quotes=listen,
            clock=lambda: now,
            fetch=lambda tickers, now: [],
            stream=QuoteStream(url, clock=lambda: now),
        )
        with watching(watch):
            assert heard.wait(10)
    assert told == [Quote("KO", 53.25, "2020-11-27T14:59:59Z", "yahoo_stream", now)]
    assert load_quotes(db, "KO", "") == told
    assert runs(db) == [("done", 1, "quotes of 1 of 1 tickers")]


def test_a_watch_in_the_background_ends_when_it_is_told(world: World, db: sqlite3.Connection) -> None:
    with watching(world.watch()):
        pass
    assert all(isinstance(run, JobRun) for run in load_job_runs(db))
