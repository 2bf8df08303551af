"""Opens every page of the window in a language: spoken.py HOME REPORT LANGUAGE; what each page shows as text.

A program of its own, because a language is chosen before the window's modules are loaded, as
desktop_app.cli.open_window does it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import desktop_app.cli  # noqa: F401  (loaded before a language is chosen, as the command does)
from desktop_app.settings import TRANSLATIONS
from resources.language import speak

ROWS = 60  # of a table that are read


def main(home: Path, report: Path, language: str) -> None:
    """Write every text of every page, by page."""
    trouble = speak(language, (home / TRANSLATIONS,))
    if trouble:
        raise SystemExit(trouble)
    from PySide6.QtGui import QPainter
    from PySide6.QtWidgets import QApplication

    from tests.desktop_app.gui import rendered

    painted: set[str] = set()
    paint: Any = QPainter.drawText

    def drawing(painter: QPainter, *where_and_text: object) -> object:
        painted.update(text for text in where_and_text if isinstance(text, str))
        return paint(painter, *where_and_text)

    QPainter.drawText = drawing  # type: ignore[method-assign,assignment]
    QApplication(["barograph"])
    found: dict[str, list[str]] = {}

    def look(name: str, window: Any) -> None:
        shown = set(texts_of(window)) | painted
        painted.clear()
        found[name] = sorted(shown - {text for page in found.values() for text in page})

    def open_dialogs(window: Any) -> None:
        for dialog in (window.begin(), window.open_palette()):
            found["dialogs"] = sorted({*found.get("dialogs", ()), *texts_of(dialog)})
            dialog.close()

    rendered.visit(home, "light", look, open_dialogs)
    report.write_text(json.dumps(found, ensure_ascii=False), "utf-8")


def texts_of(window: Any) -> Iterator[str]:
    """Yield what the controls of a window say, hidden ones too, with their hints and names."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import (
        QAbstractButton,
        QAbstractItemView,
        QComboBox,
        QGraphicsTextItem,
        QGraphicsView,
        QGroupBox,
        QLabel,
        QLineEdit,
        QMenu,
        QTabBar,
        QWidget,
    )

    yield window.windowTitle()
    for action in window.findChildren(QAction):
        yield from (action.text(), action.toolTip())
    for widget in (window, *window.findChildren(QWidget)):
        yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription())
        if isinstance(widget, QLabel | QAbstractButton):
            yield widget.text()
        elif isinstance(widget, QLineEdit):
            yield widget.placeholderText()
        elif isinstance(widget, QGroupBox | QMenu):
            yield widget.title()
        elif isinstance(widget, QComboBox):
            yield from (widget.itemText(at) for at in range(widget.count()))
        elif isinstance(widget, QTabBar):
            yield from (widget.tabText(at) for at in range(widget.count()))
        elif isinstance(widget, QGraphicsView):
            for item in widget.items():
                if isinstance(item, QGraphicsTextItem):
                    yield item.toPlainText()
        elif isinstance(widget, QAbstractItemView) and widget.model() is not None:
            model = widget.model()
            for column in range(model.columnCount()):
                for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
                    yield str(model.headerData(column, Qt.Orientation.Horizontal, role) or "")
                    for row in range(min(model.rowCount(), ROWS)):
                        yield str(model.index(row, column).data(role) or "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
