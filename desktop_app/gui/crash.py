"""A defect that reached the window: kept as a redacted report, told, and offered at the next start."""

from __future__ import annotations

import logging
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from collectors.market_calendar import utc_now
from desktop_app.context import LOGS
from desktop_app.terminal import redact
from resources.language import tr

logger = logging.getLogger(__name__)

REPORT_NAME = "crash.txt"
KEPT_CHARACTERS = 50_000


def report_path(home: Path) -> Path:
    """Return where the report of a home's last defect is kept."""
    return home / LOGS / REPORT_NAME


def watch_for_defects(home: Path, tell: Callable[[str], object]) -> None:
    """Keep a report of every error that nothing caught, and tell the person; the window goes on."""

    def keep(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        logger.critical("A defect reached the window", exc_info=(kind, error, trace))
        path = report_path(home)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report_of(error), "utf-8")
        tell(
            tr(
                "A defect of ours: {name}. A report is kept in {path}; what is stored is safe",
                name=kind.__name__,
                path=path,
            )
        )

    sys.excepthook = keep


def report_of(error: BaseException) -> str:
    """Return what can be passed on: versions and the trace, with every key blanked out and no data."""
    trace = "".join(traceback.format_exception(error))
    text = f"{utc_now()}\nPython {platform.python_version()} on {platform.platform()}\n\n{trace}"
    return redact(text)[-KEPT_CHARACTERS:]


def offer_report(home: Path, parent: QWidget) -> QMessageBox | None:
    """Offer to save the report of the last time, without stopping anything; None where there is none."""
    path = report_path(home)
    if not path.is_file():
        return None
    box = QMessageBox(
        QMessageBox.Icon.Information,
        "Barograph",
        tr("Last time Barograph met a defect of its own. Its report names no key and none of your data."),
        QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Discard,
        parent,
    )
    box.setDetailedText(path.read_text("utf-8"))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    saving = QMessageBox.StandardButton.Save
    box.buttonClicked.connect(lambda button: _settle(path, parent, save=box.standardButton(button) == saving))
    box.open()
    return box


def _settle(path: Path, parent: QWidget, *, save: bool) -> None:
    if save:
        out, _ = QFileDialog.getSaveFileName(parent, tr("Save the report"), str(Path.home() / REPORT_NAME))
        if not out:
            return
        Path(out).write_text(path.read_text("utf-8"), "utf-8")
    path.unlink(missing_ok=True)
