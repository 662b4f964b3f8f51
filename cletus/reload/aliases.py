"""Old objects as aliases of their successors, so that a forgotten reference reaches the live object.

An alias has the class and the ``__dict__`` of its successor. Python lets a class be replaced only by
one of the same layout, and that must be known before the commit, which must not fail.
"""

from __future__ import annotations

from typing import Any

from cletus.errors import CarryError


def check_layout(old: object, new_class: type, place: str) -> None:
    """Find out whether an object can be given this class. Its class is the same afterwards.

    Args:
        old: one of those that the commit will give it.
        new_class: the class.
        place: what the objects are, for the message.

    Raises:
        CarryError: Python will not let it.
    """
    old_class = type(old)
    try:
        # Past a __setattr__ of the application. Nothing else runs before it is taken back.
        object.__setattr__(old, "__class__", new_class)
    except TypeError as error:
        raise CarryError(
            place, f"its objects' layout has changed in a way that needs a restart: {error}"
        ) from None
    object.__setattr__(old, "__class__", old_class)


def become(old: Any, new: Any) -> None:
    """Make the old object an alias of the new one. Plain assignments."""
    object.__setattr__(old, "__class__", type(new))
    object.__setattr__(old, "__dict__", new.__dict__)
