"""``cletus run TARGET --workers N``: the parent, and its gateways.

The process of the command becomes the parent, after it has imported the application to know its settings;
that is forgotten by ``exec``. The parent starts the primary with the same command, and the gateways with this
module.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn

import click
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cletus.cli.panel import Listening
from cletus.cli.reactor import install_reactor
from cletus.cluster.gateway_service import gateway_service
from cletus.cluster.local import LocalBus, adopt
from cletus.cluster.relay import Relay
from cletus.cluster.relay_door import LocalRelayDoor
from cletus.cluster.shared_ports import SharingReactor
from cletus.cluster.supervisor import Supervisor, python
from cletus.doors.configured import configured_doors
from cletus.errors import CletusError
from cletus.logs import begin_logging
from cletus.ops.systemd import notify, watchdog_of
from cletus.reactor.clock import use_monotonic_clock
from cletus.restart.channel import Channel
from cletus.restart.predecessor import Predecessor
from cletus.restart.predecessor import Program as StartedProgram
from cletus.restart.successor import Successor, channel_of
from cletus.service.interfaces import Door
from cletus.service.service import Service
from cletus.service.succession import hub_descriptor

_GATEWAY: Final = "gateway"

_ORDERS: Final = "_CLETUS_GATEWAY"
"""In the environment of a gateway that is to take over: what the parent has told the one before, as JSON."""

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
        self._program = StartedProgram.present()
        self._service: Service | None = None
        self._bus = LocalBus(self._told, self._stop_reactor)
        channel = channel_of()
        if channel is None:
            adopt(reactor, descriptor, self._bus)
            os.close(descriptor)
        else:
            reactor.callWhenRunning(self._take_over, channel)

    def restart(self) -> None:
        """Hand everything to a new process, which is started as this one was."""
        if self._service is not None:
            self._service.restart()

    def _told(self, words: dict[str, Any]) -> None:
        if "settings" in words:
            os.environ[_ORDERS] = json.dumps(words)  # for the next process
            Deferred.fromCoroutine(self._start(words)).addErrback(self._failed)
        elif "stop" in words:
            self._stop()

    def _relay_for(self, words: dict[str, Any]) -> Relay:
        """Make the service, and its relay."""

        def doors(service: Service) -> Iterator[Door]:
            yield LocalRelayDoor(lambda: relay, self._bus)
            yield from configured_doors(service)

        service = self._service = gateway_service(doors, **words["settings"])
        begin_logging(service)
        relay = Relay(service, self._bus, words["name"])
        return relay

    def _take_over(self, channel: Channel) -> None:
        """Take over from another process of this gateway; this one ends if it cannot."""
        service = self._relay_for(json.loads(os.environ[_ORDERS])).service
        reactor = SharingReactor(self._reactor, is_first=False)
        successor = Successor(service, reactor, self._program, channel)
        successor.start().addErrback(_log_failure)

    async def _start(self, words: dict[str, Any]) -> None:
        relay = self._relay_for(words)
        service, reactor = relay.service, SharingReactor(self._reactor, is_first=words["first"])
        starting = service.start(reactor)
        relay.open()  # before anybody can connect
        await starting
        service.lifecycle.restarter = Predecessor(service, reactor, self._program)
        ports = {
            _PORTS[name]: port
            for door in service.doors
            for name, port in getattr(door, "advertised", {}).items()
            if name in _PORTS
        }
        listening = Listening.of(service)
        self._bus.tell_parent(
            listening=list(listening.addresses), urls=list(listening.urls), ports=ports
        )

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
    supervisor = Supervisor(reactor, arguments, gateway, count, _tell_started)

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
    _log.failure("What was to go on has failed", failure=failure)


def _tell_started(addresses: list[str]) -> None:
    notify("READY=1", f"STATUS=listening on {', '.join(addresses)}")


def _run_gateway() -> int:
    reactor = install_reactor("default")
    use_monotonic_clock(reactor)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # the parent ends it
    program = GatewayProgram(reactor, hub_descriptor())
    signal.signal(signal.SIGUSR2, lambda *_: reactor.callFromThread(program.restart))
    reactor.run(installSignalHandlers=False)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == _GATEWAY:
        sys.exit(_run_gateway())
    sys.exit(_run_parent(int(sys.argv[1]), sys.argv[2:]))
