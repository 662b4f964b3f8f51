"""The files in ``deploy/``: systemd, a container, a Procfile. Their commands are started in ``tests/e2e``."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import click
import pytest
from twisted.logger import LogEvent, Logger

from cletus.cli.main import main
from cletus.doors.admission import ConnectionLimiter
from cletus.logs.json_lines import format_json
from cletus.logs.text import format_line
from cletus.settings.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


class Unit(ConfigParser):
    """A unit of systemd: names keep their case, one may stand there several times, comments are lines."""

    def __init__(self, file: Path) -> None:
        super().__init__(strict=False, interpolation=None, delimiters="=", comment_prefixes="#")
        self.optionxform = str  # type: ignore[assignment,method-assign]  # as the documentation has it
        self.read_string(file.read_text().replace("\\\n", ""))


def test_the_service_says_itself_when_it_is_ready_and_reloads_on_sighup() -> None:
    unit = Unit(DEPLOY / "cletus.service")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert float(service["WatchdogSec"]) > 2 * Settings().reload_timeout
    assert float(service["TimeoutStopSec"]) > Settings().close_timeout
    assert unit["Unit"]["Requires"] == "cletus.socket"


def test_the_socket_has_the_name_that_the_service_asks_for() -> None:
    socket = Unit(DEPLOY / "cletus.socket")["Socket"]
    command = Unit(DEPLOY / "cletus.service")["Service"]["ExecStart"]
    assert f"telnet:systemd:domain=INET:name={socket['FileDescriptorName']}" in command
    assert re.fullmatch(r"[\d.]+:\d+", socket["ListenStream"]), "an IPv4 address, so domain=INET"


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    """With programs that are there: whether the paths exist is not ours to know."""
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("not installed: systemd-analyze")
    shutil.copy(DEPLOY / "cletus.socket", tmp_path)
    unit = (DEPLOY / "cletus.service").read_text()
    (tmp_path / "cletus.service").write_text(
        re.sub(r"(ExecStart|ExecReload)=\S+", r"\1=/bin/true", unit)
    )
    files = [str(tmp_path / name) for name in ("cletus.service", "cletus.socket")]
    found = subprocess.run(
        [analyse, "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    exposure = [analyse, "security", "--offline=true", "--threshold=20", "--no-pager", files[0]]
    judged = subprocess.run(exposure, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-500:]


def test_fail2ban_finds_who_connects_too_often_and_nobody_else(tmp_path: Path) -> None:
    """In the log as text and as JSON; not in what somebody says."""
    program = shutil.which("fail2ban-regex")
    if program is None:
        pytest.skip("not installed: fail2ban-regex")
    events: list[LogEvent] = []
    log = Logger(ConnectionLimiter.log.namespace, observer=events.append)
    log.warn("too many new connections from {host}", host="192.0.2.1")
    log.warn("too many new connections from {host}", host="2001:db8::5")
    log.info("Bob says: too many new connections from 192.0.2.9")
    lines = [form(event) for form in (format_line, format_json) for event in events]
    (tmp_path / "log").write_text("".join(lines))
    command = [program, str(tmp_path / "log"), str(DEPLOY / "fail2ban.conf")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "6 lines, 0 ignored, 4 matched, 2 missed" in answer.stdout, answer.stdout


def instructions() -> list[tuple[str, str]]:
    """Those of the Dockerfile, in order: name and the rest, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def test_the_image_is_named_by_digest_and_of_a_python_that_is_supported() -> None:
    name, image = instructions()[0]
    version = re.fullmatch(r"python:(3\.\d+)-slim@sha256:[0-9a-f]{64}", image)
    assert name == "FROM"
    assert version is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]


def test_the_image_installs_extras_that_there_are() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (install,) = [rest for name, rest in instructions() if name == "RUN" and "pip" in rest]
    named = re.search(r"cletus-live\[([\w,]+)\]", install)
    assert named is not None
    assert set(named[1].split(",")) <= set(extras)


def test_the_image_s_parts_fit_together() -> None:
    """The user was made, the stores are in a volume of theirs, and the port is the setting's."""
    found = dict(instructions())
    make_user = next(rest for name, rest in instructions() if "useradd" in rest)
    (volume,) = found["VOLUME"].split()
    assert shlex.split(make_user.partition("&&")[0])[-1] == found["USER"]
    assert f"--owner={found['USER']}" in make_user
    assert make_user.endswith(volume)
    assert found["EXPOSE"] == str(Settings().port)
    for name in ("ENTRYPOINT", "HEALTHCHECK"):
        command = json.loads(found[name][found[name].index("[") :])
        assert command[command.index("--store") + 1] == volume
    assert list(found)[-4:] == ["EXPOSE", "ENTRYPOINT", "CMD", "HEALTHCHECK"]


def test_what_is_built_as_somebody_else_is_a_program_of_the_image() -> None:
    """``RUN`` uses what a slim Debian has: coreutils, passwd, pip."""
    programs = {
        shlex.split(part)[0]
        for name, rest in instructions()
        if name == "RUN"
        for part in rest.split("&&")
    }
    assert programs == {"pip", "useradd", "install"}


def commands() -> list[list[str]]:
    """Every command line of ours in these files."""
    found = dict(instructions())
    health = found["HEALTHCHECK"]
    (procfile,) = (DEPLOY / "Procfile").read_text().splitlines()
    kind, _, process = procfile.partition(": ")
    assert kind == "talker"
    return [
        shlex.split(Unit(DEPLOY / "cletus.service")["Service"]["ExecStart"]),
        [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])],
        json.loads(health[health.index("[") :]),
        shlex.split(process),
    ]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_option_of_a_command_is_one(command: list[str]) -> None:
    program, name, *arguments = command
    assert Path(program).name == "cletus"
    with click.Context(main) as context:
        made = main.get_command(context, name)
        assert made is not None
        known = {option for one in made.get_params(context) for option in one.opts}
    assert {one for one in arguments if one.startswith("--")} <= known


def test_a_crash_leaves_no_passwords_on_the_disk() -> None:
    """A core dump has the memory of the process in it."""
    assert Unit(DEPLOY / "cletus.service")["Service"]["LimitCORE"] == "0"


def test_the_lock_of_a_deployment_has_versions_and_hashes() -> None:
    """``make lock``; Cletus itself comes from a wheel of one's own."""
    lock = runpy.run_path(str(ROOT / ".ci" / "lock.py"))
    digest = {"archive_info": {"hashes": {"sha256": "abc"}}}
    packages = [
        {"metadata": {"name": "Twisted", "version": "24.1"}, "download_info": digest},
        {"metadata": {"name": "attrs", "version": "2"}, "download_info": digest},
        {"metadata": {"name": "cletus-live", "version": "0"}, "download_info": {"dir_info": {}}},
    ]
    assert list(lock["lines"](packages)) == [
        "attrs==2 --hash=sha256:abc",
        "Twisted==24.1 --hash=sha256:abc",
    ]
