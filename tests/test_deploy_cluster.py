"""The files in ``deploy/cluster``: containers, units of systemd, and haproxy in front of gateways."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cletus.cli.gateway import gateway
from cletus.cli.run import run
from cletus.cluster.connect import bus_for
from cletus.cluster.tenancy import SUCCEEDED
from cletus.errors import USAGE
from cletus.settings.files import from_environment
from cletus.settings.settings import Settings
from tests.test_deploy import DEPLOY, Unit

CLUSTER = DEPLOY / "cluster"
UNITS = ("cletus-server.service", "cletus-gateway@.service")
COMMANDS = {"run": run, "gateway": gateway}
KEY = "A" * 43 + "="


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CLUSTER / "compose.yaml").read_text())
    return loaded


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The parameters of a command line; fails if it is wrong."""
    name, *rest = arguments[arguments.index("cletus") + 1 :]
    if name == "run":  # it takes options of the application behind the target, and reads them later
        rest = [*rest[1:], rest[0]]
    with COMMANDS[name].make_context(name, rest) as context:
        return context.params


@pytest.mark.parametrize("name", ["server", "gateway"])
def test_the_containers_have_what_a_cluster_needs(name: str) -> None:
    service = compose()["services"][name]
    parameters = parsed([*service["entrypoint"], *service["command"]])
    environment = {
        key: re.sub(r"\$\{\w+\}", KEY, value) for key, value in service["environment"].items()
    }
    settings = Settings(**from_environment(environment))
    assert bus_for(settings, _reactor(), "")
    assert settings.cluster_key == KEY
    assert parameters["preset_production"]
    assert service["restart"] == "always", "a primary that was succeeded stands by again"
    assert settings.store.startswith("postgresql://") == (name == "server")
    assert set(compose()["services"]) >= set(service["depends_on"])


def test_keys_are_never_evicted() -> None:
    command = compose()["services"]["valkey"]["command"]
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_what_haproxy_asks_is_where_gateways_listen() -> None:
    service = compose()["services"]["gateway"]
    parameters = parsed([*service["entrypoint"], *service["command"]])
    ports = re.findall(r"gateway:(\d+)", (CLUSTER / "haproxy.cfg").read_text())
    assert ports == [parameters["port"], parameters["web_port"]]
    published = compose()["services"]["haproxy"]["ports"]
    binds = re.findall(r"^ +bind :(\d+)", (CLUSTER / "haproxy.cfg").read_text(), re.MULTILINE)
    assert [port.split(":")[1] for port in published] == binds


def test_haproxy_takes_its_file(tmp_path: Path) -> None:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("not installed: haproxy")
    shutil.copy(CLUSTER / "haproxy.cfg", tmp_path)
    command = [program, "-c", "-f", str(tmp_path / "haproxy.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_that_there_is(name: str) -> None:
    service = Unit(CLUSTER / name)["Service"]
    arguments = shlex.split(service["ExecStart"].replace("%i", "1"))
    assert parsed([Path(arguments[0]).name, *arguments[1:]])["preset_production"]
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == str(USAGE)


def test_a_primary_that_was_succeeded_is_started_again() -> None:
    service = Unit(CLUSTER / "cletus-server.service")["Service"]
    assert service["RestartForceExitStatus"] == str(SUCCEEDED)


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("not installed: systemd-analyze")
    for name in UNITS:
        unit = re.sub(r"(ExecStart|ExecReload)=\S+", r"\1=/bin/true", (CLUSTER / name).read_text())
        (tmp_path / name.replace("@", "@1")).write_text(unit)
    files = [str(file) for file in sorted(tmp_path.iterdir())]
    found = subprocess.run(
        [analyse, "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
