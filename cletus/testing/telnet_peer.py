"""The other end of a telnet connection, without I/O: what a person's program makes of it.

It is the mirror of ``doors/telnet/``: it agrees to be told that the service shows what is typed
(ECHO), names its terminal, tells the size of its window, and takes GMCP if it is to; all other
options are refused. Line ends, colours and the like are the terminal's business (``screen.py``).
"""

from __future__ import annotations

import codecs
import itertools
import json
from typing import Any

from cletus.protocol.options import Option, Options, Side, State
from cletus.protocol.telnet import Data, Negotiation, Subnegotiation, TelnetParser, subnegotiation

_SEND = b"\1"
_IS = b"\0"


class _ServiceEchoes(Option):
    """ECHO (RFC 857): while it is on, the person's terminal does not show what they type."""

    code = 1
    accepts = frozenset({Side.REMOTE})


class _NoGoAhead(Option):
    """SUPPRESS GO AHEAD (RFC 858), which goes with it."""

    code = 3
    accepts = frozenset({Side.REMOTE})


class _Name(Option):
    """TERMINAL-TYPE (RFC 1091): the one name is said again and again."""

    code = 24
    accepts = frozenset({Side.LOCAL})

    def __init__(self, name: str) -> None:
        self._name = name

    def received(self, payload: bytes) -> bytes:
        """The service asks."""
        return subnegotiation(self.code, _IS + self._name.encode()) if payload == _SEND else b""


class _Window(Option):
    """NAWS (RFC 1073): told when the service wants to know it, and whenever it changes."""

    code = 31
    accepts = frozenset({Side.LOCAL})

    def __init__(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        self.wanted = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The service wants to know it."""
        self.wanted = on
        return self.told()

    def told(self) -> bytes:
        """What tells it; nothing if the service does not want to know."""
        columns, rows = self.size
        payload = columns.to_bytes(2, "big") + rows.to_bytes(2, "big")
        return subnegotiation(self.code, payload) if self.wanted else b""


class _Messages(Option):
    """GMCP."""

    code = 201
    accepts = frozenset({Side.REMOTE})

    def __init__(self) -> None:
        self.taken: list[tuple[str, Any]] = []

    def received(self, payload: bytes) -> bytes:
        """A message of the service's."""
        name, _, rest = payload.decode().partition(" ")
        self.taken.append((name, json.loads(rest) if rest else None))
        return b""


class TelnetPeer:
    """A telnet program.

    Args:
        columns, rows: of its window.
        terminal: what it calls itself, such as ``xterm-256color``; ``dumb`` has no colours.
        gmcp: whether it takes messages beside the text.
    """

    def __init__(self, columns: int, rows: int, terminal: str, *, gmcp: bool) -> None:
        self._parser = TelnetParser(0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._window = _Window(columns, rows)
        self._messages = _Messages()
        known: list[Option] = [_ServiceEchoes(), _NoGoAhead(), _Name(terminal), self._window]
        if gmcp:
            known.append(self._messages)
        # Time flies here: the budget of negotiations a second is for strangers.
        self._options = Options(known, itertools.count().__next__)

    @property
    def shows_typing(self) -> bool:
        """Whether the terminal shows what is typed."""
        return self._options.state(Side.REMOTE, _ServiceEchoes.code) is not State.YES

    @property
    def messages(self) -> list[tuple[str, Any]]:
        """The GMCP messages that have come, as (package, data)."""
        return self._messages.taken

    def receive(self, data: bytes) -> tuple[str, bytes]:
        """Take what the service has sent: gives the text for the terminal, and what to answer."""
        text, answer = "", b""
        for event in self._parser.receive(data):
            match event:
                case Data(piece):
                    text += self._decoder.decode(piece)
                case Negotiation():
                    answer += self._options.receive(event)
                case Subnegotiation():
                    answer += self._options.subnegotiation(event)
        return text.replace("\r\0", "\r"), answer

    def line(self, text: str) -> bytes:
        """The bytes of a line that is typed."""
        return text.encode().replace(b"\xff", b"\xff\xff") + b"\r\n"

    def resized(self, columns: int, rows: int) -> bytes:
        """The window has another size: the bytes that tell it."""
        self._window.size = (columns, rows)
        return self._window.told()

    def message(self, package: str, data: Any) -> bytes:
        """The bytes of a GMCP message."""
        text = package if data is None else f"{package} {json.dumps(data)}"
        return subnegotiation(_Messages.code, text.encode())
