"""What the application has put on the service and its clients, as it was before an import.

A module body can change it at once: it may set attributes, and register things in a list or dict
that hangs there, as with ``service.commands["look"] = look``. If its generation is refused, all that
must be as it was.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from cletus.client.attributes import ApplicationAttributes, with_attachments
from cletus.reload.state.plain_types import is_a
from cletus.reload.state.records import attributes_of
from cletus.reload.state.undo import restore_contents
from cletus.storage import Store

_CONTAINERS = frozenset({list, dict, set})

#: So many containers are noted, the nearest first: registries, and not the world that people play in.
_MANY = 2_000


class Contents:
    """What containers hold at one moment."""

    def __init__(self) -> None:
        self._noted: list[tuple[Any, Any]] = []

    def note(self, values: Iterable[Any]) -> None:
        """Remember what those of the values hold that are lists, dicts or sets. Others stay as they are."""
        self._noted += [(value, value.copy()) for value in values if type(value) in _CONTAINERS]

    def restore(self) -> None:
        """Give all of them what they held when they were first noted."""
        for container, content in reversed(self.changed()):
            restore_contents(container, content)

    def changed(self) -> list[tuple[Any, Any]]:
        """The containers that hold something else now, each with what it held."""
        return [
            (container, content)
            for container, content in self._noted
            if not _are_same(container, content)
        ]

    def notes(self) -> list[Any]:
        """What refers to the containers, and to what they held."""
        return [*self._noted, *(content for _, content in self._noted)]

    def note_deeply(self, values: Iterable[Any], owns: Callable[[type], bool]) -> None:
        """As ``note``, and what these hold in turn, as far as containers and the application's objects go.

        Args:
            values: what to begin with.
            owns: whether a class is of the application.
        """
        seen: set[int] = set()
        level = list(values)
        while level and len(self._noted) < _MANY:
            level = [value for value in level if id(value) not in seen]
            seen.update(map(id, level))
            attributes = [
                held
                for value in level
                if owns(type(value)) and not is_a(value, Store) and (held := attributes_of(value))
            ]
            containers = [value for value in level if type(value) in _CONTAINERS] + attributes
            self.note(containers)
            # Not gc.get_referents: from Python 3.13, an object's dict does not list values kept inline.
            parts = chain.from_iterable(
                value.values() if type(value) is dict else value for value in containers
            )
            level = [value for value in parts if type(value) in _CONTAINERS or gc.is_tracked(value)]


class Checkpoint:
    """One state to go back to.

    Args:
        holders: the service and its clients.
        owns: whether a class is of the application.
    """

    def __init__(
        self, holders: Iterable[ApplicationAttributes], owns: Callable[[type], bool]
    ) -> None:
        self._holders = list(holders)
        self._attachments = with_attachments(self._holders)
        self._contents = Contents()
        values = (attachments.values() for _, attachments in self._attachments)
        self._contents.note_deeply(chain.from_iterable(values), owns)

    def changed(self) -> list[tuple[Any, Any]]:
        """The containers that hold something else now, each with what it held."""
        return self._contents.changed()

    def notes(self) -> list[Any]:
        """What refers to what was noted."""
        return [attachments for _, attachments in self._attachments] + self._contents.notes()

    def restore(self) -> None:
        """Go back to it. What is inside of objects of others stays as it is."""
        attachments = {id(holder): attached for holder, attached in self._attachments}
        for holder in self._holders:
            holder.attach(attachments.get(id(holder), {}))
        self._contents.restore()


def _are_same(container: Any, other: Any) -> bool:
    """Whether both hold the same objects, without asking the objects."""
    return _identities(container) == _identities(other)


def _identities(container: Any) -> list[Any]:
    if type(container) is dict:
        return [(id(key), id(value)) for key, value in container.items()]
    return [id(value) for value in container]
