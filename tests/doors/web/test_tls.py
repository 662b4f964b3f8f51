"""One port for plain requests and TLS: the first byte tells them apart."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from cletus import Service
from cletus.doors.web import WebDoor
from cletus.errors import DoorError

TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE
TRUSTING.set_alpn_protocols(["h2", "http/1.1"])  # as browsers do


def service(**settings: Any) -> Service:
    made = Service(store="memory:", reload=False, **settings)
    made.reactor = reactor
    return made


def fetched(port: int, context: ssl.SSLContext | None) -> bytes:
    """The whole answer of ``/health``."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        plain if context is None else context.wrap_socket(plain) as connection,
    ):
        request = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def terminal_of(made: Service, port: int) -> bool:
    """Whether a client that came by ``wss`` is known to be encrypted.

    Without threads, as websockets' own client has: Python 3.11 may lose what one thread writes to a TLS
    socket while another reads it.
    """
    protocol = ClientProtocol(parse_uri(f"wss://127.0.0.1:{port}/ws"))
    protocol.send_request(protocol.connect())
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        TRUSTING.wrap_socket(plain) as connection,
    ):
        connection.sendall(b"".join(protocol.data_to_send()))
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
        (client,) = made.clients
        return client.terminal.tls


@pytest_twisted.inlineCallbacks
def test_https_and_http_are_answered_on_one_port() -> Any:
    made = service(tls_self_signed=True)
    door = WebDoor(made, port=0)
    yield door.open()
    port = door.host.port
    for context in (None, TRUSTING, None):
        answer = yield deferToThread(fetched, port, context)
        assert answer.startswith(b"HTTP/1.1 503 "), "the service has not been started"
    assert (yield deferToThread(terminal_of, made, port)) is True
    yield door.close()


@pytest_twisted.inlineCallbacks
def test_without_a_certificate_tls_is_refused() -> Any:
    door = WebDoor(service(), port=0)
    yield door.open()
    with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
        yield deferToThread(fetched, door.host.port, TRUSTING)
    assert not isinstance(refused.value, TimeoutError), "closed at once"
    yield door.close()


@pytest_twisted.inlineCallbacks
def test_a_certificate_that_cannot_be_used_stops_the_start() -> Any:
    with pytest.raises(DoorError, match=r"web .*none\.pem"):
        yield WebDoor(service(tls_certificate="none.pem"), port=0).open()
