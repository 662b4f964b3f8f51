"""END OF RECORD (RFC 885) and GO AHEAD (RFC 854): tell a client that an unfinished line is a prompt.

A client that has agreed to EOR gets IAC EOR after each prompt. Any other that speaks telnet gets IAC
GA, unless it has asked us to suppress it (RFC 858). A client that has never sent a telnet command gets
nothing, since it would show the bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from cletus.protocol.options import Option, Options, Side, State
from cletus.protocol.telnet import IAC, Signal

_EOR = bytes((IAC, Signal.EOR))
_GA = bytes((IAC, Signal.GA))


class SuppressGoAhead(Option):
    """SUPPRESS GO AHEAD: accepted whenever the peer asks.

    Args:
        switched: called when our side was switched on or off. Returns what to send then.
    """

    code = 3
    accepts = frozenset(Side)

    __slots__ = ("_switched",)

    def __init__(self, switched: Callable[[], bytes] = bytes) -> None:
        self._switched = switched

    def switched(self, side: Side, on: bool) -> bytes:
        """It may be a part of character mode."""
        return self._switched() if side is Side.LOCAL else b""


class EndOfRecord(Option):
    """END OF RECORD: we mark the end of records."""

    code = 25
    accepts = frozenset({Side.LOCAL})


def prompt_mark(options: Options, *, speaks_telnet: bool) -> bytes:
    """What to send right after a prompt; often nothing.

    Args:
        options: of the connection.
        speaks_telnet: whether the peer has ever negotiated anything.
    """
    if options.state(Side.LOCAL, EndOfRecord.code) is State.YES:
        return _EOR
    if speaks_telnet and options.state(Side.LOCAL, SuppressGoAhead.code) is State.NO:
        return _GA
    return b""
