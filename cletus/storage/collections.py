"""Lists, sets and dicts of store objects, which hold only their keys.

An object is looked up when it is read: the active one, else it is loaded. So loading one object never
loads all that it refers to. What has been deleted since reads as ``None`` in a list or dict and is
left out when a set is iterated; ``prune()`` forgets it.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
)
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, overload

from cletus.errors import FieldValueError, InvalidKey
from cletus.storage.interfaces import StoreRegistry
from cletus.storage.keys import normalise
from cletus.storage.schema import Schema
from cletus.storage.value_errors import kind_of

if TYPE_CHECKING:
    from cletus.storage.store import Store

S = TypeVar("S", bound="Store")

ToKey = Callable[[Any], str]


class References(Generic[S]):
    """Objects of one store to keys and back.

    Args:
        registry: the session that knows the store classes.
        store: the store's name, in lower case.
        referrer: (store, key, field) of what refers to them, for messages.
    """

    def __init__(self, registry: StoreRegistry, store: str, referrer: tuple[str, str, str]) -> None:
        self._registry = registry
        self._store = store
        self._referrer = referrer

    def key_of(self, obj: Any) -> str:
        """The key of an object of this store.

        Raises:
            FieldValueError: it is something else.
        """
        if not self._is_ours(obj):
            self._refuse(f"an object of the store {self._store!r}", kind_of(obj))
        key: str = obj.key
        return key

    def key_from(self, data: Any) -> str:
        """The key that serialised data means: a text, or the object itself.

        Raises:
            FieldValueError: it is neither.
        """
        if not isinstance(data, str):
            return self.key_of(data)
        try:
            return normalise(data)
        except InvalidKey as error:
            self._refuse("a key", str(error))

    def resolve(self, key: str) -> S | None:
        """The active object of this key, else the saved one, else ``None``."""
        store_cls = self._registry.find(self._store)
        return None if store_cls is None else store_cls.manager.get(key)

    def _is_ours(self, obj: Any) -> bool:
        schema = getattr(type(obj), "schema", None)
        return isinstance(schema, Schema) and schema.name == self._store

    def _refuse(self, expected: str, actual: str) -> NoReturn:
        raise FieldValueError(*self._referrer, "", expected, actual)

    def _parts(self, data: Any) -> Iterable[Any]:
        if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
            self._refuse(f"objects of the store {self._store!r}", kind_of(data))
        return data


class StoreList(References[S], MutableSequence["S | None"]):
    """A list of store objects; see ``StoreListField``."""

    __hash__ = None  # type: ignore[assignment]  # it changes, as any list

    def __init__(self, registry: StoreRegistry, store: str, referrer: tuple[str, str, str]) -> None:
        super().__init__(registry, store, referrer)
        self._keys: list[str] = []

    def fill(self, data: Any, key_of: ToKey) -> None:
        """Refer to what is in the data, and to nothing else; ``key_of`` tells the key of each."""
        if isinstance(data, StoreList) and data._store == self._store:
            self._keys = data.as_keys()
        else:
            self._keys = [key_of(obj) for obj in self._parts(data)]

    def as_keys(self) -> list[str]:
        """The keys of the objects. Nothing is loaded."""
        return [*self._keys]

    def prune(self) -> None:
        """Forget the objects that are gone."""
        self._keys = [key for key in self._keys if self.resolve(key) is not None]

    @overload
    def __getitem__(self, index: int) -> S | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[S | None]: ...
    def __getitem__(self, index: int | slice) -> S | list[S | None] | None:
        if isinstance(index, slice):
            return [self.resolve(key) for key in self._keys[index]]
        return self.resolve(self._keys[index])

    @overload
    def __setitem__(self, index: int, value: S | None) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[S | None]) -> None: ...
    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            self._keys[index] = [self.key_of(obj) for obj in value]
        else:
            self._keys[index] = self.key_of(value)

    def __delitem__(self, index: int | slice) -> None:
        del self._keys[index]

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, value: object) -> bool:
        return self._is_ours(value) and getattr(value, "key", None) in self._keys

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoreList):
            return (self._store, self._keys) == (other._store, other._keys)
        if not isinstance(other, (list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(
            self._is_ours(obj) and obj.key == key
            for obj, key in zip(other, self._keys, strict=True)
        )

    def __add__(self, other: Iterable[S | None]) -> list[S | None]:
        return [*self, *other]

    def __repr__(self) -> str:
        return f"<StoreList of {self._store}: {self._keys!r}>"

    def insert(self, index: int, value: S | None) -> None:
        """Insert an object of the store before the index."""
        self._keys.insert(index, self.key_of(value))

    def copy(self) -> list[S | None]:
        """The objects, in a plain list."""
        return [*self]

    def sort(self, *, key: Callable[[S | None], Any], reverse: bool = False) -> None:
        """Sort by what ``key`` gives for each object."""
        self._keys.sort(key=lambda stored: key(self.resolve(stored)), reverse=reverse)


class StoreSet(References[S], MutableSet[S]):
    """A set of store objects; see ``StoreSetField``. Iterated in the order of their adding.

    ``len()`` counts references, also those to objects that are gone.
    """

    __hash__ = None  # type: ignore[assignment]  # it changes, as any set

    def __init__(self, registry: StoreRegistry, store: str, referrer: tuple[str, str, str]) -> None:
        super().__init__(registry, store, referrer)
        self._keys: dict[str, None] = {}

    def fill(self, data: Any, key_of: ToKey) -> None:
        """Refer to what is in the data, and to nothing else; ``key_of`` tells the key of each."""
        if isinstance(data, StoreSet) and data._store == self._store:
            self._keys = dict.fromkeys(data.as_keys())
        else:
            self._keys = dict.fromkeys(key_of(obj) for obj in self._parts(data))

    def as_keys(self) -> list[str]:
        """The keys of the objects. Nothing is loaded."""
        return [*self._keys]

    def prune(self) -> None:
        """Forget the objects that are gone."""
        self._keys = dict.fromkeys(key for key in self._keys if self.resolve(key) is not None)

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Any:
        return set(it)  # what ``|``, ``&`` and the like give; it belongs to no field

    def __iter__(self) -> Iterator[S]:
        objects = (self.resolve(key) for key in self.as_keys())
        return (obj for obj in objects if obj is not None)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, value: object) -> bool:
        return self._is_ours(value) and getattr(value, "key", None) in self._keys

    def __repr__(self) -> str:
        return f"<StoreSet of {self._store}: {self.as_keys()!r}>"

    def add(self, value: S) -> None:
        """Add an object of the store."""
        self._keys[self.key_of(value)] = None

    def discard(self, value: S) -> None:
        """Remove an object, if it is in."""
        if value in self:
            del self._keys[value.key]

    def update(self, *groups: Iterable[S]) -> None:
        """Add all objects of these."""
        for objects in groups:
            self._keys.update(dict.fromkeys(self.key_of(obj) for obj in objects))

    def copy(self) -> set[S]:
        """The objects, in a plain set."""
        return {*self}


class StoreDict(References[S], MutableMapping[str, "S | None"]):
    """A dict of texts to store objects; see ``StoreDictField``."""

    __hash__ = None  # type: ignore[assignment]  # it changes, as any dict

    def __init__(self, registry: StoreRegistry, store: str, referrer: tuple[str, str, str]) -> None:
        super().__init__(registry, store, referrer)
        self._keys: dict[str, str] = {}

    def fill(self, data: Any, key_of: ToKey) -> None:
        """Refer to what is in the data, and to nothing else; ``key_of`` tells the key of each."""
        if isinstance(data, StoreDict) and data._store == self._store:
            self._keys = data.as_keys()
        elif isinstance(data, Mapping):
            self._keys = {self._checked(name): key_of(obj) for name, obj in data.items()}
        else:
            self._refuse(f"a dict of objects of the store {self._store!r}", kind_of(data))

    def as_keys(self) -> dict[str, str]:
        """Each name and the key of its object. Nothing is loaded."""
        return dict(self._keys)

    def prune(self) -> None:
        """Forget the objects that are gone."""
        kept = {name: key for name, key in self._keys.items() if self.resolve(key) is not None}
        self._keys = kept

    def __getitem__(self, name: str) -> S | None:
        return self.resolve(self._keys[name])

    def __setitem__(self, name: str, value: S | None) -> None:
        self._keys[self._checked(name)] = self.key_of(value)

    def __delitem__(self, name: str) -> None:
        del self._keys[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __repr__(self) -> str:
        return f"<StoreDict of {self._store}: {self._keys!r}>"

    def copy(self) -> dict[str, S | None]:
        """The objects, in a plain dict."""
        return dict(self)

    def _checked(self, name: Any) -> str:
        if not isinstance(name, str):
            self._refuse("texts as names in the dict", kind_of(name))
        return name
