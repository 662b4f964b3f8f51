"""Which doors a service has, by its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cletus.doors.accept_limit import RESERVE, raise_limit
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.telnet import TelnetDoor
from cletus.errors import DoorError, SettingError

if TYPE_CHECKING:
    from cletus.service.interfaces import Door
    from cletus.service.service import Service

Maker = Callable[["Service", str, ConnectionLimiter], "Door"]

_MANY = 1 << 16

#: What ``--listen NAME:ENDPOINT`` can name.
KINDS: dict[str, Maker] = {
    "telnet": lambda service, endpoint, limiter: TelnetDoor(
        service, endpoint=endpoint, limiter=limiter
    ),
    "tls": lambda service, endpoint, limiter: TelnetDoor(
        service, endpoint=endpoint, tls=True, limiter=limiter
    ),
}


def doors_of(service: Service) -> Iterator[Door]:
    """The doors that the settings name: those of ``listen``, or else plain telnet; and TLS.

    Raises:
        DoorError: ``listen`` names a door that there is not.
        SettingError: ``tls_key`` is for no certificate.
    """
    settings = service.settings
    if settings.tls_key and not settings.tls_certificate:
        raise SettingError("tls_key", "is the key of no certificate; set tls_certificate, too")
    limiter = ConnectionLimiter(service)
    # Many systems give a process 1,024 file descriptors unless it asks for more.
    raise_limit((settings.connections_max or _MANY) + 2 * RESERVE)
    for entry in settings.listen:
        yield _listed(service, entry, limiter)
    if not settings.listen:
        yield TelnetDoor(service, limiter=limiter)
    has_tls = any(entry.startswith("tls:") for entry in settings.listen)
    if (settings.tls_certificate or settings.tls_self_signed) and not has_tls:
        yield TelnetDoor(service, tls=True, limiter=limiter)


def _listed(service: Service, entry: str, limiter: ConnectionLimiter) -> Door:
    name, _, endpoint = entry.partition(":")
    if name not in KINDS or not endpoint:
        known = " or ".join(f"{kind}:..." for kind in KINDS)
        raise DoorError(entry, f"say {known}, such as telnet:tcp:9000:interface=0.0.0.0")
    return KINDS[name](service, endpoint, limiter)
