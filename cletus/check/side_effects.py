"""Side effects of an import outside of its modules, as findings.

Each reload imports the modules again, so each side effect happens once more, or keeps the old code in
memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.task import LoopingCall

from cletus.check.finding import Finding, Location, warning
from cletus.check.source_map import of_function
from cletus.reload.effects.ledger import Ledger, module_of
from cletus.reload.effects.registrations import CallSites, Registration
from cletus.reload.effects.resources import (
    Hooks,
    LogHandlers,
    LogObservers,
    Ports,
    Reducers,
    ResourceType,
    Threads,
    Timers,
    Triggers,
)
from cletus.service.application import Application

#: The type of a resource to the name of the finding, its message, and what to do.
_WORDS: dict[type[ResourceType], tuple[str, str, str]] = {
    Timers: (
        "timer",
        "{module} schedules a call of the reactor when it is imported: {it}",
        "use @service.every(...) or service.call_later(...), which a reload carries over",
    ),
    Ports: (
        "port",
        "{it} is opened when the application is imported",
        "open it in a listener of events.PreStart, and close it in one of events.PostStop",
    ),
    Triggers: (
        "trigger",
        "{it} is to be called when the reactor starts or stops (addSystemEventTrigger)",
        "listen to events.PostStart or events.PreStop instead",
    ),
    Threads: (
        "thread",
        "{it} is started when the application is imported",
        "start it in a listener of events.PostStart, and end it in one of events.PreStop",
    ),
    LogObservers: (
        "log-observer",
        "{it} is added to Twisted's log when the application is imported",
        "add it in a listener of events.PreStart, or keep it in a module that is not reloaded",
    ),
    LogHandlers: (
        "log-handler",
        "{it} is added to a logger when the application is imported, once more by each reload",
        "add it in a listener of events.PreStart, or check first whether it is there",
    ),
    Hooks: (
        "hook",
        "{it} when the application is imported, once more by each reload",
        "check first whether it is there already",
    ),
    Reducers: (
        "reducer",
        "copyreg.pickle({it}) keeps the class of the old code in memory",
        "give the class a __reduce__ method instead",
    ),
}
_SIGNALS = {
    "signal.SIGINT": "Ctrl-C",
    "signal.SIGTERM": "stopping the service",
    "signal.SIGHUP": "a reload",
    "signal.SIGCHLD": "processes that Twisted starts",
}


def findings_of(ledger: Ledger, application: Application) -> Iterator[Finding]:
    """A finding for each resource that an import has created.

    Args:
        ledger: of that import.
        application: which was imported.
    """
    call_sites = CallSites()
    ledger.note(call_sites)
    withdrawn = [item for item in ledger.recorder.registrations if item.withdraw is not None]
    for resource, entry in ledger.additions():
        parts = entry if isinstance(entry, tuple) else (entry,)
        if any(item.refers_to(part) for item in withdrawn for part in parts):
            continue  # the next reload takes it back
        name, message, todo = _WORDS[type(resource)]
        owner = resource.owner(entry)
        message = message.format(
            it=_described(resource, entry, owner), module=module_of(_called(owner))
        )
        yield warning(name, message, todo, _location(entry, owner, call_sites, application))


def registered(
    registrations: Iterable[Registration], application: Application
) -> Iterator[Finding]:
    """A finding for each registration with ``atexit`` and the like."""
    for registration in registrations:
        if registration.withdraw is not None:
            continue  # the next reload takes it back
        yield warning(
            "registration",
            f"{registration.function}() is called when the application is imported, once more by each "
            "reload, and keeps the code that called it in memory",
            "do the work at the end in a listener of events.PreStop",
            location_of(registration.location, application),
        )


def set_by(changed: Iterable[str]) -> Iterator[Finding]:
    """A finding for each value of the process that an import has set, as in ``Ledger.changed``."""
    for name in changed:
        if name in _SIGNALS:
            message = f"a handler of {name.partition('.')[2]} is set, which is for {_SIGNALS[name]}"
            todo = "listen to events.PreStop; Cletus and Twisted handle this signal"
        elif name == "os.chdir":
            message = "the current folder is changed, and with it relative paths, such as `store`"
            todo = "open files by paths that begin at Path(__file__).parent"
        elif name.startswith("signal."):
            continue  # each import sets its own handler, as it should
        else:
            message = f"{name} is replaced; its replacement wraps itself once more with each reload"
            todo = "set it in a listener of events.PreStart"
        yield warning("process", f"when the application is imported, {message}", todo)


def location_of(text: str, application: Application) -> Location:
    """The location in the text of ``registrations.short``: ``example_service/clock.py:12``."""
    file, _, line = text.rpartition(":")
    for root in application.roots:
        full = root.path.parent / file
        if full.is_file():
            return Location(str(full), int(line))
    return Location(file, int(line) if line.isdigit() else 0)


def _location(entry: Any, owner: Any, call_sites: CallSites, application: Application) -> Location:
    if not isinstance(entry, tuple):
        try:
            text = call_sites.of(entry)
        except TypeError:  # without weak references, its call site was not noted
            text = ""
        if text:
            return location_of(text, application)
    function = _called(owner)
    return of_function(function) if application.owns(module_of(function)) else Location()


def _called(owner: Any) -> Any:
    """The function that is called in the end; the reactor itself calls a ``LoopingCall``."""
    instance = getattr(owner, "__self__", owner)
    return instance.f if isinstance(instance, LoopingCall) else owner


def _described(resource: ResourceType, entry: Any, owner: Any) -> str:
    if isinstance(resource, Hooks):
        name, hook = entry
        return f"{_named(hook)} is added to {name}"
    if isinstance(resource, Threads):
        return f"the thread {entry.name!r}"
    if isinstance(resource, LogHandlers):
        return f"{_named(entry[2])}"
    if isinstance(resource, Reducers):
        return str(getattr(entry, "__name__", entry))
    if isinstance(resource, Ports):
        return f"{type(entry).__name__} {entry!s}"
    return _named(_called(owner))


def _named(obj: Any) -> str:
    name = getattr(obj, "__qualname__", None)
    return f"{module_of(obj)}.{name}" if name else repr(obj)
