"""Fields that cannot be saved: each is taken through what a save and a load would do with a new object."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from cletus.check.finding import Finding, Place, error, warning
from cletus.check.source_map import of_error
from cletus.check.target import Subject
from cletus.errors import FieldValueError
from cletus.storage import Store, TempStoreMixin
from cletus.storage.document import encode

#: What the objects are called that are made for the trial; none of them becomes active.
KEY = "cletus-check"

_CHANGING = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
    | {"setdefault", "update"}
)


def check_fields(subject: Subject) -> Iterator[Finding]:
    """Make an object of each store, save it into nothing and load it back, field by field."""
    for store_cls in subject.stores():
        yield from _StoreCheck(subject, store_cls).findings()
        yield from _shared(subject, store_cls)
    for dialogue in subject.dialogues():
        yield from _shared(subject, dialogue)


class _StoreCheck:
    """The check of one store class."""

    def __init__(self, subject: Subject, store_cls: type[Store]) -> None:
        self._subject = subject
        self._cls = store_cls

    def findings(self) -> Iterator[Finding]:
        for name, field in self._cls.fields.items():
            yield from self._reference(name, field)
        try:
            obj, other = self._cls.schema.detached(KEY), self._cls.schema.detached(KEY)
        except Exception as raised:  # noqa: BLE001 - it runs the application's code
            yield self._cannot_be_made(raised)
            return
        is_temporary = issubclass(self._cls, TempStoreMixin)
        for name, field in self._cls.fields.items():
            is_saved = not (is_temporary or getattr(field, "session", False))
            found = self._serialised(obj, other, name, field, is_saved=is_saved)
            yield from islice(found, 1)  # the first mistake of a field is behind the others

    def _cannot_be_made(self, raised: Exception) -> Finding:
        """Name the field whose default it is, if it is one."""
        bare = object.__new__(self._cls)
        bare.key = KEY
        for name, field in self._cls.fields.items():
            try:
                field.contribute_to_instance(bare, name)
            except Exception as one:  # noqa: BLE001 - as above
                what = f"{self._named(name)}: its default raises {_said(one)}"
                return error("field-default", what, "mend the default", self._place(name, one))
        return error(
            "store-init",
            f"objects of {self._cls.__name__} cannot be made from their key alone, which is how saved "
            f"ones are loaded and how a reload makes them: {_said(raised)}",
            "give every further argument of __init__ a default",
            self._init_place(raised),
        )

    def _reference(self, name: str, field: Any) -> Iterator[Finding]:
        store = getattr(field, "store", None)
        if not isinstance(store, str) or self._subject.service.session.find(store) is not None:
            return
        known = self._subject.service.session.stores
        near = difflib.get_close_matches(store, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield error(
            "field-reference",
            f"{self._named(name)} refers to the store {store!r}, and there is none{hint}",
            "name the class of a store that some module imports, or define it",
            self._place(name),
        )

    def _serialised(
        self, obj: Store, other: Store, name: str, field: Any, *, is_saved: bool
    ) -> Iterator[Finding]:
        """Take a default out of one object and into another: by way of JSON, and as a reload does."""
        try:
            value = field.serialise(obj, name)
        except Exception as raised:  # noqa: BLE001 - it may be the application's
            what = f"{self._named(name)}: serialise() of its default raises {_said(raised)}"
            todo = "have serialise() take what the field holds in a new object"
            yield error("field-serialise", what, todo, self._place(name, raised))
            return
        if is_saved:
            typed = {one: kind for one, kind in self._cls.schema.typed.items() if one == name}
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
            what = f"{self._named(name)}: deserialise() of what serialise() gave raises {_said(raised)}"
            todo = f"have deserialise() take what serialise() gives, {form}"
            yield error("field-deserialise", what, todo, self._place(name, raised))

    def _misfit(self, name: str, wrong: FieldValueError) -> Finding:
        what = f"the default{wrong.path}: expected {wrong.expected}, found {wrong.actual}"
        todo = "give a default that fits, state another type, or never save it: session=True"
        return error("field-default", f"{self._named(name)}: {what}", todo, self._place(name))

    def _named(self, name: str) -> str:
        return f"{self._cls.__name__}.{name}"

    def _place(self, name: str, raised: Exception | None = None) -> Place:
        inner = Place() if raised is None else of_error(raised, self._subject.application)
        return inner if inner.file else self._subject.texts.of_attribute(self._cls, name)

    def _init_place(self, raised: Exception) -> Place:
        inner = of_error(raised, self._subject.application)
        return inner if inner.file else self._subject.texts.of_attribute(self._cls, "__init__")


def _shared(subject: Subject, kind: type) -> Iterator[Finding]:
    """A list of the class that its methods fill is one for all objects, and a reload empties it."""
    node = subject.texts.class_node(kind)
    if node is None:
        return
    for name, value in vars(kind).items():
        if isinstance(value, list | dict | set) and not value and _is_changed(node, name):
            make = type(value).__name__
            yield warning(
                "shared-attribute",
                f"{kind.__name__}.{name} is one {make} for all objects, and a reload empties it",
                f"make it a field, so that each object has its own: {name} = Field({make})",
                subject.texts.of_attribute(kind, name),
            )


def _is_changed(node: ast.ClassDef, name: str) -> bool:
    """Whether something is put into ``self.name``, or taken out of it."""
    targets = (_changed(one) for one in ast.walk(node))
    return any(
        isinstance(target, ast.Attribute)
        and target.attr == name
        and isinstance(target.value, ast.Name)
        and target.value.id in {"self", "cls"}
        for target in targets
    )


def _changed(node: ast.AST) -> ast.expr | None:
    """The container of ``x[...] = ``, ``del x[...]`` and ``x.append``."""
    if isinstance(node, ast.Subscript):
        return None if isinstance(node.ctx, ast.Load) else node.value
    is_method = isinstance(node, ast.Attribute) and node.attr in _CHANGING
    return node.value if isinstance(node, ast.Attribute) and is_method else None


def _said(raised: BaseException) -> str:
    return f"{type(raised).__name__}: {raised}"
