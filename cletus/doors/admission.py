"""Who may come in: the budgets of connections, kept for all doors of a service together."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from twisted.logger import Logger

from cletus.errors import SettingError

if TYPE_CHECKING:
    from cletus.service.service import Service

FULL = b"Too many people are here at the moment. Please come back later.\r\n"
CROWDED = b"Too many people are here from your address. Please come back later.\r\n"

_LOG_INTERVAL = 1.0


class Doorkeeper:
    """Counts who is inside.

    Args:
        service: its settings hold at each moment; a reload may change them.

    Raises:
        SettingError: ``proxy_from`` has what is neither an address nor a network.
    """

    log = Logger()

    def __init__(self, service: Service) -> None:
        self._service = service
        self._inside = 0
        self._by_place: dict[str, int] = {}
        self._trusted = [_network(text) for text in service.settings.proxy_from]
        self._refused = 0
        self._logged = -_LOG_INTERVAL

    def admits(self, host: str) -> bytes | None:
        """Let somebody in, who must be let ``out`` again; or what to tell them instead.

        Args:
            host: where they come from; empty for those who have no address (Unix sockets).
        """
        settings, place = self._service.settings, _place(host)
        refusal = None
        if settings.connections_max and self._inside >= settings.connections_max:
            refusal = FULL
        elif (
            place
            and settings.connections_per_address
            and self._by_place.get(place, 0) >= settings.connections_per_address
        ):
            refusal = CROWDED
        if refusal is not None:
            self._note_refusal(host)
            return refusal
        self._inside += 1
        if place:
            self._by_place[place] = self._by_place.get(place, 0) + 1
        return None

    def out(self, host: str) -> None:
        """Somebody who was let in has gone."""
        self._inside -= 1
        place = _place(host)
        if not place:
            return
        self._by_place[place] -= 1
        if not self._by_place[place]:
            del self._by_place[place]

    def trusts(self, host: str) -> bool:
        """Whether this is a proxy of ours, which says by the PROXY protocol who connects."""
        if not self._trusted or not host:
            return False
        address = _address(host)
        return address is not None and any(
            address.version == network.version and address in network for network in self._trusted
        )

    def _note_refusal(self, host: str) -> None:
        """One log line a second at the most: refusing must cost less than asking."""
        self._refused += 1
        self._service.metrics.refused.add()
        now = self._service.reactor.seconds()
        if now - self._logged >= _LOG_INTERVAL:
            self.log.warn(
                "{count} connections refused, the latest from {host}",
                count=self._refused,
                host=host or "a local socket",
            )
            self._logged, self._refused = now, 0


def _network(text: str):  # type: ignore[no-untyped-def]  # one of two types that share no base
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise SettingError("proxy_from", f"cannot have {text!r}: {error}") from None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _place(host: str) -> str:
    """What is counted as one: an IPv4 address, or the /64 that an IPv6 address is of."""
    if ":" not in host:
        return host
    address = _address(host)
    if not isinstance(address, IPv6Address):
        return host if address is None else str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)).network_address)
