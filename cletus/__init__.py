"""Cletus: services that people connect to and talk in, whose code you edit while they are there.

This module names the components of a service: doors, reloader and command line, which the service
itself does not import.
"""

from collections.abc import Iterable, Iterator, Mapping
from pkgutil import resolve_name
from typing import Any

from cletus import events, renamed
from cletus.client.client import Client, write_all
from cletus.client.dialogue import Dialogue, step
from cletus.doors.configured import configured_doors
from cletus.errors import CletusError
from cletus.ops.control import control_of
from cletus.ops.prometheus import metrics_of
from cletus.ops.systemd import notifier_of
from cletus.reload import ReloadReport, ServiceReloader
from cletus.service.interfaces import Attachment, Cluster, Components, Door
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor
from cletus.settings.settings import Settings
from cletus.version import __version__

renamed.install()


def _attachments_of(service: Service) -> Iterator[Attachment]:
    """In the order of their opening; they are closed in reverse."""
    yield from control_of(service)
    yield from metrics_of(service)
    yield from notifier_of(service)  # the last: it says that everything is open


def _cluster_of(service: Service) -> Cluster | None:
    """Imported only where it is asked for: it needs packages that others do without."""
    if not service.settings.cluster:
        return None
    cluster: Cluster = resolve_name("cletus.cluster.connect:cluster_of")(service)
    return cluster


def _run(service: Service, settings: Mapping[str, Any]) -> None:
    """Run it by the command line, which is imported only now: most processes start elsewhere."""
    resolve_name("cletus.cli.run:run_service")(service, settings)


def _doors_of(service: Service) -> Iterable[Door]:
    """Those that the settings ask for; the primary of ``--workers`` has the gateways in their place."""
    if hub_descriptor() >= 0:
        return (resolve_name("cletus.cluster.local_primary:LocalDoor")(service),)
    return configured_doors(service)


Components.default = Components(
    doors=_doors_of,
    reloader=ServiceReloader,
    run=_run,
    attachments=_attachments_of,
    cluster=_cluster_of,
)

__all__ = [
    "CletusError",
    "Client",
    "Dialogue",
    "ReloadReport",
    "Service",
    "Settings",
    "__version__",
    "events",
    "step",
    "write_all",
]
