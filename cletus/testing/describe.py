"""Descriptions of values, by which values from two generations of code can be compared."""

from __future__ import annotations

import enum
import weakref
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from cletus.reload.state.plain_types import ATOMS
from cletus.storage import Store


def describe(value: Any) -> Any:
    """A description of a value that compares equal to that of its counterpart in the new code.

    Classes are described by their names. An object that is neither plain data nor of a class of the
    application is described by its identity.
    """
    return _Description().of(value)


class _Description:
    """Describes one value. Objects are numbered, so that sharing and cycles are described as well."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._objects: list[Any] = []  # kept alive: else a later object could have the same id()

    def of(self, value: Any) -> Any:
        if type(value) in ATOMS:
            return repr(value)
        if id(value) in self._numbers:
            return f"number {self._numbers[id(value)]} again"
        self._numbers[id(value)] = len(self._numbers)
        self._objects.append(value)
        if isinstance(value, Store):
            return f"store {type(value).__name__} {value.key}"
        if isinstance(value, type | FunctionType | ModuleType):
            return f"{getattr(value, '__module__', '')} {value.__name__}"
        if isinstance(value, MethodType):
            return {"method": [self.of(value.__self__), value.__name__]}
        if isinstance(value, weakref.ref):
            return {"reference": self.of(value())}
        return self._of_parts(value)

    def _of_parts(self, value: Any) -> Any:
        cls = type(value)
        name = f"{cls.__module__}.{cls.__qualname__}"
        if isinstance(value, enum.Enum):
            return f"{name} {value!r}"
        if isinstance(value, set | frozenset):
            return {name: sorted(repr(self.of(item)) for item in value)}
        if cls in (list, tuple):
            return {name: [self.of(item) for item in value]}
        if cls is dict:
            return {name: [(self.of(key), self.of(item)) for key, item in value.items()]}
        if name.startswith(("cletus.", "twisted.", "_thread")):
            return f"{name} {id(value)}"
        if isinstance(value, partial):  # its own reduction tells whether its __dict__ was looked at
            parts = [value.func, value.args, value.keywords, vars(value)]
            return {name: [self.of(part) for part in parts]}
        try:
            reduced = value.__reduce_ex__(4)
        except TypeError:
            return f"{name} {id(value)}"
        if isinstance(reduced, str):
            return reduced
        parts = [list(part) if isinstance(part, Iterator) else part for part in reduced[1:]]
        return {name: [self.of(part) for part in parts]}
