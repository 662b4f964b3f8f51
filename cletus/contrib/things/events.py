"""Events about things, for ``@service.listen``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cletus.events import Event


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """A thing is in another place.

    Attributes:
        thing: the thing.
        origin: what held it: a room, a person or another thing; ``None`` if nothing did.
        destination: what holds it now, or ``None``.
        user: who has moved it, or ``None``.
    """

    thing: Any
    origin: Any
    destination: Any
    user: Any = None
