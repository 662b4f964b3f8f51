"""``cletus gateway``: the doors of a service whose primary runs elsewhere."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from cletus import events
from cletus.cli.main import HELP, refuse
from cletus.cli.options import ServiceCommand, given, implied, preset_of
from cletus.cli.program import Program
from cletus.cli.reactor import install_reactor
from cletus.cluster.bus import Bus
from cletus.cluster.connect import bus_for
from cletus.cluster.gateway_service import gateway_service
from cletus.cluster.relay import Relay
from cletus.doors.configured import configured_doors
from cletus.errors import CletusError, SettingError
from cletus.ops.prometheus import metrics_of
from cletus.ops.systemd import notifier_of
from cletus.reactor.clock import use_monotonic_clock
from cletus.service.interfaces import Attachment
from cletus.service.service import Service
from cletus.settings.files import from_environment
from cletus.settings.settings import Settings

_HELP: Final = """Accept connections for a service that runs elsewhere, as the primary of a cluster.

People stay connected here while the primary is replaced. Its options are the settings of every service;
--cluster and --cluster-name say which one it is for."""


class Gateway:
    """Joins a gateway's service to the cluster when it starts.

    Args:
        service: of ``gateway_service``.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._bus: Bus | None = None
        self._relay: Relay | None = None
        service.listen(events.PreStart)(self._open)
        service.listen(events.PostStop)(self._close)

    def _open(self, _event: Any) -> None:
        """Before anybody can connect."""
        settings = self._service.settings
        name = settings.gateway_name or f"{socket.gethostname()}-{os.getpid()}"
        self._bus = bus_for(settings, self._service.reactor, "")
        self._bus.open()
        self._relay = Relay(self._service, self._bus, name)
        self._relay.open()

    async def _close(self, _event: Any) -> None:
        """After everybody was told good-bye. An engine that is away is not waited for."""
        if self._bus is None or self._relay is None:
            return
        left = self._relay.close()
        left.addErrback(lambda _: None)
        left.addTimeout(_FAREWELL, self._service.reactor, lambda *_: None)
        await left
        await self._bus.close()


_FAREWELL: Final = 1.0


def _attachments_of(service: Service) -> Iterator[Attachment]:
    yield from metrics_of(service)
    yield from notifier_of(service)


def _run(**parameters: Any) -> None:
    try:
        service = gateway_service(configured_doors, _attachments_of)
        service.set("preset", {**implied(preset_of(parameters)), "reload": False, "control": False})
        service.set("environment", from_environment(os.environ))
        service.set("command line", {**given(parameters), "store": "memory:"})
        if not service.settings.cluster:
            raise SettingError("cluster", "is needed here: the URL of Valkey or Redis")
        Gateway(service)
        reactor = install_reactor(service.settings.reactor)
    except CletusError as error:
        refuse(error)
    use_monotonic_clock(reactor)
    sys.exit(Program(service, reactor).run())


gateway: click.Command = ServiceCommand(
    "gateway", Settings, callback=_run, help=_HELP, context_settings=HELP
)
