"""Draws every page of the window in both themes: rendered.py HOME FOLDER; a picture and its layout each.

A program of its own, because Qt takes its scale (QT_SCALE_FACTOR) from the environment of a process once.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QScrollArea, QToolButton, QWidget

from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.pages import PAGES
from desktop_app.gui.theme import apply_theme, theme_named
from desktop_app.settings import Settings

SIZE = (1400, 900)  # logical pixels
MAY_BE_CUT = 10  # labels with so small a least width give way to others on purpose
STILL = 40  # turns of the event loop without a change, a fifth of a second at least
SLACK = 2  # logical pixels that fonts of different sizes round to


def draw(home: Path, folder: Path, theme: str) -> dict[str, dict[str, object]]:
    """Return what each page's picture is like, by page."""
    found: dict[str, dict[str, object]] = {}

    def look(name: str, window: MainWindow) -> None:
        picture = window.grab()
        picture.save(str(folder / f"{name}-{theme}.png"))
        found[name] = {
            "pixels": [picture.width(), picture.height()],
            "places": places(window),
            "cut": sorted(cut(window)),
        }

    visit(home, theme, look)
    return found


def visit(
    home: Path,
    theme: str,
    look: Callable[[str, MainWindow], None],
    at_last: Callable[[MainWindow], None] = lambda _window: None,
) -> None:
    """Open a window, and each of its pages in turn; look at each once it rests, then do the last."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, theme_named(theme))
    window = MainWindow(home, Settings(theme=theme), (sys.executable, "-c", ""), remember=False)
    window.resize(*SIZE)
    window.show()
    market = window.page("market")
    shown: list[str] = []
    market.ticker_shown.connect(shown.append)  # type: ignore[attr-defined]
    until(app, lambda: bool(shown) and bool(window.desk.overview.tickers))
    for entry in PAGES:
        completed: list[bool] = []
        window.page(entry.name).completed.connect(lambda done=completed: done.append(True))
        window.open_page(entry.name)
        until(app, lambda name=entry.name, done=completed: name == "market" or bool(done))
        settle(app, window)
        look(entry.name, window)
    at_last(window)
    window.close()


def until(app: QApplication, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        app.processEvents()
        time.sleep(0.005)
        if time.monotonic() > deadline:
            raise SystemExit("the window did not come to rest within a minute")


def settle(app: QApplication, window: MainWindow) -> None:
    """Let layouts that follow one another end, and answers that a page waits for come."""
    before: list[tuple[str, int, int]] = []
    still = 0
    while still < STILL:
        app.processEvents()
        time.sleep(0.005)
        labels = [label for label in window.findChildren(QLabel) if label.isVisible()]
        now = [(label.text(), label.width(), label.height()) for label in labels]
        still = still + 1 if now == before else 0
        before = now


def places(window: MainWindow) -> dict[str, list[int]]:
    """Return where each visible control and panel with a name stands, in logical pixels.

    What is scrolled tells no height: a text above it that takes another line moves it.
    """
    found = {}
    for widget in window.findChildren(QWidget):
        name = widget.accessibleName()
        if name and widget.isVisible():
            corner, scrolled = widget.mapTo(window, QPoint(0, 0)), is_scrolled(widget)
            found[f"{type(widget).__name__} {name}"] = [
                corner.x(), 0 if scrolled else corner.y(), widget.width(), widget.height(),
            ]  # fmt: skip
    return found


def is_scrolled(widget: QWidget) -> bool:
    """Whether a widget lies in a scrolled area."""
    parent = widget.parentWidget()
    return parent is not None and (isinstance(parent, QScrollArea) or is_scrolled(parent))


def cut(window: MainWindow) -> Iterator[str]:
    """Yield the texts of buttons and labels that have less room than they need."""
    for button in window.findChildren(QAbstractButton):
        iconic = isinstance(button, QToolButton) and not button.text()
        if button.isVisible() and not iconic and button.sizeHint().width() > button.width() + SLACK:
            yield button.text() or button.accessibleName()
    for label in window.findChildren(QLabel):
        if not label.isVisible() or 0 < label.minimumWidth() <= MAY_BE_CUT:
            continue
        if label.wordWrap():
            if label.heightForWidth(label.width()) > label.height() + SLACK:
                yield label.text()
        elif label.sizeHint().width() > label.width() + SLACK:
            yield label.text()


if __name__ == "__main__":
    running = QApplication(["rendered"])
    home, folder = Path(sys.argv[1]), Path(sys.argv[2])
    report = {theme: draw(home, folder, theme) for theme in ("light", "dark")}
    report["ratio"] = running.devicePixelRatio()  # type: ignore[assignment]
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
