"""What each system is told, to the letter; and what happens where it does not listen."""

from __future__ import annotations

import plistlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from collectors.errors import ConfigurationError
from desktop_app.service import ask_system, install, service_of, systemd_command, uninstall

AWKWARD = '/home/ann/my "50 %" $data'


@pytest.fixture(autouse=True)
def no_config_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def made(platform: str, home: str, user_home: Path = Path("/home/ann")):  # type: ignore[no-untyped-def]
    return service_of(
        Path(home),
        default_home=Path("/home/ann/data"),
        platform=platform,
        python="/opt/my env/bin/python",
        user_home=user_home,
        user="ann & co",
    )


def test_systemd_gets_a_unit_that_restarts_and_a_timer_that_catches_up() -> None:
    service = made("linux", "/home/ann/data")
    folder = Path("/home/ann/.config/systemd/user")
    assert {path: text.decode() for path, text in service.files.items()} == {
        folder / "barograph.service": (
            "[Unit]\nDescription=Barograph collects on schedule\n\n[Service]\n"
            'ExecStart="/opt/my env/bin/python" "-m" "desktop_app" "--home" "/home/ann/data" "serve"\n'
            "Restart=on-failure\nRestartSec=60\nRestartPreventExitStatus=2 3 4 5\nSuccessExitStatus=130\n"
            "Nice=10\n\n[Install]\nWantedBy=default.target\n"
        ),
        folder / "barograph.timer": (
            "[Unit]\nDescription=Barograph is started again where it does not run\n\n[Timer]\n"
            "OnStartupSec=1min\nOnCalendar=hourly\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
        ),
    }
    assert service.start == (
        ("systemctl", "--user", "daemon-reload"),
        ("systemctl", "--user", "enable", "--now", "barograph.timer", "barograph.service"),
    )


def test_signs_that_mean_something_to_systemd_are_written_as_they_are() -> None:
    line = systemd_command(["/bin/python", "--home", AWKWARD])
    assert line == '"/bin/python" "--home" "/home/ann/my \\"50 %%\\" $$data"'
    assert shlex.split(line.replace("%%", "%").replace("$$", "$"))[2] == AWKWARD


def test_launchd_gets_an_agent_that_is_kept_alive() -> None:
    (path, content), *others = made("darwin", AWKWARD, Path("/Users/ann")).files.items()
    assert others == []
    agent = plistlib.loads(content)
    assert path == Path(f"/Users/ann/Library/LaunchAgents/{agent['Label']}.plist")
    assert agent == {
        "Label": agent["Label"],
        "ProgramArguments": ["/opt/my env/bin/python", "-m", "desktop_app", "--home", AWKWARD, "serve"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 60,
        "ProcessType": "Background",
        "StandardErrorPath": f"{AWKWARD}/logs/serve.log",
    }


def test_the_task_of_windows_is_well_formed_and_starts_at_logon_and_hourly() -> None:
    (path, content), *others = made("win32", "/home/ann/data").files.items()
    assert (path, others) == (Path("/home/ann/data/barograph-task.xml"), [])
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    texts = {
        element.tag.removeprefix(space): element.text.strip()
        for element in ElementTree.fromstring(content).iter()
        if element.text and element.text.strip()
    }
    assert texts["Arguments"] == "-m desktop_app --home /home/ann/data serve"
    assert (texts["Command"], texts["UserId"]) == ("/opt/my env/bin/python", "ann & co")
    assert (texts["Interval"], texts["ExecutionTimeLimit"]) == ("PT1M", "PT0S")
    assert (texts["MultipleInstancesPolicy"], texts["StartWhenAvailable"]) == ("IgnoreNew", "true")


def test_each_home_has_a_service_of_its_own() -> None:
    names = {next(iter(made("linux", home).files)).name for home in ("/home/ann/data", "/a", "/b")}
    assert len(names) == 3


class System:
    """Notes what it is asked, and fails where it is told to."""

    def __init__(self, broken: str = "") -> None:
        self.asked: list[str] = []
        self.broken = broken

    def __call__(self, command: Sequence[str]) -> str:
        self.asked.append(command[2])
        if command[2] == self.broken:
            raise ConfigurationError("it did not work")
        return ""


def test_install_and_uninstall_leave_nothing_behind(tmp_path: Path) -> None:
    service, system = made("linux", "/home/ann/data", tmp_path), System()
    install(service, system)
    assert service.installed
    assert system.asked == ["show-environment", "daemon-reload", "enable"]
    install(service, system)  # anew, as after an upgrade of Python
    assert system.asked[3:] == ["show-environment", "disable", "daemon-reload", "enable"]
    assert uninstall(service, system)
    assert system.asked[7:] == ["show-environment", "disable", "daemon-reload"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not uninstall(service, system)


@pytest.mark.parametrize("broken", ["show-environment", "enable"])
def test_an_install_that_does_not_work_leaves_no_file(tmp_path: Path, broken: str) -> None:
    service = made("linux", "/home/ann/data", tmp_path)
    with pytest.raises(ConfigurationError):
        install(service, System(broken))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-control"], "this system has no no-such-control; start `barograph serve` at login"),
        ([sys.executable, "-c", "raise SystemExit('no bus')"], "did not work: no bus; start"),
    ],
)  # fmt: skip
def test_a_system_without_services_is_told_what_to_do_instead(command: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ask_system(command)
    assert ask_system([sys.executable, "-c", "print('on')"]).strip() == "on"
