"""Fields: the declarations of what a store object remembers.

A ``Field`` is a descriptor without ``__set__``: ``User.score`` is the field, while the value of
``user.score`` is in the object's own ``__dict__``, where reading and writing it costs what any
attribute costs. Subclasses may override any of the four methods; ``schema.py`` calls only those that
are overridden, and does itself what the ordinary ones would do.
"""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from cletus.renamed import new_keywords, with_old_names
from cletus.storage.typed import typed

T = TypeVar("T")
V = TypeVar("V")


@with_old_names
class Field(Generic[T]):
    """The declaration of a value that each object of a store has.

    Args:
        default: the value of a new object. A callable is called for each object, without arguments.
            A list, dict or set is copied for each (our choice; the document asks for a callable).
        session: the value survives reloads, is never written to disk, and ends with the service.
        type: what values must be, anything that msgspec converts: ``datetime``, ``set[str]``, a
            dataclass, ``Annotated[int, msgspec.Meta(ge=0)]``. It is checked when an object is loaded
            and when it is saved, and values are converted both ways. Without a default, ``None``
            is allowed, too. Without a type, a permanent field takes what JSON takes.
        renamed_from: the field's earlier name, or names; data under it becomes this field's.
        secret: errors do not quote the value, and ``cletus store show`` shows ``***``. (No ``repr`` and
            no log shows the value of any field.) It is saved like any other.
        index: ``Manager.find`` by this field is fast: a database keeps an index, made at the first search.

    Attributes:
        default, session, type, renamed_from, secret, index: as given; ``renamed_from`` as a tuple.
        typed: what checks values against ``type``, or ``None``.
    """

    default: T | Callable[[], T] | None
    session: bool
    type: Any
    renamed_from: tuple[str, ...]
    secret: bool = False  # also of a subclass whose ``__init__`` calls no other
    index: bool = False

    @overload
    def __init__(
        self: Field[Any],
        default: None = None,
        session: bool = False,
        *,
        type: None = None,
        renamed_from: str | tuple[str, ...] = (),
        secret: bool = False,
        index: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: Field[V | None],
        default: None = None,
        session: bool = False,
        *,
        type: builtins.type[V],
        renamed_from: str | tuple[str, ...] = (),
        secret: bool = False,
        index: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        default: Callable[[], T],
        session: bool = False,
        *,
        type: Any = None,
        renamed_from: str | tuple[str, ...] = (),
        secret: bool = False,
        index: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        default: T,
        session: bool = False,
        *,
        type: Any = None,
        renamed_from: str | tuple[str, ...] = (),
        secret: bool = False,
        index: bool = False,
    ) -> None: ...
    def __init__(
        self,
        default: Any = None,
        session: bool = False,
        *,
        type: Any = None,  # noqa: A002 - the word that a reader of a declaration expects
        renamed_from: str | tuple[str, ...] = (),
        secret: bool = False,
        index: bool = False,
        **old_keywords: Any,
    ) -> None:
        if old_keywords:
            renamed_from = new_keywords("Field", old_keywords)["renamed_from"]
        self.default = default
        self.session = session
        self.type = type
        self.renamed_from = (
            (renamed_from,) if isinstance(renamed_from, str) else tuple(renamed_from)
        )
        self.secret = secret
        self.index = index
        self._name = ""
        self.typed = None if type is None else typed(type, optional=default is None)

    def __set_name__(self, owner: builtins.type[Any], name: str) -> None:
        self._name = name  # only for messages: the other methods get the name as an argument

    @overload
    def __get__(self, obj: None, owner: builtins.type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: builtins.type[Any] | None = None) -> T: ...
    def __get__(self, obj: object | None, owner: builtins.type[Any] | None = None) -> Any:
        """The field itself on the class. An object's value is found before this is asked."""
        if obj is None:
            return self
        raise AttributeError(f"{obj!r} has no value for its field {self._name!r}: was it deleted?")

    if TYPE_CHECKING:  # without it at run time, a value is a plain attribute

        def __set__(self, obj: Any, value: T) -> None: ...

    def contribute_to_class(self, store_cls: builtins.type[Any], name: str) -> None:
        """Prepare the class; called once, when it is made. By itself a field does nothing here.

        A subclass may replace the attribute, for instance by a descriptor of its own. A field that
        a class inherits is copied for it first (our choice), so what is set on ``self`` is not
        shared with the parent's.
        """

    def contribute_to_instance(self, store: Any, name: str) -> None:
        """Give a new object its default value."""
        setattr(store, name, self.make_default())

    def serialise(self, obj: Any, name: str) -> Any:
        """The value for ``to_dict()``: as it is, not copied and not converted (our choice).

        A reload must see references as what they are; ``to_json()`` converts typed values.
        """
        return getattr(obj, name)

    def deserialise(self, obj: Any, name: str, data: Any) -> None:
        """Set the value from what ``serialise`` gave, or from the form that it has in JSON.

        Raises:
            FieldValueError: it does not fit the type.
        """
        if self.typed is not None:
            data = self.typed.accept(data, obj, name)
        setattr(obj, name, data)

    def make_default(self) -> T:
        """A default value for one object."""
        default: Any = self.default
        if callable(default):
            default = default()
        elif isinstance(default, (list, dict, set)):
            default = copy.deepcopy(default)
        return default  # type: ignore[no-any-return]  # None where T does not say so: not set yet
