"""What an import leaves in the process outside of its modules, in the words of a finding.

Every reload imports anew: whatever one import leaves is left once more by each of them, or holds the
code that it was made by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.task import LoopingCall

from cletus.check.finding import Finding, Place, warning
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

#: Kind to name, what it is, what to do.
_WORDS: dict[type[ResourceType], tuple[str, str, str]] = {
    Timers: (
        "timer",
        "a call of the reactor is asked for when {module} is imported: {it}",
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
        "add it in a listener of events.PreStart, or look first whether it is there",
    ),
    Hooks: (
        "hook",
        "{it} when the application is imported, once more by each reload",
        "look first whether it is there already",
    ),
    Reducers: (
        "reducer",
        "copyreg.pickle({it}) holds the class of the old code",
        "give the class a __reduce__ method instead",
    ),
}
_SIGNALS = {
    "signal.SIGINT": "Ctrl-C",
    "signal.SIGTERM": "the end of the service",
    "signal.SIGHUP": "a reload",
    "signal.SIGCHLD": "processes that Twisted starts",
}


def left_by(ledger: Ledger, application: Application) -> Iterator[Finding]:
    """What an import has left, thing by thing.

    Args:
        ledger: of that import.
        application: what was imported.
    """
    places = CallSites()
    ledger.note(places)
    for kind, entry in ledger.additions():
        name, what, todo = _WORDS[type(kind)]
        maker = kind.owner(entry)
        words = what.format(it=_it(kind, entry, maker), module=module_of(_behind(maker)))
        yield warning(name, words, todo, _place(entry, maker, places, application))


def registered(
    registrations: Iterable[Registration], application: Application
) -> Iterator[Finding]:
    """What an import has given to ``atexit`` and the like."""
    for one in registrations:
        yield warning(
            "registration",
            f"{one.function}() is called when the application is imported, once more by each reload, and "
            "holds the code that it was called by",
            "do what is to be done at the end in a listener of events.PreStop",
            placed(one.location, application),
        )


def set_by(changed: Iterable[str]) -> Iterator[Finding]:
    """Single values of the process that an import has set, as ``Ledger.changed`` names them."""
    for name in changed:
        if name in _SIGNALS:
            what = f"a handler of {name.partition('.')[2]} is set, which is for {_SIGNALS[name]}"
            todo = "listen to events.PreStop; Cletus and Twisted handle this signal"
        elif name == "os.chdir":
            what = (
                "the current folder is changed, and so the meaning of relative paths as of `store`"
            )
            todo = "open files by paths that begin at Path(__file__).parent"
        elif name.startswith("signal."):
            continue  # each import sets it to its own, which is what one would want
        else:
            what = f"{name} is replaced; what replaces it wraps itself once more at each reload"
            todo = "set it in a listener of events.PreStart"
        yield warning("process", f"when the application is imported, {what}", todo)


def placed(text: str, application: Application) -> Place:
    """The place that ``registrations.short`` has written: ``example_service/clock.py:12``."""
    file, _, line = text.rpartition(":")
    for root in application.roots:
        full = root.path.parent / file
        if full.is_file():
            return Place(str(full), int(line))
    return Place(file, int(line) if line.isdigit() else 0)


def _place(entry: Any, maker: Any, places: CallSites, application: Application) -> Place:
    if not isinstance(entry, tuple):
        try:
            text = places.of(entry)
        except TypeError:  # of what there can be no weak references no place is noted
            text = ""
        if text:
            return placed(text, application)
    found = of_function(_behind(maker))
    return found if application.owns(module_of(_behind(maker))) else Place()


def _behind(maker: Any) -> Any:
    """What is really called: a ``LoopingCall`` stands between the reactor and the function."""
    owner = getattr(maker, "__self__", maker)
    return owner.f if isinstance(owner, LoopingCall) else maker


def _it(kind: ResourceType, entry: Any, maker: Any) -> str:
    if isinstance(kind, Hooks):
        name, one = entry
        return f"{_named(one)} is added to {name}"
    if isinstance(kind, Threads):
        return f"the thread {entry.name!r}"
    if isinstance(kind, LogHandlers):
        return f"{_named(entry[2])}"
    if isinstance(kind, Reducers):
        return str(getattr(entry, "__name__", entry))
    if isinstance(kind, Ports):
        return f"{type(entry).__name__} {entry!s}"
    return _named(_behind(maker))


def _named(one: Any) -> str:
    name = getattr(one, "__qualname__", None)
    return f"{module_of(one)}.{name}" if name else repr(one)
