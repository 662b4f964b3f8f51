"""The PROXY protocol, versions 1 and 2 (HAProxy's ``proxy-protocol.txt``).

A proxy says in a header, before anything else, where the connection really comes from.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from cletus.errors import ProtocolError

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V1 = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})")
_V1_MAX = 107  # the document's own count, with CR LF

_LOCAL = 0
_HOSTS = {0x1: 4, 0x2: 16}  # AF_INET, AF_INET6


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection comes from; an empty host if it comes from the proxy itself."""

    host: str
    port: int


class ProxyHeader:
    """Collects the header of one connection."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = b""

    def receive(self, data: bytes) -> tuple[Origin, bytes] | None:
        """The origin and the bytes after the header, or ``None`` while it is incomplete.

        Raises:
            ProtocolError: this is not a PROXY header.
        """
        self._data += data
        if self._data.startswith(_SIGNATURE):
            return self._version_2()
        if self._data.startswith(b"PROXY"):
            return self._version_1()
        if _SIGNATURE.startswith(self._data) or b"PROXY".startswith(self._data):
            return None
        raise ProtocolError("no PROXY header")

    def _version_1(self) -> tuple[Origin, bytes] | None:
        line, end, tail = self._data.partition(b"\r\n")
        if not end:
            if len(self._data) > _V1_MAX:
                raise ProtocolError("the PROXY line does not end")
            return None
        if line.startswith(b"PROXY UNKNOWN"):
            return Origin("", 0), tail
        match = _V1.fullmatch(line)
        if match is None:
            raise ProtocolError("a malformed PROXY line")
        return Origin(_host(match[2].decode("latin-1")), int(match[4])), tail

    def _version_2(self) -> tuple[Origin, bytes] | None:
        head = self._data[:16]
        if len(head) < 16 or len(self._data) < 16 + int.from_bytes(head[14:]):
            return None
        version, command = divmod(head[12], 16)
        if version != 2 or command > 1:
            raise ProtocolError("a malformed PROXY header")
        length = int.from_bytes(head[14:])
        body, tail = self._data[16 : 16 + length], self._data[16 + length :]
        size = _HOSTS.get(head[13] >> 4)
        if command == _LOCAL or size is None:
            return Origin("", 0), tail
        if len(body) < 2 * size + 4:
            raise ProtocolError("a PROXY header that is too short")
        port = int.from_bytes(body[2 * size : 2 * size + 2])
        return Origin(str(ipaddress.ip_address(body[:size])), port), tail


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ProtocolError("a PROXY line without an address") from None
