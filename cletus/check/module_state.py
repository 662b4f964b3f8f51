"""State in modules that a reload loses, since it runs their bodies again.

Only certain cases are reported: a list, dict or set that is empty after the import and that a function of
its module fills, and a ``global`` that a function sets. A container that decorators fill during the import
is not empty then, and is filled again by a reload. Caches may be lost.
"""

from __future__ import annotations

import ast
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from cletus.check.finding import Finding, Location, warning
from cletus.check.target import Target

_CONTAINERS = (
    *(list, dict, set, deque, defaultdict, OrderedDict, Counter),
    *(WeakSet, WeakKeyDictionary, WeakValueDictionary),
)
_FILLING = frozenset(
    {"add", "append", "appendleft", "extend", "insert", "setdefault", "update", "__setitem__"}
)
_CACHES = ("cache", "memo")

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def check_module_state(target: Target) -> Iterator[Finding]:
    """Read every module of the application that was imported."""
    for module, namespace in target.namespaces():
        tree, file = target.source_map.tree(module), target.source_map.file(module)
        lines = dict(_bound_at_top(tree))
        changed: dict[str, str] = {}
        for function in _functions(tree.body):
            for name, how in _changes(function, frozenset()):
                if name in lines and not _is_cache(name):
                    changed.setdefault(name, how)
        for name, how in changed.items():
            if how == "set" or _is_empty(namespace.get(name)):
                yield _finding(module, name, how, Location(file, lines[name]))


def _finding(module: str, name: str, how: str, location: Location) -> Finding:
    state = "as its module sets it" if how == "set" else "empty"
    return warning(
        "lost",
        f"{module}.{name} is {how} while the service runs, and is {state} again after each reload",
        "keep it in a Field of a store (session=True if it is not to be saved), or as an attribute of "
        "the service",
        location,
    )


def _is_empty(value: Any) -> bool:
    return type(value) in _CONTAINERS and not value


def _is_cache(name: str) -> bool:
    return any(word in name.lower() for word in _CACHES)


def _bound_at_top(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for statement in tree.body:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.lineno


def _functions(body: list[ast.stmt]) -> Iterator[Function]:
    """The outermost functions, those of classes among them."""
    for node in body:
        if isinstance(node, Function):
            yield node
        else:
            inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            yield from _functions(inner)


def _changes(function: Function, outer: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The names of the module that a function changes, and how: ``set`` or ``filled``."""
    nodes = list(_own_nodes(function))
    declared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    local = (outer | _locals(function, nodes)) - declared
    lazy = {name for name in declared if _is_lazy(name, nodes)}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            if node.id in declared - lazy:
                yield node.id, "set"
        elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            name = _filled(node)
            if name and name not in local:
                yield name, "filled"
        elif isinstance(node, Function):
            yield from _changes(node, local)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function; of a function within it, only the node itself."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, Function):
            yield from _own_nodes(child)


def _locals(function: Function, nodes: list[ast.AST]) -> frozenset[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [name for name in (arguments.vararg, arguments.kwarg) if name is not None]
    stored = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return frozenset({argument.arg for argument in named} | stored | imported)


def _filled(node: ast.AST) -> str:
    """The name of a container that this node fills: ``x[...] =`` or ``x.append``."""
    if isinstance(node, ast.Subscript):
        is_filled = isinstance(node.ctx, ast.Store)
    else:
        is_filled = isinstance(node, ast.Attribute) and node.attr in _FILLING
    inner = getattr(node, "value", None)
    return inner.id if is_filled and isinstance(inner, ast.Name) else ""


def _is_lazy(name: str, nodes: list[ast.AST]) -> bool:
    """Whether it is set when it is first needed: ``if x is None: x = ...``."""
    for node in nodes:
        if isinstance(node, ast.If):
            tested = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
            if name in tested:
                return True
    return False
