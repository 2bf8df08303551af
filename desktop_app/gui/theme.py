"""Light and dark: one palette of colours each, safe for colour-blind eyes, for widgets and charts alike."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from desktop_app.gui.icons import emblem
from resources import icon_path


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as #rrggbb; ``up`` and ``down`` are blue and orange, told apart by every kind of eye."""

    name: str
    window: str
    panel: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    up: str
    down: str
    fan: str
    warning: str
    grid: str
    averages: tuple[str, ...]


LIGHT = Theme(
    name="light",
    window="#f3f5f8",
    panel="#ffffff",
    raised="#e9eef5",
    border="#d5dce6",
    text="#17202c",
    muted="#586475",
    accent="#0b63b5",
    on_accent="#ffffff",
    up="#0b63b5",
    down="#c8500a",
    fan="#5b4bb3",
    warning="#a34400",
    grid="#e3e8ef",
    averages=("#7a8797", "#2f8f83", "#a0528f", "#8a7a1f"),
)
DARK = Theme(
    name="dark",
    window="#10151c",
    panel="#171d26",
    raised="#232c38",
    border="#2e3947",
    text="#e6ebf2",
    muted="#9aa7b8",
    accent="#4da3f5",
    on_accent="#0a1018",
    up="#5aaefc",
    down="#ff9a4d",
    fan="#a99bf5",
    warning="#ffb26b",
    grid="#232c38",
    averages=("#8d9aab", "#4fc3b2", "#d48bc6", "#cdb84f"),
)


def theme_named(name: str) -> Theme:
    """Return the theme of a setting; ``system`` follows the desktop's own scheme."""
    if name == "system":
        name = "dark" if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"
    return DARK if name == "dark" else LIGHT


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Dress every widget of the program."""
    app.setStyle("Fusion")
    app.setWindowIcon(emblem(theme.accent, theme.on_accent))
    app.setPalette(_palette(theme))
    app.setStyleSheet(_style_sheet(theme))


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for name, colour in (
        (role.Window, theme.window),
        (role.WindowText, theme.text),
        (role.Base, theme.panel),
        (role.AlternateBase, theme.window),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.muted),
        (role.Button, theme.raised),
        (role.ButtonText, theme.text),
        (role.ToolTipBase, theme.raised),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.accent),
        (role.HighlightedText, theme.on_accent),
        (role.Link, theme.accent),
        (role.Mid, theme.border),
    ):
        palette.setColor(name, QColor(colour))
    for name in (role.Text, role.ButtonText, role.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(theme.muted))
    return palette


def _style_sheet(theme: Theme) -> str:
    tick, down = (icon_path(f"{name}-{theme.name}").as_posix() for name in ("tick", "down"))
    return f"""
    QToolTip {{ background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.border};
                padding: 4px; }}
    QFrame[role="panel"] {{ background: {theme.panel}; border: 1px solid {theme.border};
                            border-radius: 6px; }}
    QLabel[role="title"] {{ font-size: 19px; font-weight: 600; }}
    QLabel[role="stale"] {{ font-size: 19px; font-weight: 600; color: {theme.muted}; }}
    QLabel[role="stale-heading"] {{ font-weight: 600; color: {theme.muted}; }}
    QLabel[role="heading"] {{ font-weight: 600; }}
    QLabel[role="figure"] {{ font-size: 15px; font-weight: 600; }}
    QLabel[role="muted"] {{ color: {theme.muted}; }}
    QLabel[role="warning"] {{ color: {theme.warning}; font-weight: 600; }}
    QLabel[role="up"] {{ color: {theme.up}; font-weight: 600; }}
    QLabel[role="down"] {{ color: {theme.down}; font-weight: 600; }}
    QFrame[role="rule"] {{ background: {theme.border}; max-height: 1px; min-height: 1px; border: none; }}
    QFrame[role="navigation"] {{ background: {theme.panel}; border-right: 1px solid {theme.border}; }}
    QToolButton[role="page-button"] {{ border: none; border-radius: 5px; padding: 7px 12px 7px 8px;
        color: {theme.muted}; text-align: left; }}
    QToolButton[role="page-button"]:hover {{ color: {theme.text}; background: {theme.raised}; }}
    QToolButton[role="page-button"]:focus {{ border: 1px solid {theme.accent}; padding: 6px 11px 6px 7px; }}
    QToolButton[role="page-button"]:checked {{ color: {theme.text}; background: {theme.raised}; }}
    QToolBar {{ background: {theme.panel}; border: none; border-bottom: 1px solid {theme.border};
                padding: 6px 8px; spacing: 6px; }}
    QPushButton {{ background: {theme.raised}; border: 1px solid {theme.border};
        border-radius: 5px; padding: 5px 12px; color: {theme.text}; }}
    QPushButton:hover {{ border-color: {theme.accent}; }}
    QPushButton:focus {{ border-color: {theme.accent}; }}
    QPushButton:disabled {{ color: {theme.muted}; }}
    QPushButton:checked {{ background: {theme.accent}; color: {theme.on_accent}; }}
    QPushButton[role="primary"] {{ background: {theme.accent}; color: {theme.on_accent};
        border-color: {theme.accent}; font-weight: 600; }}
    QPushButton[role="range"] {{ padding: 3px 5px; }}
    QPushButton::menu-indicator {{ image: none; width: 0; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {theme.border}; border-radius: 4px; min-height: 28px; min-width: 28px;
        margin: 1px; }}
    QScrollBar::handle:hover {{ background: {theme.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QMenu {{ background: {theme.panel}; border: 1px solid {theme.border}; padding: 4px; }}
    QMenu::item {{ padding: 5px 26px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {theme.raised}; }}
    QLineEdit, QPlainTextEdit {{ background: {theme.panel}; border: 1px solid {theme.border};
        border-radius: 5px; padding: 4px 6px; selection-background-color: {theme.accent}; }}
    QCheckBox::indicator, QRadioButton::indicator, QMenu::indicator {{ width: 14px; height: 14px;
        border: 1px solid {theme.muted}; background: {theme.panel}; }}
    QCheckBox::indicator, QMenu::indicator {{ border-radius: 3px; }}
    QMenu::indicator {{ left: 6px; }}
    QRadioButton::indicator {{ border-radius: 8px; }}
    QCheckBox::indicator:checked, QMenu::indicator:checked {{ background: {theme.accent};
        border-color: {theme.accent}; image: url("{tick}"); }}
    QRadioButton::indicator:checked {{ border: 5px solid {theme.accent}; width: 6px; height: 6px; }}
    QCheckBox:focus, QRadioButton:focus {{ color: {theme.accent}; }}
    QAbstractSpinBox {{ min-height: 22px; }}
    QComboBox {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 5px;
        padding: 4px 6px; }}
    QComboBox:hover, QComboBox:focus {{ border-color: {theme.accent}; }}
    QComboBox::drop-down {{ border: none; width: 22px; }}
    QComboBox::down-arrow {{ image: url("{down}"); width: 14px; height: 14px; }}
    QComboBox QAbstractItemView {{ background: {theme.panel}; border: 1px solid {theme.border};
        selection-background-color: {theme.raised}; selection-color: {theme.text}; }}
    QLineEdit:focus {{ border-color: {theme.accent}; }}
    QListView, QTableView {{ background: {theme.panel}; border: none; outline: none;
        gridline-color: {theme.border}; selection-background-color: {theme.raised};
        selection-color: {theme.text}; }}
    QHeaderView::section {{ background: {theme.panel}; color: {theme.muted}; border: none;
        border-bottom: 1px solid {theme.border}; padding: 4px 6px; }}
    QTabWidget::pane {{ border: 1px solid {theme.border}; border-radius: 6px; background: {theme.panel}; }}
    QTabBar::tab {{ background: transparent; color: {theme.muted}; padding: 6px 14px; border: none; }}
    QTabBar::tab:selected {{ color: {theme.text}; border-bottom: 2px solid {theme.accent};
        font-weight: 600; }}
    QStatusBar {{ background: {theme.panel}; border-top: 1px solid {theme.border}; }}
    QStatusBar::item {{ border: none; }}
    QStatusBar QLabel {{ padding: 3px 8px; }}
    QProgressBar {{ background: {theme.raised}; border: none; border-radius: 4px; text-align: center;
        min-height: 16px; }}
    QProgressBar::chunk {{ background: {theme.accent}; border-radius: 4px; }}
    QSplitter::handle {{ background: transparent; }}
    QScrollArea {{ background: transparent; border: none; }}
    QWidget[role="page"] {{ background: {theme.panel}; }}
    """
