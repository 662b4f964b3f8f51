"""What a service manager is told, on a real socket of the kind that systemd gives."""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.errors import DoorError
from cletus.ops.systemd import STATUS_MAX, notifier_of
from cletus.reload.load import load
from cletus.testing import reload_with, start_in_memory
from tests.conftest import Log, result_of


class Manager:
    """The manager's end: a datagram socket, with the messages that have come."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def hears(self) -> list[dict[str, str]]:
        """The messages since the last time, each as its fields."""
        heard = []
        while True:
            try:
                text = self._socket.recv(65536).decode()
            except BlockingIOError:
                return heard
            heard.append(dict(line.split("=", 1) for line in text.split("\n")))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    """A manager that the environment names."""
    name = f"@cletus-{uuid.uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")
    manager = Manager(name)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    yield manager
    manager.close()


Start = Callable[..., Service]


@pytest.fixture
def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, log: Log
) -> Iterator[Start]:
    """Starts an application in memory that can be reloaded."""
    name = f"ready_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text("from cletus import Service\nservice = Service()\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    service = load(name, tmp_path)

    def start() -> Service:
        start_in_memory(service, clock)
        return service

    yield start
    service.stop()
    clock.advance(100)
    sys.modules.pop(name, None)


def test_it_is_ready_when_all_is_open_and_says_when_it_stops(
    manager: Manager, start: Start
) -> None:
    """Not before: what opens while the service starts is open by then."""
    service = start()
    assert manager.hears() == [{"READY": "1", "STATUS": "generation 0, listening on nothing"}]
    service.stop()
    assert manager.hears() == [{"STOPPING": "1", "STATUS": "generation 0, stopping"}]


def test_a_start_that_fails_is_never_ready(manager: Manager, clock: Clock, log: Log) -> None:
    class Shut:
        address = "telnet nowhere"

        def open(self) -> None:
            raise DoorError(self.address, "it is shut")

    service = Service(store="memory:", reload=False)
    with pytest.raises(DoorError):
        result_of(service.start(clock, doors=[Shut()]))  # type: ignore[list-item]  # half a door
    assert manager.hears() == []


def test_a_reload_is_told_with_its_time_and_its_end(manager: Manager, start: Start) -> None:
    service = start()
    manager.hears()
    before = time.monotonic_ns() // 1000
    for generation in (1, 2):  # the listeners are those of the service, and go on
        assert result_of(reload_with(service)).ok  # type: ignore[attr-defined]  # a report
        begins, ends = manager.hears()
        assert begins["RELOADING"] == "1"
        assert before <= int(begins["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert ends["READY"] == "1"
        assert ends["STATUS"].startswith(f"generation {generation}, reloaded at ")


def test_a_reload_that_is_refused_ends_as_well(manager: Manager, start: Start, log: Log) -> None:
    """The service is still ready, on the old code; the reason is one line."""
    service = start()

    @service.listen(events.PreReload)
    def veto(event: events.PreReload) -> None:
        event.veto("not now,\nREADY=0 " + "x" * 1000)

    manager.hears()
    reload_with(service)
    begins, ends = manager.hears()
    assert begins["RELOADING"] == "1"
    assert set(ends) == {"READY", "STATUS"}
    assert "reload refused at" in ends["STATUS"]
    assert "not now, READY=0 xxx" in ends["STATUS"]
    assert len(ends["STATUS"]) == STATUS_MAX
    assert len(log.take_failures()) == 1


def test_a_reload_that_is_refused_before_it_begins_is_told_in_full(
    manager: Manager, start: Start, log: Log
) -> None:
    """``Type=notify-reload`` waits for RELOADING=1 after its signal, whatever comes of it."""
    service = start()
    manager.hears()
    reload_with(service, {service.session.application.entries[0]: "def"})
    begins, ends = manager.hears()
    assert (begins["RELOADING"], ends["READY"]) == ("1", "1")
    assert "SyntaxError" in ends["STATUS"]
    assert len(log.take_failures()) == 1


def test_signs_of_life_come_at_half_of_the_watchdog_s_time(
    manager: Manager, start: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    service = start()
    assert manager.hears()[1:] == [{"WATCHDOG": "1"}]
    clock.advance(9.9)
    assert manager.hears() == []
    clock.advance(0.2)
    clock.advance(10)
    assert manager.hears() == [{"WATCHDOG": "1"}, {"WATCHDOG": "1"}]
    service.stop()
    manager.hears()
    clock.advance(100)
    assert manager.hears() == []


@pytest.mark.parametrize(
    ("usec", "pid"), [("20000000", "1"), ("", ""), ("soon", ""), ("-5", ""), ("0", "")]
)
def test_a_watchdog_of_somebody_else_or_of_no_sense_gets_none(
    manager: Manager,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    usec: str,
    pid: str,
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid or str(os.getpid()))
    start()
    clock.advance(100)
    assert len(manager.hears()) == 1


def test_without_a_manager_there_is_nothing_to_tell(service: Service) -> None:
    """As in a terminal."""
    assert list(notifier_of(service, {})) == []
    assert list(notifier_of(service, {"NOTIFY_SOCKET": ""})) == []


def test_a_manager_that_has_no_unix_socket_is_told_nothing(service: Service, log: Log) -> None:
    assert list(notifier_of(service, {"NOTIFY_SOCKET": "vsock:2:1234"})) == []
    assert "NOTIFY_SOCKET is 'vsock:2:1234', which is not a Unix socket: not used" in log.lines


def test_a_manager_that_is_gone_is_complained_about_once(
    start: Start, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the service goes on."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "none"))
    service = start()
    reload_with(service)
    complaints = [line for line in log.lines if "cannot notify" in line]
    assert complaints == ["cannot notify the service manager: [Errno 2] No such file or directory"]


def test_a_manager_that_does_not_read_holds_nothing_up(
    manager: Manager, start: Start, log: Log
) -> None:
    """Its socket is full; what cannot be sent is left out."""
    service = start()
    reloads = 0
    while reloads < 600 and not any("cannot notify" in line for line in log.lines):
        reload_with(service)
        reloads += 1
    for _ in range(5):
        reload_with(service)
    assert service.session.generation == reloads + 5
    assert sum("cannot notify" in line for line in log.lines) == 1
