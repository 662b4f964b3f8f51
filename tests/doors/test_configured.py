"""The doors that the settings ask for, on Twisted's endpoint strings."""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater

from cletus import Service
from cletus.doors.configured import configured_doors
from cletus.errors import DoorError, SettingError
from tests.conftest import Log


def service(**settings: Any) -> Service:
    made = Service(store="memory:", reload=False, **{"web_port": 0, **settings})
    made.reactor = reactor
    return made


@pytest.mark.parametrize(
    ("settings", "addresses"),
    [
        ({"port": 1234}, ["telnet 127.0.0.1:1234"]),
        ({"host": "::1", "port": 1234}, ["telnet [::1]:1234"]),
        ({"listen": ("telnet:tcp:9000", "tls:tcp:9443")}, ["telnet tcp:9000", "tls tcp:9443"]),
        ({"port": 1234, "web_port": 1235}, ["telnet 127.0.0.1:1234", "web 127.0.0.1:1235"]),
        ({"listen": ("web:tcp:9080",), "web_port": 1235}, ["web tcp:9080"]),
        ({"tls_self_signed": True}, ["telnet 127.0.0.1:9000", "tls 127.0.0.1:9443"]),
        (
            {"listen": ("telnet:unix:/x",), "tls_certificate": "x.pem"},
            ["telnet unix:/x", "tls 127.0.0.1:9443"],
        ),
    ],
)
def test_the_settings_name_the_doors(settings: dict[str, Any], addresses: list[str]) -> None:
    assert [door.address for door in configured_doors(service(**settings))] == addresses


def test_there_are_file_descriptors_for_connections_max() -> None:
    """As many as the system allows the process to have."""
    list(configured_doors(service(connections_max=2000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft >= min(2000, hard)


@pytest.mark.parametrize("entry", ["9000", "tcp:9000", "window:tcp:9000", "telnet:", ""])
def test_an_unknown_door_is_a_clear_error(entry: str) -> None:
    with pytest.raises(DoorError, match=r"say telnet:\.\.\."):
        list(configured_doors(service(listen=(entry,))))


@pytest_twisted.inlineCallbacks
def test_an_unknown_endpoint_is_a_clear_error() -> Any:
    for endpoint in ("nonsense:1", "tcp:ninety", "tcp"):
        (door,) = configured_doors(service(listen=(f"telnet:{endpoint}",)))
        with pytest.raises(DoorError, match=r"cannot listen on telnet"):
            yield door.open()


@pytest_twisted.inlineCallbacks
def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path) -> Any:
    missing = tmp_path / "none.pem"
    _, door = configured_doors(service(tls_certificate=str(missing), tls_port=0))
    with pytest.raises(DoorError, match=r"none\.pem: No such file"):
        yield door.open()


def test_a_key_without_a_certificate_stops_the_start() -> None:
    """Otherwise the service would run without TLS, and nobody would know."""
    with pytest.raises(SettingError, match=r"tls_key.*set tls_certificate"):
        list(configured_doors(service(tls_key="key.pem")))
    assert len(list(configured_doors(service(tls_key="key.pem", tls_certificate="c.pem")))) == 2


@pytest.mark.parametrize("kind", ["unix", "tcp6"])
@pytest_twisted.inlineCallbacks
def test_people_connect_by_a_unix_socket_and_by_ipv6(kind: str, tmp_path: Path) -> Any:
    path = str(tmp_path / "s")
    endpoint = f"unix:{path}" if kind == "unix" else r"tcp6:0:interface=\:\:1"
    made = service(listen=(f"telnet:{endpoint}",))
    (door,) = configured_doors(made)
    yield door.open()
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET6
    with socket.socket(family) as one:
        one.connect(path if kind == "unix" else ("::1", door.advertised["PORT"]))
        yield until(lambda: len(made.clients) == 1)
        (client,) = made.clients
        assert (client.address == "a local socket") is (kind == "unix")
    yield until(lambda: not made.clients)
    yield door.close()


@inlineCallbacks
def until(holds: Callable[[], bool]) -> Any:
    """Let the reactor run until this is true."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        yield deferLater(reactor, 0.005, lambda: None)  # type: ignore[arg-type]  # Twisted's own reactor


@pytest_twisted.inlineCallbacks
def test_the_page_takes_a_free_port_if_nobody_has_chosen_one(
    monkeypatch: pytest.MonkeyPatch, log: Log
) -> Any:
    """Two services on one machine both have a page."""
    monkeypatch.delenv("CLETUS_WEB_PORT")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = Service(store="memory:", reload=False, port=0)
        made.reactor = reactor
        made.settings = msgspec.structs.replace(made.settings, web_port=port)
        _, web = configured_doors(made)
        yield web.open()
        assert web.advertised["WEB"] not in (0, port)
        assert web.url == f"http://127.0.0.1:{web.advertised['WEB']}/"
        assert "is in use; the page gets a free port" in log.text
        yield web.close()
        made.configure(web_port=port)
        _, web = configured_doors(made)
        with pytest.raises(DoorError, match="--web-port"):
            yield web.open()


@pytest_twisted.inlineCallbacks
def test_ssh_takes_a_free_port_if_nobody_has_chosen_one(log: Log) -> Any:
    """As with ``--dev``; a port that somebody has chosen is an error when it is in use."""
    pytest.importorskip("bcrypt", reason="the extra ssh is not installed")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = service(port=0)
        made.settings = msgspec.structs.replace(made.settings, ssh_port=port)
        _, ssh = configured_doors(made)
        yield ssh.open()
        assert ssh.advertised["SSH"] not in (0, port)
        assert "is in use; SSH gets a free port" in log.text
        yield ssh.close()
        made.configure(ssh_port=port)
        _, ssh = configured_doors(made)
        with pytest.raises(DoorError, match="--ssh-port"):
            yield ssh.open()


@pytest.mark.parametrize("settings", [{"ssh_port": 1}, {"listen": ("ssh:tcp:1",)}])
def test_without_the_extra_ssh_says_which_one_it_needs(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cletus.doors.ssh.door", None)
    with pytest.raises(DoorError, match=r"pip install 'cletus-live\[ssh\]'"):
        list(configured_doors(service(**settings)))


@pytest_twisted.inlineCallbacks
def test_closing_a_door_twice_is_harmless() -> Any:
    (door,) = configured_doors(service(port=0))
    yield door.open()
    yield door.close()
    yield door.close()
