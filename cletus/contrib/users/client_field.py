"""The field that joins a user and the connection that they are at."""

from __future__ import annotations

from typing import Any

from cletus.client.client import Client
from cletus.storage import Field, Store


class ClientField(Field[Client | None]):
    """The client at which a user is logged in, or ``None``.

    ``user.client = client`` also sets ``client.user = user``, and takes the user off the client that
    they were at before; ``user.client = None`` logs them out. So the two never disagree.

    A store object is destroyed and made anew by a reload, and a client persists. So, in the words of
    the storage document, the field clears and sets ``client.user``, and the client itself is
    serialised as a reference. The field is session-only: nothing of it gets into JSON.
    """

    def __init__(self) -> None:
        super().__init__(session=True)

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        """The field itself on the class, the client on a user."""
        return self if obj is None else obj.__dict__.get(self._name)

    def __set__(self, obj: Any, value: Client | None) -> None:
        self._leave(obj)
        obj.__dict__[self._name] = value
        if value is not None:
            other = getattr(value, "user", None)
            if other is not None and other is not obj:
                other.__dict__[self._name] = None
            value.user = obj

    def serialise(self, obj: Store, name: str) -> Client | None:
        """The client by reference. While a reload freezes, the client is taken off the user.

        If the new code has no such user, nobody is logged in at that client any more; if the reload
        fails, the framework puts every client's attributes back.
        """
        client: Client | None = obj.__dict__.get(name)
        if client is not None and obj.service.session.freezing:
            client.user = None
        return client

    def deserialise(self, obj: Store, name: str, data: Any) -> None:
        """Join the new user object with the client, if that is still there."""
        self.__set__(obj, None if data is None or data.gone else data)

    def _leave(self, obj: Any) -> None:
        client = obj.__dict__.get(self._name)
        if client is not None and getattr(client, "user", None) is obj:
            client.user = None
