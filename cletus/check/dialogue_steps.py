"""The steps that a method of a dialogue refers to, read from its source.

A step returns the next step, its name, ``None``, ``self.done(...)`` or ``self.call(...)``. A value that is
computed at run time (a call, a variable) may be any of these, so nothing is reported about it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cletus.check.source_map import code_of


@dataclass(frozen=True, slots=True)
class StepReference:
    """A reference of a method to a step.

    Attributes:
        name: the attribute of ``self``, or the returned text.
        line: in the file.
        is_then: whether it is the ``then`` of ``self.call()``, which need not be a step.
        constant: a returned value that cannot be a step: ``"True"``; "" for a name.
        is_text: whether it is a text.
    """

    name: str
    line: int
    is_then: bool = False
    constant: str = ""
    is_text: bool = False


def references_of(function: Any) -> Iterator[StepReference]:
    """The certain references of a method, in the order of its source."""
    node = _node_of(function)
    code = code_of(function)
    if node is None or code is None or not node.args.args or _is_generator(node):
        return
    self_name = node.args.args[0].arg
    shift = code.co_firstlineno - 1
    for child in _own_nodes(node):
        if isinstance(child, ast.Return) and child.value is not None:
            for value in _outcomes(child.value):
                yield from _reference(value, self_name, shift)
        if _is_method(child, self_name, "call"):
            assert isinstance(child, ast.Call)  # noqa: S101 - _is_method says so
            yield from _then(child, self_name, shift)


def _node_of(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    code = code_of(function)
    if code is None:
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):
        return None
    first = tree.body[0] if tree.body else None
    return first if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function, without those of functions within it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
        ):
            yield child
            yield from _own_nodes(child)


def _is_generator(node: ast.AST) -> bool:
    return any(isinstance(child, ast.Yield | ast.YieldFrom) for child in _own_nodes(node))


def _outcomes(value: ast.expr) -> Iterator[ast.expr]:
    """The possible values of an expression, as far as it tells: both sides of ``a if x else b``."""
    if isinstance(value, ast.IfExp):
        yield from _outcomes(value.body)
        yield from _outcomes(value.orelse)
    elif isinstance(value, ast.BoolOp):
        yield from _outcomes(value.values[-1])
    else:
        yield value


def _reference(value: ast.expr, self_name: str, shift: int) -> Iterator[StepReference]:
    line = value.lineno + shift
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield StepReference(value.value, line, is_text=True)
    elif isinstance(value, ast.Constant) and value.value is not None:
        yield StepReference("", line, constant=repr(value.value))
    elif isinstance(value, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.JoinedStr):
        if not isinstance(value, ast.JoinedStr):  # an f-string may well be the name of a step
            yield StepReference("", line, constant=ast.unparse(value))
    elif _is_own(value, self_name):
        assert isinstance(value, ast.Attribute)  # noqa: S101 - _is_own says so
        yield StepReference(value.attr, line)


def _then(call: ast.Call, self_name: str, shift: int) -> Iterator[StepReference]:
    for keyword in call.keywords:
        if keyword.arg != "then":
            continue
        for value in _outcomes(keyword.value):
            line = value.lineno + shift
            if isinstance(value, ast.Constant):
                yield StepReference("", line, is_then=True, constant=repr(value.value))
            elif _is_own(value, self_name):
                assert isinstance(value, ast.Attribute)  # noqa: S101 - as above
                yield StepReference(value.attr, line, is_then=True)


def _is_own(value: ast.AST, self_name: str) -> bool:
    return (
        isinstance(value, ast.Attribute)
        and isinstance(value.value, ast.Name)
        and value.value.id == self_name
    )


def _is_method(node: ast.AST, self_name: str, name: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and _is_own(node.func, self_name)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    )
