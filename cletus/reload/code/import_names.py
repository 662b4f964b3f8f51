"""Which modules a text imports, according to its import statements, without running it.

A reload imports the entries of the application, and these import the rest. Some modules are not
reached in this way: those that a function has imported while the service ran, and those that a start
script outside the application has imported. A reload imports them too, unless the import statement
that named them is gone. This module finds out.
"""

from __future__ import annotations

from collections.abc import Iterable

from cletus.reload.code.sources import Source, Sources
from cletus.service.siblings import absolute_name, names_in, with_parents

__all__ = ["ImportCache", "absolute_name", "imports", "reachable"]


class ImportCache:
    """What each text imports, by its content.

    Texts are parsed on demand only: most applications never need this.
    """

    def __init__(self) -> None:
        self._imports: dict[tuple[str, bytes], frozenset[str]] = {}

    def of(self, sources: Sources) -> frozenset[str]:
        """The dotted names that any import statement in any of these texts may import."""
        names: dict[tuple[str, bytes], frozenset[str]] = {}
        for source in sources.modules.values():
            key = (source.name, source.digest)
            names[key] = self._imports[key] if key in self._imports else imports(source)
        self._imports.update(names)
        return frozenset().union(*names.values())

    def keep_only(self, sources: Sources) -> None:
        """Forget all other texts."""
        wanted = {(source.name, source.digest) for source in sources.modules.values()}
        self._imports = {key: names for key, names in self._imports.items() if key in wanted}


def reachable(sources: Sources, entries: Iterable[str]) -> set[str]:
    """The modules that imports lead to, starting from some modules.

    Args:
        sources: the texts.
        entries: names of the modules to start from.
    """
    names: set[str] = set()
    remaining = [name for entry in entries for name in with_parents(entry)]
    while remaining:
        name = remaining.pop()
        if name not in names:
            names.add(name)
            source = sources.modules.get(name)
            remaining += imports(source) if source is not None else ()
    return names


def imports(source: Source) -> frozenset[str]:
    """The dotted names that a module's import statements may import; see ``names_in``."""
    package = source.name if source.is_package else source.name.rpartition(".")[0]
    return names_in(source.data, package)
