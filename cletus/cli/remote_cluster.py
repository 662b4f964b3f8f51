"""Asks the primary of a cluster, from any machine that reaches its engine."""

from __future__ import annotations

import getpass
import secrets
import socket
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError  # noqa: A004 - this is what addTimeout() raises
from twisted.internet.error import ReactorNotRunning

from cletus.cli.reactor import install_reactor
from cletus.cluster.connect import bus_for
from cletus.cluster.requests import ask
from cletus.errors import NoAnswer, without_passwords
from cletus.ops.control.messages import Request
from cletus.settings.settings import Settings


def ask_cluster(settings: Settings, name: str, request: Request, timeout: float) -> Any:
    """Ask the primary; its answer.

    Args:
        settings: of the cluster.
        name: of the service, if they do not say it.
        request: what is asked for.
        timeout: seconds to wait for the answer.

    Raises:
        SettingError: a setting is wrong.
        NoAnswer: none came in time, or the command was interrupted.
        ControlRefused: the primary refuses.
    """
    reactor: Any = install_reactor("default")
    bus = bus_for(settings, reactor, name)
    results: list[Any] = []
    failures: list[Any] = []
    silence = 0.0

    def ended(_: object) -> Deferred[None]:
        nonlocal silence
        silence = bus.silence
        return bus.close()

    def stop(_: object) -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    def begin() -> None:
        bus.open()
        operator = f"{getpass.getuser()} at {socket.gethostname()}"
        asking = Deferred.fromCoroutine(ask(bus, secrets.token_hex(8), operator, request))
        asking.addTimeout(timeout, reactor)
        asking.addCallbacks(results.append, failures.append)
        asking.addCallback(ended).addBoth(stop)

    reactor.callWhenRunning(begin)
    reactor.run()
    if results:
        return results[0]
    if not failures:  # by a signal, which stops the reactor
        raise NoAnswer("interrupted before the primary has answered")
    if not failures[0].check(TimeoutError):
        failures[0].raiseException()
    if silence:
        engine = without_passwords(settings.cluster)
        raise NoAnswer(f"the engine has not answered within {timeout:g} seconds: {engine}")
    raise NoAnswer(
        f"no primary has answered within {timeout:g} seconds: is there a process of "
        f"{settings.cluster_name or name}, with the same `cluster`, `cluster_name` and `cluster_key`?"
    )
