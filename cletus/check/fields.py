"""Fields that cannot be saved: the fields of a new object are serialised and deserialised."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from cletus.check.finding import Finding, Location, error, warning
from cletus.check.source_map import of_error
from cletus.check.target import Target
from cletus.errors import FieldValueError
from cletus.storage import Store, TempStoreMixin
from cletus.storage.document import encode

#: The key of the objects that are created for the check; none of them becomes active.
KEY = "cletus-check"

_MUTATING = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
    | {"setdefault", "update"}
)


def check_fields(target: Target) -> Iterator[Finding]:
    """Create an object of each store, and serialise and deserialise it field by field."""
    for store_cls in target.stores():
        yield from _StoreCheck(target, store_cls).findings()
        yield from _shared(target, store_cls)
    for dialogue in target.dialogues():
        yield from _shared(target, dialogue)


class _StoreCheck:
    """The check of a store class."""

    def __init__(self, target: Target, store_cls: type[Store]) -> None:
        self._target = target
        self._cls = store_cls

    def findings(self) -> Iterator[Finding]:
        for name, field in self._cls.fields.items():
            yield from self._reference(name, field)
        try:
            obj, other = self._cls.schema.detached(KEY), self._cls.schema.detached(KEY)
        except Exception as raised:  # noqa: BLE001 - it runs the application's code
            yield self._not_created(raised)
            return
        is_temporary = issubclass(self._cls, TempStoreMixin)
        for name, field in self._cls.fields.items():
            is_saved = not (is_temporary or getattr(field, "session", False))
            findings = self._serialised(obj, other, name, field, is_saved=is_saved)
            yield from islice(findings, 1)  # the first mistake of a field causes the others

    def _not_created(self, raised: Exception) -> Finding:
        """Name the field whose default fails, if it is one of them."""
        bare = object.__new__(self._cls)
        bare.key = KEY
        for name, field in self._cls.fields.items():
            try:
                field.contribute_to_instance(bare, name)
            except Exception as failed:  # noqa: BLE001 - as above
                message = f"{self._named(name)}: its default raises {_words_of(failed)}"
                return error(
                    "field-default", message, "mend the default", self._location(name, failed)
                )
        return error(
            "store-init",
            f"objects of {self._cls.__name__} cannot be created from their key alone, as they are when they "
            f"are loaded, and by a reload: {_words_of(raised)}",
            "give every further argument of __init__ a default",
            self._init_location(raised),
        )

    def _reference(self, name: str, field: Any) -> Iterator[Finding]:
        store = getattr(field, "store", None)
        if not isinstance(store, str) or self._target.service.session.find(store) is not None:
            return
        known = self._target.service.session.stores
        near = difflib.get_close_matches(store, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield error(
            "field-reference",
            f"{self._named(name)} refers to the store {store!r}, and there is none{hint}",
            "name the class of a store that some module imports, or define it",
            self._location(name),
        )

    def _serialised(
        self, obj: Store, other: Store, name: str, field: Any, *, is_saved: bool
    ) -> Iterator[Finding]:
        """Copy a default from one object to another: through JSON, and as a reload does it."""
        try:
            value = field.serialise(obj, name)
        except Exception as raised:  # noqa: BLE001 - it may be code of the application
            message = f"{self._named(name)}: serialise() of its default raises {_words_of(raised)}"
            todo = "make serialise() accept the value that the field has in a new object"
            yield error("field-serialise", message, todo, self._location(name, raised))
            return
        if is_saved:
            typed = {key: type_ for key, type_ in self._cls.schema.typed.items() if key == name}
            try:
                text = encode(obj, {name: value}, typed, 0)
            except FieldValueError as wrong:
                yield self._misfit(name, wrong)
                return
            yield from self._deserialised(other, name, field, json.loads(text)[name], "in JSON")
        yield from self._deserialised(other, name, field, value, "as it is, in a reload")

    def _deserialised(
        self, other: Store, name: str, field: Any, data: Any, form: str
    ) -> Iterator[Finding]:
        try:
            field.deserialise(other, name, data)
        except FieldValueError as wrong:
            yield self._misfit(name, wrong)
        except Exception as raised:  # noqa: BLE001 - as above
            reason = f"deserialise() of what serialise() returned raises {_words_of(raised)}"
            message = f"{self._named(name)}: {reason}"
            todo = f"make deserialise() accept what serialise() returns, {form}"
            yield error("field-deserialise", message, todo, self._location(name, raised))

    def _misfit(self, name: str, wrong: FieldValueError) -> Finding:
        message = f"the default{wrong.path}: expected {wrong.expected}, found {wrong.actual}"
        todo = "give a default of that type, or another type, or do not save it: session=True"
        return error("field-default", f"{self._named(name)}: {message}", todo, self._location(name))

    def _named(self, name: str) -> str:
        return f"{self._cls.__name__}.{name}"

    def _location(self, name: str, raised: Exception | None = None) -> Location:
        inner = Location() if raised is None else of_error(raised, self._target.application)
        return inner if inner.file else self._target.source_map.of_attribute(self._cls, name)

    def _init_location(self, raised: Exception) -> Location:
        inner = of_error(raised, self._target.application)
        return inner if inner.file else self._target.source_map.of_attribute(self._cls, "__init__")


def _shared(target: Target, cls: type) -> Iterator[Finding]:
    """A list of the class that its methods fill is shared by all objects, and a reload empties it."""
    node = target.source_map.class_node(cls)
    if node is None:
        return
    for name, value in vars(cls).items():
        if isinstance(value, list | dict | set) and not value and _is_changed(node, name):
            type_name = type(value).__name__
            yield warning(
                "shared-attribute",
                f"{cls.__name__}.{name} is one {type_name} for all objects, and a reload empties it",
                f"make it a field, so that each object has its own: {name} = Field({type_name})",
                target.source_map.of_attribute(cls, name),
            )


def _is_changed(node: ast.ClassDef, name: str) -> bool:
    """Whether a method adds to ``self.name``, or removes from it."""
    containers = map(_changed, ast.walk(node))
    return any(
        isinstance(container, ast.Attribute)
        and container.attr == name
        and isinstance(container.value, ast.Name)
        and container.value.id in {"self", "cls"}
        for container in containers
    )


def _changed(node: ast.AST) -> ast.expr | None:
    """The container of ``x[...] = ``, ``del x[...]`` and ``x.append``."""
    if isinstance(node, ast.Subscript):
        return None if isinstance(node.ctx, ast.Load) else node.value
    is_method = isinstance(node, ast.Attribute) and node.attr in _MUTATING
    return node.value if isinstance(node, ast.Attribute) and is_method else None


def _words_of(raised: BaseException) -> str:
    return f"{type(raised).__name__}: {raised}"
