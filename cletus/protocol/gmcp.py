"""GMCP, the Generic MUD Communication Protocol (option 201): named JSON beside the text.

``IAC SB 201 Room.Info {"num": 1} IAC SE``. Names do not depend on case: telnetlib3 sends them in
lower case. Bad JSON is ignored, and so is JSON that is nested too deep to be meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from cletus.protocol.options import Option, Side
from cletus.protocol.telnet import subnegotiation
from cletus.protocol.text import clean

DEPTH_MAX = 32
"""Lists and objects inside each other. Our choice; what clients send has three."""

SUPPORTS_MAX = 128
"""Packages that a client may say that it supports."""

NAME_MAX = 80
"""Characters of a package's name; a longer one is none of ours. Our choice."""

_NAME = re.compile(rf"[A-Za-z][\w.-]{{0,{NAME_MAX - 1}}}", re.ASCII)
_OUTSIDE_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"')


class Gmcp(Option):
    """The messages of the peer, and what it wants to be sent.

    Args:
        received: called with the name and the data of each message.
        refused: called when the peer does not want GMCP; returns what to offer instead.

    Attributes:
        on: whether messages may be sent.
    """

    code = 201
    accepts = frozenset({Side.LOCAL})

    __slots__ = ("_received", "_refused", "on", "supports")

    def __init__(
        self, received: Callable[[str, Any], None], refused: Callable[[], bytes] = bytes
    ) -> None:
        self._received = received
        self._refused = refused
        self.on = False
        self.supports: dict[str, int] | None = None

    def switched(self, side: Side, on: bool) -> bytes:
        """The peer wants messages, or none any more."""
        self.on = on
        return b"" if on else self._refused()

    def message(self, package: str, data: Any = None) -> bytes:
        """A message as it is sent; nothing if the peer has not asked for that package.

        A peer that never told what it supports is sent everything.

        Args:
            package: such as ``Room.Info``.
            data: what JSON takes; ``None`` sends the name alone.

        Raises:
            TypeError: JSON does not take it.
        """
        if not self.on or not self.wants(package):
            return b""
        text = package if data is None else f"{package} {json.dumps(data, separators=(',', ':'))}"
        return subnegotiation(self.code, text.encode())

    def wants(self, package: str) -> bool:
        """Whether the peer supports this package or one that it is in: ``Comm`` has Comm.Channel."""
        if self.supports is None:
            return True
        parts = package.lower().split(".")
        return any(".".join(parts[:end]) in self.supports for end in range(1, len(parts) + 1))

    def received(self, payload: bytes) -> bytes:
        """One message. Returns the answer to a ping."""
        text = payload.decode("utf-8", "replace")
        name, _, rest = text.partition(" ")
        if _NAME.fullmatch(name) is None:
            return b""
        try:
            data = _parsed(rest.strip())
        except ValueError:
            return b""
        if name.lower().startswith("core.supports."):
            self._support(name.lower().rpartition(".")[2], data)
        self._received(name, data)
        if name.lower() == "core.ping":
            return subnegotiation(self.code, b"Core.Ping") if self.on else b""
        return b""

    def _support(self, change: str, data: Any) -> None:
        """Set, Add or Remove, each with a list of ``"Name 1"``."""
        if not isinstance(data, list):
            return
        texts = (one for one in data[:SUPPORTS_MAX] if isinstance(one, str))
        names = {name: version for name, version in map(_versioned, texts) if len(name) <= NAME_MAX}
        if change == "set":
            self.supports = names
        elif change == "add":
            merged = {**(self.supports or {}), **names}
            self.supports = dict(list(merged.items())[:SUPPORTS_MAX])
        elif change == "remove":
            kept = self.supports or {}
            self.supports = {name: kept[name] for name in kept if name not in names}


def _parsed(text: str) -> Any:
    """The JSON, or ``None`` for no text.

    Raises:
        ValueError: it is none, or too deep.
    """
    if not text:
        return None
    if text.count("[") + text.count("{") > DEPTH_MAX:
        depth = deepest = 0
        for char in _OUTSIDE_STRINGS.sub("", text):
            depth += (char in "[{") - (char in "]}")
            deepest = max(deepest, depth)
        if deepest > DEPTH_MAX:
            raise ValueError("nested too deep")
    return _cleaned(json.loads(text, parse_constant=_refuse))


def _cleaned(data: Any) -> Any:
    """The same with every string fit for others' screens; their line ends stay."""
    match data:
        case str():
            return "\n".join(map(clean, data.split("\n"))) if "\n" in data else clean(data)
        case list():
            return [_cleaned(one) for one in data]
        case dict():
            return {_cleaned(name): _cleaned(one) for name, one in data.items()}
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _versioned(text: str) -> tuple[str, int]:
    name, _, version = text.strip().lower().partition(" ")
    return name, int(version) if version.isascii() and version.isdigit() and len(version) < 9 else 1
