"""A generation: all that one import of the application's code has defined.

Store classes, listeners and timers register here. A reload fills a new generation aside, and its
commit is one assignment: ``session.current = staged``.
"""

from __future__ import annotations

import weakref
from typing import Any

from cletus.errors import DuplicateStore
from cletus.service.listeners import Listeners
from cletus.service.timers import Timers
from cletus.storage import Store


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
