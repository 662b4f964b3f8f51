"""Loads a module from text that was read before, and marks its generation."""

from __future__ import annotations

import types
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import decode_source
from types import CodeType, ModuleType
from typing import Any, ClassVar
from weakref import WeakSet

from cletus.reload.code.sources import Source

#: The name in a module's namespace that marks its generation.
MARK = "__cletus_generation__"


class Mark:
    """Lives exactly as long as the namespace it is in.

    A module object may die while functions still use its namespace, and a dict has no weak
    references: a weak reference to the mark in it tells when the namespace is gone.

    Args:
        module: the name of the module.
        number: of the generation.
        namespace: of the module; what still runs of old code may be led to the new by it.
    """

    __slots__ = ("__weakref__", "module", "namespace", "number")

    #: Those that live, of all generations.
    living: ClassVar[WeakSet[Mark]] = WeakSet()

    def __init__(self, module: str, number: int, namespace: dict[str, Any]) -> None:
        self.module = module
        self.number = number
        self.namespace = namespace
        self.living.add(self)


class SourceLoader(SourceFileLoader):
    """Loads a module from text in memory, never from a ``.pyc`` file.

    Those are trusted by their time stamp, which misses a second edit in the same second.

    Args:
        name: of the module in ``sys.modules``.
        source: its text. Its name is another one for the module that runs as ``__main__``.
        generation: to mark the module with.
        namespaces: receives its namespace, by its name, while it is being staged.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        generation: int,
        namespaces: dict[str, dict[str, Any]] | None,
    ) -> None:
        # Not by the inherited method: this is in the pause, for each module.
        self.name, self.path = name, str(source.path)
        self._source = source
        self._generation = generation
        self._namespaces = namespaces

    def get_code(self, fullname: str) -> CodeType:
        """The code, compiled from the text that was read."""
        return self._source.code

    def get_source(self, fullname: str) -> str:
        """The text that was read. The file may hold another one by now."""
        return decode_source(self._source.data)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's body."""
        name, namespace = module.__name__, module.__dict__
        namespace[MARK] = Mark(name, self._generation, namespace)
        # A module refers to its loader, which must not keep the namespaces of other modules alive.
        namespaces, self._namespaces = self._namespaces, None
        if namespaces is not None:
            namespaces[name] = namespace
        if name != self._source.name:
            # As runpy leaves it for ``python -m``: relative imports need the package's name.
            module.__spec__ = ModuleSpec(self._source.name, self, origin=self.path)
            module.__package__ = module.__spec__.parent
        exec(self._source.code, namespace)  # noqa: S102 - it is what an import does
        if not _MAKERS.isdisjoint(self._source.code.co_names):
            _own_made_classes(module)


#: Functions whose classes are said to belong to the module ``types``; of the second, by Python 3.11.
_MAKERS = frozenset({"new_class", "make_dataclass"})


def _own_made_classes(module: ModuleType) -> None:
    """Say of classes that ``types.new_class`` has made for a module that they belong to it."""
    for name, value in vars(module).items():
        if (
            issubclass(type(value), type)
            and value.__module__ == "types"
            and not hasattr(types, name)
        ):
            value.__module__ = module.__name__
