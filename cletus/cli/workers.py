"""``cletus run TARGET --workers N``: the parent, and its gateways.

The process of the command becomes the parent, after it has imported the application to know its settings;
that is forgotten by ``exec``. The parent starts the primary with the same command, and the gateways with this
module.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any, Final, NoReturn

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cli.reactor import install_reactor
from cletus.cluster.gateway_service import gateway_service
from cletus.cluster.local import LocalBus, adopt
from cletus.cluster.relay import Relay
from cletus.cluster.shared_ports import SharingReactor
from cletus.cluster.supervisor import Supervisor, python
from cletus.doors.configured import configured_doors
from cletus.errors import CletusError
from cletus.logs import begin_logging
from cletus.ops.systemd import notify, watchdog_of
from cletus.reactor.clock import use_monotonic_clock
from cletus.restart.predecessor import Program as StartedProgram
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor

_GATEWAY: Final = "gateway"

#: The settings that a door's port is told to the other gateways by.
_PORTS: Final = {"PORT": "port", "TLS": "tls_port", "WEB": "web_port", "SSH": "ssh_port"}

_log = Logger()


def become_parent(service: Service) -> NoReturn:
    """Go on as the parent, without the application."""
    service.session.close()
    sys.stdout.flush()
    program = StartedProgram.present()
    count = str(service.settings.workers)
    os.execv(sys.executable, python("-m", "cletus.cli.workers", count, *program.arguments))  # noqa: S606 - our own


# -- a gateway ---------------------------------------------------------------------------------


class GatewayProgram:
    """The process of a gateway.

    Args:
        reactor: Twisted's.
        descriptor: of the socket to the parent.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._service: Service | None = None
        self._relay: Relay | None = None
        self._bus = LocalBus(self._told, self._stop_reactor)
        adopt(reactor, descriptor, self._bus)
        os.close(descriptor)

    def _told(self, words: dict[str, Any]) -> None:
        if "settings" in words:
            Deferred.fromCoroutine(self._start(words)).addErrback(self._failed)
        elif "stop" in words:
            self._stop()

    async def _start(self, words: dict[str, Any]) -> None:
        service = self._service = gateway_service(configured_doors, **words["settings"])
        begin_logging(service)
        relay = self._relay = Relay(service, self._bus, words["name"])
        starting = service.start(SharingReactor(self._reactor, is_first=words["first"]))
        relay.open()  # before anybody can connect
        await starting
        ports = {
            _PORTS[name]: port
            for door in service.doors
            for name, port in getattr(door, "advertised", {}).items()
            if name in _PORTS
        }
        self._bus.tell_parent(listening=[str(a) for a in service.addresses], ports=ports)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CletusError):
            _log.failure("The start of a gateway has failed", failure=failure)
        click.echo(f"cletus: {failure.getErrorMessage()}", err=True)
        self._bus.tell_parent(failed=failure.getErrorMessage())
        self._bus.close().addCallback(lambda _: self._stop_reactor())

    def _stop(self) -> None:
        """The primary has said goodbye to everybody."""
        if self._service is None:
            self._stop_reactor()
            return
        self._service.set("command line", {"stop_notice": ""})
        self._service.stop().addBoth(lambda _: self._stop_reactor())

    def _stop_reactor(self) -> None:
        with suppress(ReactorNotRunning):
            self._reactor.stop()


# -- the parent --------------------------------------------------------------------------------


def _run_parent(count: int, arguments: list[str]) -> int:
    reactor = install_reactor("default")
    use_monotonic_clock(reactor)
    begin_logging(gateway_service(lambda _service: ()))  # a service that does nothing
    gateway = python("-m", "cletus.cli.workers", _GATEWAY)
    supervisor = Supervisor(reactor, arguments, gateway, count, _show_started)

    def stop() -> None:
        notify("STOPPING=1")
        supervisor.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: reactor.callFromThread(stop))
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda number, _: reactor.callFromThread(supervisor.forward, number))
    reactor.callWhenRunning(supervisor.start)
    watchdog = watchdog_of()
    if watchdog:
        keep_alive = LoopingCall(notify, "WATCHDOG=1")
        keep_alive.clock = reactor
        keep_alive.start(watchdog / 2).addErrback(_log_failure)
    reactor.run(installSignalHandlers=False)
    return supervisor.exit_code


def _log_failure(failure: Failure) -> None:
    _log.failure("The keep-alives to the service manager have ended", failure=failure)


def _show_started(addresses: list[str]) -> None:
    notify("READY=1", f"STATUS=listening on {', '.join(addresses)}")
    for address in addresses:
        click.echo(f"Listening on {address}")
    click.echo("Stop with Ctrl-C")


def _run_gateway() -> int:
    reactor = install_reactor("default")
    use_monotonic_clock(reactor)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # the parent ends it
    program = GatewayProgram(reactor, hub_descriptor())
    reactor.run(installSignalHandlers=False)
    del program
    return 0


if __name__ == "__main__":
    if sys.argv[1] == _GATEWAY:
        sys.exit(_run_gateway())
    sys.exit(_run_parent(int(sys.argv[1]), sys.argv[2:]))
