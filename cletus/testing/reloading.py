"""Reloading in tests: without touching the files of the code under test."""

from __future__ import annotations

import enum
import hashlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import FunctionType, MethodType, ModuleType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus.reload import ReloadReport, ServiceReloader
from cletus.reload.kinds import ATOMS
from cletus.reload.sources import Source, Sources
from cletus.service import Service
from cletus.storage import Store

#: The new text of a module, or what makes it from the present one; ``None`` removes the module.
Edit = str | Callable[[str], str] | None


def start_in_memory(service: Service, clock: Clock | None = None, **settings: Any) -> Clock:
    """Start a service without doors, files or a reactor.

    Args:
        service: one that was not started yet.
        clock: its time; by default a new one, which only moves when it is advanced.
        settings: further settings.

    Returns:
        The clock.

    Raises:
        CletusError: what the start raised.
    """
    clock = clock or Clock()
    service.configure(store="memory:", reload=False, **settings)
    failures: list[Any] = []
    service.start(clock, doors=()).addErrback(failures.append)
    if failures:
        failures[0].raiseException()
    return clock


def reload_with(
    service: Service, edits: Mapping[str, Edit] | None = None
) -> Deferred[ReloadReport]:
    """Reload a running service as if its files had been edited; they are not touched.

    Args:
        service: it runs, on a ``Clock`` or a reactor.
        edits: dotted module name to its new text, or to a function from the present text to the
            new one, or to ``None`` for a removed module; a name that is not there yet is added.

    Returns:
        A Deferred of the report. On a ``Clock`` it has already fired.

    Raises:
        KeyError: a function is to edit a module that there is not.
    """
    reloader: Any = service.reloader
    assert isinstance(reloader, ServiceReloader)  # noqa: S101 - no other kind ships
    done = reloader.request(edited(reloader.sources, edits or {}))
    if isinstance(service.reactor, Clock):
        for _ in range(10):
            service.reactor.advance(0)
    return done


def edited(sources: Sources, edits: Mapping[str, Edit]) -> Sources:
    """Sources with these modules replaced, added or removed."""
    modules = dict(sources.modules)
    for name, edit in edits.items():
        if edit is None:
            del modules[name]
        else:
            text = edit if isinstance(edit, str) else edit(modules[name].data.decode())
            modules[name] = _with_text(modules, name, text)
    return replace(sources, modules=modules)


def reloaded(service: Service, edits: Mapping[str, Edit] | None = None) -> ReloadReport:
    """``reload_with`` for a service on a ``Clock``: the report itself."""
    reports: list[ReloadReport] = []
    reload_with(service, edits).addCallback(reports.append)
    return reports[0]


def assert_survives_reload(service: Service, obj: Store) -> Store:
    """Reload a service on a ``Clock``, and check that nothing of this object is lost.

    Args:
        service: it runs.
        obj: an active store object of it.

    Returns:
        The object's successor.

    Raises:
        AssertionError: the reload was refused, the object is gone, or a field differs.
    """
    before = _portraits(obj)
    name, key = type(obj).__name__.lower(), obj.key
    report = reloaded(service)
    if not report.ok:
        raise AssertionError(str(report))
    store_cls = service.session.find(name)
    new: Store | None = None if store_cls is None else store_cls.manager.active().get(key)
    if new is None:
        raise AssertionError(f"{name} {key!r} is gone after the reload")
    after = _portraits(new)
    for field, value in before.items():
        if after.get(field, _MISSING) != value:
            raise AssertionError(
                f"{name} {key!r}, field {field!r}: {value!r} before the reload, "
                f"{after.get(field, _MISSING)!r} after it"
            )
    return new


_MISSING = "nothing"


def _portraits(obj: Store) -> dict[str, Any]:
    return {name: portrait(value) for name, value in obj.to_dict(session=True).items()}


def portrait(value: Any) -> Any:
    """A value described so that those of two generations compare equal: classes go by their names.

    What is neither plain data nor of an application's class is described by its identity.
    """
    return _Portrait().of(value)


class _Portrait:
    """One description; it numbers what it has met, so that sharing and cycles are part of it."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # an object that has gone would leave its id() to another

    def of(self, value: Any) -> Any:
        if type(value) in ATOMS:
            return repr(value)
        if id(value) in self._numbers:
            return f"number {self._numbers[id(value)]} again"
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
        if isinstance(value, Store):
            return f"store {type(value).__name__} {value.key}"
        if isinstance(value, type | FunctionType | ModuleType):
            return f"{getattr(value, '__module__', '')} {value.__name__}"
        if isinstance(value, MethodType):
            return {"method": [self.of(value.__self__), value.__name__]}
        if isinstance(value, weakref.ref):
            return {"reference": self.of(value())}
        return self._of_parts(value)

    def _of_parts(self, value: Any) -> Any:
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, enum.Enum):
            return f"{name} {value!r}"
        if isinstance(value, set | frozenset):
            return {name: sorted(repr(self.of(one)) for one in value)}
        if kind in (list, tuple):
            return {name: [self.of(one) for one in value]}
        if kind is dict:
            return {name: [(self.of(key), self.of(one)) for key, one in value.items()]}
        if name.startswith(("cletus.", "twisted.", "_thread")):
            return f"{name} {id(value)}"
        try:
            reduced = value.__reduce_ex__(4)
        except TypeError:
            return f"{name} {id(value)}"
        if isinstance(reduced, str):
            return reduced
        parts = [list(one) if isinstance(one, Iterator) else one for one in reduced[1:]]
        return {name: [self.of(one) for one in parts]}


def _with_text(modules: Mapping[str, Source], name: str, text: str) -> Source:
    data = text.encode()
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if name in modules:
        return replace(modules[name], data=data, digest=digest)
    parent = modules[name.rpartition(".")[0]]
    path = parent.path.parent / f"{name.rpartition('.')[2]}.py"
    return Source(name, path, False, data, digest)
