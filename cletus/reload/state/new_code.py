"""Finds in the new code what has the name of something in the old code."""

from __future__ import annotations

import enum
import functools
import gc
import operator
import sys
from collections.abc import Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.reload.state.plain_types import name_of
from cletus.service.session import Session
from cletus.storage import Store

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
    """

    def __init__(
        self,
        session: Session,
        old_modules: Mapping[str, ModuleType],
        namespaces: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._session = session
        self._application = session.application
        self._old_modules = old_modules
        self._namespaces = namespaces
        self._owned: dict[type, bool] = {}
        self._classes: dict[type, type | Unnamed] = {}
        # Built when first needed, which is rarely.
        self._moved: dict[str, list[type]] | None = None
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
        if isinstance(value, type):
            return self.class_of(value) if self.owns(value) else value
        if isinstance(value, ModuleType):
            if value.__name__ not in sys.modules:
                raise Unnamed(f"the module {value.__name__} is not imported any more")
            return sys.modules[value.__name__]
        module = getattr(value, "__module__", None)
        if not (isinstance(module, str) and self._application.owns(module)):
            return value
        if self._is_new(value):
            return value
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
        holder = owner if isinstance(owner, type) else type(owner)
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
            raise Unnamed(f"{name_of(holder)} does not have the method {name!r} any more")
        return successor

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
            if id(cls) in self._young_ids():
                return cls  # a local class of the new code
            successor = self._moved_class(cls)
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
        return None

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
        if successor is None:
            raise Unnamed(f"{module}.{path} is gone")
        return successor

    def _lookup(self, module: str, path: str) -> Any:
        first, *others = path.split(".")
        namespace = self._namespaces.get(module)
        if namespace is None:
            namespace = getattr(sys.modules.get(module), "__dict__", {})
        successor = namespace.get(first)
        for part in others:
            name = part
            if isinstance(successor, type) and part.startswith("__") and not part.endswith("__"):
                name = f"_{successor.__name__.lstrip('_')}{part}"
            successor = getattr(successor, name, None)
        return successor

    def _moved_class(self, cls: type) -> type | None:
        """The class of this name in another module, if exactly one has it."""
        if self._moved is None:
            self._moved = {}
            for name, namespace in self._namespaces.items():
                for value in list(namespace.values()):
                    if isinstance(value, type) and value.__module__ == name:
                        self._moved.setdefault(value.__qualname__, []).append(value)
        candidates = {id(one): one for one in self._moved.get(cls.__qualname__, ())}
        return next(iter(candidates.values())) if len(candidates) == 1 else None

    def _is_new(self, function: Any) -> bool:
        """Whether a function is of the new code: its globals are those of a module in force."""
        while isinstance(function, functools._lru_cache_wrapper):
            function = function.__wrapped__
        namespace = getattr(function, "__globals__", None)
        if namespace is None:
            return False
        name = namespace.get("__name__")
        return name not in self._old_modules or namespace is self._namespaces.get(name)

    def _names_of_old_values(self) -> dict[int, tuple[str, str]]:
        if self._old_names is None:
            self._old_names = {
                id(value): (module_name, name)
                for module_name, module in self._old_modules.items()
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

    def _young_ids(self) -> set[int]:
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
