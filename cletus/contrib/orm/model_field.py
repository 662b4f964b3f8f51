"""A field that refers to one row of a database.

In memory it holds the object; on disk, and across a reload, the row's primary key. The object is then
fetched when it is first read. So model classes can be reloaded, too: no object of the old class gets
into the new code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import msgspec
from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import InstanceState, Mapper

from cletus.contrib.orm.connection import usable_session_of
from cletus.errors import FieldValueError, NoDatabase, NotInDatabase, StoreDeclarationError
from cletus.storage import Field, Store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class _Key:
    """The primary key of a row that has not been fetched yet."""

    values: tuple[Any, ...]


class ModelField(Field[M | None], Generic[M]):
    """A reference to a row, as an object of its model class, or ``None``.

    Args:
        model: a class that SQLAlchemy has mapped.
        session, renamed_from: as for ``Field``.

    A row that was deleted reads as ``None``. From then on the reference is gone, so that a new row with
    the same key is never mistaken for it.
    """

    def __init__(
        self,
        model: type[M],
        session: bool = False,
        *,
        renamed_from: str | tuple[str, ...] = (),
        **old_keywords: Any,
    ) -> None:
        super().__init__(None, session, renamed_from=renamed_from, **old_keywords)
        self.model = model

    @overload
    def __get__(self, obj: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type[Any] | None = None) -> M | None: ...
    def __get__(self, obj: Any, owner: type[Any] | None = None) -> Any:
        """The field itself on the class; on an object the row, fetched if necessary.

        Raises:
            NoDatabase: the row must be fetched, and the service has no session.
            SQLAlchemyError: an error of the database.
        """
        return self if obj is None else self._read(obj)

    def __set__(self, obj: Any, value: M | None) -> None:
        """Refer to this row, which need not be in the database before the field is saved.

        Raises:
            FieldValueError: the value is not an object of the model class.
        """
        vars(obj)[self._name] = self._accepted(obj, value)

    def contribute_to_class(self, store_cls: type[Store], name: str) -> None:
        """Raises ``StoreDeclarationError`` if SQLAlchemy has not mapped the model."""
        if not isinstance(inspect(self.model, raiseerr=False), Mapper):
            reason = f"{self.model!r} is not a class that SQLAlchemy has mapped"
            raise StoreDeclarationError(store_cls.__name__, name, reason)

    def contribute_to_instance(self, store: Store, name: str) -> None:
        """A new object refers to no row."""
        vars(store)[name] = None

    def serialise(self, obj: Store, name: str) -> Any:
        """The row's primary key for JSON: a list if it has several columns.

        Raises:
            NotInDatabase: the row has no primary key yet.
        """
        key = self._key(obj, vars(obj).get(name))
        if key is None:
            return None
        values = [msgspec.to_builtins(value) for value in key.values]
        return values[0] if len(values) == 1 else values

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """Refer to the row of this key. It is fetched when it is first read.

        Raises:
            FieldValueError: the key does not fit the model.
        """
        if data is None or isinstance(data, self.model):
            vars(obj)[name] = data
            return
        columns = self._mapper.primary_key
        values = data if len(columns) > 1 else [data]
        if not isinstance(values, list) or len(values) != len(columns):
            expected = f"a list of the {len(columns)} columns of the primary key"
            raise FieldValueError(*self._location(obj), "", expected, type(data).__name__)
        pairs = zip(values, columns, strict=True)
        vars(obj)[name] = _Key(tuple(self._column_value(obj, *pair) for pair in pairs))

    def _read(self, obj: Any) -> M | None:
        row = vars(obj).get(self._name)
        if row is None:
            return None
        key = row.values if isinstance(row, _Key) else ()
        if not key:
            state = _state(row)
            if state.deleted:
                return None  # within a transaction, which may be rolled back
            if state.key is None or (state.persistent and not state.expired):
                return row  # type: ignore[no-any-return]  # __set__ has checked its class
            key = state.identity or ()
        fetched = self._session(obj).get(self.model, key)
        vars(obj)[self._name] = fetched
        return fetched

    def _key(self, obj: Any, row: Any) -> _Key | None:
        if row is None or isinstance(row, _Key):
            return row
        state = _state(row)
        if state.deleted or state.was_deleted:
            return None
        if not state.identity:
            raise NotInDatabase(self._field_of(obj), type(row).__name__)
        return _Key(tuple(state.identity))

    def _accepted(self, obj: Any, value: Any) -> Any:
        if value is None or isinstance(value, self.model):
            return value
        if _name(type(value)) == _name(self.model):  # of an earlier generation of the code
            return self._key(obj, value)
        expected = f"an object of {self.model.__name__}"
        raise FieldValueError(*self._location(obj), "", expected, type(value).__name__)

    def _column_value(self, obj: Any, value: Any, column: ColumnElement[Any]) -> Any:
        try:
            python_type = column.type.python_type
        except NotImplementedError:  # a custom type need not define it
            return value
        try:
            return msgspec.convert(value, python_type)
        except msgspec.ValidationError as error:
            expected, actual = python_type.__name__, type(value).__name__
            raise FieldValueError(*self._location(obj), "", expected, actual) from error

    def _session(self, obj: Any) -> Session:
        session: Session | None = usable_session_of(obj.service)
        if session is None:
            raise NoDatabase(self._field_of(obj))
        return session

    @property
    def _mapper(self) -> Mapper[M]:
        mapper: Mapper[M] = inspect(self.model)
        return mapper

    def _location(self, obj: Any) -> tuple[str, str, str]:
        return type(obj).__name__, obj.key, self._name

    def _field_of(self, obj: Any) -> str:
        store, key, field = self._location(obj)
        return f"{store} {key!r}, field {field!r}"


def _state(row: Any) -> InstanceState[Any]:
    state: InstanceState[Any] = inspect(row)
    return state


def _name(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__
