"""What the tests of the window share: pages by type, waiting for a ticker, stand-in commands."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from desktop_app.gui.alerts_page import AlertsPage
from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.market_page import MarketPage


def market(window: MainWindow) -> MarketPage:
    page = window.page("market")
    assert isinstance(page, MarketPage)
    return page


def alerts(window: MainWindow) -> AlertsPage:
    page = window.page("alerts")
    assert isinstance(page, AlertsPage)
    return page


def open_alerts(qtbot: QtBot, window: MainWindow) -> AlertsPage:
    """Open the page of alerts and wait until it is read."""
    with qtbot.waitSignal(alerts(window).completed, timeout=5000):
        window.open_page("alerts")
    return alerts(window)


def shown(qtbot: QtBot, window: MainWindow, ticker: str) -> None:
    """Wait until a ticker is complete on the Market page."""
    page = market(window)
    qtbot.waitUntil(
        lambda: (
            page.snapshot is not None
            and page.snapshot.ticker == ticker
            and bool(page.posts.heading())
            and bool(window.desk.overview.tickers)
            and bool(page.watchlist.model.rows)
        ),
        timeout=5000,
    )


@contextmanager
def longest_turns() -> Iterator[list[float]]:
    """Watch the event loop; afterwards the list holds the processor seconds of its turns, longest first.

    Processor time of the main thread, so that a busy machine does not speak for the window; what other tests
    left behind is not collected meanwhile.
    """
    gc.collect()
    gc.freeze()
    instants: list[float] = []
    watchdog = QTimer()
    watchdog.timeout.connect(lambda: instants.append(time.thread_time()))
    watchdog.start(1)  # 0 would keep a processor from the commands
    turns: list[float] = []
    try:
        yield turns
    finally:
        watchdog.stop()
        gc.unfreeze()
        turns += sorted((later - before for before, later in pairwise(instants)), reverse=True)


def script(tmp_path: Path, text: str) -> tuple[str, ...]:
    """A program that stands in for `barograph`: it gets the same arguments."""
    path = tmp_path / "command.py"
    path.write_text("import json, sys, time\n" + text, "utf-8")
    return sys.executable, str(path)
