"""What is being checked: an application that was imported, and what came of its import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cletus.check.source_map import Texts
from cletus.client.dialogue import Dialogue
from cletus.reload.effects.ledger import Ledger
from cletus.service.application import Application
from cletus.service.service import Service
from cletus.storage import Store
from cletus.storage.interfaces import Backend

#: Called with what is being done, how much of it there is, and how far it is.
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True, slots=True)
class Subject:
    """An application to be checked. Checks read it, and change nothing of it.

    Attributes:
        service: what it has made; it was not started.
        texts: its sources as they were read.
        reactor: Twisted's, which does not run: what the import has given to it.
        ledger: what the import has left in the process.
        changed: single values of the process that the import has set (``Ledger.changed``).
        home: where its objects are saved, not opened; ``None`` where that cannot be looked into.
        progress: is told of long work.
    """

    service: Service
    texts: Texts
    reactor: Any
    ledger: Ledger
    changed: tuple[str, ...]
    home: Backend | None
    progress: Progress = lambda _what, _total, _done: None

    @property
    def application(self) -> Application:
        """Which modules are checked."""
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
            kind = waiting.pop()
            if kind not in seen:
                seen.add(kind)
                waiting += kind.__subclasses__()
                if self._is_in_force(kind):
                    yield kind

    def namespaces(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The application's modules that were imported, by name, and what is in them."""
        for name, module in self.application.loaded().items():
            yield name, dict(getattr(module, "__dict__", {}))  # a stand-in may have none

    def _is_in_force(self, kind: type) -> bool:
        """Whether it is the application's; of what an earlier import has left there is nothing to say."""
        if not self.application.owns(kind.__module__):
            return False
        found: Any = self.application.loaded().get(kind.__module__)
        for part in kind.__qualname__.split("."):
            if part == "<locals>":
                return found is not None
            found = getattr(found, part, None)
        return found is kind
