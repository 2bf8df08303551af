"""The docs tell the truth where a test can tell: tables, commands, links."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from desktop_app.cli import barograph

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMAND = re.compile(r"^\s*barograph ((?:[a-z]+ ?)+)", re.MULTILINE)


def test_the_page_of_tables_is_that_of_a_fresh_database() -> None:
    script = ROOT / "scripts" / "document_database.py"
    result = subprocess.run(
        [sys.executable, str(script), "--check"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_that_are_named_exist(page: Path) -> None:
    for line in COMMAND.findall(page.read_text("utf-8")):
        command: click.Command = barograph
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands, f"{page.name} names `barograph {line}`"
            command = command.commands[word]


def test_every_command_is_told_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text[text.index("## 7. Commands") :]
    missing = [name for name in barograph.commands if not re.search(rf"\b{name}\b", section)]
    assert missing == []
