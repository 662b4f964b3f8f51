"""A field that refers to one row of a database.

In memory it holds the object; on disk, and across a reload, the row's primary key. After either, the
object is fetched when it is first read. So a model class may be among the modules that are reloaded:
no object of the old class gets into the new code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import msgspec
from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import InstanceState, Mapper

from cletus.contrib.orm.connection import session_of
from cletus.errors import FieldValueError, NoDatabase, NotInDatabase, StoreDeclarationError
from cletus.storage import Field, Store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class _Key:
    """The primary key of a row that was not fetched yet."""

    values: tuple[Any, ...]


class ModelField(Field[M | None], Generic[M]):
    """A reference to a row, as an object of its model class, or ``None``.

    Args:
        model: the class, mapped by SQLAlchemy.
        session, renamed_from: as for ``Field``.

    A row that was deleted reads as ``None``; once that has been seen, the reference is gone, so that
    a new row that happens to get the same key is never taken for it.
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
        """The field itself on the class; on an object the row, fetched if it was not yet.

        Raises:
            NoDatabase: it is to be fetched, and the service has no session to do it with.
            SQLAlchemyError: whatever the database says.
        """
        return self if obj is None else self._read(obj)

    def __set__(self, obj: Any, value: M | None) -> None:
        """Refer to this row, which need not be in the database before the field is saved.

        Raises:
            FieldValueError: it is not of the model class.
        """
        vars(obj)[self._name] = self._accepted(obj, value)

    def contribute_to_class(self, store_cls: type[Store], name: str) -> None:
        """Raises ``StoreDeclarationError`` if the model is none."""
        if not isinstance(inspect(self.model, raiseerr=False), Mapper):
            reason = f"{self.model!r} is not a class that SQLAlchemy has mapped"
            raise StoreDeclarationError(store_cls.__name__, name, reason)

    def contribute_to_instance(self, store: Store, name: str) -> None:
        """A new object refers to nothing."""
        vars(store)[name] = None

    def serialise(self, obj: Store, name: str) -> Any:
        """The row's primary key as JSON takes it, in a list where it has several columns.

        Raises:
            NotInDatabase: the row has none yet.
        """
        key = self._key(obj, vars(obj).get(name))
        if key is None:
            return None
        values = [msgspec.to_builtins(value) for value in key.values]
        return values[0] if len(values) == 1 else values

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """Refer to the row of this key, which is not fetched before it is read.

        Raises:
            FieldValueError: such a key the model cannot have.
        """
        if data is None or isinstance(data, self.model):
            vars(obj)[name] = data
            return
        columns = self._mapper.primary_key
        values = data if len(columns) > 1 else [data]
        if not isinstance(values, list) or len(values) != len(columns):
            expected = f"a list of the {len(columns)} columns of the primary key"
            raise FieldValueError(*self._place(obj), "", expected, type(data).__name__)
        pairs = zip(values, columns, strict=True)
        vars(obj)[name] = _Key(tuple(self._column_value(obj, *pair) for pair in pairs))

    def _read(self, obj: Any) -> M | None:
        held = vars(obj).get(self._name)
        if held is None:
            return None
        values = held.values if isinstance(held, _Key) else ()
        if not values:
            state = _state(held)
            if state.deleted:
                return None  # within a transaction, which may be rolled back
            if state.key is None or (state.persistent and not state.expired):
                return held  # type: ignore[no-any-return]  # of the model, as __set__ saw to
            values = state.identity or ()
        found = self._session(obj).get(self.model, values)
        vars(obj)[self._name] = found
        return found

    def _key(self, obj: Any, held: Any) -> _Key | None:
        if held is None or isinstance(held, _Key):
            return held
        state = _state(held)
        if state.deleted or state.was_deleted:
            return None
        if not state.identity:
            raise NotInDatabase(self._field_of(obj), type(held).__name__)
        return _Key(tuple(state.identity))

    def _accepted(self, obj: Any, value: Any) -> Any:
        if value is None or isinstance(value, self.model):
            return value
        if _name(type(value)) == _name(self.model):  # of an earlier generation of the code
            return self._key(obj, value)
        expected = f"an object of {self.model.__name__}"
        raise FieldValueError(*self._place(obj), "", expected, type(value).__name__)

    def _column_value(self, obj: Any, value: Any, column: ColumnElement[Any]) -> Any:
        try:
            kind = column.type.python_type
        except NotImplementedError:  # a type of the application's own need not say
            return value
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            place = self._place(obj)
            raise FieldValueError(*place, "", kind.__name__, type(value).__name__) from error

    def _session(self, obj: Any) -> Session:
        session: Session | None = session_of(obj.service)
        if session is None:
            raise NoDatabase(self._field_of(obj))
        return session

    @property
    def _mapper(self) -> Mapper[M]:
        mapper: Mapper[M] = inspect(self.model)
        return mapper

    def _place(self, obj: Any) -> tuple[str, str, str]:
        return type(obj).__name__, obj.key, self._name

    def _field_of(self, obj: Any) -> str:
        store, key, field = self._place(obj)
        return f"{store} {key!r}, field {field!r}"


def _state(held: Any) -> InstanceState[Any]:
    state: InstanceState[Any] = inspect(held)
    return state


def _name(kind: type) -> tuple[str, str]:
    return kind.__module__, kind.__qualname__
