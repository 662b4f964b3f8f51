"""A service in memory, the people in it, and what it logs: what most unit tests of the core begin with."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from cletus import Service
from cletus.testing import Person, start_in_memory


def pytest_collection_finish() -> None:
    """What the tests are made of is never garbage: each of the many collections need not see it."""
    gc.collect()
    gc.freeze()


class Log:
    """What has been logged.

    A mistake that a test does not take out of here fails the test: what is logged is half of what
    the code promises about mistakes.
    """

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    @property
    def lines(self) -> list[str]:
        """The messages, without tracebacks."""
        return [formatEvent(event) for event in self.events]

    @property
    def failures(self) -> list[Failure]:
        """The failures of those that came with one."""
        return [event["log_failure"] for event in self.events if "log_failure" in event]

    def take_failures(self) -> list[str]:
        """Each mistake as ``message: error``, and it is no mistake any more that they were logged."""
        taken = [event for event in self.events if _is_mistake(event)]
        self.events = [event for event in self.events if not _is_mistake(event)]
        return [_in_words(event) for event in taken]


def _is_mistake(event: LogEvent) -> bool:
    return "log_failure" in event or event.get("log_level") in (LogLevel.error, LogLevel.critical)


def _in_words(event: LogEvent) -> str:
    failure = event.get("log_failure")
    error = "" if failure is None else f": {failure.type.__name__}: {failure.getErrorMessage()}"
    return f"{formatEvent(event)}{error}"


@pytest.fixture
def log() -> Iterator[Log]:
    """What is logged from now on; what a test has not taken of it must not be a mistake."""
    log = Log()
    globalLogPublisher.addObserver(log.events.append)
    yield log
    globalLogPublisher.removeObserver(log.events.append)
    assert log.take_failures() == []


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


def result_of(deferred: Deferred[object]) -> object:
    """What a Deferred has fired with; it fails the test if it has not, or failed."""
    results: list[object] = []
    deferred.addBoth(results.append)
    assert results, "it has not fired"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
