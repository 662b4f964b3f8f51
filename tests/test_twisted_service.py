"""A Cletus service as a Twisted service: start, stop, failure, and who ends the process."""

from __future__ import annotations

import atexit
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.application.service import Service as TwistedService
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock

from cletus import Service, events
from cletus.errors import DoorError, StartFailed
from cletus.service.interfaces import Components, Door
from cletus.service.lifecycle import State
from cletus.testing import Person
from cletus.twisted_service import CletusService
from tests.conftest import Log


class Reactor(Clock):
    """The parts of a reactor that ``CletusService`` uses."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0
        self._waiting: list[Callable[[], object]] | None = []

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        if self._waiting is None:
            call()
        else:
            self._waiting.append(call)

    def callFromThread(self, call: Callable[[], object]) -> None:
        self.callLater(0, call)

    def stop(self) -> None:
        if self._waiting is not None or self.stops:
            raise ReactorNotRunning
        self.stops += 1

    def runs(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for call in waiting:
            call()


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def codes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes with which the process would end."""
    codes: list[int] = []
    monkeypatch.setattr(atexit, "register", lambda _, code: codes.append(code))
    return codes


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


def make_service(doors: Callable[[Service], Iterable[Door]] = lambda _: ()) -> Service:
    """A service in memory that has not been started."""
    components = replace(Components.default, doors=doors, attachments=lambda _: ())
    return Service(store="memory:", reload=False, components=components)


def shut(_: Service) -> Iterator[Any]:
    raise DoorError("nowhere", "it is shut")
    yield


def broken(_: Service) -> Iterator[Any]:
    yield 1 / 0


def test_it_starts_and_stops_beside_others(reactor: Reactor, log: Log) -> None:
    """Twisted waits for the stop: a client is connected, and must read the notice."""

    class Other(TwistedService):
        def startService(self) -> None:
            notes.append("other starts")

        def stopService(self) -> None:
            notes.append("other stops")

    notes: list[str] = []
    service = make_service()

    @service.listen(events.PostStart)
    def post_start(event: events.PostStart) -> None:
        notes.append("ours starts")

    @service.listen(events.PostStop)
    def post_stop(event: events.PostStop) -> None:
        notes.append("ours stops")

    all_of_them = MultiService()
    for one in (Other(), CletusService(service, reactor)):
        one.setServiceParent(all_of_them)
    all_of_them.privilegedStartService()
    all_of_them.startService()
    reactor.runs()
    assert service.state is State.RUNNING
    ann = Person(service, reactor)
    stopped: Any = all_of_them.stopService()
    assert not stopped.called
    ann.hangs_up()
    reactor.advance(1)
    assert stopped.called
    assert "The service is going down. Goodbye!" in ann.screen
    assert notes == ["other starts", "ours starts", "other stops", "ours stops"]
    assert reactor.stops == 0, "the process is left to the program that stops the service"


def test_it_stops_before_it_was_started(reactor: Reactor) -> None:
    stopped: Any = CletusService(make_service(), reactor).stopService()
    assert stopped.called


@pytest.mark.parametrize(
    ("doors", "code", "reason"),
    [(shut, 2, "cannot listen on nowhere: it is shut"), (broken, 1, "division by zero")],
)
def test_a_start_that_fails_at_once_ends_the_process(
    reactor: Reactor, log: Log, codes: list[int], doors: Any, code: int, reason: str
) -> None:
    """By an exception, with one line in the log; an error in the code has its traceback, too."""
    with pytest.raises(StartFailed) as caught:
        CletusService(make_service(doors), reactor).startService()
    assert isinstance(caught.value, SystemExit)
    assert (caught.value.code, str(caught.value)) == (code, reason)
    line, *traces = log.take_failures()
    assert line == f"cletus: {reason}"
    assert bool(traces) == (code == 1)
    assert codes == []


def test_a_start_that_fails_later_stops_the_reactor_and_sets_the_exit_code(
    reactor: Reactor, log: Log, codes: list[int]
) -> None:
    service, ready = make_service(shut), Deferred[None]()

    @service.listen(events.PreStart)
    async def pre_start(event: events.PreStart) -> None:
        await ready

    CletusService(service, reactor).startService()
    reactor.runs()
    assert reactor.stops == 0
    ready.callback(None)
    reactor.advance(0)
    assert (reactor.stops, codes) == (1, [2])
    assert log.take_failures() == ["cletus: cannot listen on nowhere: it is shut"]


def test_a_start_that_is_stopped_is_not_a_failure(
    reactor: Reactor, log: Log, codes: list[int]
) -> None:
    service, ready = make_service(), Deferred[None]()

    @service.listen(events.PreStart)
    async def pre_start(event: events.PreStart) -> None:
        await ready

    ours = CletusService(service, reactor)
    ours.startService()
    reactor.runs()
    stopped: Any = ours.stopService()
    ready.callback(None)
    reactor.advance(1)
    assert stopped.called
    assert (reactor.stops, codes) == (0, [])


def test_a_start_that_fails_among_others_is_only_logged(
    reactor: Reactor, log: Log, codes: list[int]
) -> None:
    CletusService(make_service(shut), reactor, owns_process=False).startService()
    reactor.runs()
    assert (reactor.stops, codes) == (0, [])
    assert log.take_failures() == ["cletus: cannot listen on nowhere: it is shut"]


@pytest.mark.parametrize(("owns", "stops"), [(True, 1), (False, 0)])
def test_an_application_that_stops_its_service_ends_its_own_process(
    reactor: Reactor, log: Log, owns: bool, stops: int
) -> None:
    service = make_service()
    CletusService(service, reactor, owns_process=owns).startService()
    reactor.runs()
    service.stop()
    reactor.advance(1)
    assert service.state is State.STOPPED
    assert reactor.stops == stops


def test_sighup_reloads_while_the_process_is_its_own(
    reactor: Reactor, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former handler is restored at the stop; among other services it is not replaced."""
    asked: list[str] = []
    monkeypatch.setattr(Service, "reload", lambda self: asked.append("reload"))
    signal.signal(signal.SIGHUP, lambda *_: asked.append("somebody else"))
    ours = CletusService(make_service(), reactor)
    ours.startService()
    signal.raise_signal(signal.SIGHUP)
    assert asked == [], "in the reactor, not in the handler"
    reactor.advance(0)
    ours.stopService()
    signal.raise_signal(signal.SIGHUP)
    CletusService(make_service(), reactor, owns_process=False).startService()
    signal.raise_signal(signal.SIGHUP)
    reactor.advance(0)
    assert asked == ["reload", "somebody else", "somebody else"]


def test_exit_functions_of_others_run_before_the_process_ends() -> None:
    """And the output is flushed; the exit code is as given."""
    code = (
        "import atexit; from cletus.twisted_service import _leave\n"
        "atexit.register(print, 'done')\n"
        "atexit.register(_leave, 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "done\n", "")
