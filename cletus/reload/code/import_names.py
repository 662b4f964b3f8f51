"""Which modules a text imports, read off its import statements without running it.

A reload starts from the entries of the application and follows their imports. Some modules are
reached in no such way: one that a function has imported while the service ran, one that a start
script outside the application has imported. They are imported anew as long as nothing says that
they are not wanted any more, and this is what may say it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cletus.reload.code.sources import Source, Sources


class ImportCache:
    """What each text imports, remembered by content.

    A text is parsed at its first use only: most applications never need this.
    """

    def __init__(self) -> None:
        self._imports: dict[tuple[str, bytes], frozenset[str]] = {}

    def of(self, sources: Sources) -> frozenset[str]:
        """The dotted names that any import statement in any of these texts may import."""
        found: dict[tuple[str, bytes], frozenset[str]] = {}
        for source in sources.modules.values():
            key = (source.name, source.digest)
            found[key] = self._imports[key] if key in self._imports else imports(source)
        self._imports.update(found)
        return frozenset().union(*found.values())

    def keep_only(self, sources: Sources) -> None:
        """Forget all other texts."""
        wanted = {(source.name, source.digest) for source in sources.modules.values()}
        self._imports = {key: names for key, names in self._imports.items() if key in wanted}


def imports(source: Source) -> frozenset[str]:
    """The dotted names that a text's import statements may import, also those inside functions.

    ``from a import b`` may import ``a.b``, if that is a module; so it is among them. A text that
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
    """The name that an import statement with so many leading dots means inside a package."""
    if not level:
        return name
    base = package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))
