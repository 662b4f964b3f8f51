"""MSDP, the MUD Server Data Protocol (option 69), for clients that do not have GMCP.

The GMCP message ``Room.Info`` is the variable ``ROOM_INFO`` here. The client asks once for all changes
of a variable (REPORT), or for its present value (SEND); LIST names the variables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation
from cletus.protocol.text import clean

VAR, VAL, TABLE_OPEN, TABLE_CLOSE, ARRAY_OPEN, ARRAY_CLOSE = range(1, 7)

COMMANDS = ("LIST", "REPORT", "RESET", "SEND", "UNREPORT")
LISTS = ("COMMANDS", "LISTS", "REPORTABLE_VARIABLES", "REPORTED_VARIABLES", "SENDABLE_VARIABLES")

REPORTED_MAX = 128
"""Variables that one client may ask to be reported."""

VALUES_MAX = 512
"""Names and values in one subnegotiation; what is behind them is ignored. Our choice."""

NAME_MAX = 80
"""Characters of a variable's name; longer names are ignored. Our choice, as for GMCP."""

ANSWER_MAX = 16 * 1024
"""Bytes of answers to one subnegotiation; questions beyond them are not answered. Without this limit, a
thousand LISTs in 8 KiB would be answered by a thousand lists. Our choice; clients ask for far less."""

_DEPTH_MAX = 16
_CODE = re.compile(rb"[\x01-\x06]")
_RESERVED = bytes(range(7)) + b"\xff"  # the codes, NUL and IAC cannot be in a value


class Msdp(Option):
    """The variables that the peer wants, and their latest values.

    Args:
        received: called with name and value of each variable that the peer sets.
        declared: packages that the application may send, so that they are listed before they are.
    """

    code = 69
    accepts = frozenset({Side.LOCAL})

    __slots__ = ("_declared", "_received", "_reported", "_values", "on")
    STATE = ("_values", "_reported", "on")

    def __init__(self, received: Callable[[str, Any], None], declared: Iterable[str] = ()) -> None:
        self._received = received
        self._declared = tuple(name.upper().replace(".", "_") for name in declared)
        self._values: dict[str, Any] = {}
        self._reported: dict[str, None] = {}
        self.on = False

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer wants variables, or does not any more."""
        self.on = on
        return b""

    def message(self, package: str, data: Any = None) -> bytes:
        """Remember a value. Returns the bytes that report it, if the peer wants this variable.

        Values from before MSDP was agreed on are remembered as well: a client asks for them then.

        Raises:
            TypeError: the data contains NaN or an infinite number.
        """
        name = package.upper().replace(".", "_")
        report = self._report(name, data)
        self._values[name] = data
        return report if self.on and name in self._reported else b""

    def received(self, payload: bytes) -> bytes:
        """The peer has sent variables: commands, and what it says about itself."""
        replies = b""
        for name, value in parse(payload):
            upper = name.upper()
            if upper in COMMANDS:
                for argument in value if isinstance(value, list) else [value]:
                    if len(replies) < ANSWER_MAX:
                        replies += self._command(upper, str(argument).upper())
            else:
                self._received(name, value)
        return replies

    def _command(self, command: str, argument: str) -> bytes:
        match command:
            case "LIST" if argument in LISTS:
                return self._report(argument, self._listed(argument))
            case "REPORT" if len(self._reported) < REPORTED_MAX and len(argument) <= NAME_MAX:
                self._reported[argument] = None
                return self._known(argument)
            case "UNREPORT":
                self._reported.pop(argument, None)
            case "RESET":
                self._reported.clear()
            case "SEND":
                return self._known(argument)
        return b""

    def _listed(self, name: str) -> list[str]:
        match name:
            case "COMMANDS":
                return list(COMMANDS)
            case "LISTS":
                return list(LISTS)
            case "REPORTED_VARIABLES":
                return list(self._reported)
        return list(dict.fromkeys((*self._declared, *self._values)))

    def _known(self, name: str) -> bytes:
        return self._report(name, self._values[name]) if name in self._values else b""

    def _report(self, name: str, value: Any) -> bytes:
        return subnegotiation(self.code, variable(name, value))


def variable(name: str, value: Any) -> bytes:
    """One variable as MSDP writes it, without the bytes that are reserved."""
    return bytes((VAR,)) + _plain(name) + bytes((VAL,)) + _value(value)


def _value(value: Any) -> bytes:
    if isinstance(value, dict):
        inside = b"".join(variable(str(name), item) for name, item in value.items())
        return bytes((TABLE_OPEN,)) + inside + bytes((TABLE_CLOSE,))
    if isinstance(value, list | tuple):
        inside = b"".join(bytes((VAL,)) + _value(item) for item in value)
        return bytes((ARRAY_OPEN,)) + inside + bytes((ARRAY_CLOSE,))
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{value} cannot be sent")
    if isinstance(value, bool):
        return b"1" if value else b"0"
    return b"" if value is None else _plain(str(value))


def _plain(text: str) -> bytes:
    return text.encode().translate(None, _RESERVED)


def parse(payload: bytes) -> list[tuple[str, Any]]:
    """The variables in a payload, up to the first that is malformed. Never raises."""
    return list(_Reader(payload).variables())


class _Reader:
    """Reads a payload to its end, or to the first byte that is malformed."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0
        self._left = VALUES_MAX

    def variables(self, depth: int = 0) -> Iterator[tuple[str, Any]]:
        while self._takes(VAR):
            name = self._text()
            values = list(self._values(depth))
            if not values:
                return
            yield name, values[0] if len(values) == 1 else values

    def _values(self, depth: int) -> Iterator[Any]:
        while self._takes(VAL):
            yield self._read_value(depth)

    def _read_value(self, depth: int) -> Any:
        if depth < _DEPTH_MAX and self._takes(TABLE_OPEN):
            table = dict(self.variables(depth + 1))
            self._takes(TABLE_CLOSE)
            return table
        if depth < _DEPTH_MAX and self._takes(ARRAY_OPEN):
            array = list(self._values(depth + 1))
            self._takes(ARRAY_CLOSE)
            return array
        return self._text()

    def _takes(self, code: int) -> bool:
        if self._at >= len(self._payload) or self._payload[self._at] != code or not self._left:
            return False
        self._at += 1
        self._left -= 1
        return True

    def _text(self) -> str:
        start = self._at
        code = _CODE.search(self._payload, start)
        self._at = len(self._payload) if code is None else code.start()
        return clean(self._payload[start : self._at].decode("utf-8", "replace"))
