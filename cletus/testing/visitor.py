"""Somebody at a terminal who uses a service, all in memory, through the telnet door."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Generator, Iterator
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock, deferLater

from cletus.client.client import Client
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.telnet.protocol import TelnetFactory
from cletus.errors import Disconnected
from cletus.service.service import Service
from cletus.testing.screen import Screen
from cletus.testing.telnet_peer import TelnetPeer
from cletus.testing.transport import MemoryTransport
from cletus.testing.wire import Wire

#: Escape sequences (ECMA-48): CSI ... final byte, OSC ... BEL or ST, and those of two characters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")

_HOSTS = 254  # of 192.0.2.0/24, the addresses for examples (RFC 5737)
_PORTS = 40000

_NAP = 0.01  # seconds between two looks at what has come in real time


class Said(str):
    """What has come onto somebody's terminal: a string, which may be awaited as well.

    A service in memory has done all that it can do at once when ``says()`` returns, so awaiting
    waits for nothing and gives the same string. It makes ``await client.says("look")`` and
    ``client.says("look")`` the same in tests that are ``async`` and in those that are not.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, str]:
        """The string."""
        return str(self)
        yield  # what makes this a generator


class MemoryDoor:
    """A telnet door that needs no network: what comes in by it has met all of the real one.

    Args:
        service: it runs on a ``Clock``.

    Attributes:
        service: whose clients those become who come in.
        clock: its time.

    Raises:
        TypeError: it runs on a reactor, or was not started.
    """

    def __init__(self, service: Service) -> None:
        if not isinstance(service.reactor, Clock):
            raise TypeError("people can come in memory to a service that was started on a Clock")
        self.clock: Clock = service.reactor
        self.service = service
        self._factory = TelnetFactory(service, ConnectionLimiter(service))
        self._numbers = itertools.count(1)

    def connect(self, **terminal: Any) -> Visitor:
        """Somebody connects; keywords as for ``Visitor``."""
        return Visitor(self, **terminal)

    def open(self, wire: Wire) -> None:
        """A wire is connected."""
        peer: Any = wire.getPeer()  # zope's interfaces are unknown to mypy
        wire.connect(self._factory.buildProtocol(peer))

    def next_address(self, host: str) -> IPv4Address:
        """An address that nobody else has; each person has a machine of their own.

        Args:
            host: the machine, if it is to be a certain one.
        """
        number = next(self._numbers)
        own = f"192.0.2.{(number - 1) % _HOSTS + 1}"
        return IPv4Address("TCP", host or own, _PORTS + number)


class Visitor:
    """One person, who types lines and reads what their terminal shows.

    All methods let the service do what is due at once; time passes by ``waits()`` alone.

    Args:
        door: by which they come in; they connect at once.
        address: the machine that they are at; by default one of their own.
        columns, rows: the size of their window.
        terminal: what their terminal calls itself; ``xterm-256color`` has colours, ``dumb`` none.
        gmcp: whether their program takes messages beside the text.

    Attributes:
        address: where they come from, as in ``client.address``: ``192.0.2.1:40001``.
    """

    def __init__(
        self,
        door: MemoryDoor,
        *,
        address: str = "",
        columns: int = 80,
        rows: int = 24,
        terminal: str = "dumb",
        gmcp: bool = False,
    ) -> None:
        self._clock = door.clock
        self._peer = TelnetPeer(columns, rows, terminal, gmcp=gmcp)
        self._size = (columns, rows)
        self._screen: Screen | None = None
        self._to_draw = ""
        self._text = ""
        self._typed_at = 0
        self._read_to = 0
        place = door.next_address(address)
        self.address = f"{place.host}:{place.port}"
        self._wire = Wire(door.clock, place, self._arrived)
        door.open(self._wire)
        self._maybe_client = next(self._of(door.service), None)
        self._settle()

    def __repr__(self) -> str:
        gone = "" if self.connected else ", who is gone"
        return f"<Visitor from {self.address}{gone}>"

    # -- doing ------------------------------------------------------------------------------

    def says(self, *lines: str) -> Said:
        """Type lines, each with Enter.

        Returns:
            What has come since, without what they typed, colours and the like. It may be awaited.

        Raises:
            Disconnected: they are not connected any more.
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        self._typed_at = self._read_to = len(self._text)
        for line in lines:
            if not self.connected:
                raise Disconnected(f"{self!r} cannot say {line!r}")
            self._show((line if self._peer.shows_typing else "") + "\r\n")
            self._wire.put(self._peer.line(line))
            self._settle()
        return self.reads()

    def waits(self, seconds: float) -> Said:
        """Let time pass for the whole service.

        Returns:
            What has come since they last typed or read.
        """
        self._clock.advance(seconds)
        return self.reads()

    def resizes(self, columns: int, rows: int) -> Said:
        """Give the window another size. Returns what has come since they last typed or read."""
        self._size = (columns, rows)
        if self._screen is not None:
            self._draw()
            self._screen.resize(columns, rows)
        self._wire.put(self._peer.resized(columns, rows))
        return self.reads()

    def sends(self, package: str, data: Any = None) -> Said:
        """Have the program send a GMCP message. Returns what has come since they typed or read."""
        self._wire.put(self._peer.message(package, data))
        return self.reads()

    def hangs_up(self) -> None:
        """Close the connection. Doing it twice is harmless."""
        self._wire.hang_up()
        self._settle()

    # -- seeing -----------------------------------------------------------------------------

    def reads(self) -> Said:
        """What has come since they last typed or read."""
        self._settle()
        start, self._read_to = self._read_to, len(self._text)
        return Said(_plain(self._text[start:]))

    def sees(self, text: str) -> bool:
        """Whether this is on their screen, or has come since they last typed and scrolled off it.

        When an assertion with it fails, pytest shows the screen.
        """
        return self._has_come(text) or text in self.screen

    async def until(self, text: str, seconds: float = 5.0) -> str:
        """Wait, in real time, until this has come since they last typed.

        For what comes from outside of the service: a thread of the application's own, a network. It
        needs a reactor that runs, so that of pytest-twisted, in a test that is ``async``.

        Args:
            text: what to wait for.
            seconds: how long, by the clock on the wall; the service's own time stands still.

        Returns:
            What has come since they last typed or read.

        Raises:
            AssertionError: it has not come.
            RuntimeError: no reactor is running.
        """
        __tracebackhide__ = True
        reactor: Any = sys.modules.get("twisted.internet.reactor")
        if reactor is None or not reactor.running:
            raise RuntimeError("waiting in real time needs a test that pytest-twisted runs")
        end = reactor.seconds() + seconds
        while not self._has_come(text):
            if reactor.seconds() > end:
                raise AssertionError(f"{text!r} has not come in {seconds:g} seconds")
            await deferLater(reactor, _NAP)
        return self.reads()

    @property
    def screen(self) -> str:
        """What their terminal shows, drawn by pyte: its lines, with what they have typed.

        Raises:
            PyteMissing: pyte is not installed (``pip install 'cletus-live[testing]'``).
        """
        self._settle()
        return self._draw().text

    @property
    def pyte(self) -> Any:
        """The ``pyte.Screen`` of their terminal: colours, attributes, cursor. Raises as ``screen``."""
        self._settle()
        return self._draw().pyte

    @property
    def transcript(self) -> str:
        """All that has ever come, without what they typed, colours and the like."""
        self._settle()
        return _plain(self._text)

    @property
    def raw(self) -> str:
        """All that has ever come, as it came: CR LF, escape sequences, control characters."""
        self._settle()
        return self._text

    @property
    def messages(self) -> list[tuple[str, Any]]:
        """The GMCP messages that have come, as (package, data)."""
        self._settle()
        return self._peer.messages

    @property
    def connected(self) -> bool:
        """Whether the connection is there, on both sides."""
        return self._wire.is_open

    @property
    def types_unseen(self) -> bool:
        """Whether their terminal hides what they type, as for a password."""
        return not self._peer.shows_typing

    @property
    def client(self) -> Client:
        """The client that the service sees, also when it has gone.

        Raises:
            Disconnected: the door has turned them away, so that there is none.
        """
        if self._maybe_client is None:
            raise Disconnected(f"{self!r} was turned away at the door: {self.transcript!r}")
        return self._maybe_client

    # -- inside -----------------------------------------------------------------------------

    def _of(self, service: Service) -> Iterator[Client]:
        return (client for client in service.clients if client.address == self.address)

    def _has_come(self, text: str) -> bool:
        self._settle()
        return text in _plain(self._text[self._typed_at :])

    def _settle(self) -> None:
        self._clock.advance(0)

    def _arrived(self, data: bytes) -> None:
        text, answer = self._peer.receive(data)
        self._text += text
        self._show(text)
        self._wire.put(answer)

    def _show(self, text: str) -> None:
        self._to_draw += text

    def _draw(self) -> Screen:
        if self._screen is None:
            self._screen = Screen(*self._size)
        text, self._to_draw = self._to_draw, ""
        self._screen.feed(text)
        return self._screen


def _plain(text: str) -> str:
    return _ESCAPES.sub("", text).replace("\r", "").replace("\x07", "")


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
        self.client: Client = service.connections.connected(self.transport, door="memory")
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
