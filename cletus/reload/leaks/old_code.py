"""Is old code really gone?

Python frees the modules of an old generation when nothing refers to them any more. Weak references
tell whether that has happened; if not, ``search.py`` finds out why.
"""

from __future__ import annotations

import gc
import sys
import typing
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from types import FrameType, FunctionType, ModuleType
from typing import Any

from cletus.reload.code.loader import MARK, Mark
from cletus.reload.code.names import Names
from cletus.reload.state.plain_types import is_a
from cletus.service.application import Application


class OldCode:
    """Weak references to the modules of one generation, to their classes, and to the marks in them.

    A function keeps the mark of its namespace alive, so that it need not be watched itself. Until
    ``watch()``, the code is kept alive: what can be done a turn later is not done in the pause.

    Args:
        names: of the modules.
        modules: by name; without those that may be gone already.
    """

    def __init__(self, names: Names, modules: Mapping[str, ModuleType] | None = None) -> None:
        self._kept: tuple[Names, Mapping[str, ModuleType]] | None = (names, modules or {})
        self._parts: dict[str, list[weakref.ref[Any]]] = {}

    def watch(self) -> None:
        """Let go of the code, and watch it die."""
        if self._kept is None:
            return
        (names, modules), self._kept = self._kept, None
        parts = self._parts
        for name, namespace in names.namespaces.items():
            parts[name] = [weakref.ref(namespace[MARK])] if MARK in namespace else []
        for name, module in modules.items():
            parts[name].append(weakref.ref(module))
        for name, cls in names.classes:
            if cls.__module__ == names.namespaces[name].get("__name__"):
                parts[name].append(weakref.ref(cls))

    def alive(self) -> tuple[str, ...]:
        """The names of the modules of which any part is alive."""
        return tuple(
            name for name, parts in self._parts.items() if next(_living(parts), None) is not None
        )

    def survivors(self) -> list[Any]:
        """The parts that are alive: modules, marks of their namespaces, classes, functions."""
        parts = [part for parts in self._parts.values() for part in _living(parts)]
        return [*parts, *chain.from_iterable(map(_functions, self.namespaces()))]

    def namespaces(self) -> list[dict[str, Any]]:
        """The namespaces that are alive.

        A module may be gone while its functions, and with them its namespace, are not.
        """
        parts = [part for parts in self._parts.values() for part in _living(parts)]
        namespaces = [vars(part) for part in parts if isinstance(part, ModuleType)]
        namespaces += [part.namespace for part in parts if isinstance(part, Mark)]
        return list({id(namespace): namespace for namespace in namespaces}.values())


def pause_collection() -> Callable[[], None]:
    """Turn automatic collection off; what is returned turns it on again.

    A large reload makes many objects and hardly any garbage: half of its time would be spent looking
    for some.
    """
    if not gc.isenabled():  # the application has turned it off
        return lambda: None
    gc.disable()
    return gc.enable


def collect() -> None:
    """Empty Python's own caches of classes, and collect."""
    # Caches of Optional[X], List[X] and the like. There is no public way to empty them.
    for clear in getattr(typing, "_cleanups", ()):
        clear()
    typing.clear_overloads()
    gc.collect()


def renew_main(application: Application) -> bool:
    """Fill the namespace of the ``__main__`` body that runs the service with the code in force.

    ``service.run()`` returns into that body at the end, so its namespace stays alive. With its old
    content it would keep the first generation alive as long as the service runs.

    Returns:
        Whether it was filled.
    """
    main = sys.modules.get("__main__")
    frame: FrameType | None = sys._getframe()
    while frame is not None and main is not None and application.owns("__main__"):
        namespace = frame.f_globals
        is_main = frame.f_code.co_name == "<module>" and namespace.get("__name__") == "__main__"
        if is_main and namespace.get(MARK) is not vars(main).get(MARK):
            namespace.clear()
            namespace.update(vars(main))
            return True
        frame = frame.f_back
    return False


def _living(parts: Iterable[weakref.ref[Any]]) -> Iterator[Any]:
    return (
        part for reference in parts if (part := reference()) is not None and not _is_renewed(part)
    )


def _is_renewed(part: Any) -> bool:
    """Whether this is the module whose namespace ``renew_main`` has filled."""
    main = sys.modules.get("__main__")
    if main is None or main is part or not isinstance(part, ModuleType):
        return False
    mark = vars(part).get(MARK)
    return mark is not None and mark is vars(main).get(MARK)


def _functions(namespace: dict[str, Any]) -> Iterator[FunctionType]:
    name = namespace.get("__name__")
    for value in list(namespace.values()):
        if is_a(value, FunctionType) and value.__module__ == name:
            yield value
