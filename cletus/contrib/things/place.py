"""Where a thing is: the field of the thing says it, and nothing else does.

What a room or a bag holds is not saved with it. It is worked out from the places of the things, so a
thing cannot be in two places, and a document that is lost takes nothing with it but itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cletus.errors import StorageError
from cletus.storage import Field


def place_of(holder: Any) -> str:
    """What a place field has for things that this store object holds: ``room:inn``."""
    return "" if holder is None else f"{type(holder).schema.name}:{holder.key}"


def holder_at(session: Any, place: str) -> Any:
    """The store object of a place; ``None`` if there is none, or if it cannot be read."""
    store, _, key = place.partition(":")
    store_cls = session.find(store) if place else None
    if store_cls is None:
        return None
    try:
        return store_cls.manager.get(key)
    except StorageError:
        return None  # the storage has logged that; the thing is there when it can be read again


def canonical(session: Any, place: str) -> str:
    """The place under the present name of its store, which may have been renamed."""
    store, _, key = place.partition(":")
    store_cls = session.find(store) if place else None
    return place if store_cls is None else f"{store_cls.schema.name}:{key}"


class PlaceField(Field[Any]):
    """What holds a thing: a room, a person, another thing, or ``None``.

    Assign a store object. In memory and in the file it is a text, such as ``room:inn``, so that
    neither a reload nor the loading of one object loads others.
    """

    def __init__(self) -> None:
        super().__init__(None)

    if not TYPE_CHECKING:  # to a type checker, Field's own says what it gives

        def __get__(self, obj: Any, owner: Any = None) -> Any:
            """The field itself on the class; on an object what it refers to."""
            return self if obj is None else holder_at(obj.session, vars(obj)[self._name])

    def __set__(self, obj: Any, value: Any) -> None:
        self._put(obj, self._name, place_of(value))

    def contribute_to_instance(self, store: Any, name: str) -> None:
        """A new thing is nowhere."""
        vars(store)[name] = ""

    def serialise(self, obj: Any, name: str) -> str:
        """The text."""
        place: str = vars(obj)[name]
        return place

    def deserialise(self, obj: Any, name: str, data: Any) -> None:
        """Refer to the object of this text, which need not be there."""
        self._put(obj, name, data if isinstance(data, str) else place_of(data))

    def _put(self, obj: Any, name: str, place: str) -> None:
        before = vars(obj).get(name, "")
        vars(obj)[name] = place
        moved = getattr(type(obj).manager, "moved", None)
        if name == "place" and moved is not None:
            moved(obj, before, place)


class Contents:
    """Which active things of one store are in which place.

    Args:
        session: it knows the stores.
        things: all active things of the store.
    """

    def __init__(self, session: Any, things: Iterable[Any]) -> None:
        self._session = session
        self._keys: dict[str, set[str]] = {}
        for thing in things:
            self.add(thing.key, place_text(thing))

    def at(self, place: str) -> set[str]:
        """The keys of the things there."""
        return self._keys.get(place, set())

    def add(self, key: str, place: str) -> None:
        """Note that a thing is there now."""
        if place:
            self._keys.setdefault(canonical(self._session, place), set()).add(key)

    def discard(self, key: str, place: str) -> None:
        """Note that it is no longer there."""
        place = canonical(self._session, place)
        keys = self._keys.get(place, set())
        keys.discard(key)
        if not keys:
            self._keys.pop(place, None)


def place_text(thing: Any) -> str:
    """The place of a thing as a text; nothing is loaded."""
    return str(vars(thing)["place"])
