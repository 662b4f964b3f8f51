"""What module bodies state: the objects that they make, and the values that they give them.

An object that a module names (``SWORD = Weapon(damage=5)``), or a store object that a module makes
(``hall = Room("hall", description="...")``), is made again by the new module body. But it is in use, and
so it goes on: the new code gets the object that there was, and of what the body states it takes what is
not what the former body stated. All other values are those that the service has given it meanwhile.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.errors import StorageError
from cletus.reload.code.loader import MARK
from cletus.reload.code.names import Names
from cletus.reload.state.new_code import NewCode
from cletus.reload.state.plain_types import ATOMS, WEAK
from cletus.reload.state.records import values_of
from cletus.service.session import Session
from cletus.service.timers import Timer
from cletus.storage import Field, Manager, Store
from cletus.storage.schema import DocumentState

#: Where an object stands in the code: the module, the name, and names and keys below that.
Path = tuple[Any, ...]

#: What a store object has besides what its module body states.
_NOT_STATED = frozenset({"key", "_document_state", "_unknown", "_parked"})

_DEPTH = 4


_PLAIN = ATOMS | {types.FunctionType, types.ModuleType, list, tuple, set, frozenset}


class _Different:
    """The description of code: it equals nothing, since the new code's is always taken."""


def described(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """A value described so that those of two generations can be compared."""
    cls = type(value)
    if cls in ATOMS:
        return cls.__name__, value
    if id(value) in seen:
        return "cycle", len(seen) - seen.index(id(value))
    seen = (*seen, id(value))
    if issubclass(type(value), Store):
        return "store", type(value).schema.name, value.key
    if issubclass(type(value), enum.Enum):
        return cls.__qualname__, value.name
    if issubclass(type(value), functools.partial):
        parts = (value.func, value.args, value.keywords)
        return cls.__name__, [described(part, seen) for part in parts]
    if issubclass(type(value), (type, types.FunctionType, types.MethodType)):
        return (cls.__name__, value.__qualname__) if _is_of_others(value) else _Different()
    if issubclass(type(value), dict):
        items = dict.items(value)
        return cls.__name__, [(described(key, seen), described(item, seen)) for key, item in items]
    if issubclass(type(value), (list, tuple)):
        return cls.__name__, [described(item, seen) for item in value]
    if issubclass(type(value), (set, frozenset)):
        return cls.__name__, sorted(repr(described(item, seen)) for item in value)
    if cls in WEAK:
        return cls.__name__, len(value)
    if issubclass(type(value), ApplicationAttributes) or cls.__module__ == "builtins":
        return (cls.__name__,)
    values = values_of(value).items() if not cls.__module__.startswith("cletus.") else ()
    return cls.__qualname__, [(name, described(item, seen)) for name, item in values]


def _is_of_others(code: Any) -> bool:
    """Whether a function or class belongs to a library."""
    module = sys.modules.get(code.__module__ or "")
    return module is not None and not hasattr(module, MARK)


#: For keys by which nothing is found in the next generation.
_NO_PART = object()


def _part_of(key: Any) -> Any:
    """The part of a path that stands for the key of a dict."""
    cls = type(key)
    if cls in ATOMS:
        return key
    if issubclass(cls, enum.Enum):
        return cls.__qualname__, key.name
    if cls is tuple:
        parts = tuple(map(_part_of, key))
        return _NO_PART if _NO_PART in parts else parts
    return _NO_PART


class Statements:
    """What the modules of one generation name and make.

    Args:
        names: what they name.
        new_code: knows which classes are the application's.

    Attributes:
        objects: the objects that the modules name, by path.
        values: what these hold, described, as far as it was asked for.
    """

    def __init__(self, names: Names, new_code: NewCode) -> None:
        self._new_code: NewCode | None = new_code
        self.objects: dict[Path, Any] = {}
        self.values: dict[Path, dict[str, Any]] = {}
        self._visited: set[int] = set()
        for module, name, value in names.others:
            self._visit_name(name, value, (module,))

    def note(self, stores: Iterable[type[Store]]) -> Statements:
        """Describe what the objects hold; call it when the modules have just been imported.

        Args:
            stores: the store classes; modules have made what is active in them.
        """
        for store_cls in stores:
            for key, obj in store_cls.manager.active().items():
                self.objects["store", store_cls.schema.name, key] = obj
        self.values = {path: described_values(obj) for path, obj in self.objects.items()}
        return self

    def close(self) -> None:
        """Let go of the objects: what is stated about them is all that the next reload needs."""
        self.objects.clear()
        self._visited.clear()
        self._new_code = None

    def _visit_names(self, namespace: Mapping[Any, Any], path: Path) -> None:
        for name, value in list(namespace.items()):
            self._visit_name(name, value, path)

    def _visit_name(self, name: Any, value: Any, path: Path) -> None:
        cls = type(value)
        if cls not in _PLAIN and not (issubclass(type(name), str) and name.startswith("__")):
            self._visit(value, cls, (*path, name))

    def _visit(self, value: Any, cls: type, path: Path) -> None:
        if cls is object or cls is ContextVar:
            self._add(value, path)
        elif cls is dict and len(path) < _DEPTH:
            parts = ((_part_of(key), item) for key, item in value.items())
            self._visit_names({part: item for part, item in parts if part is not _NO_PART}, path)
        elif issubclass(cls, type):
            if (
                value.__module__ == path[0]
                and len(path) < _DEPTH
                and not issubclass(value, enum.Enum)
            ):
                self._visit_names(vars(value), path)
        elif self._is_own(cls) and self._add(value, path) and len(path) < _DEPTH:
            self._visit_names(values_of(value), path)

    def _is_own(self, cls: type) -> bool:
        assert self._new_code is not None  # noqa: S101 - it is there until close()
        return self._new_code.owns(cls) and not issubclass(cls, _ELSEWHERE)

    def _add(self, value: Any, path: Path) -> bool:
        if id(value) in self._visited:
            return False
        self._visited.add(id(value))
        self.objects[path] = value
        return True


#: What has its own way of going on.
_ELSEWHERE = (Store, Field, Manager, enum.Enum, ApplicationAttributes, Timer, tuple, BaseException)


def described_values(obj: Any) -> dict[str, Any]:
    """What an object holds, described."""
    if type(obj) is object:
        return {}
    return {name: described(value, (id(obj),)) for name, value in values_of(obj).items()}


def stated(former: Statements | None, path: Path, new: Any, now: dict[str, Any]) -> Iterator[str]:
    """The names of the values that the new body states and that are to be taken.

    Args:
        former: what the modules of the code in force have stated.
        path: of the object.
        new: the one that the new body has made.
        now: the values of that one, described.
    """
    before = None if former is None else former.values.get(path)
    if issubclass(type(new), Store):
        if type(new).schema.state_of(new) is DocumentState.CLEAN:
            # It was loaded: only what the body has changed since is stated by the body.
            loaded: dict[str, Any] = {}
            with suppress(StorageError):
                loaded = described_values(type(new).schema.detached(new.key).load())
            now = {name: value for name, value in now.items() if loaded.get(name) != value}
        # A field that has its default is not stated: the service may have given it a value since.
        initial = _initial_values(new)
        now = {name: value for name, value in now.items() if initial.get(name) != value}
    before = before or {}
    for name, value in now.items():
        if name not in _NOT_STATED and before.get(name) != value and name in values_of(new):
            yield name


def _initial_values(new: Store) -> dict[str, Any]:
    blank: Any = object.__new__(type(new))
    blank.key = new.key
    type(new).schema.initialise(blank)
    return described_values(blank)


def note_statements(session: Session) -> None:
    """Note what the modules of the generation in force state, before the service changes any of it."""
    generation = session.current
    modules = {
        name: vars(module)
        for name, module in session.application.loaded().items()
        if issubclass(type(module), types.ModuleType)
    }
    statements = Statements(Names(modules), NewCode(session, {}, modules))
    generation.statements = statements.note(generation.stores.values())
    statements.close()
