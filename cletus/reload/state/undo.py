"""What a reload has changed in living objects, so that it can be taken back as a whole.

Every change is noted before it is made: a reload that takes too long is interrupted between any two
instructions, and what was not noted could not be taken back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, islice, repeat
from operator import is_
from typing import Any

#: Assigns the class of an object, past a ``__setattr__`` of its own class (frozen ones refuse).
set_class: Callable[[Any, type], None] = object.__dict__["__class__"].__set__

#: Containers whose contents can be noted, the most special first: each with its own methods, since a
#: subclass of the application's may override them.
MUTABLE = (OrderedDict, dict, list, set, deque)

#: Nearly all are of these themselves.
_EXACT = frozenset({dict, list, set})

#: So many containers are noted in one go.
_PIECE = 4000


class Undo:
    """The changes of one reload, in the order in which they are made."""

    def __init__(self) -> None:
        self._steps: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._noted: set[int] = set()

    def add(self, restore: Callable[..., object], *arguments: Any) -> None:
        """Call this when everything is taken back, after what is added later."""
        self._steps.append((restore, arguments))

    def note_contents(self, container: Any) -> None:
        """Remember what a container holds. Only the first call for each one counts."""
        if id(container) not in self._noted:
            self._noted.add(id(container))
            # The step refers to the container, so that its id() is not given to another object.
            self.add(restore_contents, container, contents_of(container))

    def note_all(self, containers: Iterable[Any]) -> None:
        """Remember what each of these holds that is a list, dict, set or deque."""
        # Most are plain data, and there may be a million of them: in pieces that fit into the caches
        # of the processor.
        remaining = iter(containers)
        while piece := list(islice(remaining, _PIECE)):
            types = list(map(type, piece))
            for cls in set(types):
                if issubclass(cls, MUTABLE):
                    alike = list(compress(piece, map(is_, types, repeat(cls))))
                    self._note_alike(cls, alike)

    def _note_alike(self, cls: Any, containers: list[Any]) -> None:
        if cls not in _EXACT:
            for container in containers:
                self.note_contents(container)
            return
        ids = list(map(id, containers))
        if not self._noted.isdisjoint(ids):
            containers = [each for each in containers if id(each) not in self._noted]
        self._noted.update(ids)
        self.add(_restore_alike, containers, list(map(cls.copy, containers)))

    @property
    def own(self) -> int:
        """The ``id()`` of the list of changes, in which nothing must be exchanged."""
        return id(self._steps)

    def lists(self) -> Iterator[list[Any]]:
        """Those in which very many containers may be noted."""
        for restore, arguments in self._steps:
            if restore is _restore_alike:
                yield from arguments

    def forget(self) -> None:
        """Nothing will be taken back: let go of what is noted."""
        self._steps.clear()
        self._noted.clear()

    def run(self) -> list[str]:
        """Take everything back, the latest change first.

        Returns:
            What could not be taken back, a sentence each. It hinders no other step.
        """
        failures = []
        while self._steps:
            restore, arguments = self._steps.pop()
            try:
                restore(*arguments)
            except Exception as error:  # noqa: BLE001 - it may call code of the application
                obj = type(arguments[0]).__qualname__
                failures.append(f"an object of {obj} could not be restored: {error!r}")
        self._noted.clear()
        return failures


def _restore_alike(containers: list[Any], contents: list[Any]) -> None:
    """As ``restore_contents``, for lists, dicts and sets: none of that calls code of the application."""
    for container, content in zip(containers, contents, strict=True):
        container.clear()
        (container.extend if type(container) is list else container.update)(content)


def base_of(container: Any) -> Any:
    """The container type of the standard library whose methods read and write this container."""
    cls = type(container)
    return cls if cls in _EXACT else next(base for base in MUTABLE if isinstance(container, base))


def contents_of(container: Any) -> Any:
    """A copy of what a container holds.

    Dicts and sets are copied with the hashes that they have stored, so that putting the contents back
    calls no ``__hash__`` of the application: it could be that of the wrong generation.
    """
    base = base_of(container)
    if base is OrderedDict:
        return OrderedDict(OrderedDict.items(container))
    return base.copy(container) if type(container) is base else base(container)


def restore_contents(container: Any, contents: Any) -> None:
    """Let a container hold exactly this again."""
    base = base_of(container)
    base.clear(container)
    (base.extend if base in (list, deque) else base.update)(container, contents)
