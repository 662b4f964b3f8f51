"""What of ours persists across reloads and may carry attributes of the application."""

from __future__ import annotations

from typing import Any


class Persistent:
    """A service or a client: an object of ours on which applications may set attributes."""

    _own: frozenset[str] = frozenset()

    def _made(self) -> None:
        """Called at the end of ``__init__``: what is set from now on is the application's."""
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
