"""S6: nobody is logged in by a restart who was not; a state is never joined to the socket of another person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from cletus import Service
from cletus.doors.telnet.protocol import TelnetProtocol
from cletus.errors import RestartError
from tests.e2e.place import Place
from tests.restart.conftest import logs_in, restart_by_signal


def test_s6_a_login_stays_at_its_step(place: Place) -> None:
    """At each of its questions; a wrong password is wrong in the new process, too."""
    place.register("ann")
    with (
        closing(place.visitor()) as named,
        closing(place.visitor()) as asked,
        closing(place.visitor()) as inside,
        closing(place.visitor()) as stranger,
    ):
        named.sees("name")
        asked.sees("name")
        asked.says("ann")
        asked.sees("assword")
        stranger.sees("name")
        stranger.says("mallory")
        stranger.sees("(y/n)")
        restart_by_signal(place)
        asked.says("not the password")
        asked.sees("Wrong password")
        logs_in(inside, "ann")
        inside.sees("Welcome")
        restart_by_signal(place)
        stranger.says("n")
        stranger.sees("name")
        for person in (named, stranger):
            person.says("ann")
            person.sees("assword")
        inside.says("hello")
        inside.sees("You say: hello")


class Socket:
    """A socket whose peer is known."""

    def __init__(self, peer: tuple[str, int]) -> None:
        self.peer = peer

    def getpeername(self) -> tuple[str, int]:
        return self.peer


@pytest.mark.parametrize("is_same", [True, False])
def test_s6_the_socket_of_another_person_is_refused(
    start: Callable[..., Service], is_same: bool
) -> None:
    old, new = start(), start()
    first, second = TelnetProtocol(old), TelnetProtocol(new)
    first.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 1)))
    state, client = first.leave_session(), first.client
    assert state is not None
    assert client is not None
    second.resume_from({**state, "peer": ("192.0.2.1", 1)}, client.snapshot())
    transport = StringTransport()
    transport.socket = Socket(("192.0.2.1", 1 if is_same else 2))  # type: ignore[attr-defined]
    if is_same:
        second.makeConnection(transport)
        assert [person.id for person in new.clients] == [client.id]
    else:
        with pytest.raises(RestartError, match=r"192\.0\.2\.1:1 has got another socket"):
            second.makeConnection(transport)
        assert new.clients == ()
