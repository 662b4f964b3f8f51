"""What a method of a dialogue returns, read from its source: only what is certain is said.

A step returns the next step, its name, ``None``, ``self.done(...)`` or ``self.call(...)``. Whatever is
worked out at run time (a call, a variable) may be any of these, so nothing is said about it.
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
class Target:
    """Where a method says to go.

    Attributes:
        name: the attribute of ``self`` that it names, or the text that it returns.
        line: in the file.
        is_then: whether it is the ``then`` of ``self.call()``, which need not be a step.
        constant: what is returned that can be no step: ``"True"``; "" for a name.
        is_text: whether it was given as a text.
    """

    name: str
    line: int
    is_then: bool = False
    constant: str = ""
    is_text: bool = False


def targets_of(function: Any) -> Iterator[Target]:
    """The targets that a method surely names, in the order of its source; none if that is not known."""
    node = _node_of(function)
    code = code_of(function)
    if node is None or code is None or not node.args.args or _is_generator(node):
        return
    me = node.args.args[0].arg
    shift = code.co_firstlineno - 1
    for one in _own_nodes(node):
        if isinstance(one, ast.Return) and one.value is not None:
            for value in _outcomes(one.value):
                yield from _target(value, me, shift)
        if _is_method(one, me, "call"):
            assert isinstance(one, ast.Call)  # noqa: S101 - _is_method says so
            yield from _then(one, me, shift)


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
    """All nodes of a function but those of functions within it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
        ):
            yield child
            yield from _own_nodes(child)


def _is_generator(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for one in _own_nodes(node))


def _outcomes(value: ast.expr) -> Iterator[ast.expr]:
    """What an expression may come to, as far as it says so: both sides of ``a if x else b``."""
    if isinstance(value, ast.IfExp):
        yield from _outcomes(value.body)
        yield from _outcomes(value.orelse)
    elif isinstance(value, ast.BoolOp):
        yield from _outcomes(value.values[-1])
    else:
        yield value


def _target(value: ast.expr, me: str, shift: int) -> Iterator[Target]:
    line = value.lineno + shift
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield Target(value.value, line, is_text=True)
    elif isinstance(value, ast.Constant) and value.value is not None:
        yield Target("", line, constant=repr(value.value))
    elif isinstance(value, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.JoinedStr):
        if not isinstance(value, ast.JoinedStr):  # an f-string may well be the name of a step
            yield Target("", line, constant=ast.unparse(value))
    elif _is_own(value, me):
        assert isinstance(value, ast.Attribute)  # noqa: S101 - _is_own says so
        yield Target(value.attr, line)


def _then(call: ast.Call, me: str, shift: int) -> Iterator[Target]:
    for keyword in call.keywords:
        if keyword.arg != "then":
            continue
        for value in _outcomes(keyword.value):
            line = value.lineno + shift
            if isinstance(value, ast.Constant):
                yield Target("", line, is_then=True, constant=repr(value.value))
            elif _is_own(value, me):
                assert isinstance(value, ast.Attribute)  # noqa: S101 - as above
                yield Target(value.attr, line, is_then=True)


def _is_own(value: ast.AST, me: str) -> bool:
    return (
        isinstance(value, ast.Attribute)
        and isinstance(value.value, ast.Name)
        and value.value.id == me
    )


def _is_method(node: ast.AST, me: str, name: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and _is_own(node.func, me)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    )
