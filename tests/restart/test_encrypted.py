"""People over TLS and SSH: their sockets cannot move, so they log in again, into the same session.

With users and rooms, as in the example: what others have said meanwhile is shown to them.
"""

from __future__ import annotations

import shutil
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.harness import TIMEOUT
from tests.e2e.place import PASSWORD, Place, Visitor
from tests.e2e.test_ssh import PROGRAMS, Seat
from tests.restart.conftest import logs_in, restart_by_signal

GOODBYE = "Please connect again: you are still logged in."


class OverTls(Visitor):
    """Somebody at the TLS door."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def sees_the_end(self) -> bytes:
        """Read until it is closed."""
        while data := self.socket.recv(65536):
            self.received += data
        return self.received


def talking(place: Place, name: str) -> Visitor:
    """Somebody on plain telnet, who stays connected over the restart."""
    place.register(name)
    visitor = place.visitor()
    logs_in(visitor, name)
    visitor.sees("Welcome")
    return visitor


def test_s12_over_tls_into_the_same_session(place: Place) -> None:
    """Others hear neither of an arrival nor of a departure; nothing that they say is lost."""
    place.register("ann")
    bob = talking(place, "bob")
    with closing(OverTls(place.ports["tls"])) as ann:
        logs_in(ann, "ann")
        ann.sees("Welcome")
        bob.says("before")
        ann.sees("says: before")
        restart_by_signal(place)
        assert GOODBYE.encode() in ann.sees_the_end()
    bob.says("meanwhile")
    heard = bob.sees("You say: meanwhile")
    assert b"leaves" not in heard
    with closing(OverTls(place.ports["tls"])) as ann:
        logs_in(ann, "ann")
        ann.sees("says: meanwhile")
        bob.says("afterwards")
        assert b"says: meanwhile" not in ann.sees("says: afterwards")
    bob.close()


def test_s12_over_ssh_into_the_same_session(place: Place, tmp_path: Path) -> None:
    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        pytest.skip("OpenSSH is not installed")
    home = tmp_path / "home"
    home.mkdir()
    place.register("ann")
    bob = talking(place, "bob")

    def comes() -> Seat:
        seat = Seat(PROGRAMS[0], place, home, "ann")
        seat.child.expect("[Pp]assword")
        seat.child.waitnoecho(TIMEOUT)
        seat.child.send(f"{PASSWORD}\n")
        return seat

    with closing(comes()) as ann:
        ann.sees("Welcome")
        bob.says("before")
        ann.sees("says: before")
        restart_by_signal(place)
        ann.sees(GOODBYE)
        ann.sees_the_end()
    bob.says("meanwhile")
    assert b"leaves" not in bob.sees("You say: meanwhile")
    with closing(comes()) as ann:
        ann.sees("says: meanwhile")
        bob.says("afterwards")
        ann.sees("says: afterwards")
        assert ann.screen.count("says: meanwhile") == 1
    bob.close()
