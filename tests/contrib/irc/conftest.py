"""A service whose reactor is in memory, and an IRC server that is played by the test."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from tests.contrib.application import app, cletus_target, service

__all__ = ["app", "cletus_target", "service"]


@pytest.fixture
def clock() -> MemoryReactorClock:
    """The reactor: connections that are asked for are in ``tcpClients``."""
    return MemoryReactorClock()


class Server:
    """The other end of the latest connection."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.transport: Any = None
        self.protocol: Any = None

    @property
    def attempts(self) -> int:
        """How often a connection was asked for."""
        return len(self._reactor.tcpClients)

    def accepts(self) -> list[str]:
        """Accept the latest connection; the lines of the login."""
        factory = self._reactor.tcpClients[-1][2]
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        return self.reads()

    def sends(self, *lines: str) -> list[str]:
        """Send lines; what is answered."""
        for line in lines:
            self.protocol.dataReceived(line.encode() + b"\r\n")
        return self.reads()

    def reads(self) -> list[str]:
        """The lines that were received since the last time."""
        lines = self.transport.value().decode().split("\r\n")[:-1]
        self.transport.clear()
        return lines

    def closes(self) -> None:
        """End the connection."""
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def welcomes(self, nickname: str = "lantern", people: str = "") -> list[str]:
        """Accept the latest connection and let it onto #lamp."""
        self.accepts()
        self.sends(f":irc.test 001 {nickname} :Welcome")
        return self.sends(
            f":{nickname}!~l@host JOIN :#lamp",
            f":irc.test 353 {nickname} = #lamp :{nickname} {people}".rstrip(),
            f":irc.test 366 {nickname} #lamp :End",
        )


@pytest.fixture
def server(clock: MemoryReactorClock, app: Any) -> Server:
    """The IRC server; it has not accepted the first connection yet."""
    return Server(clock)
