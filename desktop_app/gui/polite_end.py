"""A polite kill and Ctrl+C end the window as Quit does; Python alone would hear them at its next timer."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QSocketNotifier

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_when_asked(leave: Callable[[], object]) -> Iterator[None]:
    """Call ``leave`` in the event loop when a signal asks this process to end, until the block ends."""
    heard, told = socket.socketpair()
    told.setblocking(False)

    def end() -> None:
        heard.recv(1)
        leave()

    notifier = QSocketNotifier(heard.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(end)
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        notifier.setEnabled(False)
        heard.close()
        told.close()
