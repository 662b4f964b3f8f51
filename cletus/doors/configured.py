"""The doors that the settings of a service ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

from cletus.doors.accept_limit import RESERVE, raise_limit
from cletus.doors.admission import ConnectionLimiter
from cletus.doors.telnet import TelnetDoor
from cletus.errors import DoorError, SettingError

if TYPE_CHECKING:
    from cletus.service.interfaces import Door
    from cletus.service.service import Service

#: File descriptors asked of the system when ``connections_max`` says that there is no limit.
_DESCRIPTORS = 1 << 16

DoorType = Callable[["Service", str, ConnectionLimiter], "Door"]


def _telnet(service: Service, endpoint: str, limiter: ConnectionLimiter) -> Door:
    return TelnetDoor(service, endpoint=endpoint, limiter=limiter)


def _tls(service: Service, endpoint: str, limiter: ConnectionLimiter) -> Door:
    return TelnetDoor(service, endpoint=endpoint, tls=True, limiter=limiter)


def _web(service: Service, endpoint: str, limiter: ConnectionLimiter) -> Door:
    return _web_door(service, endpoint=endpoint, limiter=limiter)


def _web_door(service: Service, **arguments: Any) -> Door:
    """h11 and websockets take 60 ms to import, so they are imported when there is a web door."""
    door: Door = resolve_name("cletus.doors.web.door:WebDoor")(service, **arguments)
    return door


def _ssh(service: Service, endpoint: str, limiter: ConnectionLimiter) -> Door:
    return _ssh_door(service, endpoint=endpoint, limiter=limiter)


def _ssh_door(service: Service, **arguments: Any) -> Door:
    """Conch and cryptography are an extra, so they are imported when there is an SSH door."""
    try:
        factory = resolve_name("cletus.doors.ssh.door:SshDoor")
    except ImportError as error:
        reason = "SSH needs an extra: pip install 'cletus-live[ssh]'"
        raise DoorError("ssh", reason) from error
    door: Door = factory(service, **arguments)
    return door


#: The names that ``--listen NAME:ENDPOINT`` takes.
DOOR_TYPES: Final[dict[str, DoorType]] = {"telnet": _telnet, "tls": _tls, "web": _web, "ssh": _ssh}


def configured_doors(service: Service) -> Iterator[Door]:
    """The doors in the setting ``listen``, or else telnet, the web and SSH; and TLS with a certificate.

    Raises:
        DoorError: ``listen`` names an unknown door, or SSH is wanted and its extra is not installed.
        SettingError: ``tls_key`` is set and ``tls_certificate`` is not.
    """
    settings = service.settings
    if settings.tls_key and not settings.tls_certificate:
        raise SettingError("tls_key", "is the key of no certificate; set tls_certificate, too")
    limiter = ConnectionLimiter(service)
    # Many systems give a process 1,024 file descriptors unless it asks for more.
    raise_limit((settings.connections_max or _DESCRIPTORS) + 2 * RESERVE)
    for entry in settings.listen:
        yield _listed(service, entry, limiter)
    if not settings.listen:
        yield TelnetDoor(service, limiter=limiter)
        if settings.web_port:
            # Two services on one machine both get a page, unless somebody has chosen the port.
            fall_back = not service.sources.is_set("web_port")
            yield _web_door(service, fall_back=fall_back, limiter=limiter)
        if settings.ssh_port:
            fall_back = not service.sources.is_set("ssh_port")  # only --dev has asked for it
            yield _ssh_door(service, fall_back=fall_back, limiter=limiter)
    has_tls = any(entry.startswith("tls:") for entry in settings.listen)
    if (settings.tls_certificate or settings.tls_self_signed) and not has_tls:
        yield TelnetDoor(service, tls=True, limiter=limiter)


def _listed(service: Service, entry: str, limiter: ConnectionLimiter) -> Door:
    name, _, endpoint = entry.partition(":")
    if name not in DOOR_TYPES or not endpoint:
        known = " or ".join(f"{name}:..." for name in DOOR_TYPES)
        raise DoorError(entry, f"say {known}, such as telnet:tcp:9000:interface=0.0.0.0")
    return DOOR_TYPES[name](service, endpoint, limiter)
