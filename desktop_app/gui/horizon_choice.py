"""The choice of a horizon, as several pages have it: a button each, one of them down."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from desktop_app.gui.tables import label
from desktop_app.words import count
from fusion_model.findings import HORIZONS


class HorizonChoice(QWidget):
    """A caption and a button for 1, 5 and 20 sessions ahead.

    ``chosen`` is told the horizon (sessions) when the person takes a button, not when ``choose`` does;
    ``spoken`` is what a screen reader says of a button, with {} for "5 sessions".
    """

    chosen = Signal(int)

    def __init__(self, caption: str, spoken: str, horizon: int) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(label(caption, "muted"))
        self._group = QButtonGroup(self)
        for each in HORIZONS:
            button = QPushButton(str(each))
            button.setProperty("role", "range")
            button.setCheckable(True)
            button.setAccessibleName(spoken.format(count(each, "session")))
            button.setToolTip(button.accessibleName())
            button.clicked.connect(partial(self._take, each))
            self._group.addButton(button, each)
            line.addWidget(button)
        self.choose(horizon)

    def button(self, horizon: int) -> QPushButton:
        """Return the button of a horizon."""
        found = self._group.button(horizon)
        if not isinstance(found, QPushButton):
            raise KeyError(horizon)
        return found

    @property
    def horizon(self) -> int:
        """The horizon whose button is down."""
        return self._group.checkedId()

    def choose(self, horizon: int) -> None:
        """Put down the button of a horizon."""
        self.button(horizon).setChecked(True)

    def _take(self, horizon: int, _checked: bool = False) -> None:
        self.chosen.emit(horizon)


def kept_horizon(value: object, otherwise: int) -> int:
    """Return the horizon that a window's kept state holds, or another one where it holds none."""
    text = str(value)
    return int(text) if text.isdigit() and int(text) in HORIZONS else otherwise
