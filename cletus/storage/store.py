"""Stores: classes of objects that have a key and fields, and that a service keeps.

    class User(Store):
        service = service
        name = Field("")
        score = Field(0)

    bob = User("bob", score=3)
    bob.save()

A new object is active at once, and survives every reload of the code. Its permanent fields are saved
when ``save()`` is called. The contract is the storage document; ``tests/storage/README.md`` quotes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

from twisted.internet.defer import Deferred, fail

from cletus.errors import (
    AbstractStore,
    NewerStore,
    NotSaved,
    StorageError,
    UnknownField,
)
from cletus.renamed import new_keywords
from cletus.storage import document, saving, versions
from cletus.storage.declare import declare
from cletus.storage.field import Field
from cletus.storage.keys import normalise
from cletus.storage.manager import Manager
from cletus.storage.schema import DocumentState, Schema


class TempStoreMixin:
    """Mixin for a store whose objects cannot be saved.

    The storage document: "If you don't want to be able to save a store at all, use the
    TempStoreMixin mixin when defining the class." Such objects survive reloads and end with the
    service: ``save``, ``save_soon`` and ``load`` raise ``NotSavable``, and nothing is ever
    ``saved()``. The order among the bases does not matter.
    """


class Store:
    """An object that the service keeps, and can save under its key.

    Args:
        key: the object's name; it is normalised (``cletus.storage.keys``).
        values: of fields, by name, instead of their defaults.

    Attributes:
        key: its normalised key. It never changes.
        service: the service that the class belongs to; every class that is not abstract declares it.
        session: the session of that service; a class may declare this instead.
        abstract: whether the class is only a base of others. It is not inherited.
        manager: all the objects of this class.
        schema: the definition of the store: its name, fields, versions, and whether it is temporary.
        fields: the class's fields by name, in the order of declaration.
        version: of the meaning of the fields; see ``migrate``.
        renamed_from: the name, or names, that the store had before: its objects and files are found
            under those, too.

    Raises:
        InvalidKey: it cannot be a key.
        UnknownField: a value is for a field that the class does not have.
        FieldValueError: a value does not fit its field's type. Then the object is not active.
        AbstractStore: the class is abstract.
    """

    service: ClassVar[Any] = None
    session: ClassVar[Any] = None
    abstract: ClassVar[bool] = True
    version: ClassVar[int] = 0
    renamed_from: ClassVar[str | tuple[str, ...]] = ()
    fields: ClassVar[dict[str, Field[Any]]] = {}
    manager: ClassVar[Manager[Any]] = Manager()
    schema: ClassVar[Schema] = Schema({})

    key: str

    _in_words: ClassVar[str] = (
        "an object of a store: hold it in a StoreField (or StoreListField, StoreSetField, "
        "StoreDictField)"
    )
    _document_state: DocumentState = DocumentState.UNCHECKED
    _unknown: Mapping[str, Any] = MappingProxyType({})
    _parked: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Collect fields and manager, check them, and register the class.

        Raises:
            StoreDeclarationError: naming the class and what is wrong in it.
            DuplicateStore: the service has a store of that name in this generation of the code.
        """
        super().__init_subclass__(**kwargs)
        declare(cls, RESERVED, is_temporary=issubclass(cls, TempStoreMixin))
        if not cls.abstract:
            cls.session.register(cls)

    def __init__(self, key: str, **values: Any) -> None:
        cls = type(self)
        if cls.abstract:
            raise AbstractStore(cls.__name__)
        self.key = normalise(key)
        cls.schema.initialise(self)
        if values:
            self._set(values)
        if cls.schema.state_of(self) is not DocumentState.DETACHED:
            cls.manager.add_active(self)

    def __repr__(self) -> str:
        """Class and key, but no values: a field may hold a password."""
        return f"<{type(self).__name__} {getattr(self, 'key', '?')!r}>"

    def __hash__(self) -> int:
        """By store and key, so that it stays the same over reloads."""
        return hash((type(self).schema.name, self.key))

    # -- to and from data -----------------------------------------------------------------------

    def to_dict(self, session: bool = False) -> dict[str, Any]:
        """The fields' values, each as its field's ``serialise`` gives it.

        Args:
            session: include session fields, and extra fields, which the class does not declare:
                under ``"_unknown"`` those that belong into the file, under ``"_parked"`` session
                data of an earlier generation.
        """
        data = type(self).schema.serialise(self, session=session)
        if session and (self._unknown or self._parked):
            data |= versions.extra_fields_of(self)
        return data

    def from_dict(
        self,
        dict: Mapping[str, Any] | None = None,  # noqa: A002 - the storage document's word
        session: bool = False,
        *,
        parked: Collection[str] = (),
        **old_keywords: Any,
    ) -> None:
        """Set fields by their ``deserialise``; fields that are not in the data do not change.

        Data for fields that the class does not declare is kept with the object, and saved with it.

        Args:
            dict: name to value, as from ``to_dict``, or in the form that JSON has.
            session: include session fields; otherwise data for them is ignored.
            parked: names of session data in it: where the class does not declare them, they are
                kept but never saved.
            old_keywords: ``data``, as ``dict`` was called.

        Raises:
            FieldValueError: a value does not fit its field's type; then no ordinary field is set.
        """
        data = new_keywords("from_dict", old_keywords)["dict"] if old_keywords else dict
        if data is None:
            raise TypeError("from_dict() is missing its argument: dict")
        schema = type(self).schema
        if session and not data.keys().isdisjoint(versions.EXTRA_FIELDS):
            data, parked = versions.merge_extra_fields(data, parked)
        if schema.renames:
            data = versions.renamed(type(self), {**data})
        schema.deserialise(self, data, session=session)
        if not data.keys() <= schema.fields.keys() or self._unknown or self._parked:
            versions.keep_extra_fields(self, data, parked)

    def restore(self, data: dict[str, Any], before: type[Store]) -> None:
        """For the reload: fill from what ``to_dict(session=True)`` of an object of class ``before`` gave.

        The data is migrated to this class's version. Data of fields that this class no longer
        declares is parked, and parked data of fields that it declares again is restored.

        Raises:
            MigrationFailed, FieldValueError: as ``from_json`` does.
        """
        cls = type(self)
        usual = before.version == cls.version and cls.from_dict is Store.from_dict
        if usual and cls.schema.restore(self, data):
            return
        flat, parked = versions.merge_extra_fields(data, versions.session_names(before))
        flat = cls.upgrade(flat, before.version, before)
        self.from_dict(flat, session=True, parked=parked)

    def to_json(self, session: bool = False) -> str:
        """The text of a file: indented JSON, fields in the order of declaration.

        It has the version of the class, if that is not 0, and the extra fields that a file or an
        earlier generation of the code had.

        Raises:
            FieldValueError: a value does not fit its type, or is not what JSON takes.
        """
        values = self.to_dict(session=session)
        for name in versions.EXTRA_FIELDS:
            values.pop(name, None)
        values |= self._unknown
        schema = type(self).schema
        return document.encode(self, values, schema.typed, self.version, schema.untyped)

    def from_json(self, raw: str | bytes, session: bool = False) -> None:
        """Set fields from such a text, of this or an earlier version of the class.

        Raises:
            CorruptStore: it is not JSON, or not an object.
            NewerStore: it is of a later version than the class.
            MigrationFailed: ``migrate`` raised.
            FieldValueError: a value does not fit its field's type.
        """
        cls = type(self)
        store = cls.schema.name
        data = document.decode(raw, store, self.key)
        version = document.version_of(data, store, self.key, raw)
        if version > cls.version:
            raise NewerStore(store, self.key, version, cls.version)
        data = cls.upgrade(data, version)
        self.from_dict(data, session=session)
        versions.forget_extra_fields_not_in(self, data)

    # -- versions -------------------------------------------------------------------------------

    @classmethod
    def migrate(cls, data: dict[str, Any], version: int) -> dict[str, Any] | None:
        """Migrate data of ``version`` to ``version + 1``; override it when you raise ``version``.

        It is called once per step, for data from a file and in a reload, and always sees data as a
        file has it: a ``datetime`` is a text.

        Returns:
            the new data, or ``None`` if ``data`` was changed in place. By itself it changes nothing.
        """
        return data

    @classmethod
    def upgrade(
        cls, data: dict[str, Any], version: int, before: type[Store] | None = None
    ) -> dict[str, Any]:
        """Migrate data of an earlier version to this class, and rename fields.

        Args:
            data: name to value; it is not changed.
            version: of the data.
            before: in a reload, the class that the data was taken from.

        Raises:
            MigrationFailed: a step raised, or the data is of a later version than the class.
        """
        return versions.upgrade(cls, data, version, before)

    # -- saving and loading ---------------------------------------------------------------------

    def save(self, *, force: bool = False) -> None:
        """Save the permanent fields. On return they are durable.

        Args:
            force: overwrite a document that cannot be read.

        Raises:
            UnreadableStore: the document under the key cannot be read; it is left alone.
            FieldValueError: a value does not fit its type, or is not what JSON takes.
            StoreIOError: (``StoreFull``, ``StoreDenied``) it could not be written; what was saved
                before is intact.
            NotSavable: the store is temporary.
        """
        text = saving.document_of(self, force=force)
        self.session.writer.write(text.store, text.key, text.data)
        type(self).schema.mark_clean(self)

    def save_soon(self, *, force: bool = False) -> Deferred[None]:
        """Save the present values of the permanent fields in the background.

        Calls in quick succession are written once, with the newest values.

        Returns:
            a Deferred that fires when they are durable. It fails with what ``save`` raises; see
            ``Writer.submit`` for what is tried again.
        """
        try:
            document = saving.document_of(self, force=force)
            saved: Deferred[None] = self.session.writer.submit(document)
        except StorageError as error:
            return fail(error)
        return saved.addCallback(lambda _: type(self).schema.mark_clean(self))

    def load(self) -> Self:
        """Load the permanent fields, and return the object: ``bob = User("bob").load()``.

        Raises:
            NotSaved: nothing is saved under the key.
            CorruptStore: it cannot be parsed or converted; with path, line and reason.
            NewerStore: it was saved by a later version of the class.
            StoreIOError: it cannot be read.
            NotSavable: the store is temporary.
        """
        saving.load(self)
        return self

    def delete(self) -> None:
        """Remove the object permanently, from memory and from the backend.

        Raises:
            StoreIOError: it could not be removed.
        """
        try:
            type(self).manager.delete(self.key)
        except NotSaved:
            return  # it was neither active nor saved

    # -- inside ---------------------------------------------------------------------------------

    def _set(self, values: Mapping[str, Any]) -> None:
        typed = type(self).schema.typed
        for name, value in values.items():
            if name not in self.fields:
                raise UnknownField(type(self).__name__, name, self.fields)
            if name in typed:
                typed[name].check(value, self, name)
            setattr(self, name, value)


RESERVED = frozenset(
    {name for name in (*dir(Store), *Store.__annotations__) if not name.startswith("_")}
)
"""Names that no field may have: those of all public attributes of a store."""
