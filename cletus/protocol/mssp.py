"""MSSP, the MUD Server Status Protocol (option 70): tells crawlers and lists of MUDs about us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

VAR, VAL = 1, 2

Status = Mapping[str, str | int | Sequence[str | int]]

_RESERVED = bytes((0, VAR, VAL, 255))


class Mssp(Option):
    """Answers with the status of the service.

    Args:
        status: called when a peer asks; returns names with a value, or several values, each.
    """

    code = 70
    accepts = frozenset({Side.LOCAL})

    __slots__ = ("_answered", "_status")
    STATE = ("_answered",)

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status
        self._answered = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer asks. It is answered once, since the answer is longer than the question."""
        if not on or self._answered:
            return b""
        self._answered = True
        return subnegotiation(self.code, encode(self._status()))


def encode(status: Status) -> bytes:
    """The variables with their values, without the bytes that MSSP reserves."""
    return b"".join(
        bytes((VAR,)) + _plain(name) + b"".join(bytes((VAL,)) + _plain(value) for value in values)
        for name, value in status.items()
        for values in [[value] if isinstance(value, str | int) else value]
    )


REQUEST = b"MSSP-REQUEST"
"""The first line of a crawler that asks without telnet (the MSSP standard, "plaintext")."""


def plain_reply(status: Status) -> bytes:
    """The answer to ``REQUEST``: names and values, each on a line, with tabs between them."""
    lines = [
        "\t".join((name, *map(str, [value] if isinstance(value, str | int) else value)))
        for name, value in status.items()
    ]
    text = "\r\n".join(("", "MSSP-REPLY-START", *lines, "MSSP-REPLY-END", ""))
    return text.encode().replace(b"\xff", b"")


def _plain(value: object) -> bytes:
    return str(value).encode().translate(None, _RESERVED)
