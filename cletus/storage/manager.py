"""Managers: which objects of a store are active, and which are saved.

An object is active from when it is made until ``remove_active``. The storage document: "Managers are
intentionally simple, and do not provide functionality for querying or filtering".
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Generic, Self

from twisted.logger import Logger
from typing_extensions import TypeVar  # typing's own knows defaults from Python 3.13 on

from cletus.errors import (
    InvalidKey,
    KeyInUse,
    NotSaved,
    StorageError,
    StoreDeclarationError,
)
from cletus.storage.interfaces import BufferedBackend, StoreObject
from cletus.storage.keys import as_it_is, normalise
from cletus.storage.saving import Unsaved, read_saved, save_all
from cletus.storage.schema import Schema

S = TypeVar("S", bound=StoreObject, default=Any)

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()


_AHEAD = 1000
"""So many documents are read from a database by one request."""


class Manager(Generic[S]):
    """The objects of one store class.

    Declare one as ``manager = UserManager()`` or under another name; ``User.manager`` is it. Every
    class has its own instance: a subclass never shares its parent's.

    Attributes:
        store_cls: the class whose objects these are.
    """

    store_cls: type[S]

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """A manager that works though a subclass's ``__init__`` may call no other."""
        self = super().__new__(cls)
        self._active = {}
        return self

    _active: dict[str, S]

    def __copy__(self) -> Self:
        """A new manager of this kind, without objects.

        Override it if the constructor takes arguments, and pass them on.
        """
        return type(self)()

    def contribute_to_class(self, store_cls: type[S], name: str) -> None:
        """Give the class a manager of its own, a copy of this one."""
        try:
            manager = copy.copy(self)
        except TypeError as error:
            reason = f"{type(self).__name__}.__copy__ must pass on the constructor's arguments"
            raise StoreDeclarationError(store_cls.__name__, name, f"{reason}: {error}") from error
        manager.store_cls = store_cls
        setattr(store_cls, name, manager)

    # -- active objects -------------------------------------------------------------------------

    def active(self) -> dict[str, S]:
        """All active objects, saved or not, by key. The dict is the caller's own."""
        return dict(self._active)

    def add_active(self, obj: S) -> None:
        """Make an object active; called whenever an object is made.

        Another active object of the same key is replaced, with a warning in the log.
        """
        present = self._active.get(obj.key)
        if present is not None and not _is_same(present, obj):
            _log.warn("a second {obj} was made: it replaces the active one", obj=repr(obj))
        self._active[obj.key] = obj

    def remove_active(self, obj: S) -> None:
        """Remove an object that is no longer needed in memory. Harmless if it is not active.

        What was not saved of it is lost with its last reference.
        """
        present = self._active.get(obj.key)
        if present is not None and _is_same(present, obj):
            del self._active[obj.key]

    def remove(self, obj: S) -> None:
        """The same as ``remove_active``."""
        self.remove_active(obj)

    def get_active(self, key: str) -> S | None:
        """The active object of this normalised key, or ``None``; nothing is loaded."""
        return self._active.get(key)

    def set_active(self, objects: Mapping[str, S]) -> None:
        """For the reload: exactly these are the active objects, by key and in this order."""
        self._active = dict(objects)

    def order_active(self, keys: Iterable[str]) -> None:
        """Put the active objects into this order of their keys, followed by all others."""
        order = dict.fromkeys((*keys, *self._active))
        self._active = {key: self._active[key] for key in order if key in self._active}

    # -- saved objects --------------------------------------------------------------------------

    def keys(self) -> list[str]:
        """The keys of all saved objects, in no particular order. Nothing is loaded.

        Raises:
            StoreIOError: they cannot be listed.
        """
        if self._schema.is_temporary:
            return []
        backend = self._backend()
        return list(dict.fromkeys(key for name in self._schema.names for key in backend.keys(name)))

    def saved(self) -> dict[str, S]:
        """Every saved object as it was last saved, by key.

        They are separate objects, none of them active; active objects do not change. What cannot be
        read is left out, logged, and listed by ``unreadable()``.
        """
        return self._fetch_each(self.keys())

    def all(self) -> dict[str, S]:
        """Every active and every saved object, by key; of an object that is both, the active one."""
        saved = self._fetch_each(key for key in self.keys() if key not in self._active)
        return {**saved, **self._active}

    def find(self, **equals: Any) -> dict[str, S]:
        """Every active and every saved object whose fields equal these values, by key.

        Of an object that is active, the present values count, saved or not. Nothing else of the store is
        loaded, and fields that are declared with ``index=True`` are found without looking through it.

        Args:
            **equals: values by the name of a field that is saved.

        Raises:
            NotSupported: the documents are not in a database that can search.
            UnknownField: the store does not have this field.
            FieldValueError: a value does not fit its field.
            StoreIOError: the database cannot be searched.
        """
        wanted = {key: obj for key, obj in self._active.items() if self._schema.equals(obj, equals)}
        conditions = self._schema.conditions(equals)
        if self._schema.is_temporary:
            return wanted
        saved = [
            key for name in self._schema.names for key in self._backend().find(name, conditions)
        ]
        fetched = self._fetch_each(key for key in saved if key not in self._active)
        matching = {key: obj for key, obj in fetched.items() if self._schema.equals(obj, equals)}
        return {**matching, **wanted}

    def find_by_sql(self, where: str, *parameters: Any) -> dict[str, S]:
        """Every saved object for which an SQL expression is true, by key; the active one if it is active.

        The database sees what was saved last, not what was changed in memory since then.

        Args:
            where: in the database's own SQL, over ``key``, ``saved_at`` and ``data``, the JSON:
                ``"data ->> 'score' > ?"`` in SQLite, ``"(data ->> 'score')::int > %s"`` in PostgreSQL. Never
                put into it what people have typed; that is what the parameters are for.
            *parameters: the values for the placeholders.

        Raises:
            NotSupported: the documents are not in a database that can search.
            StoreIOError: the database refuses the expression.
        """
        if self._schema.is_temporary:
            return {}
        keys = [
            key
            for name in self._schema.names
            for key in self._backend().find_by_sql(name, where, parameters)
        ]
        fetched = self._fetch_each(key for key in keys if key not in self._active)
        return {**fetched, **{key: self._active[key] for key in keys if key in self._active}}

    def unreadable(self) -> dict[str, StorageError]:
        """The errors of the saved objects that could not be read when last tried, by key."""
        return dict(self._schema.unreadable)

    # -- one object -----------------------------------------------------------------------------

    def get(self, key: str) -> S | None:
        """The active object of this key, else the saved one, made active, else ``None``.

        Raises:
            UnreadableStore: it is saved and cannot be used.
            StoreIOError: it is saved and cannot be read.
        """
        try:
            key = normalise(key)
        except InvalidKey:
            return None  # no object can have this key
        obj = self._active.get(key)
        if obj is not None or self._schema.is_temporary:
            return obj
        try:
            obj = self._fetch(key)
        except NotSaved:
            return None
        self.add_active(obj)
        return obj

    def create(self, key: str, **values: Any) -> S:
        """Make a new object under a key that is not in use. It is active, and not saved yet.

        Raises:
            KeyInUse: an active or saved object, readable or not, has the key.
            InvalidKey: it cannot be a key.
            UnknownField: a value is for a field that there is not.
            FieldValueError: a value does not fit its field's type.
        """
        key = normalise(key)
        if key in self._active or self._is_saved(key):
            raise KeyInUse(self._schema.name, key)
        store_cls: Any = self.store_cls
        try:
            obj: S = store_cls(key, **values)
        except BaseException:  # an __init__ of the application's may raise after it was made active
            self._active.pop(key, None)
            raise
        return obj

    def delete(self, key: str) -> None:
        """Remove the object of this key permanently, from memory and from the backend.

        Raises:
            NotSaved: it is neither active nor saved.
            StoreIOError: it could not be removed; then it is still active.
        """
        key = normalise(key)
        if not self._schema.is_temporary:
            if not self._delete_saved(key) and key not in self._active:
                raise NotSaved(self._schema.name, key)
        elif key not in self._active:
            raise NotSaved(self._schema.name, key)
        self._schema.unreadable.pop(key, None)
        obj = self._active.get(key)
        if obj is not None:
            self.remove_active(obj)

    def save_all(self, objects: Iterable[S] | None = None) -> list[Unsaved]:
        """Save these objects, or all active ones, with shared flushes: far faster than one by one.

        Returns:
            those that could not be saved, each with the reason; all others are saved.
        """
        if objects is None:
            objects = () if self._schema.is_temporary else self.active().values()
        return save_all(objects)

    # -- inside ---------------------------------------------------------------------------------

    @property
    def _schema(self) -> Schema:
        store_cls: Any = self.store_cls
        schema: Schema = store_cls.schema
        return schema

    def _backend(self) -> BufferedBackend:
        store_cls: Any = self.store_cls
        backend: BufferedBackend = store_cls.session.writer
        return backend

    def _delete_saved(self, key: str) -> bool:
        """Remove what is saved under a key, also under earlier names; whether there was anything."""
        deleted = False
        for name in self._schema.names:
            with suppress(NotSaved):
                self._backend().delete(name, key)
                deleted = True
        return deleted

    def _is_saved(self, key: str) -> bool:
        if self._schema.is_temporary:
            return False
        try:
            read_saved(self._backend(), self._schema, key)
        except NotSaved:
            return False
        return True

    def _fetch(self, key: str) -> S:
        """A saved object that is not active."""
        obj: S = self._schema.detached(key)
        obj.load()
        return obj

    def _fetch_each(self, keys: Iterable[str]) -> dict[str, S]:
        objects = {}
        wanted = list(keys)
        for start in range(0, len(wanted), _AHEAD):
            chunk = wanted[start : start + _AHEAD]
            with self._backend().read_ahead(self._schema.name, chunk):
                for key in chunk:
                    try:
                        objects[key] = self._fetch(as_it_is(key))
                    except NotSaved:
                        continue  # deleted between the listing and the reading
                    except StorageError as error:
                        self._schema.unreadable[key] = error
                        _log.error("left out: {error}", error=error)
        return objects


def _is_same(obj: StoreObject, successor: StoreObject) -> bool:
    """The same object, or an older self of it; a class may have its own idea of what is equal."""
    return obj is successor or vars(obj) is vars(successor)
