"""``cletus gateway``: the doors of a service whose primary runs elsewhere."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

import click
from twisted.logger import Logger

from cletus import events
from cletus.cli.main import HELP, refuse
from cletus.cli.options import ServiceCommand, given, implied, preset_of
from cletus.cli.program import Program
from cletus.cli.reactor import install_reactor
from cletus.cluster.bus import Bus
from cletus.cluster.connect import bus_for
from cletus.cluster.gateway_service import gateway_service
from cletus.cluster.relay import Relay
from cletus.cluster.relay_door import RelayDoor
from cletus.doors.configured import configured_doors
from cletus.errors import CletusError, SettingError
from cletus.ops.prometheus import metrics_of
from cletus.ops.systemd import notifier_of
from cletus.reactor.clock import use_monotonic_clock
from cletus.service.interfaces import Attachment, Door
from cletus.service.lifecycle import State
from cletus.service.service import Service
from cletus.settings.files import from_environment
from cletus.settings.settings import Settings
from cletus.text.plural import counted

_HELP: Final = """Accept connections for a service that runs elsewhere, as the primary of a cluster.

People stay connected here while the primary is replaced. Its options are the settings of every service;
--cluster and --cluster-name say which one it is for."""


_log = Logger()

DRAINED: Final = (
    "(This connection ends when the machine that holds it does, soon. Whenever it suits you, disconnect "
    "and connect again: you will come by another.)"
)


class Gateway:
    """Joins a gateway's service to the cluster when it starts.

    ``SIGUSR1`` drains it: nobody is accepted any more, and the last one who leaves ends it.

    Attributes:
        bus: to the primary; it is set before the start, and not open yet.
    """

    bus: Bus

    def __init__(self) -> None:
        self._relay: Relay | None = None
        self.service = gateway_service(self._doors, _attachments_of)
        self.service.listen(events.PreStart)(self._open)
        self.service.listen(events.PostStop)(self._close)
        self._is_draining = False

    def drain(self) -> None:
        """Accept nobody any more, and stop when all have left, or after ``gateway_drain`` seconds."""
        service = self.service
        if self._is_draining or service.state is not State.RUNNING:
            return
        self._is_draining = True
        _log.info("Draining: {present}", present=counted(len(service.clients), "connection"))
        for door in service.doors:
            if not isinstance(door, RelayDoor):
                closed = door.close()
                closed.addErrback(lambda failure: _log.failure("A door is not closed", failure))
        service.write_all(DRAINED)
        service.listen(events.PreRestart)(_refuse_restart)
        service.listen(events.Disconnect)(self._left)
        if limit := service.settings.gateway_drain:
            service.call_later(limit, service.stop)
        self._left(None)

    def _left(self, _event: Any) -> None:
        # Who has just gone is still among the clients.
        self.service.call_later(0, self._stop_if_empty)

    def _stop_if_empty(self) -> None:
        if not self.service.clients:
            self.service.stop()

    def _doors(self, service: Service) -> Iterator[Door]:
        yield RelayDoor(self._relay_of_this_process)
        yield from configured_doors(service)

    def _relay_of_this_process(self) -> Relay:
        assert self._relay is not None  # noqa: S101 - doors are opened after PreStart
        return self._relay

    def _open(self, event: events.PreStart) -> None:
        """Before anybody can connect; after another process of this gateway, the door gets its ledger."""
        service = self.service
        name = service.settings.gateway_name or f"{socket.gethostname()}-{os.getpid()}"
        self.bus.open()
        self._relay = Relay(service, self.bus, name)
        if not event.restarted:
            self._relay.open()

    async def _close(self, _event: Any) -> None:
        """After everybody was told good-bye. An engine that is away is not waited for."""
        if self._relay is None:
            return
        left = self._relay.close()
        left.addErrback(lambda _: None)
        left.addTimeout(_FAREWELL, self.service.reactor, lambda *_: None)
        await left
        await self.bus.close()


_FAREWELL: Final = 1.0


def _refuse_restart(event: events.PreRestart) -> None:
    event.veto("this gateway is being drained")


def _attachments_of(service: Service) -> Iterator[Attachment]:
    yield from metrics_of(service)
    yield from notifier_of(service)


def _run(**parameters: Any) -> None:
    try:
        gateway = Gateway()
        service = gateway.service
        service.set("preset", {**implied(preset_of(parameters)), "reload": False, "control": False})
        service.set("environment", from_environment(os.environ))
        service.set("command line", {**given(parameters), "store": "memory:"})
        if not service.settings.cluster:
            raise SettingError("cluster", "is needed here: the URL of Valkey or Redis")
        reactor = install_reactor(service.settings.reactor)
        gateway.bus = bus_for(service.settings, reactor, "")
    except CletusError as error:
        refuse(error)
    use_monotonic_clock(reactor)
    # A handler may run between any two instructions, so it only asks the reactor.
    signal.signal(signal.SIGUSR1, lambda *_: reactor.callFromThread(gateway.drain))
    sys.exit(Program(service, reactor).run())


gateway: click.Command = ServiceCommand(
    "gateway", Settings, callback=_run, help=_HELP, context_settings=HELP
)
