"""GMCP, the Generic MUD Communication Protocol (option 201): named JSON beside the text.

``IAC SB 201 Room.Info {"num": 1} IAC SE``. Package names are compared without regard to case, since
telnetlib3 sends them in lower case. Invalid JSON is ignored, and so is JSON that is nested too deep or has too
many values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation
from cletus.protocol.text import clean

DEPTH_MAX = 32
"""Lists and objects inside each other. Our choice; clients send no more than three."""

VALUES_MAX = 1024
"""Values in the JSON of one message. Our choice; the longest list that we know a client to send has fifty."""

ALWAYS = frozenset({"client", "core", "external"})
"""Packages that a client takes without listing them, as Mudlet takes ``Client.GUI``."""

SUPPORTS_MAX = 128
"""Packages that one client may list as supported."""

NAME_MAX = 80
"""Characters of a package's name; longer names are ignored. Our choice."""

_NAME = re.compile(rf"[A-Za-z][\w.-]{{0,{NAME_MAX - 1}}}", re.ASCII)
_IN_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"')


class GmcpOption(Option):
    """The peer's messages, and which messages it wants.

    Args:
        received: called with the package and the data of each message.
        refused: called when the peer does not want GMCP; returns the bytes that offer it something
            else.

    Attributes:
        on: whether messages may be sent.
        supports: the packages that the peer supports, in lower case, with their versions; ``None``
            until it lists them.
    """

    code = 201
    accepts = frozenset({Side.LOCAL})

    __slots__ = ("_received", "_refused", "on", "supports")
    STATE = ("on", "supports")

    def __init__(
        self, received: Callable[[str, Any], None], refused: Callable[[], bytes] = bytes
    ) -> None:
        self._received = received
        self._refused = refused
        self.on = False
        self.supports: dict[str, int] | None = None

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer wants messages, or does not any more."""
        self.on = on
        return b"" if on else self._refused()

    def message(self, package: str, data: Any = None) -> bytes:
        """The bytes of a message; none if the peer does not want this package.

        A peer that has not listed what it supports is sent everything; all are sent ``ALWAYS``.

        Args:
            package: such as ``Room.Info``.
            data: anything that JSON can represent; ``None`` sends the name alone.

        Raises:
            TypeError: JSON cannot represent the data.
        """
        if not self.on or not self.wants(package):
            return b""
        text = package if data is None else f"{package} {_json(data)}"
        return subnegotiation(self.code, text.encode())

    def wants(self, package: str) -> bool:
        """Whether the peer supports this package or one that contains it (``Comm``: Comm.Channel)."""
        parts = package.lower().split(".")
        if self.supports is None or parts[0] in ALWAYS:
            return True
        return any(".".join(parts[:end]) in self.supports for end in range(1, len(parts) + 1))

    def received(self, payload: bytes) -> bytes:
        """One message. Returns the answer to a ping."""
        text = payload.decode("utf-8", "replace")
        name, _, json_text = text.partition(" ")
        if _NAME.fullmatch(name) is None:
            return b""
        try:
            data = _parsed(json_text.strip())
        except ValueError:
            return b""
        if name.lower().startswith("core.supports."):
            self._support(name.lower().rpartition(".")[2], data)
        self._received(name, data)
        if name.lower() == "core.ping":
            return subnegotiation(self.code, b"Core.Ping") if self.on else b""
        return b""

    def _support(self, change: str, data: Any) -> None:
        """Core.Supports.Set, Add or Remove, with a list such as ``["Char 1", "Room 1"]``."""
        if not isinstance(data, list):
            return
        texts = (item for item in data[:SUPPORTS_MAX] if isinstance(item, str))
        names = {name: version for name, version in map(_versioned, texts) if len(name) <= NAME_MAX}
        if change == "set":
            self.supports = names
        elif change == "add":
            merged = {**(self.supports or {}), **names}
            self.supports = dict(list(merged.items())[:SUPPORTS_MAX])
        elif change == "remove":
            former = self.supports or {}
            self.supports = {name: former[name] for name in former if name not in names}


def _json(data: Any) -> str:
    """The JSON text.

    Raises:
        TypeError: JSON cannot represent the data; it has neither NaN nor Infinity (RFC 8259, section 6).
    """
    try:
        return json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise TypeError(str(error)) from error


def _parsed(text: str) -> Any:
    """What the JSON means; ``None`` for an empty text.

    Raises:
        ValueError: the text is not JSON, is nested too deep, or has too many values.
    """
    if not text:
        return None
    containers = text.count("[") + text.count("{")
    if containers > DEPTH_MAX or containers + text.count(",") > VALUES_MAX:
        _check_size(_IN_STRINGS.sub("", text))
    return _cleaned(json.loads(text, parse_constant=_refuse, parse_float=_finite))


def _check_size(structure: str) -> None:
    """Check how deep the JSON is nested, and how many values it has.

    Args:
        structure: the text without its strings.

    Raises:
        ValueError: it is too much.
    """
    if sum(map(structure.count, "[{,")) > VALUES_MAX:
        raise ValueError("too many values")
    depth = deepest = 0
    for char in structure:
        depth += (char in "[{") - (char in "]}")
        deepest = max(deepest, depth)
    if deepest > DEPTH_MAX:
        raise ValueError("nested too deep")


def _cleaned(data: Any) -> Any:
    """The data with every string cleaned by ``text.clean``; line ends in strings stay."""
    match data:
        case str():
            return "\n".join(map(clean, data.split("\n"))) if "\n" in data else clean(data)
        case list():
            return [_cleaned(item) for item in data]
        case dict():
            return {_cleaned(name): _cleaned(item) for name, item in data.items()}
    return data


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # such as 1e999, which could not be sent on
        raise ValueError(f"{text} is too large")
    return number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _versioned(text: str) -> tuple[str, int]:
    name, _, version = text.strip().lower().partition(" ")
    return name, int(version) if version.isascii() and version.isdigit() and len(version) < 9 else 1
