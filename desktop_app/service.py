"""The schedule as a service at login: what each system is told, and the one door to tell it."""

from __future__ import annotations

import hashlib
import os
import plistlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from collectors.errors import ConfigurationError

NAME = "barograph"
ANSWER_S = 30.0
WINDOWS_ENCODING = "utf-16"  # what schtasks reads

# systemd restarts what crashed, but not what a restart cannot mend: wrong usage, no access, bad settings, or
# another schedule at work (2, 3, 4, 5). The timer tries those again each hour, and at once after a night off.
SYSTEMD_SERVICE = """\
[Unit]
Description=Barograph collects on schedule

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=60
RestartPreventExitStatus=2 3 4 5
SuccessExitStatus=130
Nice=10

[Install]
WantedBy=default.target
"""
SYSTEMD_TIMER = """\
[Unit]
Description=Barograph is started again where it does not run

[Timer]
OnStartupSec=1min
OnCalendar=hourly
Persistent=true

[Install]
WantedBy=timers.target
"""
TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Barograph collects on schedule</Description></RegistrationInfo>
  <Triggers>
    <LogonTrigger><UserId>{user}</UserId></LogonTrigger>
    <TimeTrigger>
      <StartBoundary>2026-01-01T00:00:00</StartBoundary>
      <Repetition><Interval>PT1H</Interval></Repetition>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author"><UserId>{user}</UserId><LogonType>InteractiveToken</LogonType></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>3</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec><Command>{program}</Command><Arguments>{arguments}</Arguments></Exec>
  </Actions>
</Task>
"""

Ask = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Service:
    """What a system is told: files with their contents, then commands, and how to take both back."""

    system: str
    files: dict[Path, bytes]
    reach: tuple[str, ...]  # ends well where this system's services can be reached at all
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    forget: tuple[tuple[str, ...], ...] = ()  # once the files are gone
    hint: str = ""

    @property
    def installed(self) -> bool:
        """Whether all its files are in place."""
        return all(path.is_file() for path in self.files)


def service_of(
    home: Path,
    *,
    default_home: Path,
    platform: str = sys.platform,
    python: str = sys.executable,
    user_home: Path | None = None,
    user: str = "",
) -> Service:
    """Return the service of a home for an operating system; the one of another home has a name of its own."""
    user_home = user_home or Path.home()
    same = home.absolute() == default_home.absolute()
    name = NAME if same else f"{NAME}-{hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:8]}"
    command = [python, "-m", "desktop_app", "--home", str(home.absolute()), "serve"]
    if platform == "win32":
        return _task(name, home, command, user or os.environ.get("USERNAME", ""))
    if platform == "darwin":
        return _agent(name, home, command, user_home)
    return _unit(name, command, user_home)


def _unit(name: str, command: Sequence[str], user_home: Path) -> Service:
    config = Path(os.environ.get("XDG_CONFIG_HOME") or user_home / ".config") / "systemd" / "user"
    units = (f"{name}.timer", f"{name}.service")
    control = ("systemctl", "--user")
    return Service(
        "systemd",
        {
            config / units[1]: SYSTEMD_SERVICE.format(command=systemd_command(command)).encode(),
            config / units[0]: SYSTEMD_TIMER.encode(),
        },
        reach=(*control, "show-environment"),
        start=((*control, "daemon-reload"), (*control, "enable", "--now", *units)),
        stop=((*control, "disable", "--now", *units),),
        forget=((*control, "daemon-reload"),),
        hint="It runs while you are logged in; `loginctl enable-linger` lets it run without.",
    )


def systemd_command(command: Sequence[str]) -> str:
    """Quote a command line for ExecStart, where spaces, quotes, backslashes, % and $ mean something."""

    def quoted(part: str) -> str:
        for sign, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$"), ("\n", "\\n")):
            part = part.replace(sign, written)
        return f'"{part}"'

    return " ".join(quoted(part) for part in command)


def _agent(name: str, home: Path, command: Sequence[str], user_home: Path) -> Service:
    label = f"org.barograph.{name}"
    path = user_home / "Library" / "LaunchAgents" / f"{label}.plist"
    domain = f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}"
    agent = {
        "Label": label,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 60,
        "ProcessType": "Background",
        "StandardErrorPath": str(home.absolute() / "logs" / "serve.log"),
    }
    return Service(
        "launchd",
        {path: plistlib.dumps(agent)},
        reach=("launchctl", "print", domain),
        start=(("launchctl", "bootstrap", domain, str(path)),),
        stop=(("launchctl", "bootout", f"{domain}/{label}"),),
    )


def _task(name: str, home: Path, command: Sequence[str], user: str) -> Service:
    path = home.absolute() / f"{name}-task.xml"
    program = Path(command[0])
    windowless = program.with_name("pythonw.exe")  # python.exe would keep a console open
    text = TASK.format(
        user=escape(user),
        program=escape(str(windowless if windowless.exists() else program)),
        arguments=escape(subprocess.list2cmdline(command[1:])),
    )
    return Service(
        "Task Scheduler",
        {path: text.encode(WINDOWS_ENCODING)},
        reach=("schtasks", "/Query"),
        start=(
            ("schtasks", "/Create", "/TN", name, "/XML", str(path), "/F"),
            ("schtasks", "/Run", "/TN", name),
        ),
        stop=(("schtasks", "/End", "/TN", name), ("schtasks", "/Delete", "/TN", name, "/F")),
    )


# Telling the system -------------------------------------------------------------------------------


def ask_system(command: Sequence[str]) -> str:
    """Run one of the system's own commands and return what it said.

    Raises
    ------
    ConfigurationError
        There is no such command, or it does not do it; the message says what to do instead.
    """
    instead = "start `barograph serve` at login by a means of this system instead, or keep it in a terminal"
    try:
        ran = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=ANSWER_S, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise ConfigurationError(f"this system has no {command[0]}; {instead}") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"`{' '.join(command)}` gave no answer for {ANSWER_S:.0f} s; try again, or {instead}"
        ) from None
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines() or [f"exit code {ran.returncode}"]
        raise ConfigurationError(f"`{' '.join(command)}` did not work: {said[0]}; {instead}")
    return ran.stdout


def install(service: Service, ask: Ask = ask_system) -> None:
    """Write the files and start the service, anew where it is there; what does not work leaves no file.

    Raises
    ------
    ConfigurationError
        The system's services cannot be reached, do not take it, or a file cannot be written.
    """
    ask(service.reach)
    if service.installed:
        _try_all(service.stop, ask)
    try:
        for path, content in service.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for command in service.start:
            ask(command)
    except OSError as error:
        _remove(service)
        raise ConfigurationError(
            f"the service's file cannot be written: {error}; check the folder's permissions"
        ) from error
    except ConfigurationError:
        _remove(service)
        raise


def uninstall(service: Service, ask: Ask = ask_system) -> bool:
    """Stop the service and remove its files; tell whether there was one."""
    if not any(path.exists() for path in service.files):
        return False
    ask(service.reach)
    _try_all(service.stop, ask)
    _remove(service)
    _try_all(service.forget, ask)
    return True


def _try_all(commands: Sequence[Sequence[str]], ask: Ask) -> None:
    for command in commands:
        try:
            ask(command)
        except ConfigurationError:  # it does not run, or was taken out by hand: that is what we want
            continue


def _remove(service: Service) -> None:
    for path in service.files:
        path.unlink(missing_ok=True)
