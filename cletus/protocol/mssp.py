"""MSSP, the MUD Server Status Protocol (option 70): what crawlers and client lists want to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation

VAR, VAL = 1, 2

Status = Mapping[str, str | int | Sequence[str | int]]

_RESERVED = bytes((0, VAR, VAL, 255))


class Mssp(Option):
    """Tells the service's status to whoever asks.

    Args:
        status: name to value, or to several values; called when somebody asks.
    """

    code = 70
    accepts = frozenset({Side.LOCAL})

    __slots__ = ("_status", "_told")

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status
        self._told = False

    def switched(self, side: Side, on: bool) -> bytes:
        """Somebody asks. Once is enough: the answer is longer than the question."""
        if not on or self._told:
            return b""
        self._told = True
        return subnegotiation(self.code, encode(self._status()))


def encode(status: Status) -> bytes:
    """The variables, each with its values; the bytes that MSSP reserves are left out."""
    return b"".join(
        bytes((VAR,)) + _plain(name) + b"".join(bytes((VAL,)) + _plain(value) for value in values)
        for name, one in status.items()
        for values in [[one] if isinstance(one, str | int) else one]
    )


def _plain(value: object) -> bytes:
    return str(value).encode().translate(None, _RESERVED)
