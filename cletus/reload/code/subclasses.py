"""Leaves replaced classes out of ``__subclasses__()`` while new modules are imported.

A class outside of the application, such as ``Dialogue``, has the classes of the generation in force
among its subclasses until they are collected. A module body that makes a registry of what
``__subclasses__()`` lists would have each class twice, and keep the old ones alive.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from cletus.reload.code.names import Names


class HiddenSubclasses:
    """A context manager: classes that exist when it is made do not show among the subclasses.

    Classes that Python does not let us change (``object``, ``Exception``) go on listing them.

    Args:
        names: of the modules whose classes are replaced.
        owns: whether a module of this name is replaced.
    """

    def __init__(self, names: Names, owns: Callable[[str | None], bool]) -> None:
        classes: list[type[Any]] = [cls for _, cls in names.classes if owns(cls.__module__)]
        bases: dict[int, type[Any]] = {
            id(base): base for cls in classes for base in cls.__mro__ if not owns(base.__module__)
        }
        # They are kept until the end: another class could get the id() of one that is gone.
        self._hidden: dict[int, type[Any]] = {}
        self._bases: list[type[Any]] = []
        for base in filter(_is_listed_by_type, bases.values()):
            hidden = {id(cls): cls for cls in _subclasses(base) if owns(cls.__module__)}
            if hidden:
                self._bases.append(base)
                self._hidden |= hidden
        self._changed: list[type] = []

    def __enter__(self) -> None:
        hidden = self._hidden

        def subclasses(cls: type[Any]) -> list[type[Any]]:
            return [child for child in _subclasses(cls) if id(child) not in hidden]

        for base in self._bases:
            with suppress(TypeError):  # it is built into Python
                type.__setattr__(base, "__subclasses__", classmethod(subclasses))
                self._changed.append(base)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._changed:
            type.__delattr__(self._changed.pop(), "__subclasses__")
        self._hidden.clear()


#: What Python itself lists.
_subclasses: Callable[[type[Any]], list[type[Any]]] = type.__subclasses__


def _is_listed_by_type(base: Any) -> bool:
    """Whether ``__subclasses__()`` is Python's own, and a further attribute does not matter.

    A protocol's attributes are what it asks for.
    """
    metaclass: Any = type(base)
    return (
        base is not object
        and metaclass.__subclasses__ is type.__subclasses__
        and not any("__subclasses__" in vars(each) for each in base.__mro__)
        and not getattr(base, "_is_protocol", False)
    )
