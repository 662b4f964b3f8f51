"""What code can leave behind outside of its own modules, kind by kind.

Each kind lists what there is of it in the process, so that two listings can be compared, and knows
how to undo one entry. What cannot be undone is described in words.
"""

from __future__ import annotations

import copyreg
import gc
import logging
import sys
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from twisted.internet.interfaces import IReactorFDSet
from twisted.logger import globalLogPublisher
from twisted.python.log import theLogPublisher
from typing_extensions import override


class ResourceType(ABC):
    """One kind.

    Entries are compared by identity, or, if they are tuples, by the identity of their parts.
    """

    @abstractmethod
    def entries(self) -> list[Any]:
        """All that there are now."""

    @abstractmethod
    def maker(self, entry: Any) -> Any:
        """What tells whose an entry is: the function, or object, that the application gave."""

    @abstractmethod
    def undo(self, entry: Any) -> str:
        """Take it back; what is left of it, in words, or "" for nothing."""


class Timers(ResourceType):
    """Calls that the reactor will make."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    @override
    def entries(self) -> list[Any]:
        return list(self._reactor.getDelayedCalls())

    @override
    def maker(self, entry: Any) -> Any:
        return entry.func

    @override
    def undo(self, entry: Any) -> str:
        if entry.active():
            entry.cancel()
        return ""


class Ports(ResourceType):
    """What the reactor reads from and writes to: ports, connections."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    @override
    def entries(self) -> list[Any]:
        if not IReactorFDSet.providedBy(self._reactor):
            return []
        return list({*self._reactor.getReaders(), *self._reactor.getWriters()})

    @override
    def maker(self, entry: Any) -> Any:
        return entry

    @override
    def undo(self, entry: Any) -> str:
        connector = getattr(entry, "connector", None)
        if hasattr(entry, "stopListening"):
            entry.stopListening()
        elif connector is not None:
            connector.disconnect()
        elif hasattr(entry, "loseConnection"):
            entry.loseConnection()
        else:
            self._reactor.removeReader(entry)
            self._reactor.removeWriter(entry)
            return f"{entry!r}, which the reactor was given to read from or write to, is still open"
        return ""


class Triggers(ResourceType):
    """What the reactor will call when it starts or stops (``addSystemEventTrigger``)."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    @override
    def entries(self) -> list[Any]:
        # The reactor has no public list of them.
        return [
            (event, phase, trigger)
            for event, phases in getattr(self._reactor, "_eventTriggers", {}).items()
            for phase in ("before", "during", "after")
            for trigger in getattr(phases, phase)
        ]

    @override
    def maker(self, entry: Any) -> Any:
        return entry[2][0]

    @override
    def undo(self, entry: Any) -> str:
        event, phase, trigger = entry
        self._reactor.removeSystemEventTrigger((event, (phase, *trigger)))
        return ""


class Threads(ResourceType):
    """Threads, which nobody can end from outside."""

    @override
    def entries(self) -> list[Any]:
        return threading.enumerate()

    @override
    def maker(self, entry: Any) -> Any:
        return getattr(entry, "_target", None) or entry

    @override
    def undo(self, entry: Any) -> str:
        if isinstance(entry, threading.Timer):
            entry.cancel()
            return ""
        return f"the thread {entry.name!r} was started and runs on" if entry.is_alive() else ""


class LogObservers(ResourceType):
    """Observers of Twisted's log, added through either of its two interfaces."""

    @override
    def entries(self) -> list[Any]:
        # The publisher has no public list of them.
        return list(globalLogPublisher._observers)

    @override
    def maker(self, entry: Any) -> Any:
        return getattr(entry, "legacyObserver", entry)

    @override
    def undo(self, entry: Any) -> str:
        if entry in theLogPublisher._legacyObservers:
            theLogPublisher.removeObserver(entry.legacyObserver)
        else:
            globalLogPublisher.removeObserver(entry)
        return ""


class LogHandlers(ResourceType):
    """Handlers and filters of the standard library's loggers."""

    def __init__(self) -> None:
        self._known = {id(one) for _, _, one in self.entries()}

    @override
    def entries(self) -> list[Any]:
        return [
            (logger, kind, one)
            for logger in loggers()
            for kind in ("Handler", "Filter")
            for one in getattr(logger, f"{kind.lower()}s")
        ]

    @override
    def maker(self, entry: Any) -> Any:
        logger, _, one = entry
        # A library's handlers are on its own logger, and most are of the standard library's kinds.
        return logger.name if type(one).__module__.startswith("logging") else one

    @override
    def undo(self, entry: Any) -> str:
        logger, kind, one = entry
        getattr(logger, f"remove{kind}")(one)
        if isinstance(one, logging.Handler) and id(one) not in self._known:
            one.close()
        return ""


class Hooks(ResourceType):
    """Lists of what Python asks or calls: finders, path hooks, ``gc`` callbacks, warnings filters."""

    @override
    def entries(self) -> list[Any]:
        return [(name, entry) for name, one in _hooks().items() for entry in one]

    @override
    def maker(self, entry: Any) -> Any:
        name, one = entry
        return one[2] if name == "warnings.filters" else one

    @override
    def undo(self, entry: Any) -> str:
        name, one = entry
        owner = _hooks()[name]
        position = next((at for at, other in enumerate(owner) if other is one), None)
        if position is not None:
            del owner[position]
        if name == "warnings.filters":
            with warnings.catch_warnings():
                pass  # leaving it tells Python that the filters have changed
        return ""


class Reducers(ResourceType):
    """How ``pickle`` and ``copy`` take classes apart (``copyreg.pickle``)."""

    @override
    def entries(self) -> list[Any]:
        return list(copyreg.dispatch_table)

    @override
    def maker(self, entry: Any) -> Any:
        return copyreg.dispatch_table[entry]

    @override
    def undo(self, entry: Any) -> str:
        copyreg.dispatch_table.pop(entry, None)
        return ""


def _hooks() -> dict[str, Any]:
    return {
        "sys.meta_path": sys.meta_path,
        "sys.path_hooks": sys.path_hooks,
        "sys.path": sys.path,
        "gc.callbacks": gc.callbacks,
        "warnings.filters": warnings.filters,
    }


def loggers() -> Iterator[logging.Logger]:
    """The root logger and all others that there are."""
    yield logging.root
    for one in list(logging.root.manager.loggerDict.values()):
        if isinstance(one, logging.Logger):
            yield one


def resource_types(reactor: Any) -> tuple[ResourceType, ...]:
    """One of each kind."""
    return (
        Timers(reactor),
        Ports(reactor),
        Triggers(reactor),
        Threads(),
        LogObservers(),
        LogHandlers(),
        Hooks(),
        Reducers(),
    )
