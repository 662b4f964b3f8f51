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
_TYPE_SSL, _CLIENT_SSL = 0x20, 0x01
_HOSTS = {0x1: 4, 0x2: 16}  # AF_INET, AF_INET6


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection comes from; an empty host if it comes from the proxy itself.

    Attributes:
        tls: whether the person came to the proxy over TLS (version 2, PP2_TYPE_SSL).
    """

    host: str
    port: int
    tls: bool = False


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
        host = str(ipaddress.ip_address(body[:size]))
        return Origin(host, port, _came_over_tls(body[2 * size + 4 :])), tail


def _came_over_tls(fields: bytes) -> bool:
    """Whether PP2_TYPE_SSL among these TLVs has the bit PP2_CLIENT_SSL (section 2.2.6)."""
    while len(fields) >= 3:
        end = 3 + int.from_bytes(fields[1:3])
        if fields[0] == _TYPE_SSL and end > 3:
            return bool(fields[3:4] and fields[3] & _CLIENT_SSL)
        fields = fields[end:]
    return False


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ProtocolError("a PROXY line without an address") from None
