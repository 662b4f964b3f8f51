"""Rewrites what a container holds: each value is exchanged for the one that takes its place."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import CellType, FunctionType
from typing import Any

from cletus.reload.state.plain_types import WEAK, is_a
from cletus.reload.state.records import attributes_of, members_of
from cletus.reload.state.undo import MUTABLE, Undo, base_of, restore_contents

Exchange = Callable[[Any], Any]
"""Gives the value that takes the place of another one: itself if it goes on."""


class Rewriter:
    """Rewrites containers in place.

    Args:
        undo: is told of each change before it is made.
    """

    def __init__(self, undo: Undo) -> None:
        self._undo = undo
        self._to_rehash: list[tuple[Any, Exchange]] = []

    def rewrite(self, container: Any, exchange: Exchange, *, rehash: bool = False) -> None:
        """Exchange what this container holds, as items, attributes or in slots.

        Args:
            container: any object.
            exchange: gives what takes a value's place.
            rehash: whether its keys have to be hashed anew although they stay the same objects.
        """
        if is_a(container, MUTABLE):
            self._rewrite_items(container, exchange, rehash=rehash)
        elif is_a(container, partial):
            self._rewrite_partial(container, exchange)
        elif is_a(container, CellType):
            self._rewrite_cell(container, exchange)
        elif is_a(container, FunctionType):
            self._rewrite_defaults(container, exchange)
        elif is_a(container, type):
            self._rewrite_class(container, exchange)
            return
        elif type(container) in WEAK:
            self._rewrite_weak(container, exchange)
            return
        self._rewrite_attributes(container, exchange)

    def rehash(self) -> None:
        """Fill the dicts and sets whose keys have changed, now that all keys are of the new code.

        Raises:
            Exception: what ``__hash__`` or ``__eq__`` of the application raised; ``rehashing`` is the
                container.
        """
        for container, exchange in self._to_rehash:
            self.rehashing = container
            self._undo.note_contents(container)
            base = base_of(container)
            if issubclass(base, dict):
                contents = [
                    (exchange(key), exchange(value)) for key, value in base.items(container)
                ]
                base.clear(container)
                for key, value in contents:
                    base.__setitem__(container, key, value)
            else:
                members = [exchange(member) for member in set.__iter__(container)]
                set.clear(container)
                for member in members:
                    set.add(container, member)
        self._to_rehash.clear()

    # -- inside -----------------------------------------------------------------------------

    def _rewrite_items(self, container: Any, exchange: Exchange, *, rehash: bool) -> None:
        base = base_of(container)
        if issubclass(base, dict):
            if rehash or any(exchange(key) is not key for key in dict.__iter__(container)):
                self._to_rehash.append((container, exchange))
                return
            changes = [
                (key, new)
                for key, value in dict.items(container)
                if (new := exchange(value)) is not value
            ]
            if changes:
                self._undo.note_contents(container)
                for key, new in changes:
                    # Of an OrderedDict, too: a key that is there keeps its place.
                    (OrderedDict if base is OrderedDict else dict).__setitem__(container, key, new)
        elif base is set:
            if rehash or any(exchange(member) is not member for member in set.__iter__(container)):
                self._to_rehash.append((container, exchange))
        else:
            items = [exchange(item) for item in base.__iter__(container)]
            if any(
                new is not old for new, old in zip(items, base.__iter__(container), strict=True)
            ):
                self._undo.note_contents(container)
                restore_contents(container, items)

    def _rewrite_partial(self, container: Any, exchange: Exchange) -> None:
        function, arguments, keywords, attributes = container.__reduce__()[2]
        state = (
            exchange(function),
            tuple(map(exchange, arguments)),
            {name: exchange(value) for name, value in keywords.items()},
            attributes,
        )
        same = state[0] is function and all(
            new is old
            for new, old in zip(
                (*state[1], *state[2].values()), (*arguments, *keywords.values()), strict=True
            )
        )
        if not same:
            self._undo.add(container.__setstate__, (function, arguments, keywords, attributes))
            container.__setstate__(state)

    def _rewrite_cell(self, cell: CellType, exchange: Exchange) -> None:
        try:
            value = cell.cell_contents
        except ValueError:
            return  # it is empty
        if (new := exchange(value)) is not value:
            self._undo.add(setattr, cell, "cell_contents", value)
            cell.cell_contents = new

    def _rewrite_defaults(self, function: FunctionType, exchange: Exchange) -> None:
        defaults = function.__defaults__
        if defaults is not None:
            new = exchange(defaults)
            if new is not defaults:
                self._undo.add(setattr, function, "__defaults__", defaults)
                function.__defaults__ = new

    def _rewrite_class(self, cls: type, exchange: Exchange) -> None:
        """Past a metaclass that has its own idea of setting attributes, as that of enums."""
        for name, value in list(vars(cls).items()):
            if (new := exchange(value)) is not value:
                self._undo.add(type.__setattr__, cls, name, value)
                type.__setattr__(cls, name, new)

    def _rewrite_weak(self, container: Any, exchange: Exchange) -> None:
        if is_a(container, weakref.WeakSet):
            members = list(container)
            new_members = [exchange(member) for member in members]
            if any(new is not old for new, old in zip(new_members, members, strict=True)):
                self._undo.add(_fill_weak, container, members)
                _fill_weak(container, new_members)
            return
        items = list(container.items())
        new_items = [(exchange(key), exchange(value)) for key, value in items]
        if any(
            new[0] is not old[0] or new[1] is not old[1]
            for new, old in zip(new_items, items, strict=True)
        ):
            self._undo.add(_fill_weak, container, items)
            _fill_weak(container, new_items)

    def _rewrite_attributes(self, container: Any, exchange: Exchange) -> None:
        attributes = attributes_of(container)
        if attributes:
            self._rewrite_items(attributes, exchange, rehash=False)
        for slot in members_of(type(container)).values():
            try:
                value = slot.__get__(container)
            except AttributeError:
                continue  # it was never set
            if (new := exchange(value)) is not value:
                self._undo.add(_set_slot, container, slot, value)
                _set_slot(container, slot, new)


def _set_slot(container: Any, slot: Any, value: Any) -> None:
    with suppress(AttributeError, TypeError):  # C code may not let it be set
        slot.__set__(container, value)


def _fill_weak(container: Any, contents: list[Any]) -> None:
    container.clear()
    container.update(contents)
