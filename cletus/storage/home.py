"""What a store class sees of the service it belongs to: the session, and the home of documents.

These are the only words that stores have for it; ``cletus/service/session.py`` is the real thing, and a test
may pass anything of this shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from cletus.storage.interfaces import Backend, Document

if TYPE_CHECKING:
    from cletus.storage.store import Store


class Front(Backend, Protocol):
    """A home that also writes soon: ``cletus.storage.backends.writer.Writer``.

    What was submitted is seen by ``read`` and ``keys`` at once and overtaken by ``write`` and
    ``delete``, so that stores have one truth to talk to.
    """

    def submit(self, document: Document) -> Deferred[None]:
        """Write this with the next group; the Deferred fires when it is as safe as ``write``'s."""


class Home(Protocol):
    """The session of a service."""

    freezing: bool
    """True while a reload serialises the active objects."""

    @property
    def writer(self) -> Front:
        """Where documents go to and come from."""

    def register(self, store_cls: type[Store]) -> None:
        """A concrete store class has been defined, with its fields and manager.

        Raises:
            DuplicateStore: this generation of the code has another one of that name.
        """

    def find(self, name: str) -> type[Store] | None:
        """The store class of this lower-case name, in the generation that is being defined."""
