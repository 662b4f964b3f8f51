"""Somebody who uses a service, in memory: types lines, reads the screen."""

from __future__ import annotations

from twisted.internet.task import Clock

from cletus.client.client import Client
from cletus.service.service import Service
from cletus.testing.transport import MemoryTransport


class Person:
    """One connected person.

    Args:
        service: a service that was started with a ``Clock``; they connect at once.
        clock: that clock; it is advanced by nothing, so that what is due is done.

    Attributes:
        client: the client that the service sees.
        transport: what the service asked of their connection.
    """

    def __init__(self, service: Service, clock: Clock, address: str = "memory") -> None:
        self._clock = clock
        self._read = 0
        self._gone = False
        self.transport = MemoryTransport(address)
        self.client: Client = service.connected(self.transport, door="memory")
        self._turn()

    def types(self, *lines: str) -> str:
        """Type lines, each with Enter.

        Returns:
            What has come onto the screen meanwhile.
        """
        start = len(self.transport.text)
        for line in lines:
            self.client.line_received(line)
            self._turn()
        return self.transport.text[start:]

    def new_text(self) -> str:
        """What has come onto the screen since this was last asked."""
        self._turn()
        text = self.transport.text[self._read :]
        self._read += len(text)
        return text

    @property
    def screen(self) -> str:
        """All that has ever come onto the screen."""
        return self.transport.text

    def sees(self, text: str) -> bool:
        """Whether this text has come onto the screen."""
        return text in self.screen

    def hangs_up(self, reason: str = "closed by peer") -> None:
        """Break the connection. Doing it twice is harmless."""
        if not self._gone:
            self._gone = True
            self.client.disconnected(reason)
            self._turn()

    def _turn(self) -> None:
        self._clock.advance(0)
        if self.transport.closed and not self._gone:
            self.hangs_up()
