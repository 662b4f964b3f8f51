"""Events about characters, for ``@service.listen``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.events import Event


@dataclass(frozen=True, slots=True)
class Died(Event):
    """A character has died. It has left its room, and what it carried lies there.

    Attributes:
        character: the character.
        room: where it was.
        by: who has killed it, or ``None``.
    """

    character: Any
    room: Any
    by: Any = None


@dataclass(frozen=True, slots=True)
class CameBack(Event):
    """A character that had died is in its home again.

    Attributes:
        character: the character.
    """

    character: Any
