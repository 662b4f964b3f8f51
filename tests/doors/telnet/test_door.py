"""Opening the door, and the message that says why it cannot be opened."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock, StringTransport

from cletus.doors.telnet import TelnetDoor
from cletus.errors import DoorError

from .fakes import FakeService


class NoReactor(MemoryReactorClock):
    """A reactor that cannot listen."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if isinstance(self._error, OSError):
            raise CannotListenError(interface, port, self._error)
        raise self._error


def service(reactor: Any = None, **settings: Any) -> Any:
    settings.setdefault("detect_delay", 0.0)
    return FakeService(MemoryReactorClock() if reactor is None else reactor, **settings)


def fired(deferred: Deferred[None]) -> Any:
    results: list[Any] = []
    deferred.addBoth(results.append)
    [result] = results
    return result


def test_it_listens_where_the_settings_say() -> None:
    made = service(host="127.0.0.2", port=4000)
    door = TelnetDoor(made)
    assert door.address == "telnet 127.0.0.2:4000"
    assert fired(door.open()) is None
    [(port, _, _, interface)] = made.reactor.tcpServers
    assert (port, interface) == (4000, "127.0.0.2")


def test_it_listens_where_it_is_told() -> None:
    made = service()
    fired(TelnetDoor(made, host="::1", port=4001).open())
    [(port, _, _, interface)] = made.reactor.tcpServers
    assert (port, interface) == (4001, "::1")


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert TelnetDoor(service(), host="::1", port=23).address == "telnet [::1]:23"


def test_the_address_names_the_real_port_once_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 0 takes any free one."""
    made = service(port=0)
    door = TelnetDoor(made)
    listen = made.reactor.listenTCP

    def listen_somewhere(port: int, *args: Any, **named: Any) -> Any:
        listening = listen(port, *args, **named)
        listening.getHost = lambda: IPv4Address("TCP", "127.0.0.1", 45678)
        return listening

    monkeypatch.setattr(made.reactor, "listenTCP", listen_somewhere)
    fired(door.open())
    assert door.address == "telnet 127.0.0.1:45678"


def test_a_connection_becomes_a_client_of_the_service() -> None:
    made = service()
    fired(TelnetDoor(made).open())
    [(_, factory, _, _)] = made.reactor.tcpServers
    protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 5))
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"hello\r\n")
    assert made.clients[0].lines == ["hello"]


def test_a_refused_connection_is_aborted_after_close_timeout() -> None:
    """Over TLS a connection closes when its handshake is done, so a peer that never does it would stay.

    It would not be counted either, so the limits would hold for well-behaved peers only.
    """
    made = service(connections_max=1, close_timeout=2.0)
    fired(TelnetDoor(made).open())
    [(_, factory, _, _)] = made.reactor.tcpServers
    inside, *refused = (factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", n)) for n in range(3))
    transports = [StringTransport() for _ in range(3)]
    for protocol, transport in zip((inside, *refused), transports, strict=True):
        protocol.makeConnection(transport)
    assert b"Too many people" in transports[1].value()
    refused[1].connectionLost()  # this one goes by itself
    made.reactor.advance(1.9)
    assert not transports[1].disconnected
    made.reactor.advance(0.2)
    assert [transport.disconnected for transport in transports] == [False, True, False]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EADDRINUSE, "Address already in use"), "the port is in use"),
        (PermissionError(errno.EACCES, "Permission denied"), "from 1024 up with --port"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "not an address of this machine"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no host of this name"),
        (UnicodeError("label empty or too long"), "no host of this name"),
        (OSError(errno.ENOBUFS, "No buffer space available"), "No buffer space available"),
        (OSError("odd"), "odd"),
    ],
)
def test_why_it_cannot_be_opened_is_one_clear_line(error: Exception, reason: str) -> None:
    """The message names the address and what to do, without a traceback."""
    failure = fired(TelnetDoor(service(NoReactor(error), host="mars", port=80)).open())
    failure.trap(DoorError)
    assert failure.value.address == "telnet mars:80"
    assert reason in failure.value.reason
    message = str(failure.value)
    assert message.startswith("cannot listen on telnet mars:80: ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("named", "option"),
    [({}, "--port"), ({"tls": True}, "--tls-port"), ({"endpoint": "tcp:80"}, "--listen")],
)
def test_what_to_do_about_it_names_the_option_of_that_door(
    named: dict[str, Any], option: str
) -> None:
    """Another ``--port`` does not help when the ``tls_port`` is in use."""
    reactor = NoReactor(OSError(errno.EADDRINUSE, "Address already in use"))
    made = service(reactor, tls_self_signed=True)
    failure = fired(TelnetDoor(made, **named).open())
    failure.trap(DoorError)
    assert failure.value.reason.endswith(f"choose another with {option}")


def test_closing_stops_the_listening_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open connections stay open. Closing twice, or before opening, is harmless."""
    made = service()
    door = TelnetDoor(made)
    assert fired(door.close()) is None
    stopped: list[str] = []
    listen = made.reactor.listenTCP

    def listen_and_note(*args: Any, **named: Any) -> Any:
        listening = listen(*args, **named)
        listening.stopListening = lambda: stopped.append("stopped")
        return listening

    monkeypatch.setattr(made.reactor, "listenTCP", listen_and_note)
    fired(door.open())
    fired(door.close())
    fired(door.close())
    assert stopped == ["stopped"]


def test_signs_of_life_go_to_clients_that_speak_telnet() -> None:
    """Nc would show them as junk; a congested client gets none; with 0 none are sent."""
    made = service(keep_alive=60.0)
    door = TelnetDoor(made)
    fired(door.open())
    speaks, silent, congested = (connected(made) for _ in range(3))
    for protocol, _ in (speaks, congested):
        protocol.dataReceived(b"\xff\xfb\x18")
    congested[0].pauseProducing()
    for _, transport in (speaks, silent, congested):
        transport.clear()
    made.reactor.pump([30.0] * 4)
    sent = [transport.value() for _, transport in (speaks, silent, congested)]
    assert sent == [b"\xff\xf1\xff\xf1", b"", b""]
    fired(door.close())
    assert made.reactor.getDelayedCalls() == []
    never = service(keep_alive=0.0)
    fired(TelnetDoor(never).open())
    assert never.reactor.getDelayedCalls() == []


def connected(made: Any) -> Any:
    """A connection that is open, and its transport."""
    [(_, factory, _, _)] = made.reactor.tcpServers
    protocol, transport = factory.buildProtocol(IPv4Address("TCP", "::1", 5)), StringTransport()
    protocol.makeConnection(transport)
    return protocol.inner, transport
