"""Fields that refer to other store objects by store name and key, so that a reload cannot break them.

    class User(Store):
        service = service
        room = StoreField("room")
        friends = StoreSetField("user")

In memory, in a reload and in a file such a field holds only keys. Reading it gives the active object
of that key, or loads it; if there is none, it gives ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from typing_extensions import TypeVar as TypeVarWithDefault

from cletus.storage.collections import References, StoreDict, StoreList, StoreSet
from cletus.storage.field import Field

if TYPE_CHECKING:
    from cletus.storage.store import Store

T = TypeVar("T")
S = TypeVarWithDefault("S", bound="Store", default=Any)


class _ReferenceField(Field[T], Generic[T, S]):
    """The base of all reference fields.

    Args:
        store: the store's name (its class name in any case), or its class. Only the name is kept,
            so the class may be of an earlier generation of the code.
        session, renamed_from: as for ``Field``.
    """

    def __init__(
        self,
        store: str | type[S],
        session: bool = False,
        *,
        renamed_from: str | tuple[str, ...] = (),
        **old_keywords: Any,
    ) -> None:
        super().__init__(None, session, renamed_from=renamed_from, **old_keywords)
        self.store: str = store.lower() if isinstance(store, str) else store.schema.name

    if not TYPE_CHECKING:  # to a type checker, Field's own says what it gives

        def __get__(self, obj: Any, owner: Any = None) -> Any:
            """The field itself on the class; on an object what it refers to."""
            return self if obj is None else self._read(obj)

    def contribute_to_instance(self, store: Any, name: str) -> None:
        """A new object refers to nothing."""
        self.deserialise(store, name, None)

    def _read(self, obj: Any) -> Any:
        raise NotImplementedError

    def _referrer(self, obj: Any) -> tuple[str, str, str]:
        return type(obj).__name__, obj.key, self._name


class StoreField(_ReferenceField["S | None", S]):
    """A reference to one object of a store, or ``None``."""

    def __set__(self, obj: Any, value: S | None) -> None:
        """Refer to this object.

        Raises:
            FieldValueError: it is of another store, or of none.
        """
        key = None if value is None else self._references(obj).key_of(value)
        vars(obj)[self._name] = key

    def serialise(self, obj: Any, name: str) -> str | None:
        """The key of the object referred to. Nothing is loaded."""
        key: str | None = vars(obj)[name]
        return key

    def deserialise(self, obj: Any, name: str, data: Any) -> None:
        """Refer to the object of this key, which need not be there."""
        vars(obj)[name] = None if data is None else self._references(obj).key_from(data)

    def _read(self, obj: Any) -> S | None:
        key = vars(obj)[self._name]
        return None if key is None else self._references(obj).resolve(key)

    def _references(self, obj: Any) -> References[S]:
        return References(obj.session, self.store, self._referrer(obj))


class _CollectionField(_ReferenceField[T, S]):
    """References to many objects, as a collection that belongs to one store object and is never shared."""

    _collection: ClassVar[Any]

    def __set__(self, obj: Any, value: Any) -> None:
        """Refer to the objects in this, of which nothing but their keys is taken.

        Raises:
            FieldValueError: one is of another store, or of none.
        """
        collection = self._make(obj)
        collection.fill(value, collection.key_of)
        vars(obj)[self._name] = collection

    def deserialise(self, obj: Any, name: str, data: Any) -> None:
        """Refer to the objects of these keys, which need not be there."""
        collection = self._make(obj)
        if data is not None:
            collection.fill(data, collection.key_from)
        vars(obj)[name] = collection

    def serialise(self, obj: Any, name: str) -> Any:
        """The keys of the objects, in order: a list, or a dict where this is one."""
        return vars(obj)[name].as_keys()

    def _read(self, obj: Any) -> Any:
        return vars(obj)[self._name]

    def _make(self, obj: Any) -> Any:
        return self._collection(obj.session, self.store, self._referrer(obj))


class StoreListField(_CollectionField["StoreList[S]", S]):
    """References to many objects of one store, as a list of them."""

    _collection = StoreList

    if TYPE_CHECKING:  # what may be assigned is more than what is read

        def __set__(self, obj: Any, value: Iterable[S | None]) -> None: ...


class StoreSetField(_CollectionField["StoreSet[S]", S]):
    """References to many objects of one store, as a set of them."""

    _collection = StoreSet

    if TYPE_CHECKING:  # as above

        def __set__(self, obj: Any, value: Iterable[S]) -> None: ...


class StoreDictField(_CollectionField["StoreDict[S]", S]):
    """References to objects of one store by a text each, as a dict."""

    _collection = StoreDict

    if TYPE_CHECKING:  # as above

        def __set__(self, obj: Any, value: Mapping[str, S | None]) -> None: ...


def referred(obj: Store) -> Iterator[tuple[str, str, str]]:
    """The references in an object's permanent fields, as (field, store, key). Nothing is loaded."""
    for name, field in obj.fields.items():
        if isinstance(field, _ReferenceField) and not field.session:
            keys = field.serialise(obj, name)
            if isinstance(keys, dict):
                keys = keys.values()
            elif keys is None or isinstance(keys, str):
                keys = (keys,)
            yield from ((name, field.store, key) for key in keys if key is not None)
