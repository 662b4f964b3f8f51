"""Tells whether anything but the old code itself, and the reload, still refers to the old code.

If nothing does, no object of the state can hold a function, a class or an enum member of it, and those
many objects need not be looked into. CPython counts the references to each object, and the garbage
collector lists to what an object refers: where the old code has as many references as its own parts
account for, nobody else has one.

Everything is counted that may be overlooked otherwise; where something does not add up, the answer is
that there may be a reference.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import gc
import sys
import types
import weakref
from collections import Counter
from collections.abc import Callable
from itertools import compress, repeat
from operator import attrgetter, is_
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.client.dialogue import Dialogue
from cletus.client.listener_task import ListenerTask
from cletus.reload.code.loader import Mark
from cletus.reload.state.plain_types import ATOMS, ByClass, is_a
from cletus.service.listeners import Listener, Listeners
from cletus.service.session import Generation, Session
from cletus.service.timers import Timer, Timers
from cletus.storage import Field, Manager, Store

#: What is code, and would have to be exchanged where the state refers to it.
_CODE = (
    types.FunctionType,
    type,
    types.ModuleType,
    enum.Enum,
    Manager,
    functools._lru_cache_wrapper,
)

#: What code consists of, besides.
_PARTS = frozenset(
    {dict, list, tuple, set, frozenset, property, staticmethod, classmethod}
    | {types.CellType, types.MethodType, types.MappingProxyType, types.GenericAlias}
    | {types.UnionType, types.GetSetDescriptorType, types.MemberDescriptorType}
    | {types.WrapperDescriptorType, functools.partial, functools.cached_property}
    | {dataclasses.Field, Mark}
)

#: State, although the classes are of Cletus.
_STATE = (ApplicationAttributes, Dialogue, ListenerTask, Session, Store)

#: Classes of Cletus whose objects may hold code of the application.
_OURS = ("cletus.contrib.", "cletus.service.listeners", "cletus.service.timers", "cletus.storage.")

#: These keep account of code, and are not state: it does not matter who else refers to them.
_ACCOUNTS = (Generation, Listener, Listeners, Mark, Timer, Timers)

#: What runs in these cannot be exchanged.
SUSPENDED = frozenset({types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType})

_MODULE = attrgetter("__module__")

#: More parts than these are not counted.
_MANY = 200_000


class References:
    """The references to some code, counted at one moment.

    Args:
        owns: whether a module of this name is the application's.
        old: the namespaces and modules of the old code.
        code: all functions, classes and suspended calls of the process.
        accounts: objects of Cletus that keep account of the code while it is replaced.
        notes: what refers to parts of the state, to take changes back; it is not looked into.
        skipped: the ``id()`` of what is not looked into: the new namespaces, and lists of objects.
        young: the ``id()`` of all that was made since the reload began, and so of the new code.
    """

    def __init__(
        self,
        owns: Callable[[str], bool],
        old: list[Any],
        code: list[Any],
        accounts: list[Any],
        notes: list[Any],
        skipped: set[int],
        young: set[int],
    ) -> None:
        self._owns = owns
        others = (name for name in sys.modules if name.startswith(("builtins", "cletus")))
        self._skipped = skipped.union(id(vars(sys.modules[name])) for name in others)
        self._young = young
        # A call that waits is not exchanged, nor what its frame alone refers to.
        suspended = compress(code, map(SUSPENDED.__contains__, map(type, code)))
        accounts = [*accounts, *suspended]
        self._accounts = set(map(id, accounts))
        self._code = code
        self._follows = ByClass(_is_followed)
        self._may_be_old = ByClass(lambda cls: issubclass(cls, _CODE))
        self._counts: Counter[int] = Counter()
        self._parts: dict[int, Any] = {}
        self._count([*old, *accounts])
        for referred in (self._follows, self._may_be_old, code, gc.get_referents(*notes)):
            self._counts.update(map(id, referred))

    def have_others(self) -> bool:
        """Whether anything else may refer to the old code."""
        if len(self._parts) > _MANY or self._is_any_unknown():
            return True
        held = self._held()
        return (
            any(map(self._is_code, held))
            or any(map(_has_weak_reference, self._parts.values()))
            or self._lead_to_code(held)
        )

    # -- inside -----------------------------------------------------------------------------

    def _count(self, level: list[Any]) -> None:
        """Count what these refer to, and what that refers to, as far as it is code."""
        known = self._parts
        known.update({id(part): part for part in level})
        level = list(known.values())
        while level and len(known) <= _MANY:
            referents = gc.get_referents(*level)
            kinds = map(self._follows.__getitem__, map(type, referents))
            followed = list(compress(referents, kinds))
            self._counts.update(map(id, followed))
            fresh = {id(value): value for value in followed}
            unseen = fresh.keys() - known.keys() - self._skipped
            level = [
                value
                for value in map(fresh.__getitem__, unseen)
                if (self._is_old(value) if self._may_be_old[type(value)] else gc.is_tracked(value))
            ]
            known.update({id(part): part for part in level})
            self._skipped.update(unseen - known.keys())

    def _held(self) -> list[Any]:
        """The parts to which there are more references than were counted."""
        parts = list(self._parts.values())
        # The list, the dict and the call refer to each part, too.
        extra = next(map(sys.getrefcount, [object()])) + 1
        counts = list(map(sys.getrefcount, parts))
        expected = [self._counts[key] + extra for key in self._parts]
        return [
            part
            for part, count, known in zip(parts, counts, expected, strict=True)
            if count != known and not self._is_account(part)
        ]

    def _is_any_unknown(self) -> bool:
        """Whether there is old code of the application that its modules do not lead to."""
        code = self._code
        unknown = set(map(id, code)).difference(self._parts, self._young)
        others = list(compress(code, map(unknown.__contains__, map(id, code))))
        # There may be tens of thousands of functions, of libraries.
        functions = compress(others, map(is_, map(type, others), repeat(types.FunctionType)))
        classes = (other for other in others if is_a(other, type))
        modules = {*map(_MODULE, functions), *map(_module_of, classes)}
        return any(isinstance(module, str) and self._owns(module) for module in modules)

    def _is_old(self, value: Any) -> bool:
        """Whether a function, a class or the like is of the old code."""
        if id(value) in self._young:
            return False  # it is of the new code
        if is_a(value, types.ModuleType):
            return self._owns(value.__name__)
        if is_a(value, enum.Enum):
            return self._owns(_module_of(type(value)))
        if is_a(value, Manager):  # its active objects are not code, and may be many
            self._skipped.update(id(held) for held in vars(value).values() if type(held) is dict)
            return True
        return self._owns(_module_of(value)) or _is_closure(value)

    def _is_code(self, part: Any) -> bool:
        return is_a(part, _CODE) and not _is_closure(part)

    def _is_account(self, part: Any) -> bool:
        return id(part) in self._accounts or is_a(part, _ACCOUNTS)

    def _lead_to_code(self, held: list[Any]) -> bool:
        """Whether code is in what is held from elsewhere, be it in a container in a container."""
        seen = set(map(id, held))
        while held:
            inner = [
                part
                for part in gc.get_referents(*held)
                if id(part) in self._parts and id(part) not in seen and not self._is_account(part)
            ]
            if any(map(self._is_code, inner)):
                return True
            seen.update(map(id, inner))
            held = inner
        return False


def is_code_type(cls: type) -> bool:
    """Whether objects of this class are functions or classes."""
    return cls is types.FunctionType or issubclass(cls, type)


def _is_followed(cls: type) -> bool:
    """Whether objects of a class are looked into."""
    module = _module_of(cls)
    ours = module.startswith(_OURS) and not issubclass(cls, _STATE)
    return cls not in ATOMS and (
        cls in _PARTS or issubclass(cls, (*_CODE, Field)) or ours or module == "typing"
    )


def _is_closure(value: Any) -> bool:
    """Whether this is a function that Cletus has made for the application, and so may hold its code."""
    return bool(
        is_a(value, types.FunctionType)
        and value.__closure__
        and _module_of(value).startswith("cletus.contrib.")
    )


def _module_of(value: Any) -> str:
    """The module where a class or function says it is defined; "" if it says something else."""
    module = getattr(value, "__module__", "")
    return module if isinstance(module, str) else ""


def _has_weak_reference(part: Any) -> bool:
    """Whether somebody refers to code weakly: Python itself does so to classes."""
    if not is_a(part, type):
        return is_a(part, _CODE) and weakref.getweakrefcount(part) > 0
    references = weakref.getweakrefs(part)
    # A class is known to each of its bases by the one reference that has no callback. Those of
    # abstract classes, which remember what they were asked about, have one that is written in C.
    return any(
        sys.getrefcount(reference) - 3 != len(part.__bases__)
        if getattr(reference, "__callback__", None) is None
        else not isinstance(reference.__callback__, types.BuiltinFunctionType)
        for reference in references
    )
