"""The control socket of a service: open while it runs, and for its owner."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IReactorFDSet, IReactorSocket
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from cletus import Service
from cletus.ops.control import control_of
from cletus.ops.control import server as attachment
from cletus.ops.control.discovery import Notes
from cletus.ops.control.messages import REPLIES, Answer, Refusal, Request, line_of
from cletus.ops.control.server import ControlServer
from cletus.ops.control.socket_path import NAME, connect_in
from cletus.testing import Log
from tests.conftest import result_of


class Transport(StringTransport):
    """A connection whose other end takes nothing.

    Attributes:
        protocol: ours.
        aborting: whether it was closed at once.
    """

    protocol: Any
    aborting = False

    def abortConnection(self) -> None:
        self.aborting = True


@implementer(IReactorFDSet, IReactorSocket)
class Reactor(Clock):
    """A clock that has sockets: who is readable says a test."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []
        self.transports: list[Transport] = []
        self.error: OSError | None = None

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        assert family == socket.AF_UNIX
        if self.error is not None:
            raise self.error
        transport = Transport()
        self.transports.append(transport)
        transport.protocol = factory.buildProtocol(None)
        transport.protocol.makeConnection(transport)


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


@pytest.fixture
def service(tmp_path: Path, reactor: Reactor, log: Log) -> Iterator[Service]:
    service = Service(store=str(tmp_path / "saved"), reload=False)
    yield service
    service.stop()
    reactor.advance(100)


@pytest.fixture
def control(service: Service, tmp_path: Path, reactor: Reactor) -> Iterator[ControlServer]:
    """The socket of a service that was started without it."""
    service.configure(control=False)
    result_of(service.start(reactor, doors=()))
    control = ControlServer(service, str(tmp_path / "saved"), Notes({}, str(tmp_path)))
    yield control
    control.close()


def test_it_opens_with_the_service_and_closes_with_it(
    service: Service, reactor: Reactor, tmp_path: Path
) -> None:
    result_of(service.start(reactor, doors=()))
    assert (tmp_path / "saved" / NAME).is_socket()
    (reader,) = reactor.readers
    with connect_in(str(tmp_path / "saved"), 5.0):
        reader.doRead()
    (transport,) = reactor.transports
    service.stop()
    assert transport.disconnecting
    assert service.state.value == "stopping", "until what they were told is sent"
    transport.protocol.connectionLost()
    assert service.state.value == "stopped"
    assert reactor.readers == []
    assert not (tmp_path / "saved" / NAME).exists()


@pytest.mark.parametrize("settings", [{"control": False}, {"store": "memory:"}])
def test_without_a_folder_or_against_the_settings_there_is_none(
    service: Service, settings: dict[str, Any], reactor: Reactor
) -> None:
    service.configure(**settings)
    service.reactor = reactor
    assert list(control_of(service)) == []


def test_a_clock_has_no_sockets(service: Service) -> None:
    service.reactor = Clock()
    assert list(control_of(service)) == []


def test_who_connects_is_answered_and_logged_as_the_kernel_knows_them(
    control: ControlServer, reactor: Reactor, log: Log, tmp_path: Path
) -> None:
    control.open()
    with connect_in(str(tmp_path / "saved"), 5.0):
        control.doRead()
    (caller,) = control.connections
    caller.dataReceived(line_of(Request("who")))
    assert REPLIES.message(reactor.transports[0].value()) == Answer([])
    assert f"(uid {os.getuid()}, process {os.getpid()}) asks for who" in log.lines[-1]
    caller.connectionLost()
    assert control.connections == {}


def test_a_user_without_a_name_is_somebody(
    control: ControlServer, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment, "process_of", lambda _: (7, 4_000_000))
    control.open()
    with connect_in(str(tmp_path / "saved"), 5.0):
        control.doRead()
    (caller,) = control.connections
    caller.dataReceived(line_of(Request("who")))
    assert log.lines[-1] == "somebody (uid 4000000, process 7) asks for who"


def test_connections_are_bounded(
    control: ControlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment, "CONNECTIONS_MAX", 1)
    control.open()
    with (
        connect_in(str(tmp_path / "saved"), 5.0),
        connect_in(str(tmp_path / "saved"), 5.0) as second,
    ):
        control.doRead()
        control.doRead()
        assert REPLIES.message(second.recv(1000)) == Refusal("1 clients are connected already")
    assert len(control.connections) == 1


def test_nobody_there_after_all(control: ControlServer) -> None:
    """A client that has gone before it was accepted is not an error; neither is a call after the close."""
    control.open()
    control.doRead()
    assert control.connections == {}
    control.close()
    control.doRead()
    assert control.fileno() == -1


def test_without_file_descriptors_it_waits(
    control: ControlServer, reactor: Reactor, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not keep the reactor busy with what cannot succeed."""

    class Full:
        def accept(self) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        def fileno(self) -> int:
            return 99

        def close(self) -> None:
            pass

    control.open()
    assert control._listening is not None
    control._listening.close()
    control._listening = Full()  # type: ignore[assignment]  # as above
    control.doRead()
    assert reactor.readers == []
    assert "Too many open files" in log.lines[-1]
    reactor.advance(1)
    assert reactor.readers == [control]
    control.doRead()
    control.close()
    reactor.advance(1)
    assert reactor.readers == []


def test_who_cannot_be_let_in_is_forgotten(
    control: ControlServer, reactor: Reactor, log: Log, tmp_path: Path
) -> None:
    control.open()
    reactor.error = OSError(errno.EMFILE, "Too many open files")
    with connect_in(str(tmp_path / "saved"), 5.0):
        control.doRead()
    assert control.connections == {}
    assert "Too many open files" in log.lines[-1]


def test_what_hinders_it_does_not_hinder_the_start(
    service: Service, reactor: Reactor, tmp_path: Path, log: Log
) -> None:
    (tmp_path / "saved" / NAME).mkdir(parents=True)
    result_of(service.start(reactor, doors=()))
    assert service.state.value == "running"
    assert any("There is no control socket" in line for line in log.lines)
    service.stop()
    assert (tmp_path / "saved" / NAME).is_dir()


def test_its_file_may_be_gone_at_the_stop(control: ControlServer, tmp_path: Path) -> None:
    control.open()
    (tmp_path / "saved" / NAME).unlink()
    assert control.close().called
    assert control.close().called


def test_at_the_stop_all_are_closed_but_who_has_asked_for_it(
    control: ControlServer, service: Service, reactor: Reactor, tmp_path: Path
) -> None:
    control.open()
    with connect_in(str(tmp_path / "saved"), 5.0), connect_in(str(tmp_path / "saved"), 5.0):
        control.doRead()
        control.doRead()
    _, bob = control.connections
    bob.outlives = True
    closed = control.close()
    first, second = reactor.transports
    assert (first.disconnecting, second.disconnecting) == (True, False)
    reactor.advance(0.9)
    assert not closed.called
    reactor.advance(0.1)
    assert closed.called, "who does not take it is not waited for"
    assert (first.aborting, second.aborting) == (True, False)


def test_the_reactor_may_drop_it(control: ControlServer, reactor: Reactor) -> None:
    control.open()
    control.connectionLost(None)
    assert reactor.readers == []
    assert control.logPrefix() == "control"


def test_a_note_tells_where_it_is(service: Service, tmp_path: Path, reactor: Reactor) -> None:
    from cletus.service.application import Application, Root

    notes = Notes({}, str(tmp_path))
    service.configure(control=False)
    result_of(service.start(reactor, doors=()))
    service.session.application = Application((Root("app", tmp_path / "app.py", False),), ("app",))
    control = ControlServer(service, str(tmp_path / "saved"), notes)
    control.open()
    assert notes.stores_of(str(tmp_path / "app.py")) == [str(tmp_path / "saved")]
    control.close()
    assert notes.stores_of(str(tmp_path / "app.py")) == []
