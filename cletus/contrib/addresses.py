"""Client addresses as throttles, limits and bans see them."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: An IPv6 provider gives each subscriber a whole network of this size.
IPV6_PREFIX = 64

#: A customer may have a network of this size. Some providers give larger ones to few.
CUSTOMER_PREFIX = 48


def host_of(address: str) -> str:
    """The host part of ``client.address``: ``127.0.0.1`` of ``127.0.0.1:9000``, ``::1`` of ``[::1]:9000``.

    An address that is not an internet address (the path of a socket, ``memory``) is returned unchanged.
    """
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else address


def origin_of(address: str) -> str:
    """The unit that limits are counted by: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        address: as in ``client.address``.
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


def customer_of(origin: str) -> str:
    """The network of an origin that one customer surely may hold: the address itself, or an IPv6 /48.

    Shares of what all use are counted by it, since a /48 has 65,536 origins.
    """
    network = network_of(origin)
    if network is None or network.version == 4:
        return origin
    return _widened(network, CUSTOMER_PREFIX)


def prefix_of(origin: str) -> str:
    """The network of an origin that one customer may hold: an IPv4 /24, or an IPv6 /48."""
    network = network_of(origin)
    if network is None:
        return origin
    return _widened(network, 24 if network.version == 4 else CUSTOMER_PREFIX)


def _widened(network: Network, prefix: int) -> str:
    return str(network.supernet(new_prefix=min(network.prefixlen, prefix)))


def network_of(text: str) -> Network | None:
    """Parse ``192.0.2.7``, ``192.0.2.0/24`` or ``2001:db8::/32``; ``None`` if it is not an address."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96), strict=False)


def is_within(address: str, network: str) -> bool:
    """Whether ``client.address`` is in the network. False if either cannot be parsed."""
    outer, inner = network_of(network), network_of(host_of(address).partition("%")[0])
    if outer is None or inner is None or outer.version != inner.version:
        return False
    return outer.overlaps(inner)
