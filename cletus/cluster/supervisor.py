"""The parent of a service on several processes of one machine: ``cletus run TARGET --workers N``.

It starts the primary, which has the application, and N gateways, which have the connections, and starts each of
them again when it dies. The bus between them is a hub in this process (``local.py``). So the primary may be
killed, and nobody is dropped.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cletus.cluster.local import Child, Hub, adopt
from cletus.errors import USAGE
from cletus.service.succession import HUB

HUNG: Final = 30.0
"""Seconds of silence after which a primary is killed. Our choice: longer than the import of a reload takes."""

BACKOFF: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before a process is started again, if it has died so many times in a row soon after its start."""

STEADY: Final = 30.0
"""Seconds after which the next death of a process is not in a row with the one before."""

ENDING: Final = 10.0
"""Seconds that a child has for its end, once its socket is closed or it was asked to stop."""

PRIMARY_NAME: Final = "primary"

_LOOK_EVERY: Final = 0.02
_log = Logger()


class _Process:
    """One child.

    Args:
        popen: the process.
        child: the hub's end of its socket.
    """

    def __init__(self, popen: subprocess.Popen[bytes], child: Child) -> None:
        self.popen = popen
        self.child = child
        self.started_at = time.monotonic()
        self.pid = (
            popen.pid
        )  # after a restart, the process is another one, and ``popen`` its minder


class Supervisor:
    """Starts the processes, and ends them.

    Args:
        reactor: Twisted's.
        arguments: the command of the primary.
        gateway: the command of a gateway.
        count: of gateways.
        started: called with the addresses when all of them listen, the first time.

    Attributes:
        exit_code: of this process: that of the primary.
        settings: those of the service, for gateways; ``None`` before the primary has told them.
    """

    def __init__(
        self,
        reactor: Any,
        arguments: Sequence[str],
        gateway: Sequence[str],
        count: int,
        started: Callable[[list[str]], None],
    ) -> None:
        self._reactor = reactor
        self._commands = {PRIMARY_NAME: tuple(arguments)}
        self._commands.update(
            {f"gateway-{number}": tuple(gateway) for number in range(1, count + 1)}
        )
        self._started = started
        self._hub = Hub(self._told, self._gone)
        self._processes: dict[str, _Process] = {}
        self._deaths: dict[str, int] = {}
        self._listening: dict[str, list[str]] = {}
        self._urls: dict[str, None] = {}
        self._ports: dict[str, int] = {}
        self._has_started = False
        self._is_stopping = False
        self._watch = LoopingCall(self._look)
        self.settings: dict[str, Any] | None = None
        self.exit_code = 0

    def start(self) -> None:
        """Start the primary; gateways follow when it serves."""
        self._spawn(PRIMARY_NAME)
        self._watch.clock = self._reactor
        self._watch.start(1.0, now=False).addErrback(self._failed)

    def stop(self) -> None:
        """End the service in order: first the primary, which says goodbye, then the gateways."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._signal(PRIMARY_NAME, signal.SIGTERM)
        if PRIMARY_NAME not in self._processes:
            self._stop_gateways()

    def forward(self, number: int) -> None:
        """Send a signal on to the primary."""
        self._signal(PRIMARY_NAME, number)

    # -- processes --------------------------------------------------------------------------

    def _spawn(self, name: str) -> None:
        if self._is_stopping or name in self._processes:
            return
        ours, theirs = socket.socketpair()
        environment = {**child_environment(os.environ), HUB: str(theirs.fileno())}
        with theirs:
            popen = subprocess.Popen(  # noqa: S603 - our own command line
                self._commands[name],
                env=environment,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # Ctrl-C is for the parent, which ends them in order
            )
        child = Child(self._hub, name)
        self._processes[name] = _Process(popen, child)
        with ours:
            adopt(self._reactor, ours.fileno(), child)
        if name != PRIMARY_NAME:
            child.say("say", self._orders(name))

    def _orders(self, name: str) -> dict[str, Any]:
        """What a gateway has to know. Ports that were free for the first one are those of all."""
        is_first = not self._ports
        return {
            "name": name,
            "settings": {**(self.settings or {}), **self._ports},
            "first": is_first,
        }

    def _signal(self, name: str, number: int) -> None:
        process = self._processes.get(name)
        if process is not None and process.popen.poll() is None:
            process.popen.send_signal(number)

    def _gone(self, child: Child) -> None:
        """The socket of a child is closed: it has ended, or is about to."""
        process = self._processes.get(child.name)
        if process is not None and process.child is child:
            self._wait(child.name, process, time.monotonic() + ENDING)

    def _wait(self, name: str, process: _Process, until: float) -> None:
        code = process.popen.poll()
        if code is None:
            if time.monotonic() > until:
                process.popen.kill()
            self._reactor.callLater(_LOOK_EVERY, self._wait, name, process, until)
            return
        del self._processes[name]
        self._ended(name, process, code)

    def _ended(self, name: str, process: _Process, code: int) -> None:
        if self._is_stopping:
            self._ended_in_order(name, code)
            return
        if name == PRIMARY_NAME and (code == 0 or not self._has_started):
            self.exit_code = code if code >= 0 else 1
            self._is_stopping = True
            self._stop_gateways()
            return
        _log.error("{name} has ended ({how}) and is started again", name=name, how=_how(code))
        if time.monotonic() - process.started_at > STEADY:
            self._deaths[name] = 0
        deaths = self._deaths.get(name, 0)
        self._deaths[name] = deaths + 1
        self._reactor.callLater(BACKOFF[min(deaths, len(BACKOFF) - 1)], self._spawn, name)

    def _ended_in_order(self, name: str, code: int) -> None:
        if name == PRIMARY_NAME:
            self.exit_code = self.exit_code or (code if code >= 0 else 1)
            self._stop_gateways()
        elif not self._processes:
            self._reactor.stop()

    def _stop_gateways(self) -> None:
        if not self._processes:
            self._reactor.stop()
        for name, process in self._processes.items():
            process.child.say("say", {"stop": True})
            self._reactor.callLater(ENDING, self._kill, name, process)

    def _kill(self, name: str, process: _Process) -> None:
        if self._processes.get(name) is process:
            process.popen.kill()

    def _look(self) -> None:
        """A primary that says nothing any more hangs; gateways take its successor for the same."""
        process = self._processes.get(PRIMARY_NAME)
        hub = self._hub
        if process is None or hub.primary is None or time.monotonic() - hub.heard_at < HUNG:
            return
        _log.error("the primary has been silent for {seconds:.0f} s: it is killed", seconds=HUNG)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

    # -- what children say ------------------------------------------------------------------

    def _told(self, child: Child, words: dict[str, Any]) -> None:
        if "pid" in words and child.name in self._processes:
            self._processes[child.name].pid = words["pid"]
        if "settings" in words:
            self.settings = words["settings"]
            self._spawn("gateway-1")
            self._spawn_others()
        if "listening" in words:
            self._listening[child.name] = words["listening"]
            self._urls.update(dict.fromkeys(words["urls"]))
            self._ports.update(words["ports"])
            self._spawn_others()
            self._note_started()
        if "failed" in words and not self._has_started:
            self.exit_code = USAGE
            self.stop()

    def _spawn_others(self) -> None:
        """Those after the first listen where it does."""
        if self._listening:
            for name in self._commands:
                if name not in self._processes and name != PRIMARY_NAME:
                    self._spawn(name)

    def _note_started(self) -> None:
        if not self._has_started and len(self._listening) == len(self._commands) - 1:
            self._has_started = True
            lines = dict.fromkeys(line for lines in self._listening.values() for line in lines)
            addresses = list(lines)
            if PRIMARY_NAME in self._processes:
                words = {"listening": addresses, "urls": list(self._urls)}
                self._processes[PRIMARY_NAME].child.say("say", words)
            self._started(addresses)

    def _failed(self, failure: Any) -> None:
        _log.failure("the supervisor has failed", failure=failure)


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the service manager waits for the parent alone."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("LISTEN_", "WATCHDOG_", "NOTIFY_"))
    }


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def python(*arguments: str) -> tuple[str, ...]:
    """The command that runs this Python with these arguments."""
    return (sys.executable, *arguments)
