"""Reloading in tests: without touching the files of the code under test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus.reload import ReloadReport, ServiceReloader
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
    return Sources(modules)


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
    before = {name: portrait(value) for name, value in obj.to_dict(session=True).items()}
    name, key = type(obj).__name__.lower(), obj.key
    report = reloaded(service)
    if not report.ok:
        raise AssertionError(str(report))
    store_cls = service.session.find(name)
    new: Store | None = None if store_cls is None else store_cls.manager.active().get(key)
    if new is None:
        raise AssertionError(f"{name} {key!r} is gone after the reload")
    after = {name: portrait(value) for name, value in new.to_dict(session=True).items()}
    for field, value in before.items():
        if after.get(field, _MISSING) != value:
            raise AssertionError(
                f"{name} {key!r}, field {field!r}: {value!r} before the reload, "
                f"{after.get(field, _MISSING)!r} after it"
            )
    return new


_MISSING = "nothing"


def portrait(value: Any, seen: dict[int, int] | None = None) -> Any:
    """A value described so that those of two generations compare equal: classes go by their names."""
    seen = {} if seen is None else seen
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if id(value) in seen:
        return f"<the same as number {seen[id(value)]}>"
    seen[id(value)] = len(seen)
    if isinstance(value, Store):
        return (type(value).__name__, value.key)
    if isinstance(value, dict):
        return {"dict": [(portrait(k, seen), portrait(v, seen)) for k, v in value.items()]}
    if isinstance(value, set | frozenset):
        return {type(value).__name__: sorted(map(repr, (portrait(one, seen) for one in value)))}
    if isinstance(value, list | tuple):
        return {type(value).__qualname__: [portrait(one, seen) for one in value]}
    kind = type(value)
    state = getattr(value, "__dict__", None)
    if state is None:
        return f"{kind.__module__}.{kind.__qualname__} {value!r}"
    return {f"{kind.__module__}.{kind.__qualname__}": portrait(dict(state), seen)}


def _with_text(modules: Mapping[str, Source], name: str, text: str) -> Source:
    data = text.encode()
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if name in modules:
        return replace(modules[name], data=data, digest=digest)
    parent = modules[name.rpartition(".")[0]]
    path = parent.path.parent / f"{name.rpartition('.')[2]}.py"
    return Source(name, path, False, data, digest)
