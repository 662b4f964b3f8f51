"""The live state of a service: one generation of its code, and where its objects are saved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, succeed

from cletus.errors import DuplicateStore, NotSavable, NotSaved, StoreUnusable
from cletus.service.application import Application
from cletus.service.listeners import Listeners
from cletus.service.timers import Timers
from cletus.storage import Document, Store, TempStoreMixin, Unsaved, Writer, save_all


class Generation:
    """What one import of the application's code has defined.

    Attributes:
        number: how many reloads had been committed before this generation; the first has 0.
        stores: concrete store classes by lower-case name.
        imported_stores: names of the stores that a module body of the application defines. A reload
            carries the others over, since no module body would define them again.
        listeners: its listeners, in the order of their registration.
        timers: its timers.
        parked: objects of stores that this generation does not define, for a later one that does:
            store name to a ``ParkedStore`` (``reload/state/parking.py``).
        statements: what its modules stated when they were imported (``reload/state/statements.py``).
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.stores: dict[str, type[Store]] = {}
        self.imported_stores: set[str] = set()
        self.listeners = Listeners()
        self.timers = Timers()
        self.parked: dict[str, Any] = {}
        self.statements: Any = None

    def add_store(self, store_cls: type[Store], *, imported: bool) -> None:
        """Register a store class under its name.

        Args:
            store_cls: a concrete store class.
            imported: whether a module body of the application defines it.

        Raises:
            DuplicateStore: this generation has another class of that name.
        """
        name = store_cls.__name__.lower()
        registered = self.stores.get(name)
        if registered is not None:
            raise DuplicateStore(store_cls, registered)
        self.stores[name] = store_cls
        if imported:
            self.imported_stores.add(name)


class Session:
    """What lasts while generations of code come and go.

    Args:
        application: the modules that a reload rebuilds.
        open_writer: opens the backend of saved documents, when it is first used.

    Attributes:
        application: the modules that a reload rebuilds.
        current: the generation in force.
        staged: the generation that a reload is building, else ``None``.
        freezing: whether a reload is serialising the active objects.
        service: whose session this is, so that a store may say ``session = service.session``.
    """

    def __init__(
        self, application: Application, open_writer: Callable[[], Writer], service: Any = None
    ) -> None:
        self.application = application
        self.service = service
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
        """The generation that takes registrations: the staged one, else the one in force."""
        return self.staged or self.current

    @property
    def stores(self) -> dict[str, type[Store]]:
        """The concrete store classes in force, by lower-case name; a copy."""
        return dict(self.current.stores)

    def register(self, store_cls: type[Store]) -> None:
        """Register a store class that has just been defined.

        Raises:
            DuplicateStore: another class of that name is registered.
        """
        self.defining.add_store(store_cls, imported=self.application.is_importing())

    def find(self, name: str) -> type[Store] | None:
        """The store class that has or had this name, in whatever case, of the generation being defined."""
        stores, name = self.defining.stores, name.lower()
        if name in stores:
            return stores[name]
        return next((cls for cls in stores.values() if name in cls.schema.names), None)

    def open_with(self, open_writer: Callable[[], Writer]) -> None:
        """Open the backend with this function when it is first used, whatever the settings say."""
        self._open_writer = open_writer

    @property
    def is_open(self) -> bool:
        """Whether the backend of saved documents is open."""
        return self._writer is not None

    def replace_writer(self, writer: Writer) -> None:
        """Save by this from now on; for a process that takes over from another."""
        self._writer = writer

    def load_again(self) -> None:
        """Load all active objects that are saved, since another process may have changed them."""
        for store_cls in self.current.stores.values():
            for obj in store_cls.manager.active().values():
                with suppress(NotSaved, NotSavable):
                    obj.load()

    @property
    def writer(self) -> Writer:
        """The writer of saved documents; its backend is opened on first use.

        Raises:
            StorageError: it cannot be opened, or the service has stopped.
        """
        if self._closed:
            raise StoreUnusable("of this service", "it is closed: the service has stopped")
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer

    def save_all(
        self,
        *,
        rescue: bool = False,
        is_saved: Callable[[Document], bool] = lambda _document: False,
    ) -> list[Unsaved]:
        """Save all active objects of all stores that can be saved, as one group.

        Args:
            rescue: save objects without the fields that cannot be serialised, as when the service stops.
            is_saved: whether a document need not be written, since it is the one that is saved.

        Returns:
            What could not be saved, and why.
        """
        active = [(cls, cls.manager.active()) for cls in self.current.stores.values()]
        # Of stores that the code has ceased to define, too: they are saved as they are.
        active += [(parked.store_cls, parked.objects) for parked in self.current.parked.values()]
        objects = [
            obj
            for store_cls, active_objects in active
            if not issubclass(store_cls, TempStoreMixin)
            for obj in active_objects.values()
        ]
        return save_all(objects, rescue=rescue, is_saved=is_saved)

    def flushed(self) -> Deferred[None]:
        """Write what is pending; fires when all of it is safe, or has failed and told so."""
        return succeed(None) if self._writer is None else self._writer.flush()

    def close(self) -> None:
        """Write what is pending and close the backend, for good."""
        self._closed = True
        if self._writer is not None:
            self._writer.close()
            self._writer = None
