"""A service as a program: what it prints, what signals do, and its exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool

from cletus import Service, events
from cletus.cli import program
from cletus.cli.program import Program
from cletus.errors import DoorError
from cletus.service.interfaces import Components
from cletus.service.lifecycle import State
from cletus.testing import Person
from tests.conftest import Log


class Reactor(Clock):
    """A reactor that runs until it is stopped, and lets a test act meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[Callable[[], object]] = []
        self._when_running: list[Callable[[], object]] = []
        self._before_shutdown: list[Callable[[], Deferred[None]]] = []
        self._stopped = False

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        self._when_running.append(call)

    def addSystemEventTrigger(self, phase: str, event: str, call: Any) -> None:
        assert (phase, event) == ("before", "shutdown")
        self._before_shutdown.append(call)

    def callFromThread(self, call: Callable[..., object], *arguments: object) -> None:
        self.callLater(0, call, *arguments)

    def stop(self) -> None:
        if self._stopped:
            raise ReactorNotRunning
        self._stopped = True

    def run(self) -> None:
        for call in self._when_running:
            call()
        for act in self.acts:
            if self._stopped:
                break
            act()
            self.advance(1)
        assert self._stopped, "it would run for ever"
        waiting = [call() for call in self._before_shutdown]
        for _ in range(10):
            self.advance(1)
        assert all(deferred.called for deferred in waiting)


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The log goes where it goes in tests; signals are as before afterwards."""
    monkeypatch.setattr(program, "begin_logging", lambda *_: None)
    kept = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


@pytest.fixture
def idle(log: Log) -> Service:
    """A service without doors that was not started yet."""
    return _service_with(doors=lambda _: ())


def _service_with(doors: Any) -> Service:
    """A service in memory with these doors and nothing attached."""
    components = replace(Components.default, doors=doors, attachments=lambda _: ())
    return Service(store="memory:", reload=False, components=components)


def test_it_says_where_it_listens_and_stores(
    idle: Service, reactor: Reactor, capsys: pytest.CaptureFixture[str]
) -> None:
    reactor.acts = [reactor.stop]
    assert Program(idle, reactor).run() == 0
    assert capsys.readouterr().out == "Storing in memory:\nStop with Ctrl-C\n"
    assert idle.state is State.STOPPED


def test_a_folder_is_told_as_a_whole_path(
    idle: Service,
    reactor: Reactor,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    idle.configure(store="saved")
    reactor.acts = [reactor.stop]
    Program(idle, reactor).run()
    assert f"Storing in {tmp_path}/saved\n" in capsys.readouterr().out


def test_it_ends_when_the_application_stops_the_service(idle: Service, reactor: Reactor) -> None:
    reactor.acts = [idle.stop]
    assert Program(idle, reactor).run() == 0
    assert idle.state is State.STOPPED


def test_what_was_asked_for_wrongly_is_one_line_and_code_2(
    reactor: Reactor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Program(_service_with(_shut), reactor).run() == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "cletus: cannot listen on nowhere: it is shut\n")


def _shut(_: Service) -> Iterator[Any]:
    raise DoorError("nowhere", "it is shut")
    yield


def test_a_mistake_of_the_code_has_its_traceback_and_code_1(
    reactor: Reactor, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    assert Program(_service_with(lambda _: 1 / 0), reactor).run() == 1
    assert "division by zero" in capsys.readouterr().err
    assert "ZeroDivisionError" in log.take_failures()[0]


def test_a_stop_during_the_start_is_no_failure(
    idle: Service, reactor: Reactor, capsys: pytest.CaptureFixture[str]
) -> None:
    ready: Deferred[None] = Deferred()

    @idle.listen(events.PreStart)
    async def prestart(event: events.PreStart) -> None:
        await ready

    reactor.acts = [lambda: (idle.stop(), ready.callback(None))]
    assert Program(idle, reactor).run() == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("before", "after"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)],
    ids=["by default", "ignored"],
)
def test_a_second_ctrl_c_does_not_wait(
    idle: Service, reactor: Reactor, before: Any, after: Any
) -> None:
    """From the first on, it does what it does to any process."""
    signal.signal(signal.SIGINT, before)
    seen: list[object] = []

    @idle.listen(events.PreStop)
    def prestop(event: events.PreStop) -> None:
        seen.append(signal.getsignal(signal.SIGINT))

    reactor.acts = [reactor.stop]
    Program(idle, reactor).run()
    assert seen == [after]


def test_a_second_sigterm_is_the_same_stop(idle: Service, reactor: Reactor, log: Log) -> None:
    """Systemd sends one to each process of a service, and a parent hands on its own."""

    @idle.listen(events.PreStop)
    def prestop(event: events.PreStop) -> None:
        signal.raise_signal(signal.SIGTERM)

    def terminate() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    reactor.acts = [terminate]
    assert Program(idle, reactor).run() == 0
    assert idle.state is State.STOPPED
    assert log.take_failures() == []


def test_a_hangup_asks_for_a_reload(
    idle: Service, reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But only when the reactor is at it, since a signal may come anywhere."""
    asked: list[State] = []
    monkeypatch.setattr(Service, "reload", lambda self: asked.append(self.state))

    def hang_up() -> None:
        signal.raise_signal(signal.SIGHUP)
        assert asked == []

    reactor.acts = [hang_up, lambda: None, reactor.stop]
    assert Program(idle, reactor).run() == 0
    assert asked == [State.RUNNING]


def test_people_are_seen_off_before_the_end(idle: Service, reactor: Reactor) -> None:
    people: list[Person] = []
    reactor.acts = [lambda: people.append(Person(idle, reactor)), reactor.stop]
    running = Program(idle, reactor)

    @idle.listen(events.PreStop)
    def prestop(event: events.PreStop) -> None:
        reactor.callLater(1, people[0].new_text)

    assert running.run() == 0
    assert people[0].screen == "The service is going down. Goodbye!\n"
    assert people[0].transport.closed


def test_a_terminal_that_hangs_up_stops_it(
    idle: Service, reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGHUP means that, too, if there was a terminal and is none any more."""

    class Terminal:
        def __init__(self) -> None:
            self.is_there = True

        def isatty(self) -> bool:
            return self.is_there

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdin", terminal)
    asked: list[State] = []
    monkeypatch.setattr(Service, "reload", lambda self: asked.append(self.state))

    def hang_up() -> None:
        terminal.is_there = False
        signal.raise_signal(signal.SIGHUP)

    reactor.acts = [lambda: signal.raise_signal(signal.SIGHUP), hang_up]
    assert Program(idle, reactor).run() == 0
    assert asked == [State.RUNNING], "while the terminal is there, it is a request to reload"
    assert idle.state is State.STOPPED


def test_what_follows_the_run_may_take_longer_than_threads_have(
    idle: Service, reactor: Reactor, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is ended only if it waits for threads, and for nothing else."""
    ended, looked, looks = Event(), Event(), count()
    monkeypatch.setattr(program.os, "_exit", lambda _code: ended.set())
    waits = program._waits_for_threads

    def look() -> bool:
        if next(looks) == 3:
            looked.set()
        return waits()

    monkeypatch.setattr(program, "_waits_for_threads", look)
    idle.configure(stop_timeout=0.01)
    reactor.acts = [idle.stop]
    Program(idle, reactor).run()
    assert looked.wait(30)
    assert not ended.is_set()
    pool = ThreadPool(minthreads=1, maxthreads=1)
    pool.start()
    pool.callInThread(ended.wait, 30)
    pool.stop()
    assert ended.is_set()
    assert any("(stop_timeout) without the thread" in line for line in log.take_failures())
