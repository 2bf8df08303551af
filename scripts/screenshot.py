"""Take pictures of the real window on a home: screenshot.py HOME OUT.png [--page said] [--theme dark], or
screenshot.py HOME FOLDER --all for every page, light and dark, as docs/desktop.md shows them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
PATIENCE_MS = 30_000  # for one page
SETTLE_MS = 1200  # after a page says that it is complete
PAPER = 0  # PNG's hardest compression, in Qt's words


def main() -> int:
    """Open the window, wait until each page is complete, save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--all", action="store_true", help="every page in both themes; OUT is a folder")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--ticker", default="")
    parser.add_argument("--day", default="", help="the session whose posts to show")
    parser.add_argument("--page", default="market", help="a page's name in desktop_app/gui/pages.py")
    parser.add_argument("--range", choices=("1M", "3M", "6M", "1Y", "5Y", "All"), default="6M")
    parser.add_argument("--lines", default="", help="as in desktop_app/overlays.py: band,compare,macro:DGS10")
    parser.add_argument("--log", action="store_true", help="prices on a logarithmic scale")
    parser.add_argument("--size", default="1400x900")
    options = parser.parse_args()

    from PySide6.QtWidgets import QApplication

    from desktop_app.gui.pages import PAGES

    app = QApplication(["barograph"])
    if not options.all:
        return picture(app, options, [(options.page, options.out)], options.theme)
    options.out.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        wanted = [(entry.name, options.out / f"{entry.name}-{theme}.png") for entry in PAGES]
        if code := picture(app, options, wanted, theme):
            return code
    return 0


def picture(app: Any, options: argparse.Namespace, wanted: list[tuple[str, Path]], theme: str) -> int:
    """Open a window in a theme and save some of its pages, one after another; 1: a page stayed away."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QPushButton

    from desktop_app.gui.main_window import MainWindow
    from desktop_app.gui.market_page import MarketPage
    from desktop_app.gui.theme import apply_theme, theme_named
    from desktop_app.settings import load_settings

    apply_theme(app, theme_named(theme))
    settings = replace(load_settings(options.home), theme=theme)
    window = MainWindow(options.home, settings, remember=False)
    window.resize(*map(int, options.size.split("x")))
    market = window.page("market")
    assert isinstance(market, MarketPage)
    left = list(wanted)

    def next_page() -> None:
        if not left:
            window.close()
            app.exit(0)
            return
        name, out = left.pop(0)
        page = window.page(name)
        shown = once(lambda: QTimer.singleShot(SETTLE_MS, lambda: save(out)))
        if name == "market":
            shown()
        else:
            page.completed.connect(shown)
        window.open_page(name)

    def save(out: Path) -> None:
        few_colours(window.grab().toImage()).save(str(out), "PNG", PAPER)
        next_page()

    def begin(ticker: str) -> None:
        if options.ticker and ticker != options.ticker:
            window.desk.choose_ticker(options.ticker)
            return
        market.ticker_shown.disconnect(begin)
        market.chart.logarithmic.setChecked(options.log)
        market.chart.show_lines(options.lines.split(","))
        for button in market.chart.findChildren(QPushButton):
            if button.text() == options.range:
                button.click()
        if options.day:
            market.show_session(options.day)
        next_page()

    market.ticker_shown.connect(begin)
    QTimer.singleShot(PATIENCE_MS * len(wanted), lambda: app.exit(1))
    window.show()
    code: int = app.exec()
    return code


def few_colours(image: Any) -> Any:
    """Return a picture in 256 of its colours, frequent and bright ones first, each other as the nearest."""
    import numpy as np
    from PySide6.QtGui import QImage

    image = image.convertToFormat(QImage.Format.Format_RGB32)
    height, width = image.height(), image.width()
    pixels = np.frombuffer(image.constBits(), dtype=np.uint32).reshape(height, -1)[:, :width] & 0xFFFFFF
    colours, places, counts = np.unique(pixels, return_inverse=True, return_counts=True)

    def parts(of: Any) -> Any:
        return np.stack([(of >> shift) & 0xFF for shift in (16, 8, 0)], axis=1).astype(np.int64)

    brightness = np.ptp(parts(colours), axis=1)  # thin coloured lines are rare, and are to stay coloured
    chosen = colours[np.argsort(counts * (1 + brightness / 4))[::-1][:256]]
    away = ((parts(colours)[:, None] - parts(chosen)[None]) ** 2).sum(axis=2)
    indices = np.ascontiguousarray(away.argmin(axis=1).astype(np.uint8)[places].reshape(height, width))
    small = QImage(indices.tobytes(), width, height, width, QImage.Format.Format_Indexed8).copy()
    small.setColorTable([0xFF000000 | int(colour) for colour in chosen])
    return small


def once(act: Callable[[], None]) -> Callable[..., None]:
    """Return a function that acts the first time it is called."""
    done: list[bool] = []

    def acting(*_: object) -> None:
        if not done:
            done.append(True)
            act()

    return acting


if __name__ == "__main__":
    sys.exit(main())
