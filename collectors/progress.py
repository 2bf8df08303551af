"""How long work reports on itself, whoever listens: a terminal, a window, nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """Called often and cheaply: ``done`` of ``total`` units of a named stage are finished."""

    def __call__(self, stage: str, done: int, total: int, message: str = "") -> None: ...


def silent(stage: str, done: int, total: int, message: str = "") -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class HeardHere:
    """Whom a progress tells in this process; in another one, where it arrives by pickling, nobody listens."""

    tell: Progress

    def __call__(self, stage: str, done: int, total: int, message: str = "") -> None:
        self.tell(stage, done, total, message)

    def __reduce__(self) -> tuple[Callable[[], Progress], tuple[()]]:
        return _silence, ()


def _silence() -> Progress:
    return silent


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What one collection did: rows added, items that were left out, and why, in words for a person."""

    rows: int
    skipped: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
