"""Run a trial: start the process, bound its time and its output, and put its end into words."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from cletus.reload.code.sources import Sources
from cletus.reload.error_text import quoted
from cletus.reload.trial.child import GRACE, RESULT, Request
from cletus.service.service import Service

#: Bytes that the process may write as its result; past that, it is killed.
_RESULT_MAX: Final = 65536
#: Seconds that a new interpreter has to import Cletus, besides the time limits of the two imports.
_BEGIN: Final = 10.0

#: The first pickle has the path by which Cletus is found, the second one the request.
_COMMAND: Final = (
    "import os, pickle, sys; os.setsid(); sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from cletus.reload.trial.child import main; main()"
)
#: A frame as ``faulthandler`` writes it, the innermost first.
_FRAME: Final = re.compile(r'  File "(.*)", line (\d+) in (.*)')


def request_for(service: Service, sources: Sources, late: tuple[str, ...]) -> Request:
    """The request to try these sources as the service would reload them."""
    settings = service.settings
    limits = [seconds for seconds in (settings.reload_timeout, settings.call_timeout) if seconds]
    return Request(
        application=sources.application,
        late=late,
        sources=sources,
        arguments=tuple(sys.argv),
        reactor=type(service.reactor).__module__,
        folder=service.sources.folder,
        settings=service.sources.set_elsewhere(),
        import_timeout=settings.reload_timeout,
        reload_timeout=min(limits, default=0.0),
    )


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """How a trial has ended.

    Attributes:
        refusal: what refuses the edit, in words; "" if nothing does.
        written: real paths of the files that the modules have written; ``None`` if that is not known.
    """

    refusal: str
    written: frozenset[str] | None = None


class Trial(ProcessProtocol):
    """A process that imports an edit.

    Args:
        reactor: starts the process; an ``IReactorProcess``.
        request: the edit.
    """

    def __init__(self, reactor: Any, request: Request) -> None:
        self._reactor = reactor
        self._request = request
        self._result = b""
        self._ended: Deferred[TrialOutcome] = Deferred()
        self._limit: Any = None
        self._process: Any = None
        self._group = 0
        self._is_killed = False

    def payload(self) -> bytes:
        """What the process reads. Make it in a thread: it has the texts of all modules."""
        return pickle.dumps(sys.path) + pickle.dumps(self._request)

    def run(self, payload: bytes) -> Deferred[TrialOutcome]:
        """Start it.

        Returns:
            Fires when it has ended.
        """
        if self._is_killed:
            return succeed(TrialOutcome("the service is stopping"))
        with open(os.devnull, "wb") as nowhere:
            # What modules print is in the log when the service imports them.
            outputs = {1: nowhere.fileno(), 2: nowhere.fileno()}
            try:
                self._process = self._reactor.spawnProcess(
                    self,
                    sys.executable,
                    [sys.executable, "-c", _COMMAND],
                    env=None,
                    childFDs={0: "w", **outputs, RESULT: "r"},
                )
            except OSError as error:
                self._ended.callback(TrialOutcome(f"the edit cannot be tried: {error}"))
                return self._ended
        self._group = self._process.pid
        self._process.writeToChild(0, payload)
        self._process.closeChildFD(0)
        limits = (self._request.import_timeout, self._request.reload_timeout)
        if all(limits):
            seconds = _BEGIN + sum(limits) + 2 * GRACE
            self._limit = self._reactor.callLater(seconds, self.kill)
        return self._ended

    def kill(self) -> None:
        """End the process, and all that it has started."""
        self._is_killed = True
        self._kill_group()

    # -- called by Twisted ------------------------------------------------------------------

    def childDataReceived(self, _descriptor: int, data: bytes) -> None:
        """Keep what it writes as its result."""
        self._result += data
        if len(self._result) > _RESULT_MAX:
            self._result = b""
            self.kill()

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it has started may hold its descriptors."""
        self._kill_group()

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and all its output is here."""
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        self._ended.callback(self._outcome(reason.value))

    # -- inside -----------------------------------------------------------------------------

    def _kill_group(self) -> None:
        if self._process is None:
            return  # 0 would be our own group
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, signal.SIGKILL)
        with suppress(ProcessExitedAlready):  # it may not have made its group yet
            self._process.signalProcess("KILL")

    def _outcome(self, end: Any) -> TrialOutcome:
        text = self._result.decode(errors="replace")
        with suppress(ValueError, TypeError, KeyError):  # not what our part of it has written
            result = json.loads(text)
            written = result["written"]
            return TrialOutcome(result["refusal"], None if written is None else frozenset(written))
        return TrialOutcome(self._in_words(end, text))

    def _in_words(self, end: Any, text: str) -> str:
        location = quoted(_frames(text), self._request.application, self._request.sources)
        if "Timeout (" in text or self._is_killed:
            return f"{location}the import does not end, and cannot be interrupted"
        number = getattr(end, "signal", None)
        if number is not None:
            return f"{location}the import crashes the interpreter ({signal.Signals(number).name})"
        code = getattr(end, "exitCode", None)
        return f"{location}the import ends the process (exit code {code})"


def _frames(text: str) -> list[traceback.FrameSummary]:
    """The frames in the stacks that ``faulthandler`` has written, the innermost last."""
    return [
        traceback.FrameSummary(match[1], int(match[2]), match[3])
        for match in reversed(list(_FRAME.finditer(text)))
    ]
