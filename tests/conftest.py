"""A service in memory and the people in it: what most unit tests of the core begin with.

What it logs is the fixture ``log`` of ``pytest_cletus``: a mistake that a test does not take fails it.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
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
    gc.unfreeze = _noting_unfreeze
    # How long an example takes depends on what else the machine does.
    slow = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("cletus", settings(), **slow)
    settings.load_profile("cletus")
    globalLogBeginner.beginLoggingTo((), discardBuffer=True, redirectStandardIO=False)


def pytest_collection_finish() -> None:
    """What the tests are made of is never garbage: each of the many collections need not see it."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A test that searched for what holds old code has thawed it all: a second collection is dear."""
    if _thawed:
        _thawed.clear()
        gc.collect()
        gc.freeze()


_thawed: list[bool] = []
_unfreeze = gc.unfreeze


def _noting_unfreeze() -> None:
    """``gc.get_freeze_count()`` counts for milliseconds; this tells in no time."""
    _unfreeze()
    _thawed.append(True)


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
