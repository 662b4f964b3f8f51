"""How a call of ``Service()`` is answered: with a new service, or with the one that is being rebuilt.

Code that imports an application says so here for the time of the import, in one context variable.
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
    """An application is being imported by somebody who runs its service: ``service.run()`` does not.

    Attributes:
        application: the modules that are being imported.
        configure: called with each new service, before the application uses it.
    """

    application: Application
    configure: Callable[[Any], object]


class Rebuild:
    """A reload runs the application's module bodies again: ``Service()`` gives back the running service.

    Args:
        service: the running service.

    Attributes:
        service: the running service.
        service_class: the class of which the new code makes it.
        sources: its settings as the new code states them; they come into force with the commit.
    """

    def __init__(self, service: Any) -> None:
        self.service = service
        self.service_class: type = type(service)
        self.sources: Sources = service.sources.copy()
        self.sources.replace("module body", {})  # the new code states its own


Construction = Loading | Rebuild


class _Scope:
    """Holds a construction until its end.

    A coroutine that a module body starts keeps the context variables of its start for ever; it must
    not take a later call of ``Service()`` for a part of that import.
    """

    __slots__ = ("construction",)

    def __init__(self, construction: Construction) -> None:
        self.construction: Construction | None = construction


_scope: Final[ContextVar[_Scope | None]] = ContextVar("cletus.service.construction", default=None)


@contextmanager
def constructing(construction: Construction) -> Iterator[None]:
    """Have ``Service()`` answered in this way by the code that runs inside."""
    scope = _Scope(construction)
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
        scope.construction = None


def current_loading() -> Loading | None:
    """The import that the calling code is a part of, if it is the first one of its application."""
    construction = _current()
    return construction if isinstance(construction, Loading) else None


def current_rebuild() -> Rebuild | None:
    """The rebuild that the calling code is a part of, if any."""
    construction = _current()
    return construction if isinstance(construction, Rebuild) else None


def _current() -> Construction | None:
    scope = _scope.get()
    return None if scope is None else scope.construction
