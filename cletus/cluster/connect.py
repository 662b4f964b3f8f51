"""From settings to a bus, and to the part that this process has in a cluster.

It is imported where the setting ``cluster`` is set, and is what imports hiredis and cryptography.
"""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

from cletus.cluster.bus import Bus
from cletus.cluster.primary import Primary
from cletus.errors import SettingError
from cletus.service.service import Service
from cletus.settings.settings import Settings


def bus_for(settings: Settings, reactor: Any, name: str) -> Bus:
    """The bus that the settings name, not opened yet.

    Args:
        settings: those of the cluster.
        reactor: Twisted's.
        name: of the service, if ``cluster_name`` does not say it.

    Raises:
        SettingError: a setting is wrong or missing, or a package that it needs.
    """
    try:
        address_class = resolve_name("cletus.cluster.address:Address")
        bus_class = resolve_name("cletus.cluster.valkey:ValkeyBus")
        sealing = resolve_name("cletus.cluster.sealing")
    except ImportError as error:
        reason = f"needs {error.name}, which is not installed: pip install 'cletus-live[cluster]'"
        raise SettingError("cluster", reason) from None
    address = address_class.of(settings.cluster)
    if settings.cluster_key:
        seal = sealing.AesSeal(sealing.key_of(settings.cluster_key))
    elif address.is_local:
        seal = sealing.NoSeal()
    else:
        reason = (
            "is needed, since `cluster` names another machine, and all that people type goes there"
        )
        raise SettingError("cluster_key", reason)
    name = settings.cluster_name or name
    if not name or not name.isprintable() or set(name) & set("{} *?[]"):
        raise SettingError(
            "cluster_name", "is needed here: the name of the service, such as its package"
        )
    bus: Bus = bus_class(
        address,
        reactor,
        name=name,
        seal=seal,
        backlog=settings.cluster_backlog,
        authority=settings.cluster_ca,
    )
    return bus


def cluster_of(service: Service) -> Primary:
    """The cluster of a service that its settings ask for. Raises as ``bus_for`` does."""
    roots = service.session.application.roots
    name = roots[0].name if roots else ""
    return Primary(service, bus_for(service.settings, service.reactor, name))
