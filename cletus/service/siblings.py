"""The modules beside a single-file application: most small bots are a file and some modules next to it.

Which of them belong to the application is read off the import statements, without importing anything.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from cletus.service.application import Application, Root


def with_siblings(application: Application) -> Application:
    """This application with the siblings of its single-file modules, as they are on disk now.

    Siblings that it has already are left out if no import statement names them any more.
    """
    base = replace(application, roots=tuple(r for r in application.roots if not r.is_sibling))
    siblings: dict[str, Root] = {}
    for root in base.roots:
        if not root.is_package and "site-packages" not in root.path.parts:
            _add_siblings(root, base, siblings)
    return replace(base, roots=(*base.roots, *siblings.values())) if siblings else base


def _add_siblings(root: Root, base: Application, siblings: dict[str, Root]) -> None:
    """Add what a single file imports from its folder, and what that imports."""
    package = "" if root.name == "__main__" else root.name.rpartition(".")[0]
    names = list(imported_names(root.path, package))
    while names:
        name = names.pop()
        if base.owns(name) or any(sibling.owns(name) for sibling in siblings.values()):
            continue
        sibling = _sibling(name, root)
        if sibling is not None:
            siblings[sibling.name] = sibling
            for path, package in _texts_of(sibling):
                names += imported_names(path, package)


def _sibling(name: str, root: Root) -> Root | None:
    """The outermost package, or else the module, of a dotted name in the folder of a single file."""
    if name.partition(".")[0] in {"cletus", *sys.stdlib_module_names}:
        return None
    folder = root.path.parent
    top = folder.parents[root.name.count(".") - 1] if "." in root.name else folder
    for part in with_parents(name):
        path = top.joinpath(*part.split("."))
        package, module = path / "__init__.py", path.parent / f"{path.name}.py"
        if not path.is_relative_to(folder) or module == root.path:
            continue
        if package.is_file() and _is_free(part, package):
            return Root(part, path, True, is_sibling=True)
        if part == name and module.is_file() and _is_free(part, module):
            return Root(part, module, False, is_sibling=True)
    return None


def _is_free(name: str, path: Path) -> bool:
    """Whether no module of this name was imported from another file."""
    loaded = getattr(sys.modules.get(name), "__file__", None)
    try:
        return loaded is None or os.path.samefile(loaded, path)
    except OSError:
        return False


def _texts_of(root: Root) -> Iterator[tuple[Path, str]]:
    """The files of a root, each with the package that its relative imports are relative to."""
    if not root.is_package:
        yield root.path, root.name.rpartition(".")[0]
        return
    for path in root.path.rglob("*.py"):
        parts = path.relative_to(root.path).parts[:-1]
        yield path, ".".join((root.name, *parts))


def imported_names(path: Path, package: str) -> frozenset[str]:
    """As ``names_in``, of a file; none if it cannot be read."""
    try:
        stat = path.stat()
        return _names_in_file(path, package, (stat.st_ino, stat.st_size, stat.st_mtime_ns))
    except OSError:
        return frozenset()


@lru_cache(maxsize=512)
def _names_in_file(path: Path, package: str, _stamp: tuple[int, ...]) -> frozenset[str]:
    return names_in(path.read_bytes(), package)


def names_in(text: bytes, package: str) -> frozenset[str]:
    """The dotted names that a text's import statements may import, also inside functions.

    ``from a import b`` may import ``a.b``, if that is a module, so it is included. A text that
    cannot be parsed imports nothing.

    Args:
        text: Python source.
        package: what relative imports are relative to.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(tree):
        for name in _named(node, package):
            names.update(with_parents(name))
    return frozenset(names)


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute_name(node.module or "", package, node.level)
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and _imports(node.func):
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            level = len(name.value) - len(name.value.lstrip("."))
            yield absolute_name(name.value.lstrip("."), package, level)


def _imports(function: ast.expr) -> bool:
    """Whether this is ``importlib.import_module`` or ``__import__``."""
    name = getattr(function, "attr", None) or getattr(function, "id", None)
    return name in {"import_module", "__import__"}


def absolute_name(name: str, package: str, level: int) -> str:
    """The absolute name that an import statement with this many leading dots names in a package."""
    if not level:
        return name
    base = package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base


def with_parents(name: str) -> Iterator[str]:
    """``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``."""
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))
