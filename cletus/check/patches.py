"""Modules of others that the application has patched: a reload cannot take its old functions out of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from cletus.application import Application
from cletus.check.finding import Finding, warning
from cletus.check.places import of_function
from cletus.check.subject import Subject


def check_patches(subject: Subject) -> Iterator[Finding]:
    """Look through all modules that are not the application's, and through their classes."""
    told = frozenset(subject.changed)  # such as sys.excepthook
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and not _is_left_out(name, subject.application):
            for patched, function in _in_namespace(name, vars(module), subject.application):
                if patched not in told:
                    yield _patched(patched, function)


def _is_left_out(name: str, application: Application) -> bool:
    return name == "__main__" or application.owns(name)


def _in_namespace(
    owner: str, namespace: Any, application: Application, within: str = ""
) -> Iterator[tuple[str, FunctionType]]:
    for name, value in list(namespace.items()):
        function = getattr(value, "__func__", value)
        if isinstance(function, FunctionType):
            if application.owns(function.__globals__.get("__name__")):
                yield f"{owner}.{name}", function
        elif isinstance(value, type) and not within and value.__module__ == owner:
            yield from _in_namespace(
                f"{owner}.{value.__qualname__}", vars(value), application, "class"
            )


def _patched(name: str, function: FunctionType) -> Finding:
    return warning(
        "patch",
        f"{name}, which is not of the application, is replaced by {function.__qualname__}; after a "
        "reload the old one is wrapped in the new one, or holds the old code",
        "patch it in a module that is not reloaded, or look first whether it is patched",
        of_function(function),
    )
