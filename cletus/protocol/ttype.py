"""TERMINAL-TYPE (RFC 1091), and MTTS (the MUD Terminal Type Standard) inside it.

The peer is asked for one name after another, until it repeats itself. A terminal names its type
(``XTERM-256COLOR``); a MUD client gives its own name, its terminal's, and ``MTTS 271``. To ask again
after a repetition would start the list over (RFC 1091), for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation
from cletus.protocol.text import clean

IS, SEND = 0, 1

NAMES_MAX = 5
"""Names that are asked for. MTTS needs three; Windows telnet has four, and then repeats the last."""

_LENGTH_MAX = 40  # RFC 1700: "maximum 40 characters"


class TerminalType(Option):
    """The peer's list of names.

    Args:
        learnt: called with the names once the list is complete, in upper case, since RFC 1091 compares
            them without regard to case; with no names if the peer refuses. Returns what to send then.
    """

    code = 24
    accepts = frozenset({Side.REMOTE})

    __slots__ = ("_is_complete", "_learnt", "_names")
    STATE = ("_is_complete", "_names")

    def __init__(self, learnt: Callable[[tuple[str, ...]], bytes]) -> None:
        self._learnt = learnt
        self._names: tuple[str, ...] | None = None
        self._is_complete = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The option is on: ask for the first name."""
        if self._names is not None:
            return b""
        self._names = ()
        return self._ask() if on else self._end()

    def received(self, payload: bytes) -> bytes:
        """A name. Returns the question for the next one, unless the list is complete."""
        if payload[:1] != b"\0" or self._names is None or self._is_complete:
            return b""
        name = clean(payload[1 : 1 + _LENGTH_MAX].decode("latin-1")).upper()
        repeated = name in self._names
        if not repeated:
            self._names = (*self._names, name)
        if not repeated and len(self._names) < NAMES_MAX:
            return self._ask()
        return self._end()

    def _end(self) -> bytes:
        self._is_complete = True
        return self._learnt(self._names or ())

    def _ask(self) -> bytes:
        return subnegotiation(self.code, bytes((SEND,)))
