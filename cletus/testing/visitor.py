"""A person at a terminal who uses a service in memory, through the telnet door."""

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
from cletus.testing.wire import TelnetPeer, Wire

#: Escape sequences (ECMA-48): CSI ... final byte, OSC ... BEL or ST, and those of two characters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")

_HOSTS = 254  # of 192.0.2.0/24, the addresses for examples (RFC 5737)
_PORTS = 40000

_POLL_INTERVAL = 0.01  # seconds between two looks at what has come in real time


class Said(str):
    """Text that has come to a terminal: a string that may also be awaited.

    When ``says()`` returns, a service in memory has done everything that it can do without time
    passing, so awaiting does not wait and gives the same string. Tests may therefore write
    ``await client.says("look")`` or ``client.says("look")``, whether they are ``async`` or not.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, str]:
        """The string."""
        return str(self)
        yield  # what makes this a generator


class MemoryDoor:
    """A telnet door without a network. Its connections are the real ones, limits included.

    Args:
        service: a service that runs on a ``Clock``.

    Attributes:
        service: those who connect become its clients.
        clock: the time of the service.

    Raises:
        TypeError: the service runs on a reactor, or was not started.
    """

    def __init__(self, service: Service) -> None:
        if not isinstance(service.reactor, Clock):
            raise TypeError("MemoryDoor needs a service that was started on a Clock")
        self.clock: Clock = service.reactor
        self.service = service
        self._factory = TelnetFactory(service, ConnectionLimiter(service))
        self._numbers = itertools.count(1)

    def connect(self, **terminal: Any) -> Visitor:
        """Somebody connects; keyword arguments as for ``Visitor``."""
        return Visitor(self, **terminal)

    def open(self, wire: Wire) -> None:
        """Connect a wire."""
        peer: Any = wire.getPeer()  # zope's interfaces are unknown to mypy
        wire.connect(self._factory.buildProtocol(peer))

    def next_address(self, host: str) -> IPv4Address:
        """An address that nobody else has.

        Args:
            host: the host part; empty for a host of their own.
        """
        number = next(self._numbers)
        host = host or f"192.0.2.{(number - 1) % _HOSTS + 1}"
        return IPv4Address("TCP", host, _PORTS + number)


class Visitor:
    """One person, who types lines and reads what their terminal shows.

    Every method lets the service do what is due at once; time passes only in ``waits()``.

    Args:
        door: the door by which they connect, at once.
        address: the host that they come from; by default one of their own.
        columns, rows: the size of their window.
        terminal: the name of their terminal; ``xterm-256color`` has colours, ``dumb`` has none.
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
        peer_address = door.next_address(address)
        self.address = f"{peer_address.host}:{peer_address.port}"
        self._wire = Wire(door.clock, peer_address, self._arrived)
        door.open(self._wire)
        self._client_or_none = next(self._clients_here(door.service), None)
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
        __tracebackhide__ = True  # pytest then shows the line of the test
        self._typed_at = self._read_to = len(self._text)
        for line in lines:
            if not self.connected:
                raise Disconnected(f"{self!r} cannot say {line!r}")
            self._show((line if self._peer.shows_typing else "") + "\r\n")
            self._wire.put(self._peer.line(line))
            self._settle()
        return self.reads()

    def waits(self, seconds: float) -> Said:
        """Let time pass for the service. Returns what has come since they last typed or read."""
        self._clock.advance(seconds)
        return self.reads()

    def resizes(self, columns: int, rows: int) -> Said:
        """Change the size of the window. Returns what has come since they last typed or read."""
        self._size = (columns, rows)
        if self._screen is not None:
            self._draw()
            self._screen.resize(columns, rows)
        self._wire.put(self._peer.resized(columns, rows))
        return self.reads()

    def sends(self, package: str, data: Any = None) -> Said:
        """Send a GMCP message. Returns what has come since they last typed or read."""
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
        """Whether this is on their screen, or has come since they last typed and has scrolled off.

        When an assertion with it fails, pytest shows the screen.
        """
        return self._has_come(text) or text in self.screen

    async def until(self, text: str, seconds: float = 5.0) -> str:
        """Wait, in real time, for text that comes from outside the service.

        Such as from a thread of the application's own, or from a network. This needs a running
        reactor, as in an ``async`` test under pytest-twisted.

        Args:
            text: the text, which must come, or have come, since they last typed.
            seconds: how long to wait; the time of the service stands still meanwhile.

        Returns:
            What has come since they last typed or read.

        Raises:
            AssertionError: the text has not come.
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
            await deferLater(reactor, _POLL_INTERVAL)
        return self.reads()

    @property
    def screen(self) -> str:
        """The lines of their screen, drawn by pyte, with what they have typed.

        Raises:
            PyteMissing: pyte is not installed (``pip install 'cletus-live[testing]'``).
        """
        self._settle()
        return self._draw().text

    @property
    def pyte(self) -> Any:
        """The ``pyte.Screen`` itself, for colours, attributes and the cursor. Raises as ``screen``."""
        self._settle()
        return self._draw().pyte

    @property
    def transcript(self) -> str:
        """All text that has ever come, without what they typed, colours and the like."""
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
        """Whether neither side has closed the connection."""
        return self._wire.is_open

    @property
    def types_unseen(self) -> bool:
        """Whether their terminal hides what they type, as for a password."""
        return not self._peer.shows_typing

    @property
    def client(self) -> Client:
        """The client that the service sees; also after it has gone.

        Raises:
            Disconnected: the door has refused the connection, so there is no client.
        """
        if self._client_or_none is None:
            raise Disconnected(f"{self!r} was turned away at the door: {self.transcript!r}")
        return self._client_or_none

    # -- inside -----------------------------------------------------------------------------

    def _clients_here(self, service: Service) -> Iterator[Client]:
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
