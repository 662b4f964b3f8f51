"""Which modules a text imports, according to its import statements, without running it.

A reload imports the entries of the application, and these import the rest. Some modules are not
reached in this way: those that a function has imported while the service ran, and those that a start
script outside the application has imported. A reload imports them too, unless the import statement
that named them is gone. This module finds out.
"""

from __future__ import annotations

from collections.abc import Iterable

from cletus.reload.code.sources import Sources
from cletus.service.siblings import absolute_name, with_parents

__all__ = ["absolute_name", "all_imports", "reachable"]


def all_imports(sources: Sources) -> frozenset[str]:
    """The dotted names that any import statement in any of these texts may import.

    Texts are parsed on demand only: most applications never need this.
    """
    return frozenset().union(*(source.imports for source in sources.modules.values()))


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
            remaining += source.imports if source is not None else ()
    return names
