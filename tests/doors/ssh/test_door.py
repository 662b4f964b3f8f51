"""The SSH door on a real port."""

from __future__ import annotations

import socket
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from cletus import Service
from cletus.doors.ssh.door import SshDoor


@pytest_twisted.inlineCallbacks
def test_a_trusted_proxy_says_who_connects() -> Any:
    """By the PROXY protocol; nothing is said before that, and a peer that says something else is dropped."""
    service = Service(store="memory:", reload=False, proxy_from=("127.0.0.1",))
    service.reactor = reactor
    door = SshDoor(service, port=0)
    yield door.open()
    for header, greeting in (
        (b"PROXY TCP4 192.0.2.9 192.0.2.1 50000 22\r\nSSH-2.0-test\r\n", b"SSH-2.0-Cletus"),
        (b"SSH-2.0-test\r\n", b""),
    ):
        with socket.create_connection(("127.0.0.1", door.advertised["SSH"]), 10) as peer:
            peer.sendall(header)
            received = yield deferToThread(_received, peer)
            assert received.startswith(greeting)
            assert bool(received) is bool(greeting)
            if greeting:
                assert [connection.address for connection in door._connections()] == [
                    "192.0.2.9:50000"
                ]
    yield door.close()


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1000)
    except ConnectionResetError:
        return b""
