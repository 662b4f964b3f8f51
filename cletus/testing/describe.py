"""Values described, so that those of two generations of code can be compared."""

from __future__ import annotations

import enum
import weakref
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from cletus.reload.state.plain_types import ATOMS
from cletus.storage import Store


def portrait(value: Any) -> Any:
    """A value described so that those of two generations compare equal: classes go by their names.

    What is neither plain data nor of an application's class is described by its identity.
    """
    return _Portrait().of(value)


class _Portrait:
    """One description; it numbers what it has met, so that sharing and cycles are part of it."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # an object that has gone would leave its id() to another

    def of(self, value: Any) -> Any:
        if type(value) in ATOMS:
            return repr(value)
        if id(value) in self._numbers:
            return f"number {self._numbers[id(value)]} again"
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
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
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, enum.Enum):
            return f"{name} {value!r}"
        if isinstance(value, set | frozenset):
            return {name: sorted(repr(self.of(one)) for one in value)}
        if kind in (list, tuple):
            return {name: [self.of(one) for one in value]}
        if kind is dict:
            return {name: [(self.of(key), self.of(one)) for key, one in value.items()]}
        if name.startswith(("cletus.", "twisted.", "_thread")):
            return f"{name} {id(value)}"
        try:
            reduced = value.__reduce_ex__(4)
        except TypeError:
            return f"{name} {id(value)}"
        if isinstance(reduced, str):
            return reduced
        parts = [list(one) if isinstance(one, Iterator) else one for one in reduced[1:]]
        return {name: [self.of(one) for one in parts]}
