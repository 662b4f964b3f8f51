"""Registries of other libraries: what a library lists when a class is made or a function registered.

Such a list (``Plugin.__init_subclass__`` appends to ``Plugin.plugins``) would have a class of each
generation, also of those that were refused. Looked through are the containers of the libraries that the
application's modules refer to, and of their objects on the service: all that can be reached through
containers, classes and objects of the same library. What an import adds to them is known by the code of
the application that it leads to: a listener may be kept as it is, in an object of the library
(``schedule.Job``), in a closure, or by a weak reference.
"""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress
from operator import attrgetter, is_not
from types import CellType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, Final

from cletus.reload.code.names import Names, Namespace
from cletus.reload.state.plain_types import ATOMS, WEAK, is_a
from cletus.reload.state.records import attributes_of
from cletus.service.application import Application

_DICTS: Final = frozenset({dict, defaultdict, OrderedDict})
_TYPES: Final = _DICTS | {list, set, deque}
_FOLLOWED: Final = _TYPES | WEAK | {tuple, frozenset, MappingProxyType}
#: Containers with more entries are data.
_LARGEST: Final = 10_000
#: A library with more objects is not looked through to its end.
_MANY: Final = 50_000
#: So many objects are looked at in one go.
_CHUNK: Final = 500
#: Code is so many steps away from the entry of a registry that is for it, and so many objects at most.
_STEPS: Final = 6
_NEAR: Final = 200
#: Those whose registries are seen to elsewhere.
_SEEN_TO: Final = frozenset(
    (sys.stdlib_module_names - {"copyreg", "gc", "shutil", "sqlite3"})
    | {"cletus", "prometheus_client", "sqlalchemy", "zope.interface"}
    | {f"twisted.{name}" for name in ("application", "internet", "logger", "python")}
)
#: Packages that are several libraries.
_FAMILIES: Final = frozenset({"twisted", "zope"})


class Libraries:
    """The containers of the libraries that an application uses.

    To find them takes a while: some 20 ms for a large library. Their contents are noted later.

    Args:
        application: that uses them.
        attached: what it has set on the service.

    Attributes:
        containers: all of them.
        owners: the classes whose attributes are in one of the containers, by its ``id()``.
        known: the ``id()`` of each object of the libraries.
        packages: the names of the libraries.
    """

    def __init__(self, application: Application, attached: Iterable[Any]) -> None:
        self._application = application
        self.containers: list[Any] = []
        self.owners: dict[int, type] = {}
        self.known: set[int] = set()
        self.packages: set[str] = set()
        # What is known must stay alive, or others could get its id().
        self._kept: list[Any] = []
        modules = {
            name: vars(module)
            for name, module in application.loaded().items()
            if is_a(module, ModuleType)
        }
        roots: dict[str, list[Any]] = {}
        for package, module in self._modules_of(Names(modules)):
            roots.setdefault(package, []).append(vars(module))
        for value in attached:
            package = _package_of(type(value).__module__)
            if self._is_library(package):
                roots.setdefault(package, []).append(value)
        for package, objects in roots.items():
            self.packages.add(package)
            self._walk(package, objects)

    def new_containers(self, names: Names) -> list[Any]:
        """Those of libraries that these names lead to, and that the application did not use before."""
        spaces: dict[str, list[Any]] = {}
        for package, module in self._modules_of(names):
            if package not in self.packages:
                spaces.setdefault(package, []).append(vars(module))
        count = len(self.containers)
        for package, namespaces in spaces.items():
            self._walk(package, namespaces)
        modules = set(map(id, chain.from_iterable(spaces.values())))
        return [
            container
            for container in self.containers[count:]
            if id(container) not in modules and id(container) not in self.owners
        ]

    # -- inside -----------------------------------------------------------------------------

    def _modules_of(self, names: Names) -> Iterator[tuple[str, ModuleType]]:
        """All modules of the libraries that these names lead to, each with the name of its library."""
        used = set(map(_package_of, _modules_of(names)))
        for name, module in [*sys.modules.items()]:
            package = _package_of(name)
            is_used = package in used or package.partition(".")[0] in _FAMILIES & used
            if is_used and type(module) is ModuleType and self._is_library(package):
                yield package, module

    def _is_library(self, package: str) -> bool:
        return (
            bool(package)
            and package not in _SEEN_TO
            and package.partition(".")[0] not in _SEEN_TO
            and not self._application.owns(package)
        )

    def _walk(self, package: str, level: list[Any]) -> None:
        """Find what can be reached through containers, classes and objects of one library."""
        is_followed: dict[type, bool] = {}
        end = len(self.known) + _MANY
        while level and len(self.known) < end:
            level = list({id(obj): obj for obj in level if id(obj) not in self.known}.values())
            level = [obj for obj in level if not _is_data(obj)]
            self.known.update(map(id, level))
            self._kept += level
            self.containers += [obj for obj in level if type(obj) in _TYPES]
            classes = [obj for obj in level if is_a(obj, type)]
            self.owners.update((id(gc.get_referents(vars(cls))[0]), cls) for cls in classes)
            parts = _held_by(level)
            parts += _held_by_dispatchers(parts)
            types = list(map(type, parts))
            for cls in set(types) - is_followed.keys():
                is_followed[cls] = (
                    cls in _FOLLOWED
                    or issubclass(cls, type)
                    or (cls not in ATOMS and _package_of(cls.__module__) == package)
                )
            level = [
                part
                for part in compress(parts, map(is_followed.__getitem__, types))
                if not is_a(part, type) or _package_of(part.__module__) == package
            ]


class Registries:
    """Entries of the application in registries of others, as they are before an import.

    Args:
        application: whose classes and functions count.
        libraries: whose registries they are.
    """

    def __init__(self, application: Application, libraries: Libraries) -> None:
        self._owns = application.owns
        self._libraries = libraries
        #: Each container with a copy.
        self._before = [(container, container.copy()) for container in libraries.containers]

    def restore(self, names: Names) -> None:
        """The import was refused: take out what it has added, and put back what it has replaced."""
        known, changes = self._libraries.known, []
        # What weak references lead to may be held by an entry of another container alone: all entries
        # are found before the first is taken out.
        for container, before in self.changed():
            added, lost = _difference(container, before)
            added = [entry for entry in added if self._codes(entry, known, with_objects=True)]
            lost = [entry for entry in lost if self._codes(entry, set())]
            changes.append((container, before, added, lost))
        changes += [
            (container, type(container)(), self._direct(container), [])
            for container in self._libraries.new_containers(names)
        ]
        for container, before, added, lost in changes:
            _restore(container, before, added, lost, self._libraries.owners.get(id(container)))

    def replace(self, names: Names) -> None:
        """The new code has registered its own: take out what it has registered anew, or has not any more.

        What no import registers again, since it was registered while the service ran, stays.

        Args:
            names: of the new modules.
        """
        changes = [
            (container, self._replaced(container, before, names.namespaces))
            for container, before in self.changed()
            if id(container) not in self._libraries.owners
        ]
        for container, entries in changes:
            _remove(container, entries)

    def keep_once(self, container: list[Any], before: list[Any]) -> None:
        """Take out of a list on the service what the import has added to it again.

        Args:
            container: the list, not converted yet.
            before: what it held before the import.
        """
        _remove(container, self._replaced(container, before, None))

    def changed(self) -> Iterator[tuple[Any, Any]]:
        """The containers that hold something else than before, each with what it held."""
        for container, before in self._before:
            if _is_changed(container, before):
                yield container, before

    # -- inside -----------------------------------------------------------------------------

    def _replaced(
        self, container: Any, before: Any, namespaces: Mapping[str, Namespace] | None
    ) -> list[Any]:
        """The entries of the old code that have been registered anew, or are gone from the new code."""
        added, _ = _difference(container, before)
        renewed = set(chain.from_iterable(self._codes(entry, set()) for entry in added))
        if not renewed:
            return []
        new = set(map(_identity, added))
        return [
            entry
            for entry in _entries(container)
            if _identity(entry) not in new
            and any(
                (name in renewed and not _is_named(container, entry))
                or (namespaces is not None and _is_gone(name, namespaces))
                for name in self._codes(entry, set())
            )
        ]

    def _direct(self, container: Any) -> list[Any]:
        """The entries that are code of the application, or tuples with some."""
        entries = [] if len(container) > _LARGEST else _entries(container)
        return [
            entry
            for entry in entries
            if any(
                self._code_in(part) is not None
                for part in (entry if type(entry) is tuple else (entry,))
            )
        ]

    def _codes(
        self, entry: Any, beyond: set[int], *, with_objects: bool = False
    ) -> set[tuple[str, str]]:
        """The names of the classes and functions of the application that an entry leads to: the nearest.

        Args:
            entry: of a container.
            beyond: the ``id()`` of objects that are not looked into.
            with_objects: whether objects of the application's classes count as their classes.
        """
        seen: set[int] = set()
        level = [entry]
        for _ in range(_STEPS):
            codes = list(filter(None, map(self._code_in, level)))
            if with_objects:
                codes += [type(part) for part in level if self._is_own(type(part))]
            if codes:
                return {(code.__module__, code.__qualname__) for code in codes}
            parts = chain.from_iterable(map(self._parts_of, level))
            level = list(
                {
                    id(part): part
                    for part in parts
                    if type(part) not in ATOMS and id(part) not in seen and id(part) not in beyond
                }.values()
            )[:_NEAR]
            seen.update(map(id, level))
        return set()

    def _code_in(self, value: Any) -> Any:
        """The class or function of the application that this is."""
        while type(value) is functools.partial:
            value = value.func
        if type(value) is MethodType:
            value = value.__self__ if is_a(value.__self__, type) else value.__func__
        is_code = issubclass(type(value), type) or type(value) is FunctionType
        return value if is_code and self._is_own(value) else None

    def _is_own(self, value: Any) -> bool:
        module = getattr(value, "__module__", None)
        return is_a(module, str) and self._owns(module)

    def _parts_of(self, value: Any) -> Iterable[Any]:
        """What a value holds, as far as it may be there to lead to code."""
        cls = type(value)
        if cls in _TYPES or cls in WEAK or cls in (tuple, frozenset):
            if len(value) > _LARGEST:
                return ()
            is_dict = cls in _DICTS or (cls in WEAK and cls is not weakref.WeakSet)
            return (*value.keys(), *value.values()) if is_dict else tuple(value)
        if issubclass(cls, weakref.ref):
            return (value(),)
        if cls is FunctionType:
            return (*(value.__closure__ or ()), *(value.__defaults__ or ()), *vars(value).values())
        if issubclass(cls, (type, ModuleType)) or self._is_own(cls):
            return ()
        if cls is CellType or cls is MethodType or cls is functools.partial:
            return gc.get_referents(value)
        return [part for part in _held_by([value]) if not is_a(part, type)]


def _held_by(objects: Sequence[Any]) -> list[Any]:
    """What these objects refer to, and the dicts of their attributes."""
    parts: list[Any] = []
    for start in range(0, len(objects), _CHUNK):
        parts += gc.get_referents(*objects[start : start + _CHUNK])
    # An object's dict may exist only when it is asked for.
    parts += [
        attributes
        for obj in objects
        if type(obj).__dictoffset__
        and not is_a(obj, type)
        and (attributes := attributes_of(obj)) is not None
    ]
    return parts


def _held_by_dispatchers(objects: Iterable[Any]) -> list[Any]:
    """What functions with ``@singledispatch`` refer to: the registry, and what it was asked for."""
    functions = [obj for obj in objects if type(obj) is FunctionType]
    dispatchers = [obj for obj in functions if obj.__globals__ is vars(functools)]
    inner = [value for obj in dispatchers for value in vars(obj).values()]
    closures = chain.from_iterable(
        obj.__closure__ or () for obj in (*dispatchers, *inner) if type(obj) is FunctionType
    )
    return [*inner, *gc.get_referents(*closures)]


def _is_data(obj: Any) -> bool:
    return type(obj) in _TYPES and len(obj) > _LARGEST


def _package_of(module: Any) -> str:
    """The library that a module belongs to: ``sqlalchemy``, ``zope.event``."""
    if not is_a(module, str):
        return ""
    first, _, rest = module.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first in _FAMILIES and rest else first


def _modules_of(names: Names) -> set[Any]:
    """The names of the modules that values of namespaces lead to."""
    classes = set(names.types)
    for _, cls in names.classes:
        classes.update(cls.__mro__)
    modules: set[Any] = set(map(attrgetter("__module__"), names.of(FunctionType, MethodType)))
    modules.update(map(attrgetter("__name__"), names.of(ModuleType)))
    for cls in classes:
        modules |= {cls.__module__, type(cls).__module__}
    return modules


def _is_changed(container: Any, before: Any) -> bool:
    """Whether it does not hold the same objects any more, without asking the objects."""
    if len(container) != len(before):
        return True
    if type(container) in _DICTS:
        return any(map(is_not, container, before)) or any(
            map(is_not, container.values(), before.values())
        )
    if type(container) is set:
        return set(map(id, container)) != set(map(id, before))
    return any(map(is_not, container, before))


def _entries(container: Any) -> list[Any]:
    return list(container.items() if type(container) in _DICTS else container)


def _difference(container: Any, before: Any) -> tuple[list[Any], list[Any]]:
    """The entries that are there now only, and those that were there before only."""
    present, past = _entries(container), _entries(before)
    known, remaining = set(map(_identity, past)), set(map(_identity, present))
    return (
        [entry for entry in present if _identity(entry) not in known],
        [entry for entry in past if _identity(entry) not in remaining],
    )


def _identity(entry: Any) -> Any:
    return tuple(map(id, entry)) if type(entry) is tuple else id(entry)


def _is_named(container: Any, entry: Any) -> bool:
    """Whether this is the item of a dict under a name, which was registered for itself."""
    return type(container) in _DICTS and type(entry[0]) is str


def _is_gone(name: tuple[str, str], namespaces: Mapping[str, Namespace]) -> bool:
    """Whether the new code does not define this; what is defined inside functions cannot be looked up."""
    module, path = name
    if "<locals>" in path:
        return False
    value: Any = namespaces.get(module)
    for part in path.split("."):
        value = value.get(part) if type(value) is dict else getattr(value, part, None)
    return value is None


def _restore(
    container: Any, before: Any, added: list[Any], lost: list[Any], owner: type | None
) -> None:
    """Take out what was added, and put back what is lost; in a list, everything to where it was."""
    if not added and not lost:
        return
    if type(container) in _DICTS:
        former = {key: before[key] for key, _ in added if key in before} | dict(lost)
        gone = [key for key, _ in added if key not in former]
        if owner is None:
            for key in gone:
                del container[key]
            container.update(former)
        else:  # Python must know that a class has changed
            for key in gone:
                type.__delattr__(owner, key)
            for key, value in former.items():
                type.__setattr__(owner, key, value)
    elif type(container) is set:
        container.difference_update(added)
        container.update(lost)
    else:
        _remove(container, added)
        if lost:
            known = set(map(id, before))
            content = [*before, *(entry for entry in container if id(entry) not in known)]
            container.clear()
            container.extend(content)


def _remove(container: Any, entries: list[Any]) -> None:
    if not entries:
        return
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
