"""What of ours persists across reloads and may carry attributes of the application."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from cletus.errors import OwnAttribute


class Persistent:
    """A service or a client: an object of ours on which applications may set attributes."""

    _own: frozenset[str] = frozenset()
    #: What is made once, and is not to be made anything else: an application that wants such a name
    #: for itself would break what it does not see.
    _once: frozenset[str] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the application's.

        Raises:
            OwnAttribute: the name is that of a part that is made once; or of a method of ours, and
                the value cannot be called in its place, as what a test puts there can.
        """
        ours = getattr(type(self), name, None)
        is_method = isinstance(ours, FunctionType) and ours.__module__.startswith("cletus.")
        if (is_method and not callable(value)) or name in self._once:
            raise OwnAttribute(type(self).__name__, name)
        object.__setattr__(self, name, value)

    def _made(self, *once: str) -> None:
        """Called at the end of ``__init__``: what is set from now on is the application's.

        Args:
            *once: the names that cannot be set any more.
        """
        self._once = frozenset(once)
        self._own = frozenset({*vars(self), "_own"})

    def attachments(self) -> dict[str, Any]:
        """What the application has set on it, by attribute name."""
        if len(vars(self)) == len(self._own):  # as it is with most, and a reload asks all
            return {}
        return {name: value for name, value in vars(self).items() if name not in self._own}

    def attach(self, attachments: dict[str, Any]) -> None:
        """Have exactly these attributes of the application, and no others."""
        for name in self.attachments().keys() - attachments.keys():
            del self.__dict__[name]
        self.__dict__.update(attachments)
