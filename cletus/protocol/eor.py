"""END OF RECORD (RFC 885): what tells a client that the unfinished line is a prompt.

A client that agreed to EOR gets IAC EOR after each prompt; another one that speaks telnet gets
IAC GA (RFC 854), unless it asked for GA to be suppressed (RFC 858). One that never said a word of
telnet gets nothing, since it would show the bytes.
"""

from __future__ import annotations

from cletus.protocol.options import Option, Options, Side, State
from cletus.protocol.telnet import IAC, Signal


class SuppressGoAhead(Option):
    """The option as the negotiation knows it: whoever wants it has it."""

    code = 3
    accepts = frozenset(Side)


_EOR = bytes((IAC, Signal.EOR))
_GA = bytes((IAC, Signal.GA))


class EndOfRecord(Option):
    """The option as the negotiation knows it: we end records."""

    code = 25
    accepts = frozenset({Side.LOCAL})


def prompt_mark(options: Options, *, speaks_telnet: bool) -> bytes:
    """What to send right after a prompt.

    Args:
        options: of the connection.
        speaks_telnet: whether the peer has ever negotiated anything.
    """
    if options.state(Side.LOCAL, EndOfRecord.code) is State.YES:
        return _EOR
    if speaks_telnet and options.state(Side.LOCAL, SuppressGoAhead.code) is State.NO:
        return _GA
    return b""
