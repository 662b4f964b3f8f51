"""The target of the checks: an imported application, and the side effects of its import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cletus.check.source_map import SourceMap
from cletus.client.dialogue import Dialogue
from cletus.reload.effects.ledger import Ledger
from cletus.renamed import with_old_names
from cletus.service.application import Application
from cletus.service.service import Service
from cletus.storage import Store
from cletus.storage.interfaces import Backend

#: Called with the name of the work, its number of steps, and how many of them are done.
Progress = Callable[[str, int, int], object]


@with_old_names
@dataclass(frozen=True, slots=True)
class Target:
    """An application to be checked. Checks read it, and do not change it.

    Attributes:
        service: its service, which was not started.
        source_map: its sources.
        reactor: Twisted's, which does not run: the import may have scheduled calls.
        ledger: the resources that the import has created in the process.
        changed: values of the process that the import has set (``Ledger.changed``).
        backend: where its objects are saved, not opened; ``None`` if it cannot be read unopened.
        progress: called during long work.
    """

    service: Service
    source_map: SourceMap
    reactor: Any
    ledger: Ledger
    changed: tuple[str, ...]
    backend: Backend | None
    progress: Progress = lambda _name, _total, _done: None

    @property
    def application(self) -> Application:
        """The modules that are checked."""
        return self.service.session.application

    def stores(self) -> Iterator[type[Store]]:
        """The store classes that the application's own modules define."""
        for store_cls in self.service.session.stores.values():
            if self.application.owns(store_cls.__module__):
                yield store_cls

    def dialogues(self) -> Iterator[type[Dialogue]]:
        """The dialogues that the application's own modules define."""
        waiting = Dialogue.__subclasses__()
        seen: set[type[Dialogue]] = set()
        while waiting:
            dialogue = waiting.pop()
            if dialogue not in seen:
                seen.add(dialogue)
                waiting += dialogue.__subclasses__()
                if self._is_current(dialogue):
                    yield dialogue

    def namespaces(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The imported modules of the application, as (name, namespace)."""
        for name, module in self.application.loaded().items():
            yield name, dict(getattr(module, "__dict__", {}))  # a stand-in may have none

    def _is_current(self, cls: type) -> bool:
        """Whether a class belongs to the application, and not to an earlier import of it."""
        if not self.application.owns(cls.__module__):
            return False
        scope: Any = self.application.loaded().get(cls.__module__)
        for name in cls.__qualname__.split("."):
            if name == "<locals>":
                return scope is not None
            scope = getattr(scope, name, None)
        return scope is cls
