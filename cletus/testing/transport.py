"""A person without telnet: their client sits on a transport that records what it is asked to do.

For tests of what lies behind the doors. A test can look at every call of the client, and can do what
no telnet program does; ``Visitor`` comes in by the real telnet door instead.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from cletus.client.client import Client
from cletus.protocol.charset import Encoder
from cletus.protocol.line_editor import LineEditor
from cletus.protocol.terminal import Terminal
from cletus.service.service import Service

_PLAIN = Encoder("utf-8", network=False)


class MemoryTransport:
    """A ``cletus.client.interfaces.Transport`` that records what it is asked to do.

    Args:
        address: where the person seems to come from.
        character_mode: whether their terminal shows only what it is sent.

    Attributes:
        terminal: in UTF-8, of unknown size, without colours; a test may change it.
        sent: all bytes sent so far, a piece for each turn.
        reading: whether the client takes input at the moment.
        hidden: whether the terminal hides what is typed; ``hidings`` lists all changes of it.
        messages: the messages to their program, as (package, data).
        closed: whether the client has asked for the connection to be closed.
        aborted: whether it was closed at once.
    """

    def __init__(self, address: str = "memory", *, character_mode: bool = False) -> None:
        self.address = address
        self.terminal = Terminal(_PLAIN)
        if character_mode:
            self.terminal.editor = LineEditor(self.terminal.columns)
        self.messages: list[tuple[str, Any]] = []
        self.sent: list[bytes] = []
        self._text: list[str] = []
        self.reading = True
        self.hidden = False
        self.hidings: list[bool] = []
        self.closed = False
        self.aborted = False

    @property
    def text(self) -> str:
        """Everything that was sent, decoded with the character set that the terminal had then."""
        return "".join(self._text)

    def send(self, data: bytes) -> None:
        """Record it."""
        self.sent.append(data)
        self._text.append(data.decode(self.terminal.encoder.charset, "replace"))

    def pause_reading(self) -> None:
        """Record it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Record it."""
        self.reading = True

    def hide_input(self, hidden: bool) -> bytes:
        """Record it. Returns no bytes: there is no terminal to be told."""
        self.hidden = hidden
        self.hidings.append(hidden)
        return b""

    def prompt_mark(self) -> bytes:
        """Returns no bytes: there is no program to be told."""
        return b""

    def message(self, package: str, data: Any) -> bytes:
        """Record it."""
        self.messages.append((package, data))
        return b""

    def note_memory(self) -> None:
        """Nothing is measured here."""

    def close(self) -> None:
        """Record it."""
        self.closed = True

    def abort(self) -> None:
        """Record it."""
        self.closed = self.aborted = True


class Person:
    """One connected person.

    Args:
        service: a service that was started on a ``Clock``; they connect at once.
        clock: that clock. It is never moved, but calls that are due are made.

    Attributes:
        client: the client that the service sees.
        transport: records what the service asks of the connection.
    """

    def __init__(self, service: Service, clock: Clock, address: str = "memory") -> None:
        self._clock = clock
        self._read = 0
        self._gone = False
        self.transport = MemoryTransport(address)
        self.client: Client = service.connections.connected(self.transport, door="memory")
        self._turn()

    def types(self, *lines: str) -> str:
        """Type lines, each with Enter. Returns what has come onto the screen meanwhile."""
        start = len(self.transport.text)
        for line in lines:
            self.client.line_received(line)
            self._turn()
        return self.transport.text[start:]

    def new_text(self) -> str:
        """What has come onto the screen since the last call."""
        self._turn()
        text = self.transport.text[self._read :]
        self._read += len(text)
        return text

    @property
    def screen(self) -> str:
        """Everything that has ever come onto the screen."""
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
