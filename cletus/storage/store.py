"""Stores: objects with a key and fields, of which one service keeps as many as it likes.

    class User(Store):
        service = service
        name = Field("")
        score = Field(0)

    bob = User("bob", score=3)
    bob.save()

An object is made active when it is made; it survives every reload of the code; what its permanent
fields hold is saved when ``save()`` is called. ``seed/storage.rst`` is the contract of all this.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from cletus.errors import (
    AbstractStore,
    CorruptStore,
    FieldValueError,
    NewerStore,
    NotSavable,
    NotSaved,
    StorageError,
    UnknownField,
)
from cletus.storage import document, versions
from cletus.storage.backend import Document
from cletus.storage.declaration import declare
from cletus.storage.field import Field
from cletus.storage.home import Front, Home, place
from cletus.storage.keys import normalise
from cletus.storage.layout import Layout
from cletus.storage.manager import Manager

_log = Logger()


class _Standing(enum.Enum):
    """What an object knows of the document under its key."""

    NEW = "not looked at: it may be one that nobody can read"
    APART = "it is being read; the object shall not be active"
    KNOWN = "it was read or written by this object"


class Store:
    """An object that the service keeps, and can save under its key.

    Args:
        key: what the object is called; it is normalised (``cletus.storage.keys``).
        values: of fields, by name, in place of their defaults.

    Attributes:
        key: its normalised key. It never changes.
        service: the service that the class belongs to; every class that is not abstract states it.
        session: the same service's session; a class may state this instead.
        abstract: true for a class that is only a base of others. It is not inherited.
        manager: all the objects of this class.
        fields: the class's fields by name, in the order of declaration.
        version: of what the fields mean; see ``migrate``.

    Raises:
        InvalidKey: it cannot be a key.
        UnknownField: a value is for a field that there is not.
        AbstractStore: the class is abstract.
    """

    service: ClassVar[Any] = None
    session: ClassVar[Any] = None
    abstract: ClassVar[bool] = True
    version: ClassVar[int] = 0
    fields: ClassVar[dict[str, Field[Any]]] = {}
    manager: ClassVar[Manager[Any]] = Manager()

    key: str

    _store_name: ClassVar[str] = "store"
    _temporary: ClassVar[bool] = False
    _layout: ClassVar[Layout] = Layout({})
    _in_words: ClassVar[str] = (
        "an object of a store: hold it in a StoreField (or StoreListField, StoreSetField, "
        "StoreDictField)"
    )
    _standing: _Standing = _Standing.NEW
    _unknown: Mapping[str, Any] = MappingProxyType({})
    _parked: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect fields and manager, check them, and register the class.

        Raises:
            StoreDeclarationError: naming the class and what is wrong in it.
            DuplicateStore: the service has a store of that name in this generation of the code.
        """
        super().__init_subclass__(**kwargs)
        declare(cls, RESERVED)
        if not cls.abstract:
            cls.session.register(cls)

    def __init__(self, key: str, **values: Any) -> None:
        cls = type(self)
        if cls.abstract:
            raise AbstractStore(cls.__name__)
        self.key = normalise(key)
        cls._layout.initialise(self)
        for name, value in values.items():
            if name not in cls.fields:
                raise UnknownField(cls.__name__, name, cls.fields)
            setattr(self, name, value)
        if self._standing is not _Standing.APART:
            cls.manager.add_active(self)

    def __repr__(self) -> str:
        """Class and key; never what is in the fields, for one may be a password."""
        return f"<{type(self).__name__} {getattr(self, 'key', '?')!r}>"

    def __eq__(self, other: object) -> bool:
        """The same object, or what a reload has left of an older self of it.

        After a reload an object that somebody still holds shares ``__dict__`` with its successor.
        """
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Store):
            return NotImplemented
        return self.key == other.key and self.__dict__ is other.__dict__

    def __hash__(self) -> int:
        """It stays the same over reloads."""
        return hash((self._store_name, self.key))

    # -- to and from data -----------------------------------------------------------------------

    def to_dict(self, session: bool = False) -> dict[str, Any]:
        """The fields' values, each as its field's ``serialise`` gives it.

        Args:
            session: with session fields; else without them.
        """
        return self._layout.serialise(self, session=session)

    def from_dict(
        self, data: Mapping[str, Any], session: bool = False, *, parked: Collection[str] = ()
    ) -> None:
        """Set fields by their ``deserialise``; those that the data does not have stay as they are.

        Data for fields that the class does not declare is kept with the object, and saved with it.

        Args:
            data: name to value, as from ``to_dict``, or in the form that JSON has.
            session: with session fields; else data for them is ignored.
            parked: for the reload: names of session data, which is kept but never saved if the
                class does not declare them.

        Raises:
            FieldValueError: a value does not fit its field's type; then no ordinary field is set.
        """
        layout = self._layout
        if layout.renames:
            data = versions.renamed(type(self), dict(data))
        layout.deserialise(self, data, session=session)
        if not data.keys() <= layout.fields.keys() or self._unknown or self._parked:
            self._keep(data, parked)

    def to_json(self, session: bool = False) -> str:
        """The text of a file: indented JSON, fields in the order of declaration.

        It has the version of the class, if that is not 0, and what a file or an earlier generation
        of the code had for fields that the class does not declare.

        Raises:
            FieldValueError: a value does not fit its type, or is not what JSON takes.
        """
        values = {**self.to_dict(session=session), **self._unknown_in_json()}
        return document.encode(self, values, self._layout.typed, self.version)

    def from_json(self, raw: str | bytes, session: bool = False) -> None:
        """Set fields from such a text, of this or an earlier version of the class.

        Raises:
            CorruptStore: it is not JSON, or not an object.
            NewerStore: it is of a later version than the class.
            MigrationFailed: ``migrate`` could not bring it up.
            FieldValueError: a value does not fit its field's type.
        """
        cls = type(self)
        data = document.decode(raw, cls._store_name, self.key)
        version = document.version_of(data, cls._store_name, self.key, raw)
        if version > cls.version:
            raise NewerStore(cls._store_name, self.key, version, cls.version)
        self.from_dict(cls.upgrade(data, version), session=session)

    # -- versions -------------------------------------------------------------------------------

    @classmethod
    def migrate(cls, data: dict[str, Any], version: int) -> dict[str, Any] | None:
        """Bring data of ``version`` to ``version + 1``; override it with the class's ``version``.

        It is called once per step, from wherever the data comes, and always sees it as in a file: a
        ``datetime`` is a text.

        Returns:
            the new data, or ``None`` if ``data`` was changed in place. By itself it changes nothing.
        """
        return data

    @classmethod
    def upgrade(
        cls, data: dict[str, Any], version: int, before: type[Store] | None = None
    ) -> dict[str, Any]:
        """Data of an earlier version as this class wants it: migrated, and fields renamed.

        Args:
            data: name to value; it is left as it is.
            version: what the data is of.
            before: for the reload: the class that the data was taken from.

        Raises:
            MigrationFailed: a step raised, or the data is of a later version than the class.
        """
        return versions.upgrade(cls, data, version, before)

    # -- saving and loading ---------------------------------------------------------------------

    def save(self, *, force: bool = False) -> None:
        """Save what the permanent fields hold. On return it is durable.

        Args:
            force: also over a document that cannot be read.

        Raises:
            UnreadableStore: there is a document under the key that cannot be used; it is left alone.
            FieldValueError: a value does not fit its type, or is not what JSON takes.
            StoreIOError: (``StoreFull``, ``StoreDenied``) it could not be written; what was saved
                before is intact.
            NotSavable: the store is temporary.
        """
        saved = self._document(force=force)
        self._front().write(saved.store, saved.key, saved.data)
        self._was_saved()

    def save_soon(self, *, force: bool = False) -> Deferred[None]:
        """Save what the permanent fields hold now, without holding up the reactor.

        Calls that follow each other closely are written once, with the newest values.

        Returns:
            a Deferred that fires when that is durable. It fails with what ``save`` raises.
        """
        try:
            saved = self._document(force=force)
            deferred = self._front().submit(saved)
        except StorageError:
            return fail()
        return deferred.addCallback(lambda _: self._was_saved())

    def load(self) -> Self:
        """Load the permanent fields, and return the object: ``bob = User("bob").load()``.

        Raises:
            NotSaved: nothing is saved under the key.
            CorruptStore: it cannot be parsed or converted; with path, line and reason.
            NewerStore: it was saved by a later version of the class.
            StoreIOError: it cannot be read.
            NotSavable: the store is temporary.
        """
        cls = type(self)
        self._must_be_savable()
        try:
            raw = cls._front().read(cls._store_name, self.key)
            self._unknown = MappingProxyType({})
            self._understand(raw)
        except NotSaved:
            raise
        except StorageError as error:
            cls.manager._note_unreadable(self.key, error)
            raise
        cls.manager._note_readable(self.key)
        self._standing = _Standing.KNOWN
        return self

    def delete(self) -> None:
        """Remove the object of this key, from memory and from where it is saved, for good.

        Raises:
            StoreIOError: it could not be removed.
        """
        try:
            type(self).manager.delete(self.key)
        except NotSaved:
            return  # it never was anywhere but here

    # -- inside ---------------------------------------------------------------------------------

    @classmethod
    def _front(cls) -> Front:
        home: Home = cls.session
        return home.writer

    @classmethod
    def _apart(cls, key: str) -> Self:
        """A new object that is not among the active ones."""
        obj = cls.__new__(cls, key)
        obj._standing = _Standing.APART
        obj.__init__(key)  # type: ignore[misc]  # the rest of what calling the class does
        return obj

    def _must_be_savable(self) -> None:
        if self._temporary:
            raise NotSavable(type(self).__name__, self.key)

    def _understand(self, raw: bytes) -> None:
        """Take the text of the document under our key, whatever is wrong with it being named."""
        cls = type(self)
        path = place(cls._front(), cls._store_name, self.key)
        try:
            self.from_json(raw)
        except NewerStore as error:
            raise NewerStore(
                error.store, error.key, error.version, error.ours, path=path
            ) from error
        except Exception as error:
            line = getattr(error, "line", 0)
            if isinstance(error, FieldValueError):
                line = document.line_of(raw, error.field)
            reason = getattr(error, "reason", "") or f"{type(error).__name__}: {error}"
            raise CorruptStore(cls._store_name, self.key, reason, path=path, line=line) from error

    def _document(self, *, force: bool) -> Document:
        """What to write, once it is sure that nothing unreadable is written over."""
        self._must_be_savable()
        text = self.to_json()
        if not force and self._standing is _Standing.NEW:
            self._look_before_writing()
        return Document(self._store_name, self.key, text.encode())

    def _look_before_writing(self) -> None:
        """Raises ``UnreadableStore`` if there is a document under our key that cannot be used."""
        try:
            type(self)._apart(self.key).load()
        except NotSaved:
            return

    def _was_saved(self) -> None:
        type(self).manager._note_readable(self.key)
        self._standing = _Standing.KNOWN

    def _keep(self, data: Mapping[str, Any], parked: Collection[str]) -> None:
        """Keep what the class does not declare; forget what it does."""
        declared = self.fields
        strange = {name: value for name, value in data.items() if name not in declared}
        kept = {**self._unknown, **{n: v for n, v in strange.items() if n not in parked}}
        aside = {**self._parked, **{n: v for n, v in strange.items() if n in parked}}
        self._unknown = {name: value for name, value in kept.items() if name not in declared}
        self._parked = {name: value for name, value in aside.items() if name not in declared}

    def _unknown_in_json(self) -> dict[str, Any]:
        """What the class does not declare, in JSON's form; it may have come from a reload."""
        if not self._unknown:
            return {}
        plain = document.plain(self._unknown)
        for name in self._unknown.keys() - plain.keys():
            _log.warn(
                "{obj}: the code no longer has {name!r}, and its value cannot be saved",
                obj=repr(self),
                name=name,
            )
        return plain


RESERVED = frozenset(
    {name for name in (*dir(Store), *Store.__annotations__) if not name.startswith("_")}
)
"""What no field may be called: everything that a store has, the document's list among it."""
