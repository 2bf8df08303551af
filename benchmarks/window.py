"""How fast the window opens, changes its ticker and pans: benchmarks/window.py HOME [--runs 5]."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def measure(home: Path, started: float) -> dict[str, float]:
    """Open the window in this process and return milliseconds by name; ``started`` is an epoch instant."""
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    from desktop_app.gui.main_window import MainWindow
    from desktop_app.gui.market_page import MarketPage
    from desktop_app.gui.theme import apply_theme, theme_named
    from desktop_app.settings import load_settings

    figures: dict[str, float] = {}

    class FirstPaint(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                figures.setdefault("first painted window", (time.time() - started) * 1000)
            return False

    app = QApplication(["barograph"])
    settings = load_settings(home)
    apply_theme(app, theme_named(settings.theme))
    window = MainWindow(home, settings, remember=False)
    watch = FirstPaint()
    window.installEventFilter(watch)
    pages: list[str] = []
    market = window.page("market")
    assert isinstance(market, MarketPage)
    market.ticker_shown.connect(pages.append)
    window.show()

    def until_page(count: int) -> None:
        deadline = time.time() + 30
        while len(pages) < count:
            app.processEvents()
            if time.time() > deadline:
                raise SystemExit("the window showed no ticker within 30 s: does the home hold prices?")
        window.grab()

    until_page(1)
    figures["complete page"] = (time.time() - started) * 1000
    other = next(row.ticker for row in market.watchlist.model.rows if row.ticker != pages[0])
    before = time.time()
    window.desk.choose_ticker(other)
    until_page(2)
    figures["change of ticker"] = (time.time() - before) * 1000
    figures |= frames(market)
    heavy = {"torch", "transformers", "pandas", "yfinance"} & set(sys.modules)
    window.close()
    if heavy:
        raise SystemExit(f"the window loaded {sorted(heavy)}")
    return figures


def frames(market: object) -> dict[str, float]:
    """Return the 95th percentile of a frame while the chart is panned, near and at full view."""
    chart = market.chart.chart  # type: ignore[attr-defined]
    found = {}
    for name, sessions in (("frame at 300 bars, p95", 300), ("frame at full view, p95", None)):
        chart.show_range(sessions)
        times = []
        for _ in range(60):
            before = time.perf_counter()
            chart._price.getViewBox().translateBy(x=-1)
            chart.grab()
            times.append((time.perf_counter() - before) * 1000)
        found[name] = statistics.quantiles(times, n=20)[-1]
    return found


def main() -> None:
    """Run the measurement in fresh processes and print the medians as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(measure(options.home, options.child)))
        return
    runs = []
    for _ in range(options.runs):
        arguments = [sys.executable, __file__, str(options.home), "--child", str(time.time())]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        runs.append(json.loads(done.stdout))
    print(f"{'what':<28}{'median ms':>12}{'slowest ms':>12}")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"{name:<28}{statistics.median(values):>12.0f}{max(values):>12.0f}")


if __name__ == "__main__":
    main()
