"""Both themes: what can be ticked is seen, ticked or not, and drawings bear the colours of their theme."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QCheckBox, QRadioButton
from pytestqt.qtbot import QtBot

from desktop_app.gui.icons import emblem
from desktop_app.gui.theme import DARK, LIGHT, Theme, apply_theme
from resources import icon_path

LEAST_CONTRAST = 3.0  # of a control against its ground: WCAG 2.2, 1.4.11
INDICATOR = 16  # pixels at the left that are looked at


def luminance(colour: QColor) -> float:
    """WCAG's relative luminance."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.getRgbF()[:3]
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def best_contrast(image: QImage, ground: QColor) -> float:
    return max(
        contrast(image.pixelColor(x, y), ground) for x in range(INDICATOR) for y in range(image.height())
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("kind", [QCheckBox, QRadioButton])
def test_what_can_be_ticked_is_seen_and_a_tick_changes_its_shape(
    qtbot: QtBot, qapp: QApplication, theme: Theme, kind: type[QCheckBox | QRadioButton]
) -> None:
    apply_theme(qapp, theme)
    box = kind("sentiment")
    qtbot.addWidget(box)
    box.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    box.show()
    ground = box.grab().toImage()
    assert best_contrast(ground, QColor(theme.panel)) >= LEAST_CONTRAST
    box.setChecked(True)
    ticked = box.grab().toImage()
    assert best_contrast(ticked, QColor(theme.panel)) >= LEAST_CONTRAST
    middle = ticked.height() // 2
    shades = {ticked.pixelColor(x, y).name() for x in range(2, 13) for y in range(middle - 5, middle + 5)}
    assert {theme.accent} < shades  # a tick or a dot on it, not the colour alone


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_drawings_of_a_theme_bear_its_colours(theme: Theme) -> None:
    assert f'stroke="{theme.on_accent}"' in icon_path(f"tick-{theme.name}").read_text("utf-8")
    assert f'stroke="{theme.muted}"' in icon_path(f"down-{theme.name}").read_text("utf-8")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_icon_in_the_tray_stands_out_from_light_and_dark_panels(theme: Theme) -> None:
    """Strokes alone, in the colour of the theme's text, once vanished on a panel of the other kind."""
    drawn = emblem(theme.accent, theme.on_accent).pixmap(22).toImage()
    tile = drawn.pixelColor(drawn.width() // 2, 1)
    grounds = (QColor("#f0f0f0"), QColor("#2b2b2b"), QColor(theme.on_accent))
    assert min(contrast(tile, ground) for ground in grounds) > 2  # seen from both sides, 3 is out of reach
