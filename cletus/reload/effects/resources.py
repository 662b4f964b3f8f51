"""Resources that code can add to the process outside its own modules: a class for each type of them.

Each lists the resources of its type, so that two lists can be compared, and can remove one of them.
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
    """A type of resource.

    Entries are compared by identity; tuples, by the identity of their items.
    """

    @abstractmethod
    def entries(self) -> list[Any]:
        """All resources of this type."""

    @abstractmethod
    def owner(self, entry: Any) -> Any:
        """The function or object whose module, or the name of the module, that has added an entry."""

    @abstractmethod
    def undo(self, entry: Any) -> str:
        """Remove an entry. Returns a sentence if that is not possible, else ""."""


class Timers(ResourceType):
    """Delayed calls of the reactor."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    @override
    def entries(self) -> list[Any]:
        return list(self._reactor.getDelayedCalls())

    @override
    def owner(self, entry: Any) -> Any:
        return entry.func

    @override
    def undo(self, entry: Any) -> str:
        if entry.active():
            entry.cancel()
        return ""


class Ports(ResourceType):
    """Ports and connections: what the reactor reads from and writes to."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    @override
    def entries(self) -> list[Any]:
        if not IReactorFDSet.providedBy(self._reactor):
            return []
        return list({*self._reactor.getReaders(), *self._reactor.getWriters()})

    @override
    def owner(self, entry: Any) -> Any:
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
    """Functions called when the reactor starts or stops (``addSystemEventTrigger``)."""

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
    def owner(self, entry: Any) -> Any:
        return entry[2][0]

    @override
    def undo(self, entry: Any) -> str:
        event, phase, trigger = entry
        self._reactor.removeSystemEventTrigger((event, (phase, *trigger)))
        return ""


class Threads(ResourceType):
    """Threads. They cannot be ended from outside."""

    @override
    def entries(self) -> list[Any]:
        return threading.enumerate()

    @override
    def owner(self, entry: Any) -> Any:
        return getattr(entry, "_target", None) or entry

    @override
    def undo(self, entry: Any) -> str:
        if isinstance(entry, threading.Timer):
            entry.cancel()
            return ""
        return f"the thread {entry.name!r} was started and runs on" if entry.is_alive() else ""


class LogObservers(ResourceType):
    """Observers of Twisted's log, of its current and its legacy interface."""

    @override
    def entries(self) -> list[Any]:
        # The publisher has no public list of them.
        return list(globalLogPublisher._observers)

    @override
    def owner(self, entry: Any) -> Any:
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
        self._known = {id(item) for _, _, item in self.entries()}

    @override
    def entries(self) -> list[Any]:
        return [
            (logger, role, item)
            for logger in loggers()
            for role in ("Handler", "Filter")
            for item in getattr(logger, f"{role.lower()}s")
        ]

    @override
    def owner(self, entry: Any) -> Any:
        logger, _, item = entry
        # A handler of the standard library's classes is taken to belong to the library whose logger
        # it is on.
        return logger.name if type(item).__module__.startswith("logging") else item

    @override
    def undo(self, entry: Any) -> str:
        logger, role, item = entry
        getattr(logger, f"remove{role}")(item)
        if isinstance(item, logging.Handler) and id(item) not in self._known:
            item.close()
        return ""


class Hooks(ResourceType):
    """Entries of Python's lists: finders, path hooks, ``gc`` callbacks, warnings filters."""

    @override
    def entries(self) -> list[Any]:
        return [(name, item) for name, items in hooks().items() for item in items]

    @override
    def owner(self, entry: Any) -> Any:
        name, item = entry
        return item[2] if name == "warnings.filters" else item

    @override
    def undo(self, entry: Any) -> str:
        name, item = entry
        items = hooks()[name]
        position = next((at for at, other in enumerate(items) if other is item), None)
        if position is not None:
            del items[position]
        return ""


class Reducers(ResourceType):
    """Functions that reduce objects for ``pickle`` and ``copy`` (``copyreg.pickle``)."""

    @override
    def entries(self) -> list[Any]:
        return list(copyreg.dispatch_table)

    @override
    def owner(self, entry: Any) -> Any:
        return copyreg.dispatch_table[entry]

    @override
    def undo(self, entry: Any) -> str:
        copyreg.dispatch_table.pop(entry, None)
        return ""


def hooks() -> dict[str, Any]:
    """The lists, by name."""
    return {
        "sys.meta_path": sys.meta_path,
        "sys.path_hooks": sys.path_hooks,
        "sys.path": sys.path,
        "gc.callbacks": gc.callbacks,
        "warnings.filters": warnings.filters,
    }


def loggers() -> Iterator[logging.Logger]:
    """The root logger and all others."""
    yield logging.root
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def resource_types(reactor: Any) -> tuple[ResourceType, ...]:
    """An object for each type."""
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
