"""Base of Service and Client: survives reloads, and accepts attributes of the application."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import FunctionType
from typing import Any

from cletus.errors import OwnAttribute


class ApplicationAttributes:
    """An object of ours that persists across reloads and on which applications may set attributes.

    A subclass calls ``_seal`` at the end of its ``__init__``: attributes set later are the
    application's, and a reload carries them over to the new code.
    """

    _own: frozenset[str] = frozenset()
    #: Attributes that stay what ``__init__`` has set them to. An application that used such a name
    #: for itself would break Cletus without seeing why.
    _fixed: frozenset[str] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the application.

        Raises:
            OwnAttribute: the name is fixed; or it is a method of ours, and the value cannot be
                called in its place (a test may put a function there).
        """
        if self._own:  # else it is being made, and thousands may be in a takeover
            ours = getattr(type(self), name, None)
            is_method = isinstance(ours, FunctionType) and ours.__module__.startswith("cletus.")
            if (is_method and not callable(value)) or name in self._fixed:
                raise OwnAttribute(type(self).__name__, name)
        object.__setattr__(self, name, value)

    def _seal(self, *fixed: str) -> None:
        """End the constructor: what is set from now on is the application's.

        Args:
            *fixed: the attributes that cannot be set any more.
        """
        self._fixed = _shared(frozenset(fixed))
        self._own = _shared(frozenset({*vars(self), "_own"}))

    def attachments(self) -> dict[str, Any]:
        """The application's attributes, by name."""
        return {name: value for name, value in vars(self).items() if name not in self._own}

    def attach(self, attachments: dict[str, Any]) -> None:
        """Replace the application's attributes by these."""
        for name in self.attachments().keys() - attachments.keys():
            del self.__dict__[name]
        self.__dict__.update(attachments)


def with_attachments(
    holders: Iterable[ApplicationAttributes],
) -> list[tuple[ApplicationAttributes, dict[str, Any]]]:
    """Those of these objects that have attributes of the application, with copies of these.

    Most clients have none, or all have; a reload asks all of them twice while people wait.
    """
    return [
        (holder, holder.attachments())
        for holder in holders
        if len(holder.__dict__) != len(holder._own)
    ]


@cache
def _shared(names: frozenset[str]) -> frozenset[str]:
    """The same set for all objects whose names are the same: a client would need 1.5 KiB for its own."""
    return names
