"""Where things stand in the application's sources: functions, classes, fields, errors."""

from __future__ import annotations

import ast
import functools
import inspect
import traceback
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from cletus.check.finding import Place
from cletus.reload.code.sources import Source
from cletus.service.application import Application


class Texts:
    """The application's modules as syntax trees, each parsed when it is first asked for.

    Args:
        modules: their sources, by dotted name.
    """

    def __init__(self, modules: Mapping[str, Source]) -> None:
        self._modules = modules
        self._trees: dict[str, ast.Module] = {}

    def __iter__(self) -> Iterator[str]:
        """The names of the modules."""
        return iter(self._modules)

    def tree(self, module: str) -> ast.Module:
        """A module's tree; an empty one for what is no module, or cannot be parsed."""
        if module not in self._trees:
            source = self._modules.get(module)
            self._trees[module] = ast.Module([], []) if source is None else _parsed(source)
        return self._trees[module]

    def file(self, module: str) -> str:
        """The path of a module; "" if there is none of this name."""
        source = self._modules.get(module)
        return "" if source is None else str(source.path)

    def class_node(self, kind: type) -> ast.ClassDef | None:
        """The statement that makes a class, found by its name; ``None`` for one that is not found."""
        body: list[ast.stmt] = self.tree(kind.__module__).body
        found = None
        for name in kind.__qualname__.replace(".<locals>", "").split("."):
            found = next((one for one in _scopes(body) if one.name == name), None)
            if found is None:
                return None
            body = found.body
        return found if isinstance(found, ast.ClassDef) else None

    def of_class(self, kind: type) -> Place:
        """Where a class stands."""
        node = self.class_node(kind)
        return Place(self.file(kind.__module__), 0 if node is None else node.lineno)

    def of_attribute(self, kind: type, name: str) -> Place:
        """Where a class, or the nearest base of the application, sets an attribute; else the class."""
        for base in kind.__mro__:
            node = self.class_node(base) if base.__module__ in self._modules else None
            for statement in [] if node is None else node.body:
                if name in _bound_by(statement):
                    return Place(self.file(base.__module__), statement.lineno)
        return self.of_class(kind)


def of_function(function: Any) -> Place:
    """Where a function, method or what wraps one is defined; an empty place for others."""
    code = code_of(function)
    return Place() if code is None else Place(code.co_filename, code.co_firstlineno)


def code_of(function: Any) -> CodeType | None:
    """The code of a function, of a method, or of what ``wraps`` or ``partial`` has wrapped."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def of_error(error: BaseException, application: Application) -> Place:
    """The innermost place in the application that an error has passed."""
    roots = [root.path for root in application.roots]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(frame.filename.startswith(str(root)) for root in roots):
            return Place(frame.filename, frame.lineno or 0)
    return Place()


def _parsed(source: Source) -> ast.Module:
    try:
        return ast.parse(source.data)
    except (SyntaxError, ValueError):
        return ast.Module([], [])  # one that is not imported need not be readable


def _scopes(
    body: list[ast.stmt],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes and functions that stand in a body, also below an ``if``, ``with`` or ``try``."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        else:
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
            yield from _scopes(inner)


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    yield from (one.id for one in targets if isinstance(one, ast.Name))
