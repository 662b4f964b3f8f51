"""A service to hang stores on, and a reload in small, for tests of the object side.

The real reload has its own tests; this one does what it does to stores: freeze, make all successors,
restore, commit, and leave the old objects as aliases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from cletus import Service
from cletus.service.session import Generation
from cletus.storage import Field, Store, StoreDictField, StoreField, StoreListField, StoreSetField


def make_service(store: str = "memory:") -> Service:
    """A service that is not started, with a clock for what it does soon."""
    service = Service(store=store)
    service.reactor = Clock()
    return service


def raw(service: Service, store: str, key: str) -> bytes:
    """The text under which an object is saved."""
    data: bytes = service.session.writer.read(store, key)
    return data


def put(service: Service, store: str, key: str, text: str) -> None:
    """Write a document past the objects, as a person with an editor does."""
    service.session.writer.write(store, key, text.encode())


def reload(service: Service, define: Callable[[], object]) -> None:
    """Run the definitions anew in a further generation and carry all active objects over."""
    session = service.session
    old_stores = session.stores
    frozen = [
        (old, old.to_dict(session=True))
        for store_cls in old_stores.values()
        for old in store_cls.manager.active().values()
    ]
    session.staged = staged = Generation(session.generation + 1)
    try:
        define()
        pairs = [
            (old, staged.stores[type(old).schema.name](old.key), data)
            for old, data in frozen
            if type(old).schema.name in staged.stores
        ]
        for old, new, data in pairs:
            new.restore(data, type(old))
    except BaseException:
        session.staged = None
        raise
    for old, new, _ in pairs:
        _alias(old, new)
    session.current, session.staged = staged, None


def _alias(old: Any, new: Store) -> None:
    if "_document_state" in vars(old):
        new._document_state = old._document_state
    old.__class__ = type(new)
    old.__dict__ = new.__dict__


def define_rooms_and_users(service: Service) -> Any:
    """Users who are in rooms; gives both classes."""
    room = type(
        "Room", (Store,), {"service": service, "title": Field(""), "next": StoreField("room")}
    )
    fields = {
        "room": StoreField("Room"),
        "home": StoreField(room, session=True),
        "visited": StoreListField("room"),
        "friends": StoreSetField("user"),
        "exits": StoreDictField(room),
    }
    return type("User", (Store,), {"service": service, **fields}), room
