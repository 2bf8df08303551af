"""Take a picture of the real window on a home: screenshot.py HOME OUT.png [--theme dark] [--ticker AAPL]."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
PATIENCE_MS = 20_000


def main() -> int:
    """Open the window, wait until the ticker is complete, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--ticker", default="")
    parser.add_argument("--day", default="", help="the session whose posts to show")
    parser.add_argument("--page", default="market", help="a page's name in desktop_app/gui/pages.py")
    parser.add_argument("--range", choices=("1M", "3M", "6M", "1Y", "5Y", "All"), default="6M")
    parser.add_argument("--lines", default="", help="as in desktop_app/overlays.py: band,compare,macro:DGS10")
    parser.add_argument("--log", action="store_true", help="prices on a logarithmic scale")
    parser.add_argument("--size", default="1400x900")
    options = parser.parse_args()

    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QPushButton

    from desktop_app.gui.main_window import MainWindow
    from desktop_app.gui.market_page import MarketPage
    from desktop_app.gui.theme import apply_theme, theme_named
    from desktop_app.settings import load_settings

    app = QApplication(["barograph"])
    settings = replace(load_settings(options.home), theme=options.theme)
    apply_theme(app, theme_named(options.theme))
    window = MainWindow(options.home, settings, remember=False)
    window.resize(*map(int, options.size.split("x")))

    market = window.page("market")
    assert isinstance(market, MarketPage)

    def shown(ticker: str) -> None:
        if options.ticker and ticker != options.ticker:
            window.desk.choose_ticker(options.ticker)
            return
        market.chart.logarithmic.setChecked(options.log)
        market.chart.show_lines(options.lines.split(","))
        for button in market.chart.findChildren(QPushButton):
            if button.text() == options.range:
                button.click()
        if options.day:
            market.show_session(options.day)
        window.open_page(options.page)
        QTimer.singleShot(1500, save)

    def save() -> None:
        window.grab().save(str(options.out))
        window.close()
        app.exit(0)

    market.ticker_shown.connect(shown)
    QTimer.singleShot(PATIENCE_MS, lambda: app.exit(1))
    window.show()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
