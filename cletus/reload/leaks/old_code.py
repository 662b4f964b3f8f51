"""Finding out whether old code is really gone, and if not, what holds it.

Python frees the modules of an old generation only when nothing refers to them any more. Weak
references tell whether that has come true; a search through the garbage collector's view of the
world tells why not.
"""

from __future__ import annotations

import gc
import sys
import typing
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType, FunctionType, ModuleType
from typing import Any

from cletus.reload.code.modules import MARK
from cletus.service.application import Application


class OldCode:
    """Watches the modules of one generation die.

    Args:
        modules: they, by name, or their namespaces, where the module itself may be gone already;
            only weak references to them are kept.
    """

    def __init__(self, modules: Mapping[str, ModuleType | dict[str, Any]]) -> None:
        self._parts: dict[str, list[weakref.ref[Any]]] = {
            name: [weakref.ref(part) for part in _parts(module)] for name, module in modules.items()
        }

    def alive(self) -> tuple[str, ...]:
        """The names of the modules of which something is still alive."""
        return tuple(
            name for name, parts in self._parts.items() if next(_living(parts), None) is not None
        )

    def survivors(self) -> list[Any]:
        """What is still alive: modules, marks of their namespaces, classes, functions."""
        return [part for parts in self._parts.values() for part in _living(parts)]

    def namespaces(self) -> list[dict[str, Any]]:
        """The namespaces of its modules that are still alive, as far as they are known.

        A module may be gone whose functions are not. A function may say that it is of a module and
        have the namespace of another: one that a decorator of others has made.
        """
        parts = self.survivors()
        found = [vars(part) for part in parts if isinstance(part, ModuleType)]
        found += [
            part.__globals__
            for part in parts
            if isinstance(part, FunctionType)
            and part.__globals__.get("__name__") == part.__module__
        ]
        return list({id(one): one for one in found}.values())


def pause_collection() -> Callable[[], None]:
    """Have Python collect nothing on its own until what is returned is called.

    What a large reload makes is no garbage; half of its time would go into looking for some.
    """
    if not gc.isenabled():  # that is somebody's own wish
        return lambda: None
    gc.disable()
    return gc.enable


def collect() -> None:
    """Let go of what Python itself keeps of old classes, and collect."""
    # The caches of Optional[X], List[X] and the like; typing offers no public way to empty them.
    for clear in getattr(typing, "_cleanups", ()):
        clear()
    typing.clear_overloads()
    gc.collect()


def renew_main(application: Application) -> bool:
    """Let the body of ``__main__`` that is running the service see the code in force.

    ``service.run()`` returns into that body at the end, so its namespace lives until then. It is
    filled anew, or it would keep the first generation alive as long as the service runs.

    Returns:
        Whether there was anything to do.
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
    """Whether this is the module that ``renew_main`` has filled with the code in force."""
    main = sys.modules.get("__main__")
    if main is None or main is part or not isinstance(part, ModuleType):
        return False
    mark = vars(part).get(MARK)
    return mark is not None and mark is vars(main).get(MARK)


def _parts(module: ModuleType | dict[str, Any]) -> Iterable[Any]:
    if isinstance(module, ModuleType):
        yield module
        module = vars(module)
    for value in list(module.values()):
        if isinstance(value, type | FunctionType) and value.__module__ == module.get("__name__"):
            yield value
    if MARK in module:
        yield module[MARK]
