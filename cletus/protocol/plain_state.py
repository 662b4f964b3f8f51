"""State as plain data: taken out of an object here, and put into a new one elsewhere.

A connection that is handed to another process is closed in neither. What it has come to know moves as
dicts of numbers, strings, bytes and containers of those. So the two processes need not be of the same
version: what the receiver does not know it ignores, and what is missing keeps its initial value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Final

#: Types of values that cannot be changed: nearly all are of these, and there may be many thousands.
_ATOMS: Final = frozenset({bool, bytes, float, int, str, type(None)})


class PlainState:
    """Has attributes that are plain data, listed in ``STATE``. Callbacks and limits are not among them."""

    __slots__ = ()

    STATE: ClassVar[tuple[str, ...]] = ()

    def snapshot(self) -> dict[str, Any]:
        """The state, by the names of the attributes. Nothing in it is shared with the object."""
        return {
            name: value if type(value := getattr(self, name)) in _ATOMS else _copied(value)
            for name in self.STATE
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue with this state; for an object that has just been made."""
        for name in self.STATE:
            if name in state:
                setattr(self, name, _copied(state[name]))


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, (bytearray, deque, dict, list, set)) else value
