"""The locations of functions, classes, attributes and errors in the application's sources."""

from __future__ import annotations

import ast
import functools
import inspect
import traceback
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

from cletus.check.finding import Location
from cletus.reload.code.sources import Source
from cletus.service.application import Application


class SourceMap:
    """The syntax trees of the application's modules, each parsed when it is first needed.

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
        """The tree of a module; an empty one if there is no such module, or it cannot be parsed."""
        if module not in self._trees:
            source = self._modules.get(module)
            self._trees[module] = ast.Module([], []) if source is None else _parsed(source)
        return self._trees[module]

    def file(self, module: str) -> str:
        """The path of a module; "" if there is none of this name."""
        source = self._modules.get(module)
        return "" if source is None else str(source.path)

    def class_node(self, cls: type) -> ast.ClassDef | None:
        """The statement that defines a class, found by its name; ``None`` if there is none."""
        body: list[ast.stmt] = self.tree(cls.__module__).body
        scope = None
        for name in cls.__qualname__.replace(".<locals>", "").split("."):
            scope = next((scope for scope in _scopes(body) if scope.name == name), None)
            if scope is None:
                return None
            body = scope.body
        return scope if isinstance(scope, ast.ClassDef) else None

    def of_class(self, cls: type) -> Location:
        """The location of a class."""
        node = self.class_node(cls)
        return Location(self.file(cls.__module__), 0 if node is None else node.lineno)

    def of_attribute(self, cls: type, name: str) -> Location:
        """Where a class, or its nearest base in the application, sets an attribute; else the class."""
        for base in cls.__mro__:
            node = self.class_node(base) if base.__module__ in self._modules else None
            for statement in [] if node is None else node.body:
                if name in _bound_by(statement):
                    return Location(self.file(base.__module__), statement.lineno)
        return self.of_class(cls)


def of_function(function: Any) -> Location:
    """Where a function, a method, or the function in a wrapper is defined; empty for other objects."""
    code = code_of(function)
    return Location() if code is None else Location(code.co_filename, code.co_firstlineno)


def code_of(function: Any) -> CodeType | None:
    """The code of a function, of a method, or of the function in a ``wraps`` or ``partial``."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def of_error(error: BaseException, application: Application) -> Location:
    """The innermost line of the application in the traceback of an error."""
    roots = [root.path for root in application.roots]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(frame.filename.startswith(str(root)) for root in roots):
            return Location(frame.filename, frame.lineno or 0)
    return Location()


def _parsed(source: Source) -> ast.Module:
    try:
        return ast.parse(source.data)
    except (SyntaxError, ValueError):
        return ast.Module([], [])  # a module that is not imported need not be valid


def _scopes(
    body: list[ast.stmt],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The classes and functions in a body, also below ``if``, ``with`` or ``try``."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        else:
            inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            yield from _scopes(inner)


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    yield from (name.id for name in targets if isinstance(name, ast.Name))
