"""A client of a service in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from cletus import Service
from cletus.ops.control.messages import REPLIES, Ended, Finished, Request, Shown, Typed, line_of
from cletus.ops.control.protocol import ControlProtocol
from tests.reload.conftest import clean_imports, run

__all__ = ["clean_imports", "run"]  # fixtures: applications that can be reloaded


class Call:
    """Somebody who has connected.

    Attributes:
        protocol: the service's end.
        transport: what the service asked of the connection.
        gone: whether the service knows that the connection is gone.
    """

    def __init__(self, service: Service) -> None:
        self.gone = False
        self.protocol = ControlProtocol(service, "ann (uid 1)", self._gone)
        self.transport = StringTransport()
        self.transport.abortConnection = self._abort  # type: ignore[method-assign]  # Twisted's raises
        self.aborted = False
        self.protocol.makeConnection(self.transport)

    def says(self, *messages: Any) -> None:
        """Send messages."""
        self.protocol.dataReceived(b"".join(line_of(one) for one in messages))

    def asks(self, command: str, **more: Any) -> None:
        """Send a request."""
        self.says(Request(command, **more))

    @property
    def replies(self) -> list[Any]:
        """All that was answered so far."""
        return [REPLIES.message(line) for line in self.transport.value().splitlines()]

    @property
    def reply(self) -> Any:
        """The one answer there is."""
        (reply,) = self.replies
        return reply

    @property
    def shown(self) -> str:
        """What a shell has shown so far."""
        return b"".join(one.data for one in self.replies if isinstance(one, Shown)).decode()

    @property
    def code(self) -> int | None:
        """How the shell has ended; ``None`` as long as it has not."""
        return next((one.code for one in self.replies if isinstance(one, Ended)), None)

    def runs_line(self, source: str) -> str:
        """Run a statement in an open shell; what that shows at once."""
        before = len(self.shown)
        self.says(Typed(source.encode()), Finished())
        return self.shown[before:]

    def runs(self, script: str) -> str:
        """Open a shell and run a script; what that shows at once."""
        self.asks("shell")
        return self.runs_line(script)

    def hangs_up(self) -> None:
        """Close the connection."""
        self.protocol.connectionLost()

    def _gone(self, _: ControlProtocol) -> None:
        self.gone = True

    def _abort(self) -> None:
        self.aborted = True


@pytest.fixture
def call() -> Callable[[Service], Call]:
    """Connects to a service."""
    return Call
