"""Documents that could not be written in the background: they are tried again, with growing pauses.

The application has been told that the save failed. But people have seen the new values already, so
nothing may be missing once the disk has room again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from cletus.errors import StoreIOError, StoreUnusable
from cletus.storage.interfaces import Document, Failure

FIRST_PAUSE = 1.0
"""Seconds until the first attempt; each further pause is twice as long as the one before."""

LONGEST_PAUSE = 60.0
"""Seconds between attempts at the most."""

_log = Logger()

Name = tuple[str, str]
"""A store and a key."""


class DelayedCall(Protocol):
    """What ``callLater`` returns (Twisted's ``IDelayedCall``)."""

    def active(self) -> bool:
        """Whether the call is still to be made."""

    def cancel(self) -> None:
        """Do not make the call."""


class Clock(Protocol):
    """The reactor, or ``twisted.internet.task.Clock``."""

    def seconds(self) -> float:
        """The time now."""

    def callLater(self, delay: float, callable: Callable[[], object], /) -> DelayedCall:  # noqa: A002 - Twisted's name
        """Make the call after that many seconds."""


class Retries:
    """The failed documents of a ``Writer``.

    Args:
        clock: the reactor.
        try_again: called with all failed documents when a pause is over.
    """

    def __init__(self, clock: Clock, try_again: Callable[[], object]) -> None:
        self._clock = clock
        self._try_again = try_again
        self._failures: dict[Name, Failure] = {}
        self._waiting: dict[Name, list[Deferred[None]]] = {}
        self._pause = FIRST_PAUSE
        self._call: DelayedCall | None = None

    def __len__(self) -> int:
        return len(self._failures)

    @property
    def failures(self) -> list[Failure]:
        """The documents that are to be tried again, and why they failed."""
        return list(self._failures.values())

    def get(self, name: Name) -> Document | None:
        """The failed document of this name."""
        failure = self._failures.get(name)
        return None if failure is None else failure.document

    def add(self, failures: Iterable[Failure]) -> None:
        """Try these documents again later, but for those that failed for what they are: their name."""
        failure = None
        for failure in failures:
            if isinstance(failure.error, (StoreIOError, StoreUnusable)):
                self._failures[failure.document.store, failure.document.key] = failure
        if failure is not None and self._failures and self._call is None:
            _log.warn(
                "{count} not saved, trying again in {pause:.0f} s: {error}",
                count=len(self._failures),
                pause=self._pause,
                error=failure.error,
            )
            self._call = self._clock.callLater(self._pause, self._due)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def replaced(self, name: Name) -> None:
        """A later text of this document is going to be saved instead."""
        self._failures.pop(name, None)

    def settled(self, names: Iterable[Name]) -> None:
        """These documents have been saved, or deleted."""
        had_failures = bool(self._failures)
        for name in names:
            self._failures.pop(name, None)
            for deferred in self._waiting.pop(name, ()):
                deferred.callback(None)
        if had_failures and not self._failures:
            _log.info("everything that could not be saved before is saved now")
            self.stop()

    def when_saved(self, name: Name) -> Deferred[None]:
        """A Deferred that fires when this document, or a later text of it, is saved or deleted."""
        if name not in self._failures:
            return succeed(None)
        deferred: Deferred[None] = Deferred()
        self._waiting.setdefault(name, []).append(deferred)
        return deferred

    def stop(self) -> None:
        """Make no further attempt by itself."""
        self._pause = FIRST_PAUSE
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _due(self) -> None:
        self._call = None
        self._try_again()
