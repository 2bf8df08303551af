"""The navigation's icons, and the program's own: strokes on a square of 16 units, in a theme's colours."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

STROKES = {  # by the name of a page: polylines of x y pairs, with a bar between them
    "market": (
        "4 3  4 13 | 2.5 5  5.5 5  5.5 10  2.5 10  2.5 5 | 11 2  11 14 | 9.5 4  12.5 4  12.5 9  9.5 9  9.5 4"
    ),
    "said": "2 9  6 8  14 3 | 6 8  14 13 | 6 8  14 8",
    "track": "2 14  14 14 | 2 14  2 2 | 4 12  7 8.5  9.5 7.5  13 3",
    "why": "5 5.5  5.6 3.6  8 2.5  10.4 3.6  11 5.5  9.6 7.4  8 8.6  8 10.5 | 8 13  8 13.4",
    "alerts": "3 12  4.5 10  4.5 6.5  6 3.8  8 3  10 3.8  11.5 6.5  11.5 10  13 12  3 12 | 7 14  9 14",
    "portfolio": "2 5  14 5  14 13  2 13  2 5 | 6 5  6 3  10 3  10 5 | 2 9  14 9",
    "risk": "8 2  14 13.5  2 13.5  8 2 | 8 6.5  8 10 | 8 11.8  8 12.1",
    "orders": "2 5  13 5 | 10 2  13 5  10 8 | 14 11  3 11 | 6 8  3 11  6 14",
    "journal": "3 2  13 2  13 14  3 14  3 2 | 5.5 5.5  10.5 5.5 | 5.5 8  10.5 8 | 5.5 10.5  9 10.5",
    "sources": (
        "2.5 4  5 2.6  11 2.6  13.5 4  11 5.4  5 5.4  2.5 4 | 2.5 4  2.5 12  5 13.4  11 13.4  13.5 12"
        "  13.5 4 | 2.5 8  5 9.4  11 9.4  13.5 8"
    ),
    "settings": "2 4.5  14 4.5 | 5 3  5 6 | 2 8  14 8 | 11 6.5  11 9.5 | 2 11.5  14 11.5 | 7 10  7 13",
}
UNKNOWN = "3 3  13 3  13 13  3 13  3 3"
EMBLEM = "said"
SCALE = 3  # drawn so many times finer than shown, for screens of high density


def icon(name: str, colour: str, chosen: str, size: int = 18) -> QIcon:
    """Return a page's icon in one colour, and in another where it is chosen."""
    drawn = QIcon()
    for state, ink in ((QIcon.State.Off, colour), (QIcon.State.On, chosen)):
        drawn.addPixmap(_pixmap(STROKES.get(name, UNKNOWN), ink, size), QIcon.Mode.Normal, state)
    return drawn


def emblem(ground: str, ink: str, number: int = 0, badge: str = "", size: int = 32) -> QIcon:
    """Return the program's own icon: a fan on a tile, so that it is seen on light and dark panels alike.

    A number stands on a disc at its lower right; 10 and more say 9+, and 0 is no disc.
    """
    pixmap = _empty(size)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ground))
    painter.drawRoundedRect(QRectF(0, 0, size, size), size / 6, size / 6)
    painter.drawPixmap(0, 0, _pixmap(STROKES[EMBLEM], ink, size))
    if number:
        disc = QRectF(size * 0.4, size * 0.4, size * 0.6, size * 0.6)
        painter.setBrush(QColor(badge))
        painter.drawEllipse(disc)
        font = painter.font()
        font.setBold(True)
        font.setPixelSize(round(size * (0.4 if number < 10 else 0.32)))
        painter.setFont(font)
        painter.setPen(QColor(ink))
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, str(number) if number < 10 else "9+")
    painter.end()
    return QIcon(pixmap)


def _empty(size: int) -> QPixmap:
    pixmap = QPixmap(size * SCALE, size * SCALE)
    pixmap.setDevicePixelRatio(SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap


def _pixmap(strokes: str, colour: str, size: int) -> QPixmap:
    pixmap = _empty(size)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    pen = QPen(QColor(colour), 1.4)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    for stroke in strokes.split("|"):
        numbers = [float(number) for number in stroke.split()]
        points = [QPointF(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        painter.drawPolyline(QPolygonF(points))
    painter.end()
    return pixmap
