"""The bar at the left: one button a page, with its icon, its shortcut and what waits there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QSizePolicy, QToolButton, QVBoxLayout

from desktop_app.gui.icons import icon
from desktop_app.gui.page import PageEntry
from desktop_app.gui.theme import Theme
from resources.language import tr

ICON_SIZE = 18
NARROW_WIDTH = 48  # pixels: icons alone


class Navigation(QFrame):
    """Pages to choose among; Tab and arrow keys move, the shortcuts are the window's."""

    page_chosen = Signal(str)

    def __init__(self, entries: Sequence[PageEntry], theme: Theme) -> None:
        super().__init__()
        self.setProperty("role", "navigation")
        self.setAccessibleName(tr("Pages"))
        self.setMinimumWidth(NARROW_WIDTH)
        self._titles = {entry.name: entry.title for entry in entries}
        self._shortcuts = {entry.name: entry.shortcut for entry in entries}
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 8, 6, 8)
        layout.setSpacing(2)
        for entry in entries:
            layout.addWidget(self._button(entry))
        layout.addStretch()
        self.show_theme(theme)
        self.show_badges({})

    def _button(self, entry: PageEntry) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "page-button")
        button.setCheckable(True)
        button.setAutoRaise(True)
        button.setIconSize(QSize(ICON_SIZE, ICON_SIZE))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(partial(self._choose, entry.name))
        self._group.addButton(button)
        self.buttons[entry.name] = button
        return button

    def _choose(self, name: str, _checked: bool = False) -> None:
        self.page_chosen.emit(name)

    def show_page(self, name: str) -> None:
        """Mark a page as the one on screen."""
        self.buttons[name].setChecked(True)

    def show_badges(self, badges: Mapping[str, int]) -> None:
        """Write how much waits behind each page's title; nothing where nothing does."""
        for name, button in self.buttons.items():
            waiting = badges.get(name, 0)
            title = self._titles[name]
            button.setText(f" {title} ({waiting})" if waiting else f" {title}")
            said = tr("{title}, {waiting} new", title=title, waiting=waiting) if waiting else title
            button.setAccessibleName(said)
            button.setToolTip(f"{said} ({self._shortcuts[name]})")

    def show_titles(self, wanted: bool) -> None:
        """Show icons with titles, or alone where the window is narrow."""
        style = Qt.ToolButtonStyle
        for button in self.buttons.values():
            button.setToolButtonStyle(style.ToolButtonTextBesideIcon if wanted else style.ToolButtonIconOnly)

    def show_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme."""
        for name, button in self.buttons.items():
            button.setIcon(icon(name, theme.muted, theme.accent, ICON_SIZE))
