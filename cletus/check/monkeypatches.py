"""Modules of others that the application has patched: a reload cannot take its old functions out of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from cletus.check.finding import Finding, warning
from cletus.check.source_map import of_function
from cletus.check.target import Subject

_WRAPPED = (MethodType, staticmethod, classmethod)


def check_patches(subject: Subject) -> Iterator[Finding]:
    """Look through all modules that are not the application's, and through their classes."""
    told = frozenset(subject.changed)  # such as sys.excepthook
    ours = {id(getattr(one, "__dict__", None)) for one in subject.application.loaded().values()}
    for name, module in list(sys.modules.items()):
        if (
            not isinstance(module, ModuleType)
            or name == "__main__"
            or subject.application.owns(name)
        ):
            continue
        for patched, function in _in_module(name, vars(module), ours):
            if patched not in told:
                yield _patched(patched, function)


def _in_module(
    module: str, namespace: dict[str, Any], ours: set[int]
) -> Iterator[tuple[str, FunctionType]]:
    yield from _in_namespace(module, namespace, ours)
    for value in list(namespace.values()):
        if isinstance(value, type) and value.__module__ == module:
            yield from _in_namespace(f"{module}.{value.__qualname__}", vars(value), ours)


def _in_namespace(
    owner: str, namespace: Mapping[str, Any], ours: set[int]
) -> Iterator[tuple[str, FunctionType]]:
    """What has the namespace of a module of the application. There are 50,000 names to look at."""
    for name, value in list(namespace.items()):
        kind = type(value)
        function = value.__func__ if kind in _WRAPPED else value
        if type(function) is FunctionType and id(function.__globals__) in ours:
            yield f"{owner}.{name}", function


def _patched(name: str, function: FunctionType) -> Finding:
    return warning(
        "patch",
        f"{name}, which is not of the application, is replaced by {function.__qualname__}; after a "
        "reload the old one is wrapped in the new one, or holds the old code",
        "patch it in a module that is not reloaded, or look first whether it is patched",
        of_function(function),
    )
