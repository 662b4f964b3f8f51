"""How many connections there may be, in all and from one address, and which proxies are trusted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from cletus.errors import SettingError

if TYPE_CHECKING:
    from cletus.service.service import Service

FULL = b"Too many people are here at the moment. Please come back later.\r\n"
CROWDED = b"Too many people are here from your address. Please come back later.\r\n"

_LOG_INTERVAL = 1.0

WINDOW: Final = 60.0
"""Seconds in which new connections are counted."""

NETWORK_SHARES: Final = 4
"""So many times what one address may have, all addresses of an IPv6 /48 may have together: it may be one
customer's, and has 65,536 networks that count as an address each. Our choice."""

ADDRESSES_MAX: Final = 100_000
"""Addresses whose new connections are counted apart; with more, counting begins anew. Our choice."""


class ConnectionLimiter:
    """Counts the connections of all doors of a service.

    Args:
        service: its settings are read at each call, since a reload may change them.

    Raises:
        SettingError: ``proxy_from`` or ``web_proxies`` contains something that is neither an address nor
            a network.
    """

    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        self._count = 0
        self._by_address: dict[str, int] = {}
        settings = service.settings
        self._proxies = [_network("proxy_from", text) for text in settings.proxy_from]
        self._web_proxies = [_network("web_proxies", text) for text in settings.web_proxies]
        self._recent: dict[str, int] = {}
        self._window_ends = 0.0
        self._refused = 0
        self._logged_at = -_LOG_INTERVAL

    def admit(self, host: str) -> bytes | None:
        """Count one more connection, which must be released later.

        Args:
            host: where it comes from; empty for a Unix socket, which has no address.

        Returns:
            ``None``; or, if there is no room for it, what to tell the peer. It is not counted then.
        """
        settings, places = self._service.settings, _places(host)
        per_address = settings.connections_per_address
        if settings.connections_max and self._count >= settings.connections_max:
            self._log_refusal(host)
            return FULL
        if any(
            0 < per_address * shares <= self._by_address.get(place, 0) for place, shares in places
        ):
            self._log_refusal(host)
            return CROWDED
        if per_address and self._is_too_fast(places, host):
            self._log_refusal(host)
            return CROWDED
        self.count(host)
        return None

    def count(self, host: str) -> None:
        """Count a connection that was admitted before, by another process."""
        self._count += 1
        for place, _shares in _places(host):
            self._by_address[place] = self._by_address.get(place, 0) + 1

    def release(self, host: str) -> None:
        """A connection that was admitted has gone."""
        self._count -= 1
        for place, _shares in _places(host):
            self._by_address[place] -= 1
            if not self._by_address[place]:
                del self._by_address[place]

    def trusts(self, host: str) -> bool:
        """Whether this is a proxy of ours, which says by the PROXY protocol who connects."""
        return _is_in(host, self._proxies)

    def believes(self, host: str) -> bool:
        """Whether this is a proxy of ours, which says by HTTP headers whose request it sends."""
        return _is_in(host, self._proxies) or _is_in(host, self._web_proxies)

    def _is_too_fast(self, places: list[tuple[str, int]], host: str) -> bool:
        """Count a new connection, and whether it is one too many for this minute.

        There is one line for each such address and minute, as fail2ban wants it (``deploy/fail2ban.conf``).
        """
        limit, now = self._service.settings.connections_per_minute, self._service.reactor.seconds()
        if not limit:
            return False
        if now >= self._window_ends or len(self._recent) >= ADDRESSES_MAX:
            self._recent.clear()
            self._window_ends = now + WINDOW
        is_too_fast = False
        for place, shares in places:
            count = self._recent[place] = self._recent.get(place, 0) + 1
            if count == limit * shares + 1:
                self.log.warn("too many new connections from {host}", host=host)
            is_too_fast = is_too_fast or count > limit * shares
        return is_too_fast

    def _log_refusal(self, host: str) -> None:
        """Log one line a second at the most: refusing must cost less than asking."""
        self._refused += 1
        self._service.metrics.refused.add()
        now = self._service.reactor.seconds()
        if now - self._logged_at >= _LOG_INTERVAL:
            self.log.warn(
                "{count} connections refused, the latest from {host}",
                count=self._refused,
                host=host or "a local socket",
            )
            self._logged_at, self._refused = now, 0


def _network(setting: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise SettingError(setting, f"cannot have {text!r}: {error}") from None


def _is_in(host: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    if not networks or not host:
        return False
    address = _parsed(host)
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )


def _parsed(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def counted_address(host: str) -> str:
    """What is counted as one address: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        host: an address; empty for a Unix socket.
    """
    if ":" not in host:
        return host
    address = _parsed(host)
    if not isinstance(address, IPv6Address):
        return host if address is None else str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)).network_address)


def counted_network(host: str) -> str:
    """What one customer may hold: an IPv4 address, or the /48 network of an IPv6 address.

    Args:
        host: as for ``counted_address``.
    """
    address = _parsed(host) if ":" in host else None
    if not isinstance(address, IPv6Address):
        return counted_address(host)
    return str(IPv6Network((int(address) >> 80 << 80, 48)))


def _places(host: str) -> list[tuple[str, int]]:
    """What a connection is counted under, each with how many times the limit of an address it has."""
    address, network = counted_address(host), counted_network(host)
    if not address:
        return []
    return [(address, 1)] if network == address else [(address, 1), (network, NETWORK_SHARES)]
