"""Reload in tests, without touching the files of the code under test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cletus.reload import ReloadReport, ServiceReloader
from cletus.reload.code.sources import Source, Sources
from cletus.service.service import Service

#: The new text of a module, or a function from the present text to it; ``None`` removes the module.
Edit = str | Callable[[str], str] | None


def start_in_memory(service: Service, clock: Clock | None = None, **settings: Any) -> Clock:
    """Start a service without doors, files or a reactor.

    Args:
        service: a service that has not been started.
        clock: its time; by default a new clock, which only moves when it is advanced.
        settings: further settings.

    Returns:
        The clock.

    Raises:
        CletusError: the start has failed.
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
        service: a running service, on a ``Clock`` or a reactor.
        edits: dotted module name to its new text, or to a function from the present text to the
            new one, or to ``None`` for a module that is removed. A new name adds a module.

    Returns:
        A Deferred of the report. On a ``Clock`` it has already fired.

    Raises:
        KeyError: a function is given for a module that does not exist.
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
    return replace(sources, modules=modules, is_earlier=False)


def reloaded(service: Service, edits: Mapping[str, Edit] | None = None) -> ReloadReport:
    """As ``reload_with``, for a service on a ``Clock``. Returns the report itself."""
    reports: list[ReloadReport] = []
    reload_with(service, edits).addCallback(reports.append)
    return reports[0]


def _with_text(modules: Mapping[str, Source], name: str, text: str) -> Source:
    data = text.encode()
    digest = hashlib.blake2b(data, digest_size=16).digest()
    if name in modules:
        return replace(modules[name], data=data, digest=digest)
    parent = modules[name.rpartition(".")[0]]
    path = parent.path.parent / f"{name.rpartition('.')[2]}.py"
    return Source(name, path, False, data, digest)
