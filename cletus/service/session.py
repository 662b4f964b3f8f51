"""The live state of a service: its generation of code, and through it all active store objects."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from cletus.errors import DuplicateStore, StoreUnusable
from cletus.service.application import Application
from cletus.service.listeners import Listeners
from cletus.service.timers import Timers
from cletus.storage import Store, TempStoreMixin, Unsaved, Writer, save_all


class Generation:
    """What is defined, by kind.

    Attributes:
        number: how many reloads had been committed when this one was; the first is 0.
        stores: concrete store classes by their lower-case name.
        imported_stores: names of those that a module body of the application has defined; the
            others are not defined again by an import.
        listeners: who is called for which event.
        timers: calls that are due.
        parked: objects of stores that this generation lacks, for when a later one defines them
            again: store name to what ``reload/parking.py`` made of them.
        aliases: weak references to objects of earlier generations that somebody still holds.
        waiting: fields whose values refer to such objects: (store name, key) to field names to
            what was made of the values.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.stores: dict[str, type[Store]] = {}
        self.imported_stores: set[str] = set()
        self.listeners = Listeners()
        self.timers = Timers()
        self.parked: dict[str, Any] = {}
        self.aliases: list[weakref.ref[Any]] = []
        self.waiting: dict[tuple[str, str], dict[str, Any]] = {}

    def add_store(self, store_cls: type[Store], *, imported: bool) -> None:
        """Register a store class under its name.

        Args:
            store_cls: the class.
            imported: whether a module body of the application defines it.

        Raises:
            DuplicateStore: another class of that name is registered in this generation.
        """
        name = store_cls.__name__.lower()
        other = self.stores.get(name)
        if other is not None:
            raise DuplicateStore(store_cls, other)
        self.stores[name] = store_cls
        if imported:
            self.imported_stores.add(name)


class Session:
    """What persists while generations of code come and go.

    Attributes:
        application: which modules a reload rebuilds.
        current: the generation in force.
        staged: the generation that a reload is building, else ``None``.
        freezing: true while a reload serialises the active objects.

    Args:
        application: what ``service.session.application`` shall be.
        open_writer: opens the home of saved documents, with the writer in front of it, on first use.
    """

    def __init__(self, application: Application, open_writer: Callable[[], Writer]) -> None:
        self.application = application
        self.current = Generation(0)
        self.staged: Generation | None = None
        self.freezing = False
        self._open_writer = open_writer
        self._writer: Writer | None = None
        self._closed = False

    @property
    def generation(self) -> int:
        """How many reloads have been committed."""
        return self.current.number

    @property
    def defining(self) -> Generation:
        """Where registrations go: the generation that is being staged, else the one in force."""
        return self.staged or self.current

    @property
    def stores(self) -> dict[str, type[Store]]:
        """The concrete store classes of the generation in force, by lower-case name."""
        return dict(self.current.stores)

    def register(self, store_cls: type[Store]) -> None:
        """A store class has been defined.

        Raises:
            DuplicateStore: this generation has another one of that name.
        """
        self.defining.add_store(store_cls, imported=self.application.is_importing())

    def find(self, name: str) -> type[Store] | None:
        """The store class of this name, in the generation that is being defined."""
        return self.defining.stores.get(name.lower())

    def open_by(self, open_writer: Callable[[], Writer]) -> None:
        """Have the home of saved documents opened in this way when it is first used.

        Args:
            open_writer: in place of what the settings name; a command that only looks at them
                opens an ``Overlay``.
        """
        self._open_writer = open_writer

    @property
    def is_open(self) -> bool:
        """Whether the home of saved documents has been opened."""
        return self._writer is not None

    @property
    def writer(self) -> Writer:
        """The home of saved documents; it is opened on first use.

        Raises:
            StorageError: it cannot be opened, or was closed for good.
        """
        if self._closed:
            raise StoreUnusable("of this service", "it is closed: the service has stopped")
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer

    def save_all(self) -> list[Unsaved]:
        """Save every active object of every store that can be saved, as one group.

        Returns:
            What could not be saved, and why.
        """
        return save_all(
            obj
            for store_cls in self.current.stores.values()
            if not issubclass(store_cls, TempStoreMixin)
            for obj in store_cls.manager.active().values()
        )

    def flushed(self) -> Deferred[None]:
        """Write what is pending; fires when all of it is safe, or has failed and told so."""
        return succeed(None) if self._writer is None else self._writer.flush()

    def close(self) -> None:
        """Write what is pending and let go of the home of saved documents, for good."""
        self._closed = True
        if self._writer is not None:
            self._writer.close()
            self._writer = None
