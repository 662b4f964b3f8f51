"""A build fails on a public name that has no docstring, or that the reference leaves out.

Public is what stands in ``__all__`` of the packages below (or, where a module has none, what it
defines without an underscore), with the public methods, properties and attributes of its classes.

A function, class, method or property has a docstring, or inherits one. An attribute is described by a
``#:`` comment or an ``Attributes:`` or ``Args:`` section of its class, or at least named there; or it
is an argument of an ``__init__`` that has a docstring (the errors); or one of its bases does one of
this; or it is a setting, which has its description in its type. A class, function, method or property
also has to be an object of the reference, under this name or under that of the place it comes from.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, is_dataclass
from itertools import chain
from types import ModuleType
from typing import Any

import msgspec
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer, PycodeError
from sphinx.util import logging

import cletus.contrib
from cletus import Settings
from cletus.renamed import ATTRIBUTES
from cletus.settings.settings import describe

_log = logging.getLogger(__name__)

#: The packages and modules whose names are public, beside those of ``cletus.contrib``.
MODULES = (
    "cletus",
    "cletus.check",
    "cletus.errors",
    "cletus.events",
    "cletus.reload",
    "cletus.storage",
    "cletus.testing",
    "cletus.text",
)


@dataclass(frozen=True)
class Name:
    """One public name.

    Attributes:
        name: in full, as people import it.
        defined: in full, where it is defined; the same if that cannot be told.
        described: whether it says what it is.
        listed: whether the reference has to have it as an object of its own.
    """

    name: str
    defined: str
    described: bool
    listed: bool = True


def public_modules() -> list[str]:
    """All that the reference is about."""
    rooms = pkgutil.iter_modules(cletus.contrib.__path__)
    return [*MODULES, *(f"cletus.contrib.{room.name}" for room in rooms if room.ispkg)]


def public_names(module: ModuleType) -> Iterator[Name]:
    """The public names of a module, and those inside its classes."""
    for name in getattr(module, "__all__", None) or _defined_in(module):
        value = getattr(module, name)
        full = f"{module.__name__}.{name}"
        if inspect.ismodule(value) or name.startswith("_"):
            continue
        if inspect.isclass(value):
            defined = f"{value.__module__}.{value.__qualname__}"
            yield Name(full, defined, bool(vars(value).get("__doc__")))
            yield from _members(full, defined, value)
        elif inspect.isroutine(value):
            defined = f"{value.__module__}.{value.__qualname__}"
            yield Name(full, defined, bool(inspect.getdoc(value)))
        else:
            yield Name(full, full, bool(comment_on(module, name)))


def missing(names: Iterable[Name], listed: Iterable[str]) -> list[str]:
    """What is wrong, a sentence for each name.

    Args:
        names: the public ones.
        listed: the full names of the objects that the reference has.
    """
    names, known = list(names), set(listed)
    known |= {one.defined for one in names if one.name in known}  # a name may have two homes
    found = []
    for one in names:
        if not one.described:
            found.append(f"{one.name} is public and has no docstring")
        if one.listed and not known & {one.name, one.defined}:
            found.append(f"{one.name} is public and not in the reference (docs/api)")
    return found


def comment_on(module: ModuleType, name: str) -> list[str]:
    """The lines of the ``#:`` comment on a value of a module, wherever in its package that is made."""
    value = getattr(module, name)
    for where in [module.__name__, *sorted(sys.modules)]:
        if where.startswith(module.__name__) and vars(sys.modules[where]).get(name) is value:
            comment = _comments(where).get(("", name))
            if comment:
                return comment
    return []


# -- inside ------------------------------------------------------------------------------------


def _defined_in(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def _members(full: str, defined: str, cls: type[Any]) -> Iterator[Name]:
    for name, value in vars(cls).items():
        if name.startswith("_") or not _is_code(value):
            continue
        described = bool(inspect.getdoc(getattr(cls, name)))
        yield Name(f"{full}.{name}", f"{defined}.{name}", described)
    for name in _attributes(cls):
        described = any(_describes(base, name) for base in cls.__mro__)
        yield Name(f"{full}.{name}", f"{defined}.{name}", described, listed=False)


def _is_code(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, classmethod | staticmethod | property)


def _attributes(cls: type[Any]) -> list[str]:
    """Its data: what it declares, and what its own ``__init__`` sets."""
    names = {name for name, value in vars(cls).items() if not _is_code(value)}
    if is_dataclass(cls) or issubclass(cls, msgspec.Struct):
        names.update(inspect.get_annotations(cls))  # elsewhere one without a value is a demand
    names = (names | _set_by_init(cls)) - set(ATTRIBUTES.get(cls.__name__, ()))  # not old names
    return sorted(name for name in names if not name.startswith("_"))


def _set_by_init(cls: type[Any]) -> set[str]:
    init = vars(cls).get("__init__")
    if not inspect.isfunction(init):
        return set()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except OSError:  # a dataclass's was never written down
        return set()
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def _describes(cls: type[Any], name: str) -> bool:
    if issubclass(cls, Settings):
        return any(name == one and about for one, _, _, about in describe(cls))
    if re.search(rf"\b{name}\b", vars(cls).get("__doc__") or ""):
        return True
    init = vars(cls).get("__init__")
    if inspect.isfunction(init):
        # The facts of an error are its arguments; the module says so once for all of them.
        is_fact = issubclass(cls, BaseException) and name in inspect.signature(init).parameters
        if is_fact or re.search(rf"\b{name}\b", init.__doc__ or ""):
            return True
    return (cls.__qualname__, name) in _comments(cls.__module__)


def _comments(module: str) -> dict[tuple[str, str], list[str]]:
    """The ``#:`` comments of a module, and the texts right below its attributes, by (class, name)."""
    try:
        return ModuleAnalyzer.for_module(module).find_attr_docs()
    except PycodeError:
        return {}


def _check(_: Sphinx, env: BuildEnvironment) -> None:
    listed = env.domains["py"].data["objects"]  # type: ignore[attr-defined]  # of the Python domain
    modules = map(importlib.import_module, public_modules())
    for sentence in missing(chain.from_iterable(map(public_names, modules)), listed):
        _log.warning(sentence, type="public-names")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("env-check-consistency", _check)
    return {"parallel_read_safe": True}
