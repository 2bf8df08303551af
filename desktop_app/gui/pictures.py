"""What is on screen as a file: PNG and SVG of a widget, and a report of one page on a ticker as PDF."""

from __future__ import annotations

from html import escape
from pathlib import Path

from PySide6.QtCore import QMarginsF, QPoint, QRect, QUrl
from PySide6.QtGui import (
    QFont,
    QImage,
    QImageWriter,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QPixmap,
    QTextDocument,
)
from PySide6.QtWidgets import QWidget

from collectors.errors import ConfigurationError
from desktop_app.snapshot import Snapshot
from desktop_app.words import day
from resources.language import tr

SCALE = 2  # pixels of a picture for one on screen
CHART_NAME = "chart.png"
WIDEST, HIGHEST = 515.0, 330.0  # points of the chart on an A4 page, which is to hold everything
FONT_POINTS = 8


def save_png(widget: QWidget, out: Path) -> None:
    """Save a widget at twice its size on screen.

    Raises
    ------
    ConfigurationError
        The file cannot be written.
    """
    aside = out.with_name(f"{out.name}.part")
    _put(QImageWriter(str(aside), b"PNG").write(picture_of(widget)), aside, out)


def save_svg(widget: QWidget, out: Path) -> None:
    """Save a widget as shapes that can be enlarged; raises as save_png."""
    from PySide6.QtSvg import QSvgGenerator

    aside = out.with_name(f"{out.name}.part")
    generator = QSvgGenerator()
    generator.setFileName(str(aside))
    generator.setSize(widget.size())
    generator.setViewBox(QRect(QPoint(0, 0), widget.size()))
    generator.setTitle("Barograph")
    painter = QPainter()
    good = painter.begin(generator)
    if good:
        widget.render(painter, QPoint(0, 0))
        painter.end()
    _put(good, aside, out)


def save_report(snapshot: Snapshot, chart: QWidget, out: Path) -> None:
    """Save a page on a ticker: chart, forecast in words, how far to trust it; raises as save_png."""
    aside = out.with_name(f"{out.name}.part")
    writer = QPdfWriter(str(aside))
    writer.setTitle(tr("Barograph on {ticker}", ticker=snapshot.ticker))
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(40, 40, 40, 40)
        )
    )
    document = QTextDocument()
    document.setDefaultFont(QFont(document.defaultFont().family(), FONT_POINTS))
    document.addResource(QTextDocument.ResourceType.ImageResource, QUrl(CHART_NAME), picture_of(chart))
    wide = min(WIDEST, HIGHEST * chart.width() / chart.height())
    document.setHtml(report_html(snapshot, wide))
    document.setTextWidth(WIDEST)
    page = writer.pageLayout().paintRectPoints()
    painter = QPainter(writer)
    scale = writer.logicalDpiX() / 72 * min(1.0, page.height() / document.size().height())
    painter.scale(scale, scale)
    document.drawContents(painter)
    painter.end()
    del writer
    _put(aside.is_file(), aside, out)


def report_html(snapshot: Snapshot, wide: float = WIDEST) -> str:
    """Return the report as rich text; every text from outside is escaped."""
    bar = snapshot.bars[-1]
    parts = [
        f"<h1>{escape(snapshot.ticker)} <small>{escape(snapshot.name)}</small></h1>",
        tr("<p>Close of {session}: {close} USD.</p>", session=day(bar.session), close=f"{bar.close:,.2f}"),
        f'<p><img src="{CHART_NAME}" width="{wide:.0f}"></p>',
    ]
    words = snapshot.words
    if words is None:
        parts.append(tr("<p>No forecast has been made yet.</p>"))
    else:
        parts += [f"<p><b>{escape(words.headline)}</b></p>", f"<p>{escape(words.as_of)}</p>"]
        if words.report:
            parts.append(f"<p>{escape(words.report)}</p>")
        rows = "".join(
            f"<tr><td>{escape(row.title)}</td><td>{escape(row.until)}</td><td>{escape(row.median)}</td>"
            f"<td>{escape(row.range_50)}</td><td>{escape(row.range_90)}</td><td>{escape(row.rise)}</td></tr>"
            for row in words.rows
        )
        parts.append(
            tr(
                '<table cellpadding="4"><tr><th>Ahead</th><th>Until</th><th>Median</th><th>Half the time</th>'
                "<th>9 of 10 times</th><th>Chance of a rise</th></tr>{rows}</table>",
                rows=rows,
            )
        )
    track = snapshot.track
    parts.append(tr("<h3>How far to trust it</h3><p>{direction}</p>", direction=escape(track.direction)))
    parts += [f"<p>{escape(text)}</p>" for text in (track.kept, *track.rivals) if text]
    if words is not None:
        parts += [f"<p><small>{escape(note)}</small></p>" for note in words.notes]
    return "".join(parts)


def picture_of(widget: QWidget) -> QImage:
    """Return a widget as an image of SCALE times its size."""
    pixmap = QPixmap(widget.size() * SCALE)
    pixmap.setDevicePixelRatio(SCALE)
    widget.render(pixmap)
    return pixmap.toImage()


def _put(good: bool, aside: Path, out: Path) -> None:
    """Move what was written into place, or say that it could not be written."""
    if good and aside.is_file():
        aside.replace(out)
        return
    aside.unlink(missing_ok=True)
    raise ConfigurationError(
        f"{out} cannot be written; check that its folder exists, that there is room, and that no other "
        "program holds the file"
    )
