"""Which modules a text imports, according to its import statements, without running it.

A reload imports the entries of the application, and these import the rest. Some modules are not
reached in this way: those that a function has imported while the service ran, and those that a start
script outside the application has imported. A reload imports them too, unless the import statement
that named them is gone. This module finds out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from cletus.reload.code.sources import Source, Sources


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
    remaining = [name for entry in entries for name in _with_parents(entry)]
    while remaining:
        name = remaining.pop()
        if name not in names:
            names.add(name)
            source = sources.modules.get(name)
            remaining += imports(source) if source is not None else ()
    return names


def imports(source: Source) -> frozenset[str]:
    """The dotted names that a text's import statements may import, also inside functions.

    ``from a import b`` may import ``a.b``, if that is a module, so it is included. A text that
    cannot be parsed imports nothing.
    """
    try:
        tree = ast.parse(source.data)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    package = source.name if source.is_package else source.name.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(tree):
        for name in _named(node, package):
            names.update(_with_parents(name))
    return frozenset(names)


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute_name(node.module or "", package, node.level)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def absolute_name(name: str, package: str, level: int) -> str:
    """The absolute name that an import statement with this many leading dots names in a package."""
    if not level:
        return name
    base = package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))
