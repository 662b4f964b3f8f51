"""What the modules of a generation name, gone through in bulk: a reload asks it in its pause."""

from __future__ import annotations

import builtins
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from itertools import accumulate, chain, compress
from types import FunctionType, ModuleType
from typing import Any

from cletus.reload.code.loader import Mark, SourceLoader
from cletus.reload.state.plain_types import ATOMS, is_a

Namespace = dict[str, Any]

#: Of these are nearly all values: functions, plain data, and what the import system puts there.
_ORDINARY = ATOMS | {FunctionType, ModuleType, ModuleSpec, SourceLoader, Mark}


class Names:
    """What some modules name, at the moment when this is made.

    Args:
        namespaces: of the modules, by name.

    Attributes:
        namespaces: as given.
        types: of all values.
        others: module, name and value of those that are neither functions nor modules nor plain data.
    """

    def __init__(self, namespaces: Mapping[str, Namespace]) -> None:
        self.namespaces = namespaces
        # There may be tens of thousands of names: no loop in Python. Another thread may add one.
        copies = list(map(dict.copy, namespaces.values()))
        self._values = list(chain.from_iterable(map(dict.values, copies)))
        self._types = list(map(type, self._values))
        self.types = set(self._types)
        self.others: list[tuple[str, str, Any]] = []
        wanted = self.types - _ORDINARY
        ends, names = list(accumulate(map(len, copies))), list(chain.from_iterable(copies))
        modules = list(namespaces)
        for index in compress(range(len(names)), map(wanted.__contains__, self._types)):
            if (value := self._values[index]) is not _BUILTINS:
                module = modules[bisect_right(ends, index)]
                self.others.append((module, names[index], value))

    def of(self, *types: type) -> Iterator[Any]:
        """The values of exactly these types."""
        return compress(self._values, map(frozenset(types).__contains__, self._types))

    @property
    def classes(self) -> list[tuple[str, type]]:
        """The classes, each with the module that names it."""
        return [(module, value) for module, _, value in self.others if is_a(value, type)]


#: Every module names it.
_BUILTINS = vars(builtins)
