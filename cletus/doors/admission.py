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
        settings, address = self._service.settings, counted_address(host)
        from_there = self._by_address.get(address, 0)
        if settings.connections_max and self._count >= settings.connections_max:
            self._log_refusal(host)
            return FULL
        if address and 0 < settings.connections_per_address <= from_there:
            self._log_refusal(host)
            return CROWDED
        if address and settings.connections_per_address and self._is_too_fast(address, host):
            self._log_refusal(host)
            return CROWDED
        self.count(host)
        return None

    def count(self, host: str) -> None:
        """Count a connection that was admitted before, by another process."""
        address = counted_address(host)
        self._count += 1
        if address:
            self._by_address[address] = self._by_address.get(address, 0) + 1

    def release(self, host: str) -> None:
        """A connection that was admitted has gone."""
        self._count -= 1
        address = counted_address(host)
        if not address:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def trusts(self, host: str) -> bool:
        """Whether this is a proxy of ours, which says by the PROXY protocol who connects."""
        return _is_in(host, self._proxies)

    def believes(self, host: str) -> bool:
        """Whether this is a proxy of ours, which says by HTTP headers whose request it sends."""
        return _is_in(host, self._proxies) or _is_in(host, self._web_proxies)

    def _is_too_fast(self, address: str, host: str) -> bool:
        """Count a new connection, and whether it is one too many for this minute.

        There is one line for each such address and minute, as fail2ban wants it (``deploy/fail2ban.conf``).
        """
        limit, now = self._service.settings.connections_per_minute, self._service.reactor.seconds()
        if not limit:
            return False
        if now >= self._window_ends or len(self._recent) >= ADDRESSES_MAX:
            self._recent.clear()
            self._window_ends = now + WINDOW
        count = self._recent[address] = self._recent.get(address, 0) + 1
        if count == limit + 1:
            self.log.warn("too many new connections from {host}", host=host)
        return count > limit

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
