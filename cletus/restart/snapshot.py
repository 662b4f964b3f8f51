"""The state of a service, taken out of the process that serves.

It has two parts. The first is plain data of ours: what clients, timers and store objects there are. The other
process makes them from it. The second holds the values of the application, in which those are named
(``by_name``).
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cletus.client.client import Client
from cletus.client.dialogue import Dialogue
from cletus.client.listener_task import ListenerTask
from cletus.errors import RestartError
from cletus.reload.state.statements import Path
from cletus.restart.by_name import PROTOCOL, Named, dumps, problem_with
from cletus.service.interfaces import Left, MovableDoor
from cletus.service.listeners import Listener
from cletus.service.restart_report import RestartReport
from cletus.service.service import Service
from cletus.service.timers import Timer
from cletus.storage import Store, TempStoreMixin
from cletus.storage.interfaces import Movable
from cletus.storage.versions import session_names, typed_names

FORMAT: Final = 1
"""Of the state. A process takes over from one of the same format or the one before."""

FORMATS: Final = (FORMAT,)
"""Formats that this version can take over."""

_OWN: Final = frozenset({"key", "_unknown", "_parked", "_document_state"})


@dataclass(slots=True)
class Snapshot:
    """What is handed over.

    Attributes:
        own: plain data, as a pickle.
        values: values of the application, as a pickle.
        descriptors: of the sockets, and of the lock; the other process gets copies in this order.
    """

    own: bytes
    values: bytes
    descriptors: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EndedTask:
    """An ``async`` listener that was ended, and starts again in whichever process serves.

    Attributes:
        client_id: whose.
        function, event_class: the names of its listener.
        event: what it was called with.
    """

    client_id: int
    function: str
    event_class: tuple[str, str]
    event: Any

    @classmethod
    def of(cls, client: Client, task: ListenerTask) -> EndedTask:
        """Of a task of a listener."""
        listener = task.listener
        event_class = (listener.event.__module__, listener.event.__qualname__)
        return cls(client.id, listener.function_name, event_class, task.event)


def take_snapshot(
    service: Service,
    report: RestartReport,
    lefts: Mapping[MovableDoor, list[Left]] | None = None,
    tasks: Iterable[EndedTask] = (),
    minder: int = -1,
    began: float = 0.0,
) -> Snapshot:
    """Take the state out of a service; nothing in it is changed.

    Args:
        service: it runs.
        report: is told of what cannot move.
        lefts: what each door leaves; ``None`` for a trial without sockets.
        tasks: the listeners that start again.
        minder: descriptor of the socket on which the next process is named; -1 without one.
        began: when the pause began, by ``time.monotonic()``, which all processes share.

    Raises:
        RestartError: a value cannot move; the message names it.
    """
    timers = [timer for timer in service.session.current.timers if timer.active]
    named = Named(service, dict(enumerate(timers)))
    descriptors: list[int] = []
    moved = {left.client_id for of_door in (lefts or {}).values() for left in of_door}
    values = _values(service, named, list(tasks), report)
    own = {
        "format": FORMAT,
        "service": {
            "uptime": service.lifecycle.uptime,
            "generation": service.session.generation,
            "next_id": service.connections.next_id,
            "meters": service.metrics.snapshot(),
        },
        "report": report,
        "began": began,
        "stated": _stated(service),
        "clients": [_client(client, moved) for client in service.clients],
        "timers": [
            (timer.delay, timer.interval, timer.imported, timer.remaining, timer.target_name)
            for timer in timers
        ],
        "stores": {
            name: list(cls.manager.active()) for name, cls in service.session.current.stores.items()
        },
        "doors": _doors(lefts or {}, descriptors),
        "store": _store(service, descriptors),
        "minder": _added(descriptors, minder),
    }
    try:
        values_pickle = dumps(values, named)
    except Exception as error:
        raise RestartError(_problem_in(values, named) or str(error)) from error
    return Snapshot(pickle.dumps(own, PROTOCOL), values_pickle, descriptors)


def _stated(service: Service) -> dict[Path, dict[str, Any]]:
    """What modules have stated; nothing if a value of it cannot be pickled."""
    statements = service.session.current.statements
    try:
        pickle.dumps(statements.values, PROTOCOL)
    except Exception:  # noqa: BLE001 - then what the new modules state is all taken for new
        return {}
    values: dict[Path, dict[str, Any]] = statements.values
    return values


def _added(descriptors: list[int], descriptor: int) -> int:
    """The number under which a descriptor travels; -1 if it is none."""
    if descriptor < 0:
        return -1
    descriptors.append(descriptor)
    return len(descriptors) - 1


def _client(client: Client, moved: Collection[int]) -> dict[str, Any]:
    """A client; of one whose connection does not move, what the connection knows as well."""
    state = client.snapshot()
    if client.id not in moved:
        state |= {"address": client.address, "terminal": client.terminal.snapshot()}
    return state


def _doors(lefts: Mapping[MovableDoor, list[Left]], descriptors: list[int]) -> list[Any]:
    return [
        (
            door.configured,
            left.purpose,
            _added(descriptors, left.descriptor),
            left.state,
            left.client_id,
        )
        for door, of_door in lefts.items()
        for left in of_door
    ]


def _store(service: Service, descriptors: list[int]) -> dict[str, Any]:
    writer = service.session.writer
    if not isinstance(writer.backend, Movable):
        raise RestartError(
            f"the store {service.settings.store!r} cannot be handed to another process"
        )
    descriptor, state = writer.backend.leave()
    unsaved = [
        (failure.document.store, failure.document.key, failure.document.data)
        for failure in writer.unsaved
    ]
    return {
        "url": service.settings.store,
        "descriptor": _added(descriptors, descriptor),
        "state": state,
        "unsaved": unsaved,
    }


# -- values of the application -----------------------------------------------------------------------


def _values(
    service: Service, named: Named, tasks: list[EndedTask], report: RestartReport
) -> dict[str, Any]:
    session = service.session
    return {
        "stores": {
            name: (
                cls.version,
                session_names(cls),
                typed_names(cls),
                list(map(object_state, cls.manager.active().values())),
            )
            for name, cls in session.current.stores.items()
        },
        "clients": {client.id: client.attachments() for client in service.clients},
        "dialogues": {
            client.id: list(map(dialogue_state, client.dialogues))
            for client in service.clients
            if client.dialogues
        },
        "timers": [_call(timer, named, report) for timer in named.timers.values()],
        "listeners": list(_listeners(service, named, report)),
        "service": dict(_attachments(service, named, report)),
        "tasks": tasks,
    }


def object_state(obj: Store) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """Key, state of the document, data of the fields, and the other attributes of a store object."""
    cls = type(obj)
    fields = cls.fields
    others = {
        name: value for name, value in vars(obj).items() if name not in fields and name not in _OWN
    }
    for name in cls.schema.slots:
        if name not in fields and name not in _OWN and hasattr(obj, name):
            others[name] = getattr(obj, name)
    return obj.key, cls.schema.state_of(obj).name, obj.to_dict(session=True), others


def dialogue_state(dialogue: Dialogue) -> tuple[str, str, dict[str, Any]]:
    """Module and name of its class, and its ``snapshot()``."""
    cls = type(dialogue)
    return cls.__module__, cls.__qualname__, dialogue.snapshot()


def _call(timer: Timer, named: Named, report: RestartReport) -> Any:
    """What an application's timer calls; ``None`` if that cannot move, or a module body asks again for it."""
    if timer.imported:
        return None
    call = (timer.target, timer.args, timer.kwargs)
    problem = problem_with(call, named)
    if problem:
        report.warnings.append(
            f"timer {timer.target_name} was due in {timer.remaining:.1f} s and has ended: {problem}"
        )
        return None
    return dumps(call, named)


def _listeners(service: Service, named: Named, report: RestartReport) -> Iterator[bytes]:
    for listener, call in runtime_listeners(service):
        if problem := problem_with(call, named):
            report.warnings.append(f"listener {listener.function_name} has ended: {problem}")
        else:
            yield dumps(call, named)


def runtime_listeners(service: Service) -> Iterator[tuple[Listener, tuple[Any, Any, Any, str]]]:
    """Those that the application has registered while it ran, with what it takes to register them."""
    for listener in service.session.current.listeners:
        module = getattr(listener.function, "__module__", None)
        if not listener.imported and service.session.application.owns(module):
            yield (
                listener,
                (listener.event, listener.function, listener.on_reload, listener.package),
            )


def _attachments(
    service: Service, named: Named, report: RestartReport
) -> Iterator[tuple[str, bytes]]:
    """What the application has set on the service. What cannot move begins anew."""
    for name, value in service.attachments().items():
        if problem := problem_with(value, named):
            report.notes.append(f"service.{name} begins anew: {problem}")
        else:
            yield name, dumps(value, named)


def _problem_in(values: Mapping[str, Any], named: Named) -> str:
    """What cannot move, in words; empty if each value by itself can."""
    for label, value in _labelled(values):
        if problem := problem_with(value, named):
            return f"{label}: {problem}"
    return ""


def _labelled(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each value of the application, after words for where it is."""
    for name, (*_, objects) in values["stores"].items():
        for key, _, data, others in objects:
            yield from ((f"{name} {key!r}, {attribute}", data[attribute]) for attribute in data)
            yield from ((f"{name} {key!r}, {attribute}", others[attribute]) for attribute in others)
    for number, attachments in values["clients"].items():
        yield from (
            (f"client {number}, {attribute}", attachments[attribute]) for attribute in attachments
        )
    for number, dialogues in values["dialogues"].items():
        for module, name, state in dialogues:
            parts = {**state["data"], **state["others"]}
            dialogue = f"dialogue {module}.{name} of client {number}"
            yield from ((f"{dialogue}, {attribute}", parts[attribute]) for attribute in parts)
    yield from (
        (f"listener {task.function} of client {task.client_id}", task) for task in values["tasks"]
    )


def saved_by_others(service: Service, known: Iterable[str]) -> list[Store]:
    """Active objects of stores that the new code does not have, and that can be saved."""
    names = set(known)
    return [
        obj
        for name, cls in service.session.current.stores.items()
        if name not in names and not issubclass(cls, TempStoreMixin)
        for obj in cls.manager.active().values()
    ]
