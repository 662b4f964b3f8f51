"""What ``Service()`` returns: a new service, or the running one while its application is rebuilt.

Code that imports an application calls ``constructing()`` for the time of the import. It sets the one
context variable that ``Service`` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from cletus.service.application import Application
from cletus.settings.settings import Sources


@dataclass(frozen=True, slots=True)
class Loading:
    """An application is imported for the first time. ``service.run()`` does not run the service.

    Attributes:
        application: the modules that are being imported.
        configure: called with each new service, before the application uses it.
    """

    application: Application
    configure: Callable[[Any], object]


class Rebuild:
    """A reload imports the application again. ``Service()`` returns the running service.

    Attributes:
        service: the running service.
        service_class: the class that the new code has called; the class of the service so far, until
            then.
        sources: the settings of the new code; they come into force when the reload is committed.
        count: how many services a start would make.
    """

    def __init__(self, service: Any) -> None:
        self.service = service
        self.service_class: type = type(service)
        self.sources: Sources = service.sources.copy()
        self.sources.replace("module body", {})  # the new code states its own
        self.count = 0


Construction = Loading | Rebuild


class _Scope:
    """Holds a construction until ``constructing()`` ends.

    A coroutine that a module body starts keeps the context of its start for as long as it runs. When
    it calls ``Service()`` after the import, that must be an ordinary call.
    """

    __slots__ = ("construction",)

    def __init__(self, construction: Construction) -> None:
        self.construction: Construction | None = construction


_scope: Final[ContextVar[_Scope | None]] = ContextVar("cletus.service.construction", default=None)


@contextmanager
def constructing(construction: Construction) -> Iterator[None]:
    """In this context, ``Service()`` and ``service.run()`` do what the construction says."""
    scope = _Scope(construction)
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
        scope.construction = None


def current_loading() -> Loading | None:
    """The first import of an application that the calling code is part of, if any."""
    construction = _current()
    return construction if isinstance(construction, Loading) else None


def current_rebuild() -> Rebuild | None:
    """The rebuild that the calling code is part of, if any."""
    construction = _current()
    return construction if isinstance(construction, Rebuild) else None


def _current() -> Construction | None:
    scope = _scope.get()
    return None if scope is None else scope.construction
