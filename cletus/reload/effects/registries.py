"""Registries of other libraries: what a library lists by itself when a class is made or a function decorated.

Such a list (``Plugin.__init_subclass__`` appends to ``Plugin.plugins``) would have a class of each
generation, also of those that were refused. Looked through are the lists, dicts and sets of the libraries'
modules that the application's modules refer to, in the modules themselves and in their classes and objects.
"""

from __future__ import annotations

import functools
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from cletus.reload.state.records import attributes_of
from cletus.service.application import Application

Namespace = dict[str, Any]

_DICTS: Final = frozenset({dict, defaultdict, OrderedDict})
_TYPES: Final = _DICTS | {list, set, deque}
#: Entries of a container that are looked at for containers in it: registries by name, and no data.
_MANY: Final = 1000
#: Larger ones are data.
_LARGEST: Final = 10_000
_CODE: Final = frozenset({FunctionType, MethodType, functools.partial, tuple})
#: Those whose registries are seen to elsewhere.
_SEEN_TO: Final = sys.stdlib_module_names | {"cletus", "twisted", "zope", "prometheus_client"}


class Registries:
    """Entries of the application in registries of others, as they are before an import.

    Args:
        application: whose classes and functions count.
        namespaces: of the modules in force.
    """

    def __init__(self, application: Application, namespaces: Iterable[Namespace]) -> None:
        self._owns = application.owns
        #: Each container with its entries of the application.
        self._before = {
            id(container): (container, self._entries(container))
            for container in self._containers(namespaces)
        }

    def restore(self, namespaces: Mapping[str, Namespace]) -> None:
        """The import was refused: take out what it has added, and put back what it has replaced."""
        for container, before, added in self._changed(namespaces):
            present = set(map(_identity, self._entries(container)))
            # A dict has the old value in place of the new one then, where it was.
            _add(container, [entry for entry in before if _identity(entry) not in present])
            _remove(container, added)

    def replace(self, namespaces: Mapping[str, Namespace]) -> None:
        """The new code is in force: take out what it has registered anew, or does not have any more.

        What no import registers again, since it was registered while the service ran, stays.
        """
        for container, before, added in self._changed(namespaces):
            names = {self._name(entry) for entry in added}
            present = set(map(_identity, self._entries(container)))
            old = [
                entry
                for entry in before
                if _identity(entry) in present
                and ((name := self._name(entry)) in names or _is_gone(name, namespaces))
            ]
            _remove(container, old)

    # -- inside -----------------------------------------------------------------------------

    def _changed(
        self, namespaces: Mapping[str, Namespace]
    ) -> Iterator[tuple[Any, list[Any], list[Any]]]:
        """The containers to which an import has added something: with the entries before, and those added."""
        containers = {id(container): container for container, _ in self._before.values()}
        containers |= {id(found): found for found in self._containers(namespaces.values())}
        for key, container in containers.items():
            _, before = self._before.get(key, (container, []))
            known = set(map(_identity, before))
            added = [entry for entry in self._entries(container) if _identity(entry) not in known]
            if added:
                yield container, before, added

    def _entries(self, container: Any) -> list[Any]:
        """The entries with code of the application; those of a dict are its items."""
        if len(container) > _LARGEST:
            return []
        is_dict = type(container) in _DICTS
        values = (*container, *container.values()) if is_dict else container
        if not any(map(_may_be_code, set(map(type, values)))):  # fast for the many that have data
            return []
        items = list(container.items() if is_dict else container)
        return [entry for entry in items if self._has_code(entry)]

    def _has_code(self, entry: Any) -> bool:
        """As ``_code_in``, and fast for the many entries that have no code: this is in the pause."""
        for part in entry if type(entry) is tuple else (entry,):
            if _may_be_code(type(part)) and self._code_in(part) is not None:
                return True
        return False

    def _code_in(self, entry: Any) -> Any:
        """The class or function of the application that this is, or that a tuple contains."""
        if type(entry) is tuple:
            return next(filter(None, map(self._code_in, entry)), None)
        while type(entry) is functools.partial:
            entry = entry.func
        if type(entry) is MethodType:
            entry = entry.__func__
        if not issubclass(type(entry), type) and type(entry) is not FunctionType:
            return None
        module = getattr(entry, "__module__", None)
        return entry if isinstance(module, str) and self._owns(module) else None

    def _name(self, entry: Any) -> tuple[str, str]:
        code = self._code_in(entry)
        return code.__module__, code.__qualname__

    def _containers(self, namespaces: Iterable[Namespace]) -> Iterator[Any]:
        values = chain.from_iterable([*space.values()] for space in namespaces)
        modules = set(map(str, _modules_of(values)))
        for name in modules:
            package, module = name.partition(".")[0], sys.modules.get(name)
            if package not in _SEEN_TO and not self._owns(name) and type(module) is ModuleType:
                for value in [*vars(module).values()]:
                    yield from _inside(value, package)


def _modules_of(values: Iterable[Any]) -> set[Any]:
    """The names of the modules that values of namespaces lead to."""
    modules: set[Any] = set()
    classes: set[type] = set()
    for value in values:
        cls = type(value)
        if cls is FunctionType:  # most are functions, and this is in the pause
            modules.add(value.__module__)
        elif cls is ModuleType:
            modules.add(value.__name__)
        else:
            classes.update(value.__mro__ if issubclass(cls, type) else (cls,))
    for cls in classes:
        modules |= {cls.__module__, type(cls).__module__}
    return modules


def _inside(value: Any, package: str) -> Iterator[Any]:
    """The containers in a value of a module: itself, what it contains, or its attributes."""
    if type(value) in _TYPES:
        yield value
        if len(value) < _MANY:
            items = value.values() if type(value) in _DICTS else value
            yield from [item for item in items if type(item) in _TYPES]
        return
    if issubclass(type(value), type):
        attributes, owner = vars(value), value
    else:
        owner = type(value)
        attributes = attributes_of(value) if owner.__module__ != "builtins" else None
    if attributes and str(owner.__module__).partition(".")[0] == package:
        yield from [item for item in attributes.values() if type(item) in _TYPES]


def _may_be_code(cls: type) -> bool:
    return cls in _CODE or issubclass(cls, type)


def _identity(entry: Any) -> Any:
    return tuple(map(id, entry)) if type(entry) is tuple else id(entry)


def _is_gone(name: tuple[str, str], namespaces: Mapping[str, Namespace]) -> bool:
    """Whether the new code does not define this; what is defined inside functions cannot be looked up."""
    module, path = name
    if "<locals>" in path:
        return False
    value: Any = namespaces.get(module)
    for part in path.split("."):
        value = value.get(part) if type(value) is dict else getattr(value, part, None)
    return value is None


def _remove(container: Any, entries: list[Any]) -> None:
    gone = set(map(_identity, entries))
    if type(container) in _DICTS:
        for item in [item for item in container.items() if _identity(item) in gone]:
            del container[item[0]]
    elif type(container) is set:
        container.difference_update(entries)
    else:
        kept = [entry for entry in container if _identity(entry) not in gone]
        container.clear()
        container.extend(kept)


def _add(container: Any, entries: list[Any]) -> None:
    if type(container) in (list, deque):
        container.extend(entries)
    else:
        container.update(entries)
