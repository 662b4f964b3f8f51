"""A service in memory and the people in it: what most unit tests of the core begin with.

What it logs is the fixture ``log`` of ``pytest_cletus``: a mistake that a test does not take fails it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytest_twisted import blockon
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from cletus import Service
from cletus.testing import Log, Person, start_in_memory


def pytest_configure() -> None:
    """What all tests begin with.

    Logging has begun, to nobody: till then Twisted keeps what is logged, and with it old code. And
    Ctrl-C is taken: a process that a shell has put into the background ignores it, and so would the
    services that the tests start. They have no page, unless they are tests of the page.
    """
    os.environ.setdefault("CLETUS_WEB_PORT", "0")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.get_freeze_count = lambda: 0  # see frozen_is_searched
    # How long an example takes depends on what else the machine does.
    slow = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("cletus", settings(), **slow)
    settings.load_profile("cletus")
    globalLogBeginner.beginLoggingTo((), discardBuffer=True, redirectStandardIO=False)


_freeze_count = gc.get_freeze_count
_module: list[Path] = []  # of the test before


@pytest.fixture
def frozen_is_searched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A reload that does not find what holds old code thaws everything and searches again.

    It does not in other tests, since the tests themselves are what is frozen: hundreds of megabytes.
    """
    monkeypatch.setattr(gc, "get_freeze_count", _freeze_count)
    yield
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What has been there before a module of tests is not part of an application: no reload looks through it.

    And what a failed test leaves open fails no other: its traceback holds it, and pytest keeps that.
    Without this, the warning of an unclosed socket would come when another test runs.
    """
    from twisted.internet import reactor  # pytest-twisted has chosen it by now

    if _module != [item.path]:
        _module[:] = [item.path]
        gc.collect()
        gc.freeze()
    failures = item.session.testsfailed
    ran = yield
    if item.session.testsfailed > failures:
        for name in ("last_exc", "last_value", "last_traceback"):
            vars(sys).pop(name, None)
        blockon(deferLater(reactor, 0))  # the reactor is still in the call that told of the failure
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    return ran


@pytest.fixture
def clock() -> Clock:
    """Time that only moves when a test advances it."""
    return Clock()


@pytest.fixture
def start(clock: Clock, log: Log) -> Iterator[Callable[..., Service]]:
    """Starts a service in memory, without doors; keywords are settings."""
    services: list[Service] = []

    def start(**settings: object) -> Service:
        service = Service()
        services.append(service)
        start_in_memory(service, clock, **settings)
        return service

    yield start
    for service in services:
        service.stop()
        clock.advance(100)


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    """A running service with the usual settings."""
    return start()


@pytest.fixture
def come(clock: Clock) -> Callable[..., Person]:
    """Somebody comes into a service."""

    def come(service: Service, address: str = "memory") -> Person:
        return Person(service, clock, address)

    return come


def result_of(deferred: Deferred[Any]) -> Any:
    """What a Deferred has fired with; it fails the test if it has not, or failed."""
    results: list[object] = []
    deferred.addBoth(results.append)
    assert results, "it has not fired"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
