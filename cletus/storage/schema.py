"""The schema of a store class (``User.schema``): its name, its fields, and the state of its documents.

The fields are analysed once per class, because a reload makes, reads and fills every active object in
one reactor turn: what an ordinary field does is done here in loops, without a call per field. A field
is ordinary for an operation if its class does not override the method of ``Field`` behind it.
"""

from __future__ import annotations

import enum
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from twisted.logger import Logger

from cletus.errors import StorageError, UnknownField
from cletus.storage.field import Field
from cletus.storage.interfaces import Condition
from cletus.storage.typed import Typed


class FieldSchema:
    """The fields of a class; dialogues have such a schema, too.

    Args:
        fields: every field by name, in the order of declaration. Whatever has
            ``contribute_to_instance`` is a field; it need not be a ``Field``.
        owner: the class that declares them, after everything has contributed to it.

    Attributes:
        fields: as given.
        typed: the ordinary fields that state a type, and these types.
        untyped: the names of the ordinary fields that state no type.
        renames: (name, earlier names) of each field that has been renamed.
        slots: names of the attributes that ``__slots__`` of the class lists; they are not fields.
    """

    def __init__(self, fields: Mapping[str, Any], owner: type[Any] = object) -> None:
        self.fields = fields
        self.typed: dict[str, Typed] = {
            name: field.typed
            for name, field in fields.items()
            if _ordinary(field, "serialise", "deserialise") and field.typed is not None
        }
        self.untyped = frozenset(
            name
            for name, field in fields.items()
            if _ordinary(field, "serialise", "deserialise") and field.typed is None
        )
        self.renames = tuple(
            (name, field.renamed_from)
            for name, field in fields.items()
            if getattr(field, "renamed_from", ())
        )
        self._initial = tuple(_initial(name, field) for name, field in fields.items())
        self._parts = {session: _Part(owner, fields, session=session) for session in (False, True)}
        self.slots: tuple[str, ...] = _slots(owner)

    def initialise(self, obj: Any) -> None:
        """Give a new object its default values, in the order of declaration."""
        for name, constant, make, contribute in self._initial:
            if contribute is not None:
                contribute(obj, name)
            elif make is not None:
                setattr(obj, name, make())
            else:
                setattr(obj, name, constant)

    def serialise(self, obj: Any, *, session: bool) -> dict[str, Any]:
        """The object's fields, in the order of declaration; a deleted attribute is left out."""
        part = self._parts[session]
        if part.get_all is not None:
            try:
                # Not strict: there are as many values as names, and the check costs a third more.
                return dict(zip(part.names, part.get_all(obj)))  # noqa: B905 - see above
            except AttributeError:
                pass  # an attribute was deleted: go one by one
        data = {}
        for name, serialise in part.serialisers:
            if serialise is not None:
                data[name] = serialise(obj, name)
            elif (value := getattr(obj, name, _NOTHING)) is not _NOTHING:
                data[name] = value
        return data

    def deserialise(self, obj: Any, data: Mapping[str, Any], *, session: bool) -> None:
        """Set the fields that the data has: all types are checked before the first is set."""
        part = self._parts[session]
        if self.typed:
            data = self._accepted(obj, data)
        for name in part.plain:
            if name in data:
                setattr(obj, name, data[name])
        for name, deserialise in part.deserialisers:
            if name in data:
                deserialise(obj, name, data[name])

    def restore(self, obj: Any, data: dict[str, Any]) -> bool:
        """Do as ``deserialise`` does with a new object in a reload, where time is short.

        Returns:
            false if nothing was done, for this data or class needs more than that.
        """
        part = self._parts[True]
        if not part.direct or not data.keys() <= self.fields.keys():
            return False
        if self.typed:
            data = self._accepted(obj, data)
        if part.deserialisers:
            data = dict(data)
            later = [
                (deserialise, name, data.pop(name))
                for name, deserialise in part.deserialisers
                if name in data
            ]
            vars(obj).update(data)
            for deserialise, name, value in later:
                deserialise(obj, name, value)
        else:
            vars(obj).update(data)
        return True

    def _accepted(self, obj: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        accepted = dict(data)
        for name, typed in self.typed.items():
            if name in accepted:
                accepted[name] = typed.accept(accepted[name], obj, name)
        return accepted


class DocumentState(enum.Enum):
    """What an object knows of the document that is saved under its key."""

    UNCHECKED = "not read yet: there may be an unreadable document, which must not be overwritten"
    DETACHED = "the object is made to read a document, and is not to become active"
    CLEAN = "this object has read or written the document"


_STATE = "_document_state"
"""The attribute of an object that holds its state; ``Store`` has the default.

It is read and set as an attribute: ``vars(obj)`` would cost each object a dict of its own."""


class Schema(FieldSchema):
    """The schema of one store class. It is complete once the class statement has been executed.

    Args:
        fields, owner: as for ``FieldSchema``.
        name: of the store.
        is_temporary: whether the class uses ``TempStoreMixin``.

    Attributes:
        name: of the store: the class name in lower case, which is the name of its folder.
        names: its name, and those that it had before (``renamed_from``), in lower case.
        is_temporary: whether objects of the store cannot be saved.
        unreadable: the error of each saved document that could not be read when last tried, by key.
    """

    def __init__(
        self,
        fields: Mapping[str, Any],
        owner: type[Any] = object,
        *,
        name: str = "store",
        is_temporary: bool = False,
    ) -> None:
        super().__init__(fields, owner)
        earlier: str | tuple[str, ...] = vars(owner).get("renamed_from", ())
        earlier = (earlier,) if isinstance(earlier, str) else earlier
        self.name = name
        self.names = (name, *(former.lower() for former in earlier))
        self.is_temporary = is_temporary
        self.unreadable: dict[str, StorageError] = {}
        self._owner = owner
        self._default_types = {
            name: type(fields[name].default)
            for name in self.untyped
            if type(fields[name].default) in _JSON_TYPES and not fields[name].session
        }
        self._default_type_of_each = tuple(self._default_types.values())
        self._values = _getter(tuple(self._default_types))
        self._warned: set[tuple[str, type]] = set()

    @property
    def version(self) -> int:
        """The version of the class; see ``Store.migrate``."""
        version: int = self._owner.version
        return version

    def detached(self, key: str) -> Any:
        """A new object of the class that is not among the active ones."""
        obj: Any = self._owner.__new__(self._owner, key)
        setattr(obj, _STATE, DocumentState.DETACHED)
        obj.__init__(key)
        return obj

    def equals(self, obj: Any, values: Mapping[str, Any]) -> bool:
        """Whether the fields of an object have these values."""
        return all(getattr(obj, name, _NOTHING) == value for name, value in values.items())

    def conditions(self, equals: Mapping[str, Any]) -> list[Condition]:
        """What a document of an object has to have whose fields equal these values.

        Raises:
            UnknownField: there is no such field among those that are saved.
            FieldValueError: a value does not fit its field.
        """
        saved = [
            name
            for name, field in self.fields.items()
            if self.is_temporary or not getattr(field, "session", False)
        ]
        probe = self.detached("probe")
        conditions = []
        for name, value in equals.items():
            if name not in saved:
                raise UnknownField(self._owner.__name__, name, saved)
            field = self.fields[name]
            is_default = bool(getattr(probe, name) == value)
            setattr(probe, name, value)
            data = field.serialise(probe, name)
            if name in self.typed:
                data = self.typed[name].to_json(data, probe, name)
            names = (name, *getattr(field, "renamed_from", ()))
            is_indexed = getattr(field, "index", False)
            conditions.append(Condition(names, data, is_default, self.version, is_indexed))
        return conditions

    def unexpected_types(self, obj: Any) -> Iterator[tuple[str, type, type]]:
        """Untyped permanent fields of an object whose value is not of the type of their default.

        ``None``, and whole numbers and fractions for each other, are what applications often mean.

        Yields:
            the name, the type of the default, and the type of the value.
        """
        for name, expected in self._default_types.items():
            actual = type(getattr(obj, name, None))
            if actual not in (expected, type(None)) and not {actual, expected} <= {int, float}:
                yield name, expected, actual

    def warn_of_types(self, obj: Any) -> None:
        """Log unexpected types, each once.

        They are not refused: a field without a type promises to take what JSON takes, and what an
        earlier version of the code has saved must load.
        """
        if self._values is not None:
            try:
                if tuple(map(type, self._values(obj))) == self._default_type_of_each:
                    return  # as nearly always, and it is checked at every load and save
            except AttributeError:
                pass  # a deleted attribute, which the loop takes for None
        for name, expected, actual in self.unexpected_types(obj):
            if (name, actual) not in self._warned:
                self._warned.add((name, actual))
                _log.warn(
                    "{obj}, {name}: the value is a {actual}, the default a {expected}",
                    obj=repr(obj),
                    name=name,
                    actual=actual.__name__,
                    expected=expected.__name__,
                )

    @staticmethod
    def state_of(obj: Any) -> DocumentState:
        """What this object knows of its document."""
        state: DocumentState = getattr(obj, _STATE)
        return state

    def mark_clean(self, obj: Any) -> None:
        """The object has just been loaded from its document or saved to it."""
        setattr(obj, _STATE, DocumentState.CLEAN)
        self.unreadable.pop(obj.key, None)


def schema_of(obj: object) -> Schema:
    """The schema of a store object's class."""
    store_cls: Any = type(obj)
    schema: Schema = store_cls.schema
    return schema


class _Part:
    """The fields that one operation is about: all, or the permanent ones."""

    def __init__(self, owner: type[Any], fields: Mapping[str, Any], *, session: bool) -> None:
        chosen = {
            name: field
            for name, field in fields.items()
            if session or not getattr(field, "session", False)
        }
        self.names = tuple(chosen)
        self.serialisers = tuple(
            (name, None if _ordinary(field, "serialise") else field.serialise)
            for name, field in chosen.items()
        )
        self.plain = tuple(
            name for name, field in chosen.items() if _ordinary(field, "deserialise")
        )
        self.deserialisers = tuple(
            (name, field.deserialise)
            for name, field in chosen.items()
            if not _ordinary(field, "deserialise")
        )
        plain = all(serialise is None for _, serialise in self.serialisers)
        self.get_all = _getter(self.names) if plain else None
        self.direct = inspect.getattr_static(
            owner, "__setattr__"
        ) is object.__setattr__ and not any(
            hasattr(inspect.getattr_static(owner, name, None), "__set__") for name in self.plain
        )


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]] | None:
    """Reads these attributes by one call; attrgetter wants two at least."""
    return attrgetter(*names) if len(names) > 1 else None


_NOTHING = object()

_JSON_TYPES = frozenset({str, int, float, bool, list, dict})

#: Of the module, not of a class: an event keeps its source, and so would keep old code alive.
_log = Logger()

_Initial = tuple[str, Any, Callable[[], Any] | None, Callable[[Any, str], None] | None]


def _ordinary(field: Any, *methods: str) -> bool:
    return isinstance(field, Field) and all(
        getattr(type(field), method) is getattr(Field, method) for method in methods
    )


def _initial(name: str, field: Any) -> _Initial:
    """How a new object gets this field: a constant, a factory, or the field's own way."""
    if not _ordinary(field, "contribute_to_instance", "make_default"):
        return name, None, None, field.contribute_to_instance
    default = field.default
    if callable(default):
        return name, None, default, None
    if isinstance(default, (list, dict, set)):
        return name, None, default.copy if _is_flat(default) else field.make_default, None
    return name, default, None, None


def _slots(owner: type[Any]) -> tuple[str, ...]:
    return tuple(
        name
        for base in owner.__mro__
        for name, attribute in vars(base).items()
        if isinstance(attribute, types.MemberDescriptorType)
    )


def _is_flat(default: list[Any] | dict[Any, Any] | set[Any]) -> bool:
    """Nothing inside that would have to be copied as well."""
    parts = default.values() if isinstance(default, dict) else default
    return all(part is None or isinstance(part, (str, int, float)) for part in parts)
