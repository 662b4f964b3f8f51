"""What proxies in front of the web door say about a request: where the person is, and how they came.

By ``X-Forwarded-For`` and ``X-Forwarded-Proto``, as most proxies have it, or by ``Forwarded`` (RFC 7239).
Each proxy appends what it knows, so that the person is the rightmost address that is not a proxy of
ours: what stands to the left of it, they may have written themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from cletus.doors.web.http import Request
from cletus.errors import ProtocolError

_BY_PROXIES = frozenset({"forwarded", "via", "x-real-ip"})  # and all that begin with "x-forwarded-"

_PAIR = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*([;,]|$)')
_ADDRESS = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+):\d+")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Where somebody is who came through a proxy.

    Attributes:
        host: their address; empty if the proxy does not tell it.
        secure: whether they came over HTTPS, all the way.
    """

    host: str = ""
    secure: bool = False


def forwarded(request: Request, is_proxy: Callable[[str], bool]) -> Forwarded:
    """Read what the proxies say.

    Args:
        request: of a proxy that is trusted.
        is_proxy: whether an address is one of a proxy that is trusted.

    Raises:
        ProtocolError: ``X-Forwarded-For`` and ``Forwarded`` name different people. One of them is then
            from the person, since few proxies write both and hardly one takes out the other.
    """
    elements = _elements(_values(request, "forwarded"))
    by_standard = [element.get("for", "") for element in elements]
    by_custom = _entries(request, "x-forwarded-for")
    hosts = {_person(hosts, is_proxy) for hosts in (by_custom, by_standard) if hosts}
    if len(hosts) > 1:
        raise ProtocolError("X-Forwarded-For and Forwarded disagree")
    ways = _entries(request, "x-forwarded-proto") or [
        element["proto"] for element in elements if "proto" in element
    ]
    # A proxy that others stand before appends "http" if they reach it in plain text: so all, not some.
    secure = bool(ways) and all(way.lower() == "https" for way in ways)
    return Forwarded("".join(hosts), secure)


def is_forwarded(request: Request) -> bool:
    """Whether a proxy has sent this request, trusted or not. Browsers set none of these headers."""
    return any(name in _BY_PROXIES or name.startswith("x-forwarded-") for name, _ in request.fields)


def _values(request: Request, name: str) -> Iterable[str]:
    return (value for key, value in request.fields if key == name)


def _entries(request: Request, name: str) -> list[str]:
    return [entry.strip() for value in _values(request, name) for entry in value.split(",")]


def _elements(values: Iterable[str]) -> list[dict[str, str]]:
    """The elements of ``Forwarded``, each with its parameters, names in lower case."""
    text, elements, position = ",".join(values), [{}], 0  # type: tuple[str, list[dict[str, str]], int]
    while match := _PAIR.match(text, position):
        name, value, end = match.groups()
        elements[-1][name.lower()] = re.sub(r"\\(.)", r"\1", value.strip('"'))
        if end == ",":
            elements.append({})
        position = match.end()
    return [element for element in elements if element]


def _person(hosts: list[str], is_proxy: Callable[[str], bool]) -> str:
    """The rightmost address that is not a proxy; "" if there is none, or something else before it."""
    for text in reversed(hosts):
        match = _ADDRESS.fullmatch(text)
        try:
            address = str(ip_address((match[1] or match[2]) if match else text))
        except ValueError:  # "unknown", or a name of the proxy's own
            return ""
        if not is_proxy(address):
            return address
    return ""
