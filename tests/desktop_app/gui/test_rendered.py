"""Every page at 100, 150 and 200 %, light and dark: the same layout and picture, and nothing cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from desktop_app.gui.pages import PAGES
from tests.desktop_app.facts import fill_home

SCALES = (1.0, 1.5, 2.0)
NAMES = [entry.name for entry in PAGES]
APART = 3  # logical pixels that a control may stand elsewhere, where fonts round to another width
UNLIKE = 12.0  # of 255, mean over a picture's pixels: antialiasing moves edges, a missing panel exceeds it


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[float, tuple[Path, dict[str, Any]]]:
    """The folder of pictures and the report of each scale; the three programs run side by side."""
    running = {}
    for scale in SCALES:
        folder = tmp_path_factory.mktemp(f"scale{scale:g}")
        home = fill_home(folder / "home")
        environment = {**os.environ, "QT_SCALE_FACTOR": f"{scale:g}", "QT_QPA_PLATFORM": "offscreen"}
        program = [sys.executable, str(Path(__file__).with_name("rendered.py")), str(home), str(folder)]
        running[scale] = folder, subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True)
    found = {}
    for scale, (folder, process) in running.items():
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        found[scale] = folder, json.loads((folder / "report.json").read_text("utf-8"))
    return found


def test_each_scale_draws_so_many_pixels(drawn: dict[float, tuple[Path, dict[str, Any]]]) -> None:
    for scale, (_, report) in drawn.items():
        assert report["ratio"] == scale
        assert {tuple(page["pixels"]) for page in report["light"].values()} == {
            (round(1400 * scale), round(900 * scale))
        }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_a_page_is_cut_off(
    drawn: dict[float, tuple[Path, dict[str, Any]]], name: str, theme: str
) -> None:
    assert {scale: report[theme][name]["cut"] for scale, (_, report) in drawn.items()} == {
        scale: [] for scale in SCALES
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_one_layout_at_every_scale_and_in_both_themes(
    drawn: dict[float, tuple[Path, dict[str, Any]]], name: str
) -> None:
    wanted = drawn[1.0][1]["light"][name]["places"]
    assert len(wanted) > 5
    for _, report in drawn.values():
        for theme in ("light", "dark"):
            places = report[theme][name]["places"]
            moved = {
                widget: (place, places.get(widget))
                for widget, place in wanted.items()
                if widget not in places or np.abs(np.subtract(place, places[widget])).max() > APART
            }
            assert moved == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_looks_the_same_at_every_scale_and_not_in_another_theme(
    drawn: dict[float, tuple[Path, dict[str, Any]]], name: str
) -> None:
    light, dark = (picture(drawn[1.0][0], name, theme) for theme in ("light", "dark"))
    for scale in SCALES[1:]:
        assert np.abs(picture(drawn[scale][0], name, "light") - light).mean() < UNLIKE
        assert np.abs(picture(drawn[scale][0], name, "dark") - dark).mean() < UNLIKE
    assert light.mean() > 200 > 60 > dark.mean()


def picture(folder: Path, name: str, theme: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a picture in shades of grey, at a quarter of 100 %."""
    image = QImage(str(folder / f"{name}-{theme}.png")).scaled(
        350, 225, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(grey.constBits(), np.uint8).reshape(225, grey.bytesPerLine())
    return rows[:, :350].astype(float)
