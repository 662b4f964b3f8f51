"""State of modules that a reload loses: a module body that is run again makes its names anew.

Said of what is certain: a list, dict or set that is empty after the import and that a function of its
module fills, and a ``global`` that a function sets. What decorators fill while the module is imported
is not empty then, and comes back by itself. Caches may be lost.
"""

from __future__ import annotations

import ast
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from cletus.check.finding import Finding, Place, warning
from cletus.check.target import Subject

_CONTAINERS = (
    *(list, dict, set, deque, defaultdict, OrderedDict, Counter),
    *(WeakSet, WeakKeyDictionary, WeakValueDictionary),
)
_FILLING = frozenset(
    {"add", "append", "appendleft", "extend", "insert", "setdefault", "update", "__setitem__"}
)
_CACHES = ("cache", "memo")

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def check_lost(subject: Subject) -> Iterator[Finding]:
    """Read every module of the application that was imported."""
    for module, namespace in subject.namespaces():
        tree, file = subject.texts.tree(module), subject.texts.file(module)
        lines = dict(_bound_at_top(tree))
        found: dict[str, str] = {}
        for function in _functions(tree.body):
            for name, how in _changes(function, frozenset()):
                if name in lines and not _is_cache(name):
                    found.setdefault(name, how)
        for name, how in found.items():
            if how == "set" or _is_empty(namespace.get(name)):
                yield _lost(module, name, how, Place(file, lines[name]))


def _lost(module: str, name: str, how: str, place: Place) -> Finding:
    made = "is what its module says" if how == "set" else "is empty"
    return warning(
        "lost",
        f"{module}.{name} is {how} while the service runs, and {made} again after each reload",
        "keep it in a Field of a store (session=True if it is not to be saved), or as an attribute of "
        "the service",
        place,
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
        for one in targets:
            if isinstance(one, ast.Name):
                yield one.id, statement.lineno


def _functions(body: list[ast.stmt]) -> Iterator[Function]:
    """The outermost functions, those of classes among them."""
    for node in body:
        if isinstance(node, Function):
            yield node
        else:
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
            yield from _functions(inner)


def _changes(function: Function, outer: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The names of the module that a function changes, and how: ``set`` or ``filled``."""
    nodes = list(_own_nodes(function))
    said = {name for one in nodes if isinstance(one, ast.Global) for name in one.names}
    local = (outer | _locals(function, nodes)) - said
    lazy = {name for name in said if _is_lazy(name, nodes)}
    for one in nodes:
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            if one.id in said - lazy:
                yield one.id, "set"
        elif isinstance(one, ast.Name | ast.Attribute | ast.Subscript):
            name = _filled(one)
            if name and name not in local:
                yield name, "filled"
        elif isinstance(one, Function):
            yield from _changes(one, local)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function, and functions within it without what is in them."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, Function):
            yield from _own_nodes(child)


def _locals(function: Function, nodes: list[ast.AST]) -> frozenset[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    stored = {
        one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for one in nodes
        if isinstance(one, ast.Import | ast.ImportFrom)
        for alias in one.names
    }
    return frozenset({one.arg for one in named} | stored | imported)


def _filled(node: ast.AST) -> str:
    """The name whose content this puts something into: ``x[...] =`` or ``x.append``."""
    if isinstance(node, ast.Subscript):
        is_filled = isinstance(node.ctx, ast.Store)
    else:
        is_filled = isinstance(node, ast.Attribute) and node.attr in _FILLING
    inner = getattr(node, "value", None)
    return inner.id if is_filled and isinstance(inner, ast.Name) else ""


def _is_lazy(name: str, nodes: list[ast.AST]) -> bool:
    """Whether it is only made when it is first needed: ``if x is None: x = ...``."""
    for one in nodes:
        if isinstance(one, ast.If):
            asked = {each.id for each in ast.walk(one.test) if isinstance(each, ast.Name)}
            if name in asked:
                return True
    return False
