"""What is logged while a test runs, and which of it is a mistake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure


class Log:
    """What has been logged.

    A mistake that a test does not take out of here fails the test: what is logged is half of what
    the code promises about mistakes.

    Attributes:
        events: Twisted's log events, in order.
    """

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    @contextmanager
    def listening(self) -> Iterator[Log]:
        """While this is entered, what is logged goes into it."""
        observer: Any = self.events.append  # zope's interfaces are unknown to mypy
        globalLogPublisher.addObserver(observer)
        try:
            yield self
        finally:
            globalLogPublisher.removeObserver(observer)

    @property
    def lines(self) -> list[str]:
        """The messages, without tracebacks."""
        return [formatEvent(event) for event in self.events]

    @property
    def text(self) -> str:
        """The messages, a line each, with the tracebacks of those that have one."""
        return "\n".join(filter(None, (one for e in self.events for one in _in_full(e))))

    @property
    def failures(self) -> list[Failure]:
        """The failures of those that came with one."""
        return [event["log_failure"] for event in self.events if "log_failure" in event]

    def take_failures(self) -> list[str]:
        """Each mistake as ``message: error``, and it is no mistake any more that they were logged."""
        return [_in_words(event) for event in self._take()]

    def take_tracebacks(self) -> list[str]:
        """As ``take_failures()``, with the tracebacks of those that have one."""
        return ["\n".join(filter(None, _in_full(event))) for event in self._take()]

    def _take(self) -> list[LogEvent]:
        taken = [event for event in self.events if _is_mistake(event)]
        self.events[:] = [event for event in self.events if not _is_mistake(event)]
        return taken


def _is_mistake(event: LogEvent) -> bool:
    return "log_failure" in event or event.get("log_level") in (LogLevel.error, LogLevel.critical)


def _in_words(event: LogEvent) -> str:
    failure = event.get("log_failure")
    error = "" if failure is None else f": {failure.type.__name__}: {failure.getErrorMessage()}"
    return f"{formatEvent(event)}{error}"


def _in_full(event: LogEvent) -> tuple[str, str]:
    failure = event.get("log_failure")
    return _in_words(event), "" if failure is None else failure.getTraceback().rstrip()
