"""How fast the window is, beside its bars: benchmarks/window.py [HOME] [--runs 5].

HOME (a home with forecasts, as `barograph demo` makes one) is what the start is measured on; all else is
measured on a made-up home. QT_QPA_PLATFORM chooses the screen: offscreen where it is not set, xcb under Xvfb.
On a machine that others use too, the fastest run tells most of the program; frames are therefore counted in
processor time of the thread that draws them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

HEAVY = ("torch", "transformers", "pandas", "yfinance", "scipy", "desktop_app.daily", "stamina")
FRAMES = 120
BARS: dict[str, tuple[str, float]] = {  # what is measured: its unit and its bar
    "start to an interactive window": ("ms", 1000),
    "start to a complete page": ("ms", float("inf")),
    "frame, 300 bars, 3 bands, 4 averages, marks, p95": ("ms", 8),
    "frame, all of 100,000 bars, p95": ("ms", 16),
    "change of ticker, 20 years, 10,000 posts": ("ms", 100),
    "watchlist of 500 tickers filled": ("ms", 300),
    "watchlist of 500 tickers scrolled, p95": ("ms", 16),
    "memory after 1,000 changes of ticker over that after 100": ("%", 5),
}
START, PAGE, NEAR, FAR, CHANGE, FILL, SCROLL, MEMORY = BARS
BUSY = ", processor time"  # of all threads of the window: what is left of a figure on a machine of its own


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _open(home: Path) -> tuple[Any, Any, Any]:
    from PySide6.QtWidgets import QApplication

    import desktop_app.cli  # noqa: F401, as `barograph` does
    from desktop_app.gui.main_window import MainWindow, collect_rarely
    from desktop_app.gui.theme import apply_theme, theme_named
    from desktop_app.settings import load_settings

    app = QApplication.instance() or QApplication(["barograph"])
    settings = load_settings(home)
    apply_theme(app, theme_named(settings.theme))  # type: ignore[arg-type]
    window = MainWindow(home, settings, remember=False)
    collect_rarely()  # as run_app does
    return app, window, window.page("market")


def _until(app: Any, done: Callable[[], bool]) -> None:
    from PySide6.QtCore import QEventLoop

    deadline = time.perf_counter() + 60
    while not done():
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        if time.perf_counter() > deadline:
            raise SystemExit("the window showed no ticker within 60 s: does the home hold prices?")


def measure_start(home: Path, started: float) -> dict[str, float]:
    """Open the window in this process; ``started`` is the epoch instant at which it was started."""
    from PySide6.QtCore import QEvent, QObject

    figures: dict[str, float] = {}

    class FirstPaint(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                figures.setdefault(START, (time.time() - started) * 1000)
                figures.setdefault(START + BUSY, time.process_time() * 1000)
            return False

    app, window, market = _open(home)
    shown: list[str] = []
    market.ticker_shown.connect(shown.append)
    watch = FirstPaint()
    window.installEventFilter(watch)
    window.show()
    _until(app, lambda: bool(shown) and bool(market.watchlist.model.rows))
    window.grab()
    figures[PAGE] = (time.time() - started) * 1000
    loaded = sorted(set(HEAVY) & set(sys.modules))
    window.close()
    if loaded:
        raise SystemExit(f"the window loaded {loaded}")
    return figures


def measure_changes(home: Path, _started: float) -> dict[str, float]:
    """Change between the two long histories; fill and scroll the watchlist."""
    app, window, market = _open(home)
    shown: list[str] = []
    market.ticker_shown.connect(shown.append)
    window.show()
    _until(app, lambda: bool(shown) and bool(market.watchlist.model.rows) and bool(market.posts.heading()))
    times, busy = [], []
    for i in range(12):
        before, posts = time.perf_counter(), market.posts.heading()
        busy_before = time.process_time()
        window.desk.choose_ticker(f"T00{(i + 1) % 2}")
        number = len(shown)
        _until(app, lambda n=number, said=posts: len(shown) > n and market.posts.heading() != said)
        app.processEvents()  # what is to be painted is painted
        times.append((time.perf_counter() - before) * 1000)
        busy.append((time.process_time() - busy_before) * 1000)
    rows = market.watchlist.model.rows
    fills, busy_fills = [], []
    for _ in range(5):
        before, busy_before = time.perf_counter(), time.process_time()
        market.read_again()
        _until(app, lambda old=rows: market.watchlist.model.rows is not old)
        rows = market.watchlist.model.rows
        app.processEvents()
        fills.append((time.perf_counter() - before) * 1000)
        busy_fills.append((time.process_time() - busy_before) * 1000)
    bar = market.watchlist.view.verticalScrollBar()
    scrolls = []
    for i in range(FRAMES):
        before = time.thread_time()
        bar.setValue(i * bar.maximum() // FRAMES)
        market.watchlist.view.grab()
        scrolls.append((time.thread_time() - before) * 1000)
    window.close()
    return {
        CHANGE: min(times),
        CHANGE + BUSY: min(busy),
        FILL: min(fills),
        FILL + BUSY: min(busy_fills),
        SCROLL: _p95(scrolls),
    }


def measure_frames(home: Path, _started: float) -> dict[str, float]:
    """Pan the chart at 300 bars, and at full view of 100,000."""
    from benchmarks.window_home import many_bars

    app, window, market = _open(home)
    window.resize(1400, 900)
    window.show()
    _until(app, lambda: market.snapshot is not None)
    found = {}
    chart = market.chart.chart
    for name, bars, sessions in ((NEAR, 5040, 300), (FAR, 100_000, None)):
        market.chart.show_snapshot(many_bars(market.snapshot, bars))
        chart.show_range(sessions)
        app.processEvents()
        times = []
        for i in range(FRAMES):
            before = time.thread_time()
            chart._price.getViewBox().translateBy(x=-1 if i % 2 else 1)
            chart.grab()
            times.append((time.thread_time() - before) * 1000)
        found[name] = _p95(times)
    window.close()
    return found


def measure_memory(home: Path, _started: float) -> dict[str, float]:
    """Change the ticker 1,000 times among the first 20."""
    app, window, market = _open(home)
    shown: list[str] = []
    market.ticker_shown.connect(shown.append)
    window.show()
    _until(app, lambda: bool(shown))
    resident = {}
    for i in range(1, 1001):
        window.desk.choose_ticker(f"T{i % 20:03d}")
        _until(app, lambda n=i: len(shown) > n)
        if i in (100, 1000):
            gc.collect()
            app.processEvents()
            resident[i] = _resident_kib()
    window.close()
    return {MEMORY: (resident[1000] / resident[100] - 1) * 100}


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0])


PARTS = {
    "start": measure_start,
    "changes": measure_changes,
    "frames": measure_frames,
    "memory": measure_memory,
}


def main() -> None:
    """Run each measurement in fresh processes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        part, started = options.child
        print(json.dumps(PARTS[part](options.home, float(started))))
        return
    with tempfile.TemporaryDirectory() as folder:
        from benchmarks.window_home import fill

        made_up = Path(folder)
        fill(made_up)
        runs: dict[str, list[float]] = {}
        for part in options.parts.split(","):
            home = options.home if part == "start" and options.home else made_up
            for _ in range(1 if part == "memory" else options.runs):
                for name, value in _run(home, part).items():
                    runs.setdefault(name, []).append(value)
    print(f"{'what, on ' + os.environ['QT_QPA_PLATFORM']:<60}{'fastest':>10}{'median':>10}{'bar':>8}")
    for name, values in runs.items():
        unit, bar = BARS[name.removesuffix(BUSY)]
        print(f"{name:<60}{min(values):>8.1f} {unit}{statistics.median(values):>7.1f} {unit}{bar:>8.0f}")


def _run(home: Path, part: str) -> dict[str, float]:
    arguments = [sys.executable, __file__, str(home), "--child", part, str(time.time())]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
