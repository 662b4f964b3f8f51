"""Where a value is, in words for the author: store, key and field."""

from __future__ import annotations

import gc
import sys
from typing import Any

from cletus.client.attributes import ApplicationAttributes
from cletus.client.dialogue import Dialogue
from cletus.reload.state.plain_types import is_a
from cletus.reload.state.records import attributes_of, values_of
from cletus.reload.state.stores import place_of
from cletus.storage import Store

#: So many containers may lie between a value and the object that it belongs to.
_DEPTH = 30

#: So many containers are looked at in each step outwards.
_WIDTH = 50

_HOLDERS = (Store, Dialogue, ApplicationAttributes)


class Whereabouts:
    """Finds where values belong.

    Attributes:
        stores: the active objects of each store.
        copies: whose attributes a dict is a copy of, by its ``id()``.
    """

    def __init__(self) -> None:
        self.stores: list[dict[str, Any]] = []
        self.copies: dict[int, Any] = {}
        self._active: set[int] = set()

    def of(self, container: Any, value: Any = None) -> str:
        """The object or module that a container belongs to, and the name under which it does.

        Args:
            container: what holds the value, or the value itself.
            value: what the container holds, where it may be such an object itself.

        Returns:
            ``User 'bob', field 'pet'``; "" if nothing holds it that is in use.
        """
        if id(container) in self.copies:
            names = [name for name, held in container.items() if held is value]
            return (
                f"{place_of(self.copies[id(container)])}, attribute {names[0]!r}" if names else ""
            )
        if self._is_in_use(container):
            return _named(container, value)
        level, inside = [container], {id(container): value}
        for _ in range(_DEPTH):
            outer: list[Any] = []
            for inner in level:
                for holder in gc.get_referrers(inner):
                    if id(holder) in inside or holder is level or holder is outer:
                        continue
                    if self._is_in_use(holder):
                        held = inside[id(inner)] if inner is attributes_of(holder) else inner
                        return _named(holder, held)
                    if type(holder) is dict and "__name__" in holder:
                        if _is_module_in_force(holder):
                            names = [name for name, held in holder.items() if held is inner]
                            return ".".join((holder["__name__"], *names[:1]))
                    elif id(holder) not in self.copies and _may_belong(holder):
                        inside[id(holder)] = inner
                        outer.append(holder)
            if not outer:
                break
            level = outer[:_WIDTH]
            del outer
        return ""

    def _is_in_use(self, holder: Any) -> bool:
        """Whether this is an object by which others are named, and not one that was discarded."""
        if is_a(holder, Store):
            if not self._active:
                self._active = {id(obj) for objects in self.stores for obj in objects.values()}
            return id(holder) in self._active
        return is_a(holder, _HOLDERS)


def _is_module_in_force(namespace: dict[str, Any]) -> bool:
    module = sys.modules.get(namespace["__name__"])
    return module is not None and getattr(module, "__dict__", None) is namespace


def _may_belong(holder: Any) -> bool:
    """Whether a value may belong to somebody by this: not by a frame or a module."""
    return is_a(holder, (list, tuple, set, frozenset, dict)) or (
        attributes_of(holder) is not None
        and not type(holder).__module__.startswith("cletus.reload")
    )


def _named(holder: Any, value: Any) -> str:
    place = place_of(holder)
    names = [name for name, held in values_of(holder).items() if held is value]
    if not names:
        return place
    word = "field" if names[0] in getattr(type(holder), "fields", {}) else "attribute"
    return f"{place}, {word} {names[0]!r}"
