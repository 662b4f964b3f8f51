"""What is logged while a test runs, and which log events are errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure


class Log:
    """What has been logged.

    With the pytest plugin, an error in the log fails the test, unless the test takes it out with
    ``take_failures()``.

    Attributes:
        events: Twisted's log events, in order.
    """

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    @contextmanager
    def listening(self) -> Iterator[Log]:
        """A context manager in which everything that is logged is added to ``events``."""
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
        """The messages, one on a line, with their tracebacks."""
        return "\n".join(filter(None, (part for event in self.events for part in _in_full(event))))

    @property
    def failures(self) -> list[Failure]:
        """The failures that were logged, in order."""
        return [event["log_failure"] for event in self.events if "log_failure" in event]

    def take_failures(self) -> list[str]:
        """Take the errors out of the log. Returns each as ``message: error``."""
        return [_message(event) for event in self._take()]

    def take_tracebacks(self) -> list[str]:
        """As ``take_failures()``, with tracebacks."""
        return ["\n".join(filter(None, _in_full(event))) for event in self._take()]

    def _take(self) -> list[LogEvent]:
        taken = [event for event in self.events if _is_error(event)]
        self.events[:] = [event for event in self.events if not _is_error(event)]
        return taken


def _is_error(event: LogEvent) -> bool:
    return "log_failure" in event or event.get("log_level") in (LogLevel.error, LogLevel.critical)


def _message(event: LogEvent) -> str:
    failure = event.get("log_failure")
    error = "" if failure is None else f": {failure.type.__name__}: {failure.getErrorMessage()}"
    return f"{formatEvent(event)}{error}"


def _in_full(event: LogEvent) -> tuple[str, str]:
    failure = event.get("log_failure")
    return _message(event), "" if failure is None else failure.getTraceback().rstrip()
