"""Objects taken apart and put together again, by what their own ``__reduce_ex__`` says of them.

This is how ``copy`` and ``pickle`` see an object: what makes it, and then its state, items and pairs.
It covers plain classes, slots, dataclasses, attrs, named tuples, exceptions, subclasses of containers,
and whatever has its own ``__reduce__``, ``__getstate__`` or ``__setstate__``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TakenApart:
    """The parts of one object, in the order in which they are put together.

    Attributes:
        make: what makes the object from the arguments.
        arguments: these.
        state: what it is then given; ``None`` for nothing.
        items: what is appended to it.
        pairs: the keys and values that are set in it.
        set_state: what gives it the state, if not the usual way.
    """

    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    state: Any = None
    items: Iterable[Any] | None = None
    pairs: Iterable[tuple[Any, Any]] | None = None
    set_state: Callable[[Any, Any], object] | None = None

    def fill(self, new: Any, carry: Callable[[Any], Any]) -> None:
        """Give a new object all that comes after its making, each part carried."""
        if self.state is not None:
            self._give_state(new, carry(self.state))
        for one in self.items or ():
            new.append(carry(one))
        for name, one in self.pairs or ():
            new[carry(name)] = carry(one)

    def _give_state(self, new: Any, state: Any) -> None:
        if self.set_state is not None:
            self.set_state(new, state)
            return
        if hasattr(new, "__setstate__"):
            new.__setstate__(state)
            return
        slots: dict[str, Any] = {}
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        if state:
            new.__dict__.update(state)
        for name, one in (slots or {}).items():
            # Past the class's own __setattr__, which a frozen class forbids.
            object.__setattr__(new, name, one)


def take_apart(value: Any) -> TakenApart | None:
    """The parts of an object; ``None`` if it says that it is to be found by its name.

    Raises:
        Exception: whatever its ``__reduce_ex__`` raises; generators and the like cannot be taken apart.
    """
    reduced: Any = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return None
    parts = TakenApart(*reduced)
    if parts.make is copyreg._reconstructor:  # type: ignore[attr-defined]  # what protocol 2 says for __newobj__
        return TakenApart(copyreg.__newobj__, parts.arguments[:1], *reduced[2:])  # type: ignore[attr-defined]  # as above
    return parts
