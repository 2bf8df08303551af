"""The one command of a new user: make a virtual environment, install Barograph into it, run it.

    python3 start.py                 install, then the demo: sample data, training, forecasts, window
    python3 start.py --headless      the same, ending with a table in the terminal
    python3 start.py check           install the test extra and run every check, as CI does
    python3 start.py run COMMAND...  any `barograph` command, for example: run status

Standard library alone; runs on Python 3.11 to 3.13 on Linux, macOS and Windows.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CHECKS = (
    ("format", ["ruff", "format", "--check", "."]),
    ("lint", ["ruff", "check", "."]),
    ("types", ["mypy"]),
    ("import contracts", ["lint-imports"]),
    ("tests", ["pytest", "-n", "auto", "--dist", "worksteal", "--durations=10"]),
)


def main(arguments: list[str]) -> int:
    """Install what is needed and run what was asked; return its exit code."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        print(f"Barograph needs Python 3.11 to 3.13; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is not kept would be compiled by every command
    if arguments[:1] == ["check"]:
        install("test")
        return check()
    install("")
    command = arguments[1:] if arguments[:1] == ["run"] else ["demo", *arguments]
    return subprocess.call([str(PYTHON), "-m", "desktop_app", *command], cwd=ROOT)


def install(extra: str) -> None:
    """Make the virtual environment and install the project, unless that was done for these dependencies."""
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + extra.encode()).hexdigest()
    mark = ENVIRONMENT / f"installed{'-' + extra if extra else ''}"
    if PYTHON.exists() and mark.exists() and mark.read_text() == wanted:
        return
    if not PYTHON.exists():
        print(f"Making a virtual environment in {ENVIRONMENT}", file=sys.stderr, flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    print("Installing Barograph; the first time downloads several hundred MB", file=sys.stderr, flush=True)
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    # To compile every module in advance takes longer than all the rest; what is used is compiled at first.
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-compile", "--editable", target]
    subprocess.run(command, check=True)
    mark.write_text(wanted)


def check() -> int:
    """Run every check, each to its end, and tell which failed."""
    failed = []
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    for name, command in CHECKS:
        print(f"== {name}: {' '.join(command)}", flush=True)
        begun = time.monotonic()
        if subprocess.call([str(BIN / command[0]), *command[1:]], cwd=ROOT, env=environment):
            failed.append(name)
        print(f"== {name}: {time.monotonic() - begun:.0f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        print("The installation failed; pip's message above says why", file=sys.stderr)
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
