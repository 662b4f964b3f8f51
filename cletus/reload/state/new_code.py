"""Finds in the new code what has the name of something in the old code."""

from __future__ import annotations

import enum
import functools
import gc
import operator
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FunctionType, MethodType, ModuleType
from typing import Any

from zope.interface.interface import InterfaceClass

from cletus.client.attributes import ApplicationAttributes
from cletus.reload.state.plain_types import is_a, name_of
from cletus.service.session import Session
from cletus.storage import Manager, Store

#: What a class is and stays: no object of one sort becomes one of another.
_SORTS = {enum.Enum: "an enum", Store: "a store", type: "a metaclass"}


class Unnamed(Exception):
    """The new code does not have what is looked for; the message says what and why."""


class NewCode:
    """The code whose modules are now in ``sys.modules``.

    Args:
        session: of the service that is reloaded; its staged generation has the new store classes.
        old_modules: the modules that the new ones replace, by name.
        namespaces: those of the new modules, by name. A module may have put something else in its own
            place in ``sys.modules``.

    Attributes:
        old_modules, namespaces: as given.
    """

    def __init__(
        self,
        session: Session,
        old_modules: Mapping[str, ModuleType],
        namespaces: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._session = session
        self._application = session.application
        self.old_modules = old_modules
        self.namespaces = namespaces
        self._owned: dict[type, bool] = {}
        self._classes: dict[type, type | Unnamed] = {}
        # Built when first needed, which is rarely.
        self._moved: dict[str, list[Any]] | None = None
        self._old_names: dict[int, tuple[str, str]] | None = None
        self._young: set[int] | None = None

    def owns(self, cls: type) -> bool:
        """Whether a class is defined by the application, in whichever generation."""
        owned = self._owned.get(cls)
        if owned is None:
            module = getattr(cls, "__module__", None)
            owned = isinstance(module, str) and self._application.owns(module)
            self._owned[cls] = owned
        return owned

    def is_own(self, function: Any) -> bool:
        """Whether a function is written in the application; decorators of libraries make others."""
        return self._application.owns(getattr(function, "__globals__", {}).get("__name__"))

    def class_of(self, cls: type) -> type:
        """The class that takes the place of this one; itself if it is of the new code.

        Raises:
            Unnamed: there is none.
        """
        successor = self._classes.get(cls)
        if successor is None:
            try:
                successor = self._class_of(cls)
            except Unnamed as error:
                successor = error
            self._classes[cls] = successor
        if isinstance(successor, Unnamed):
            raise successor
        return successor

    def refusal_of(self, cls: type) -> str:
        """Why an object of this class cannot become one of its new class by any means; "" if it can."""
        try:
            new_class = self.class_of(cls)
        except Unnamed:
            return ""
        for base, word in _SORTS.items():
            if issubclass(cls, base) is not issubclass(new_class, base):
                if issubclass(new_class, base):
                    return f"{name_of(cls)} has become {word}"
                return f"{name_of(cls)} is not {word} any more"
        return ""

    def code_of(self, value: Any) -> Any:
        """The function, class or module that takes the place of this one.

        Raises:
            Unnamed: there is none.
        """
        if is_a(value, type):
            return self.class_of(value) if self.owns(value) else value
        if is_a(value, ModuleType):
            if value.__name__ not in sys.modules:
                raise Unnamed(f"the module {value.__name__} is not imported any more")
            return sys.modules[value.__name__]
        module = getattr(value, "__module__", None)
        if not (isinstance(module, str) and self._application.owns(module)):
            return value
        if is_a(value, InterfaceClass):
            return self._named(value, module, value.__name__)
        if self._is_new(value):
            return value
        if self._is_bound(value):
            return self._bound_anew(value)
        return self._named(value, module, value.__qualname__)

    def method_of(self, method: MethodType, owner: Any) -> Any:
        """The method that takes the place of a bound one.

        Args:
            method: of the old code.
            owner: what it is to be bound to.

        Raises:
            Unnamed: the owner's class does not have it any more.
        """
        function: Any = method.__func__
        if not self._application.owns(getattr(function, "__module__", None)):
            same = owner is method.__self__
            return method if same else MethodType(function, owner)
        if self._is_new(function):
            return method
        # A private method has another name in its class than in its definition, and a decorator may
        # have given it a third: what counts is the name under which the old class has it.
        holder = owner if is_a(owner, type) else type(owner)
        name = self._name_in_class(function, holder)
        if isinstance(
            owner, ApplicationAttributes
        ):  # the service has its new class with the commit
            holder = self.class_of(holder) if self.owns(holder) else holder
            inherited = getattr(holder, name, None)
            successor = None if inherited is None else MethodType(inherited, owner)
        else:
            successor = getattr(owner, name, None)
        if not callable(successor):
            if "." not in function.__qualname__:  # MethodType(function, owner)
                return MethodType(self.code_of(function), owner)
            raise Unnamed(f"{name_of(holder)} does not have the method {name!r} any more")
        return successor

    def manager_of(self, manager: Manager[Any]) -> Any:
        """The manager of the store class that takes the place of this one's.

        Raises:
            Unnamed: there is none.
        """
        return self.class_of(manager.store_cls).manager  # type: ignore[attr-defined]  # it is a store

    def member_of(self, member: enum.Enum) -> enum.Enum:
        """The enum member that takes the place of this one: of the same name, else of the same value.

        Raises:
            Unnamed: there is none.
        """
        new_class: Any = self.class_of(type(member))
        if new_class is type(member):
            return member
        for find in (_member_by_name, _member_by_value):
            try:
                successor: enum.Enum = find(member, new_class)
                return successor
            except (KeyError, ValueError):
                continue
        raise Unnamed(f"{name_of(type(member))} does not have {member!r} any more")

    # -- inside -----------------------------------------------------------------------------

    def _class_of(self, cls: type) -> type:
        if issubclass(cls, Store) and not cls.abstract:
            store_cls = self._store_of(cls)
            if store_cls is None:
                raise Unnamed(f"the store {cls.__name__} is gone")
            return store_cls
        try:
            successor = self._named(cls, cls.__module__, cls.__qualname__)
        except Unnamed:
            if id(cls) in self.young_ids():
                return cls  # a local class of the new code
            successor = self._moved_from(cls)
            if successor is None:
                raise
        if not isinstance(successor, type):
            raise Unnamed(f"{name_of(cls)} is not a class any more")
        return successor

    def _store_of(self, cls: type[Store]) -> type[Store] | None:
        """Stores go by their own names, wherever they are defined, and by those they had before."""
        staged = self._session.defining.stores
        name = cls.schema.name
        if name in staged:
            return staged[name]
        for store_cls in staged.values():
            if name in store_cls.schema.names:
                return store_cls
        # A renaming is undone.
        known = self._session.current.stores
        former = (name for name in cls.schema.names if name in staged and name not in known)
        return next((staged[name] for name in former), None)

    def _named(self, value: Any, module: str, path: str) -> Any:
        successor = self._lookup(module, path)
        if successor is None and "<" in path:
            # A lambda or a decorated function may have a name nevertheless: that of a variable.
            names = self._names_of_old_values().get(id(value))
            if names is None:
                raise Unnamed(
                    f"{module}.{path} does not have a name by which it can be found in the new code: "
                    "define it at the top level of its module"
                )
            successor = self._lookup(*names)
        if successor is None and is_a(value, FunctionType):
            successor = self._moved_from(value)
        if successor is None:
            raise Unnamed(f"{module}.{path} is gone")
        return successor

    def _lookup(self, module: str, path: str) -> Any:
        first, *others = path.split(".")
        namespace = self.namespaces.get(module)
        if namespace is None:
            namespace = getattr(sys.modules.get(module), "__dict__", {})
        successor: Any = namespace.get(first)
        for part in others:
            name = part
            if is_a(successor, type) and part.startswith("__") and not part.endswith("__"):
                name = f"_{successor.__name__.lstrip('_')}{part}"
            successor = getattr(successor, name, None)
        return successor

    def _moved_from(self, code: Any) -> Any:
        """The class or function of this name in another module, if exactly one has it; else ``None``."""
        if self._moved is None:
            self._moved = {}
            for name, namespace in self.namespaces.items():
                for value in list(namespace.values()):
                    if is_a(value, (type, FunctionType)) and value.__module__ == name:
                        self._moved.setdefault(value.__qualname__, []).append(value)
        candidates = {
            id(value): value
            for value in self._moved.get(code.__qualname__, ())
            if is_a(value, type) is is_a(code, type)
        }
        return next(iter(candidates.values())) if len(candidates) == 1 else None

    def _is_new(self, function: Any) -> bool:
        """Whether a function is of the new code: its globals are those of a module in force."""
        while not self.is_own(function) and hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        namespace = getattr(function, "__globals__", None)
        if namespace is None:
            return False
        name = namespace.get("__name__")
        return name not in self.old_modules or namespace is self.namespaces.get(name)

    def _is_bound(self, function: Any) -> bool:
        """Whether a library has made this function for an object, under the name of a method.

        ``singledispatchmethod`` and ``partialmethod`` do. What has the name now is for no object.
        """
        if "." not in function.__qualname__ or self.is_own(function):
            return False
        holder: Any = self.old_modules.get(function.__module__)
        for part in function.__qualname__.split("."):
            holder = getattr(holder, part, None)
        return is_a(function, FunctionType) and holder is not function

    def _bound_anew(self, function: Any) -> Any:
        """What the new class has under this name, made for the object in the function's closure, if any."""
        name = function.__qualname__.rpartition(".")[2]
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # it is empty
                owner = cell.cell_contents
                if self.owns(type(owner)) and callable(bound := getattr(owner, name, None)):
                    return bound
        return function

    def _names_of_old_values(self) -> dict[int, tuple[str, str]]:
        if self._old_names is None:
            self._old_names = {
                id(value): (module_name, name)
                for module_name, module in self.old_modules.items()
                for name, value in vars(module).items()
            }
        return self._old_names

    def _name_in_class(self, function: FunctionType, holder: type) -> str:
        olds = [old for old, new in self._classes.items() if new is holder]
        for base in (base for old in olds for base in old.__mro__):
            for name, attribute in vars(base).items():
                if getattr(attribute, "__func__", attribute) is function:
                    return name
        return _mangled(function.__qualname__)

    def young_ids(self) -> set[int]:
        """What was made since the reload began: until its end nothing is collected."""
        if self._young is None:
            self._young = set(map(id, gc.get_objects(generation=0)))
        return self._young


def _mangled(path: str) -> str:
    """The name of a method in its class, where a private one is kept under a name of its own."""
    holder, _, name = path.rpartition(".")
    if name.startswith("__") and not name.endswith("__"):
        return f"_{holder.rpartition('.')[2].lstrip('_')}{name}"
    return name


def _member_by_name(member: enum.Enum, new_class: Any) -> Any:
    if not isinstance(member, enum.Flag):
        return new_class[member.name]
    # A combination does not have a name of its own, but its members have; it may have other bits, too.
    if sum(one.value for one in member) != member.value:
        return new_class(member.value)
    return functools.reduce(operator.or_, (new_class[one.name] for one in member), new_class(0))


def _member_by_value(member: enum.Enum, new_class: Any) -> Any:
    return new_class(member.value)
