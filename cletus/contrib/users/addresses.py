"""Where people come from, as far as budgets, bans and the log of failed logins care."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: One subscriber of a provider is given a whole IPv6 network of this size, and can use all of it.
IPV6_PREFIX = 64


def host_of(address: str) -> str:
    """The host of a client's address: ``127.0.0.1`` of ``127.0.0.1:9000``, ``::1`` of ``[::1]:9000``.

    What is no internet address (a path of a socket, ``memory``) is its own host.
    """
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else address


def origin_of(address: str) -> str:
    """What counts as one place to come from: an IPv4 address, or the /64 of an IPv6 address.

    Args:
        address: as ``client.address``.
    """
    host = host_of(address)
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = getattr(ip, "ipv4_mapped", None)
    if ip.version == 4 or mapped is not None:
        return str(mapped or ip)
    return str(ipaddress.ip_network((ip, IPV6_PREFIX), strict=False))


def network_of(text: str) -> Network | None:
    """The network that people write as ``192.0.2.7``, ``192.0.2.0/24`` or ``2001:db8::/32``.

    Returns:
        ``None`` for what is none.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96), strict=False)


def is_within(address: str, text: str) -> bool:
    """Whether a client's address is in the network that people write so; what is none has nobody in it."""
    network, place = network_of(text), network_of(host_of(address).partition("%")[0])
    if network is None or place is None or network.version != place.version:
        return False
    return network.overlaps(place)
