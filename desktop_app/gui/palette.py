"""The command palette (Ctrl+K), which is also the overview of all shortcuts (F1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from desktop_app.gui.tables import label
from resources.language import tr

MOST_SHOWN = 40
MOVING_KEYS = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something the window can do: how it is called, its shortcut, and how it is done."""

    title: str
    shortcut: str
    act: Callable[[], object]
    hidden: bool = False  # found by typing alone, as there may be hundreds

    def fits(self, words: Sequence[str]) -> bool:
        """Whether every word stands in the title."""
        title = self.title.lower()
        return all(word in title for word in words)


class Palette(QDialog):
    """A line to type into and what fits; Enter does it."""

    def __init__(self, deeds: Sequence[Deed], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Do, or go to"))
        self.setModal(True)
        self.resize(560, 420)
        self._deeds = tuple(deeds)
        self.line, self.list = QLineEdit(), QTreeWidget()
        self.line.setPlaceholderText(tr("Type a page, a command or a ticker"))
        self.line.setAccessibleName(tr("What to do, or where to go"))
        self.list.setAccessibleName(tr("What fits"))
        self.list.setHeaderLabels([tr("What"), tr("Key")])
        self.list.setRootIsDecorated(False)
        self.list.header().setStretchLastSection(False)
        self.list.header().setSectionResizeMode(0, self.list.header().ResizeMode.Stretch)
        layout = QVBoxLayout(self)
        layout.addWidget(self.line)
        layout.addWidget(self.list, 1)
        layout.addWidget(label(tr("Enter does it · Esc closes"), "muted"))
        self.line.textChanged.connect(self.show_fitting)
        self.line.returnPressed.connect(self.do_chosen)
        self.list.itemActivated.connect(lambda *_: self.do_chosen())
        self.line.installEventFilter(self)
        self.show_fitting("")

    def show_fitting(self, text: str) -> None:
        """Show what fits a text; everything but the hidden for none."""
        words = text.lower().split()
        self._shown = [
            deed for deed in self._deeds if (words and deed.fits(words)) or not (words or deed.hidden)
        ][:MOST_SHOWN]
        self.list.clear()
        self._items = [QTreeWidgetItem(self.list, [deed.title, deed.shortcut]) for deed in self._shown]
        if self._items:
            self.list.setCurrentItem(self._items[0])

    def titles(self) -> list[str]:
        """Return what is shown."""
        return [deed.title for deed in self._shown]

    def do_chosen(self) -> None:
        """Close, and do what is chosen."""
        current = self.list.currentItem()
        chosen = [deed for deed, item in zip(self._shown, self._items, strict=True) if item is current]
        self.accept()
        for deed in chosen:
            deed.act()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys of the line move in the list."""
        pressed = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress
        if pressed and isinstance(event, QKeyEvent) and Qt.Key(event.key()) in MOVING_KEYS:
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)
