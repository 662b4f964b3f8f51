"""What the service is, for those who ask by MSSP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cletus import events
from cletus.version import __version__

if TYPE_CHECKING:
    from cletus.service.service import Service


def status_of(service: Service) -> dict[str, Any]:
    """The variables of MSSP, as far as we know them; listeners to ``Status`` add theirs.

    A door that is to be told of has ``advertised``, such as ``{"TLS": 9443}``.
    """
    names = [root.name for root in service.session.application.roots]
    values: dict[str, Any] = {
        "NAME": service.settings.name or next(iter(names), "Cletus"),
        "PLAYERS": sum(getattr(client, "user", None) is not None for client in service.clients),
        "UPTIME": int(service.started_at),
        "CODEBASE": f"Cletus {__version__}",
    }
    for door in service.doors:
        values.update(getattr(door, "advertised", {}))
    service.fire(events.Status(service, values))
    return values
