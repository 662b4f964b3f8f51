"""Modules of others that the application has patched; a reload cannot remove its functions from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from cletus.check.finding import Finding, warning
from cletus.check.source_map import of_function
from cletus.check.target import Target

_WRAPPED = (MethodType, staticmethod, classmethod)


def check_monkeypatches(target: Target) -> Iterator[Finding]:
    """Look at all modules that are not the application's, and at their classes."""
    reported = frozenset(target.changed)  # such as sys.excepthook
    loaded = target.application.loaded().values()
    ours = {id(getattr(module, "__dict__", None)) for module in loaded}
    for name, module in list(sys.modules.items()):
        if (
            not isinstance(module, ModuleType)
            or name == "__main__"
            or target.application.owns(name)
        ):
            continue
        for patched, function in _in_module(name, vars(module), ours):
            if patched not in reported:
                yield _patched(patched, function)


def _in_module(
    module: str, namespace: dict[str, Any], ours: set[int]
) -> Iterator[tuple[str, FunctionType]]:
    yield from _in_namespace(module, namespace, ours)
    for value in list(namespace.values()):
        if issubclass(type(value), type) and value.__module__ == module:
            yield from _in_namespace(f"{module}.{value.__qualname__}", vars(value), ours)


def _in_namespace(
    owner: str, namespace: Mapping[str, Any], ours: set[int]
) -> Iterator[tuple[str, FunctionType]]:
    """Functions of the application in this namespace. It must be fast: there are 50,000 names."""
    for name, value in list(namespace.items()):
        function = value.__func__ if type(value) in _WRAPPED else value
        if type(function) is FunctionType and id(function.__globals__) in ours:
            yield f"{owner}.{name}", function


def _patched(name: str, function: FunctionType) -> Finding:
    return warning(
        "patch",
        f"{name}, which is not part of the application, is replaced by {function.__qualname__}; after "
        "a reload the new function wraps the old one, or the old code stays in memory",
        "patch it in a module that is not reloaded, or check first whether it is patched",
        of_function(function),
    )
